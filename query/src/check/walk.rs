//! Walking checked expressions: uses of lets, watches and rules, and size with lets unfolded.

use crate::ir::{Expr, LetId, Node, RuleId, WatchId, children};
use std::collections::BTreeSet;

/// What an expression reads by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Lets, direct ones only.
    pub lets: BTreeSet<LetId>,
    /// Watches.
    pub watches: BTreeSet<WatchId>,
    /// Rules, by `.firing`.
    pub rules: BTreeSet<RuleId>,
}

impl Uses {
    /// Adds what `expr` reads.
    pub fn add(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Let(id) => {
                self.lets.insert(*id);
            }
            Node::Watch(id, _) => {
                self.watches.insert(*id);
            }
            Node::Firing(id) => {
                self.rules.insert(*id);
            }
            _ => {}
        }
        children(expr, &mut |child| self.add(child));
    }

    /// The same with lets replaced by what they read.
    pub fn unfold(&self, lets: &[Uses]) -> Uses {
        let mut all = self.clone();
        let mut open: Vec<LetId> = self.lets.iter().copied().collect();
        while let Some(id) = open.pop() {
            let Some(inner) = lets.get(id.index()) else {
                continue;
            };
            all.watches.extend(&inner.watches);
            all.rules.extend(&inner.rules);
            for next in &inner.lets {
                if all.lets.insert(*next) {
                    open.push(*next);
                }
            }
        }
        all
    }
}

/// Height and number of nodes of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Longest way down.
    pub height: usize,
    /// Nodes.
    pub nodes: usize,
}

/// Size with lets unfolded; `of_let` tells the size of a let.
pub fn size(expr: &Expr, of_let: &impl Fn(LetId) -> Size) -> Size {
    let mut total = match &expr.node {
        Node::Let(id) => of_let(*id),
        _ => Size::default(),
    };
    children(expr, &mut |child| {
        let inner = size(child, of_let);
        total.height = total.height.max(inner.height);
        total.nodes = total.nodes.saturating_add(inner.nodes);
    });
    Size {
        height: total.height + 1,
        nodes: total.nodes.saturating_add(1),
    }
}
