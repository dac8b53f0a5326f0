//! One total order of values: what `sort`, `min`, `max`, `list` and the order of groups mean.
//!
//! Unknown comes last, also when descending. Numbers order as numbers, texts by code point, lists item by
//! item; values of different types (columns of mixed rows) by type.

use crate::value::Value;
use std::cmp::Ordering;

/// Ascending, unknown last.
pub fn ascending(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number(*a).total_cmp(&number(*b)),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let mut items = a.iter().zip(b.iter()).map(|(a, b)| ascending(a, b));
            items
                .find(|order| order.is_ne())
                .unwrap_or(a.len().cmp(&b.len()))
        }
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

/// Descending, unknown last.
pub fn descending(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Unknown, _) | (_, Value::Unknown) => ascending(a, b),
        (a, b) => ascending(b, a),
    }
}

/// No two zeros.
fn number(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::Bool(_) => 1,
        Value::Text(_) => 2,
        Value::Time(_) => 3,
        Value::List(_) => 4,
        Value::Unknown => 5,
    }
}

/// Values as a key of a map, in [`ascending`] order.
#[derive(Clone, Debug)]
pub struct Key(pub Vec<Value>);

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        let mut items = self.0.iter().zip(&other.0).map(|(a, b)| ascending(a, b));
        items
            .find(|order| order.is_ne())
            .unwrap_or(self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(descend: bool, expected: &[Value]) {
        let mut values = expected.to_vec();
        values.rotate_left(1);
        values.sort_by(if descend { descending } else { ascending });
        assert_eq!(values, expected);
    }

    #[test]
    fn unknown_is_last_both_ways() {
        let number = Value::Number;
        check(
            false,
            &[number(-1.0), number(2.0), number(10.0), Value::Unknown],
        );
        check(
            true,
            &[number(10.0), number(2.0), number(-1.0), Value::Unknown],
        );
        check(
            false,
            &[
                Value::Text("B".into()),
                Value::Text("a".into()),
                Value::Text("ä".into()),
            ],
        );
        check(
            false,
            &[
                Value::List([].into()),
                Value::List([number(1.0)].into()),
                Value::List([number(2.0)].into()),
            ],
        );
        assert!(ascending(&number(0.0), &number(-0.0)).is_eq());
    }
}
