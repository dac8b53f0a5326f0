//! The layout of a log file: its header, and frames of definitions and records.
//!
//! Every multiple-byte field is little-endian. Drawn in `docs/format.md`, "Log". The writer encodes
//! here, recovery decodes here.

use crate::codec::cells::{CellRef, Cells, put_cell};
use crate::codec::varint::{Reader, put_i64, put_text, put_u64};
use crate::definition::Definition;
use crate::head::NewRow;
use crate::limits::{INSTANCE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::schema::Schema;
use crate::{ColumnId, DeviceId, Nanos, Row, TableId, Value};

/// First bytes of a log file.
pub(crate) const MAGIC: [u8; 8] = *b"abt-wal\n";
/// The version this program writes.
pub(crate) const VERSION: u32 = 1;
/// Bytes of the file header.
pub(crate) const FILE_HEADER_BYTES: usize = 32;
/// Bytes of a frame header.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;
/// Frames start at multiples of this.
pub(crate) const FRAME_ALIGN: usize = 8;

/// The header of file `number`, whose first frame starts at record `base_seq`.
pub(crate) fn file_header(number: u64, base_seq: u64) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&number.to_le_bytes());
    header[20..28].copy_from_slice(&base_seq.to_le_bytes());
    let checksum = crc32fast::hash(&header[..28]);
    header[28..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What a file header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileHeader {
    /// A file of this version, with its base.
    Known { base_seq: u64 },
    /// A file of another version, rightly checksummed.
    OtherVersion(u32),
    /// Not a header of this file.
    Bad,
}

/// Reads the header of file `number`.
pub(crate) fn read_file_header(bytes: &[u8], number: u64) -> FileHeader {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else {
        return FileHeader::Bad;
    };
    let mut reader = Reader::new(header);
    let fields = (
        reader.array::<8>(),
        reader.fixed_u32(),
        reader.fixed_u64(),
        reader.fixed_u64(),
        reader.fixed_u32(),
    );
    match fields {
        (Some(MAGIC), Some(version), Some(found), Some(base_seq), Some(checksum))
            if checksum == crc32fast::hash(&header[..28]) && found == number =>
        {
            if version == VERSION {
                FileHeader::Known { base_seq }
            } else {
                FileHeader::OtherVersion(version)
            }
        }
        _ => FileHeader::Bad,
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the payload, without the padding after it.
    pub(crate) payload_bytes: u32,
    /// The first record.
    pub(crate) first_seq: u64,
    /// The last record known durable when the frame was made.
    pub(crate) durable_seq: u64,
    /// When the records arrived.
    pub(crate) arrival: Nanos,
    /// How many records there are.
    pub(crate) record_count: u32,
}

impl FrameHeader {
    /// Bytes of the whole frame with its padding.
    pub(crate) fn frame_bytes(&self) -> usize {
        (FRAME_HEADER_BYTES + self.payload_bytes as usize).next_multiple_of(FRAME_ALIGN)
    }

    /// The record after the last one.
    pub(crate) fn end_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.record_count))
    }
}

/// The checksum of a frame: over the file's number, the frame's offset in it, and all its bytes after
/// the checksum.
fn checksum(number: u64, offset: u64, after: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(after);
    hasher.finalize()
}

/// Fills in the header of the frame that starts at `start` of `buffer` and pads its end. `offset` is
/// its place in file `number`.
pub(crate) fn seal(
    buffer: &mut Vec<u8>,
    start: usize,
    number: u64,
    offset: u64,
    header: FrameHeader,
) {
    let end = start + FRAME_HEADER_BYTES + header.payload_bytes as usize;
    let bytes = &mut buffer[start..end];
    bytes[4..8].copy_from_slice(&header.payload_bytes.to_le_bytes());
    bytes[8..16].copy_from_slice(&header.first_seq.to_le_bytes());
    bytes[16..24].copy_from_slice(&header.durable_seq.to_le_bytes());
    bytes[24..32].copy_from_slice(&header.arrival.to_le_bytes());
    bytes[32..36].copy_from_slice(&header.record_count.to_le_bytes());
    bytes[36..40].fill(0);
    let checksum = checksum(number, offset, &bytes[4..]);
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
    buffer.resize(start + header.frame_bytes(), 0);
}

