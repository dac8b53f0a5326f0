//! What admission remembers of one device: its clock's offset, its newest row, its labels over time.

use crate::report::Report;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use storage::{Nanos, SECOND};

/// Clocks that are off by less count as right, and an offset that changes by less is kept.
const OFFSET_MIN: Nanos = 2 * SECOND;
/// How many changes of one label are remembered; a report older than these writes its labels again, which is harmless.
const LABEL_CHANGES_REMEMBERED: usize = 16;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DeviceState {
    /// Added to every stated time.
    pub offset: Nanos,
    /// The newest reported time of any of its rows: what is newer cannot have been known before.
    pub newest: Nanos,
    labels: Vec<Label>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Label {
    name: SmolStr,
    /// Ascending by corrected time.
    changes: Vec<(Nanos, SmolStr)>,
}

impl Default for DeviceState {
    fn default() -> DeviceState {
        DeviceState {
            offset: 0,
            newest: Nanos::MIN,
            labels: Vec::new(),
        }
    }
}

impl DeviceState {
    /// The last change of the label at or before `at`; None when nothing is remembered of that time.
    pub fn label_change(&self, name: &str, at: Nanos) -> Option<(Nanos, &SmolStr)> {
        let label = self.labels.iter().find(|l| l.name == name)?;
        let after = label.changes.partition_point(|(time, _)| *time <= at);
        label.changes[..after]
            .last()
            .map(|(time, value)| (*time, value))
    }

    /// The label is `value` from `at` on, until its next change.
    pub fn set_label(&mut self, name: &SmolStr, at: Nanos, value: &SmolStr) {
        let label = match self.labels.iter_mut().position(|l| l.name == *name) {
            Some(found) => &mut self.labels[found],
            None => {
                self.labels.push(Label {
                    name: name.clone(),
                    changes: Vec::new(),
                });
                self.labels.last_mut().expect("it was pushed just now")
            }
        };
        let after = label.changes.partition_point(|(time, _)| *time <= at);
        label.changes.insert(after, (at, value.clone()));
        if label.changes.len() > LABEL_CHANGES_REMEMBERED {
            label.changes.remove(0);
        }
    }

    /// How many labels have ever been set.
    pub fn labels(&self) -> usize {
        self.labels.len()
    }

    /// True when the label was ever set.
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|l| l.name == name)
    }
}

/// The offset that takes the place of the present one; None when that is kept.
pub(super) fn replaced_offset(current: Nanos, candidate: Option<Nanos>) -> Option<Nanos> {
    candidate.filter(|offset| offset.saturating_sub(current).saturating_abs() >= OFFSET_MIN)
}

/// How far the clock behind this report is off: arrival less the sender's clock, negative when that is ahead. Without
/// the sender's clock only a time later than the arrival betrays it. None when the report states no time at all.
pub fn clock_candidate(report: &Report, arrival: Nanos) -> Option<Nanos> {
    let offset = match report.sent {
        Some(sent) => arrival.saturating_sub(sent),
        None => {
            let events = report.events.iter().filter_map(|event| event.time);
            let newest = report.time.into_iter().chain(events).max()?;
            arrival.saturating_sub(newest).min(0)
        }
    };
    Some(if offset.saturating_abs() < OFFSET_MIN {
        0
    } else {
        offset
    })
}

/// The offset as signal `clock_offset` carries it.
pub(super) fn seconds_of_offset(offset: Nanos) -> f64 {
    offset as f64 / SECOND as f64
}

/// The offset that admission uses: the one that the stored seconds say, so that both are one.
pub(super) fn offset_of_seconds(seconds: f64) -> Nanos {
    (seconds * SECOND as f64).round() as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_replaced_by_two_seconds_or_more() {
        let check = |current: Nanos, candidate: Nanos, expected: Nanos| {
            assert_eq!(
                replaced_offset(current, Some(candidate)).unwrap_or(current),
                expected
            );
        };
        check(0, 2 * SECOND, 2 * SECOND);
        check(-7200 * SECOND, -7201 * SECOND, -7200 * SECOND);
        check(-7200 * SECOND, -7202 * SECOND, -7202 * SECOND);
        check(-7200 * SECOND, 0, 0);
    }

    #[test]
    fn a_label_holds_until_its_next_change() {
        let mut state = DeviceState::default();
        state.set_label(&"role".into(), 30, &"web".into());
        state.set_label(&"role".into(), 10, &"sql".into());
        let value = |name, at| {
            state
                .label_change(name, at)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(value("role", 9), None);
        assert_eq!(value("role", 29), Some("sql"));
        assert_eq!(value("role", 30), Some("web"));
        assert_eq!(value("site", 30), None);
    }
}
