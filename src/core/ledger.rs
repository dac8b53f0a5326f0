//! The ledger: decisions on their way from the engine into the log and out of the door, and the deliveries still open.
//!
//! A decision is numbered by the engine, stored once, released once it is durable. Open deliveries are a function of
//! the rows of tables `decision` and `delivery`.

use crate::admission::SystemTables;
use crate::engine::{Decision, State};
use crate::outbox::{Attempt, Status};
use query::ir::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{ColumnId, Nanos, Record, Row, Schema, Value};

/// Open deliveries kept at most; what comes on top is logged as failed.
const PENDING_MAX: usize = 10_000;
/// Warnings kept at most.
const WARNINGS_MAX: usize = 20;

/// A notification that is still to be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// What is to be told.
    pub decision: Arc<Decision>,
    /// Attempts made.
    pub attempts: u32,
    /// When the last one was made; when it was decided, if none was.
    pub last: Nanos,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Made by the engine, not in the log yet.
    unstored: Vec<Decision>,
    /// In the log, perhaps not durable yet.
    unreleased: Vec<Arc<Decision>>,
    pending: BTreeMap<u64, Pending>,
    pending_version: u64,
    /// The greatest number in the log.
    stored_number: u64,
    /// None: nowhere to deliver to.
    pub target: Option<SmolStr>,
    /// While the log is read again: decisions made anew that the log must hold, too.
    replayed: Option<BTreeMap<u64, Decision>>,
    warnings: Vec<String>,
}

/// What of the ledger a checkpoint holds.
#[derive(Serialize, Deserialize)]
pub(super) struct LedgerState {
    stored_number: u64,
    pending: Vec<Pending>,
}

impl Ledger {
    pub fn new(target: Option<SmolStr>) -> Ledger {
        Ledger {
            target,
            ..Ledger::default()
        }
    }

    pub fn state(&self) -> LedgerState {
        LedgerState {
            stored_number: self.stored_number,
            pending: self.pending.values().cloned().collect(),
        }
    }

    pub fn restore(&mut self, state: LedgerState) {
        self.stored_number = state.stored_number;
        self.pending = state
            .pending
            .into_iter()
            .map(|p| (p.decision.number, p))
            .collect();
    }

    /// From here to [`Ledger::end_recovery`] decisions are compared with the log instead of being stored.
    pub fn begin_recovery(&mut self) {
        self.replayed = Some(BTreeMap::new());
    }

    /// Decisions that the log does not hold are new; those it should hold and does not are named.
    pub fn end_recovery(&mut self) {
        for (number, decision) in self.replayed.take().unwrap_or_default() {
            if number > self.stored_number {
                self.unstored.push(decision);
            } else {
                self.warn(format!(
                    "decision {number} is made again by the log, which does not hold it: {}",
                    decision.to_line()
                ));
            }
        }
    }

    /// Takes what the engine decided.
    pub fn decided(&mut self, decisions: Vec<Decision>) {
        match &mut self.replayed {
            Some(replayed) => replayed.extend(decisions.into_iter().map(|d| (d.number, d))),
            None => self.unstored.extend(decisions),
        }
    }

    pub fn is_stored(&self) -> bool {
        self.unstored.is_empty()
    }

    /// Rows for what is not in the log yet; None when there is nothing.
    pub fn unstored_rows(&self, system: &SystemTables) -> Option<Vec<Row>> {
        if self.unstored.is_empty() {
            return None;
        }
        let mut rows: Vec<Row> = self
            .unstored
            .iter()
            .map(|d| decision_row(d, system))
            .collect();
        let room = PENDING_MAX.saturating_sub(self.pending.len());
        let notify = self.unstored.iter().filter(|d| d.notify);
        for (at, decision) in notify.enumerate() {
            let detail = match &self.target {
                None => "no target is configured",
                Some(_) if at >= room => "too many deliveries are waiting",
                Some(_) => continue,
            };
            let attempt = Attempt {
                decision: decision.number,
                target: self.target.clone().unwrap_or_default(),
                attempt: 0,
                time: decision.time,
                status: Status::Failed,
                detail: detail.to_owned(),
            };
            rows.push(attempt_row(&attempt, decision, system));
        }
        Some(rows)
    }

    /// They are in the log now.
    pub fn stored(&mut self) {
        self.unreleased
            .extend(self.unstored.drain(..).map(Arc::new));
    }

    /// What became durable.
    pub fn release(&mut self) -> Vec<Arc<Decision>> {
        std::mem::take(&mut self.unreleased)
    }

    pub fn attempt_row(&self, system: &SystemTables, attempt: &Attempt) -> Row {
        match self.pending.get(&attempt.decision) {
            Some(pending) => attempt_row(attempt, &pending.decision, system),
            None => raw_attempt_row(attempt, storage::DeviceId::SERVER, system),
        }
    }

    /// Learns from a record of decisions and deliveries that is in the log.
    pub fn observe(&mut self, record: &Record, system: &SystemTables, schema: &Schema) {
        for row in &record.rows {
            if row.table == system.decision {
                if let Some(decision) = decision_of_row(row, &system.decision_columns, schema) {
                    self.observe_decision(decision);
                }
            } else if row.table == system.delivery {
                self.observe_delivery(row, system);
            }
        }
    }

