//! The records of one segment in the order in which they came.
//!
//! Rows lie sorted by device; the pages are held decoded while their records are handed out.

use std::collections::VecDeque;

use super::read::{Page, Segment};
use crate::{Damage, DeviceId, Record};

/// See the module.
#[derive(Debug)]
pub(crate) struct SegmentRecords {
    pages: Vec<Page>,
    /// Rows by (sequence number, place in the record).
    order: Vec<RowPlace>,
    at: usize,
    /// Pages that could not be read, to be told first.
    pub(crate) damage: VecDeque<Damage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RowPlace {
    seq: u64,
    place: i64,
    page: u32,
    row: u32,
    device: DeviceId,
}

impl SegmentRecords {
    /// Reads the pages that have records from `from_seq` to `seq_max`.
    pub(crate) fn read(segment: &Segment, from_seq: u64, seq_max: u64) -> SegmentRecords {
        let mut records = SegmentRecords {
            pages: Vec::new(),
            order: Vec::new(),
            at: 0,
            damage: VecDeque::new(),
        };
        for table in &segment.footer.tables {
            for (index, info) in table.pages.iter().enumerate() {
                if info.seqs.1 < from_seq || info.seqs.0 > seq_max {
                    continue;
                }
                match segment.page(table, index, None) {
                    Ok(page) => records.add(page, from_seq, seq_max),
                    Err(damage) => records.damage.push_back(damage),
                }
            }
        }
        records.order.sort_unstable();
        records
    }

    fn add(&mut self, page: Page, from_seq: u64, seq_max: u64) {
        let number = self.pages.len() as u32;
        for (device, rows) in page.keys.runs() {
            for row in rows {
                let seq = page.keys.seq(row);
                if (from_seq..=seq_max).contains(&seq) {
                    self.order.push(RowPlace {
                        seq,
                        place: page.keys.place(row),
                        page: number,
                        row: row as u32,
                        device,
                    });
                }
            }
        }
        self.pages.push(page);
    }
}

impl Iterator for SegmentRecords {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let first = *self.order.get(self.at)?;
        let mut rows = Vec::new();
        let mut arrival = 0;
        while let Some(place) = self.order.get(self.at).filter(|p| p.seq == first.seq) {
            let stored = self.pages[place.page as usize].stored(place.device, place.row as usize);
            arrival = stored.arrival;
            rows.push(stored.row);
            self.at += 1;
        }
        Some(Record {
            seq: first.seq,
            arrival,
            rows,
        })
    }
}
