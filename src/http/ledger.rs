//! Stored decisions in order of their numbers: what a stream needs that reaches further back than the
//! owner remembers.

use crate::core::{DecisionColumns, decision_of_row};
use crate::engine::Decision;
use crate::engine::tables::{DECISION, DECISION_COLUMNS};
use std::collections::BTreeMap;
use storage::{ColumnId, Error, Schema, Select, Snapshot, TableId, TableKind};

/// The first `count` decisions with a number after `after`, in order.
///
/// The store keeps them by device, so all are read; memory is that of the answer.
pub fn after(snapshot: &Snapshot, after: u64, count: usize) -> Result<Vec<Decision>, Error> {
    let schema = snapshot.schema();
    let Some((table, columns)) = columns(schema) else {
        return Ok(Vec::new());
    };
    let mut first = BTreeMap::new();
    for row in snapshot.scan(&Select::table(table))? {
        let Some(decision) = decision_of_row(&row?.row, &columns, schema) else {
            continue;
        };
        if decision.number > after {
            first.insert(decision.number, decision);
            if first.len() > count {
                first.pop_last();
            }
        }
    }
    Ok(first.into_values().collect())
}

fn columns(schema: &Schema) -> Option<(TableId, DecisionColumns)> {
    let table = schema.find_table(TableKind::System, DECISION)?;
    let mut columns = [ColumnId(0); DECISION_COLUMNS.len()];
    for (column, name) in columns.iter_mut().zip(DECISION_COLUMNS) {
        *column = schema.find_column(table, name)?;
    }
    Some((table, columns))
}
