//! What a scan is asked for.

use roaring::RoaringBitmap;
use smol_str::SmolStr;

use crate::{ColumnId, Nanos, TableId};

/// Which rows of one table, and which of their columns.
#[derive(Clone, Debug)]
pub struct Select {
    /// The table.
    pub table: TableId,
    /// Only these devices; `None` is all.
    pub devices: Option<RoaringBitmap>,
    /// From this corrected time on.
    pub from: Nanos,
    /// Before this corrected time.
    pub to: Nanos,
    /// Only the cells of these columns; rows without any of them still come, with fewer cells.
    pub columns: Option<Vec<ColumnId>>,
    /// Only this instance.
    pub instance: Option<SmolStr>,
    /// Only records up to this one: the past as it was known then.
    pub seq_max: u64,
    /// What to do with rows of one identity.
    pub versions: Versions,
}

impl Select {
    /// All rows of a table, as known last.
    pub fn table(table: TableId) -> Select {
        Select {
            table,
            devices: None,
            from: Nanos::MIN,
            to: Nanos::MAX,
            columns: None,
            instance: None,
            seq_max: u64::MAX,
            versions: Versions::Latest,
        }
    }
}

/// What to do with several rows of one (device, instance, reported time).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// In tables of signals one row: each column has the value that arrived last, and the row has the
    /// sequence number, arrival and offset of its newest version. Other tables keep every row.
    Latest,
    /// Every row as it came.
    All,
}
