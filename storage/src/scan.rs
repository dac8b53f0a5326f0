//! Reading rows in order from every place that has them.
//!
//! A scan goes device by device: it gathers the device's rows from segments and heads, merges
//! versions, orders them and hands them out. It holds the rows of one device at a time.

use std::ops::RangeInclusive;
use std::vec;

use roaring::RoaringBitmap;
use smol_str::SmolStr;

use crate::head::{Head, TableRows};
use crate::segment::cursor::Cursor;
use crate::snapshot::Snapshot;
use crate::{
    ColumnId, Damage, DeviceId, Error, Nanos, Select, StoredRow, TableId, TableKind, Value,
    Versions,
};

/// A selection made ready to be asked row by row.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) table: TableId,
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
    /// Ascending.
    pub(crate) columns: Option<Vec<ColumnId>>,
    pub(crate) seq_max: u64,
    devices: Option<RoaringBitmap>,
    instance: Option<SmolStr>,
}

impl Wanted {
    pub(crate) fn has_corrected(&self, time: Nanos) -> bool {
        self.from <= time && time < self.to
    }

    pub(crate) fn has_device(&self, device: DeviceId) -> bool {
        self.devices
            .as_ref()
            .is_none_or(|devices| devices.contains(device.0))
    }

    pub(crate) fn any_device_in(&self, range: RangeInclusive<u32>) -> bool {
        self.devices
            .as_ref()
            .is_none_or(|devices| devices.range_cardinality(range) > 0)
    }

    pub(crate) fn has_instance(&self, instance: &SmolStr) -> bool {
        self.instance.as_ref().is_none_or(|only| only == instance)
    }
}

/// Iterates over rows; see [`Snapshot::scan`].
#[derive(Debug)]
pub struct Scan {
    snapshot: Snapshot,
    wanted: Wanted,
    /// Whether versions of a row become one.
    merge: bool,
    cursors: Vec<Cursor>,
    /// Devices in memory, ascending, still to come.
    head_devices: vec::IntoIter<DeviceId>,
    /// The devices before this one are done.
    next_device: Option<DeviceId>,
    rows: vec::IntoIter<StoredRow>,
    damage: Vec<Damage>,
}

impl Scan {
    pub(crate) fn new(snapshot: Snapshot, select: &Select) -> Scan {
        let view = snapshot.view();
        let mut columns = select.columns.clone();
        if let Some(columns) = &mut columns {
            columns.sort_unstable();
        }
        let wanted = Wanted {
            table: select.table,
            from: select.from,
            to: select.to,
            columns,
            seq_max: select.seq_max.min(view.seq),
            devices: select.devices.clone(),
            instance: select.instance.clone(),
        };
        let def = view.schema.table_def(select.table);
        let signals = def.is_some_and(|def| def.kind == TableKind::Signals);
        let segments = view.segments.iter();
        let mut head_devices = Vec::new();
        for head in &view.heads {
            devices_of(head, &wanted, &mut head_devices);
        }
        head_devices.sort_unstable();
        head_devices.dedup();
        Scan {
            merge: signals && select.versions == Versions::Latest,
            cursors: segments
                .filter(|segment| segment.table(select.table).is_some())
                .map(|segment| Cursor::new(segment.clone()))
                .collect(),
            head_devices: head_devices.into_iter(),
            next_device: Some(DeviceId(0)),
            rows: Vec::new().into_iter(),
            damage: view.damage.to_vec(),
            snapshot,
            wanted,
        }
    }

    /// Blocks that could not be read so far, and losses known before: if there are any, the rows are
    /// not all there were.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The next device that may have rows.
    fn device(&mut self) -> Option<DeviceId> {
        let from = self.next_device?;
        let done = |device: &&DeviceId| **device < from;
        let passed = self.head_devices.as_slice().iter().take_while(done).count();
        if let Some(last) = passed.checked_sub(1) {
            self.head_devices.nth(last);
        }
        let mut next = self.head_devices.as_slice().first().copied();
        for cursor in &mut self.cursors {
            let found = cursor.next_device(from, &self.wanted, &mut self.damage);
            next = next.into_iter().chain(found).min();
        }
        self.next_device = next
            .and_then(|device| device.0.checked_add(1))
            .map(DeviceId);
        next
    }

    fn gather(&mut self, device: DeviceId) -> Vec<StoredRow> {
        let Scan {
            snapshot,
            wanted,
            cursors,
            damage,
            ..
        } = self;
        let heads = &snapshot.view().heads;
        let mut found = Vec::new();
        for cursor in cursors.iter_mut() {
            cursor.rows_in_range(device, wanted, &mut found, damage);
        }
        for head in heads {
            head_rows(head, device, wanted, &mut found, |_, corrected| {
                wanted.has_corrected(corrected)
            });
        }
        if self.merge && !found.is_empty() {
            let times = found.iter().map(|row| row.row.time);
            let times = times.fold((Nanos::MAX, Nanos::MIN), |(least, most), time| {
                (least.min(time), most.max(time))
            });
            for cursor in cursors {
                cursor.rows_out_of_range(device, wanted, times, &mut found, damage);
            }
            for head in heads {
                head_rows(head, device, wanted, &mut found, |time, corrected| {
                    times.0 <= time && time <= times.1 && !wanted.has_corrected(corrected)
                });
            }
            found.sort_by(|a, b| version_key(a).cmp(&version_key(b)));
            found = merge_versions(found);
            found.retain(|row| wanted.has_corrected(row.corrected()));
        }
        found.sort_by(|a, b| order_key(a).cmp(&order_key(b)));
        found
    }
}

/// Adds the chosen devices that have rows in a head.
fn devices_of(head: &Head, wanted: &Wanted, devices: &mut Vec<DeviceId>) {
    let rows = head.read();
    let Some(rows) = rows.table(wanted.table) else {
        return;
    };
    match &wanted.devices {
        Some(chosen) if chosen.len() < rows.device_count() as u64 => {
            devices.extend(chosen.iter().map(DeviceId).filter(|d| rows.has_device(*d)));
        }
        _ => devices.extend(rows.devices().filter(|device| wanted.has_device(*device))),
    }
}

/// Adds a device's rows of a head, those that `choose` by reported and corrected time.
fn head_rows(
    head: &Head,
    device: DeviceId,
    wanted: &Wanted,
    found: &mut Vec<StoredRow>,
    choose: impl Fn(Nanos, Nanos) -> bool,
) {
    let rows = head.read();
    let Some(rows): Option<&TableRows> = rows.table(wanted.table) else {
        return;
    };
    for (instance, numbers) in rows.timelines(device) {
        if !wanted.has_instance(instance) {
            continue;
        }
        for &number in numbers {
            let head = rows.head(number);
            if head.seq <= wanted.seq_max && choose(head.time, head.corrected()) {
                found.push(rows.stored(wanted.table, number, wanted.columns.as_deref()));
            }
        }
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
            let device = self.device()?;
            self.rows = self.gather(device).into_iter();
        }
    }
}
