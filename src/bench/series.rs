//! Very many new series at once, and what each takes in memory after ten reports.

use super::child::{Served, bytes_under};
use super::{Figure, Options, expect};
use crate::clock::{Clock, SystemClock};
use crate::fleet::hosts::{FIELDS, Hosts};
use crate::fleet::wire::Wire;
use std::io;
use std::path::Path;
use storage::{Nanos, SECOND};

const MINUTE: Nanos = 60 * SECOND;
/// Reports of each device.
const STEPS: usize = 10;
/// Devices of one body.
const BODY_HOSTS: usize = 2_000;

/// Hosts of so many devices, a fleet for each body.
pub fn fleets(devices: usize, start: Nanos) -> Vec<Hosts> {
    let groups = devices.div_ceil(BODY_HOSTS);
    (0..groups)
        .map(|group| {
            let count = BODY_HOSTS.min(devices - group * BODY_HOSTS);
            Hosts::new(count, "n", group as u64, start).numbered_from(group * BODY_HOSTS)
        })
        .collect()
}

/// Runs it in a store of its own.
pub fn run(
    options: &Options,
    folder: &Path,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let data = folder.join("series");
    let now = SystemClock.now();
    let start = now - now % MINUTE - STEPS as Nanos * MINUTE;
    let server = Served::start_at(&data, start)?;
    let series = (options.devices * FIELDS) as f64;
    told(&format!(
        "series: {} devices × {FIELDS} fields, {STEPS} reports of each",
        options.devices
    ));
    let idle_bytes = server.anonymous_bytes()?;
    let idle = server.cpu_seconds()?;
    let mut fleets = fleets(options.devices, start);
    let mut wire = Wire::connect(server.address)?;
    let mut body = String::new();
    let mut first = 0.0;
    let mut peak = 0;
    for step in 1..=STEPS {
        let time = start + step as Nanos * MINUTE;
        server.set_clock(time)?;
        for fleet in &mut fleets {
            fleet.body(time, &mut body);
            expect(wire.post("/write?precision=ns", "text/plain", body.as_bytes())?)?;
        }
        peak = peak.max(server.anonymous_bytes()?);
        if step == 1 {
            first = server.cpu_seconds()? - idle;
        }
    }
    let all = server.cpu_seconds()? - idle;
    told("series: flush and compaction");
    expect(wire.post("/api/v1/compact", "application/json", b"")?)?;
    let settled = server.anonymous_bytes()?;
    let segments = bytes_under(&data, "segment-")? as f64;
    server.kill()?;
    let per_series = |bytes: u64| bytes.saturating_sub(idle_bytes) as f64 / series;
    Ok(vec![
        Figure::new("series: first samples", series, ""),
        Figure::new(
            "series: server CPU a million first samples",
            first / (series / 1e6),
            "s",
        ),
        Figure::new(
            "series: server CPU a million samples after the first",
            (all - first) / (series * (STEPS - 1) as f64 / 1e6),
            "s",
        ),
        Figure::new(
            "series: anonymous memory a series, peak",
            per_series(peak),
            "B",
        ),
        Figure::new(
            "series: anonymous memory a series, flushed",
            per_series(settled),
            "B",
        ),
        Figure::new(
            "series: segments a sample, ten reports of each device",
            segments / (series * STEPS as f64),
            "B",
        ),
    ])
}
