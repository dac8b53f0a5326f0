//! Turning the rows in memory into a segment, on any thread.
//!
//! A job holds sealed heads, which nothing changes any more. It writes new files only; the store
//! names them in its manifest afterwards, or they are removed at the next start.

use std::sync::Arc;

use crate::definition::Definition;
use crate::disk::{Disk, write_file};
use crate::head::{Head, HeadRows};
use crate::manifest::SegmentEntry;
use crate::schema::Schema;
use crate::segment::read::Segment;
use crate::segment::write;
use crate::{Checkpoint, Error, Nanos, catalog, checkpoint, segment};

/// Writes a segment; runs on any thread.
#[derive(Debug)]
pub struct FlushJob {
    pub(crate) disk: Arc<dyn Disk>,
    /// Number of all files that the job writes, and of the job.
    pub(crate) number: u64,
    pub(crate) heads: Vec<Arc<Head>>,
    pub(crate) schema: Schema,
    /// Definitions made since the last flush, those in the log first.
    pub(crate) definitions: Vec<Definition>,
    /// How many of them are in the log.
    pub(crate) definitions_logged: usize,
    /// Whether to write all definitions anew.
    pub(crate) whole_catalog: bool,
    pub(crate) checkpoint: Checkpoint,
    /// When the last record arrived.
    pub(crate) arrival: Nanos,
    pub(crate) wal_first: u64,
    /// Alive while this flush may still be installed.
    pub(crate) token: Arc<()>,
}

/// What a [`FlushJob`] wrote.
#[derive(Debug)]
pub struct Flushed {
    pub(crate) number: u64,
    pub(crate) segment: Option<(SegmentEntry, Arc<Segment>)>,
    /// Bytes of the new catalog file.
    pub(crate) catalog_bytes: Option<u64>,
    pub(crate) whole_catalog: bool,
    pub(crate) heads: usize,
    pub(crate) definitions_logged: usize,
    pub(crate) table_count: u64,
    pub(crate) device_count: u64,
    pub(crate) seq: u64,
    pub(crate) arrival: Nanos,
    pub(crate) wal_first: u64,
    pub(crate) _token: Arc<()>,
}

impl FlushJob {
    /// Writes the segment, new names and the checkpoint, and syncs them.
    ///
    /// # Errors
    /// If files cannot be written: then the rows stay in memory and in the log, and a later flush
    /// takes them.
    pub fn run(self) -> Result<Flushed, Error> {
        let disk = &*self.disk;
        let segment = self.write_segment()?;
        let catalog = if self.whole_catalog {
            Some(catalog::encode(self.schema.definitions()))
        } else if !self.definitions.is_empty() {
            Some(catalog::encode(self.definitions.into_iter()))
        } else {
            None
        };
        if let Some(bytes) = &catalog {
            write_file(disk, &catalog::file_name(self.number), bytes)?;
        }
        let name = checkpoint::file_name(self.number);
        write_file(disk, &name, &checkpoint::encode(&self.checkpoint))?;
        disk.sync_dir()
            .map_err(Error::io("sync folder of", &name))?;
        Ok(Flushed {
            number: self.number,
            segment,
            catalog_bytes: catalog.map(|bytes| bytes.len() as u64),
            whole_catalog: self.whole_catalog,
            heads: self.heads.len(),
            definitions_logged: self.definitions_logged,
            table_count: self.schema.table_count() as u64,
            device_count: self.schema.device_count() as u64,
            seq: self.checkpoint.seq,
            arrival: self.arrival,
            wal_first: self.wal_first,
            _token: self.token,
        })
    }

    fn write_segment(&self) -> Result<Option<(SegmentEntry, Arc<Segment>)>, Error> {
        let guards: Vec<_> = self.heads.iter().map(|head| head.read()).collect();
        let heads: Vec<&HeadRows> = guards.iter().map(|guard| &**guard).collect();
        let Some(built) = write::build(self.number, &heads, &self.schema) else {
            return Ok(None);
        };
        write_file(&*self.disk, &segment::file_name(self.number), &built.bytes)?;
        let entry = SegmentEntry {
            number: self.number,
            bytes: built.bytes.len() as u64,
            rows: built.rows,
            seqs: built.footer.seqs,
            footer_checksum: built.footer_checksum,
        };
        let segment = Segment::open(&self.disk, self.number, built.footer_checksum)?;
        Ok(Some((entry, Arc::new(segment))))
    }
}
