//! Declarations: signals, events and labels into the catalogue; lets, params, rules and watches into the
//! table of names, so that every statement may use what stands after it.

use super::{Checker, Declared, LetSlot, Progress};
use crate::ast::{Ident, Literal, SignalStatement, Statement, StatementKind, TypeName};
use crate::catalog::{EventDecl, HOLDS_DEFAULT, PLAIN_FAMILY, SignalDecl};
use crate::diagnostic::Diagnostic;
use crate::ir::{LetId, Param, ParamId, RuleId, SignalId, WatchId};
use crate::parse::RESERVED;
use crate::parse::rule::STATEMENTS;
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;

/// Words of statements that come later; reserved so that they can come.
const LATER: [&str; 6] = ["absorb", "offer", "run", "notify", "gate", "maintenance"];

/// A literal as a value with its type.
pub fn literal(literal: &Literal) -> (Value, Type) {
    match literal {
        Literal::Number(number, unit) => (Value::Number(*number), Type::Number(*unit)),
        Literal::Bool(yes) => (Value::Bool(*yes), Type::Bool),
        Literal::Text(text) => (Value::Text(text.clone()), Type::Text),
        Literal::Time(time) => (Value::Time(*time), Type::Time),
    }
}

impl<'a> Checker<'a> {
    /// Signals, events and labels.
    pub fn declare_all(&mut self, statements: &[Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Signal(signal) => self.declare_signal(signal, statement.span),
                StatementKind::Event { name, fields } => self.declare_event(name, fields),
                StatementKind::Label(name) => {
                    let first = self.first_of("label", name);
                    if first && !self.catalog.labels.contains(&name.text) {
                        self.catalog.labels.push(name.text.clone());
                    }
                }
                _ => {}
            }
        }
    }

    /// False, with an error, when this file set already declares a `kind` of this name.
    fn first_of(&mut self, kind: &str, name: &Ident) -> bool {
        match self
            .spans
            .insert(format!("{kind} {}", name.text), name.span)
        {
            None => true,
            Some(first) => {
                self.report(
                    Diagnostic::error(
                        "twice",
                        name.span,
                        format!("`{}` is declared twice", name.text),
                        "a second time",
                    )
                    .also(first, "first here")
                    .hint("rename one, or remove it"),
                );
                false
            }
        }
    }

    fn declare_signal(&mut self, statement: &SignalStatement, span: Span) {
        let (family_name, key, field) = match &statement.member {
            Some((key, field)) => (&statement.name.text, key.text.as_str(), field),
            None => (&SmolStr::new_static(PLAIN_FAMILY), "", &statement.name),
        };
        let full = Ident {
            text: match &statement.member {
                Some(_) => format!("{family_name}.{}", field.text).into(),
                None => field.text.clone(),
            },
            span: statement.name.span.to(field.span),
        };
        if !self.first_of("signal", &full) {
            return;
        }
        let family = self.catalog.family_or_new(family_name, key);
        let known_key = self.catalog.family_decl(family).key.clone();
        if let Some((key, _)) = &statement.member
            && key.text != known_key
        {
            self.report(
                Diagnostic::error(
                    "declaration",
                    key.span,
                    format!("the key of `{family_name}` is called `{known_key}`"),
                    format!("expected `{known_key}`"),
                )
                .hint(format!("write `{family_name}[{known_key}].{}`", field.text)),
            );
            return;
        }
        let decl = SignalDecl {
            family,
            field: field.text.clone(),
            kind: statement.kind,
            ty: statement.ty.ty.clone(),
            holds: statement.holds.unwrap_or(Some(HOLDS_DEFAULT)),
            declared: true,
        };
        match self.catalog.signal(family_name, &field.text) {
            None => self.catalog.signals.push(decl),
            Some(id) if *self.catalog.signal_decl(id) == decl => {}
            Some(id) => {
                let built_in = self.spell_signal(id);
                self.report(
                    Diagnostic::error(
                        "declaration",
                        span,
                        format!("`{}` is built in and declared differently here", full.text),
                        "differs from the built-in declaration",
                    )
                    .hint(format!(
                        "the built-in one is `{built_in}`; remove this line"
                    )),
                );
            }
        }
    }

    /// The statement that declares a signal.
    fn spell_signal(&self, id: SignalId) -> String {
        let decl = self.catalog.signal_decl(id);
        let family = self.catalog.family_decl(decl.family);
        let name = if family.name == PLAIN_FAMILY {
            decl.field.to_string()
        } else {
            format!("{}[{}].{}", family.name, family.key, decl.field)
        };
        let kind = format!("{:?}", decl.kind).to_lowercase();
        let holds = match decl.holds {
            None => " holds forever".to_string(),
            Some(HOLDS_DEFAULT) => String::new(),
            Some(nanos) => format!(
                " holds {}",
                crate::value::print_duration(nanos as f64 / 1e9)
            ),
        };
        format!("signal {name} {kind} {}{holds}", decl.ty.word())
    }

    fn declare_event(&mut self, name: &Ident, fields: &[(Ident, TypeName)]) {
        for (at, (field, _)) in fields.iter().enumerate() {
            if field.text == "time" || fields[..at].iter().any(|(f, _)| f.text == field.text) {
                self.report(Diagnostic::error(
                    "twice",
                    field.span,
                    format!("`{}` is a field of `{}` already", field.text, name.text),
                    if field.text == "time" {
                        "every event has a time"
                    } else {
                        "a second time"
                    },
                ));
            }
        }
        if !self.first_of("event", name) {
            return;
        }
        let known = match self.catalog.event(&name.text) {
            Some(id) => id.index(),
            None => {
                self.catalog.events.push(EventDecl {
                    name: name.text.clone(),
                    fields: Vec::new(),
                });
                self.catalog.events.len() - 1
            }
        };
        // A built-in event may be repeated in part and given fields of one's own.
        for (field, ty) in fields {
            let decl = &mut self.catalog.events[known];
            match decl.fields.iter().find(|(known, _)| *known == field.text) {
                None => decl.fields.push((field.text.clone(), ty.ty.clone())),
                Some((_, built_in)) if *built_in == ty.ty => {}
                Some((_, built_in)) => {
                    let built_in = built_in.word();
                    self.report(
                        Diagnostic::error(
                            "declaration",
                            ty.span,
                            format!(
                                "`{}` of the built-in `{}` is {built_in}",
                                field.text, name.text
                            ),
                            format!("expected `{built_in}`"),
                        )
                        .hint(format!("write `{} {built_in}`", field.text)),
                    );
                }
            }
        }
    }

    /// Notes the name of a let, param, rule or watch.
    pub fn announce(&mut self, statement: &'a Statement) {
        let (name, declared) = match &statement.kind {
            StatementKind::Let(name, value) => {
                let id = LetId(self.lets.len() as u32);
                self.lets.push(LetSlot {
                    name: name.text.clone(),
                    span: name.span,
                    source: Some(value),
                    progress: Progress::Waiting,
                    value: super::types::broken(value.span),
                    ratio: false,
                });
                (name, Declared::Let(id))
            }
            StatementKind::Param {
                name,
                default,
                overrides,
            } => {
                let id = ParamId(self.params.len() as u32);
                let param = self.param(name, default, overrides);
                self.params.push(param);
                (name, Declared::Param(id))
            }
            StatementKind::Watch(watch) => {
                self.watches.push(watch.name.text.clone());
                (
                    &watch.name,
                    Declared::Watch(WatchId((self.watches.len() - 1) as u32)),
                )
            }
            StatementKind::Rule(rule) => {
                self.rules.push(rule.name.text.clone());
                (
                    &rule.name,
                    Declared::Rule(RuleId((self.rules.len() - 1) as u32)),
                )
            }
            _ => return,
        };
        let word = name.text.as_str();
        if RESERVED.contains(&word) || STATEMENTS.contains(&word) || LATER.contains(&word) {
            self.report(
                Diagnostic::error(
                    "reserved",
                    name.span,
                    format!("`{word}` is a word of the language"),
                    "expected another name",
                )
                .hint("choose another name"),
            );
        }
        let user = ["signal", "label"]
            .iter()
            .find_map(|kind| self.spans.get(&format!("{kind} {word}")));
        if let Some(first) = user.copied() {
            self.report(
                Diagnostic::error(
                    "twice",
                    name.span,
                    format!("`{word}` is declared twice"),
                    "a second time",
                )
                .also(first, "first here")
                .hint("rename one"),
            );
        }
        if self.first_of("name", name) {
            self.names.insert(name.text.clone(), declared);
        }
    }

    fn param(
        &mut self,
        name: &Ident,
        default: &(Literal, Span),
        overrides: &[(Ident, SmolStr, (Literal, Span))],
    ) -> Param {
        let (value, ty) = literal(&default.0);
        let mut checked = Vec::new();
        for (label, text, (value, span)) in overrides {
            if !self.catalog.labels.contains(&label.text) {
                self.unknown_label(label);
            }
            let (value, found) = literal(value);
            if found != ty {
                self.report(
                    Diagnostic::error(
                        "unit",
                        *span,
                        format!(
                            "`{}` is {}, this is {}",
                            name.text,
                            ty.phrase(),
                            found.phrase()
                        ),
                        format!("expected {}", ty.phrase()),
                    )
                    .also(default.1, "the default"),
                );
            }
            checked.push((label.text.clone(), text.clone(), value));
        }
        Param {
            name: name.text.clone(),
            default: value,
            overrides: checked,
            ty,
        }
    }

    fn unknown_label(&mut self, label: &Ident) {
        let near = crate::diagnostic::nearest(
            &label.text,
            self.catalog.labels.iter().map(SmolStr::as_str),
        );
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `label {}`", label.text),
        };
        self.report(
            Diagnostic::error(
                "unknown-name",
                label.span,
                format!("`{}` is not a label", label.text),
                "expected a label",
            )
            .hint(hint),
        );
    }
}
