//! One segment's side of a scan: which devices it has, and a device's rows.
//!
//! It holds one page at a time. Pages that cannot matter to the selection are not read; damaged ones
//! are left out and named once.

use std::sync::Arc;

use super::layout::{PageInfo, TableInfo};
use super::read::{Page, Segment};
use crate::scan::Wanted;
use crate::{Damage, DeviceId, StoredRow};

/// See the module.
#[derive(Debug)]
pub(crate) struct Cursor {
    segment: Arc<Segment>,
    /// The page read last, without content if it is damaged.
    current: Option<(usize, Option<Arc<Page>>)>,
}

impl Cursor {
    pub(crate) fn new(segment: Arc<Segment>) -> Cursor {
        Cursor {
            segment,
            current: None,
        }
    }

    /// The first chosen device from `from` on that may have rows in range.
    pub(crate) fn next_device(
        &mut self,
        from: DeviceId,
        wanted: &Wanted,
        damage: &mut Vec<Damage>,
    ) -> Option<DeviceId> {
        let segment = self.segment.clone();
        let table = segment.table(wanted.table)?;
        let first = table.pages_of(from.0).start;
        for (index, page) in table.pages.iter().enumerate().skip(first) {
            let devices = from.0.max(page.devices.0)..=page.devices.1;
            if !in_range(page, wanted) || !wanted.any_device_in(devices) {
                continue;
            }
            let Some(page) = self.page(table, index, wanted, damage) else {
                continue;
            };
            let mut device = from;
            while let Some(found) = page.keys.device_from(device) {
                if wanted.has_device(found) {
                    return Some(found);
                }
                device = DeviceId(found.0 + 1);
            }
        }
        None
    }

    /// Adds the device's rows in range.
    pub(crate) fn rows_in_range(
        &mut self,
        device: DeviceId,
        wanted: &Wanted,
        found: &mut Vec<StoredRow>,
        damage: &mut Vec<Damage>,
    ) {
        self.rows(device, wanted, found, damage, &in_range, &|page, row| {
            wanted.has_corrected(page.corrected(row))
        });
    }

    /// Adds the device's rows out of range whose reported time lies within these bounds: they may be
    /// newer versions of rows in range.
    pub(crate) fn rows_out_of_range(
        &mut self,
        device: DeviceId,
        wanted: &Wanted,
        times: (i64, i64),
        found: &mut Vec<StoredRow>,
        damage: &mut Vec<Damage>,
    ) {
        let beyond = !wanted.has_corrected(times.0) || !wanted.has_corrected(times.1);
        let choose = |page: &PageInfo, wanted: &Wanted| {
            (page.shifted || beyond)
                && page.times.0 <= times.1
                && page.times.1 >= times.0
                && page.seqs.0 <= wanted.seq_max
        };
        self.rows(device, wanted, found, damage, &choose, &|page, row| {
            let time = page.keys.times[row];
            times.0 <= time && time <= times.1 && !wanted.has_corrected(page.corrected(row))
        });
    }

    fn rows(
        &mut self,
        device: DeviceId,
        wanted: &Wanted,
        found: &mut Vec<StoredRow>,
        damage: &mut Vec<Damage>,
        choose_page: &dyn Fn(&PageInfo, &Wanted) -> bool,
        choose_row: &dyn Fn(&Page, usize) -> bool,
    ) {
        let segment = self.segment.clone();
        let Some(table) = segment.table(wanted.table) else {
            return;
        };
        for index in table.pages_of(device.0) {
            if !choose_page(&table.pages[index], wanted) {
                continue;
            }
            let Some(page) = self.page(table, index, wanted, damage) else {
                continue;
            };
            let rows = page.keys.rows_of(device).filter(|&row| {
                page.keys.seq(row) <= wanted.seq_max
                    && wanted.has_instance(page.keys.instance(row))
                    && choose_row(&page, row)
            });
            found.extend(rows.map(|row| page.stored(device, row)));
        }
    }

    fn page(
        &mut self,
        table: &TableInfo,
        index: usize,
        wanted: &Wanted,
        damage: &mut Vec<Damage>,
    ) -> Option<Arc<Page>> {
        if let Some((current, page)) = &self.current
            && *current == index
        {
            return page.clone();
        }
        let page = match self.segment.page(table, index, wanted.columns.as_deref()) {
            Ok(page) => Some(Arc::new(page)),
            Err(bad) => {
                if !damage.contains(&bad) {
                    damage.push(bad);
                }
                None
            }
        };
        self.current = Some((index, page.clone()));
        page
    }
}

fn in_range(page: &PageInfo, wanted: &Wanted) -> bool {
    page.corrected.0 < wanted.to && page.corrected.1 >= wanted.from && page.seqs.0 <= wanted.seq_max
}
