//! The layout of a segment file: header, chunks, footer, trailer.
//!
//! Drawn in `docs/format.md`, "Segment". The writer encodes here, the reader decodes here.

use crate::codec::varint::{Reader, put_i64, put_u64};
use crate::definition::{value_type_code, value_type_of};
use crate::{ColumnId, Nanos, TableId, ValueType};

/// First bytes of a segment.
pub(crate) const MAGIC: [u8; 8] = *b"abt-seg\n";
/// Last bytes of a segment.
pub(crate) const MAGIC_END: [u8; 8] = *b"abt-end\n";
/// The version this program writes.
pub(crate) const VERSION: u32 = 1;
/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 24;
/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 32;

/// The header of segment `number`.
pub(crate) fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The end of a segment: where its footer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) footer_offset: u64,
    pub(crate) footer_bytes: u32,
    pub(crate) footer_checksum: u32,
    pub(crate) version: u32,
}

impl Trailer {
    pub(crate) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&self.footer_offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.footer_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.footer_checksum.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.version.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..20]);
        bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
        bytes[24..].copy_from_slice(&MAGIC_END);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; TRAILER_BYTES]) -> Option<Trailer> {
        let mut reader = Reader::new(bytes);
        let trailer = Trailer {
            footer_offset: reader.fixed_u64()?,
            footer_bytes: reader.fixed_u32()?,
            footer_checksum: reader.fixed_u32()?,
            version: reader.fixed_u32()?,
        };
        let checksum = reader.fixed_u32()?;
        (checksum == crc32fast::hash(&bytes[..20]) && reader.array() == Some(MAGIC_END))
            .then_some(trailer)
    }
}

/// Where a chunk lies; without bytes if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    pub(crate) checksum: u32,
}

/// What the footer says of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageInfo {
    pub(crate) rows: u32,
    /// First and last device.
    pub(crate) devices: (u32, u32),
    /// Least and greatest reported time.
    pub(crate) times: (Nanos, Nanos),
    /// Least and greatest corrected time.
    pub(crate) corrected: (Nanos, Nanos),
    /// Whether any row's corrected time differs from its reported time.
    pub(crate) shifted: bool,
    /// Least and greatest sequence number.
    pub(crate) seqs: (u64, u64),
    pub(crate) keys: ChunkPlace,
    /// By position of the column in [`TableInfo::columns`].
    pub(crate) columns: Vec<ChunkPlace>,
}

/// What the footer says of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableInfo {
    pub(crate) table: TableId,
    pub(crate) columns: Vec<(ColumnId, ValueType)>,
    /// Ascending by device.
    pub(crate) pages: Vec<PageInfo>,
}

impl TableInfo {
    /// The pages that may have a device.
    pub(crate) fn pages_of(&self, device: u32) -> std::ops::Range<usize> {
        let from = self.pages.partition_point(|page| page.devices.1 < device);
        let to = self.pages.partition_point(|page| page.devices.0 <= device);
        from..to.max(from)
    }
}

/// The footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// First and last record.
    pub(crate) seqs: (u64, u64),
    /// Ascending by number.
    pub(crate) tables: Vec<TableInfo>,
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u64(&mut out, self.seqs.0);
        put_u64(&mut out, self.seqs.1);
        put_u64(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            put_u64(&mut out, u64::from(table.table.0));
            put_u64(&mut out, table.columns.len() as u64);
            for (column, value_type) in &table.columns {
                put_u64(&mut out, u64::from(column.0));
                out.push(value_type_code(*value_type));
            }
            put_u64(&mut out, table.pages.len() as u64);
            for page in &table.pages {
                put_page(&mut out, page);
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Footer> {
        let mut reader = Reader::new(bytes);
        let seqs = (reader.u64()?, reader.u64()?);
        let table_count = reader.count()?;
        let mut tables = Vec::with_capacity(table_count);
        for _ in 0..table_count {
            let table = TableId(reader.u32()?);
            let column_count = reader.count()?;
            let columns = (0..column_count)
                .map(|_| Some((ColumnId(reader.u32()?), value_type_of(reader.u8()?)?)))
                .collect::<Option<Vec<_>>>()?;
            let page_count = reader.count()?;
            let pages = (0..page_count)
                .map(|_| get_page(&mut reader, column_count))
                .collect::<Option<Vec<_>>>()?;
            tables.push(TableInfo {
                table,
                columns,
                pages,
            });
        }
        reader.is_at_end().then_some(Footer { seqs, tables })
    }
}

fn put_page(out: &mut Vec<u8>, page: &PageInfo) {
    put_u64(out, u64::from(page.rows));
    put_u64(out, u64::from(page.devices.0));
    put_u64(out, u64::from(page.devices.1 - page.devices.0));
    put_i64(out, page.times.0);
    put_u64(out, page.times.1.wrapping_sub(page.times.0) as u64);
    put_i64(out, page.corrected.0.wrapping_sub(page.times.0));
    put_u64(out, page.corrected.1.wrapping_sub(page.corrected.0) as u64);
    out.push(u8::from(page.shifted));
    put_u64(out, page.seqs.0);
    put_u64(out, page.seqs.1 - page.seqs.0);
    for chunk in std::iter::once(&page.keys).chain(&page.columns) {
        put_u64(out, u64::from(chunk.bytes));
        if chunk.bytes > 0 {
            put_u64(out, chunk.offset);
            out.extend_from_slice(&chunk.checksum.to_le_bytes());
        }
    }
}

fn get_page(reader: &mut Reader<'_>, column_count: usize) -> Option<PageInfo> {
    let rows = reader.u32()?;
    let first_device = reader.u32()?;
    let devices = (first_device, first_device.checked_add(reader.u32()?)?);
    let first_time = reader.i64()?;
    let times = (first_time, first_time.wrapping_add(reader.u64()? as i64));
    let first_corrected = first_time.wrapping_add(reader.i64()?);
    let corrected = (
        first_corrected,
        first_corrected.wrapping_add(reader.u64()? as i64),
    );
    let shifted = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let first_seq = reader.u64()?;
    let seqs = (first_seq, first_seq.checked_add(reader.u64()?)?);
    let mut chunk = || {
        let bytes = reader.u32()?;
        Some(match bytes {
            0 => ChunkPlace::default(),
            bytes => ChunkPlace {
                bytes,
                offset: reader.u64()?,
                checksum: reader.fixed_u32()?,
            },
        })
    };
    Some(PageInfo {
        rows,
        devices,
        times,
        corrected,
        shifted,
        seqs,
        keys: chunk()?,
        columns: (0..column_count).map(|_| chunk()).collect::<Option<_>>()?,
    })
}
