//! Aggregates over the instances of a family: which family, which filter, what is aggregated.

use super::Checker;
use super::scope::Thing;
use super::types::broken;
use crate::ast::{self, Call, Kind, Path};
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, FamilyId, Node, Quantifier};
use crate::parse::expr::children;
use crate::span::Span;
use crate::value::Type;

/// Functions that open an aggregate of their own when they have no window.
const AGGREGATES: [&str; 9] = [
    "any", "every", "count", "share", "list", "min", "max", "avg", "sum",
];

impl Checker<'_> {
    /// `func(E)` where E speaks of the instances of one family.
    pub fn quantify(&mut self, call: &Call, func: Quantifier, span: Span) -> Expr {
        let name = call.name.text.as_str();
        if call.args.is_empty() {
            self.report(
                Diagnostic::error(
                    "call",
                    span,
                    format!("`{name}()` counts the devices of a group, and there is no group here"),
                    "expected a family",
                )
                .hint(format!(
                    "write `{name}(service[state = \"running\"])`, or `count(EVENT over 1h)`"
                )),
            );
            return broken(span);
        }
        let Some(arg) = self.one(call, span) else {
            return broken(span);
        };
        let mut paths = Vec::new();
        self.family_paths(arg, true, &mut paths);
        let Some((family, first)) = paths.first().copied() else {
            return self.no_family(call, arg, span);
        };
        if let Some((_, other)) = paths.iter().find(|(f, _)| *f != family) {
            self.report(
                Diagnostic::error(
                    "aggregate",
                    other.span,
                    format!("`{name}` goes over the instances of one family"),
                    "a second family",
                )
                .also(first.span, "the first one")
                .hint("give one of them a key"),
            );
            return broken(span);
        }
        let filters: Vec<&ast::Expr> = paths
            .iter()
            .filter_map(|(_, path)| path.parts[0].filter.as_deref())
            .collect();
        if let [_, second, ..] = filters.as_slice() {
            self.report(
                Diagnostic::error(
                    "aggregate",
                    second.span,
                    "the instances are filtered twice",
                    "one filter is enough",
                )
                .also(filters[0].span, "the first filter")
                .hint("join the two with `and` in one of them"),
            );
            return broken(span);
        }
        self.quantified(call, func, arg, family, filters.first().copied(), span)
    }

    fn quantified(
        &mut self,
        call: &Call,
        func: Quantifier,
        arg: &ast::Expr,
        family: FamilyId,
        filter: Option<&ast::Expr>,
        span: Span,
    ) -> Expr {
        let name = call.name.text.as_str();
        let slot = self.scope.instances;
        self.scope.instances += 1;
        let listed = filter.and_then(|f| self.listed(f, family));
        let filter = filter.map(|filter| {
            let checked = self.inside(Thing::Instance(family, slot), |c| {
                c.condition(filter, "the filter of a family")
            });
            Box::new(checked)
        });
        let whole = matches!(&arg.kind, Kind::Path(path) if path.parts.len() == 1);
        let outer = self.scope.aggregate.replace((family, slot));
        let value = (!whole).then(|| self.expr(arg));
        self.scope.aggregate = outer;
        self.scope.instances = slot;
        let condition = matches!(
            func,
            Quantifier::Any
                | Quantifier::Every
                | Quantifier::Count
                | Quantifier::Share
                | Quantifier::List
        );
        let needs_value = !matches!(func, Quantifier::Any | Quantifier::Count | Quantifier::List);
        let value = match value {
            None if needs_value => {
                let family = &self.catalog.family_decl(family).name;
                let example = if condition {
                    format!("{name}({family}[…].state = \"running\")")
                } else {
                    format!("{name}({family}[…].used)")
                };
                self.report(
                    Diagnostic::error(
                        "aggregate",
                        arg.span,
                        format!("`{name}` of what? this names only the instances"),
                        "expected a field of them",
                    )
                    .hint(format!("write for example `{example}`")),
                );
                return broken(span);
            }
            None => None,
            Some(value) if condition => {
                Some(self.want(value, &Type::Bool, &format!("what `{name}` looks at")))
            }
            Some(value) => Some(match value.ty {
                Type::Number(_) | Type::Any => value,
                Type::Time if matches!(func, Quantifier::Min | Quantifier::Max) => value,
                _ => self.want(value, &Type::PLAIN, &format!("what `{name}` looks at")),
            }),
        };
        let ty = match func {
            Quantifier::Any | Quantifier::Every => Type::Bool,
            Quantifier::Count => Type::PLAIN,
            Quantifier::Share => Type::PERCENT,
            Quantifier::List => Type::texts(),
            _ => value.as_ref().map_or(Type::Any, |v| v.ty.clone()),
        };
        let node = Node::Quantify {
            func,
            family,
            slot,
            filter,
            value: value.map(Box::new),
            listed,
        };
        Expr { node, ty, span }
    }

    /// L of a conjunct `key in L`; it is checked outside the brackets, where no instance stands.
    fn listed(&mut self, filter: &ast::Expr, family: FamilyId) -> Option<Box<Expr>> {
        let key = self.catalog.family_decl(family).key.clone();
        let conjuncts = match &filter.kind {
            Kind::And(items) => items.as_slice(),
            _ => std::slice::from_ref(filter),
        };
        conjuncts.iter().find_map(|conjunct| match &conjunct.kind {
            Kind::In(value, list, false) => match &value.kind {
                Kind::Path(path) if path.dotted() == key && path.parts[0].filter.is_none() => {
                    self.quiet += 1;
                    let list = self.expr(list);
                    self.quiet -= 1;
                    (list.ty == Type::texts()).then(|| Box::new(list))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// The paths through families that speak of "each instance": without a key, outside inner aggregates.
    fn family_paths<'e>(
        &mut self,
        expr: &'e ast::Expr,
        outermost: bool,
        found: &mut Vec<(FamilyId, &'e Path)>,
    ) {
        match &expr.kind {
            Kind::Path(path) => {
                let part = &path.parts[0];
                let name = part.name.text.as_str();
                let bare = path.parts.len() == 1 && part.filter.is_none();
                if self.shadows_family(name) || self.names_event(path) || name == "device" {
                    return;
                }
                let Some(family) = self.catalog.family(name) else {
                    return;
                };
                if bare && (!outermost || self.catalog.plain(name).is_some()) {
                    return;
                }
                let each = match &part.filter {
                    None => true,
                    Some(filter) => self.filters(filter, family),
                };
                if each {
                    found.push((family, path));
                }
            }
            Kind::Call(call)
                if call.over.is_none() && AGGREGATES.contains(&call.name.text.as_str()) => {}
            kind => {
                for child in children(kind) {
                    self.family_paths(child, false, found);
                }
            }
        }
    }

    fn no_family(&mut self, call: &Call, arg: &ast::Expr, span: Span) -> Expr {
        let name = call.name.text.as_str();
        let written = self.text(arg.span);
        let before = self.diagnostics.len();
        if let Kind::Path(path) = &arg.kind
            && self.names_event(path)
        {
            self.report(
                Diagnostic::error(
                    "call",
                    span,
                    format!("`{name}` of an event needs a window of time"),
                    "expected `over` and a duration",
                )
                .hint(format!("write `count({written} over 1h)`")),
            );
            return broken(span);
        }
        let value = self.expr(arg);
        if self.diagnostics.len() == before {
            let error = Diagnostic::error(
                "aggregate",
                arg.span,
                format!("`{name}` goes over the instances of a family, and there is none here"),
                "expected a family such as `service[…]`",
            );
            let number = matches!(value.ty, Type::Number(_));
            self.report(if number && !matches!(name, "any" | "every" | "share" | "list") {
                error.hint(format!("over time it is `{name}({written} over 10m)`"))
            } else {
                error.hint("over the devices of a group it stands in a query: `devices | by site: n = count(…)`")
            });
        }
        broken(span)
    }
}
