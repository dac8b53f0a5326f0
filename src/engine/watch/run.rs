//! One run of a watch on a device: its openings, its phase, its alert.

use super::*;

/// One opening event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// The event.
    pub event: EventRecord,
    /// Its KB.
    pub kb: Option<SmolStr>,
}

/// Why a device counts as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Only because nothing is heard.
    Offline,
    /// A restart was announced.
    Restart,
    /// The watch's own `down when`.
    Condition,
}

/// The alert of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchAlert {
    /// Number of the decision that raised it.
    pub number: u64,
    /// Its severity.
    pub severity: Severity,
    /// Its message.
    pub message: String,
}

/// One run of a watch on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Phase now.
    pub phase: Phase,
    /// Openings, in order of time.
    pub openings: Vec<Opening>,
    /// Time of the first opening.
    pub opened: Nanos,
    /// Down since when and why.
    pub down: Option<(Nanos, Cause)>,
    /// Restart announcements up to this number were called off.
    pub called_off: u64,
    /// Time of the boot being verified; None while none was awaited.
    pub boot: Option<Nanos>,
    /// When verification must be true.
    pub verify_deadline: Nanos,
    /// Downtime, failures and reason as told.
    pub downtime: Option<Nanos>,
    /// Keys that were not true at the verdict.
    pub failures: Vec<SmolStr>,
    /// Its alert, while open.
    pub alert: Option<WatchAlert>,
    /// When it became overdue or unverified.
    pub verdict_at: Option<Nanos>,
}

impl Run {
    pub(super) fn new(opening: Opening) -> Run {
        Run {
            phase: Phase::Open,
            opened: opening.event.time,
            openings: vec![opening],
            down: None,
            called_off: 0,
            boot: None,
            verify_deadline: Nanos::MAX,
            downtime: None,
            failures: Vec::new(),
            alert: None,
            verdict_at: None,
        }
    }

    pub(super) fn last_opening(&self) -> Nanos {
        self.openings
            .last()
            .map_or(self.opened, |opening| opening.event.time)
    }

    pub(super) fn kbs(&self) -> Vec<SmolStr> {
        let mut kbs: Vec<SmolStr> = Vec::new();
        for kb in self
            .openings
            .iter()
            .filter_map(|opening| opening.kb.as_ref())
        {
            if !kbs.contains(kb) {
                kbs.push(kb.clone());
            }
        }
        kbs
    }

    pub(super) fn facts(&self, reason: &str) -> RunFacts {
        RunFacts {
            opened: self.opened,
            kbs: self.kbs(),
            downtime: self.downtime,
            failures: self.failures.clone(),
            reason: reason.into(),
        }
    }
}
