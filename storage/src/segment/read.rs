//! An open segment: its footer in memory, its pages read on demand.
//!
//! Every chunk is checksummed when read. A bad one is an `Err` that names file and offset; callers
//! leave the page out and go on. Scans, searches and replays call this.

use std::sync::Arc;

use super::file_name;
use super::keys::Keys;
use super::layout::{
    ChunkPlace, Footer, HEADER_BYTES, TRAILER_BYTES, TableInfo, Trailer, VERSION, header,
};
use crate::codec::column::Column;
use crate::disk::{Disk, DiskFile, read_exact_at};
use crate::{ColumnId, Damage, Error, Nanos, Row, StoredRow, TableId, Value};

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) number: u64,
    file: Box<dyn DiskFile>,
    pub(crate) footer: Footer,
}

impl Segment {
    /// Opens a segment and reads its footer, which must have the checksum the manifest names.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        number: u64,
        footer_checksum: u32,
    ) -> Result<Segment, Error> {
        let name = file_name(number);
        let file = disk.open(&name).map_err(Error::io("open", &name))?;
        let length = file.length().map_err(Error::io("measure", &name))?;
        let read = |buffer: &mut [u8], offset| {
            read_exact_at(&*file, buffer, offset).map_err(Error::io("read", &name))
        };
        if length < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(Error::damaged(&name, length, "the file ends too early"));
        }
        let trailer_offset = length - TRAILER_BYTES as u64;
        let mut bytes = [0; TRAILER_BYTES];
        read(&mut bytes, trailer_offset)?;
        let Some(trailer) = Trailer::decode(&bytes) else {
            return Err(Error::damaged(
                &name,
                trailer_offset,
                "trailer checksum differs",
            ));
        };
        if trailer.version != VERSION {
            return Err(Error::Version {
                file: name,
                found: trailer.version,
                known: VERSION,
            });
        }
        let mut bytes = [0; HEADER_BYTES];
        read(&mut bytes, 0)?;
        if bytes != header(number) {
            return Err(Error::damaged(&name, 0, "file header differs"));
        }
        let footer_offset = trailer.footer_offset;
        if footer_offset.checked_add(u64::from(trailer.footer_bytes)) != Some(trailer_offset) {
            return Err(Error::damaged(
                &name,
                trailer_offset,
                "footer is not where it should be",
            ));
        }
        let mut bytes = vec![0; trailer.footer_bytes as usize];
        read(&mut bytes, footer_offset)?;
        let checksum = crc32fast::hash(&bytes);
        if checksum != trailer.footer_checksum || checksum != footer_checksum {
            return Err(Error::damaged(
                &name,
                footer_offset,
                "footer checksum differs",
            ));
        }
        let Some(footer) = Footer::decode(&bytes) else {
            return Err(Error::damaged(
                &name,
                footer_offset,
                "footer cannot be read",
            ));
        };
        Ok(Segment {
            name,
            number,
            file,
            footer,
        })
    }

    /// What the footer says of a table.
    pub(crate) fn table(&self, table: TableId) -> Option<&TableInfo> {
        let tables = &self.footer.tables;
        let at = tables
            .binary_search_by_key(&table, |info| info.table)
            .ok()?;
        Some(&tables[at])
    }

    /// Reads a page with the chosen columns, ascending; `None` chooses all.
    pub(crate) fn page(
        &self,
        table: &TableInfo,
        index: usize,
        columns: Option<&[ColumnId]>,
    ) -> Result<Page, Damage> {
        let info = &table.pages[index];
        let row_count = info.rows as usize;
        let at = |damage: Damage| damage.records(info.seqs.0..=info.seqs.1);
        let malformed = |chunk: &ChunkPlace| {
            let damage = Damage::new(&self.name, chunk.offset, "page cannot be read");
            damage.records(info.seqs.0..=info.seqs.1)
        };
        let bytes = self.chunk(&info.keys).map_err(at)?;
        let keys = Keys::decode(&bytes, row_count).ok_or_else(|| malformed(&info.keys))?;
        let mut decoded = Vec::new();
        for (chunk, (column, value_type)) in info.columns.iter().zip(&table.columns) {
            let chosen = columns.is_none_or(|some| some.binary_search(column).is_ok());
            if chunk.bytes == 0 || !chosen {
                continue;
            }
            let bytes = self.chunk(chunk).map_err(at)?;
            let values = Column::decode(&bytes, *value_type, row_count);
            decoded.push((*column, values.ok_or_else(|| malformed(chunk))?));
        }
        Ok(Page {
            table: table.table,
            keys,
            columns: decoded,
        })
    }

    fn chunk(&self, place: &ChunkPlace) -> Result<Vec<u8>, Damage> {
        let mut bytes = vec![0; place.bytes as usize];
        read_exact_at(&*self.file, &mut bytes, place.offset).map_err(|error| {
            Damage::new(&self.name, place.offset, format!("cannot read: {error}"))
        })?;
        if crc32fast::hash(&bytes) == place.checksum {
            Ok(bytes)
        } else {
            Err(Damage::new(
                &self.name,
                place.offset,
                "page checksum differs",
            ))
        }
    }
}

/// A page read back.
#[derive(Debug)]
pub(crate) struct Page {
    table: TableId,
    pub(crate) keys: Keys,
    columns: Vec<(ColumnId, Column)>,
}

impl Page {
    /// The corrected time of a row.
    pub(crate) fn corrected(&self, row: usize) -> Nanos {
        let keys = &self.keys;
        keys.times[row]
            .saturating_add(keys.offsets[row])
            .min(keys.arrivals[row])
    }

    /// A row of a device with the columns that were read.
    pub(crate) fn stored(&self, device: crate::DeviceId, row: usize) -> StoredRow {
        let cells: Vec<(ColumnId, Value)> = self
            .columns
            .iter()
            .filter_map(|(column, values)| Some((*column, values.value(row)?)))
            .collect();
        StoredRow {
            row: Row {
                table: self.table,
                device,
                instance: self.keys.instance(row).clone(),
                time: self.keys.times[row],
                offset: self.keys.offsets[row],
                cells,
            },
            seq: self.keys.seq(row),
            arrival: self.keys.arrivals[row],
        }
    }
}
