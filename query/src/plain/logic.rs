//! Three-valued logic, comparison, arithmetic and functions, on values alone.

use crate::ir::{ArithOp, Builtin, CompareOp};
use crate::value::Value;
use regex::Regex;
use std::cmp::Ordering;
use storage::{Nanos, SECOND};

pub(super) fn not(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => Value::Bool(!truth),
        _ => Value::Unknown,
    }
}

/// False if one is false, else unknown if one is unknown, else true.
pub(super) fn and(values: impl Iterator<Item = Value>) -> Value {
    let values: Vec<Value> = values.collect();
    if values.contains(&Value::Bool(false)) {
        Value::Bool(false)
    } else if values.iter().all(|value| *value == Value::Bool(true)) {
        Value::Bool(true)
    } else {
        Value::Unknown
    }
}

/// True if one is true, else unknown if one is unknown, else false.
pub(super) fn or(values: impl Iterator<Item = Value>) -> Value {
    not(&and(values.map(|value| not(&value))))
}

/// How two known values of one kind stand to each other.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

pub(super) fn compare(op: CompareOp, left: &Value, right: &Value) -> Value {
    let Some(order) = order(left, right) else {
        return Value::Unknown;
    };
    Value::Bool(match op {
        CompareOp::Equal => order.is_eq(),
        CompareOp::NotEqual => order.is_ne(),
        CompareOp::Less => order.is_lt(),
        CompareOp::LessEqual => order.is_le(),
        CompareOp::Greater => order.is_gt(),
        CompareOp::GreaterEqual => order.is_ge(),
    })
}

pub(super) fn arith(op: ArithOp, left: &Value, right: &Value) -> Value {
    let nanos = |seconds: f64| (seconds * SECOND as f64) as Nanos;
    match (op, left, right) {
        (op, Value::Number(a), Value::Number(b)) => {
            let number = match op {
                ArithOp::Add => a + b,
                ArithOp::Subtract => a - b,
                ArithOp::Multiply => a * b,
                ArithOp::Divide if *b == 0.0 => return Value::Unknown,
                ArithOp::Divide => a / b,
            };
            if number.is_nan() {
                Value::Unknown
            } else {
                Value::Number(number)
            }
        }
        (ArithOp::Subtract, Value::Time(a), Value::Time(b)) => {
            Value::Number(super::seconds(a.saturating_sub(*b)))
        }
        (ArithOp::Add, Value::Time(time), Value::Number(span))
        | (ArithOp::Add, Value::Number(span), Value::Time(time)) => {
            Value::Time(time.saturating_add(nanos(*span)))
        }
        (ArithOp::Subtract, Value::Time(time), Value::Number(span)) => {
            Value::Time(time.saturating_sub(nanos(*span)))
        }
        _ => Value::Unknown,
    }
}

pub(super) fn matches(text: &Value, pattern: &Value, compiled: Option<&Regex>) -> Value {
    match (text, pattern, compiled) {
        (Value::Text(text), _, Some(regex)) => Value::Bool(regex.is_match(text)),
        (Value::Text(text), Value::Text(pattern), None) => {
            Regex::new(pattern).map_or(Value::Unknown, |regex| Value::Bool(regex.is_match(text)))
        }
        _ => Value::Unknown,
    }
}

/// Or over the equalities with the items: an unknown item leaves it open.
pub(super) fn is_in(value: &Value, list: &Value) -> Value {
    let (Value::List(items), true) = (list, *value != Value::Unknown) else {
        return Value::Unknown;
    };
    or(items.iter().map(|item| match item {
        Value::Unknown => Value::Unknown,
        item => Value::Bool(item == value),
    }))
}

pub(super) fn call(
    function: Builtin,
    argument: &Value,
    hresult: fn(&str) -> Option<&'static str>,
) -> Value {
    match (function, argument) {
        (Builtin::Hresult, Value::Text(code)) => {
            Value::Text(hresult(code).unwrap_or_default().into())
        }
        (Builtin::Abs, Value::Number(number)) => Value::Number(number.abs()),
        (Builtin::Round, Value::Number(number)) => Value::Number(number.round()),
        (Builtin::Lower, Value::Text(text)) => Value::Text(text.to_lowercase().into()),
        (Builtin::Upper, Value::Text(text)) => Value::Text(text.to_uppercase().into()),
        _ => Value::Unknown,
    }
}
