//! An open alert: its identity, what is visible of it, and who mutes it since when.
//!
//! Suppression and absorption mute notification, never evaluation. What is visible changes only here, in
//! [`Alert::look`], which says nothing when nothing changed.

use super::State;
use query::history::EventRecord;
use query::ir::WatchId;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use storage::Nanos;

/// What is visible of an open alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visible {
    /// It notifies.
    Firing,
    /// A suppressor, or a bulk import, mutes it.
    Suppressed,
    /// Another alert tells it.
    Absorbed,
}

impl Visible {
    /// The state that its line carries.
    pub fn state(self) -> State {
        match self {
            Visible::Firing => State::Firing,
            Visible::Suppressed => State::Suppressed,
            Visible::Absorbed => State::Absorbed,
        }
    }
}

/// One suppressor muting one alert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Index of the suppressor among the program's.
    pub suppressor: u32,
    /// Since when it has been true for this alert without a break; its `max` counts from here.
    pub since: Nanos,
}

/// An open alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Number of the decision that raised it.
    pub number: u64,
    /// When it was raised.
    pub raised: Nanos,
    /// Key of its identity.
    pub key: Option<SmolStr>,
    /// The instance it is about (`each` rules).
    pub instance: Option<SmolStr>,
    /// The event it is about (`on` rules).
    pub event: Option<EventRecord>,
    /// Last message printed.
    pub message: String,
    /// What is visible.
    pub visible: Visible,
    /// A notification left for it.
    pub notified: bool,
    /// Suppressors that are true for it now, in file order (also those whose `max` ran out).
    pub mutes: Vec<Mute>,
    /// The suppressor whose reason was printed.
    pub told_by: Option<u32>,
    /// The watch whose alert absorbs it.
    pub absorbed_by: Option<WatchId>,
    /// When the last mute ended, while it still waits for newer evidence.
    pub mute_end: Option<Nanos>,
}

/// What mutes an alert at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Muting {
    /// Nothing.
    Nothing,
    /// The first active suppressor in file order.
    Suppressor(u32),
    /// A watch's alert.
    Watch(WatchId),
}

impl Alert {
    /// What is to be seen now, given what mutes it and whether there is evidence newer than the end of the last mute.
    /// Keeps `mute_end` in step; returns the new visibility when it changed.
    pub fn look(
        &mut self,
        muting: Muting,
        now: Nanos,
        newer_evidence: impl FnOnce(Nanos) -> bool,
    ) -> Option<Visible> {
        let before = self.visible;
        match muting {
            Muting::Watch(_) => {
                self.mute_end = None;
                self.visible = Visible::Absorbed;
            }
            Muting::Suppressor(index) => {
                self.mute_end = None;
                self.told_by = Some(index);
                self.visible = Visible::Suppressed;
            }
            Muting::Nothing if before == Visible::Firing => {}
            Muting::Nothing => {
                let end = *self.mute_end.get_or_insert(now);
                if newer_evidence(end) {
                    self.mute_end = None;
                    self.visible = Visible::Firing;
                }
            }
        }
        (self.visible != before).then_some(self.visible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(visible: Visible) -> Alert {
        Alert {
            number: 1,
            raised: 0,
            key: None,
            instance: None,
            event: None,
            message: String::new(),
            visible,
            notified: false,
            mutes: Vec::new(),
            told_by: None,
            absorbed_by: None,
            mute_end: None,
        }
    }

    #[test]
    fn after_a_mute_only_newer_evidence_notifies() {
        let mut a = alert(Visible::Suppressed);
        assert_eq!(a.look(Muting::Nothing, 10, |_| false), None);
        assert_eq!(a.look(Muting::Nothing, 20, |end| end < 10), None);
        assert_eq!(a.look(Muting::Suppressor(0), 25, |_| true), None);
        assert_eq!(a.look(Muting::Nothing, 30, |end| end < 30), None);
        assert_eq!(
            a.look(Muting::Nothing, 40, |end| end == 30),
            Some(Visible::Firing)
        );
    }

    #[test]
    fn absorbed_comes_before_suppressed_before_firing() {
        let mut a = alert(Visible::Firing);
        assert_eq!(
            a.look(Muting::Suppressor(1), 1, |_| true),
            Some(Visible::Suppressed)
        );
        assert_eq!(
            a.look(Muting::Watch(WatchId(0)), 2, |_| true),
            Some(Visible::Absorbed)
        );
        assert_eq!(
            a.look(Muting::Suppressor(1), 3, |_| true),
            Some(Visible::Suppressed)
        );
    }
}