/// The frame at `offset` of a file's bytes, if a whole and unharmed one starts there.
pub(crate) fn open(file: &[u8], offset: usize, number: u64) -> Option<(FrameHeader, &[u8])> {
    let bytes = file.get(offset..)?;
    let mut reader = Reader::new(bytes);
    let found = reader.fixed_u32()?;
    let header = FrameHeader {
        payload_bytes: reader.fixed_u32()?,
        first_seq: reader.fixed_u64()?,
        durable_seq: reader.fixed_u64()?,
        arrival: reader.fixed_u64()? as i64,
        record_count: reader.fixed_u32()?,
    };
    if header.record_count == 0 || header.durable_seq >= header.first_seq {
        return None;
    }
    let end = FRAME_HEADER_BYTES.checked_add(header.payload_bytes as usize)?;
    let frame = bytes.get(..end)?;
    (found == checksum(number, offset as u64, &frame[4..]))
        .then(|| (header, &frame[FRAME_HEADER_BYTES..]))
}

/// Appends the definitions of a frame, the first part of its payload.
pub(crate) fn put_definitions(buffer: &mut Vec<u8>, definitions: &[Definition]) {
    put_u64(buffer, definitions.len() as u64);
    for definition in definitions {
        definition.put(buffer);
    }
}

/// Appends one row, checking it against the schema, and returns where its cells lie in `buffer`.
/// `arrival` is that of the frame.
pub(crate) fn put_row(
    buffer: &mut Vec<u8>,
    schema: &Schema,
    arrival: Nanos,
    row: &Row,
) -> Result<(usize, usize), String> {
    let Some(def) = schema.table_def(row.table) else {
        return Err(format!("there is no table {}", row.table.0));
    };
    if row.device.0 as usize >= schema.device_count() {
        return Err(format!("there is no device {}", row.device.0));
    }
    if row.instance.len() > INSTANCE_BYTES_MAX {
        return Err(format!(
            "the instance is longer than {INSTANCE_BYTES_MAX} bytes"
        ));
    }
    put_u64(buffer, u64::from(row.table.0));
    put_u64(buffer, u64::from(row.device.0));
    put_text(buffer, &row.instance);
    put_i64(buffer, row.time.wrapping_sub(arrival));
    put_i64(buffer, row.offset);
    put_u64(buffer, row.cells.len() as u64);
    let start = buffer.len();
    let mut last: Option<ColumnId> = None;
    for (column, value) in &row.cells {
        let Some(column_def) = def.columns.get(column.0 as usize) else {
            return Err(format!("{} has no column {}", def.name, column.0));
        };
        if column_def.value_type != value.value_type() {
            return Err(format!(
                "column {} of {} holds {:?}, not {:?}",
                column_def.name,
                def.name,
                column_def.value_type,
                value.value_type()
            ));
        }
        if last.is_some_and(|last| last >= *column) {
            return Err(format!("columns of {} do not ascend", def.name));
        }
        match value {
            Value::Number(number) if number.is_nan() => {
                return Err(format!(
                    "{} of {} is not a number",
                    column_def.name, def.name
                ));
            }
            Value::Text(text) if text.len() > TEXT_BYTES_MAX => {
                return Err(format!(
                    "{} of {} is longer than {TEXT_BYTES_MAX} bytes",
                    column_def.name, def.name
                ));
            }
            _ => {}
        }
        put_cell(buffer, column.0 - last.map_or(0, |c| c.0), row.time, value);
        last = Some(*column);
    }
    Ok((start, buffer.len()))
}

/// Reads the definitions at the start of a payload.
pub(crate) fn get_definitions(reader: &mut Reader<'_>) -> Option<Vec<Definition>> {
    let count = reader.count()?;
    (0..count).map(|_| Definition::get(reader)).collect()
}

/// Reads one row of `payload` where `reader` stands, checking it against the schema.
pub(crate) fn get_row<'a>(
    payload: &'a [u8],
    reader: &mut Reader<'a>,
    schema: &Schema,
    arrival: Nanos,
) -> Option<NewRow<'a>> {
    let table = TableId(reader.u32()?);
    let def = schema.table_def(table)?;
    let device = DeviceId(reader.u32()?);
    if device.0 as usize >= schema.device_count() {
        return None;
    }
    let instance = reader.text()?;
    let time = reader.i64()?.wrapping_add(arrival);
    let offset = reader.i64()?;
    let count = reader.count()?;
    let start = reader.position();
    let mut cells = Cells::from_reader(*reader, time);
    for _ in 0..count {
        let (column, cell): (ColumnId, CellRef<'_>) = cells.cell()?;
        if def.columns.get(column.0 as usize)?.value_type != cell.value_type() {
            return None;
        }
    }
    *reader = cells.into_reader();
    Some(NewRow {
        table,
        device,
        instance,
        time,
        offset,
        cells: &payload[start..reader.position()],
    })
}
