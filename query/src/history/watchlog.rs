//! What a watch did on one device: runs with their phases at the times they took effect.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use storage::Nanos;

/// Phase of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// no run yet
    None,
    /// waiting for the reboot
    Open,
    /// the machine is down
    Down,
    /// back, being verified
    Verifying,
    /// verified
    Done,
    /// not back in time
    Overdue,
    /// not verified in time
    Unverified,
    /// no reboot seen
    Idle,
    /// called off
    Cancelled,
}

impl Phase {
    /// Its word in expressions and output.
    pub fn word(self) -> &'static str {
        match self {
            Phase::None => "none",
            Phase::Open => "open",
            Phase::Down => "down",
            Phase::Verifying => "verifying",
            Phase::Done => "done",
            Phase::Overdue => "overdue",
            Phase::Unverified => "unverified",
            Phase::Idle => "idle",
            Phase::Cancelled => "cancelled",
        }
    }

    /// The phase of this word.
    pub fn parse(word: &str) -> Option<Phase> {
        use Phase::*;
        [
            None, Open, Down, Verifying, Done, Overdue, Unverified, Idle, Cancelled,
        ]
        .into_iter()
        .find(|p| p.word() == word)
    }

    /// Open, down or verifying: `NAME.open`.
    pub fn is_open(self) -> bool {
        matches!(self, Phase::Open | Phase::Down | Phase::Verifying)
    }
}

/// What is told of a run besides its phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Time of the first opening event.
    pub opened: Nanos,
    /// KBs in order of opening.
    pub kbs: Vec<SmolStr>,
    /// Last report before the boot to the first after it.
    pub downtime: Option<Nanos>,
    /// Why verification is not true.
    pub failures: Vec<SmolStr>,
    /// Why it is in this phase.
    pub reason: SmolStr,
}

/// From `effective` on it is in `phase`, and this is what is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchStep {
    /// When it took effect (time of the opening, of `reboot.started` …).
    pub effective: Nanos,
    /// When it was decided.
    pub decided: Nanos,
    /// The phase.
    pub phase: Phase,
    /// What is told from then on.
    pub facts: RunFacts,
}

/// Steps in order of decision; effective times never fall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchLog {
    steps: Vec<WatchStep>,
}

impl WatchLog {
    /// Adds a step; earlier steps that would take effect after it are cut.
    pub fn push(&mut self, step: WatchStep) {
        self.steps.push(step);
    }

    /// Keeps about the `most` newest steps.
    pub fn bound(&mut self, most: usize) {
        if self.steps.len() > most + most / 8 {
            self.steps.drain(..self.steps.len() - most);
        }
    }

    /// The steps in order of decision.
    pub fn steps(&self) -> &[WatchStep] {
        &self.steps
    }

    /// The newest step.
    pub fn newest(&self) -> Option<&WatchStep> {
        self.steps.last()
    }

    /// The step in effect at `at` among those decided by `known`, with the instants between which that holds.
    pub fn at(&self, at: Nanos, known: Nanos) -> (Option<&WatchStep>, Nanos, Nanos) {
        let (mut since, mut until) = (Nanos::MIN, Nanos::MAX);
        for step in self.steps.iter().rev().filter(|s| s.decided <= known) {
            if step.effective <= at {
                since = since.max(step.effective);
                return (Some(step), since, until);
            }
            until = until.min(step.effective);
        }
        (None, since, until)
    }

    /// Forgets steps before `horizon`, except the one in effect there.
    pub fn trim(&mut self, horizon: Nanos) {
        let keep = self
            .steps
            .iter()
            .rposition(|s| s.effective <= horizon)
            .unwrap_or(0);
        self.steps.drain(..keep);
    }
}
