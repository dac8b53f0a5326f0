//! Aggregates over the rows of a group.
//!
//! Each keeps what its answer needs and no more: a count, a sum, the extremes; only percentiles, `list` and
//! `uniq` keep values. The result never depends on the order in which rows come, ties by time excepted.

use super::order::{self, Key};
use crate::ir_query::AggregateFunc;
use crate::table::value_bytes;
use crate::value::Value;
use std::collections::BTreeSet;
use storage::Nanos;

/// What is known of one aggregate of one group so far.
#[derive(Clone, Debug)]
pub enum State {
    /// Rows, or rows where true.
    Count(u64),
    /// Distinct values.
    Distinct(BTreeSet<Key>),
    /// Numbers, for what needs all of them.
    Numbers(Vec<f64>),
    /// An exact sum and how many went in.
    Sum(Exact, u64),
    /// The least or greatest so far.
    Extreme(Value),
    /// The value of the earliest or latest row.
    Edge(Option<Nanos>, Value),
    /// Rows where true, rows where known, rows.
    Truth(u64, u64, u64),
}

impl State {
    /// Before the first row.
    pub fn new(func: AggregateFunc) -> State {
        match func {
            AggregateFunc::Count => State::Count(0),
            AggregateFunc::List | AggregateFunc::Uniq => State::Distinct(BTreeSet::new()),
            AggregateFunc::Avg | AggregateFunc::Sum => State::Sum(Exact::default(), 0),
            AggregateFunc::Min | AggregateFunc::Max => State::Extreme(Value::Unknown),
            AggregateFunc::Percentile(_) | AggregateFunc::Stddev => State::Numbers(Vec::new()),
            AggregateFunc::Share | AggregateFunc::Any | AggregateFunc::Every => {
                State::Truth(0, 0, 0)
            }
            AggregateFunc::First | AggregateFunc::Last => State::Edge(None, Value::Unknown),
        }
    }

    /// Takes in one row's value; None for a count of rows. Gives the memory that it took more.
    pub fn add(&mut self, func: AggregateFunc, value: Option<Value>, time: Nanos) -> usize {
        if let (State::Count(count), None) = (&mut *self, &value) {
            *count += 1;
            return 0;
        }
        let value = value.unwrap_or_default();
        match self {
            State::Truth(yes, known, all) => {
                *all += 1;
                if let Value::Bool(bool) = value {
                    *known += 1;
                    *yes += u64::from(bool);
                }
            }
            _ if value == Value::Unknown => {}
            State::Count(count) => *count += u64::from(value == Value::Bool(true)),
            State::Distinct(set) => {
                let bytes = value_bytes(&value) + 48;
                if set.insert(Key(vec![value])) {
                    return bytes;
                }
            }
            State::Numbers(numbers) => {
                if let Value::Number(number) = value {
                    numbers.push(number);
                    return size_of::<f64>();
                }
            }
            State::Sum(sum, count) => {
                if let Value::Number(number) = value {
                    sum.add(number);
                    *count += 1;
                }
            }
            State::Extreme(extreme) => {
                let order = order::ascending(&value, extreme);
                let better = if func == AggregateFunc::Min {
                    order.is_lt()
                } else {
                    order.is_gt()
                };
                if *extreme == Value::Unknown || better {
                    *extreme = value;
                }
            }
            State::Edge(at, edge) => {
                let better = match (&at, func) {
                    (None, _) => true,
                    (Some(at), AggregateFunc::First) => time < *at,
                    (Some(at), _) => time >= *at,
                };
                if better {
                    *at = Some(time);
                    *edge = value;
                }
            }
        }
        0
    }

    /// The answer.
    pub fn value(self, func: AggregateFunc) -> Value {
        match (self, func) {
            (State::Count(count), _) => Value::Number(count as f64),
            (State::Distinct(set), AggregateFunc::Uniq) => Value::Number(set.len() as f64),
            (State::Distinct(set), _) => {
                Value::List(set.into_iter().flat_map(|key| key.0).collect())
            }
            (State::Sum(_, 0), AggregateFunc::Avg) => Value::Unknown,
            (State::Sum(sum, count), AggregateFunc::Avg) => {
                Value::Number(sum.value() / count as f64)
            }
            // A sum over nothing known is not known either, as in a window.
            (State::Sum(_, 0), _) => Value::Unknown,
            (State::Sum(sum, _), _) => Value::Number(sum.value()),
            (State::Extreme(value) | State::Edge(_, value), _) => value,
            (State::Numbers(numbers), AggregateFunc::Percentile(q)) => percentile(numbers, q),
            (State::Numbers(numbers), _) => deviation(&numbers),
            (State::Truth(yes, known, _), AggregateFunc::Share) => {
                if known == 0 {
                    Value::Unknown
                } else {
                    Value::Number(100.0 * yes as f64 / known as f64)
                }
            }
            (State::Truth(yes, known, all), AggregateFunc::Any) => match (yes > 0, known == all) {
                (true, _) => Value::Bool(true),
                (false, true) => Value::Bool(false),
                (false, false) => Value::Unknown,
            },
            (State::Truth(yes, known, all), _) => match (yes < known, known == all) {
                (true, _) => Value::Bool(false),
                (false, true) => Value::Bool(true),
                (false, false) => Value::Unknown,
            },
        }
    }
}

