//! What can go wrong, told with the place and what to do next.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;

use smol_str::SmolStr;

use crate::ValueType;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the folder.
    #[error(
        "the store in {folder} is in use by another process; stop that process or name another folder"
    )]
    Locked {
        /// The folder.
        folder: String,
    },
    /// There is no space (or memory) left; nothing was applied and a later try may succeed.
    #[error("no room: {what}; nothing was stored, make room and send it again")]
    Full {
        /// What is short.
        what: &'static str,
    },
    /// A write or sync failed before, so that nothing more can be promised.
    #[error(
        "an earlier write or sync of the log failed, nothing more is accepted; check the disk and start again"
    )]
    Poisoned,
    /// The column exists with another type.
    #[error("column {column} of {table} holds {has:?}, not {got:?}")]
    TypeDiffers {
        /// The table.
        table: SmolStr,
        /// The column.
        column: SmolStr,
        /// Its type.
        has: ValueType,
        /// The type asked for.
        got: ValueType,
    },
    /// A row that the store cannot hold.
    #[error("record {record}, row {row}: {reason}")]
    BadRow {
        /// Position of the record in the call, from 0.
        record: usize,
        /// Position of the row in the record, from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Arrival fell.
    #[error("arrival {got} lies before the last one, {last}")]
    ArrivalFell {
        /// The last arrival.
        last: i64,
        /// The one given.
        got: i64,
    },
    /// A bound of [`crate::limits`] would be passed.
    #[error("{what} would pass the limit of {max}")]
    Limit {
        /// What there would be too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Stored bytes are not what was written.
    #[error("{0}; keep a copy of the folder and restore the file")]
    Damaged(Damage),
    /// A file of a version that this program does not know.
    #[error("{file} has version {found}, this program reads up to {known}; use a newer program")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// This flush was overtaken by a later one.
    #[error("a later flush has begun; this one is void")]
    FlushOutdated,
}

impl Error {
    /// Wraps an operating-system error with what was tried on which file. Want of space is [`Error::Full`].
    pub(crate) fn io<'a>(action: &'static str, file: &'a str) -> impl Fn(io::Error) -> Error + 'a {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full {
                what: "the disk is full",
            },
            _ => Error::Io {
                action,
                file: file.to_owned(),
                source,
            },
        }
    }

    /// Like [`Error::io`], where a later try cannot succeed.
    pub(crate) fn io_final<'a>(
        action: &'static str,
        file: &'a str,
    ) -> impl Fn(io::Error) -> Error + 'a {
        move |source| Error::Io {
            action,
            file: file.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> Error {
        Error::Damaged(Damage::new(file, offset, what))
    }
}

/// A place where stored bytes are not what was written. The rest is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
    /// Records of which rows may be missing, if known.
    pub records: Option<RangeInclusive<u64>>,
}

impl Damage {
    pub(crate) fn new(file: &str, offset: u64, what: impl Into<String>) -> Damage {
        Damage {
            file: file.to_owned(),
            offset,
            what: what.into(),
            records: None,
        }
    }

    pub(crate) fn records(mut self, records: RangeInclusive<u64>) -> Damage {
        self.records = Some(records);
        self
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, offset {}: {}", self.file, self.offset, self.what)?;
        if let Some(records) = &self.records {
            write!(f, " (records {} to {})", records.start(), records.end())?;
        }
        Ok(())
    }
}
