//! Types and units: what may be compared, added, multiplied, and what comes out.
//!
//! The evaluator knows nothing of units. Where a ratio of equal units (0..1) meets a percent (0..100), the
//! ratio is lowered to `ratio * 100` here; where a percent multiplies bytes, it is lowered to `percent / 100`.

use super::Checker;
use crate::diagnostic::Diagnostic;
use crate::ir::{ArithOp, CompareOp, Expr, Node, WindowFunc};
use crate::span::Span;
use crate::value::{Measure, Type, Unit, Value};

/// An expression in error: fits everywhere, so that one mistake is reported once.
pub fn broken(span: Span) -> Expr {
    Expr {
        node: Node::Literal(Value::Unknown),
        ty: Type::Any,
        span,
    }
}

/// `expr` times or divided by 100.
fn hundred(expr: Expr, op: ArithOp, ty: Type) -> Expr {
    let span = expr.span;
    let right = Expr {
        node: Node::Literal(Value::Number(100.0)),
        ty: Type::PLAIN,
        span,
    };
    Expr {
        node: Node::Arith {
            op,
            left: Box::new(expr),
            right: Box::new(right),
        },
        ty,
        span,
    }
}

/// Both fit together as they are.
pub fn same(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::List(a), Type::List(b)) => same(a, b),
        _ => left == right,
    }
}

fn unit(expr: &Expr) -> Option<Unit> {
    match expr.ty {
        Type::Number(unit) => Some(unit),
        _ => None,
    }
}

