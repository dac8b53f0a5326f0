//! The words of the store: devices, tables, columns, values, rows and records.
//!
//! A *row* is one observation of one (device, instance) in one table at one reported time. A *record*
//! is what arrived together: rows that share a sequence number and an arrival. Records are totally
//! ordered by sequence; arrival never falls along that order.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type Nanos = i64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// Dense number of a device, given by the store at first sight and never reused.
/// [`DeviceId::SERVER`] is the server itself: its ticks, rule sets and listening marks are rows too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId(pub u32);

impl DeviceId {
    /// The server itself; its client and name are empty texts.
    pub const SERVER: DeviceId = DeviceId(0);
}

/// Dense number of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableId(pub u32);

/// Number of a column inside its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnId(pub u32);

/// What a table holds; the pair (kind, name) names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TableKind {
    /// Samples of a family; instance = key. Plain signals live in the family `device`, instance "".
    Signals,
    /// Events of one kind, named by their full dotted name.
    Event,
    /// The product's own records: reports, labels, decisions, deliveries, ticks, rule sets …
    System,
}

/// The type of a column, fixed by its first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ValueType {
    /// 64-bit float.
    Number,
    /// True or false.
    Bool,
    /// UTF-8 text.
    Text,
    /// [`Nanos`].
    Time,
}

/// One stored value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// 64-bit float; NaN is never stored.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// UTF-8 text.
    Text(SmolStr),
    /// An instant.
    Time(Nanos),
}

impl Value {
    /// The column type that holds this value.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Number(_) => ValueType::Number,
            Value::Bool(_) => ValueType::Bool,
            Value::Text(_) => ValueType::Text,
            Value::Time(_) => ValueType::Time,
        }
    }
}

/// One observation, before the store gave it a sequence number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The table.
    pub table: TableId,
    /// The device.
    pub device: DeviceId,
    /// The key inside the family; "" for plain signals, events and system rows without one.
    pub instance: SmolStr,
    /// The time as reported: with table, device and instance the identity of the row.
    pub time: Nanos,
    /// Added to `time` to correct the sender's clock.
    pub offset: Nanos,
    /// Values by column, ascending by column, each column at most once.
    pub cells: Vec<(ColumnId, Value)>,
}

/// One observation as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// The observation.
    pub row: Row,
    /// Sequence number of the record it came in.
    pub seq: u64,
    /// When that record arrived.
    pub arrival: Nanos,
}

impl StoredRow {
    /// The corrected time: reported time plus offset, never later than the arrival.
    pub fn corrected(&self) -> Nanos {
        self.row
            .time
            .saturating_add(self.row.offset)
            .min(self.arrival)
    }
}

/// Rows that arrived together and are kept or lost together.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Position in the log, from 1 without gaps.
    pub seq: u64,
    /// When it arrived; never falls along `seq`.
    pub arrival: Nanos,
    /// Its rows in the order given.
    pub rows: Vec<Row>,
}
