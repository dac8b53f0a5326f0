//! What deciding one instant needs besides the device: the program, the instant, and where decisions go.

use super::{Decision, State};
use query::eval::{Env, Scope, World, render};
use query::history::DeviceHistory;
use query::ir::{Program, Severity, Template};
use smol_str::SmolStr;
use storage::{DeviceId, Nanos};

/// One instant being decided.
pub struct Turn<'a> {
    /// The rules.
    pub program: &'a Program,
    /// When the server was not listening.
    pub outages: &'a [(Nanos, Nanos)],
    /// The instant.
    pub now: Nanos,
    /// Last record applied.
    pub seq: u64,
    /// What is being applied came by bulk import.
    pub imported: bool,
    /// Hashes of the normalised texts, by rule and by watch.
    pub versions: &'a Versions,
    /// Decisions made so far, numbered.
    pub decisions: &'a mut Vec<Decision>,
    /// Number of the last decision.
    pub decided: &'a mut u64,
}

/// Versions of rules and watches.
#[derive(Debug, Default)]
pub struct Versions {
    /// By rule.
    pub rules: Vec<u64>,
    /// By watch.
    pub watches: Vec<u64>,
}

/// The part of a decision that differs from case to case.
pub struct Draft {
    /// Rule or watch.
    pub rule: SmolStr,
    /// Hash of its text.
    pub version: u64,
    /// Key.
    pub key: Option<SmolStr>,
    /// State.
    pub state: State,
    /// Severity.
    pub severity: Option<Severity>,
    /// Message.
    pub message: String,
    /// Reason.
    pub reason: Option<String>,
    /// Number of its alert; None: this decision raises it; Some(0): there is none.
    pub alert: Option<u64>,
    /// To be delivered.
    pub notify: bool,
}

impl<'a> Turn<'a> {
    /// The world of evaluations at this instant.
    pub fn world(&self) -> World<'a> {
        World {
            program: self.program,
            outages: self.outages,
            stepped: true,
            hresult: crate::hresult::describe,
        }
    }

    /// The scope of a device at this instant.
    pub fn scope<'h>(&self, history: &'h DeviceHistory) -> Scope<'h>
    where
        'a: 'h,
    {
        Scope::new(self.world(), history)
    }

    /// A message of a device at an instant.
    pub fn message(
        &self,
        template: &Template,
        history: &DeviceHistory,
        at: Nanos,
        env: &Env<'_>,
    ) -> String {
        render(template, &self.scope(history), at, env)
    }

    /// Writes a decision down; returns its number.
    pub fn decide(&mut self, device: DeviceId, history: &DeviceHistory, draft: Draft) -> u64 {
        *self.decided += 1;
        let number = *self.decided;
        self.decisions.push(Decision {
            number,
            time: self.now,
            rule: draft.rule,
            device,
            client: history.client.clone(),
            subject: history.name.clone(),
            key: draft.key,
            state: draft.state,
            severity: draft.severity,
            message: draft.message,
            reason: draft.reason,
            alert: draft.alert.unwrap_or(number),
            notify: draft.notify,
            seq: self.seq,
            rule_version: draft.version,
        });
        number
    }
}
