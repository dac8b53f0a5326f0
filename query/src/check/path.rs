//! Paths as values: binders, declared names, labels and plain signals, in the order in which they are looked up.

use super::scope::Thing;
use super::types::broken;
use super::{Checker, Declared};
use crate::ast::Path;
use crate::catalog::PLAIN_FAMILY;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Expr, Key, Node, WatchField};
use crate::value::Type;
use smol_str::SmolStr;

/// Fields of a watch with their types.
pub const WATCH_FIELDS: [(&str, WatchField); 7] = [
    ("open", WatchField::Open),
    ("phase", WatchField::Phase),
    ("opened", WatchField::Opened),
    ("kbs", WatchField::Kbs),
    ("downtime", WatchField::Downtime),
    ("failures", WatchField::Failures),
    ("reason", WatchField::Reason),
];

pub(super) fn watch_type(field: WatchField) -> Type {
    match field {
        WatchField::Open => Type::Bool,
        WatchField::Phase | WatchField::Reason => Type::Text,
        WatchField::Opened => Type::Time,
        WatchField::Kbs | WatchField::Failures => Type::texts(),
        WatchField::Downtime => Type::DURATION,
    }
}

impl Checker<'_> {
    /// A path as a value.
    pub fn path(&mut self, path: &Path) -> Expr {
        let span = path.span;
        let first = &path.parts[0].name;
        let bare = path.parts[0].filter.is_none();
        let of = |node, ty| Expr { node, ty, span };
        if bare && path.parts.len() == 1 {
            if let Some(found) = self.implicit(first) {
                return found;
            }
        } else if path.parts.iter().all(|p| p.filter.is_none()) {
            // A column may have the dotted text it was made from as its name.
            let dotted = path.dotted();
            if let Some(at) = self.scope.columns.iter().position(|c| c.name == dotted) {
                let ty = self.scope.columns[at].ty.clone();
                return of(Node::Column(at as u32), ty);
            }
        }
        if self.scope.detached {
            return self.unknown_name(path);
        }
        if let Some(thing) = self.binder(&first.text).cloned() {
            return self.member(path, &thing);
        }
        if let [rule, field] = path.parts.as_slice()
            && field.name.text == "firing"
            && bare
            && field.filter.is_none()
            && let Some(Declared::Rule(id)) = self.names.get(&rule.name.text)
        {
            return of(Node::Firing(*id), Type::Bool);
        }
        match self.names.get(&first.text).copied() {
            Some(Declared::Let(id)) => {
                let ty = self.check_let(id, Some(span));
                return self.whole(path, "a `let`", of(Node::Let(id), ty));
            }
            Some(Declared::Param(id)) => {
                let ty = self.params[id.index()].ty.clone();
                return self.whole(path, "a `param`", of(Node::Param(id), ty));
            }
            Some(Declared::Watch(id)) => {
                if let [_, field] = path.parts.as_slice()
                    && bare
                    && field.filter.is_none()
                    && let Some((_, found)) = WATCH_FIELDS
                        .iter()
                        .find(|(name, _)| *name == field.name.text)
                {
                    return of(Node::Watch(id, *found), watch_type(*found));
                }
                return self.watch_fields(path);
            }
            // A rule is a name only before `.firing`.
            Some(Declared::Rule(_)) | None => {}
        }
        if first.text == "maintenance" {
            self.not_yet(span, "`maintenance`", "leave this condition out");
            return broken(span);
        }
        if first.text == "parent" && path.parts.len() > 1 {
            self.not_yet(span, "`parent.`", "leave this condition out");
            return broken(span);
        }
        if bare && path.parts.len() == 1 && self.catalog.labels.contains(&first.text) {
            return of(Node::Label(first.text.clone()), Type::Text);
        }
        if !bare || path.parts.len() > 1 {
            return match self
                .catalog
                .family(&first.text)
                .filter(|_| first.text != PLAIN_FAMILY)
            {
                Some(family) => self.family_path(path, family),
                None => self.unknown_name(path),
            };
        }
        match self.catalog.plain(&first.text) {
            Some(signal) => {
                let ty = self.catalog.signal_decl(signal).ty.clone();
                of(
                    Node::Signal {
                        signal,
                        key: Key::Plain,
                    },
                    ty,
                )
            }
            None => self.unknown_name(path),
        }
    }

    /// `value` when the path is one bare name; else an error.
    pub(super) fn whole(&mut self, path: &Path, what: &str, value: Expr) -> Expr {
        if path.parts.len() == 1 && path.parts[0].filter.is_none() {
            return value;
        }
        self.report(Diagnostic::error(
            "unknown-name",
            path.span,
            format!("`{}` is {what} and has no fields", path.parts[0].name.text),
            "no field or key here",
        ));
        broken(path.span)
    }

    pub(super) fn watch_fields(&mut self, path: &Path) -> Expr {
        let name = &path.parts[0].name.text;
        let near = path
            .parts
            .get(1)
            .and_then(|p| nearest(&p.name.text, WATCH_FIELDS.iter().map(|(name, _)| *name)));
        let all: Vec<String> = WATCH_FIELDS
            .iter()
            .map(|(field, _)| format!("{name}.{field}"))
            .collect();
        self.report(
            Diagnostic::error(
                "unknown-name",
                path.span,
                format!(
                    "`{}` is not a value of the watch `{name}`",
                    self.text(path.span)
                ),
                "expected one of its fields",
            )
            .hint(match near {
                Some(near) => format!("did you mean `{name}.{near}`?"),
                None => format!("a watch has {}", all.join(", ")),
            }),
        );
        broken(path.span)
    }

    /// A binder's member.
    pub(super) fn member(&mut self, path: &Path, thing: &Thing) -> Expr {
        let binder = &path.parts[0].name.text;
        let what = thing.describe(&self.catalog);
        let members = thing.members(&self.catalog);
        if let [first, field] = path.parts.as_slice()
            && first.filter.is_none()
            && field.filter.is_none()
        {
            if let Some((node, ty)) = thing.member(&self.catalog, &field.name.text) {
                return Expr {
                    node,
                    ty,
                    span: path.span,
                };
            }
            let near = nearest(&field.name.text, members.iter().map(SmolStr::as_str));
            self.report(
                Diagnostic::error(
                    "unknown-name",
                    field.name.span,
                    format!(
                        "`{binder}` is {what}, which has no field `{}`",
                        field.name.text
                    ),
                    "no such field",
                )
                .hint(match near {
                    Some(near) => format!("did you mean `{binder}.{near}`?"),
                    None => format!("it has {}", members.join(", ")),
                }),
            );
            return broken(path.span);
        }
        self.report(
            Diagnostic::error(
                "unknown-name",
                path.span,
                format!("`{binder}` is {what}: name one of its fields"),
                "expected a field",
            )
            .hint(format!("it has {}", members.join(", "))),
        );
        broken(path.span)
    }
}
