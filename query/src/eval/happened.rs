//! Events: `EV within D`, `no EV within D`, `since(EV)`, `last(EV).f`, `count(EV over D)`.

use super::hold::moving;
use super::{Env, Known, Scope, event_field};
use crate::history::EventRecord;
use crate::ir::{Anchor, Dur, EventField, EventKind, EventMatch};
use crate::value::Value;
use storage::Nanos;

/// A matching event as far as these forms care, with the bounds that its filter sets.
struct Found {
    event: EventRecord,
    since: Nanos,
    until: Nanos,
}

impl Scope<'_> {
    /// The newest matching event in (from, to], and the bounds that looking set (the next event, filters).
    fn newest(
        &self,
        event: &EventMatch,
        from: Nanos,
        to: Nanos,
        env: &Env<'_>,
    ) -> (Option<Found>, Nanos) {
        if event.event == EventKind::Heartbeat {
            let beats = self.device.heartbeats();
            let end = beats.partition_point(|t| *t <= to.min(self.known));
            let next = beats.get(end).copied().unwrap_or(Nanos::MAX);
            let found = beats[..end].last().filter(|t| **t > from).map(|t| Found {
                event: EventRecord {
                    time: *t,
                    arrival: *t,
                    number: 0,
                    fields: [].into(),
                },
                since: Nanos::MIN,
                until: Nanos::MAX,
            });
            return (found, next);
        }
        let Some(events) = self.device.events(event.event) else {
            return (None, Nanos::MAX);
        };
        let mut next = events.next_after(to).unwrap_or(Nanos::MAX);
        for candidate in events.newest_first(from, to, self.known) {
            let verdict = self.matches(event, candidate, to, env);
            if verdict.truth() == Some(true) {
                let found = Found {
                    event: candidate.clone(),
                    since: verdict.since,
                    until: verdict.until,
                };
                return (Some(found), next);
            }
            // a candidate that its filter rejects may be accepted when the filter changes
            next = next.min(verdict.until);
        }
        (None, next)
    }

    /// Whether an event passes the filter of a match, evaluated at `at`.
    pub fn matches(
        &self,
        wanted: &EventMatch,
        event: &EventRecord,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        match &wanted.filter {
            None => Known::always(Value::Bool(true)),
            Some(filter) => self.eval(filter, at, &Env::Event(wanted.slot, event, env)),
        }
    }

    pub(super) fn happened(
        &self,
        event: &EventMatch,
        duration: Dur,
        negated: bool,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        let duration = self.duration(duration, at);
        let span = duration.value;
        let (found, next) = self.newest(event, Nanos::MIN, at, env);
        let out = match found {
            Some(found) if found.event.time > at.saturating_sub(span) => {
                let until = found.event.time.saturating_add(span).min(found.until);
                Known::new(
                    Value::Bool(!negated),
                    found.event.time.max(found.since),
                    until,
                )
            }
            older => {
                let since = older.map_or(Nanos::MIN, |found| {
                    found.event.time.saturating_add(span).max(found.since)
                });
                let absent = Known::new(Value::Bool(negated), since, next);
                if negated {
                    self.seen_long_enough(event.event, absent, span, at)
                } else {
                    absent
                }
            }
        };
        out.within(duration.since, duration.until)
    }

    /// An absence is unknown until the device has been known, and the server listening, for all of `span`.
    fn seen_long_enough(&self, event: EventKind, absent: Known, span: Nanos, at: Nanos) -> Known {
        let Some(known_since) = self.device.known_since() else {
            return Known::new(Value::Unknown, absent.since, absent.until);
        };
        let mut since = absent.since;
        let mut until = absent.until;
        let ripe = known_since.saturating_add(span);
        if at < ripe {
            return Known::new(Value::Unknown, since, until.min(ripe));
        }
        since = since.max(ripe);
        if event == EventKind::Heartbeat {
            for (from, to) in self.world.outages {
                let over = to.saturating_add(span);
                if *from > at {
                    until = until.min(*from);
                } else if over > at {
                    return Known::new(Value::Unknown, since.max(*from), until.min(over));
                } else {
                    since = since.max(over);
                }
            }
        }
        Known::new(absent.value, since, until)
    }

    pub(super) fn since_event(&self, event: &EventMatch, at: Nanos, env: &Env<'_>) -> Known {
        match self.newest(event, Nanos::MIN, at, env) {
            (Some(found), next) => moving(
                found.event.time,
                at,
                found.event.time.max(found.since),
                next.min(found.until),
            ),
            (None, next) => Known::new(Value::Unknown, Nanos::MIN, next),
        }
    }

    pub(super) fn last_event(
        &self,
        event: &EventMatch,
        field: &EventField,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        match self.newest(event, Nanos::MIN, at, env) {
            (Some(found), next) => {
                let value = event_field(&found.event, field);
                Known::new(
                    value,
                    found.event.time.max(found.since),
                    next.min(found.until),
                )
            }
            (None, next) => Known::new(Value::Unknown, Nanos::MIN, next),
        }
    }

    pub(super) fn count_events(
        &self,
        event: &EventMatch,
        over: Dur,
        anchor: &Anchor,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        let Some(frame) = self.frame(over, anchor, at, env) else {
            return Known::new(Value::Unknown, at, Nanos::MAX);
        };
        let (mut since, mut until) = (frame.since, frame.until);
        let mut count = 0u64;
        let mut note = |time: Nanos| {
            if frame.follows {
                until = until.min(time.saturating_add(frame.span));
                since = since.max(time);
            }
            count += 1;
        };
        if event.event == EventKind::Heartbeat {
            let beats = self
                .device
                .heartbeats()
                .iter()
                .filter(|t| **t <= self.known);
            beats
                .filter(|t| **t > frame.from && **t <= frame.to)
                .for_each(|t| note(*t));
        } else if let Some(events) = self.device.events(event.event) {
            for candidate in events.newest_first(frame.from, frame.to, self.known) {
                if self.matches(event, candidate, at, env).truth() == Some(true) {
                    note(candidate.time);
                }
            }
            if frame.follows {
                if let Some(left) = events
                    .newest_first(Nanos::MIN, frame.from, self.known)
                    .next()
                {
                    since = since.max(left.time.saturating_add(frame.span));
                }
                until = until.min(events.next_after(frame.to).unwrap_or(Nanos::MAX));
            }
        }
        if event.event == EventKind::Heartbeat && frame.follows {
            since = since.max(at);
        }
        Known::new(Value::Number(count as f64), since.min(at), until)
    }
}
