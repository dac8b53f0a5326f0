//! Expressions and paths: what each name means, and the type of each node.

use super::types::broken;
use super::{Checker, Declared};
use crate::ast::{self, DurKind, Kind};
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Dur, Expr, Node};
use crate::limits::REGEX_BYTES_MAX;
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;

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
}
