//! Beginning a flush and installing what it wrote.
//!
//! Rows stay in memory and in the log until a manifest that names their segment is durable.

use std::sync::Arc;

use super::{Checkpoint, Store};
use crate::flush::{FlushJob, Flushed};
use crate::limits::{CATALOG_FILES_MAX, CHECKPOINT_BYTES_MAX};
use crate::manifest::Manifest;
use crate::{Damage, Error, catalog, checkpoint, wal};

impl Store {
    /// Whether enough rows gathered in memory or in the log that [`Store::begin_flush`] is due. Not
    /// while a flush is on its way; one is until its job failed or was dropped, or it is installed.
    pub fn wants_flush(&self) -> bool {
        let on_its_way = self
            .flush
            .as_ref()
            .is_some_and(|(_, job)| job.strong_count() > 0);
        let wal_bytes = self.wal.as_ref().map_or(0, |wal| wal.bytes());
        !on_its_way
            && (self.head.read().bytes() > self.options.head_bytes_max
                || wal_bytes > self.options.wal_bytes_max)
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
        let token = Arc::new(());
        self.flush = Some((number, Arc::downgrade(&token)));
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
            token,
        })
    }

    /// Installs what a job wrote: from here on its rows are read from the segment, and the log
    /// before it is dropped.
    ///
    /// # Errors
    /// If the manifest cannot be written, or a later flush has begun: then the rows stay in memory
    /// and in the log, and the next flush takes them.
    pub fn finish_flush(&mut self, flushed: Flushed) -> Result<(), Error> {
        let begun = self.flush.take_if(|(number, _)| *number == flushed.number);
        if begun.is_none() {
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
