//! `family[key].field`: which field, which instance; and names that mean nothing.

use super::expr::is_condition;
use super::scope::Thing;
use super::types::broken;
use super::{Checker, Declared};
use crate::ast::{self, Kind, Path};
use crate::catalog::PLAIN_FAMILY;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Expr, Key, Node};
use crate::limits::ERRORS_MAX;
use crate::span::Span;
use crate::value::Type;
use smol_str::SmolStr;

impl Checker<'_> {
    /// `family[key].field`
    pub(super) fn family_path(&mut self, path: &Path, family: crate::ir::FamilyId) -> Expr {
        let span = path.span;
        let part = &path.parts[0];
        let name = part.name.text.clone();
        if self.names_event(path) {
            return self.event_as_value(path);
        }
        let fields: Vec<SmolStr> = self
            .catalog
            .fields(family)
            .map(|(_, s)| s.field.clone())
            .collect();
        let [_, field] = path.parts.as_slice() else {
            let message = if path.parts.len() == 1 {
                format!("`{name}` is a family: name one of its fields")
            } else {
                format!("a signal is `{name}[key].field`, nothing comes after the field")
            };
            let first = fields.first().cloned().unwrap_or_default();
            self.report(
                Diagnostic::error("family", span, message, "expected one field")
                    .hint(format!("write `{}.{first}`", self.text(part_span(part)))),
            );
            return broken(span);
        };
        let Some(signal) = self.catalog.signal(&name, &field.name.text) else {
            let key = &self.catalog.family_decl(family).key;
            let near = nearest(&field.name.text, fields.iter().map(SmolStr::as_str));
            let hint = match near {
                Some(near) => format!("did you mean `{name}.{near}`?"),
                None if field.name.text == key.as_str() => {
                    format!(
                        "the key is a name inside `{name}[ ]`, or after `each {name} as x`: `x.{key}`"
                    )
                }
                None => format!("it has {}", fields.join(", ")),
            };
            self.report(
                Diagnostic::error(
                    "unknown-name",
                    field.name.span,
                    format!("the family `{name}` has no field `{}`", field.name.text),
                    "no such field",
                )
                .hint(hint),
            );
            return broken(span);
        };
        if let Some(filter) = &field.filter {
            self.report(Diagnostic::error(
                "family",
                filter.span,
                format!(
                    "brackets stand after the family: `{name}[…].{}`",
                    field.name.text
                ),
                "no brackets here",
            ));
        }
        let ty = self.catalog.signal_decl(signal).ty.clone();
        let key = self.key(part, family, &field.name.text);
        Expr {
            node: Node::Signal { signal, key },
            ty,
            span,
        }
    }

    /// Which instance a family path reads; reports when it does not say.
    pub(super) fn key(
        &mut self,
        part: &ast::Part,
        family: crate::ir::FamilyId,
        field: &str,
    ) -> Key {
        let here = self
            .scope
            .aggregate
            .filter(|(over, _)| *over == family)
            .map(|(_, slot)| slot);
        let name = &part.name.text;
        match (&part.filter, here) {
            (None, Some(slot)) => Key::Slot(slot),
            (Some(filter), Some(slot)) if self.filters(filter, family) => Key::Slot(slot),
            (Some(filter), _) => {
                if let Kind::Literal(ast::Literal::Text(text)) = &filter.kind {
                    return Key::Literal(text.clone());
                }
                if self.filters(filter, family) {
                    self.report(
                        Diagnostic::error(
                            "family",
                            filter.span,
                            format!("a condition in `{name}[ ]` needs an aggregate around it"),
                            "this selects any number of instances",
                        )
                        .hint(format!("write `any({name}[…].{field} …)`, or `every(…)`, or give a key: `{name}[\"…\"]`")),
                    );
                    return Key::Literal(SmolStr::default());
                }
                let key = self.expr(filter);
                let key = self.want(key, &Type::Text, "the key of a family");
                Key::Expr(Box::new(key))
            }
            (None, None) => {
                let declared = self.catalog.fields(family).any(|(_, s)| s.declared);
                if declared {
                    self.report(
                        Diagnostic::error(
                            "family",
                            part.name.span,
                            format!(
                                "which `{name}`? there is one for each {}",
                                self.catalog.family_decl(family).key
                            ),
                            "expected a key or an aggregate",
                        )
                        .hint(format!(
                            "write `{name}[\"…\"].{field}` or `any({name}.{field} …)`"
                        )),
                    );
                }
                Key::Literal(SmolStr::default())
            }
        }
    }

    /// Whether the brackets after this family hold a filter, not a key.
    pub fn filters(&mut self, filter: &ast::Expr, family: crate::ir::FamilyId) -> bool {
        if is_condition(filter) {
            return true;
        }
        let Kind::Path(path) = &filter.kind else {
            return false;
        };
        path.parts.len() == 1
            && Thing::Instance(family, 0)
                .member(&self.catalog, &path.parts[0].name.text)
                .is_some_and(|(_, ty)| ty == Type::Bool)
    }

    /// Nothing has this name: says so once, with the nearest one.
    pub(super) fn unknown_name(&mut self, path: &Path) -> Expr {
        if self.names_event(path) && !self.scope.detached {
            return self.event_as_value(path);
        }
        if self.diagnostics.len() >= ERRORS_MAX {
            return broken(path.span);
        }
        let first = &path.parts[0].name;
        let family_wanted = path.parts.len() > 1 || path.parts[0].filter.is_some();
        let mut candidates: Vec<SmolStr> = Vec::new();
        candidates.extend(self.scope.columns.iter().map(|c| c.name.clone()));
        for thing in &self.scope.implicit {
            candidates.extend(thing.members(&self.catalog));
        }
        if !self.scope.detached {
            candidates.extend(self.scope.binders.iter().map(|(name, _)| name.clone()));
            candidates.extend(self.names.keys().cloned());
            candidates.extend(
                self.catalog
                    .families
                    .iter()
                    .map(|f| f.name.clone())
                    .filter(|n| n != PLAIN_FAMILY),
            );
            if !family_wanted {
                candidates.extend(self.catalog.labels.iter().cloned());
                if let Some(family) = self.catalog.family(PLAIN_FAMILY) {
                    candidates.extend(self.catalog.fields(family).map(|(_, s)| s.field.clone()));
                }
            }
        }
        candidates.sort();
        let near = nearest(&first.text, candidates.iter().map(SmolStr::as_str));
        let rule = matches!(self.names.get(&first.text), Some(Declared::Rule(_)));
        let hint = match near {
            _ if rule => format!("it is a rule: write `{}.firing`", first.text),
            Some(near) => format!("did you mean `{near}`?"),
            None if self.scope.detached => format!(
                "after `by` there are only its columns: {}",
                candidates.join(", ")
            ),
            None if family_wanted => format!(
                "declare it: `signal {}[key].{} gauge number`",
                first.text,
                path.parts.get(1).map_or("field", |p| p.name.text.as_str())
            ),
            None if !self.catalog.families.iter().any(|f| f.name == first.text) => {
                format!(
                    "a text stands in double quotes; a new name is declared: `label {0}` or `signal {0} gauge number`",
                    first.text
                )
            }
            None => format!("`{}` is a family: write `{}.field`", first.text, first.text),
        };
        let message = if family_wanted {
            format!("nothing here is called `{}`", path.dotted())
        } else {
            format!("nothing here is called `{}`", first.text)
        };
        self.report(
            Diagnostic::error("unknown-name", first.span, message, "unknown name").hint(hint),
        );
        broken(path.span)
    }
}

/// From the name to the closing bracket.
pub(super) fn part_span(part: &ast::Part) -> Span {
    match &part.filter {
        Some(filter) => Span {
            end: filter.span.end + 1,
            ..part.name.span
        },
        None => part.name.span,
    }
}
