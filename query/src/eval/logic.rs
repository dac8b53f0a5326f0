//! Three-valued logic, comparison, arithmetic and functions of plain values.

use super::Known;
use super::linear::{Linear, turn};
use crate::ir::{ArithOp, Builtin, CompareOp};
use crate::value::Value;
use regex::Regex;
use smol_str::SmolStr;
use std::cmp::Ordering;
use storage::{Nanos, SECOND};

pub(super) fn not(known: Known) -> Known {
    let value = match known.truth() {
        Some(truth) => Value::Bool(!truth),
        None => Value::Unknown,
    };
    Known::new(value, known.since, known.until)
}

/// Order of two known values of one kind; None: they do not compare.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn holds(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Equal => order == Ordering::Equal,
        CompareOp::NotEqual => order != Ordering::Equal,
        CompareOp::Less => order == Ordering::Less,
        CompareOp::LessEqual => order != Ordering::Greater,
        CompareOp::Greater => order == Ordering::Greater,
        CompareOp::GreaterEqual => order != Ordering::Less,
    }
}

pub(super) fn compare(op: CompareOp, left: Known, right: Known, at: Nanos) -> Known {
    let (since, until) = (left.since.max(right.since), left.until.min(right.until));
    let Some(order) = order(&left.value, &right.value) else {
        return Known::new(Value::Unknown, since, until);
    };
    let out = Known::new(Value::Bool(holds(op, order)), since, until);
    if left.line.is_none() && right.line.is_none() {
        return out;
    }
    let (Value::Number(a), Value::Number(b)) = (&left.value, &right.value) else {
        return out;
    };
    let value_at =
        |known: &Known, fixed: f64, t: Nanos| known.line.map_or(fixed, |line| line.at(t));
    let scale = |known: &Known| known.line.map_or(0.0, |line| line.scale);
    let speed = scale(&left) - scale(&right);
    if speed == 0.0 {
        return out;
    }
    let truth_at = |op: CompareOp, t: Nanos| {
        value_at(&left, *a, t)
            .partial_cmp(&value_at(&right, *b, t))
            .is_some_and(|order| holds(op, order))
    };
    let estimate = at as f64 + (b - a) / speed * SECOND as f64;
    let turn = |op, since, until| turn(at, since, until, estimate, |t| truth_at(op, t));
    let (since, until) = match op {
        // a moving number meets a standing one for an instant: before, then and after
        CompareOp::Equal | CompareOp::NotEqual => {
            let (since, until) = turn(CompareOp::Less, since, until);
            turn(CompareOp::LessEqual, since, until)
        }
        op => turn(op, since, until),
    };
    Known::new(out.value, since, until)
}

pub(super) fn arith(op: ArithOp, left: Known, right: Known, at: Nanos) -> Known {
    let (since, until) = (left.since.max(right.since), left.until.min(right.until));
    let value = match (&left.value, &right.value) {
        (Value::Number(a), Value::Number(b)) => number(op, *a, *b),
        (Value::Time(a), Value::Time(b)) if op == ArithOp::Subtract => {
            Value::Number(a.saturating_sub(*b) as f64 / SECOND as f64)
        }
        (Value::Time(a), Value::Number(b)) | (Value::Number(b), Value::Time(a)) => {
            let nanos = (b * SECOND as f64) as Nanos;
            match op {
                ArithOp::Add => Value::Time(a.saturating_add(nanos)),
                ArithOp::Subtract => Value::Time(a.saturating_sub(nanos)),
                _ => Value::Unknown,
            }
        }
        _ => Value::Unknown,
    };
    let mut out = Known::new(value, since, until);
    if left.line.is_some() || right.line.is_some() {
        match line(op, &left, &right, at) {
            Some(line) if out.value != Value::Unknown => {
                out.value = Value::Number(line.at(at));
                out.line = Some(line);
            }
            _ => out = out.within(at, at.saturating_add(SECOND)),
        }
    }
    out
}

fn number(op: ArithOp, a: f64, b: f64) -> Value {
    let number = match op {
        ArithOp::Add => a + b,
        ArithOp::Subtract => a - b,
        ArithOp::Multiply => a * b,
        ArithOp::Divide if b == 0.0 => return Value::Unknown,
        ArithOp::Divide => a / b,
    };
    if number.is_nan() {
        Value::Unknown
    } else {
        Value::Number(number)
    }
}

