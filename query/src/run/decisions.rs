//! The ledger as queries read it: decisions of one device, and the alerts that they add up to.

use super::scan::Cells;
use crate::ir::{Program, Scope};
use crate::value::Value;
use smol_str::SmolStr;
use storage::{Nanos, StoredRow, TableDef};

/// System table of the ledger: one row a decision; instance = rule, time = instant of the decision.
pub const DECISION: &str = "decision";

/// One stored transition.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The instant of the decision.
    pub time: Nanos,
    /// Rule or watch.
    pub rule: SmolStr,
    /// Its columns by name.
    pub cells: Cells,
}

impl Decision {
    /// Reads a row of the ledger.
    pub fn read(row: &StoredRow, table: &TableDef) -> Decision {
        Decision {
            time: row.row.time,
            rule: row.row.instance.clone(),
            cells: Cells::read(&row.row, table),
        }
    }

    /// A text column; empty when not set.
    pub fn text(&self, name: &str) -> SmolStr {
        match self.cells.get(name) {
            Value::Text(text) => text,
            _ => SmolStr::default(),
        }
    }

    /// The number of the alert that it belongs to; None for log lines and phases without one.
    pub fn alert(&self) -> Option<u64> {
        match self.cells.get("alert") {
            Value::Number(number) if number >= 1.0 => Some(number as u64),
            _ => None,
        }
    }

    /// Its own number.
    pub fn number(&self) -> u64 {
        match self.cells.get("number") {
            Value::Number(number) => number as u64,
            _ => 0,
        }
    }
}

/// What the decisions of one alert add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Number of its first decision.
    pub id: u64,
    /// When it was raised.
    pub raised: Nanos,
    /// When it last changed.
    pub changed: Nanos,
    /// When it ended; None: open.
    pub ended: Option<Nanos>,
    /// firing, suppressed, absorbed, resolved or closed.
    pub state: SmolStr,
    /// Its latest decision with a state of its own.
    pub latest: Decision,
}

/// Adds decisions, in order of their numbers and none later than `until`, up to alerts in order of id.
///
/// A one-shot (an `on` rule without `clear`) ends as it is raised: nothing could end it later. A watch's
/// phase that raises an alert makes it `firing`; later phases leave its state alone.
pub fn alerts(decisions: &[Decision], program: &Program, until: Nanos) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for decision in decisions.iter().filter(|decision| decision.time <= until) {
        let Some(id) = decision.alert() else { continue };
        let word = decision.text("state");
        let known = alerts.iter().position(|alert| alert.id == id);
        let state = match word.as_str() {
            "firing" | "suppressed" | "absorbed" | "resolved" | "closed" => Some(word.clone()),
            "revised" => None,
            _ if known.is_none() => Some("firing".into()),
            _ => None,
        };
        let Some(state) = state else { continue };
        let over =
            matches!(state.as_str(), "resolved" | "closed") || one_shot(program, &decision.rule);
        let ended = over.then_some(decision.time);
        match known {
            Some(at) => {
                let alert = &mut alerts[at];
                alert.changed = decision.time;
                alert.ended = ended;
                alert.state = state;
                alert.latest = decision.clone();
            }
            None => alerts.push(Alert {
                id,
                raised: decision.time,
                changed: decision.time,
                ended,
                state,
                latest: decision.clone(),
            }),
        }
    }
    alerts.sort_by_key(|alert| alert.id);
    alerts
}

fn one_shot(program: &Program, rule: &str) -> bool {
    let rule = program.rules.iter().find(|known| known.name == rule);
    rule.is_some_and(|rule| matches!(rule.scope, Scope::On { .. }) && rule.clear.is_none())
}
