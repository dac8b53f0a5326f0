//! Finding one row by its identity in segments, quickly when there is none.
//!
//! Most rows that arrive are newer than anything known of their device: per table and group of
//! devices the greatest reported time in any segment is kept, and a newer time needs no look. Pages
//! that had to be read are kept for the next search, since repeated and late data come in runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::segment::read::{Page, Segment};
use crate::{DeviceId, Nanos, StoredRow, TableId};

/// Devices of one group.
const GROUP: u32 = 64;
/// Pages kept.
const PAGES_MAX: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// Greatest reported time by table and group of devices.
    newest: Vec<Vec<Nanos>>,
    pages: Mutex<VecDeque<(PageKey, Arc<Page>)>>,
}

/// Segment number, table and page.
type PageKey = (u64, TableId, usize);

impl Finder {
    /// Takes a segment's footer into account.
    pub(crate) fn add(&mut self, segment: &Segment) {
        for table in &segment.footer.tables {
            let index = table.table.0 as usize;
            if self.newest.len() <= index {
                self.newest.resize_with(index + 1, Vec::new);
            }
            let newest = &mut self.newest[index];
            for page in &table.pages {
                let last = (page.devices.1 / GROUP) as usize;
                if newest.len() <= last {
                    newest.resize(last + 1, Nanos::MIN);
                }
                for group in &mut newest[(page.devices.0 / GROUP) as usize..=last] {
                    *group = page.times.1.max(*group);
                }
            }
        }
    }

    /// Adds the rows of this identity. Pages that cannot be read are passed over.
    pub(crate) fn find(
        &self,
        segments: &[Arc<Segment>],
        (table, device, instance, time): (TableId, DeviceId, &str, Nanos),
        found: &mut Vec<StoredRow>,
    ) {
        let newest = self.newest.get(table.0 as usize);
        let group = newest.and_then(|groups| groups.get((device.0 / GROUP) as usize));
        if group.is_none_or(|newest| time > *newest) {
            return;
        }
        for segment in segments {
            let Some(info) = segment.table(table) else {
                continue;
            };
            for index in info.pages_of(device.0) {
                let times = info.pages[index].times;
                if time < times.0 || time > times.1 {
                    continue;
                }
                let read = || segment.page(info, index, None).ok();
                let Some(page) = self.page((segment.number, table, index), read) else {
                    continue;
                };
                let rows = page.keys.rows_of(device).filter(|&row| {
                    page.keys.times[row] == time && page.keys.instance(row) == instance
                });
                found.extend(rows.map(|row| page.stored(device, row)));
            }
        }
    }

    fn page(&self, key: PageKey, read: impl Fn() -> Option<Page>) -> Option<Arc<Page>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = pages.iter().position(|(known, _)| *known == key) {
            let entry = pages.remove(at)?;
            let page = entry.1.clone();
            pages.push_front(entry);
            return Some(page);
        }
        let page = Arc::new(read()?);
        pages.push_front((key, page.clone()));
        pages.truncate(PAGES_MAX);
        Some(page)
    }
}
