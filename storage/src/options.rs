//! Sizes that whoever opens a store may choose.

/// See the fields.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows in memory beyond this are due for a flush.
    pub head_bytes_max: usize,
    /// A log file beyond this is due for a flush.
    pub wal_bytes_max: u64,
    /// The log's space is taken from the disk in steps of this.
    pub wal_step_bytes: u64,
    /// Log space kept free for derived rows, see [`crate::Store::append_derived`].
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            head_bytes_max: 64 << 20,
            wal_bytes_max: 128 << 20,
            wal_step_bytes: 8 << 20,
            reserve_bytes: 8 << 20,
        }
    }
}
