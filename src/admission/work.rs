//! What one body has done to its devices so far, and whether a row was known before: in the store or earlier in the
//! same body.

use super::body::Admitting;
use super::device::DeviceState;
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::{ColumnId, DeviceId, Nanos, Row, TableId, Value};

/// What this body has done to one device so far.
pub(super) struct Work {
    pub offset: Nanos,
    pub newest: Nanos,
    /// Labels set by this body.
    pub labels: Vec<(SmolStr, Nanos, SmolStr)>,
    /// (record, row) of each of its rows in this body.
    rows: Vec<(u32, u32)>,
    /// The same by identity, once one had to be looked up.
    index: Option<Index>,
}

/// (record, row) by table, instance and time.
type Index = HashMap<(TableId, SmolStr, Nanos), Vec<(u32, u32)>>;

impl Work {
    /// Nothing yet, on top of what the log says.
    pub fn of(state: Option<&DeviceState>) -> Work {
        Work {
            offset: state.map_or(0, |s| s.offset),
            newest: state.map_or(Nanos::MIN, |s| s.newest),
            labels: Vec::new(),
            rows: Vec::new(),
            index: None,
        }
    }
}

impl Admitting<'_> {
    /// True when a row of this identity with these cells is in the store or earlier in this body. An event is known
    /// only if all its fields are the same, samples also as part of a larger row.
    pub(super) fn known(
        &mut self,
        device: DeviceId,
        table: TableId,
        instance: &str,
        time: Nanos,
        cells: &[(ColumnId, Value)],
        whole: bool,
    ) -> bool {
        let Some(work) = self.work.get_mut(&device) else {
            return false;
        };
        if time > work.newest {
            return false;
        }
        let same = |row: &Row| match whole {
            true => row.cells == cells,
            false => cells.iter().all(|cell| row.cells.contains(cell)),
        };
        let records = &self.admitted.records;
        let index = work.index.get_or_insert_with(|| {
            let mut index = Index::new();
            for at in &work.rows {
                let row = &records[at.0 as usize][at.1 as usize];
                index
                    .entry((row.table, row.instance.clone(), row.time))
                    .or_default()
                    .push(*at);
            }
            index
        });
        let here = index.get(&(table, SmolStr::new(instance), time));
        if here.is_some_and(|at| {
            at.iter()
                .any(|at| same(&records[at.0 as usize][at.1 as usize]))
        }) {
            return true;
        }
        let stored_newest = self
            .admission
            .device(device)
            .map_or(Nanos::MIN, |s| s.newest);
        time <= stored_newest
            && match self.store.find(table, device, instance, time) {
                Ok(found) => found.iter().any(|stored| same(&stored.row)),
                // Better kept twice than lost: a row known already changes nothing for its readers.
                Err(_) => false,
            }
    }

    /// Adds the record and what later reports of this body must know of it.
    pub(super) fn keep(&mut self, device: DeviceId, arrival: Nanos, rows: Vec<Row>, offset: Nanos) {
        let record = self.admitted.records.len() as u32;
        if let Some(work) = self.work.get_mut(&device) {
            if self.manner.corrects_clock {
                work.offset = offset;
            }
            for (at, row) in rows.iter().enumerate() {
                work.newest = work.newest.max(row.time);
                let place = (record, at as u32);
                work.rows.push(place);
                if let Some(index) = &mut work.index {
                    index
                        .entry((row.table, row.instance.clone(), row.time))
                        .or_default()
                        .push(place);
                }
                if row.table == self.system.label
                    && let Some((_, Value::Text(value))) = row.cells.first()
                {
                    let corrected = row.time.saturating_add(row.offset).min(arrival);
                    work.labels
                        .push((row.instance.clone(), corrected, value.clone()));
                }
            }
        }
        self.admitted.records.push(rows);
    }
}
