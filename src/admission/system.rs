//! Numbers of the system tables and columns, looked up once.

use crate::engine::tables::*;
use query::catalog::PLAIN_FAMILY;
use storage::{ColumnId, Error, Store, TableId, TableKind, ValueType};

/// See the module.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "each field is the table or column of its name in engine::tables"
)]
pub struct SystemTables {
    pub report: TableId,
    pub interval: ColumnId,
    pub stated: ColumnId,
    pub fingerprint: ColumnId,
    pub imported: ColumnId,
    pub label: TableId,
    pub label_value: ColumnId,
    pub tick: TableId,
    pub listening: TableId,
    pub listening_value: ColumnId,
    pub rules: TableId,
    pub rules_value: ColumnId,
    pub decision: TableId,
    pub decision_columns: [ColumnId; DECISION_COLUMNS.len()],
    pub delivery: TableId,
    pub delivery_columns: [ColumnId; DELIVERY_COLUMNS.len()],
    pub plain: TableId,
    pub clock_offset: ColumnId,
}

/// Types of [`DECISION_COLUMNS`].
const DECISION_TYPES: [ValueType; DECISION_COLUMNS.len()] = [
    ValueType::Number,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Number,
    ValueType::Bool,
    ValueType::Number,
    ValueType::Text,
];

/// Types of [`DELIVERY_COLUMNS`].
const DELIVERY_TYPES: [ValueType; DELIVERY_COLUMNS.len()] = [
    ValueType::Number,
    ValueType::Number,
    ValueType::Text,
    ValueType::Text,
];

impl SystemTables {
    /// Finds them, making those that are missing.
    pub fn of(store: &mut Store) -> Result<SystemTables, Error> {
        let table = |store: &mut Store, name| store.table(TableKind::System, name);
        let report = table(store, REPORT)?;
        let label = table(store, LABEL)?;
        let tick = table(store, TICK)?;
        let listening = table(store, LISTENING)?;
        let rules = table(store, RULES)?;
        let decision = table(store, DECISION)?;
        let delivery = table(store, DELIVERY)?;
        let plain = store.table(TableKind::Signals, PLAIN_FAMILY)?;
        Ok(SystemTables {
            report,
            interval: store.column(report, INTERVAL, ValueType::Number)?,
            stated: store.column(report, STATED, ValueType::Bool)?,
            fingerprint: store.column(report, FINGERPRINT, ValueType::Number)?,
            imported: store.column(report, IMPORTED, ValueType::Bool)?,
            label,
            label_value: store.column(label, VALUE, ValueType::Text)?,
            tick,
            listening,
            listening_value: store.column(listening, VALUE, ValueType::Bool)?,
            rules,
            rules_value: store.column(rules, VALUE, ValueType::Text)?,
            decision,
            decision_columns: columns(store, decision, DECISION_COLUMNS, DECISION_TYPES)?,
            delivery,
            delivery_columns: columns(store, delivery, DELIVERY_COLUMNS, DELIVERY_TYPES)?,
            plain,
            clock_offset: store.column(plain, "clock_offset", ValueType::Number)?,
        })
    }

    /// True for what follows from the rest of the log: it is never fed to the engine.
    pub fn is_derived(&self, table: TableId) -> bool {
        table == self.decision || table == self.delivery
    }
}

fn columns<const N: usize>(
    store: &mut Store,
    table: TableId,
    names: [&str; N],
    types: [ValueType; N],
) -> Result<[ColumnId; N], Error> {
    let mut ids = [ColumnId(0); N];
    for at in 0..N {
        ids[at] = store.column(table, names[at], types[at])?;
    }
    Ok(ids)
}
