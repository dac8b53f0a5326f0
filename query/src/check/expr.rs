//! Expressions and paths: what each name means, and the type of each node.

use super::types::broken;
use super::{Checker, Declared, Progress};
use crate::ast::{self, DurKind, Kind, Path};
use crate::catalog::PLAIN_FAMILY;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Dur, EventMatch, Expr, Key, LetId, Node, WatchField};
use crate::limits::{ERRORS_MAX, LET_RECURSION_MAX, REGEX_BYTES_MAX};
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;

use super::scope::Thing;

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

fn watch_type(field: WatchField) -> Type {
    match field {
        WatchField::Open => Type::Bool,
        WatchField::Phase | WatchField::Reason => Type::Text,
        WatchField::Opened => Type::Time,
        WatchField::Kbs | WatchField::Failures => Type::texts(),
        WatchField::Downtime => Type::DURATION,
    }
}

/// Whether brackets hold a condition rather than a key, judging by the form alone.
pub fn is_condition(expr: &ast::Expr) -> bool {
    matches!(
        &expr.kind,
        Kind::Not(_)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::Compare(..)
            | Kind::Matches(..)
            | Kind::In(..)
            | Kind::IsKnown(..)
            | Kind::For(..)
            | Kind::Within(..)
            | Kind::Literal(ast::Literal::Bool(_))
    )
}

impl<'a> Checker<'a> {
    /// An expression that must be a condition.
    pub fn condition(&mut self, expr: &ast::Expr, what: &str) -> Expr {
        let value = self.expr(expr);
        self.want(value, &Type::Bool, what)
    }

