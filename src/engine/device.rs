//! All that the engine holds of one device: its history, and the state of each watch and rule on it.

use super::alert::Alert;
use super::watch::Run;
use query::history::DeviceHistory;
use query::ir::EventKind;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use storage::Nanos;

/// An event that an `on` rule has yet to decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// When it is decided: arrival + settle.
    pub due: Nanos,
    /// Number of the event in its device's history.
    pub number: u64,
    /// It came by bulk import.
    pub imported: bool,
}

/// A raise or resolve that hindsight may contradict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// When it was decided.
    pub time: Nanos,
    /// True: raised; false: resolved.
    pub raised: bool,
    /// The alert's number, key, instance, message.
    pub alert: u64,
    /// Key of the identity.
    pub key: Option<SmolStr>,
    /// The instance it is about.
    pub instance: Option<SmolStr>,
    /// Its message.
    pub message: String,
}

/// State of one rule on one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    /// Open alerts by key ("" for none).
    pub alerts: BTreeMap<SmolStr, Alert>,
    /// Instances for which a `log` rule's condition is true.
    pub latched: BTreeSet<SmolStr>,
    /// Events that wait to be decided (`on` rules), earliest first.
    pub waiting: BTreeSet<Waiting>,
    /// Raises and resolves of the last day, oldest first.
    pub verdicts: Vec<Verdict>,
}

/// A new event that a watch has not looked at yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fresh {
    /// Its kind.
    pub kind: FreshKind,
    /// Its number in the device's history.
    pub number: u64,
    /// It came by bulk import.
    pub imported: bool,
}

/// [`EventKind`] in a form that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreshKind {
    /// A boot.
    Boot,
    /// An event of the catalogue.
    Stored(u32),
}

impl FreshKind {
    /// From an event kind; heartbeats are no such event.
    pub fn of(kind: EventKind) -> Option<FreshKind> {
        match kind {
            EventKind::Heartbeat => None,
            EventKind::Boot => Some(FreshKind::Boot),
            EventKind::Stored(event) => Some(FreshKind::Stored(event.0)),
        }
    }

    /// As an event kind.
    pub fn kind(self) -> EventKind {
        match self {
            FreshKind::Boot => EventKind::Boot,
            FreshKind::Stored(event) => EventKind::Stored(query::ir::EventId(event)),
        }
    }
}

/// State of one watch on one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchState {
    /// The run, if there ever was one.
    pub run: Option<Run>,
    /// Events to look at.
    pub fresh: Vec<Fresh>,
}

/// One device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Device {
    /// What is known of it.
    pub history: DeviceHistory,
    /// By rule.
    pub rules: Vec<RuleState>,
    /// By watch.
    pub watches: Vec<WatchState>,
    /// By unit, when it is to be looked at again if nothing happens.
    pub due: Vec<Nanos>,
    /// By unit, the instant of its entry among the timers: at or before `due`.
    pub armed: Vec<Nanos>,
    /// The instant at which a bulk import was applied last.
    pub imported_at: Option<Nanos>,
}

impl Device {
    /// A device of which nothing is known.
    pub fn new(
        client: SmolStr,
        name: SmolStr,
        rules: usize,
        watches: usize,
        units: usize,
    ) -> Device {
        Device {
            history: DeviceHistory::new(client, name),
            rules: vec![RuleState::default(); rules],
            watches: vec![WatchState::default(); watches],
            due: vec![Nanos::MAX; units],
            armed: vec![Nanos::MAX; units],
            imported_at: None,
        }
    }
}
