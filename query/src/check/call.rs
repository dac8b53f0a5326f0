//! Calls: functions over windows, `since`, `last`, and functions of plain values.

use super::Checker;
use super::types::broken;
use super::window::window_func;
use crate::ast::{self, Call, Kind};
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Builtin, EventField, Expr, Node, Quantifier};
use crate::span::Span;
use crate::value::Type;

/// All functions, for suggestions.
const FUNCTIONS: [&str; 22] = [
    "avg", "min", "max", "sum", "count", "first", "last", "median", "p95", "stddev", "delta",
    "rate", "changes", "since", "any", "every", "share", "list", "hresult", "abs", "round",
    "lower",
];

/// What other languages call them.
const SYNONYMS: [(&str, &str); 10] = [
    ("average", "avg"),
    ("mean", "avg"),
    ("all", "every"),
    ("exists", "any"),
    ("some", "any"),
    ("len", "count"),
    ("length", "count"),
    ("maximum", "max"),
    ("minimum", "min"),
    ("increase", "delta"),
];

pub fn quantifier(name: &str) -> Option<Quantifier> {
    Some(match name {
        "any" => Quantifier::Any,
        "every" => Quantifier::Every,
        "count" => Quantifier::Count,
        "share" => Quantifier::Share,
        "list" => Quantifier::List,
        "min" => Quantifier::Min,
        "max" => Quantifier::Max,
        "avg" => Quantifier::Avg,
        "sum" => Quantifier::Sum,
        _ => return None,
    })
}

pub fn builtin(name: &str) -> Option<Builtin> {
    Some(match name {
        "hresult" => Builtin::Hresult,
        "abs" => Builtin::Abs,
        "round" => Builtin::Round,
        "lower" => Builtin::Lower,
        "upper" => Builtin::Upper,
        _ => return None,
    })
}

