//! What the demo tells: of every decision of the engine what it means for whoever has the pager tonight.
//!
//! Pure: decisions in, words out. A page is a decision that notifies; what was muted is counted with its reason.

use crate::engine::{Decision, State};
use query::ir::Severity;
use query::value::print_time;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use storage::Nanos;

/// The story so far.
#[derive(Default)]
pub struct Story {
    /// Alerts that notified, in order.
    pub paged: Vec<Arc<Decision>>,
    /// Alerts that were listed and not sent, by number, with rule and reason.
    suppressed: BTreeMap<u64, (SmolStr, String)>,
    /// Notified alerts that ended by themselves.
    recovered: BTreeSet<u64>,
    /// The newest phase of each machine's watch.
    phases: BTreeMap<(SmolStr, SmolStr), State>,
    /// Planned reboots, told by a log line each.
    log_lines: u64,
}

impl Story {
    /// Takes in a decision; a line when somebody would be called, or called off.
    pub fn take(&mut self, decision: &Arc<Decision>) -> Option<String> {
        match decision.state {
            State::Open
            | State::Down
            | State::Verifying
            | State::Done
            | State::Overdue
            | State::Unverified
            | State::Idle
            | State::Cancelled => {
                let machine = (decision.client.clone(), decision.subject.clone());
                self.phases.insert(machine, decision.state);
            }
            State::Suppressed => {
                let reason = decision.reason.clone().unwrap_or_default();
                self.suppressed
                    .insert(decision.alert, (decision.rule.clone(), reason));
            }
            State::Log => self.log_lines += 1,
            _ => {}
        }
        if !decision.notify {
            return None;
        }
        if matches!(
            decision.state,
            State::Firing | State::Overdue | State::Unverified
        ) {
            self.paged.push(Arc::clone(decision));
            return Some(page(decision));
        }
        self.recovered.insert(decision.alert);
        let (time, text) = (clock(decision.time), &decision.message);
        Some(format!(
            "{time}  {:<8}  {}: {text}",
            decision.state.word(),
            decision.client
        ))
    }

    /// How many alerts were listed and not sent.
    pub fn suppressed(&self) -> usize {
        self.suppressed.len()
    }

    /// How many machines are in this phase of their watch.
    pub fn in_phase(&self, phase: State) -> usize {
        self.phases
            .values()
            .filter(|known| **known == phase)
            .count()
    }

    /// One line: where the fleet stands.
    pub fn progress(&self, now: Nanos) -> String {
        let mut line = clock(now);
        let phases = [
            (State::Open, "patching"),
            (State::Down, "rebooting"),
            (State::Verifying, "verifying"),
            (State::Done, "done"),
        ];
        for (phase, word) in phases {
            let _ = write!(line, "  {word} {}", self.in_phase(phase));
        }
        let _ = write!(
            line,
            "  suppressed {}  paged {}",
            self.suppressed(),
            self.paged.len()
        );
        line
    }

    /// What the night came to.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "  {} paged, {} over by now",
            count(self.paged.len(), "alert"),
            self.recovered.len()
        );
        for decision in &self.paged {
            let _ = writeln!(text, "    {}", page(decision));
        }
        let _ = writeln!(
            text,
            "  {} suppressed: listed with the reason, not sent",
            count(self.suppressed(), "alert")
        );
        let mut reasons: BTreeMap<&(SmolStr, String), usize> = BTreeMap::new();
        for muted in self.suppressed.values() {
            *reasons.entry(muted).or_default() += 1;
        }
        for ((rule, reason), muted) in reasons {
            let _ = writeln!(text, "    {muted:>4}  {rule:<14} {reason}");
        }
        let _ = writeln!(
            text,
            "  {} patched, and verified after the reboot",
            count(self.in_phase(State::Done), "machine")
        );
        let open = self.in_phase(State::Open);
        if open > 0 {
            let _ = writeln!(
                text,
                "  {} installed and waiting for a reboot",
                count(open, "machine")
            );
        }
        let _ = writeln!(
            text,
            "  {}: reboots as planned, watches that ended well",
            count(self.log_lines as usize, "log line")
        );
        text
    }
}

/// `1 alert`, `2 alerts`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// `23:05`, in UTC.
pub fn clock(time: Nanos) -> String {
    print_time(time).get(11..16).unwrap_or("").to_owned()
}

fn page(decision: &Decision) -> String {
    let severity = decision.severity.map_or("", Severity::word);
    format!(
        "{}  {severity:<8}  {}: {}",
        clock(decision.time),
        decision.client,
        decision.message
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(rule: &str, state: State, notify: bool, reason: Option<&str>) -> Arc<Decision> {
        Arc::new(Decision {
            number: 3,
            time: 1_781_042_700_000_000_000,
            rule: rule.into(),
            device: storage::DeviceId(1),
            client: "Acme".into(),
            subject: "srv-01".into(),
            key: None,
            state,
            severity: Some(Severity::Critical),
            message: "srv-01 is not well".into(),
            reason: reason.map(str::to_owned),
            alert: 3,
            notify,
            seq: 1,
            rule_version: 0,
        })
    }

    #[test]
    fn a_page_is_told_a_muted_alert_is_counted() {
        let mut story = Story::default();
        assert_eq!(
            story.take(&decision(
                "host_down",
                State::Suppressed,
                false,
                Some("planned")
            )),
            None
        );
        let told = story.take(&decision("post_patch", State::Overdue, true, None));
        assert_eq!(
            told.as_deref(),
            Some("22:05  critical  Acme: srv-01 is not well")
        );
        let told = story.take(&decision("post_patch", State::Resolved, true, None));
        assert_eq!(
            told.as_deref(),
            Some("22:05  resolved  Acme: srv-01 is not well")
        );
        assert_eq!(
            story.progress(0),
            "00:00  patching 0  rebooting 0  verifying 0  done 0  suppressed 1  paged 1"
        );
        let summary = story.summary();
        for part in [
            "1 alert paged, 1 over by now",
            "   1  host_down      planned\n",
            "1 alert suppressed",
        ] {
            assert!(summary.contains(part), "{part:?} in\n{summary}");
        }
    }
}
