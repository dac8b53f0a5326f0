//! Reading the log back at start.
//!
//! Every record that was acknowledged comes back, in order, or is named as damage. Where a frame is
//! bad, the rest of the file is searched for whole frames: if one of them says that the record at the
//! bad place was durable, or a later file begins after it, that record was acknowledged and is lost;
//! reading goes on after it. Otherwise the bad frame is the torn end of an unfinished write and the
//! file ends there. The store calls this when it opens.

use std::ops::Range;

use super::frame::{
    FILE_HEADER_BYTES, FRAME_ALIGN, FileHeader, FrameHeader, get_definitions, get_row, open,
    read_file_header,
};
use crate::codec::varint::Reader;
use crate::definition::Definition;
use crate::head::{Head, NewRow};
use crate::schema::Schema;
use crate::{Damage, Error, Nanos};

/// A log file in memory.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
    /// Only zeros follow from here on.
    end: usize,
}

impl File {
    pub(crate) fn new(name: String, number: u64, bytes: Vec<u8>) -> File {
        const ZEROS: [u8; 4_096] = [0; 4_096];
        let blocks = bytes.chunks(ZEROS.len());
        let zero_blocks = blocks
            .rev()
            .take_while(|block| **block == ZEROS[..block.len()])
            .count();
        let all = bytes.len().div_ceil(ZEROS.len());
        File {
            name,
            number,
            end: bytes.len().min((all - zero_blocks) * ZEROS.len()),
            bytes,
        }
    }

    /// Where the file's records begin: from its header, else from its first whole frame.
    fn base_seq(&self) -> Result<Option<u64>, Error> {
        match read_file_header(&self.bytes, self.number) {
            FileHeader::Known { base_seq } => Ok(Some(base_seq)),
            FileHeader::OtherVersion(found) => Err(Error::Version {
                file: self.name.clone(),
                found,
                known: super::frame::VERSION,
            }),
            FileHeader::Bad => Ok(self
                .next_frame(FILE_HEADER_BYTES)
                .map(|(_, header, _)| header.first_seq)),
        }
    }

    /// The first whole frame at or after `offset`.
    fn next_frame(&self, offset: usize) -> Option<(usize, FrameHeader, &[u8])> {
        (offset..self.end)
            .step_by(FRAME_ALIGN)
            .find_map(|at| open(&self.bytes, at, self.number).map(|(head, body)| (at, head, body)))
    }

    /// The newest record that any whole frame at or after `offset` calls durable.
    fn durable_seq(&self, mut offset: usize) -> u64 {
        let mut durable = 0;
        while let Some((at, header, _)) = self.next_frame(offset) {
            durable = durable.max(header.durable_seq);
            offset = at + header.frame_bytes();
        }
        durable
    }
}

/// What reading back gathers.
pub(crate) struct Replay<'a> {
    pub(crate) schema: &'a mut Schema,
    pub(crate) head: &'a Head,
    /// The record expected next.
    pub(crate) next_seq: u64,
    pub(crate) last_arrival: Nanos,
    /// Definitions met, in order.
    pub(crate) definitions: Vec<Definition>,
    pub(crate) damage: Vec<Damage>,
    /// The newest record that any frame read calls durable.
    durable_seq: u64,
    /// The number of the last file that had frames.
    file: u64,
    /// Its frames: record after their last one, and place.
    frames: Vec<(u64, Range<usize>)>,
}

