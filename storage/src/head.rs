//! The rows that are in the log and not yet in a segment, in memory.
//!
//! Per table: row headers in chunks, cells as the bytes the log holds, and per (device, instance) a
//! timeline, its rows ordered by reported time. Rows are only added, in sequence order, by the owner;
//! readers hold an `Arc` and bound what they see by a sequence number, so a snapshot copies nothing.
//! Locks are taken per append and per device read, never per cell.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use smol_str::SmolStr;

use crate::codec::cells::Cells;
use crate::{ColumnId, DeviceId, Nanos, Record, Row, StoredRow, TableId, Value};

/// Rows of one chunk.
const CHUNK_ROWS: usize = 1_024;
/// What a new timeline takes beside its rows, for the memory bound.
const TIMELINE_BYTES: usize = 112;
/// What a row takes beside its cells.
const ROW_BYTES: usize = size_of::<RowHead>() + 12;

/// Rows in memory; see the module.
#[derive(Debug, Default)]
pub(crate) struct Head {
    inner: RwLock<HeadRows>,
}

/// Everything about a row but its table and its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowHead {
    pub(crate) seq: u64,
    pub(crate) arrival: Nanos,
    pub(crate) time: Nanos,
    pub(crate) offset: Nanos,
    timeline: u32,
    cells_end: u32,
}

impl RowHead {
    /// See [`StoredRow::corrected`].
    pub(crate) fn corrected(&self) -> Nanos {
        self.time.saturating_add(self.offset).min(self.arrival)
    }
}

/// The rows, under the lock.
#[derive(Debug, Default)]
pub(crate) struct HeadRows {
    tables: Vec<TableRows>,
    /// Table and row number of every row, in the order given.
    log: Vec<(TableId, u32)>,
    bytes: usize,
}

#[derive(Debug, Default)]
pub(crate) struct TableRows {
    chunks: Vec<Chunk>,
    row_count: u32,
    instances: Vec<SmolStr>,
    instance_ids: HashMap<SmolStr, u32>,
    timelines: Vec<Timeline>,
    by_key: HashMap<u64, u32, DenseHash>,
    /// The newest timeline of each device.
    by_device: HashMap<u32, u32, DenseHash>,
}

#[derive(Debug, Default)]
struct Chunk {
    rows: Vec<RowHead>,
    cells: Vec<u8>,
}

/// The rows of one (device, instance), ordered by reported time, then as they came.
#[derive(Debug)]
struct Timeline {
    device: u32,
    instance: u32,
    /// The timeline of the same device made before this one.
    previous: Option<u32>,
    rows: Vec<u32>,
}

/// A row to be added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRow<'a> {
    pub(crate) table: TableId,
    pub(crate) device: DeviceId,
    pub(crate) instance: &'a str,
    pub(crate) time: Nanos,
    pub(crate) offset: Nanos,
    pub(crate) cells: &'a [u8],
}

impl Head {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, HeadRows> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, HeadRows> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeadRows {
    /// About how much memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows there are.
    pub(crate) fn row_count(&self) -> usize {
        self.log.len()
    }

    /// First and last sequence number.
    pub(crate) fn seqs(&self) -> Option<(u64, u64)> {
        let seq = |&(table, row): &(TableId, u32)| self.tables[table.0 as usize].head(row).seq;
        Some((seq(self.log.first()?), seq(self.log.last()?)))
    }

    /// Adds a row; `seq` and `arrival` never fall from row to row.
    pub(crate) fn push(&mut self, seq: u64, arrival: Nanos, row: NewRow<'_>) {
        let index = row.table.0 as usize;
        if self.tables.len() <= index {
            self.tables.resize_with(index + 1, TableRows::default);
        }
        let (number, bytes) = self.tables[index].push(seq, arrival, row);
        self.bytes += bytes;
        self.log.push((row.table, number));
    }

    /// The rows of one table.
    pub(crate) fn table(&self, table: TableId) -> Option<&TableRows> {
        self.tables.get(table.0 as usize)
    }

    /// Table and row number of every row in the order given, with its place in its record.
    pub(crate) fn places(&self) -> impl Iterator<Item = (TableId, u32, u32)> {
        let mut last_seq = 0;
        let mut place = 0;
        self.log.iter().map(move |&(table, row)| {
            let seq = self.tables[table.0 as usize].head(row).seq;
            place = if seq == last_seq { place + 1 } else { 0 };
            last_seq = seq;
            (table, row, place)
        })
    }

    /// The position in the log of the first row of the first record from `seq` on.
    pub(crate) fn position_of(&self, seq: u64) -> usize {
        self.log
            .partition_point(|&(table, row)| self.tables[table.0 as usize].head(row).seq < seq)
    }