/// The line of a sum or a multiple; None where it is no line.
fn line(op: ArithOp, left: &Known, right: &Known, at: Nanos) -> Option<Linear> {
    let (Value::Number(a), Value::Number(b)) = (&left.value, &right.value) else {
        return None;
    };
    match (op, left.line, right.line) {
        (ArithOp::Add, Some(first), Some(second)) => Some(Linear {
            origin: at,
            scale: first.scale + second.scale,
            add: a + b,
        }),
        (ArithOp::Subtract, Some(first), Some(second)) => Some(Linear {
            origin: at,
            scale: first.scale - second.scale,
            add: a - b,
        }),
        (ArithOp::Add, Some(line), None) => Some(Linear {
            add: line.add + b,
            ..line
        }),
        (ArithOp::Add, None, Some(line)) => Some(Linear {
            add: line.add + a,
            ..line
        }),
        (ArithOp::Subtract, Some(line), None) => Some(Linear {
            add: line.add - b,
            ..line
        }),
        (ArithOp::Subtract, None, Some(line)) => Some(Linear {
            origin: line.origin,
            scale: -line.scale,
            add: a - line.add,
        }),
        (ArithOp::Multiply, Some(line), None) => Some(Linear {
            add: line.add * b,
            scale: line.scale * b,
            ..line
        }),
        (ArithOp::Multiply, None, Some(line)) => Some(Linear {
            add: line.add * a,
            scale: line.scale * a,
            ..line
        }),
        (ArithOp::Divide, Some(line), None) if *b != 0.0 => Some(Linear {
            add: line.add / b,
            scale: line.scale / b,
            ..line
        }),
        _ => None,
    }
}

pub(super) fn matches(text: Known, pattern: Known, compiled: Option<&Regex>) -> Known {
    let (since, until) = (text.since.max(pattern.since), text.until.min(pattern.until));
    let truth = match (&text.value, &pattern.value, compiled) {
        (Value::Text(text), _, Some(regex)) => Some(regex.is_match(text)),
        (Value::Text(text), Value::Text(pattern), None) => {
            Regex::new(pattern).ok().map(|r| r.is_match(text))
        }
        _ => None,
    };
    Known::new(truth.map_or(Value::Unknown, Value::Bool), since, until)
}

pub(super) fn is_in(value: Known, list: Known, negated: bool) -> Known {
    let (since, until) = (value.since.max(list.since), value.until.min(list.until));
    let truth = match (&value.value, &list.value) {
        (Value::Unknown, _) | (_, Value::Unknown) => None,
        (value, Value::List(items)) => {
            if items.iter().any(|item| item == value) {
                Some(!negated)
            } else if items.contains(&Value::Unknown) {
                None
            } else {
                Some(negated)
            }
        }
        _ => None,
    };
    Known::new(truth.map_or(Value::Unknown, Value::Bool), since, until)
}

pub(super) fn call(
    function: Builtin,
    arguments: &[Known],
    hresult: fn(&str) -> Option<&'static str>,
    at: Nanos,
) -> Known {
    let since = arguments
        .iter()
        .map(|a| a.since)
        .max()
        .unwrap_or(Nanos::MIN);
    let until = arguments
        .iter()
        .map(|a| a.until)
        .min()
        .unwrap_or(Nanos::MAX);
    let value = match (function, arguments.first().map(|a| &a.value)) {
        (Builtin::Hresult, Some(Value::Text(code))) => {
            Value::Text(SmolStr::new(hresult(code).unwrap_or("")))
        }
        (Builtin::Abs, Some(Value::Number(x))) => Value::Number(x.abs()),
        (Builtin::Round, Some(Value::Number(x))) => Value::Number(x.round()),
        (Builtin::Lower, Some(Value::Text(text))) => Value::Text(text.to_lowercase().into()),
        (Builtin::Upper, Some(Value::Text(text))) => Value::Text(text.to_uppercase().into()),
        _ => Value::Unknown,
    };
    let out = Known::new(value, since, until);
    match (arguments.first(), &out.value) {
        (Some(argument), Value::Number(number)) => match argument.line {
            Some(line) => follow(function, out.clone(), argument, *number, line, at),
            None => out,
        },
        _ => out,
    }
}

/// `abs` and `round` of a number that moves: as long as its sign, or what it rounds to, stays.
fn follow(
    function: Builtin,
    out: Known,
    argument: &Known,
    number: f64,
    line: Linear,
    at: Nanos,
) -> Known {
    let Value::Number(now) = argument.value else {
        return out;
    };
    let when = |level: f64| at as f64 + (level - now) / line.scale * SECOND as f64;
    let turn_at = |level: f64, (since, until), holds: &dyn Fn(f64) -> bool| {
        turn(at, since, until, when(level), |t| holds(line.at(t)))
    };
    let bounds = (out.since, out.until);
    if function == Builtin::Round {
        let bounds = turn_at(number + 0.5, bounds, &|x| x.round() > number);
        let (since, until) = turn_at(number - 0.5, bounds, &|x| x.round() < number);
        return Known {
            since,
            until,
            ..out
        };
    }
    let sign = if now < 0.0 { -1.0 } else { 1.0 };
    let (since, until) = turn_at(0.0, bounds, &|x| x < 0.0);
    Known {
        since,
        until,
        line: Some(Linear {
            add: line.add * sign,
            scale: line.scale * sign,
            ..line
        }),
        ..out
    }
}
