//! Walking checked expressions: uses of lets, watches and rules, and size with lets unfolded.

use crate::ir::{Anchor, Expr, Key, LetId, Node, RuleId, WatchId};
use std::collections::BTreeSet;

/// The direct subexpressions of a node.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = Vec::new();
    match &expr.node {
        Node::Literal(_)
        | Node::Label(_)
        | Node::Param(_)
        | Node::Let(_)
        | Node::InstanceKey(_)
        | Node::Column(_)
        | Node::Event { .. }
        | Node::Watch(..)
        | Node::Firing(_) => {}
        Node::ListOf(items) | Node::And(items) | Node::Or(items) | Node::Call(_, items) => {
            found.extend(items);
        }
        Node::Signal { key, .. } => {
            if let Key::Expr(key) = key {
                found.push(key);
            }
        }
        Node::Not(a) | Node::Negate(a) | Node::Since(a) => found.push(a),
        Node::IsKnown { value, .. } | Node::For { value, .. } => found.push(value),
        Node::Compare { left, right, .. } | Node::Arith { left, right, .. } => {
            found.extend([&**left, &**right]);
        }
        Node::Coalesce(a, b) => found.extend([&**a, &**b]),
        Node::Matches { text, pattern, .. } => found.extend([&**text, &**pattern]),
        Node::In { value, list, .. } => found.extend([&**value, &**list]),
        Node::At { value, time } => found.extend([&**value, &**time]),
        Node::Within { event, .. } | Node::SinceEvent(event) | Node::LastEvent { event, .. } => {
            found.extend(event.filter.as_deref());
        }
        Node::Window { value, anchor, .. } => {
            found.push(value);
            found.extend(anchored(anchor));
        }
        Node::CountEvents { event, anchor, .. } => {
            found.extend(event.filter.as_deref());
            found.extend(anchored(anchor));
        }
        Node::Quantify {
            filter,
            value,
            listed,
            ..
        } => {
            found.extend(
                [filter, value, listed]
                    .into_iter()
                    .filter_map(|e| e.as_deref()),
            );
        }
    }
    found
}

fn anchored(anchor: &Anchor) -> Option<&Expr> {
    match anchor {
        Anchor::Now => None,
        Anchor::Before(time) | Anchor::After(time) => Some(time),
    }
}

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
        for child in children(expr) {
            self.add(child);
        }
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
    for child in children(expr) {
        let inner = size(child, of_let);
        total.height = total.height.max(inner.height);
        total.nodes = total.nodes.saturating_add(inner.nodes);
    }
    Size {
        height: total.height + 1,
        nodes: total.nodes.saturating_add(1),
    }
}
