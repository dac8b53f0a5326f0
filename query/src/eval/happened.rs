//! Events: `EV within D`, `no EV within D`, `since(EV)`, `last(EV).f`, `count(EV over D)`.

use super::hold::{later, moving};
use super::{Env, Known, Scope, event_field};
use crate::history::EventRecord;
use crate::ir::{Anchor, Dur, EventField, EventKind, EventMatch};
use crate::value::Value;
use storage::Nanos;

/// The newest matching event, and the bounds between which it is that one.
struct Newest {
    event: Option<EventRecord>,
    since: Nanos,
    until: Nanos,
}

impl<'a> Scope<'a> {
    /// The known events of a kind in (from, to], newest first.
    fn candidates(
        &self,
        kind: EventKind,
        from: Nanos,
        to: Nanos,
    ) -> Box<dyn Iterator<Item = EventRecord> + 'a> {
        let device = self.device;
        if kind == EventKind::Heartbeat {
            let beats = device.heartbeats();
            let end = beats.partition_point(|t| *t <= to.min(self.known));
            let beat = |time: &Nanos| EventRecord {
                time: *time,
                arrival: *time,
                number: 0,
                fields: [].into(),
            };
            let inside = beats[..end].iter().rev().take_while(move |t| **t > from);
            return Box::new(inside.map(beat));
        }
        match device.events(kind) {
            Some(events) => Box::new(events.newest_first(from, to, self.known).cloned()),
            None => Box::new(std::iter::empty()),
        }
    }

    /// Time of the first event of a kind later than `after`, known or not.
    fn next_event(&self, kind: EventKind, after: Nanos) -> Nanos {
        let next = if kind == EventKind::Heartbeat {
            let beats = self.device.heartbeats();
            beats.get(beats.partition_point(|t| *t <= after)).copied()
        } else {
            self.device
                .events(kind)
                .and_then(|events| events.next_after(after))
        };
        next.unwrap_or(Nanos::MAX)
    }

    /// The newest event at or before `at` that matches at `at`.
    fn newest(&self, event: &EventMatch, at: Nanos, env: &Env<'_>) -> Newest {
        let mut out = Newest {
            event: None,
            since: Nanos::MIN,
            until: self.next_event(event.event, at),
        };
        for candidate in self.candidates(event.event, Nanos::MIN, at) {
            // one that its filter rejects may be accepted when the filter changes, and the other way round
            let verdict = self.matches(event, &candidate, at, env);
            out.since = out.since.max(verdict.since);
            out.until = out.until.min(verdict.until);
            if verdict.truth() == Some(true) {
                out.since = out.since.max(candidate.time);
                out.event = Some(candidate);
                break;
            }
        }
        out
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
        if let Some(since) = self.heard_steadily(event, span, at) {
            let until = self.device.heartbeats().last().map_or(at, |last| *last);
            return Known::new(Value::Bool(!negated), since, until.saturating_add(span))
                .within(duration.since, duration.until);
        }
        let newest = self.newest(event, at, env);
        let gone = |found: &EventRecord| found.time.saturating_add(span);
        let out = match &newest.event {
            Some(found) if gone(found) > at => {
                Known::new(Value::Bool(!negated), newest.since, gone(found))
                    .within(Nanos::MIN, newest.until)
            }
            older => {
                let since = older.as_ref().map_or(Nanos::MIN, gone);
                let absent = Known::new(Value::Bool(negated), newest.since, newest.until)
                    .within(since, Nanos::MAX);
                if negated {
                    self.seen_long_enough(event.event, absent, span, at)
                } else {
                    absent
                }
            }
        };
        out.within(duration.since, duration.until)
    }

    /// The usual case in one look: the newest heartbeat is within the span, and since when the ones before it came
    /// without a gap that long.
    fn heard_steadily(&self, event: &EventMatch, span: Nanos, at: Nanos) -> Option<Nanos> {
        let newest = *self.device.heartbeats().last()?;
        let usual = event.event == EventKind::Heartbeat
            && event.filter.is_none()
            && self.known == Nanos::MAX
            && newest <= at
            && at < newest.saturating_add(span);
        usual.then(|| self.device.steady_since(span).unwrap_or(newest))
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
        let newest = self.newest(event, at, env);
        match newest.event {
            Some(found) => moving(found.time, at, newest.since, newest.until),
            None => Known::new(Value::Unknown, newest.since, newest.until),
        }
    }

    pub(super) fn last_event(
        &self,
        event: &EventMatch,
        field: &EventField,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        let newest = self.newest(event, at, env);
        let value = newest
            .event
            .map_or(Value::Unknown, |found| event_field(&found, field));
        Known::new(value, newest.since, newest.until)
    }

    pub(super) fn count_events(
        &self,
        event: &EventMatch,
        over: Dur,
        anchor: &Anchor,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        let frame = match self.frame(over, anchor, at, env) {
            Ok(frame) => frame,
            Err(unknown) => return unknown,
        };
        let (mut since, mut until) = (frame.since, frame.until);
        let mut count = 0u64;
        for candidate in self.candidates(event.event, frame.from, frame.to) {
            let verdict = self.matches(event, &candidate, at, env);
            since = since.max(verdict.since);
            until = until.min(verdict.until);
            if verdict.truth() != Some(true) {
                continue;
            }
            count += 1;
            if frame.follows {
                until = until.min(candidate.time.saturating_add(frame.span));
            }
        }
        let mut inside = self.candidates(event.event, Nanos::MIN, frame.to);
        since = since.max(inside.next().map_or(Nanos::MIN, |newest| newest.time));
        if frame.open(at) {
            until = until.min(self.next_event(event.event, at));
        }
        if frame.follows {
            let mut left = self.candidates(event.event, Nanos::MIN, frame.from);
            let left = left.next().map_or(Nanos::MIN, |left| left.time);
            since = since.max(later(left, frame.span));
        }
        Known::new(Value::Number(count as f64), since.min(at), until)
    }
}
