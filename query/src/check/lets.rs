//! The order in which lets are checked: those that a let names come before it, wherever they stand.

use super::{Checker, Declared};
use crate::ast::{self, Kind};
use crate::ir::LetId;
use crate::parse::expr::children;

impl Checker<'_> {
    /// All lets, each after those whose names it mentions (as far as there is no circle). Without recursion:
    /// a chain of lets may be as long as a file.
    pub fn lets_by_use(&self) -> Vec<LetId> {
        let mut order = Vec::with_capacity(self.lets.len());
        let mut seen = vec![false; self.lets.len()];
        for start in 0..self.lets.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let mut stack = vec![(start, self.mentions(start), 0)];
            while let Some((at, mentions, next)) = stack.last_mut() {
                match mentions.get(*next).copied() {
                    Some(other) => {
                        *next += 1;
                        if !seen[other] {
                            seen[other] = true;
                            stack.push((other, self.mentions(other), 0));
                        }
                    }
                    None => {
                        order.push(LetId(*at as u32));
                        stack.pop();
                    }
                }
            }
        }
        order
    }

    fn mentions(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(source) = self.lets[at].source {
            self.mentioned(source, &mut found);
        }
        found
    }

    fn mentioned(&self, expr: &ast::Expr, found: &mut Vec<usize>) {
        if let Kind::Path(path) = &expr.kind
            && let Some(Declared::Let(id)) = self.names.get(&path.parts[0].name.text)
        {
            found.push(id.index());
        }
        for child in children(&expr.kind) {
            self.mentioned(child, found);
        }
    }
}
