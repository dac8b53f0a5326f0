//! Window functions, over the samples in the window and nothing else.

use super::{eval, instances, key_at, past, samples};
use crate::eval::{Env, Scope, exact_sum};
use crate::ir::{self, Anchor, Dur, EventKind, Expr, Key, Node, SignalId, WindowFunc};
use crate::value::Value;
use std::collections::BTreeSet;
use storage::{Nanos, SECOND};

/// Windows up to here end at the instant itself also in rules.
pub(super) const STEPLESS_MAX: Nanos = 3600 * SECOND;

/// The window (from, to] at an instant; None when its anchor is unknown. What is later than the instant is
/// not there yet, but for `after T`: that only queries have, and they look at what followed a row.
pub(super) fn frame(
    scope: &Scope<'_>,
    over: Dur,
    anchor: &Anchor,
    at: Nanos,
    env: &Env<'_>,
) -> Option<(Nanos, Nanos)> {
    let span = super::duration(scope, over, at);
    let instant = |time: &Expr| match eval(time, scope, at, env) {
        Value::Time(instant) => Some(instant),
        _ => None,
    };
    let (from, to) = match anchor {
        Anchor::Now => {
            let step = if scope.world.stepped && span > STEPLESS_MAX {
                span / 60
            } else {
                1
            };
            let to = at.div_euclid(step).saturating_mul(step);
            (to.saturating_sub(span), to)
        }
        Anchor::Before(time) => {
            let end = instant(time)?;
            (end.saturating_sub(span), end.min(at))
        }
        Anchor::After(time) => {
            let start = instant(time)?;
            (
                start.saturating_sub(1),
                start.saturating_add(span).saturating_sub(1),
            )
        }
    };
    Some((from, to))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one node")]
pub(super) fn window(
    scope: &Scope<'_>,
    func: WindowFunc,
    value: &Expr,
    over: Dur,
    anchor: &Anchor,
    counter: bool,
    at: Nanos,
    env: &Env<'_>,
) -> Value {
    let Some((from, to)) = frame(scope, over, anchor, at, env) else {
        return Value::Unknown;
    };
    if func == WindowFunc::Changes {
        return Value::Number(past::changes(scope, value, from, to, env) as f64);
    }
    let mut found = Vec::new();
    for instant in sample_instants(scope, value, env) {
        if instant > from && instant <= to {
            match eval(value, scope, instant, env) {
                Value::Unknown => {}
                known => found.push((instant, known)),
            }
        }
    }
    let numbers: Vec<(Nanos, f64)> = found
        .iter()
        .filter_map(|(time, value)| match value {
            Value::Number(number) => Some((*time, *number)),
            Value::Bool(truth) => Some((*time, if *truth { 1.0 } else { 0.0 })),
            _ => None,
        })
        .collect();
    let values = || numbers.iter().map(|(_, number)| *number);
    let mean = |sum: f64| sum / numbers.len() as f64;
    let number = match func {
        WindowFunc::Count => return Value::Number(found.len() as f64),
        WindowFunc::First => {
            return found
                .first()
                .map_or(Value::Unknown, |(_, value)| value.clone());
        }
        WindowFunc::Last => {
            return found
                .last()
                .map_or(Value::Unknown, |(_, value)| value.clone());
        }
        _ if numbers.is_empty() => None,
        WindowFunc::Min => values().reduce(f64::min),
        WindowFunc::Max => values().reduce(f64::max),
        WindowFunc::Sum => Some(exact_sum(values())),
        WindowFunc::Avg => Some(mean(exact_sum(values()))),
        WindowFunc::Stddev => {
            let centre = mean(exact_sum(values()));
            Some(mean(exact_sum(values().map(|number| (number - centre).powi(2)))).sqrt())
        }
        WindowFunc::Percentile(q) => Some(percentile(values().collect(), q)),
        WindowFunc::Delta => delta(scope, &numbers, counter).map(|(delta, _)| delta),
        WindowFunc::Rate => delta(scope, &numbers, counter)
            .filter(|(_, time)| *time > 0)
            .map(|(delta, time)| delta / super::seconds(time)),
        WindowFunc::Changes => None,
    };
    number.map_or(Value::Unknown, Value::Number)
}

/// The instants at which a signal that the expression reads has a sample.
pub(super) fn sample_instants(scope: &Scope<'_>, expr: &Expr, env: &Env<'_>) -> BTreeSet<Nanos> {
    let mut out = BTreeSet::new();
    collect(scope, expr, env, &mut out);
    out
}

fn collect(scope: &Scope<'_>, expr: &Expr, env: &Env<'_>, out: &mut BTreeSet<Nanos>) {
    match &expr.node {
        Node::Let(id) => collect(
            scope,
            &scope.world.program.lets[id.index()].value,
            &Env::Empty,
            out,
        ),
        Node::Signal { signal, key } => signal_instants(scope, *signal, key, env, out),
        _ => {}
    }
    ir::children(expr, &mut |child| collect(scope, child, env, out));
}

fn signal_instants(
    scope: &Scope<'_>,
    signal: SignalId,
    key: &Key,
    env: &Env<'_>,
    out: &mut BTreeSet<Nanos>,
) {
    let family = scope.world.program.catalog.signals[signal.index()].family;
    let all = || instances(scope, family, Nanos::MAX);
    match key {
        // bound inside the expression: every instance
        Key::Slot(slot) if env.instance(*slot).is_none() => {
            out.extend(
                all()
                    .iter()
                    .flat_map(|key| samples(scope, signal, key))
                    .map(|(time, _)| time),
            );
        }
        Key::Expr(_) => {
            for read in all() {
                let at_key = |(time, _): &(Nanos, Value)| {
                    key_at(scope, key, *time, env).is_some_and(|key| key == read)
                };
                out.extend(
                    samples(scope, signal, &read)
                        .into_iter()
                        .filter(at_key)
                        .map(|(time, _)| time),
                );
            }
        }
        key => {
            if let Some(key) = key_at(scope, key, Nanos::MAX, env) {
                out.extend(
                    samples(scope, signal, &key)
                        .into_iter()
                        .map(|(time, _)| time),
                );
            }
        }
    }
}

/// Linear interpolation at q·(n−1) of the sorted values.
fn percentile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = q * (values.len() as f64 - 1.0);
    let (low, part) = (place.floor() as usize, place.fract());
    match values.get(low + 1) {
        Some(high) => values[low] + (high - values[low]) * part,
        None => values[low],
    }
}

/// Difference and time: of a gauge last − first; of a counter the increases of neighbours between which no
/// boot lies, a fall counting from 0.
fn delta(scope: &Scope<'_>, numbers: &[(Nanos, f64)], counter: bool) -> Option<(f64, Nanos)> {
    let (first, last) = (numbers.first()?, numbers.last()?);
    if numbers.len() < 2 {
        return None;
    }
    if !counter {
        return Some((last.1 - first.1, last.0 - first.0));
    }
    let boots = super::happened::all(scope, EventKind::Boot);
    let mut increases = Vec::new();
    let mut time = 0;
    for ((from, old), (to, new)) in numbers.iter().zip(&numbers[1..]) {
        if boots
            .iter()
            .any(|boot| boot.time > *from && boot.time <= *to)
        {
            continue;
        }
        increases.push(if new < old { *new } else { new - old });
        time += to - from;
    }
    if increases.is_empty() {
        None
    } else {
        Some((exact_sum(increases.into_iter()), time))
    }
}
