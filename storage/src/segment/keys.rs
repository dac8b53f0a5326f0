//! The keys chunk of a page: everything about its rows but their values.
//!
//! Devices as runs, instances by dictionary, then reported times, offsets, arrivals, sequence numbers
//! and places within their records as integers.

use std::ops::Range;

use smol_str::SmolStr;

use crate::codec::integers;
use crate::codec::texts::{self, Texts};
use crate::codec::varint::{Reader, put_u64};
use crate::{DeviceId, Nanos};

/// One row's key, as the writer gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) device: DeviceId,
    pub(crate) instance: &'a str,
    pub(crate) time: Nanos,
    pub(crate) offset: Nanos,
    pub(crate) arrival: Nanos,
    pub(crate) seq: u64,
    /// Position of the row in its record.
    pub(crate) place: u32,
}

/// Appends the keys of a page, sorted by device.
pub(crate) fn put(out: &mut Vec<u8>, keys: &[Key<'_>]) {
    let runs: Vec<&[Key<'_>]> = keys.chunk_by(|a, b| a.device == b.device).collect();
    put_u64(out, runs.len() as u64);
    let mut before = 0;
    for run in runs {
        put_u64(out, u64::from(run[0].device.0 - before));
        put_u64(out, run.len() as u64);
        before = run[0].device.0;
    }
    let instances: Vec<&str> = keys.iter().map(|key| key.instance).collect();
    texts::put(out, &instances);
    let mut column = |of: fn(&Key<'_>) -> i64| {
        let values: Vec<i64> = keys.iter().map(of).collect();
        integers::put_recurring(out, &values);
    };
    column(|key| key.time);
    column(|key| key.offset);
    column(|key| key.arrival);
    column(|key| key.seq as i64);
    column(|key| i64::from(key.place));
}

/// Keys read back, by row.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Device and end of its rows.
    runs: Vec<(DeviceId, usize)>,
    instances: Texts,
    pub(crate) times: Vec<Nanos>,
    pub(crate) offsets: Vec<Nanos>,
    pub(crate) arrivals: Vec<Nanos>,
    seqs: Vec<i64>,
    places: Vec<i64>,
}

impl Keys {
    /// Reads the chunk of a page of `row_count` rows.
    pub(crate) fn decode(bytes: &[u8], row_count: usize) -> Option<Keys> {
        let mut reader = Reader::new(bytes);
        let run_count = reader.count()?;
        let mut runs = Vec::with_capacity(run_count);
        let mut device = 0_u32;
        let mut end = 0_usize;
        for _ in 0..run_count {
            device = device.checked_add(reader.u32()?)?;
            end = end.checked_add(usize::try_from(reader.u64()?).ok()?)?;
            runs.push((DeviceId(device), end));
        }
        if end != row_count {
            return None;
        }
        let instances = texts::get(&mut reader, row_count)?;
        let mut column = || integers::get(&mut reader, row_count);
        let keys = Keys {
            runs,
            instances,
            times: column()?,
            offsets: column()?,
            arrivals: column()?,
            seqs: column()?,
            places: column()?,
        };
        reader.is_at_end().then_some(keys)
    }

    /// The devices of the page, ascending, with their rows.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (DeviceId, Range<usize>)> {
        let mut start = 0;
        self.runs.iter().map(move |&(device, end)| {
            let rows = start..end;
            start = end;
            (device, rows)
        })
    }

    /// The first device of the page from `device` on.
    pub(crate) fn device_from(&self, device: DeviceId) -> Option<DeviceId> {
        let at = self.runs.partition_point(|run| run.0 < device);
        Some(self.runs.get(at)?.0)
    }

    /// The rows of a device.
    pub(crate) fn rows_of(&self, device: DeviceId) -> Range<usize> {
        match self.runs.binary_search_by_key(&device, |run| run.0) {
            Ok(at) => at.checked_sub(1).map_or(0, |before| self.runs[before].1)..self.runs[at].1,
            Err(_) => 0..0,
        }
    }

    pub(crate) fn instance(&self, row: usize) -> &SmolStr {
        self.instances.get(row)
    }

    pub(crate) fn seq(&self, row: usize) -> u64 {
        self.seqs[row] as u64
    }

    pub(crate) fn place(&self, row: usize) -> i64 {
        self.places[row]
    }
}
