//! `E for D`, `since(E)` and `changes(E over D)`: walking back through the intervals of a condition.

use super::linear::Linear;
use super::{Env, Known, Scope};
use crate::ir::{Dur, Expr};
use crate::value::Value;
use storage::{Nanos, SECOND};

/// The most intervals one walk visits; beyond it the older past counts as unknown.
const WALK_MAX: usize = 200_000;

/// One interval of a walk: E had `value` from `since` up to `end` (exclusive; the first one: beyond the start).
struct Interval {
    value: Value,
    since: Nanos,
    end: Nanos,
}

impl Scope<'_> {
    /// Visits the intervals of `value` from `at` back to `limit`, newest first, until `visit` returns false.
    fn walk(
        &self,
        value: &Expr,
        at: Nanos,
        limit: Nanos,
        env: &Env<'_>,
        mut visit: impl FnMut(&Interval) -> bool,
    ) {
        let mut cursor = at;
        for _ in 0..WALK_MAX {
            let known = self.eval(value, cursor, env);
            let since = known.since.min(cursor);
            let end = if cursor == at {
                known.until
            } else {
                cursor + 1
            };
            if !visit(&Interval {
                value: known.value,
                since,
                end,
            }) || since <= limit
                || since == Nanos::MIN
            {
                return;
            }
            cursor = since - 1;
        }
        visit(&Interval {
            value: Value::Unknown,
            since: Nanos::MIN,
            end: cursor,
        });
    }

    pub(super) fn hold_for(&self, value: &Expr, duration: Dur, at: Nanos, env: &Env<'_>) -> Known {
        let duration = self.duration(duration, at);
        let span = duration.value;
        let start = at.saturating_sub(span);
        let mut falsified: Option<(Nanos, Nanos)> = None;
        let mut unknown: Option<(Nanos, Nanos)> = None;
        let mut first_until = Nanos::MAX;
        let mut walked = at;
        let mut newest = true;
        self.walk(value, at, start, env, |interval| {
            if newest {
                first_until = interval.end;
                newest = false;
            }
            walked = interval.since;
            match interval.value {
                Value::Bool(true) => true,
                Value::Bool(false) => {
                    falsified = Some((interval.since, interval.end));
                    false
                }
                _ => {
                    unknown.get_or_insert((interval.since, interval.end));
                    true
                }
            }
        });
        let out = match (falsified, unknown) {
            (Some((since, end)), _) => {
                Known::new(Value::Bool(false), since, end.saturating_add(span))
            }
            (None, Some((since, end))) => {
                // it may still turn false where the newest interval ends
                let until = end.saturating_add(span).min(first_until);
                Known::new(
                    Value::Unknown,
                    since.max(later(walked, span)).min(at),
                    until,
                )
            }
            (None, None) => Known::new(Value::Bool(true), later(walked, span).min(at), first_until),
        };
        out.within(duration.since, duration.until)
    }

    pub(super) fn since(&self, value: &Expr, at: Nanos, env: &Env<'_>) -> Known {
        let now = self.eval(value, at, env);
        if now.truth() != Some(true) {
            return Known::new(Value::Unknown, now.since, now.until);
        }
        let mut start = at;
        self.walk(value, at, Nanos::MIN, env, |interval| {
            let holds = interval.value == Value::Bool(true);
            if holds {
                start = interval.since;
            }
            holds
        });
        if start == Nanos::MIN {
            // true for ever: counted from when the device is known, and nothing before
            match self.device.known_since() {
                Some(known) if known <= at => start = known,
                known => {
                    let until = now.until.min(known.unwrap_or(Nanos::MAX));
                    return Known::new(Value::Number(0.0), now.since, until);
                }
            }
        }
        moving(start, at, start, now.until)
    }

    /// The instants in (from, to] at which the known value became another known value, newest first, and
    /// the instant since which the value before them stood.
    pub(super) fn changes(
        &self,
        value: &Expr,
        from: Nanos,
        to: Nanos,
        env: &Env<'_>,
    ) -> (Vec<Nanos>, Nanos) {
        let mut later: Option<(Value, Nanos)> = None;
        let mut instants = Vec::new();
        let mut before = Nanos::MIN;
        self.walk(value, to, Nanos::MIN, env, |interval| {
            before = interval.since;
            if interval.value == Value::Unknown {
                return true;
            }
            if let Some((value, since)) = &later
                && *value != interval.value
                && *since > from
            {
                instants.push(*since);
            }
            later = Some((interval.value.clone(), interval.since));
            interval.since > from
        });
        (instants, before)
    }
}

/// An instant moved by a span; what has been so for ever still is.
pub(super) fn later(instant: Nanos, span: Nanos) -> Nanos {
    match instant {
        Nanos::MIN => Nanos::MIN,
        instant => instant.saturating_add(span),
    }
}

/// The time since `origin`, as a number that grows.
pub(super) fn moving(origin: Nanos, at: Nanos, since: Nanos, until: Nanos) -> Known {
    let mut known = Known::new(
        Value::Number(at.saturating_sub(origin) as f64 / SECOND as f64),
        since,
        until,
    );
    known.line = Some(Linear::since(origin));
    known
}
