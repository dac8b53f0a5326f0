//! Events of one kind of one device, by corrected time; and the boots, which merge.

use crate::value::Value;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;
use storage::{Nanos, SECOND};

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Corrected time.
    pub time: Nanos,
    /// When it arrived (was first known).
    pub arrival: Nanos,
    /// Counts the events of this device in order of arrival; with the kind its identity.
    pub number: u64,
    /// Fields by name.
    pub fields: Arc<[(SmolStr, Value)]>,
}

impl EventRecord {
    /// A field, unknown when not given.
    pub fn field(&self, name: &str) -> Value {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map_or(Value::Unknown, |(_, value)| value.clone())
    }
}

/// Events in order of (time, arrival).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Events {
    list: Vec<EventRecord>,
}

impl Events {
    /// All events kept.
    pub fn all(&self) -> &[EventRecord] {
        &self.list
    }

    /// Adds one that arrived after all others.
    pub fn insert(&mut self, event: EventRecord) {
        let at = self.list.partition_point(|e| e.time <= event.time);
        self.list.insert(at, event);
    }

    /// Events in (from, to] that had arrived by `known`, newest first.
    pub fn newest_first(
        &self,
        from: Nanos,
        to: Nanos,
        known: Nanos,
    ) -> impl Iterator<Item = &EventRecord> {
        let end = self.list.partition_point(|e| e.time <= to);
        self.list[..end]
            .iter()
            .rev()
            .take_while(move |e| e.time > from)
            .filter(move |e| e.arrival <= known)
    }

    /// Time of the first event later than `after`.
    pub fn next_after(&self, after: Nanos) -> Option<Nanos> {
        let at = self.list.partition_point(|e| e.time <= after);
        self.list.get(at).map(|e| e.time)
    }

    /// The event of this number.
    pub fn by_number(&self, number: u64) -> Option<&EventRecord> {
        self.list.iter().find(|e| e.number == number)
    }

    /// Keeps about the `most` newest events, whatever their age.
    pub fn bound(&mut self, most: usize) {
        // in steps, since each moves the rest
        if self.list.len() > most + most / 8 {
            self.list.drain(..self.list.len() - most);
        }
    }

    /// Keeps at most `keep` events that lie before `horizon` (the newest of them).
    pub fn trim(&mut self, horizon: Nanos, keep: usize) {
        let before = self.list.partition_point(|e| e.time < horizon);
        if before > keep {
            self.list.drain(..before - keep);
        }
    }
}

/// How a boot became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootSource {
    /// An event said so.
    Declared,
    /// From boot id or uptime: its time is exact to the uptime.
    Derived,
}

/// Two boots, one of them without id, are one if they lie this close together.
const SAME_BOOT: Nanos = 60 * SECOND;

/// Adds a boot or merges it into one already known: equal ids, or one lacks an id and they lie within
/// 60 s; the derived time wins. Returns the number of the boot and whether it is new.
pub fn merge_boot(boots: &mut Events, seen: EventRecord, source: BootSource) -> (u64, bool) {
    let id_of = |event: &EventRecord| match event.field("boot_id") {
        Value::Text(id) => Some(id),
        _ => None,
    };
    let id = id_of(&seen);
    let by_id = || {
        boots
            .list
            .iter()
            .position(|boot| id.is_some() && id_of(boot) == id)
    };
    let by_nearness = || {
        let apart = |boot: &EventRecord| boot.time.saturating_sub(seen.time).saturating_abs();
        let near = boots.list.iter().enumerate().filter(|(_, boot)| {
            (id.is_none() || id_of(boot).is_none()) && apart(boot) <= SAME_BOOT
        });
        near.min_by_key(|(_, boot)| apart(boot)).map(|(at, _)| at)
    };
    let same = by_id().or_else(by_nearness);
    let Some(at) = same else {
        let number = seen.number;
        boots.insert(seen);
        return (number, true);
    };
    let mut boot = boots.list.remove(at);
    let mut fields: Vec<(SmolStr, Value)> = boot.fields.to_vec();
    for (name, value) in seen.fields.iter() {
        match fields.iter_mut().find(|(known, _)| known == name) {
            // a boot that anyone calls unclean was unclean
            Some((_, known)) if *known == Value::Bool(true) && *value == Value::Bool(false) => {
                *known = value.clone()
            }
            Some(_) => {}
            None => fields.push((name.clone(), value.clone())),
        }
    }
    boot.fields = fields.into();
    if source == BootSource::Derived {
        boot.time = seen.time;
    }
    let number = boot.number;
    boots.insert(boot);
    (number, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(time: Nanos, number: u64, id: Option<&str>) -> EventRecord {
        let fields = id.map(|id| (SmolStr::new("boot_id"), Value::Text(id.into())));
        EventRecord {
            time: time * SECOND,
            arrival: time * SECOND,
            number,
            fields: fields.into_iter().collect(),
        }
    }

    #[test]
    fn boots_merge_by_id_or_nearness() {
        let mut boots = Events::default();
        assert_eq!(
            merge_boot(&mut boots, boot(100, 1, None), BootSource::Declared),
            (1, true)
        );
        assert_eq!(
            merge_boot(&mut boots, boot(95, 2, Some("b")), BootSource::Derived),
            (1, false)
        );
        assert_eq!(boots.all()[0].time, 95 * SECOND);
        assert_eq!(
            merge_boot(&mut boots, boot(120, 3, Some("c")), BootSource::Derived),
            (3, true)
        );
        assert_eq!(
            merge_boot(&mut boots, boot(900, 4, Some("c")), BootSource::Declared),
            (3, false)
        );
        assert_eq!(boots.all().len(), 2);
    }
}
