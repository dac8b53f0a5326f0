//! The write-ahead log: one frame per append, one sync per commit, files `wal-<number>`.
//!
//! A frame counts only at its own place of its own file, so that bytes left from an earlier use are
//! never read as new. Each frame names the last record that was durable when it was written: a bad
//! frame below that mark is damage and is named; one above it was never acknowledged and is cut.

pub(crate) mod frame;
pub(crate) mod replay;
pub(crate) mod writer;

/// The name of a log file.
pub(crate) fn file_name(number: u64) -> String {
    format!("wal-{number:08}")
}
