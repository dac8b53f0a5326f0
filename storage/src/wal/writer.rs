//! The log file being written.
//!
//! Frames gather in one buffer; [`Writer::commit`] writes and syncs them together. Space for a frame
//! is allocated before the frame is accepted, plus a reserve that only derived rows may use: a full
//! disk is an error of an append and never of a commit. The store is the only caller.

use std::sync::Arc;

use super::file_name;
use super::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, file_header, seal};
use crate::disk::{Disk, DiskFile, write_all_at};
use crate::limits::FRAME_BYTES_MAX;
use crate::{Error, Options};

/// An open log file; see the module.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Box<dyn DiskFile>,
    name: String,
    number: u64,
    /// Where the buffer goes in the file.
    position: u64,
    allocated: u64,
    buffer: Vec<u8>,
    step_bytes: u64,
    reserve_bytes: u64,
}

impl Writer {
    /// Makes file `number`, durably, for records from `base_seq` on.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        number: u64,
        base_seq: u64,
        options: &Options,
    ) -> Result<Writer, Error> {
        let name = file_name(number);
        let file = disk.create(&name).map_err(Error::io("create", &name))?;
        let mut writer = Writer {
            file,
            name,
            number,
            position: FILE_HEADER_BYTES as u64,
            allocated: 0,
            buffer: Vec::new(),
            step_bytes: options.wal_step_bytes.max(1),
            reserve_bytes: options.reserve_bytes,
        };
        let made = writer.start(disk, base_seq);
        if made.is_err() {
            // Nothing was acknowledged in it; a start removes it if this cannot.
            let _ = disk.remove(&writer.name);
        }
        made.map(|()| writer)
    }

    fn start(&mut self, disk: &Arc<dyn Disk>, base_seq: u64) -> Result<(), Error> {
        self.allocate(self.position + self.reserve_bytes)?;
        let header = file_header(self.number, base_seq);
        write_all_at(&*self.file, &header, 0).map_err(Error::io("write", &self.name))?;
        self.file
            .sync_data()
            .map_err(Error::io("sync", &self.name))?;
        disk.sync_dir()
            .map_err(Error::io("sync folder of", &self.name))
    }

    /// The number in the file's name.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the file used, the buffer included.
    pub(crate) fn bytes(&self) -> u64 {
        self.position + self.buffer.len() as u64
    }

    /// Starts a frame: its payload is appended to the buffer returned, from its present end on.
    pub(crate) fn begin(&mut self) -> (usize, &mut Vec<u8>) {
        let start = self.buffer.len();
        self.buffer.resize(start + FRAME_HEADER_BYTES, 0);
        (start, &mut self.buffer)
    }

    /// Bytes of the buffer, by the positions that an encoder was given.
    pub(crate) fn bytes_between(&self, from: usize, to: usize) -> &[u8] {
        &self.buffer[from..to]
    }

    /// Forgets the frame begun at `start`.
    pub(crate) fn cancel(&mut self, start: usize) {
        self.buffer.truncate(start);
    }

    /// Ends the frame begun at `start`; if there is no space for it, it is forgotten. The length in
    /// `header` is filled in here.
    pub(crate) fn finish(
        &mut self,
        start: usize,
        mut header: FrameHeader,
        derived: bool,
    ) -> Result<(), Error> {
        let payload_bytes = self.buffer.len() - start - FRAME_HEADER_BYTES;
        let reserve = if derived { 0 } else { self.reserve_bytes };
        let room = if payload_bytes > FRAME_BYTES_MAX {
            Err(Error::Limit {
                what: "bytes of one append",
                max: FRAME_BYTES_MAX,
            })
        } else {
            self.allocate((self.bytes() + reserve).next_multiple_of(8))
        };
        if let Err(error) = room {
            self.cancel(start);
            return Err(error);
        }
        header.payload_bytes = payload_bytes as u32;
        let offset = self.position + start as u64;
        seal(&mut self.buffer, start, self.number, offset, header);
        Ok(())
    }

    /// Whether a further append finds its reserve; asks the disk for space if not.
    pub(crate) fn has_room(&mut self) -> bool {
        self.allocate(self.bytes() + self.reserve_bytes).is_ok()
    }

    fn allocate(&mut self, length: u64) -> Result<(), Error> {
        if length <= self.allocated {
            return Ok(());
        }
        let generous = length.next_multiple_of(self.step_bytes);
        let done = match self.file.allocate(generous) {
            Ok(()) => Ok(generous),
            Err(_) => self.file.allocate(length).map(|()| length),
        };
        self.allocated = done.map_err(Error::io("allocate", &self.name))?;
        Ok(())
    }

    /// Whether frames wait for a commit.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Writes what gathered and syncs it. After an error the file must not be written again.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        write_all_at(&*self.file, &self.buffer, self.position)
            .map_err(Error::io_final("write", &self.name))?;
        self.file
            .sync_data()
            .map_err(Error::io_final("sync", &self.name))?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(1 << 20);
        Ok(())
    }
}
