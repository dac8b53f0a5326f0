//! The owner's side of the store: names, appends, commits, flushes.
//!
//! What holds: a record is applied whole or not at all; what [`Store::commit`] returned for is
//! durable; a row is visible to snapshots only once durable; after a failed write or sync of the log
//! nothing is accepted any more. One thread owns a store.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::varint::put_u64;
use crate::disk::{Disk, read_all};
use crate::head::{Head, NewRow};
use crate::limits::HEAD_GROWTH_MAX;
use crate::schema::Definition;
use crate::snapshot::{Records, Snapshot, View};
use crate::wal::frame::{FrameHeader, put_definitions, put_row};
use crate::wal::replay::{File, Replay};
use crate::wal::writer::Writer;
use crate::{
    ColumnId, Damage, DeviceId, Error, Nanos, Row, Schema, StoredRow, TableId, TableKind, ValueType,
};

/// Sizes that whoever opens a store may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows in memory beyond this are due for a flush.
    pub head_bytes_max: usize,
    /// A log beyond this is due for a flush.
    pub wal_bytes_max: u64,
    /// The log's space is taken from the disk in steps of this.
    pub wal_step_bytes: u64,
    /// Log space kept free for derived rows, see [`Store::append_derived`].
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            head_bytes_max: 128 << 20,
            wal_bytes_max: 256 << 20,
            wal_step_bytes: 8 << 20,
            reserve_bytes: 8 << 20,
        }
    }
}

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
    next_file: u64,
    head: Arc<Head>,
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
        let names = disk.list().map_err(Error::io("list", "the folder"))?;
        let mut files = Vec::new();
        for name in names {
            if let Some(number) = name.strip_prefix("wal-").and_then(|n| n.parse().ok()) {
                let file = disk.open(&name).map_err(Error::io("open", &name))?;
                let bytes = read_all(&*file).map_err(Error::io("read", &name))?;
                file.sync_data().map_err(Error::io("sync", &name))?;
                files.push(File {
                    name,
                    number,
                    bytes,
                });
            }
        }
        files.sort_by_key(|file| file.number);
        let mut schema = Schema::new();
        let head = Arc::new(Head::default());
        let mut replay = Replay {
            schema: &mut schema,
            head: &head,
            next_seq: 1,
            last_arrival: Nanos::MIN,
            definitions: Vec::new(),
            damage: Vec::new(),
        };
        replay.run(&files)?;
        let last_seq = replay.next_seq - 1;
        let last_arrival = replay.last_arrival;
        let unflushed = replay.definitions;
        let damage = Arc::new(replay.damage);
        let snapshot = Snapshot::new(View {
            seq: last_seq,
            clock: last_arrival,
            schema: schema.clone(),
            heads: vec![head.clone()],
            damage: damage.clone(),
        });
        let store = Store {
            next_file: files.last().map_or(1, |file| file.number + 1),
            disk,
            options,
            schema,
            pending: Vec::new(),
            unflushed,
            wal: None,
            head,
            cells: Vec::new(),
            last_seq,
            durable_seq: last_seq,
            last_arrival,
            poisoned: false,
            damage: damage.clone(),
            snapshot,
        };
        Ok(Opened {
            store,
            checkpoint: None,
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
        let held = self.head.read().bytes();
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
        let wal = writer(
            &mut self.wal,
            &self.disk,
            &mut self.next_file,
            first_seq,
            &self.options,
        )?;
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
        let wal = writer(
            &mut self.wal,
            &self.disk,
            &mut self.next_file,
            self.last_seq + 1,
            &self.options,
        );
        wal.is_ok_and(Writer::has_room)
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
        self.snapshot = Snapshot::new(View {
            seq: self.durable_seq,
            clock: self.last_arrival,
            schema: self.schema.clone(),
            heads: vec![self.head.clone()],
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

    /// All versions with this identity, as they came, appended ones included.
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub fn find(
        &self,
        table: TableId,
        device: DeviceId,
        instance: &str,
        time: Nanos,
    ) -> Result<Vec<StoredRow>, Error> {
        let mut found = Vec::new();
        if let Some(rows) = self.head.read().table(table) {
            for &row in rows.rows_at(device, instance, time) {
                found.push(rows.stored(table, row, None));
            }
        }
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
    /// [`Store::last_seq`].
    ///
    /// # Errors
    /// As [`Store::commit`]; or if the new log file cannot be made, then nothing changed.
    pub fn begin_flush(&mut self, checkpoint: Vec<u8>) -> Result<FlushJob, Error> {
        self.commit()?;
        Ok(FlushJob {
            _checkpoint: checkpoint,
        })
    }

    /// Installs what a job wrote.
    ///
    /// # Errors
    /// If files cannot be written: then the rows stay in memory and in the log.
    pub fn finish_flush(&mut self, _flushed: Flushed) -> Result<(), Error> {
        Ok(())
    }
}

/// The log being written, made if there is none.
fn writer<'a>(
    wal: &'a mut Option<Writer>,
    disk: &Arc<dyn Disk>,
    next_file: &mut u64,
    base_seq: u64,
    options: &Options,
) -> Result<&'a mut Writer, Error> {
    if wal.is_none() {
        let number = *next_file;
        *next_file += 1;
        *wal = Some(Writer::create(disk, number, base_seq, options)?);
    }
    Ok(wal.as_mut().expect("it was just made"))
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

/// Writes a segment; runs on any thread.
#[derive(Debug)]
pub struct FlushJob {
    _checkpoint: Vec<u8>,
}

impl FlushJob {
    /// Writes and syncs.
    ///
    /// # Errors
    /// If files cannot be written: then the rows stay in memory and in the log.
    pub fn run(self) -> Result<Flushed, Error> {
        Ok(Flushed {})
    }
}

/// What a [`FlushJob`] wrote.
#[derive(Debug)]
pub struct Flushed {}
