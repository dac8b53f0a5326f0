//! Reading rows in order from every place that has them.
//!
//! A scan goes device by device: it gathers the device's rows from segments and heads, merges
//! versions, orders them and hands them out. It holds the rows of one device at a time.

use std::collections::BTreeSet;
use std::vec;

use smol_str::SmolStr;

use crate::snapshot::Snapshot;
use crate::{
    ColumnId, Damage, DeviceId, Error, Nanos, Select, StoredRow, TableKind, Value, Versions,
};

/// Iterates over rows; see [`Snapshot::scan`].
#[derive(Debug)]
pub struct Scan {
    snapshot: Snapshot,
    select: Select,
    /// Sorted copy of the selected columns.
    columns: Option<Vec<ColumnId>>,
    merge: bool,
    devices: vec::IntoIter<DeviceId>,
    rows: vec::IntoIter<StoredRow>,
    damage: Vec<Damage>,
}

impl Scan {
    pub(crate) fn new(snapshot: Snapshot, select: Select) -> Scan {
        let view = snapshot.view();
        let mut columns = select.columns.clone();
        if let Some(columns) = &mut columns {
            columns.sort_unstable();
        }
        let signals = view
            .schema
            .table_def(select.table)
            .is_some_and(|def| def.kind == TableKind::Signals);
        let mut devices = BTreeSet::new();
        for head in &view.heads {
            if let Some(rows) = head.read().table(select.table) {
                devices.extend(rows.devices());
            }
        }
        if let Some(chosen) = &select.devices {
            devices.retain(|device| chosen.contains(device.0));
        }
        Scan {
            columns,
            merge: signals && select.versions == Versions::Latest,
            devices: devices.into_iter().collect::<Vec<_>>().into_iter(),
            rows: Vec::new().into_iter(),
            damage: view.damage.to_vec(),
            snapshot,
            select,
        }
    }

    /// Blocks that could not be read so far, and losses known before: if there are any, the rows are
    /// not all there were.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn gather(&mut self, device: DeviceId) -> Vec<StoredRow> {
        let view = self.snapshot.view();
        let seq_max = self.select.seq_max.min(view.seq);
        let mut found = Vec::new();
        for head in &view.heads {
            let rows = head.read();
            let Some(rows) = rows.table(self.select.table) else {
                continue;
            };
            for (instance, numbers) in rows.timelines(device) {
                if self.select.instance.as_ref().is_some_and(|i| i != instance) {
                    continue;
                }
                for &number in numbers {
                    let head = rows.head(number);
                    if head.seq <= seq_max {
                        found.push(rows.stored(self.select.table, number, self.columns.as_deref()));
                    }
                }
            }
        }
        let in_range = |row: &StoredRow| {
            let time = row.corrected();
            time >= self.select.from && time < self.select.to
        };
        if self.merge {
            found.sort_by(|a, b| version_key(a).cmp(&version_key(b)));
            found = merge_versions(found);
        }
        found.retain(in_range);
        found.sort_by(|a, b| order_key(a).cmp(&order_key(b)));
        found
    }
}

fn version_key(row: &StoredRow) -> (&SmolStr, Nanos, u64) {
    (&row.row.instance, row.row.time, row.seq)
}

fn order_key(row: &StoredRow) -> (&SmolStr, Nanos, u64, Nanos) {
    (&row.row.instance, row.corrected(), row.seq, row.row.time)
}

/// Makes one row of the versions of each (instance, reported time); rows come ordered by version.
fn merge_versions(rows: Vec<StoredRow>) -> Vec<StoredRow> {
    let mut merged: Vec<StoredRow> = Vec::with_capacity(rows.len());
    for mut row in rows {
        if let Some(older) = merged.last_mut()
            && older.row.time == row.row.time
            && older.row.instance == row.row.instance
        {
            row.row.cells = merge_cells(std::mem::take(&mut older.row.cells), row.row.cells);
            *older = row;
        } else {
            merged.push(row);
        }
    }
    merged
}

/// The cells of both, ascending by column; the newer win.
fn merge_cells(
    older: Vec<(ColumnId, Value)>,
    newer: Vec<(ColumnId, Value)>,
) -> Vec<(ColumnId, Value)> {
    let mut cells = Vec::with_capacity(older.len().max(newer.len()));
    let mut older = older.into_iter().peekable();
    for cell in newer {
        while let Some(old) = older.next_if(|old| old.0 < cell.0) {
            cells.push(old);
        }
        older.next_if(|old| old.0 == cell.0);
        cells.push(cell);
    }
    cells.extend(older);
    cells
}

impl Iterator for Scan {
    type Item = Result<StoredRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            let device = self.devices.next()?;
            self.rows = self.gather(device).into_iter();
        }
    }
}