impl Checker<'_> {
    /// A plain number that is a share of something: a quotient of equal units, or made of such.
    pub fn is_ratio(&self, expr: &Expr) -> bool {
        if expr.ty != Type::PLAIN {
            return false;
        }
        match &expr.node {
            Node::Arith {
                op: ArithOp::Divide,
                left,
                right,
            } => {
                left.ty == right.ty && !matches!(right.node, Node::Literal(_))
                    || self.is_ratio(left)
            }
            Node::Arith { left, right, .. } => self.is_ratio(left) || self.is_ratio(right),
            Node::Window { func, value, .. } => {
                !matches!(
                    func,
                    WindowFunc::Count | WindowFunc::Changes | WindowFunc::Rate
                ) && self.is_ratio(value)
            }
            Node::Quantify {
                value: Some(value), ..
            } => self.is_ratio(value),
            Node::Negate(value) | Node::At { value, .. } => self.is_ratio(value),
            Node::Coalesce(a, b) => self.is_ratio(a) || self.is_ratio(b),
            Node::Let(id) => self.let_is_ratio(*id),
            Node::Column(at) => self.scope.ratios.get(*at as usize) == Some(&true),
            _ => false,
        }
    }

    /// Makes two sides fit, or reports that they do not; `verb` is what joins them ("compared with").
    pub fn agree(
        &mut self,
        left: Expr,
        right: Expr,
        verb: &str,
        span: Span,
    ) -> Option<(Expr, Expr)> {
        if same(&left.ty, &right.ty) {
            return Some((left, right));
        }
        if right.ty == Type::PERCENT && self.is_ratio(&left) {
            return Some((hundred(left, ArithOp::Multiply, Type::PERCENT), right));
        }
        if left.ty == Type::PERCENT && self.is_ratio(&right) {
            return Some((left, hundred(right, ArithOp::Multiply, Type::PERCENT)));
        }
        let (a, b) = (left.ty.word(), right.ty.word());
        let numbers = unit(&left).is_some() && unit(&right).is_some();
        let mut error = Diagnostic::error(
            if numbers { "unit" } else { "type" },
            span,
            format!("{a} {verb} {b}"),
            format!("{a} on the left, {b} on the right"),
        );
        if let Some(hint) = self
            .unit_hint(&left, &right)
            .or_else(|| self.unit_hint(&right, &left))
        {
            error = error.hint(hint);
        }
        self.report(error);
        None
    }

    /// The likely fix when `wrong` should have fitted `other`.
    fn unit_hint(&self, other: &Expr, wrong: &Expr) -> Option<String> {
        if wrong.ty == Type::PERCENT
            && let (Node::Signal { signal, .. }, Type::Number(unit)) = (&other.node, &other.ty)
        {
            let decl = self.catalog.signal_decl(*signal);
            let whole = self
                .catalog
                .fields(decl.family)
                .find(|(id, s)| {
                    id != signal
                        && s.ty == Type::Number(*unit)
                        && ["size", "total", "capacity"].contains(&s.field.as_str())
                })
                .map(|(_, s)| &s.field);
            let written = self.text(other.span);
            if let (Some(whole), Some((owner, _))) = (whole, written.rsplit_once('.')) {
                return Some(format!("did you mean `{written} / {owner}.{whole}`?"));
            }
            return Some("a percent is a share: divide by the whole".to_string());
        }
        if let (Node::Literal(Value::Number(_)), Type::Number(Unit::PLAIN)) =
            (&wrong.node, &wrong.ty)
        {
            let written = self.text(wrong.span);
            return match &other.ty {
                Type::Number(unit) if unit.per_second && unit.measure == Measure::Bytes => {
                    Some(format!("give it a unit: `{written}MiB/s`"))
                }
                Type::Number(unit) => match unit.measure {
                    Measure::Percent => Some(format!("did you mean `{written}%`?")),
                    Measure::Bytes => {
                        Some(format!("give it a unit: `{written}MiB` or `{written}GB`"))
                    }
                    Measure::Duration => Some(format!(
                        "give it a unit: `{written}s`, `{written}m` or `{written}h`"
                    )),
                    Measure::Plain => None,
                },
                Type::Text => Some(format!("a text stands in double quotes: `\"{written}\"`")),
                _ => None,
            };
        }
        match (&other.ty, &wrong.ty, &wrong.node) {
            (Type::Bool, Type::Text, Node::Literal(Value::Text(text)))
                if text == "true" || text == "false" =>
            {
                Some(format!("write `{text}` without quotes"))
            }
            (Type::Time, Type::Text, Node::Literal(_)) => {
                Some("a time stands without quotes: `2026-06-09T02:00:00Z`".to_string())
            }
            (Type::Time, Type::Number(Unit::DURATION), _) if self.in_query => {
                Some("to look back from now give the query a range: `from -24h`".to_string())
            }
            (Type::Time, Type::Number(Unit::DURATION), _) => {
                Some("how long ago it was is `since(…)`".to_string())
            }
            (Type::List(_), _, _) => Some("to look into a list write `x in list`".to_string()),
            _ => None,
        }
    }

    /// `left op right` as a bool.
    pub fn compare(&mut self, op: CompareOp, left: Expr, right: Expr, span: Span) -> Expr {
        let Some((left, right)) = self.agree(left, right, "compared with", span) else {
            return Expr {
                ty: Type::Bool,
                ..broken(span)
            };
        };
        let ordered = !matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        let ty = if left.ty == Type::Any {
            &right.ty
        } else {
            &left.ty
        };
        if ordered && matches!(ty, Type::Bool | Type::List(_)) || matches!(ty, Type::List(_)) {
            let phrase = ty.phrase();
            self.report(Diagnostic::error(
                "type",
                span,
                format!("{phrase} cannot be compared this way"),
                if ordered {
                    "needs numbers, times or texts"
                } else {
                    "needs single values"
                },
            ));
        }
        let node = Node::Compare {
            op,
            left: Box::new(left),
            right: Box::new(right),
        };
        Expr {
            node,
            ty: Type::Bool,
            span,
        }
    }

    /// `left op right` with the unit that comes out.
    pub fn arithmetic(&mut self, op: ArithOp, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty == Type::Any || right.ty == Type::Any {
            let ty = match op {
                ArithOp::Add | ArithOp::Subtract if left.ty == Type::Any => right.ty.clone(),
                ArithOp::Add | ArithOp::Subtract => left.ty.clone(),
                _ => Type::Any,
            };
            // A time less something unknown may be a time or a duration.
            let ty = if ty == Type::Time { Type::Any } else { ty };
            return arith(op, left, right, ty, span);
        }
        match op {
            ArithOp::Add | ArithOp::Subtract => self.add(op, left, right, span),
            ArithOp::Multiply | ArithOp::Divide => self.multiply(op, left, right, span),
        }
    }

    fn add(&mut self, op: ArithOp, left: Expr, right: Expr, span: Span) -> Expr {
        let out = match (&left.ty, &right.ty, op) {
            (Type::Time, Type::Time, ArithOp::Subtract) => Some(Type::DURATION),
            (Type::Time, Type::Number(Unit::DURATION), _) => Some(Type::Time),
            (Type::Number(Unit::DURATION), Type::Time, ArithOp::Add) => Some(Type::Time),
            _ => None,
        };
        if let Some(ty) = out {
            return arith(op, left, right, ty, span);
        }
        let verb = if op == ArithOp::Add { "plus" } else { "minus" };
        if unit(&left).is_none() || unit(&right).is_none() {
            let (a, b) = (left.ty.word(), right.ty.word());
            let text = left.ty == Type::Text || right.ty == Type::Text;
            let mut error = Diagnostic::error(
                "type",
                span,
                format!("{a} {verb} {b}"),
                "needs numbers or times",
            );
            if text {
                error = error.hint("texts are joined in messages: \"{a} {b}\"");
            }
            self.report(error);
            return broken(span);
        }
        let Some((left, right)) = self.agree(left, right, verb, span) else {
            return broken(span);
        };
        let ty = left.ty.clone();
        arith(op, left, right, ty, span)
    }

    fn multiply(&mut self, op: ArithOp, left: Expr, right: Expr, span: Span) -> Expr {
        let (Some(a), Some(b)) = (unit(&left), unit(&right)) else {
            let wrong = if unit(&left).is_none() { &left } else { &right };
            self.report(Diagnostic::error(
                "type",
                wrong.span,
                format!("{} is not a number", wrong.ty.word()),
                "needs a number",
            ));
            return broken(span);
        };
        let divide = op == ArithOp::Divide;
        let plain = |u: Unit| u == Unit::PLAIN;
        let once = |u: Unit| Unit {
            per_second: false,
            ..u
        };
        let rate = |u: Unit| Unit {
            per_second: true,
            ..u
        };
        let out = if divide && a == b {
            Some(Unit::PLAIN)
        } else if plain(b) {
            Some(a)
        } else if plain(a) && !divide {
            Some(b)
        } else if a == Unit::PERCENT && !divide {
            let ty = Type::Number(b);
            return arith(
                op,
                hundred(left, ArithOp::Divide, Type::PLAIN),
                right,
                ty,
                span,
            );
        } else if b == Unit::PERCENT {
            let ty = Type::Number(a);
            return arith(
                op,
                left,
                hundred(right, ArithOp::Divide, Type::PLAIN),
                ty,
                span,
            );
        } else if divide && b == Unit::DURATION && !a.per_second {
            Some(rate(a))
        } else if divide && b.per_second && a == once(b) {
            Some(Unit::DURATION)
        } else if !divide && a.per_second && b == Unit::DURATION {
            Some(once(a))
        } else if !divide && b.per_second && a == Unit::DURATION {
            Some(once(b))
        } else {
            None
        };
        match out {
            Some(unit) => arith(op, left, right, Type::Number(unit), span),
            None => {
                let verb = if divide { "divided by" } else { "times" };
                self.report(
                    Diagnostic::error(
                        "unit",
                        span,
                        format!("{} {verb} {} has no meaning", a.word(), b.word()),
                        "these units do not combine",
                    )
                    .hint("units combine as quotients of equal units, with plain numbers, percents and durations"),
                );
                broken(span)
            }
        }
    }

    /// Reports when `expr` is not of type `wanted`; `what` says what it is.
    pub fn want(&mut self, expr: Expr, wanted: &Type, what: &str) -> Expr {
        if same(&expr.ty, wanted) {
            return expr;
        }
        let mut error = Diagnostic::error(
            "type",
            expr.span,
            format!(
                "{what} must be {}, this is {}",
                wanted.phrase(),
                expr.ty.phrase()
            ),
            expr.ty.phrase(),
        );
        if *wanted == Type::Bool {
            error = error.hint(match &expr.ty {
                Type::Text => "compare it: `… = \"text\"`",
                Type::Number(_) => "compare it: `… > 0`",
                _ => "write a condition",
            });
        }
        self.report(error);
        broken(expr.span)
    }
}

fn arith(op: ArithOp, left: Expr, right: Expr, ty: Type, span: Span) -> Expr {
    Expr {
        node: Node::Arith {
            op,
            left: Box::new(left),
            right: Box::new(right),
        },
        ty,
        span,
    }
}
