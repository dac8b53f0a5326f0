//! `E for D`, `since(E)`, `changes(E over D)` and `x at T`: an expression at other instants than now.

use super::critical::{self, critical};
use super::eval;
use crate::eval::{Env, Scope};
use crate::ir::{Dur, Expr};
use crate::value::Value;
use storage::{Nanos, SECOND};

/// False if E is false anywhere in [t−D, t]; else unknown if unknown anywhere; else true.
pub(super) fn hold(
    scope: &Scope<'_>,
    value: &Expr,
    duration: Dur,
    at: Nanos,
    env: &Env<'_>,
) -> Value {
    let start = at.saturating_sub(super::duration(scope, duration, at));
    let mut unknown = false;
    for instant in std::iter::once(start).chain(critical(value, scope, start, at, env)) {
        match eval(value, scope, instant, env) {
            Value::Bool(false) => return Value::Bool(false),
            Value::Bool(true) => {}
            _ => unknown = true,
        }
    }
    if unknown {
        Value::Unknown
    } else {
        Value::Bool(true)
    }
}

/// How long E has been true; what was true since ever counts from when the device is known.
pub(super) fn since(scope: &Scope<'_>, value: &Expr, at: Nanos, env: &Env<'_>) -> Value {
    if eval(value, scope, at, env) != Value::Bool(true) {
        return Value::Unknown;
    }
    let mut origin = at;
    back(scope, value, at, env, |from, value| {
        let holds = *value == Value::Bool(true);
        if holds {
            origin = from;
        }
        holds
    });
    if origin == Nanos::MIN {
        origin = scope.device.known_since().unwrap_or(at).min(at);
    }
    Value::Number(super::seconds(at - origin))
}

/// How often in (from, to] the known value of E became another known value.
pub(super) fn changes(
    scope: &Scope<'_>,
    value: &Expr,
    from: Nanos,
    to: Nanos,
    env: &Env<'_>,
) -> u64 {
    let mut last = Value::Unknown;
    back(scope, value, from, env, |_, value| {
        last = value.clone();
        last == Value::Unknown
    });
    let mut count = 0;
    for instant in critical(value, scope, from, to, env) {
        let now = eval(value, scope, instant, env);
        if now == Value::Unknown {
            continue;
        }
        if last != Value::Unknown && last != now {
            count += 1;
        }
        last = now;
    }
    count
}

/// x with what was known at T; unknown when T is unknown or yet to come.
pub(super) fn at(scope: &Scope<'_>, value: &Expr, time: &Expr, at: Nanos, env: &Env<'_>) -> Value {
    match eval(time, scope, at, env) {
        Value::Time(instant) if instant <= at => {
            let then = Scope {
                known: scope.known.min(instant),
                floor: None,
                ..*scope
            };
            eval(value, &then, instant, env)
        }
        _ => Value::Unknown,
    }
}

/// Visits the pieces of the past in which E stood still, newest first from `at` back: from when on, and
/// its value; the oldest is from [`Nanos::MIN`] on. Until `visit` says false.
fn back(
    scope: &Scope<'_>,
    value: &Expr,
    at: Nanos,
    env: &Env<'_>,
    mut visit: impl FnMut(Nanos, &Value) -> bool,
) {
    let genesis = critical::genesis(scope);
    let mut high = at;
    let mut chunk = 3600 * SECOND;
    loop {
        let low = if high <= genesis {
            Nanos::MIN
        } else {
            high.saturating_sub(chunk)
        };
        let mut oldest = high;
        for instant in critical(value, scope, low, high, env).into_iter().rev() {
            if !visit(instant, &eval(value, scope, instant, env)) {
                return;
            }
            oldest = instant - 1;
        }
        if low == Nanos::MIN {
            visit(Nanos::MIN, &eval(value, scope, oldest, env));
            return;
        }
        (high, chunk) = (low, chunk.saturating_mul(2));
    }
}