impl Checker<'_> {
    /// `f(a over D before T).x`
    pub fn call(&mut self, call: &Call, span: Span) -> Expr {
        let name = call.name.text.as_str();
        if self.group.is_some()
            && call.over.is_none()
            && call.fields.is_empty()
            && let Some(func) = super::group::aggregate_func(name)
        {
            return self.group_aggregate(call, func, span);
        }
        if let Some(field) = call.fields.first()
            && (name != "last" || call.over.is_some())
        {
            self.report(
                Diagnostic::error(
                    "call",
                    field.span,
                    format!("the result of `{name}` has no fields"),
                    "no field here",
                )
                .hint("only `last(EVENT)` has fields"),
            );
            return broken(span);
        }
        if let Some(over) = &call.over {
            return self.window(call, over, span);
        }
        if let Some(func) = builtin(name) {
            return self.builtin(call, func, span);
        }
        match name {
            "since" => self.since(call, span),
            "last" => self.last(call, span),
            _ => match quantifier(name) {
                Some(func) => self.quantify(call, func, span),
                None => self.unknown_function(call, span),
            },
        }
    }

    pub(super) fn unknown_function(&mut self, call: &Call, span: Span) -> Expr {
        let name = call.name.text.as_str();
        if window_func(name).is_some() {
            let written = call.args.first().map_or("x", |a| self.text(a.span));
            self.report(
                Diagnostic::error(
                    "call",
                    call.name.span,
                    format!("`{name}` works over a window of time"),
                    "expected `over` and a duration",
                )
                .hint(format!("write `{name}({written} over 10m)`")),
            );
            return broken(span);
        }
        let mut error = Diagnostic::error(
            "unknown-function",
            call.name.span,
            format!("`{name}` is not a function"),
            "unknown function",
        );
        let synonym = SYNONYMS
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, ours)| *ours);
        error = match synonym.or_else(|| nearest(name, FUNCTIONS)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("known are {}", FUNCTIONS.join(", "))),
        };
        self.report(error);
        broken(span)
    }

    /// The one argument; None after an error.
    pub fn one<'e>(&mut self, call: &'e Call, span: Span) -> Option<&'e ast::Expr> {
        match call.args.as_slice() {
            [only] => Some(only),
            args => {
                let name = &call.name.text;
                let count = args.len();
                self.report(Diagnostic::error(
                    "call",
                    span,
                    format!("`{name}` takes one argument, not {count}"),
                    "expected one argument",
                ));
                None
            }
        }
    }

    fn builtin(&mut self, call: &Call, func: Builtin, span: Span) -> Expr {
        let Some(arg) = self.one(call, span) else {
            return broken(span);
        };
        let arg = self.expr(arg);
        let what = format!("the argument of `{}`", call.name.text);
        let (arg, ty) = match func {
            Builtin::Hresult | Builtin::Lower | Builtin::Upper => {
                (self.want(arg, &Type::Text, &what), Type::Text)
            }
            Builtin::Abs | Builtin::Round => {
                let arg = match arg.ty {
                    Type::Number(_) | Type::Any => arg,
                    _ => self.want(arg, &Type::PLAIN, &what),
                };
                let ty = arg.ty.clone();
                (arg, ty)
            }
        };
        Expr {
            node: Node::Call(func, vec![arg]),
            ty,
            span,
        }
    }

    /// The argument as an event, if it names one.
    pub(super) fn event_argument<'e>(&self, arg: &'e ast::Expr) -> Option<&'e ast::Path> {
        match &arg.kind {
            Kind::Path(path) if self.names_event(path) => Some(path),
            _ => None,
        }
    }

    fn since(&mut self, call: &Call, span: Span) -> Expr {
        let Some(arg) = self.one(call, span) else {
            return broken(span);
        };
        let node = match self.event_argument(arg) {
            Some(path) => self.event(path).map(Node::SinceEvent),
            None => {
                let value = self.temporal(|c| c.condition(arg, "the argument of `since`"));
                Some(Node::Since(Box::new(value)))
            }
        };
        match node {
            Some(node) => Expr {
                node,
                ty: Type::DURATION,
                span,
            },
            None => broken(span),
        }
    }

    fn last(&mut self, call: &Call, span: Span) -> Expr {
        let Some(arg) = self.one(call, span) else {
            return broken(span);
        };
        let path = match &arg.kind {
            Kind::Path(path) => path,
            _ => return self.unknown_function(call, span),
        };
        if !self.names_event(path) {
            let signal = self.catalog.plain(&path.dotted()).is_some();
            if signal {
                return self.unknown_function(call, span);
            }
        }
        let Some(event) = self.event(path) else {
            return broken(span);
        };
        let fields = self.catalog.event_fields(event.event).to_vec();
        let known: Vec<&str> = fields
            .iter()
            .map(|(n, _)| n.as_str())
            .chain(["time"])
            .collect();
        let name = path.dotted();
        let [field] = call.fields.as_slice() else {
            self.report(
                Diagnostic::error(
                    "call",
                    span,
                    format!("`last({name})` is an event: name one of its fields"),
                    "expected `.field`",
                )
                .hint(format!("it has {}", known.join(", "))),
            );
            return broken(span);
        };
        if field.text == "time" {
            return Expr {
                node: Node::LastEvent {
                    event,
                    field: EventField::Time,
                },
                ty: Type::Time,
                span,
            };
        }
        match fields.iter().find(|(known, _)| *known == field.text) {
            Some((_, ty)) => {
                let named = EventField::Named(field.text.clone());
                Expr {
                    node: Node::LastEvent {
                        event,
                        field: named,
                    },
                    ty: ty.clone(),
                    span,
                }
            }
            None => {
                let hint = match nearest(&field.text, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", known.join(", ")),
                };
                self.report(
                    Diagnostic::error(
                        "unknown-name",
                        field.span,
                        format!("the event `{name}` has no field `{}`", field.text),
                        "no such field",
                    )
                    .hint(hint),
                );
                broken(span)
            }
        }
    }
}
