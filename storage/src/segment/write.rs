//! Making a segment out of heads: pure, bytes in memory; the flush job writes them.

use super::keys::{self, Key};
use super::layout::{
    ChunkPlace, Footer, HEADER_BYTES, PageInfo, TableInfo, Trailer, VERSION, header,
};
use crate::codec::column::ColumnBuilder;
use crate::head::{HeadRows, TableRows};
use crate::limits::PAGE_ROWS_MAX;
use crate::schema::Schema;
use crate::{ColumnId, TableId, ValueType};

/// A segment in memory.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) footer: Footer,
    pub(crate) footer_checksum: u32,
}

/// A row of one of the heads.
#[derive(Clone, Copy)]
struct Place<'a> {
    rows: &'a TableRows,
    row: u32,
    place: u32,
}

/// Makes segment `number` of all rows of the heads, oldest head first; `None` if there are none.
pub(crate) fn build(number: u64, heads: &[&HeadRows], schema: &Schema) -> Option<Built> {
    let seqs = heads.iter().filter_map(|head| head.seqs());
    let seqs = seqs.reduce(|all, next| (all.0, next.1))?;
    let mut by_table: Vec<Vec<Place<'_>>> = Vec::new();
    let mut row_count = 0;
    for head in heads {
        for (table, row, place) in head.places() {
            let index = table.0 as usize;
            if by_table.len() <= index {
                by_table.resize_with(index + 1, Vec::new);
            }
            if let Some(rows) = head.table(table) {
                by_table[index].push(Place { rows, row, place });
                row_count += 1;
            }
        }
    }
    let mut bytes = header(number).to_vec();
    let mut tables = Vec::new();
    for (index, places) in by_table.into_iter().enumerate() {
        let table = TableId(index as u32);
        if let Some(def) = schema.table_def(table).filter(|_| !places.is_empty()) {
            let types: Vec<ValueType> = def.columns.iter().map(|c| c.value_type).collect();
            tables.push(put_table(&mut bytes, table, &types, places));
        }
    }
    let footer = Footer { seqs, tables };
    let encoded = footer.encode();
    let trailer = Trailer {
        footer_offset: bytes.len() as u64,
        footer_bytes: encoded.len() as u32,
        footer_checksum: crc32fast::hash(&encoded),
        version: VERSION,
    };
    bytes.extend_from_slice(&encoded);
    bytes.extend_from_slice(&trailer.encode());
    debug_assert!(bytes.len() > HEADER_BYTES);
    Some(Built {
        bytes,
        rows: row_count,
        footer,
        footer_checksum: trailer.footer_checksum,
    })
}

fn put_table(
    bytes: &mut Vec<u8>,
    table: TableId,
    types: &[ValueType],
    mut places: Vec<Place<'_>>,
) -> TableInfo {
    places.sort_by(|a, b| order_key(a).cmp(&order_key(b)));
    let mut pages = Vec::new();
    let mut key_chunks = Vec::new();
    let mut column_chunks: Vec<Vec<Vec<u8>>> = vec![Vec::new(); types.len()];
    for page in cut_pages(&places) {
        let page_keys: Vec<Key<'_>> = page.iter().map(key).collect();
        let mut chunk = Vec::new();
        keys::put(&mut chunk, &page_keys);
        key_chunks.push(chunk);
        let mut builders: Vec<_> = types.iter().map(|t| ColumnBuilder::new(*t)).collect();
        for (row, place) in page.iter().enumerate() {
            for (column, cell) in place.rows.cells(place.row) {
                if let Some(builder) = builders.get_mut(column.0 as usize) {
                    builder.push(row, cell);
                }
            }
        }
        for (chunks, builder) in column_chunks.iter_mut().zip(builders) {
            chunks.push(builder.finish(page.len()));
        }
        pages.push(info(page, &page_keys));
    }
    for (page, chunk) in pages.iter_mut().zip(&key_chunks) {
        page.keys = put_chunk(bytes, chunk);
    }
    let mut columns = Vec::new();
    for (column, chunks) in column_chunks.iter().enumerate() {
        if chunks.iter().any(|chunk| !chunk.is_empty()) {
            columns.push((ColumnId(column as u32), types[column]));
            for (page, chunk) in pages.iter_mut().zip(chunks) {
                page.columns.push(put_chunk(bytes, chunk));
            }
        }
    }
    TableInfo {
        table,
        columns,
        pages,
    }
}

fn order_key<'a>(place: &'a Place<'_>) -> (u32, &'a str, i64, u64, u32) {
    let (device, instance) = place.rows.key(place.row);
    let head = place.rows.head(place.row);
    (device.0, instance, head.time, head.seq, place.place)
}

fn key<'a>(place: &Place<'a>) -> Key<'a> {
    let (device, instance) = place.rows.key(place.row);
    let head = place.rows.head(place.row);
    Key {
        device,
        instance,
        time: head.time,
        offset: head.offset,
        arrival: head.arrival,
        seq: head.seq,
        place: place.place,
    }
}

/// Cuts sorted rows into pages: whole devices while they fit, a device's rows over several pages if
/// they do not.
fn cut_pages<'a, 'b>(places: &'a [Place<'b>]) -> Vec<&'a [Place<'b>]> {
    let device = |place: &Place<'_>| place.rows.key(place.row).0;
    let mut pages = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for run in places.chunk_by(|a, b| device(a) == device(b)) {
        if end - start + run.len() > PAGE_ROWS_MAX && end > start {
            pages.push(&places[start..end]);
            start = end;
        }
        end += run.len();
        while end - start > PAGE_ROWS_MAX {
            pages.push(&places[start..start + PAGE_ROWS_MAX]);
            start += PAGE_ROWS_MAX;
        }
    }
    if end > start {
        pages.push(&places[start..end]);
    }
    pages
}

fn info(page: &[Place<'_>], keys: &[Key<'_>]) -> PageInfo {
    let bounds = |values: &mut dyn Iterator<Item = i64>| {
        values.fold((i64::MAX, i64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let heads = || page.iter().map(|p| p.rows.head(p.row));
    let seqs = bounds(&mut keys.iter().map(|key| key.seq as i64));
    PageInfo {
        rows: keys.len() as u32,
        devices: (keys[0].device.0, keys[keys.len() - 1].device.0),
        times: bounds(&mut keys.iter().map(|key| key.time)),
        corrected: bounds(&mut heads().map(|head| head.corrected())),
        shifted: heads().any(|head| head.corrected() != head.time),
        seqs: (seqs.0 as u64, seqs.1 as u64),
        keys: ChunkPlace::default(),
        columns: Vec::new(),
    }
}

fn put_chunk(bytes: &mut Vec<u8>, chunk: &[u8]) -> ChunkPlace {
    if chunk.is_empty() {
        return ChunkPlace::default();
    }
    let offset = bytes.len() as u64;
    bytes.extend_from_slice(chunk);
    ChunkPlace {
        offset,
        bytes: chunk.len() as u32,
        checksum: crc32fast::hash(chunk),
    }
}