    fn observe_decision(&mut self, decision: Decision) {
        self.stored_number = self.stored_number.max(decision.number);
        if let Some(replayed) = &mut self.replayed {
            match replayed.remove(&decision.number) {
                Some(again) if again == decision => {}
                Some(again) => self.warn(format!(
                    "decision {} was stored as {} and is made again as {}",
                    decision.number,
                    decision.to_line(),
                    again.to_line()
                )),
                None => self.warn(format!(
                    "decision {} is stored and not made again: {}",
                    decision.number,
                    decision.to_line()
                )),
            }
        }
        if decision.notify {
            self.pending_version += 1;
            let last = decision.time;
            self.pending.insert(
                decision.number,
                Pending {
                    decision: Arc::new(decision),
                    attempts: 0,
                    last,
                },
            );
        }
    }

    fn observe_delivery(&mut self, row: &Row, system: &SystemTables) {
        let [decision, attempt, status, _] = system.delivery_columns;
        let Some(Value::Number(number)) = cell(row, decision) else {
            return;
        };
        let number = *number as u64;
        self.pending_version += 1;
        match cell(row, status) {
            Some(Value::Text(status)) if status == Status::Retry.word() => {
                if let Some(pending) = self.pending.get_mut(&number) {
                    pending.last = row.time;
                    if let Some(Value::Number(attempts)) = cell(row, attempt) {
                        pending.attempts = *attempts as u32;
                    }
                }
            }
            _ => {
                self.pending.remove(&number);
            }
        }
    }

    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    pub fn pending_version(&self) -> u64 {
        self.pending_version
    }

    pub fn stored_number(&self) -> u64 {
        self.stored_number
    }

    pub fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(warning);
        }
    }

    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }
}

fn cell(row: &Row, column: ColumnId) -> Option<&Value> {
    row.cells
        .iter()
        .find(|(c, _)| *c == column)
        .map(|(_, value)| value)
}

/// The row of table `decision` that holds this decision.
fn decision_row(decision: &Decision, system: &SystemTables) -> Row {
    let text = |text: &str| Some(Value::Text(text.into()));
    let number = |number: u64| Some(Value::Number(number as f64));
    let values = [
        number(decision.number),
        text(&decision.subject),
        decision.key.as_deref().and_then(text),
        text(decision.state.word()),
        decision.severity.and_then(|s| text(s.word())),
        text(&decision.message),
        decision.reason.as_deref().and_then(text),
        number(decision.alert),
        Some(Value::Bool(decision.notify)),
        number(decision.seq),
        text(&format!("{:016x}", decision.rule_version)),
    ];
    let cells = system.decision_columns.iter().zip(values);
    let mut cells: Vec<_> = cells
        .filter_map(|(column, value)| Some((*column, value?)))
        .collect();
    cells.sort_unstable_by_key(|(column, _)| *column);
    Row {
        table: system.decision,
        device: decision.device,
        instance: decision.rule.clone(),
        time: decision.time,
        offset: 0,
        cells,
    }
}

/// Numbers of [`crate::engine::tables::DECISION_COLUMNS`].
pub type DecisionColumns = [storage::ColumnId; 11];

/// The decision that a row of table `decision` holds; None when the row is not whole.
pub fn decision_of_row(row: &Row, columns: &DecisionColumns, schema: &Schema) -> Option<Decision> {
    let [
        number,
        subject,
        key,
        state,
        severity,
        message,
        reason,
        alert,
        notify,
        position,
        version,
    ] = *columns;
    let text = |column| match cell(row, column) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let count = |column| match cell(row, column) {
        Some(Value::Number(number)) => Some(*number as u64),
        _ => None,
    };
    let word = text(severity);
    let severities = [
        Severity::Info,
        Severity::Warn,
        Severity::Critical,
        Severity::P1,
    ];
    Some(Decision {
        number: count(number)?,
        time: row.time,
        rule: row.instance.clone(),
        device: row.device,
        client: schema
            .device_def(row.device)
            .map(|def| def.client)
            .unwrap_or_default(),
        subject: text(subject)?,
        key: text(key),
        state: State::parse(&text(state)?)?,
        severity: severities
            .into_iter()
            .find(|s| word.as_deref() == Some(s.word())),
        message: text(message)?.to_string(),
        reason: text(reason).map(|reason| reason.to_string()),
        alert: count(alert)?,
        notify: matches!(cell(row, notify), Some(Value::Bool(true))),
        seq: count(position)?,
        rule_version: u64::from_str_radix(&text(version)?, 16).ok()?,
    })
}

fn attempt_row(attempt: &Attempt, decision: &Decision, system: &SystemTables) -> Row {
    raw_attempt_row(attempt, decision.device, system)
}

fn raw_attempt_row(attempt: &Attempt, device: storage::DeviceId, system: &SystemTables) -> Row {
    let values = [
        Value::Number(attempt.decision as f64),
        Value::Number(f64::from(attempt.attempt)),
        Value::Text(attempt.status.word().into()),
        Value::Text(attempt.detail.as_str().into()),
    ];
    let mut cells: Vec<_> = system.delivery_columns.into_iter().zip(values).collect();
    cells.sort_unstable_by_key(|(column, _)| *column);
    Row {
        table: system.delivery,
        device,
        instance: attempt.target.clone(),
        time: attempt.time,
        offset: 0,
        cells,
    }
}
