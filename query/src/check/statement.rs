//! Rules, watches and suppressions to their checked form.

use super::scope::Thing;
use super::types::broken;
use super::{Checker, Declared};
use crate::ast::{
    self, Ident, Kind, MessagePart, OptionKind, RuleStatement, Statement, WatchStatement,
};
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{
    Action, Dur, EventMatch, Expr, Node, OnUnknown, Rule, Scope, Suppress, Template, TemplatePart,
    Watch,
};
use crate::span::Span;
use crate::value::Type;
use smol_str::SmolStr;

/// `"text"`, or `… ?? "text"`.
fn ends_in_text(expr: &ast::Expr) -> bool {
    match &expr.kind {
        Kind::Coalesce(_, right) => ends_in_text(right),
        Kind::Literal(ast::Literal::Text(_)) => true,
        _ => false,
    }
}

impl Checker<'_> {
    /// A message.
    pub fn message(&mut self, message: &ast::Message) -> Template {
        let parts = message.parts.iter().map(|part| match part {
            MessagePart::Text(text) => TemplatePart::Text(text.into()),
            MessagePart::Expr(value) => TemplatePart::Expr(self.printed(value)),
        });
        Template {
            parts: parts.collect(),
        }
    }

    /// A value to print. A text may stand in for an unknown value of any type: `{since ?? "never"}`.
    fn printed(&mut self, value: &ast::Expr) -> Expr {
        match &value.kind {
            Kind::Coalesce(left, right) if ends_in_text(right) => {
                let (left, right) = (self.expr(left), self.printed(right));
                let ty = left.ty.clone();
                let node = Node::Coalesce(Box::new(left), Box::new(right));
                Expr {
                    node,
                    ty,
                    span: value.span,
                }
            }
            _ => self.expr(value),
        }
    }

    fn action(&mut self, action: &ast::Action) -> Action {
        Action {
            severity: action.severity,
            message: self.message(&action.message),
        }
    }

    /// Reports the options that come later; the others are given back.
    fn options<'e>(&mut self, action: &'e ast::Action) -> Vec<(&'e OptionKind, Span)> {
        let mut now = Vec::new();
        for (option, span) in &action.options {
            let word = match option {
                OptionKind::Absorb => "`absorb`",
                OptionKind::Notify => "`notify`",
                OptionKind::Offer => "`offer`",
                OptionKind::Run => "`run`",
                OptionKind::Unknown(_) | OptionKind::Key(_) => {
                    let same = |(o, _): &(&OptionKind, Span)| {
                        std::mem::discriminant(*o) == std::mem::discriminant(option)
                    };
                    if now.iter().any(same) {
                        self.report(Diagnostic::error(
                            "clause",
                            *span,
                            "this option stands here a second time",
                            "each option once",
                        ));
                    } else {
                        now.push((option, *span));
                    }
                    continue;
                }
            };
            self.not_yet(*span, word, "leave the option out");
        }
        now
    }

    /// A rule.
    pub fn rule(&mut self, rule: &RuleStatement, statement: &Statement) -> Rule {
        let options = self.options(&rule.action);
        let mut checked = Rule {
            name: rule.name.text.clone(),
            scope: Scope::Device,
            where_: None,
            when: None,
            clear: None,
            unknown: OnUnknown::default(),
            key: None,
            action: Action {
                severity: rule.action.severity,
                message: Template::default(),
            },
            text: statement.text.clone(),
            span: statement.span,
        };
        if let ast::Scope::By(span) = &rule.scope {
            self.not_yet(
                *span,
                "a rule by groups",
                "leave the rule out, or make it one per device",
            );
            return checked;
        }
        self.fresh(|c| {
            let Some(scope) = c.rule_scope(&rule.scope) else {
                return;
            };
            let on = matches!(scope, Scope::On { .. });
            checked.scope = scope;
            checked.where_ = rule.where_.as_ref().map(|e| c.condition(e, "`where`"));
            checked.when = rule.when.as_ref().map(|e| c.condition(e, "`when`"));
            checked.clear = rule.clear.as_ref().map(|e| c.condition(e, "`clear`"));
            if rule.when.is_none() && !on {
                c.report(
                    Diagnostic::error(
                        "clause",
                        rule.name.span,
                        format!("the rule `{}` has no `when`", rule.name.text),
                        "expected a condition",
                    )
                    .hint("only a rule `on` an event may go without"),
                );
            }
            for (option, _) in &options {
                match option {
                    OptionKind::Unknown(what) => checked.unknown = *what,
                    OptionKind::Key(key) => {
                        let value = c.expr(key);
                        if matches!(value.ty, Type::List(_)) {
                            c.want(value, &Type::Text, "the key of an alert");
                        } else {
                            checked.key = Some(value);
                        }
                    }
                    _ => {}
                }
            }
            checked.action = c.action(&rule.action);
        });
        checked
    }

    /// Binds the rule's name for its instance or event; None after an error that hides the rest.
    fn rule_scope(&mut self, scope: &ast::Scope) -> Option<Scope> {
        match scope {
            ast::Scope::Device | ast::Scope::By(_) => Some(Scope::Device),
            ast::Scope::Each(family, binder) => {
                let Some(id) = self.catalog.family(&family.text) else {
                    let names: Vec<SmolStr> = self
                        .catalog
                        .families
                        .iter()
                        .map(|f| f.name.clone())
                        .collect();
                    let hint = match nearest(&family.text, names.iter().map(SmolStr::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!(
                            "declare it: `signal {}[key].field gauge number`",
                            family.text
                        ),
                    };
                    self.report(
                        Diagnostic::error(
                            "unknown-name",
                            family.span,
                            format!("`{}` is not a family", family.text),
                            "expected a family",
                        )
                        .hint(hint),
                    );
                    return None;
                };
                self.scope.instances = 1;
                self.bind(binder, Thing::Instance(id, 0));
                Some(Scope::Each(id))
            }
            ast::Scope::On(event, binder, settle) => {
                let event = self.event(event)?;
                let settle = settle.as_ref().map_or(Dur::Fixed(0), |dur| self.dur(dur));
                self.scope.events = 1;
                self.bind(binder, Thing::Event(vec![event.event], 0));
                Some(Scope::On { event, settle })
            }
        }
    }

    fn bind(&mut self, binder: &Ident, thing: Thing) {
        self.scope.binders.push((binder.text.clone(), thing));
    }

    /// A watch.
    pub fn watch(&mut self, watch: &WatchStatement, statement: &Statement) -> Watch {
        self.fresh(|c| {
            let on: Vec<EventMatch> = watch.on.iter().filter_map(|event| c.event(event)).collect();
            c.scope.events = 1;
            if on.len() == watch.on.len() {
                let kinds = on.iter().map(|event| event.event).collect();
                c.bind(&watch.binder, Thing::Event(kinds, 0));
            } else {
                // An unknown event has unknown fields: what follows would only repeat the error.
                c.quiet += 1;
            }
            let condition = |c: &mut Self, clause: &Option<ast::Expr>, what: &str| {
                clause.as_ref().map(|e| c.condition(e, what))
            };
            let where_ = condition(c, &watch.where_, "`where`");
            let open = c.required(watch.open.as_ref(), &watch.name, "open", "open 24h");
            let ready = condition(c, &watch.ready, "`ready when`");
            let down = condition(c, &watch.down, "`down when`");
            let back = watch.back.as_ref().map(|dur| c.dur(dur));
            let verify = watch.verify.as_ref();
            let verify_within = c.required(
                verify.map(|(dur, _)| dur),
                &watch.name,
                "verify",
                "verify within 10m every(service[start = \"auto\"].state = \"running\")",
            );
            let verify = match verify {
                Some((_, e)) => c.condition(e, "`verify`"),
                None => broken(watch.name.span),
            };
            let cancel = watch.cancel.as_ref().and_then(|event| c.event(event));
            let mut checked = Watch {
                name: watch.name.text.clone(),
                on,
                where_,
                open,
                ready,
                down,
                back,
                verify_within,
                verify,
                cancel,
                done: None,
                idle: None,
                overdue: None,
                unverified: None,
                text: statement.text.clone(),
                span: statement.span,
            };
            for (word, action) in &watch.outcomes {
                for (option, span) in c.options(action) {
                    let option = if matches!(option, OptionKind::Key(_)) {
                        "key"
                    } else {
                        "unknown"
                    };
                    c.report(Diagnostic::error(
                        "clause",
                        span,
                        format!("`{option}` belongs to rules"),
                        "not in a watch",
                    ));
                }
                if word.text == "overdue" && watch.back.is_none() {
                    c.report(
                        Diagnostic::error(
                            "clause",
                            word.span,
                            "a watch without `back` is never overdue",
                            "cannot happen",
                        )
                        .hint("add `back within 30m`, or remove this outcome")
                        .warning(),
                    );
                }
                let action = Some(c.action(action));
                match word.text.as_str() {
                    "done" => checked.done = action,
                    "idle" => checked.idle = action,
                    "overdue" => checked.overdue = action,
                    _ => checked.unverified = action,
                }
            }
            if checked.on.len() != watch.on.len() {
                c.quiet -= 1;
            }
            checked
        })
    }

    /// A clause's duration, or an error that it is missing.
    fn required(
        &mut self,
        dur: Option<&ast::Dur>,
        name: &Ident,
        clause: &str,
        example: &str,
    ) -> Dur {
        match dur {
            Some(dur) => self.dur(dur),
            None => {
                self.report(
                    Diagnostic::error(
                        "clause",
                        name.span,
                        format!("the watch `{}` has no `{clause}`", name.text),
                        format!("expected `{clause}`"),
                    )
                    .hint(format!("add `{example}`")),
                );
                Dur::Fixed(0)
            }
        }
    }

    /// A suppression.
    pub fn suppress(
        &mut self,
        targets: &[Ident],
        while_: &ast::Expr,
        max: &ast::Dur,
        reason: &ast::Message,
        statement: &Statement,
    ) -> Suppress {
        let mut rules = Vec::new();
        for target in targets {
            match self.names.get(&target.text).copied() {
                Some(Declared::Rule(id)) if rules.contains(&id) => self.report(Diagnostic::error(
                    "twice",
                    target.span,
                    format!("`{}` is named twice", target.text),
                    "a second time",
                )),
                Some(Declared::Rule(id)) => rules.push(id),
                other => {
                    let near = nearest(&target.text, self.rules.iter().map(SmolStr::as_str));
                    let what = match other {
                        Some(Declared::Watch(_)) => "a watch, not a rule",
                        Some(_) => "not a rule",
                        None => "not a rule of these files",
                    };
                    let error = Diagnostic::error(
                        "unknown-name",
                        target.span,
                        format!("`{}` is {what}", target.text),
                        "expected the name of a rule",
                    );
                    let error = match near {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error.hint("only the alerts of rules are suppressed"),
                    };
                    self.report(error);
                }
            }
        }
        self.fresh(|c| Suppress {
            targets: rules,
            while_: c.condition(while_, "`while`"),
            max: c.dur(max),
            reason: c.message(reason),
            watches: Vec::new(),
            text: statement.text.clone(),
            span: statement.span,
        })
    }
}
