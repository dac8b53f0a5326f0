//! The owner's side of the store: names, appends, commits, flushes.
//!
//! What holds: a record is applied whole or not at all; what [`Store::commit`] returned for is
//! durable; a row is visible to snapshots only once durable; after a failed write or sync of the log
//! nothing is accepted any more. One thread owns a store.

use std::ops::Range;
use std::sync::{Arc, Weak};

use crate::codec::varint::put_u64;
use crate::definition::Definition;
use crate::disk::Disk;
use crate::finder::Finder;
use crate::head::{Head, NewRow};
use crate::limits::HEAD_GROWTH_MAX;
use crate::manifest::Manifest;
use crate::segment::read::Segment;
use crate::snapshot::{Records, Snapshot, View};
use crate::wal::frame::{FrameHeader, put_definitions, put_row};
use crate::wal::writer::Writer;
use crate::{Damage, DeviceId, Error, Nanos, Options, Row, Schema, StoredRow, TableId, open};

mod install;
mod names;

/// A store that was opened, with what was found.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The state that was saved with the last flush; go on with the records after it.
    pub checkpoint: Option<Checkpoint>,
    /// What could not be read. The rest is served.
    pub damage: Vec<Damage>,
}

/// State of whoever applies the records, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last record that it has seen.
    pub seq: u64,
    /// The state.
    pub bytes: Vec<u8>,
}

/// An open store; see the module.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    options: Options,
    schema: Schema,
    /// Definitions that go into the log with the next append.
    pending: Vec<Definition>,
    /// Definitions in the log and not yet in the catalog.
    unflushed: Vec<Definition>,
    wal: Option<Writer>,
    /// Numbers of the log files, ascending.
    wal_files: Vec<u64>,
    next_file: u64,
    manifest: Manifest,
    segments: Arc<Vec<Arc<Segment>>>,
    finder: Finder,
    /// Heads that take no more rows and are not in a segment yet, oldest first.
    sealed: Vec<Arc<Head>>,
    sealed_bytes: usize,
    head: Arc<Head>,
    /// Number of the flush begun last, and whether it may still be installed.
    flush: Option<(u64, Weak<()>)>,
    /// Where the cells of each row lie in the log's buffer; kept for its memory.
    cells: Vec<(usize, usize)>,
    last_seq: u64,
    durable_seq: u64,
    last_arrival: Nanos,
    poisoned: bool,
    damage: Arc<Vec<Damage>>,
    snapshot: Snapshot,
}

