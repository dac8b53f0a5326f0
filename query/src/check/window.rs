//! Functions over a window of time.

use super::Checker;
use super::call::{builtin, quantifier};
use super::types::broken;
use crate::ast::{self, Call};
use crate::diagnostic::Diagnostic;
use crate::ir::{Anchor, Expr, Node, WindowFunc};
use crate::span::Span;
use crate::value::{Type, Unit};

/// `median`, `p95`, `p99.9` as a quantile.
pub fn percentile(name: &str) -> Option<f64> {
    if name == "median" {
        return Some(0.5);
    }
    let digits = name.strip_prefix('p')?;
    if digits == "100" {
        return Some(1.0);
    }
    let whole = digits.len() <= 3 && digits.chars().all(|c| c.is_ascii_digit());
    let q = digits.parse::<f64>().ok().filter(|_| whole)?
        / if digits.len() == 3 { 1000.0 } else { 100.0 };
    (0.0..=1.0).contains(&q).then_some(q)
}

pub(super) fn window_func(name: &str) -> Option<WindowFunc> {
    Some(match name {
        "avg" => WindowFunc::Avg,
        "min" => WindowFunc::Min,
        "max" => WindowFunc::Max,
        "sum" => WindowFunc::Sum,
        "count" => WindowFunc::Count,
        "first" => WindowFunc::First,
        "last" => WindowFunc::Last,
        "stddev" => WindowFunc::Stddev,
        "delta" => WindowFunc::Delta,
        "rate" => WindowFunc::Rate,
        "changes" => WindowFunc::Changes,
        _ => WindowFunc::Percentile(percentile(name)?),
    })
}

impl Checker<'_> {
    pub(super) fn anchor(&mut self, over: &ast::Over) -> Anchor {
        let Some((after, time)) = &over.anchor else {
            return Anchor::Now;
        };
        let value = self.expr(time);
        let value = Box::new(self.want(value, &Type::Time, "the end of a window"));
        if !*after {
            return Anchor::Before(value);
        }
        if !self.in_query {
            self.report(
                Diagnostic::error(
                    "call",
                    time.span,
                    "`after` would look into the future of a rule",
                    "only queries look after an instant",
                )
                .hint("use `before`, or ask in a query"),
            );
        }
        Anchor::After(value)
    }

    pub(super) fn window(&mut self, call: &Call, over: &ast::Over, span: Span) -> Expr {
        let name = call.name.text.as_str();
        let Some(func) = window_func(name) else {
            if quantifier(name).is_some() || builtin(name).is_some() || name == "since" {
                self.report(
                    Diagnostic::error(
                        "call",
                        over.span,
                        format!("`{name}` does not work over a window"),
                        "no `over` here",
                    )
                    .hint("`… for 5m` says that a condition lasts"),
                );
                return broken(span);
            }
            return self.unknown_function(call, span);
        };
        let query_only = match func {
            WindowFunc::Stddev => true,
            WindowFunc::Percentile(_) => !matches!(name, "median" | "p95"),
            _ => false,
        };
        if query_only && !self.in_query {
            self.report(
                Diagnostic::error(
                    "call",
                    call.name.span,
                    format!("`{name}` is for queries"),
                    "not in rules",
                )
                .hint("rules have median and p95"),
            );
        }
        let Some(arg) = self.one(call, span) else {
            return broken(span);
        };
        let duration = self.positive(&over.dur);
        let anchor = self.anchor(over);
        if func == WindowFunc::Count
            && let Some(path) = self.event_argument(arg)
        {
            let Some(event) = self.event(path) else {
                return broken(span);
            };
            let node = Node::CountEvents {
                event,
                over: duration,
                anchor,
            };
            return Expr {
                node,
                ty: Type::PLAIN,
                span,
            };
        }
        let value = self.temporal(|c| c.expr(arg));
        let ty = self.window_type(func, name, &value);
        let counter = match &value.node {
            Node::Signal { signal, .. } => {
                self.catalog.signal_decl(*signal).kind == crate::catalog::SignalKind::Counter
            }
            _ => false,
        };
        let node = Node::Window {
            func,
            value: Box::new(value),
            over: duration,
            anchor,
            counter,
        };
        Expr { node, ty, span }
    }

    /// Type of a window function's result; reports when its argument does not fit.
    pub(super) fn window_type(&mut self, func: WindowFunc, name: &str, value: &Expr) -> Type {
        let number = matches!(value.ty, Type::Number(_) | Type::Any);
        let ordered = number || value.ty == Type::Time;
        let fits = match func {
            WindowFunc::Count | WindowFunc::Changes | WindowFunc::First | WindowFunc::Last => true,
            WindowFunc::Min | WindowFunc::Max => ordered,
            _ => number,
        };
        if !fits {
            self.report(Diagnostic::error(
                "type",
                value.span,
                format!("`{name}` needs numbers, this is {}", value.ty.phrase()),
                "expected a number",
            ));
            return Type::Any;
        }
        match (func, &value.ty) {
            (WindowFunc::Count | WindowFunc::Changes, _) => Type::PLAIN,
            (WindowFunc::Rate, Type::Number(unit)) if unit.per_second => {
                self.report(
                    Diagnostic::error(
                        "unit",
                        value.span,
                        "this is a rate already",
                        "per second of per second",
                    )
                    .hint("use `avg`"),
                );
                Type::Any
            }
            (WindowFunc::Rate, Type::Number(unit)) => Type::Number(Unit {
                per_second: true,
                ..*unit
            }),
            (_, ty) => ty.clone(),
        }
    }
}