    /// The record that starts at a position of the log, and where the next one starts.
    pub(crate) fn record_at(&self, position: usize) -> Option<(Record, usize)> {
        let &(table, row) = self.log.get(position)?;
        let first = self.tables[table.0 as usize].head(row);
        let mut record = Record {
            seq: first.seq,
            arrival: first.arrival,
            rows: Vec::new(),
        };
        let mut next = position;
        while let Some(&(table, row)) = self.log.get(next) {
            let rows = &self.tables[table.0 as usize];
            if rows.head(row).seq != first.seq {
                break;
            }
            record.rows.push(rows.stored(table, row, None).row);
            next += 1;
        }
        Some((record, next))
    }
}

impl TableRows {
    fn push(&mut self, seq: u64, arrival: Nanos, row: NewRow<'_>) -> (u32, usize) {
        let mut bytes = ROW_BYTES + row.cells.len();
        let number = self.row_count;
        let instance = self.instance(row.instance);
        let key = u64::from(row.device.0) << 32 | u64::from(instance);
        let timeline = match self.by_key.get(&key) {
            Some(&timeline) => timeline,
            None => {
                let timeline = self.timelines.len() as u32;
                bytes += TIMELINE_BYTES + row.instance.len();
                self.by_key.insert(key, timeline);
                self.timelines.push(Timeline {
                    device: row.device.0,
                    instance,
                    previous: self.by_device.insert(row.device.0, timeline),
                    rows: Vec::new(),
                });
                timeline
            }
        };
        if (number as usize).is_multiple_of(CHUNK_ROWS) {
            self.chunks.push(Chunk::default());
        }
        let chunk = &mut self.chunks[number as usize / CHUNK_ROWS];
        chunk.cells.extend_from_slice(row.cells);
        chunk.rows.push(RowHead {
            seq,
            arrival,
            time: row.time,
            offset: row.offset,
            timeline,
            cells_end: chunk.cells.len() as u32,
        });
        self.row_count += 1;
        let rows = &self.timelines[timeline as usize].rows;
        let newest = rows.last().is_none_or(|&r| self.head(r).time <= row.time);
        let at = if newest {
            rows.len()
        } else {
            rows.partition_point(|&r| self.head(r).time <= row.time)
        };
        self.timelines[timeline as usize].rows.insert(at, number);
        (number, bytes)
    }

    fn instance(&mut self, instance: &str) -> u32 {
        if let Some(&id) = self.instance_ids.get(instance) {
            return id;
        }
        let id = self.instances.len() as u32;
        self.instances.push(SmolStr::new(instance));
        self.instance_ids.insert(SmolStr::new(instance), id);
        id
    }

    /// The header of a row.
    #[inline]
    pub(crate) fn head(&self, row: u32) -> &RowHead {
        &self.chunks[row as usize / CHUNK_ROWS].rows[row as usize % CHUNK_ROWS]
    }

    /// The device and instance of a row.
    pub(crate) fn key(&self, row: u32) -> (DeviceId, &SmolStr) {
        let timeline = &self.timelines[self.head(row).timeline as usize];
        (
            DeviceId(timeline.device),
            &self.instances[timeline.instance as usize],
        )
    }

    /// The cells of a row.
    pub(crate) fn cells(&self, row: u32) -> Cells<'_> {
        let chunk = &self.chunks[row as usize / CHUNK_ROWS];
        let index = row as usize % CHUNK_ROWS;
        let start = match index {
            0 => 0,
            _ => chunk.rows[index - 1].cells_end as usize,
        };
        let head = &chunk.rows[index];
        Cells::new(&chunk.cells[start..head.cells_end as usize], head.time)
    }

    /// A row with the chosen columns, ascending; `None` chooses all.
    pub(crate) fn stored(
        &self,
        table: TableId,
        row: u32,
        columns: Option<&[ColumnId]>,
    ) -> StoredRow {
        let head = self.head(row);
        let (device, instance) = self.key(row);
        let cells: Vec<(ColumnId, Value)> = self
            .cells(row)
            .filter(|(column, _)| columns.is_none_or(|some| some.binary_search(column).is_ok()))
            .map(|(column, cell)| (column, cell.to_value()))
            .collect();
        StoredRow {
            row: Row {
                table,
                device,
                instance: instance.clone(),
                time: head.time,
                offset: head.offset,
                cells,
            },
            seq: head.seq,
            arrival: head.arrival,
        }
    }

    /// The rows of one timeline, ordered by reported time, then as they came.
    pub(crate) fn timeline(&self, device: DeviceId, instance: &str) -> &[u32] {
        let Some(&instance) = self.instance_ids.get(instance) else {
            return &[];
        };
        let key = u64::from(device.0) << 32 | u64::from(instance);
        match self.by_key.get(&key) {
            Some(&timeline) => &self.timelines[timeline as usize].rows,
            None => &[],
        }
    }

    /// The rows of one timeline with this reported time, as they came.
    pub(crate) fn rows_at(&self, device: DeviceId, instance: &str, time: Nanos) -> &[u32] {
        let rows = self.timeline(device, instance);
        match rows.last() {
            Some(&last) if self.head(last).time >= time => {
                let from = rows.partition_point(|&row| self.head(row).time < time);
                let to = rows.partition_point(|&row| self.head(row).time <= time);
                &rows[from..to]
            }
            _ => &[],
        }
    }

    /// The timelines of one device: instance and rows, in no order.
    pub(crate) fn timelines(&self, device: DeviceId) -> impl Iterator<Item = (&SmolStr, &[u32])> {
        let mut next = self.by_device.get(&device.0).copied();
        std::iter::from_fn(move || {
            let timeline = &self.timelines[next? as usize];
            next = timeline.previous;
            Some((
                &self.instances[timeline.instance as usize],
                timeline.rows.as_slice(),
            ))
        })
    }

    /// Whether a device has rows.
    pub(crate) fn has_device(&self, device: DeviceId) -> bool {
        self.by_device.contains_key(&device.0)
    }

    /// How many devices have rows.
    pub(crate) fn device_count(&self) -> usize {
        self.by_device.len()
    }

    /// The devices that have rows, in no order.
    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceId> {
        self.by_device.keys().map(|&device| DeviceId(device))
    }
}

/// Hashes one dense number: numbers given by the store need no defence against chosen collisions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DenseHasher(u64);

pub(crate) type DenseHash = BuildHasherDefault<DenseHasher>;

impl Hasher for DenseHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}
