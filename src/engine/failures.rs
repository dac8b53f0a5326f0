//! Why a verification is not true: each key with the value it has, or since when nothing is known of it.

use query::eval::{Env, Scope};
use query::ir::{self, Expr, Key, Node, Quantifier, SignalId};
use query::value::{Value, print, print_time};
use smol_str::SmolStr;
use storage::Nanos;

/// The failures of a condition at an instant, in order of key.
pub fn list(verify: &Expr, scope: &Scope<'_>, at: Nanos) -> Vec<SmolStr> {
    let mut out = Vec::new();
    ir::walk(verify, scope.world.program, &mut |expr| {
        let Node::Quantify {
            func: Quantifier::Every,
            family,
            slot,
            filter,
            value,
            listed,
        } = &expr.node
        else {
            return;
        };
        let (members, ..) = scope.members(
            *family,
            *slot,
            filter.as_deref(),
            value.as_deref(),
            listed.as_deref(),
            at,
            &Env::Empty,
        );
        for member in members
            .iter()
            .filter(|member| member.value != Value::Bool(true))
        {
            let signal = value
                .as_deref()
                .and_then(|value| signal_of(value, *slot, scope));
            out.push(match signal {
                Some(signal) => tell(&member.key, signal, scope, at),
                None => member.key.clone(),
            });
        }
    });
    if out.is_empty() {
        let known = scope.eval(verify, at, &Env::Empty);
        match known.truth() {
            Some(true) => {}
            Some(false) => out.push("the condition is false".into()),
            None => out.push("the condition is unknown".into()),
        }
    }
    out
}

/// The first signal of the instance that an expression reads.
fn signal_of(value: &Expr, slot: u8, scope: &Scope<'_>) -> Option<SignalId> {
    let mut found = None;
    ir::walk(value, scope.world.program, &mut |expr| {
        if let Node::Signal {
            signal,
            key: Key::Slot(bound),
        } = &expr.node
            && *bound == slot
        {
            found.get_or_insert(*signal);
        }
    });
    found
}

fn tell(key: &SmolStr, signal: SignalId, scope: &Scope<'_>, at: Nanos) -> SmolStr {
    let decl = &scope.world.program.catalog.signals[signal.index()];
    let series = scope.device.series(decl.family, key, signal);
    let floor = if decl.holds.is_some() {
        scope.floor
    } else {
        None
    };
    let value = series.map_or(Value::Unknown, |series| {
        series.at(at, scope.known, floor).value
    });
    if value != Value::Unknown {
        return format!("{key} {}", print(&value, &decl.ty)).into();
    }
    match series.and_then(|series| series.newest()) {
        Some(sample) => format!("{key} unverifiable since {}", print_time(sample.time)).into(),
        None => format!("{key} unverifiable").into(),
    }
}