    /// Any expression.
    pub fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        let (node, ty) = match &expr.kind {
            Kind::Literal(found) => {
                let (value, ty) = super::declare::literal(found);
                (Node::Literal(value), ty)
            }
            Kind::List(items) => return self.list(items, span),
            Kind::Path(path) => return self.path(path),
            Kind::Call(call) => return self.call(call, span),
            Kind::Not(value) => (
                Node::Not(Box::new(self.condition(value, "what `not` negates"))),
                Type::Bool,
            ),
            Kind::And(items) => {
                let items = items
                    .iter()
                    .map(|e| self.condition(e, "each side of `and`"))
                    .collect();
                (Node::And(items), Type::Bool)
            }
            Kind::Or(items) => {
                let items = items
                    .iter()
                    .map(|e| self.condition(e, "each side of `or`"))
                    .collect();
                (Node::Or(items), Type::Bool)
            }
            Kind::Compare(op, left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                return self.compare(*op, left, right, span);
            }
            Kind::Matches(text, pattern) => (self.matches(text, pattern), Type::Bool),
            Kind::In(value, list, negated) => {
                (self.membership(value, list, *negated, span), Type::Bool)
            }
            Kind::IsKnown(value, negated) => {
                let value = Box::new(self.expr(value));
                (
                    Node::IsKnown {
                        value,
                        negated: *negated,
                    },
                    Type::Bool,
                )
            }
            Kind::Arith(op, left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                return self.arithmetic(*op, left, right, span);
            }
            Kind::Negate(value) => {
                let value = self.expr(value);
                if !matches!(value.ty, Type::Number(_) | Type::Any) {
                    let value = self.want(value, &Type::PLAIN, "what minus negates");
                    return value;
                }
                let ty = value.ty.clone();
                (Node::Negate(Box::new(value)), ty)
            }
            Kind::Coalesce(left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                let Some((left, right)) = self.agree(left, right, "replaced by", span) else {
                    return broken(span);
                };
                let ty = if left.ty == Type::Any {
                    right.ty.clone()
                } else {
                    left.ty.clone()
                };
                (Node::Coalesce(Box::new(left), Box::new(right)), ty)
            }
            Kind::At(value, time) => {
                let value = self.temporal(|c| c.expr(value));
                let time = self.expr(time);
                let time = self.want(time, &Type::Time, "what stands after `at`");
                let ty = value.ty.clone();
                (
                    Node::At {
                        value: Box::new(value),
                        time: Box::new(time),
                    },
                    ty,
                )
            }
            Kind::For(value, dur) => {
                let value = self.temporal(|c| c.condition(value, "what must last"));
                let duration = self.dur(dur);
                (
                    Node::For {
                        value: Box::new(value),
                        duration,
                    },
                    Type::Bool,
                )
            }
            Kind::Within(event, dur, negated) => {
                let event = self.event(event);
                let duration = self.positive(dur);
                match event {
                    Some(event) => (
                        Node::Within {
                            event,
                            duration,
                            negated: *negated,
                        },
                        Type::Bool,
                    ),
                    None => {
                        return Expr {
                            ty: Type::Bool,
                            ..broken(span)
                        };
                    }
                }
            }
        };
        Expr { node, ty, span }
    }

    fn list(&mut self, items: &[ast::Expr], span: Span) -> Expr {
        let mut checked = Vec::new();
        let mut ty = Type::Any;
        for item in items {
            let item = self.expr(item);
            if ty == Type::Any {
                ty = item.ty.clone();
            }
            let item = self.want(item, &ty, "each item of this list");
            checked.push(item);
        }
        Expr {
            node: Node::ListOf(checked),
            ty: Type::List(Box::new(ty)),
            span,
        }
    }

    fn matches(&mut self, text: &ast::Expr, pattern: &ast::Expr) -> Node {
        let text = self.expr(text);
        let text = Box::new(self.want(text, &Type::Text, "the left side of `~`"));
        let pattern = self.expr(pattern);
        let pattern = Box::new(self.want(pattern, &Type::Text, "the pattern"));
        let mut regex = None;
        if let Node::Literal(Value::Text(source)) = &pattern.node {
            match regex::RegexBuilder::new(source)
                .size_limit(REGEX_BYTES_MAX)
                .build()
            {
                Ok(compiled) => regex = Some(compiled),
                Err(error) => {
                    let why = error.to_string();
                    let why = why
                        .lines()
                        .last()
                        .unwrap_or("")
                        .trim_start_matches("error: ")
                        .to_string();
                    self.report(
                        Diagnostic::error(
                            "pattern",
                            pattern.span,
                            "this regular expression is not valid",
                            why,
                        )
                        .hint("special characters are escaped: `\\\\.` for a dot"),
                    );
                }
            }
        }
        Node::Matches {
            text,
            pattern,
            regex,
        }
    }

    fn membership(
        &mut self,
        value: &ast::Expr,
        list: &ast::Expr,
        negated: bool,
        span: Span,
    ) -> Node {
        let value = self.expr(value);
        let list = self.expr(list);
        let node = |value, list| Node::In {
            value: Box::new(value),
            list: Box::new(list),
            negated,
        };
        match list.ty.clone() {
            Type::List(item) if super::types::same(&item, &value.ty) => node(value, list),
            Type::List(item) => {
                self.report(Diagnostic::error(
                    "type",
                    span,
                    format!(
                        "{} is looked for in a list of {}",
                        value.ty.phrase(),
                        item.word()
                    ),
                    format!("expected {}", item.phrase()),
                ));
                node(value, list)
            }
            Type::Any => node(value, list),
            other => {
                let written = self.text(list.span);
                self.report(
                    Diagnostic::error(
                        "type",
                        list.span,
                        format!("`in` needs a list, this is {}", other.phrase()),
                        "expected a list",
                    )
                    .hint(format!("write `[{written}]`, or `=` for a single value")),
                );
                node(value, broken(span))
            }
        }
    }

    /// A duration.
    pub fn dur(&mut self, dur: &ast::Dur) -> Dur {
        match &dur.kind {
            DurKind::Fixed(nanos) => Dur::Fixed(*nanos),
            DurKind::Reports(n) => {
                if *n < 1.0 {
                    self.report(Diagnostic::error(
                        "duration",
                        dur.span,
                        "at least one report is needed",
                        "less than one",
                    ));
                }
                Dur::Reports(*n)
            }
            DurKind::Param(name) => match self.names.get(name.as_str()).copied() {
                Some(Declared::Param(id)) => {
                    let ty = self.params[id.index()].ty.clone();
                    let expr = Expr {
                        ty,
                        ..broken(dur.span)
                    };
                    self.want(expr, &Type::DURATION, "this param");
                    Dur::Param(id)
                }
                other => {
                    let known = other.is_some();
                    let params: Vec<SmolStr> = self.params.iter().map(|p| p.name.clone()).collect();
                    let near = nearest(name, params.iter().map(SmolStr::as_str));
                    let mut error = Diagnostic::error(
                        if known { "duration" } else { "unknown-name" },
                        dur.span,
                        format!("`{name}` is not a param"),
                        "expected a duration or a param of one",
                    );
                    error = error.hint(match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("declare it: `param {name} = 5m`"),
                    });
                    self.report(error);
                    Dur::Fixed(storage::SECOND)
                }
            },
        }
    }

    /// A duration longer than nothing.
    pub fn positive(&mut self, dur: &ast::Dur) -> Dur {
        if dur.kind == DurKind::Fixed(0) {
            self.report(Diagnostic::error(
                "duration",
                dur.span,
                "a window of no length holds nothing",
                "expected a longer duration",
            ));
        }
        self.dur(dur)
    }

    /// The event that a path names; None after an error.
    pub fn event(&mut self, path: &Path) -> Option<EventMatch> {
        let name = path.dotted();
        if path.parts[0].name.text == "parent" && path.parts.len() > 1 {
            self.not_yet(path.span, "`parent.`", "leave this condition out");
            return None;
        }
        let Some(event) = self.catalog.event_kind(&name) else {
            self.unknown_event(path, &name);
            return None;
        };
        let (last, before) = path.parts.split_last()?;
        if let Some(part) = before.iter().find(|p| p.filter.is_some()) {
            self.report(Diagnostic::error(
                "event",
                part.name.span,
                format!("the filter of `{name}` stands after its whole name"),
                "no filter here",
            ));
        }
        let slot = self.scope.events;
        let filter = last.filter.as_ref().map(|filter| {
            self.scope.events += 1;
            let event = Thing::Event(vec![event], slot);
            let checked = self.inside(event, |c| {
                let value = c.expr(filter);
                if value.ty == Type::Text {
                    let written = c.text(filter.span);
                    c.report(
                        Diagnostic::error(
                            "type",
                            filter.span,
                            "the filter of an event is a condition",
                            "expected a condition",
                        )
                        .hint(format!("name the field: `{name}[kb = {written}]`")),
                    );
                    return broken(filter.span);
                }
                c.want(value, &Type::Bool, "the filter of an event")
            });
            self.scope.events = slot;
            Box::new(checked)
        });
        Some(EventMatch {
            event,
            filter,
            slot,
        })
    }

    fn unknown_event(&mut self, path: &Path, name: &str) {
        let names: Vec<SmolStr> = self.catalog.events.iter().map(|e| e.name.clone()).collect();
        let near = nearest(name, names.iter().map(SmolStr::as_str));
        let first = &path.parts[0].name;
        let is_condition = path.parts.len() == 1
            && (self.names.contains_key(&first.text) || self.catalog.plain(&first.text).is_some());
        let mut error = Diagnostic::error(
            "unknown-event",
            path.span,
            format!("`{name}` is not an event"),
            "expected the name of an event",
        );
        if is_condition {
            error = error.hint(format!("it is a condition, which lasts: `{name} for 5m`"));
        } else if let Some(near) = near {
            error = error.hint(format!("did you mean `{near}`?"));
        } else {
            let family = format!("{}.", first.text);
            let siblings: Vec<&str> = names
                .iter()
                .map(SmolStr::as_str)
                .filter(|n| n.starts_with(&family))
                .collect();
            error = error.hint(if siblings.is_empty() {
                format!("declare it: `event {name} {{ field text }}`")
            } else {
                format!("known are {}", siblings.join(", "))
            });
        }
        self.report(error);
    }

    /// Whether a path, as it stands, names an event.
    pub fn names_event(&self, path: &Path) -> bool {
        let (last, before) = match path.parts.split_last() {
            Some(split) => split,
            None => return false,
        };
        let plain = before.iter().all(|p| p.filter.is_none()) && last.name.text != "firing";
        let parent = path.parts[0].name.text == "parent" && path.parts.len() > 1;
        plain
            && (parent || self.catalog.event(&path.dotted()).is_some())
            && !self.shadows_family(&path.parts[0].name.text)
    }

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
            Some(Declared::Rule(_)) if self.catalog.family(&first.text).is_none() => {
                self.report(
                    Diagnostic::error(
                        "unknown-name",
                        span,
                        format!("`{}` is a rule, not a value", first.text),
                        "expected a value",
                    )
                    .hint(format!("write `{}.firing`", first.text)),
                );
                return broken(span);
            }
            _ => {}
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
    fn whole(&mut self, path: &Path, what: &str, value: Expr) -> Expr {
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

    fn watch_fields(&mut self, path: &Path) -> Expr {
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
    fn member(&mut self, path: &Path, thing: &Thing) -> Expr {
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

    /// `family[key].field`
    fn family_path(&mut self, path: &Path, family: crate::ir::FamilyId) -> Expr {
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
    fn key(&mut self, part: &ast::Part, family: crate::ir::FamilyId, field: &str) -> Key {
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

    fn event_as_value(&mut self, path: &Path) -> Expr {
        let name = path.dotted();
        self.report(
            Diagnostic::error(
                "event",
                path.span,
                format!("`{name}` is an event, not a value"),
                "expected a value",
            )
            .hint(format!("write `{name} within 1h`, or `last({name}).field`")),
        );
        broken(path.span)
    }

    /// Nothing has this name: says so once, with the nearest one.
    fn unknown_name(&mut self, path: &Path) -> Expr {
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
        let hint = match near {
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
                    "a text stands in double quotes, a new signal is declared: `signal {} gauge number`",
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
    fn circle(&mut self, id: LetId, used_at: Option<Span>) -> Expr {
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

/// From the name to the closing bracket.
fn part_span(part: &ast::Part) -> Span {
    match &part.filter {
        Some(filter) => Span {
            end: filter.span.end + 1,
            ..part.name.span
        },
        None => part.name.span,
    }
}