impl<'a> Replay<'a> {
    /// Reads into `schema` and `head`, from record `next_seq` on.
    pub(crate) fn new(
        schema: &'a mut Schema,
        head: &'a Head,
        next_seq: u64,
        last_arrival: Nanos,
    ) -> Replay<'a> {
        Replay {
            schema,
            head,
            next_seq,
            last_arrival,
            definitions: Vec::new(),
            damage: Vec::new(),
            durable_seq: 0,
            file: 0,
            frames: Vec::new(),
        }
    }

    /// The frames at the end of the log that no frame calls durable, as number of the file and
    /// place: they may have been written and never synced.
    pub(crate) fn tail(&self) -> Option<(u64, Range<usize>)> {
        let unsure = |frame: &&(u64, Range<usize>)| frame.0 > self.durable_seq + 1;
        let first = self.frames.iter().find(unsure)?;
        Some((self.file, first.1.start..self.frames.last()?.1.end))
    }

    /// Reads files in order of number.
    pub(crate) fn run(&mut self, files: &[File]) -> Result<(), Error> {
        let bases: Vec<Option<u64>> = files.iter().map(File::base_seq).collect::<Result<_, _>>()?;
        for (index, file) in files.iter().enumerate() {
            let Some(base) = bases[index] else {
                // Made just before a crash, and nothing in it yet; or its header is lost with
                // everything else, which the next file's base shows.
                continue;
            };
            let end = bases[index + 1..].iter().find_map(|base| *base);
            self.read(file, base, end);
        }
        Ok(())
    }

    /// Reads one file; records before `end`, if given, were acknowledged.
    fn read(&mut self, file: &File, base: u64, end: Option<u64>) {
        if read_file_header(&file.bytes, file.number) == FileHeader::Bad {
            self.damage
                .push(Damage::new(&file.name, 0, "file header differs"));
        }
        if base > self.next_seq {
            self.lose(file, 0, base, "earlier log files are missing");
        }
        let mut offset = FILE_HEADER_BYTES;
        let mut durable = None;
        loop {
            if let Some((header, payload)) = open(&file.bytes, offset, file.number)
                && header.first_seq == self.next_seq
            {
                if !self.apply(&header, payload) {
                    self.lose(file, offset, header.end_seq(), "frame cannot be read");
                }
                let end = (offset + header.frame_bytes()).min(file.bytes.len());
                self.durable_seq = self.durable_seq.max(header.durable_seq);
                if self.file != file.number {
                    self.frames.clear();
                    self.file = file.number;
                }
                self.frames.push((header.end_seq(), offset..end));
                offset += header.frame_bytes();
                continue;
            }
            // Only here: a later file that was begun and given up does not end this one.
            if end.is_some_and(|end| self.next_seq >= end) {
                return;
            }
            let durable = *durable.get_or_insert_with(|| file.durable_seq(offset));
            let acknowledged = end.is_some() || self.next_seq <= durable;
            if !acknowledged {
                return;
            }
            let what = "frame checksum differs";
            let from = offset + FRAME_ALIGN;
            match file.next_frame(from) {
                Some((at, header, _)) if header.first_seq > self.next_seq => {
                    self.lose(file, offset, header.first_seq, what);
                    offset = at;
                }
                Some((at, header, _)) => {
                    self.damage
                        .push(Damage::new(&file.name, at as u64, "frame is out of order"));
                    offset = at + header.frame_bytes();
                }
                None => {
                    if let Some(end) = end {
                        self.lose(file, offset, end, what);
                    }
                    return;
                }
            }
        }
    }

    /// Names records up to `until` as lost.
    fn lose(&mut self, file: &File, offset: usize, until: u64, what: &str) {
        let damage = Damage::new(&file.name, offset as u64, what);
        let lost = self.next_seq..=until.saturating_sub(1);
        self.damage.push(damage.records(lost));
        self.next_seq = until;
    }

    /// Takes a frame over; `false`, and nothing of its rows, if it is malformed.
    fn apply(&mut self, header: &FrameHeader, payload: &[u8]) -> bool {
        let mut reader = Reader::new(payload);
        let Some(definitions) = get_definitions(&mut reader) else {
            return false;
        };
        if header.arrival < self.last_arrival || !definitions.iter().all(|d| self.schema.apply(d)) {
            return false;
        }
        self.definitions.extend(definitions);
        let Some(rows) = read_rows(self.schema, header, payload, reader) else {
            return false;
        };
        let mut head = self.head.write();
        for (seq, row) in rows {
            head.push(seq, header.arrival, row);
        }
        self.next_seq = header.end_seq();
        self.last_arrival = header.arrival;
        true
    }
}

/// The rows of a frame with their sequence numbers.
fn read_rows<'a>(
    schema: &Schema,
    header: &FrameHeader,
    payload: &'a [u8],
    mut reader: Reader<'a>,
) -> Option<Vec<(u64, NewRow<'a>)>> {
    let mut rows = Vec::new();
    for seq in header.first_seq..header.end_seq() {
        let count = reader.count()?;
        if count == 0 {
            return None;
        }
        for _ in 0..count {
            let row = get_row(payload, &mut reader, schema, header.arrival)?;
            rows.push((seq, row));
        }
    }
    reader.is_at_end().then_some(rows)
}
