//! Newer evidence: after a mute ends, an alert notifies only on a sample or event that its condition reads
//! and that is later than the end, or on an absence whose whole span lies after it.

use query::eval::{Env, Scope};
use query::ir::{self, EventKind, Expr, Key, Node};
use query::value::Value;
use smol_str::SmolStr;
use storage::Nanos;

/// Whether the condition has evidence later than `end` at `now`; if not, the instant at which an absence
/// will be some ([`Nanos::MAX`]: only something new can).
pub fn newer(
    condition: &Expr,
    scope: &Scope<'_>,
    end: Nanos,
    now: Nanos,
    env: &Env<'_>,
) -> Result<(), Nanos> {
    let mut found = false;
    let mut reads_anything = false;
    let mut ripe = Nanos::MAX;
    ir::walk(
        condition,
        scope.world.program,
        &mut |expr| match &expr.node {
            Node::Signal { signal, key } => {
                reads_anything = true;
                let family = scope.world.program.catalog.signals[signal.index()].family;
                let newest = |key: &SmolStr| {
                    scope
                        .device
                        .series(family, key, *signal)
                        .and_then(|series| series.newest())
                        .map(|s| s.time)
                };
                let time = match key {
                    Key::Plain => newest(&SmolStr::default()),
                    Key::Literal(key) => newest(key),
                    Key::Slot(slot) => match env.instance(*slot) {
                        Some(key) => newest(key),
                        None => scope
                            .device
                            .keys(family)
                            .filter_map(|(key, _)| newest(key))
                            .max(),
                    },
                    Key::Expr(expr) => match scope.eval(expr, now, env).value {
                        Value::Text(key) => newest(&key),
                        _ => None,
                    },
                };
                found |= time.is_some_and(|time| time > end);
            }
            Node::Within {
                event,
                duration,
                negated,
            } => {
                reads_anything = true;
                found |= newest_event(event.event, scope).is_some_and(|time| time > end);
                if *negated {
                    let at = end.saturating_add(scope.duration(*duration, now).value);
                    if at <= now {
                        found = true
                    } else {
                        ripe = ripe.min(at)
                    }
                }
            }
            Node::SinceEvent(event)
            | Node::LastEvent { event, .. }
            | Node::CountEvents { event, .. } => {
                reads_anything = true;
                found |= newest_event(event.event, scope).is_some_and(|time| time > end);
            }
            _ => {}
        },
    );
    // a condition that reads no evidence at all (watch phases, labels) has nothing to wait for
    if found || !reads_anything {
        Ok(())
    } else {
        Err(ripe)
    }
}

fn newest_event(kind: EventKind, scope: &Scope<'_>) -> Option<Nanos> {
    match kind {
        EventKind::Heartbeat => scope.device.heartbeats().last().copied(),
        kind => scope
            .device
            .events(kind)?
            .all()
            .last()
            .map(|event| event.time),
    }
}
