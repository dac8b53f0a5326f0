//! The order in which lets are checked: those that a let names come before it, wherever they stand.

use super::types::broken;
use super::{Checker, Declared, Progress};
use crate::ast::{self, Kind};
use crate::diagnostic::Diagnostic;
use crate::ir::Expr;
use crate::ir::LetId;
use crate::limits::LET_RECURSION_MAX;
use crate::parse::expr::children;
use crate::span::Span;
use crate::value::Type;

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

    pub(super) fn mentions(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(source) = self.lets[at].source {
            self.mentioned(source, &mut found);
        }
        found
    }

    pub(super) fn mentioned(&self, expr: &ast::Expr, found: &mut Vec<usize>) {
        if let Kind::Path(path) = &expr.kind
            && let Some(Declared::Let(id)) = self.names.get(&path.parts[0].name.text)
        {
            found.push(id.index());
        }
        for child in children(&expr.kind) {
            self.mentioned(child, found);
        }
    }

    /// Checks a let if that is still to do, and gives its type.
    pub fn check_let(&mut self, id: LetId, used_at: Option<Span>) -> Type {
        let slot = &mut self.lets[id.index()];
        match (slot.progress, slot.source) {
            (Progress::Waiting, Some(source)) => {
                slot.progress = Progress::Running;
                self.let_depth += 1;
                let value = if self.let_depth <= LET_RECURSION_MAX {
                    self.fresh(|c| c.expr(source))
                } else {
                    self.circle(id, used_at)
                };
                self.let_depth -= 1;
                self.let_order.push(id);
                let ratio = self.is_ratio(&value);
                let slot = &mut self.lets[id.index()];
                slot.progress = Progress::Done;
                slot.value = value;
                slot.ratio = ratio;
            }
            (Progress::Running, _) => {
                self.circle(id, used_at);
                return Type::Any;
            }
            _ => {}
        }
        self.lets[id.index()].value.ty.clone()
    }

    /// Reports that a let is needed to know itself.
    pub(super) fn circle(&mut self, id: LetId, used_at: Option<Span>) -> Expr {
        let slot = &self.lets[id.index()];
        let (name, at) = (slot.name.clone(), slot.span);
        let used_at = used_at.unwrap_or(at);
        self.report(
            Diagnostic::error(
                "cycle",
                used_at,
                format!("`{name}` is needed to know `{name}`"),
                "closes the circle",
            )
            .also(at, "defined here")
            .hint("a definition cannot use itself, not even by way of others"),
        );
        broken(used_at)
    }

    /// Whether a let is a ratio of equal units.
    pub fn let_is_ratio(&self, id: LetId) -> bool {
        self.lets[id.index()].ratio
    }
}
