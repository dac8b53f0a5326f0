//! Every bound of the store in one place.
//!
//! Past a bound the store answers [`crate::Error::Limit`] and changes nothing.

/// Devices of one store.
pub const DEVICES_MAX: usize = 4_000_000;
/// Tables of one store.
pub const TABLES_MAX: usize = 10_000;
/// Columns of one table.
pub const COLUMNS_MAX: usize = 1_024;
/// Bytes of the name of a table, a column or a label.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of the name of a client or a device.
pub const DEVICE_NAME_BYTES_MAX: usize = 256;
/// Labels of one device. The store holds labels as rows; whoever writes them keeps this bound.
pub const LABELS_PER_DEVICE_MAX: usize = 64;
/// Bytes of the value of a label.
pub const LABEL_VALUE_BYTES_MAX: usize = 1 << 10;
/// Bytes of an instance.
pub const INSTANCE_BYTES_MAX: usize = 1 << 10;
/// Bytes of one text value.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of one frame of the log: what one append may take.
pub const FRAME_BYTES_MAX: usize = 64 << 20;
/// Bytes of a checkpoint.
pub const CHECKPOINT_BYTES_MAX: usize = 1 << 30;
/// Rows of one page of a segment.
pub const PAGE_ROWS_MAX: usize = 4_096;
/// The head may grow to this many times `head_bytes_max` while flushes fail; then appends are refused.
pub const HEAD_GROWTH_MAX: usize = 4;
/// Catalog files before a flush writes them anew as one.
pub const CATALOG_FILES_MAX: usize = 8;
