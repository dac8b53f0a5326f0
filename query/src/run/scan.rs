//! Rows of a snapshot, device by device, from several tables at once.
//!
//! Every table is scanned in the order of device numbers; [`Lockstep`] walks them side by side and hands out all
//! rows of one device, in the order in which they were recorded. It holds the rows of one device.

use super::RunError;
use crate::value::Value;
use roaring::RoaringBitmap;
use smol_str::SmolStr;
use std::iter::Peekable;
use storage::{DeviceId, Row, Scan, Select, Snapshot, StoredRow, TableDef};

/// The cells of a row by the names of their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells(Vec<(SmolStr, Value)>);

impl Cells {
    /// Names the cells of a row.
    pub fn read(row: &Row, table: &TableDef) -> Cells {
        let named = row.cells.iter().filter_map(|(column, value)| {
            let column = table.columns.get(column.0 as usize)?;
            Some((column.name.clone(), Value::from(value)))
        });
        Cells(named.collect())
    }

    /// The value of a column; unknown when the row has none.
    pub fn get(&self, name: &str) -> Value {
        self.0.iter().find(|(known, _)| known == name).map_or(Value::Unknown, |(_, value)| value.clone())
    }
}

/// Several scans side by side.
pub struct Lockstep {
    scans: Vec<Peekable<Box<Rows>>>,
}

/// A scan that stays whole while it is peeked, so that its damage can be asked for.
struct Rows(Scan);

impl Iterator for Rows {
    type Item = Result<StoredRow, storage::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl Lockstep {
    /// Begins all scans.
    pub fn new(snapshot: &Snapshot, selects: &[Select]) -> Result<Lockstep, RunError> {
        let scans = selects.iter().map(|select| Ok(Box::new(Rows(snapshot.scan(select)?)).peekable()));
        Ok(Lockstep { scans: scans.collect::<Result<_, storage::Error>>().map_err(RunError::Store)? })
    }

    /// All rows of the next device that has any, in the order of their records; None: no more.
    pub fn next_device(&mut self) -> Result<Option<(DeviceId, Vec<StoredRow>)>, RunError> {
        let mut next: Option<DeviceId> = None;
        for scan in &mut self.scans {
            match scan.peek() {
                Some(Ok(row)) => next = Some(next.map_or(row.row.device, |device| device.min(row.row.device))),
                Some(Err(_)) => {
                    if let Some(Err(error)) = scan.next() {
                        return Err(RunError::Store(error));
                    }
                }
                None => {}
            }
        }
        let Some(device) = next else { return Ok(None) };
        let mut rows = Vec::new();
        for scan in &mut self.scans {
            while let Some(row) = scan.next_if(|row| row.as_ref().map_or(true, |row| row.row.device == device)) {
                rows.push(row.map_err(RunError::Store)?);
            }
        }
        rows.sort_by_key(|stored| stored.seq);
        Ok(Some((device, rows)))
    }
}

/// These devices, as a scan wants them.
pub fn bitmap(devices: impl Iterator<Item = DeviceId>) -> RoaringBitmap {
    devices.map(|device| device.0).collect()
}