impl Store {
    /// Opens the store on a disk, making it if the disk is empty, and recovers what was acknowledged.
    ///
    /// # Errors
    /// If files cannot be read or written, are of another version, or are damaged so that nothing
    /// can be told about the rest.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Opened, Error> {
        let found = open::open(&disk)?;
        let damage = Arc::new(found.damage);
        let head = Arc::new(found.head);
        let segments = Arc::new(found.segments);
        let snapshot = Snapshot::new(View {
            seq: found.last_seq,
            clock: found.last_arrival,
            schema: found.schema.clone(),
            segments: segments.clone(),
            heads: vec![head.clone()],
            damage: damage.clone(),
        });
        let store = Store {
            disk,
            options,
            schema: found.schema,
            pending: Vec::new(),
            unflushed: found.definitions,
            wal: None,
            wal_files: found.wal_files,
            next_file: found.next_file,
            manifest: found.manifest,
            segments,
            finder: found.finder,
            sealed: Vec::new(),
            sealed_bytes: 0,
            head,
            flush: None,
            cells: Vec::new(),
            last_seq: found.last_seq,
            durable_seq: found.last_seq,
            last_arrival: found.last_arrival,
            poisoned: false,
            damage: damage.clone(),
            snapshot,
        };
        Ok(Opened {
            store,
            checkpoint: found.checkpoint,
            damage: damage.to_vec(),
        })
    }

    /// The names known.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Appends records, all or none. They are durable after the next [`Store::commit`].
    /// Returns their sequence numbers.
    ///
    /// # Errors
    /// [`Error::Full`] without space, [`Error::BadRow`] for a record that does not fit the schema or
    /// has no row, [`Error::ArrivalFell`], [`Error::Limit`]: nothing was applied.
    /// [`Error::Poisoned`] after a failed commit.
    pub fn append(
        &mut self,
        arrival: Nanos,
        records: impl AsRef<[Vec<Row>]>,
    ) -> Result<Range<u64>, Error> {
        let held = self.head.read().bytes() + self.sealed_bytes;
        if held > self.options.head_bytes_max.saturating_mul(HEAD_GROWTH_MAX) {
            return Err(Error::Full {
                what: "rows wait in memory because flushes fail",
            });
        }
        self.append_frame(arrival, records.as_ref(), false)
    }

    /// Appends records that follow from earlier ones. They may use the space kept in reserve, so
    /// that a turn which began can end.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_derived(
        &mut self,
        arrival: Nanos,
        records: impl AsRef<[Vec<Row>]>,
    ) -> Result<Range<u64>, Error> {
        self.append_frame(arrival, records.as_ref(), true)
    }

    fn append_frame(
        &mut self,
        arrival: Nanos,
        records: &[Vec<Row>],
        derived: bool,
    ) -> Result<Range<u64>, Error> {
        let first_seq = self.last_seq + 1;
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if arrival < self.last_arrival {
            return Err(Error::ArrivalFell {
                last: self.last_arrival,
                got: arrival,
            });
        }
        if records.is_empty() {
            return Ok(first_seq..first_seq);
        }
        let header = FrameHeader {
            payload_bytes: 0,
            first_seq,
            durable_seq: self.durable_seq,
            arrival,
            record_count: u32::try_from(records.len()).map_err(|_| Error::Limit {
                what: "records of one append",
                max: u32::MAX as usize,
            })?,
        };
        self.open_wal()?;
        let Some(wal) = &mut self.wal else {
            return Err(Error::Poisoned);
        };
        let (start, buffer) = wal.begin();
        put_definitions(buffer, &self.pending);
        self.cells.clear();
        let encoded = encode(buffer, &self.schema, arrival, records, &mut self.cells);
        if let Err(error) = encoded {
            wal.cancel(start);
            return Err(error);
        }
        wal.finish(start, header, derived)?;
        let mut head = self.head.write();
        let rows = records
            .iter()
            .zip(first_seq..)
            .flat_map(|(rows, seq)| rows.iter().map(move |row| (seq, row)));
        for ((seq, row), &(from, to)) in rows.zip(&self.cells) {
            let row = NewRow {
                table: row.table,
                device: row.device,
                instance: &row.instance,
                time: row.time,
                offset: row.offset,
                cells: wal.bytes_between(from, to),
            };
            head.push(seq, arrival, row);
        }
        drop(head);
        self.unflushed.append(&mut self.pending);
        self.last_seq += records.len() as u64;
        self.last_arrival = arrival;
        Ok(first_seq..self.last_seq + 1)
    }

    /// Whether a further append finds space, reserve included. Asks the disk if need be.
    pub fn has_room(&mut self) -> bool {
        !self.poisoned && self.open_wal().is_ok() && self.wal.as_mut().is_some_and(Writer::has_room)
    }

    /// Makes a log file if none is being written.
    fn open_wal(&mut self) -> Result<(), Error> {
        if self.wal.is_none() {
            self.wal = Some(self.new_wal()?);
        }
        Ok(())
    }

    fn new_wal(&mut self) -> Result<Writer, Error> {
        let number = self.next_number();
        let wal = Writer::create(&self.disk, number, self.last_seq + 1, &self.options)?;
        self.wal_files.push(number);
        Ok(wal)
    }

    /// A number that no file has had.
    fn next_number(&mut self) -> u64 {
        self.next_file += 1;
        self.next_file - 1
    }

    /// Makes everything appended durable, with one sync.
    ///
    /// # Errors
    /// After any error nothing more is accepted, see [`Error::Poisoned`]: what was appended since the
    /// last commit may or may not be found at the next start.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let Some(wal) = self.wal.as_mut().filter(|wal| wal.is_dirty()) else {
            return Ok(());
        };
        if let Err(error) = wal.commit() {
            self.poisoned = true;
            return Err(error);
        }
        self.durable_seq = self.last_seq;
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        let heads = self.sealed.iter().chain([&self.head]);
        self.snapshot = Snapshot::new(View {
            seq: self.durable_seq,
            clock: self.last_arrival,
            schema: self.schema.clone(),
            segments: self.segments.clone(),
            heads: heads.cloned().collect(),
            damage: self.damage.clone(),
        });
    }

    /// The last record appended; 0 if there is none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// When that record arrived; the least time if there is none.
    pub fn last_arrival(&self) -> Nanos {
        self.last_arrival
    }

    /// Whether an earlier commit failed, so that nothing more is accepted.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// All versions with this identity, as they came, appended ones included. Damaged pages are
    /// passed over: a row may be taken for new then, which stores it again and loses nothing.
    ///
    /// # Errors
    /// None at present.
    pub fn find(
        &self,
        table: TableId,
        device: DeviceId,
        instance: &str,
        time: Nanos,
    ) -> Result<Vec<StoredRow>, Error> {
        let mut found = Vec::new();
        let identity = (table, device, instance, time);
        self.finder.find(&self.segments, identity, &mut found);
        for head in self.sealed.iter().chain([&self.head]) {
            if let Some(rows) = head.read().table(table) {
                let numbers = rows.rows_at(device, instance, time).iter();
                found.extend(numbers.map(|&row| rows.stored(table, row, None)));
            }
        }
        found.sort_by_key(|row| row.seq);
        Ok(found)
    }

    /// Everything durable at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// Every durable record from `from_seq` on, in order.
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub fn records(&self, from_seq: u64) -> Result<Records, Error> {
        self.snapshot.records(from_seq)
    }
}

/// Appends the records to the buffer and where each row's cells lie to `cells`.
fn encode(
    buffer: &mut Vec<u8>,
    schema: &Schema,
    arrival: Nanos,
    records: &[Vec<Row>],
    cells: &mut Vec<(usize, usize)>,
) -> Result<(), Error> {
    for (record, rows) in records.iter().enumerate() {
        let bad = |row: usize, reason: String| Error::BadRow {
            record,
            row,
            reason,
        };
        if rows.is_empty() {
            return Err(bad(0, "the record has no row".to_owned()));
        }
        put_u64(buffer, rows.len() as u64);
        for (number, row) in rows.iter().enumerate() {
            let place = put_row(buffer, schema, arrival, row).map_err(|why| bad(number, why))?;
            cells.push(place);
        }
    }
    Ok(())
}
