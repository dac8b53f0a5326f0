//! Segments: immutable files of rows in columns, written once by a flush.
//!
//! Per table, rows are sorted by (device, instance, reported time, sequence number) and cut into pages
//! of one or a few devices. A page is one chunk of keys (everything about its rows but the values) and
//! one chunk per column. Chunks lie column after column, pages in order within each, so that a query
//! of one column over many devices reads forward. The footer has the place and checksum of every
//! chunk; a page whose chunk is bad is left out and named, the others are served.

pub(crate) mod cursor;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod read;
pub(crate) mod records;
pub(crate) mod write;

/// The name of a segment file.
pub(crate) fn file_name(number: u64) -> String {
    format!("segment-{number:08}")
}
