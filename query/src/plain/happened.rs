//! Events: `EV within D`, `no EV within D`, `count(EV over D)`, `since(EV)`, `last(EV)`.

use super::eval;
use super::window::frame;
use crate::eval::{Env, Scope};
use crate::history::EventRecord;
use crate::ir::{Anchor, Dur, EventKind, EventMatch};
use crate::value::Value;
use storage::Nanos;

/// All known events of a kind in order of (time, arrival).
pub(super) fn all(scope: &Scope<'_>, kind: EventKind) -> Vec<EventRecord> {
    let mut events: Vec<EventRecord> = match kind {
        EventKind::Heartbeat => {
            let beat = |time: &Nanos| EventRecord {
                time: *time,
                arrival: *time,
                number: 0,
                fields: [].into(),
            };
            scope.device.heartbeats().iter().map(beat).collect()
        }
        kind => scope
            .device
            .events(kind)
            .map_or(Vec::new(), |events| events.all().to_vec()),
    };
    events.retain(|event| event.arrival <= scope.known);
    events
}

/// The events in (from, to] that match at `at`.
fn matching(
    scope: &Scope<'_>,
    wanted: &EventMatch,
    from: Nanos,
    to: Nanos,
    at: Nanos,
    env: &Env<'_>,
) -> Vec<EventRecord> {
    let mut events = all(scope, wanted.event);
    events.retain(|event| {
        let passes = |filter: &crate::ir::Expr| {
            eval(filter, scope, at, &Env::Event(wanted.slot, event, env)) == Value::Bool(true)
        };
        event.time > from && event.time <= to && wanted.filter.as_deref().is_none_or(passes)
    });
    events
}

pub(super) fn within(
    scope: &Scope<'_>,
    event: &EventMatch,
    duration: Dur,
    negated: bool,
    at: Nanos,
    env: &Env<'_>,
) -> Value {
    let span = super::duration(scope, duration, at);
    let from = at.saturating_sub(span);
    if !matching(scope, event, from, at, at, env).is_empty() {
        return Value::Bool(!negated);
    }
    if negated && !watched(scope, event.event, from, at) {
        return Value::Unknown;
    }
    Value::Bool(negated)
}

/// Whether something that did not come in (from, at] would have been seen: the device was known, and for
/// its own voice we listened all the time.
fn watched(scope: &Scope<'_>, kind: EventKind, from: Nanos, at: Nanos) -> bool {
    let known = scope
        .device
        .known_since()
        .is_some_and(|since| since <= from);
    let deaf = |outage: &&(Nanos, Nanos)| outage.0 <= at && outage.1 > from;
    known && (kind != EventKind::Heartbeat || scope.world.outages.iter().find(deaf).is_none())
}

pub(super) fn count(
    scope: &Scope<'_>,
    event: &EventMatch,
    over: Dur,
    anchor: &Anchor,
    at: Nanos,
    env: &Env<'_>,
) -> Value {
    let Some((from, to)) = frame(scope, over, anchor, at, env) else {
        return Value::Unknown;
    };
    Value::Number(matching(scope, event, from, to, at, env).len() as f64)
}

/// The latest matching event (of equal times the last to arrive).
pub(super) fn last(
    scope: &Scope<'_>,
    event: &EventMatch,
    at: Nanos,
    env: &Env<'_>,
) -> Option<EventRecord> {
    matching(scope, event, Nanos::MIN, at, at, env).pop()
}

pub(super) fn since(scope: &Scope<'_>, event: &EventMatch, at: Nanos, env: &Env<'_>) -> Value {
    let last = last(scope, event, at, env);
    last.map_or(Value::Unknown, |event| {
        Value::Number(super::seconds(at - event.time))
    })
}
