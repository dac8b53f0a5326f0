//! Rows of a snapshot, device by device, from several tables at once.
//!
//! Every table is scanned in the order of device numbers; [`Lockstep`] walks them side by side and hands out all
//! rows of one device, in the order in which they were recorded. It holds the rows of one device.

use super::RunError;
use crate::value::Value;
use roaring::RoaringBitmap;
use smol_str::SmolStr;
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
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or(Value::Unknown, |(_, value)| value.clone())
    }
}

/// Several scans side by side.
pub struct Lockstep {
    scans: Vec<Ahead>,
}

/// A scan and its next row.
struct Ahead {
    scan: Scan,
    next: Option<StoredRow>,
}

impl Ahead {
    fn advance(&mut self) -> Result<Option<StoredRow>, RunError> {
        let next = self.scan.next().transpose().map_err(RunError::Store)?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

impl Lockstep {
    /// Begins all scans.
    pub fn new(snapshot: &Snapshot, selects: &[Select]) -> Result<Lockstep, RunError> {
        let mut scans = Vec::with_capacity(selects.len());
        for select in selects {
            let mut ahead = Ahead {
                scan: snapshot.scan(select).map_err(RunError::Store)?,
                next: None,
            };
            ahead.advance()?;
            scans.push(ahead);
        }
        Ok(Lockstep { scans })
    }

    /// The next device that has rows.
    pub fn peek(&self) -> Option<DeviceId> {
        self.scans
            .iter()
            .filter_map(|ahead| ahead.next.as_ref())
            .map(|row| row.row.device)
            .min()
    }

    /// All rows of a device in the order of their records. Rows of devices before it are passed over:
    /// devices are to be asked for in ascending order.
    pub fn device(&mut self, device: DeviceId) -> Result<Vec<StoredRow>, RunError> {
        let mut rows = Vec::new();
        for ahead in &mut self.scans {
            while ahead
                .next
                .as_ref()
                .is_some_and(|row| row.row.device < device)
            {
                ahead.advance()?;
            }
            while ahead
                .next
                .as_ref()
                .is_some_and(|row| row.row.device == device)
            {
                rows.extend(ahead.advance()?);
            }
        }
        rows.sort_by_key(|stored| stored.seq);
        Ok(rows)
    }

    /// What the scans could not read, once each.
    pub fn damage(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for damage in self.scans.iter().flat_map(|ahead| ahead.scan.damage()) {
            let text = damage.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}

/// These devices, as a scan wants them.
pub fn bitmap(devices: impl Iterator<Item = DeviceId>) -> RoaringBitmap {
    devices.map(|device| device.0).collect()
}
