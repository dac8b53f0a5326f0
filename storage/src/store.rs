//! The owner's side of the store: names, appends, commits, flushes.
//!
//! What holds: a record is applied whole or not at all; what [`Store::commit`] returned for is
//! durable; a row is visible to snapshots only once durable; after a failed write or sync of the log
//! nothing is accepted any more. One thread owns a store.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::varint::put_u64;
use crate::disk::Disk;
use crate::finder::Finder;
use crate::flush::{FlushJob, Flushed};
use crate::head::{Head, NewRow};
use crate::limits::{CATALOG_FILES_MAX, CHECKPOINT_BYTES_MAX, HEAD_GROWTH_MAX};
use crate::manifest::Manifest;
use crate::schema::Definition;
use crate::segment::read::Segment;
use crate::snapshot::{Records, Snapshot, View};
use crate::wal::frame::{FrameHeader, put_definitions, put_row};
use crate::wal::writer::Writer;
use crate::{
    ColumnId, Damage, DeviceId, Error, Nanos, Options, Row, Schema, StoredRow, TableId, TableKind,
    ValueType, catalog, checkpoint, open, wal,
};

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
    /// Number of the flush begun last.
    flush: Option<u64>,
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

    /// The table of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn table(&mut self, kind: TableKind, name: &str) -> Result<TableId, Error> {
        if let Some(table) = self.schema.find_table(kind, name) {
            return Ok(table);
        }
        let definition = self.schema.new_table(kind, name)?;
        let table = TableId(self.schema.table_count() as u32);
        self.define(definition);
        Ok(table)
    }

    /// The column of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::TypeDiffers`] if it holds another type; [`Error::Limit`].
    pub fn column(
        &mut self,
        table: TableId,
        name: &str,
        value_type: ValueType,
    ) -> Result<ColumnId, Error> {
        if let Some(column) = self.schema.find_column(table, name)
            && let Some(def) = self.schema.table_def(table)
        {
            let has = def.columns[column.0 as usize].value_type;
            if has == value_type {
                return Ok(column);
            }
            return Err(Error::TypeDiffers {
                table: def.name.clone(),
                column: name.into(),
                has,
                got: value_type,
            });
        }
        let definition = self.schema.new_column(table, name, value_type)?;
        self.define(definition);
        let column = self.schema.find_column(table, name);
        Ok(column.expect("the column was just defined"))
    }

    /// The device of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn device(&mut self, client: &str, name: &str) -> Result<DeviceId, Error> {
        if let Some(device) = self.schema.find_device(client, name) {
            return Ok(device);
        }
        let definition = self.schema.new_device(client, name)?;
        let device = DeviceId(self.schema.device_count() as u32);
        self.define(definition);
        Ok(device)
    }

    fn define(&mut self, definition: Definition) {
        let applied = self.schema.apply(&definition);
        debug_assert!(applied, "a new definition contradicts nothing");
        self.pending.push(definition);
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
    pub fn append(&mut self, arrival: Nanos, records: Vec<Vec<Row>>) -> Result<Range<u64>, Error> {
        let held = self.head.read().bytes() + self.sealed_bytes;
        if held > self.options.head_bytes_max.saturating_mul(HEAD_GROWTH_MAX) {
            return Err(Error::Full {
                what: "rows wait in memory because flushes fail",
            });
        }
        self.append_frame(arrival, &records, false)
    }

    /// Appends records that follow from earlier ones. They may use the space kept in reserve, so
    /// that a turn which began can end.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_derived(
        &mut self,
        arrival: Nanos,
        records: Vec<Vec<Row>>,
    ) -> Result<Range<u64>, Error> {
        self.append_frame(arrival, &records, true)
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

    /// Whether enough rows gathered in memory or in the log that [`Store::begin_flush`] is due.
    pub fn wants_flush(&self) -> bool {
        self.head.read().bytes() > self.options.head_bytes_max
            || self
                .wal
                .as_ref()
                .is_some_and(|wal| wal.bytes() > self.options.wal_bytes_max)
    }

    /// Seals the rows in memory and starts a new log file. `checkpoint` is the state as of
    /// [`Store::last_seq`]. Commits first if need be. A job that was begun before and is not
    /// finished becomes void; this one takes its rows over.
    ///
    /// # Errors
    /// As [`Store::commit`]; or if the new log file cannot be made, then nothing changed.
    pub fn begin_flush(&mut self, checkpoint: Vec<u8>) -> Result<FlushJob, Error> {
        if checkpoint.len() > CHECKPOINT_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a checkpoint",
                max: CHECKPOINT_BYTES_MAX,
            });
        }
        self.commit()?;
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let wal = self.new_wal()?;
        let wal_first = wal.number();
        self.wal = Some(wal);
        let head = std::mem::take(&mut self.head);
        if head.read().row_count() > 0 {
            self.sealed_bytes += head.read().bytes();
            self.sealed.push(head);
        }
        self.publish();
        let number = self.next_number();
        self.flush = Some(number);
        Ok(FlushJob {
            disk: self.disk.clone(),
            number,
            heads: self.sealed.clone(),
            schema: self.schema.clone(),
            definitions: self
                .unflushed
                .iter()
                .chain(&self.pending)
                .cloned()
                .collect(),
            definitions_logged: self.unflushed.len(),
            whole_catalog: self.manifest.catalogs.len() >= CATALOG_FILES_MAX,
            checkpoint: Checkpoint {
                seq: self.durable_seq,
                bytes: checkpoint,
            },
            arrival: self.last_arrival,
            wal_first,
        })
    }

    /// Installs what a job wrote: from here on its rows are read from the segment, and the log
    /// before it is dropped.
    ///
    /// # Errors
    /// If the manifest cannot be written, or a later flush has begun: then the rows stay in memory
    /// and in the log, and the next flush takes them.
    pub fn finish_flush(&mut self, flushed: Flushed) -> Result<(), Error> {
        if self
            .flush
            .take_if(|flush| *flush == flushed.number)
            .is_none()
        {
            return Err(Error::FlushOutdated);
        }
        let mut manifest = self.manifest.clone();
        manifest.wal_first = flushed.wal_first;
        manifest.flushed_seq = flushed.seq;
        manifest.flushed_arrival = flushed.arrival;
        manifest.table_count = flushed.table_count;
        manifest.device_count = flushed.device_count;
        manifest.checkpoint = flushed.number;
        if flushed.whole_catalog {
            manifest.catalogs.clear();
        }
        let catalog = flushed.catalog_bytes.map(|bytes| (flushed.number, bytes));
        manifest.catalogs.extend(catalog);
        manifest
            .segments
            .extend(flushed.segment.as_ref().map(|(entry, _)| *entry));
        manifest.lost = self.lost();
        let number = self.next_number();
        manifest.next_file = self.next_file;
        manifest.write(&*self.disk, number)?;

        let before = std::mem::replace(&mut self.manifest, manifest);
        if let Some((_, segment)) = flushed.segment {
            self.finder.add(&segment);
            Arc::make_mut(&mut self.segments).push(segment);
        }
        self.sealed.drain(..flushed.heads);
        self.sealed_bytes = self.sealed.iter().map(|head| head.read().bytes()).sum();
        self.unflushed.drain(..flushed.definitions_logged);
        self.publish();
        self.drop_files(&before);
        Ok(())
    }

    /// Losses that files named by the manifest no longer show by themselves.
    fn lost(&self) -> Vec<Damage> {
        let of_log = |damage: &&Damage| damage.file.starts_with("wal-") && damage.records.is_some();
        self.damage.iter().filter(of_log).cloned().collect()
    }

    /// Removes files that the manifest stopped naming; a failure is made good at the next start.
    fn drop_files(&mut self, before: &Manifest) {
        let now = &self.manifest;
        for number in self
            .wal_files
            .extract_if(.., |number| *number < now.wal_first)
        {
            let name = wal::file_name(number);
            let _ = if self.damage.iter().any(|damage| damage.file == name) {
                self.disk.rename(&name, &format!("damaged-{name}"))
            } else {
                self.disk.remove(&name)
            };
        }
        if before.checkpoint != 0 {
            let _ = self.disk.remove(&checkpoint::file_name(before.checkpoint));
        }
        for (number, _) in &before.catalogs {
            if !now.catalogs.iter().any(|(kept, _)| kept == number) {
                let _ = self.disk.remove(&catalog::file_name(*number));
            }
        }
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
