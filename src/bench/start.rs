//! Ready again after `kill -9`: devices in the store, a log that no flush has shortened, and how long the next start takes.

use super::child::{Served, bytes_under};
use super::series::fleets;
use super::{Figure, Options, expect};
use crate::clock::{Clock, Stopwatch, SystemClock};
use crate::fleet::wire::Wire;
use std::io;
use std::path::Path;
use storage::{Nanos, SECOND};

/// Reports of each device before the flush, and after it.
const STEPS: [usize; 2] = [1, 1];

/// Runs it in a store of its own.
pub fn run(
    options: &Options,
    folder: &Path,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let data = folder.join("start");
    let server = Served::start(&data)?;
    told(&format!("start: {} devices", options.devices));
    let now = SystemClock.now();
    let mut wire = Wire::connect(server.address)?;
    let mut body = String::new();
    let mut fleets = fleets(options.devices, now);
    let mut minute = 0;
    let before = server.cpu_seconds()?;
    for (round, steps) in STEPS.into_iter().enumerate() {
        for _ in 0..steps {
            minute += 1;
            for fleet in &mut fleets {
                fleet.body(now - (10 - minute as Nanos) * 60 * SECOND, &mut body);
                expect(wire.post("/write?precision=ns", "text/plain", body.as_bytes())?)?;
            }
            if round == 0 {
                let cpu = server.cpu_seconds()? - before;
                told(&format!(
                    "start: first samples of all devices took {cpu:.2} s of CPU"
                ));
                expect(wire.post("/api/v1/compact", "application/json", b"")?)?;
            }
        }
    }
    server.kill()?;
    let log = bytes_under(&data, "wal-")? as f64;
    told("start: killed, starting again");
    let watch = Stopwatch::start();
    let server = Served::start(&data)?;
    let ready = watch.elapsed();
    told(&format!("start: {}", server.said));
    expect(Wire::connect(server.address)?.get("/readyz")?)?;
    server.kill()?;
    Ok(vec![
        Figure::new("start: devices", options.devices as f64, ""),
        Figure::new("start: log to read", log / 1e6, "MB"),
        Figure::new(
            "start: ready after kill -9, process start included",
            ready.as_secs_f64(),
            "s",
        ),
    ])
}