/// Linear interpolation at q·(n−1); unknown of nothing.
fn percentile(mut numbers: Vec<f64>, q: f64) -> Value {
    if numbers.is_empty() {
        return Value::Unknown;
    }
    numbers.sort_by(f64::total_cmp);
    let place = q * (numbers.len() - 1) as f64;
    let below = (place.floor() as usize).min(numbers.len() - 1);
    let above = (below + 1).min(numbers.len() - 1);
    Value::Number(numbers[below] + (numbers[above] - numbers[below]) * (place - below as f64))
}

/// Standard deviation of the population.
fn deviation(numbers: &[f64]) -> Value {
    if numbers.is_empty() {
        return Value::Unknown;
    }
    let mut sum = Exact::default();
    numbers.iter().for_each(|number| sum.add(*number));
    let mean = sum.value() / numbers.len() as f64;
    let mut squares = Exact::default();
    numbers
        .iter()
        .for_each(|number| squares.add((number - mean) * (number - mean)));
    Value::Number((squares.value() / numbers.len() as f64).sqrt())
}

/// A sum without rounding errors: parts that do not overlap, rounded once at the end.
/// Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
/// Predicates" (1997).
#[derive(Clone, Debug, Default)]
pub struct Exact {
    /// Ascending in magnitude, not overlapping.
    parts: Vec<f64>,
    /// Sum of the infinities, should a signal carry them.
    special: f64,
}

impl Exact {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        if !number.is_finite() {
            self.special += number;
            return;
        }
        let mut carry = number;
        let mut kept = 0;
        for at in 0..self.parts.len() {
            let mut part = self.parts[at];
            if carry.abs() < part.abs() {
                std::mem::swap(&mut carry, &mut part);
            }
            let high = carry + part;
            let low = part - (high - carry);
            if low != 0.0 {
                self.parts[kept] = low;
                kept += 1;
            }
            carry = high;
        }
        self.parts.truncate(kept);
        self.parts.push(carry);
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        if self.special != 0.0 || self.special.is_nan() {
            return self.special;
        }
        let mut parts = self.parts.iter().rev();
        let Some(mut high) = parts.next().copied() else {
            return 0.0;
        };
        let mut low = 0.0;
        for part in parts.by_ref() {
            let before = high;
            high = before + part;
            low = part - (high - before);
            if low != 0.0 {
                break;
            }
        }
        // Half-way cases round as the exact sum does: look one part further.
        if let Some(next) = parts.next()
            && ((low < 0.0 && *next < 0.0) || (low > 0.0 && *next > 0.0))
        {
            let twice = low * 2.0;
            let rounded = high + twice;
            if twice == rounded - high {
                high = rounded;
            }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AggregateFunc::*;

    fn check(func: AggregateFunc, values: &[Value], expected: Value) {
        for turn in 0..values.len().max(1) {
            let mut state = State::new(func);
            let mut rows: Vec<(usize, &Value)> = values.iter().enumerate().collect();
            rows.rotate_left(turn);
            for (time, value) in rows {
                state.add(func, Some(value.clone()), time as Nanos);
            }
            assert_eq!(state.value(func), expected, "{func:?}");
        }
    }

    #[test]
    fn every_aggregate_in_any_order() {
        let numbers = [1e100, 1.0, -1e100, 4.0, f64::NAN].map(|n| {
            if n.is_nan() {
                Value::Unknown
            } else {
                Value::Number(n)
            }
        });
        check(Sum, &numbers, Value::Number(5.0));
        check(Avg, &numbers, Value::Number(1.25));
        check(Min, &numbers, Value::Number(-1e100));
        check(Max, &numbers, Value::Number(1e100));
        check(Percentile(0.5), &numbers, Value::Number(2.5));
        check(First, &numbers, Value::Number(1e100));
        check(Last, &numbers, Value::Number(4.0));
        check(Uniq, &numbers, Value::Number(4.0));
        let few = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].map(Value::Number);
        check(Stddev, &few, Value::Number(2.0));
        check(Percentile(1.0), &few, Value::Number(9.0));
        check(
            List,
            &[
                Value::Text("b".into()),
                Value::Unknown,
                Value::Text("a".into()),
                Value::Text("b".into()),
            ],
            Value::List([Value::Text("a".into()), Value::Text("b".into())].into()),
        );
    }

    #[test]
    fn of_rows_at_one_instant_the_first_and_the_last_that_came() {
        for (func, expected) in [(First, 1.0), (Last, 2.0)] {
            let mut state = State::new(func);
            state.add(func, Some(Value::Number(1.0)), 5);
            state.add(func, Some(Value::Number(2.0)), 5);
            assert_eq!(state.value(func), Value::Number(expected));
        }
    }

    #[test]
    fn truth() {
        let (yes, no) = (Value::Bool(true), Value::Bool(false));
        let mixed = [yes.clone(), no.clone(), Value::Unknown, no.clone()];
        check(Count, &mixed, Value::Number(1.0));
        check(Share, &mixed, Value::Number(100.0 / 3.0));
        check(Any, &mixed, yes.clone());
        check(Every, &mixed, no.clone());
        check(Any, &[no.clone(), Value::Unknown], Value::Unknown);
        check(Every, &[yes.clone(), Value::Unknown], Value::Unknown);
        check(Every, &[], yes);
        check(Any, &[], no);
    }

    #[test]
    fn of_nothing() {
        for func in [
            Sum,
            Avg,
            Min,
            Max,
            First,
            Last,
            Percentile(0.5),
            Stddev,
            Share,
        ] {
            check(func, &[], Value::Unknown);
        }
        check(Count, &[], Value::Number(0.0));
        check(List, &[], Value::List([].into()));
    }
}
