//! Line protocol in, with the standard rules on: server CPU for each million samples, to the last acknowledgement.
//!
//! Bodies carry consecutive minutes that end now, on kept connections, one after the other, and the server's clock shows
//! those minutes, so that the rules see what they would see in so long a time. A body is acknowledged when it is durable.
//! Building them is not measured.

use super::child::{Served, bytes_under};
use super::{Figure, Options, expect};
use crate::clock::{Clock, Stopwatch, SystemClock};
use crate::fleet::hosts::Hosts;
use crate::fleet::wire::Wire;
use std::io;
use std::path::Path;
use std::time::Duration;
use storage::{Nanos, SECOND};

const MINUTE: Nanos = 60 * SECOND;

/// Runs it in a store of its own.
pub fn run(
    options: &Options,
    folder: &Path,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let data = folder.join("ingest");
    let now = SystemClock.now();
    let start = now - now % MINUTE - options.steps as Nanos * MINUTE;
    let server = Served::start_at(&data, start)?;
    told(&format!(
        "ingest: {} connections × {} bodies of {} hosts × 18 fields",
        options.connections, options.steps, options.hosts
    ));
    let idle = server.cpu_seconds()?;
    let sent = std::thread::scope(|scope| {
        let server = &server;
        let load = |connection| move || send(server, options, connection, start);
        let threads: Vec<_> = (0..options.connections)
            .map(|connection| scope.spawn(load(connection)))
            .collect();
        let ended = threads.into_iter().map(|thread| {
            thread
                .join()
                .map_err(|_| io::Error::other("a load thread panicked"))?
        });
        ended.collect::<io::Result<Vec<Sent>>>()
    })?;
    let cpu = server.cpu_seconds()? - idle;
    let memory = server.anonymous_bytes()?;
    told("ingest: flush");
    let before = server.cpu_seconds()?;
    let mut wire = Wire::connect(server.address)?;
    expect(wire.post("/api/v1/compact", "application/json", b"")?)?;
    let flush = server.cpu_seconds()? - before;
    let samples: usize = sent.iter().map(|sent| sent.samples).sum();
    let busy = sent
        .iter()
        .map(|sent| sent.waited)
        .max()
        .unwrap_or_default();
    let mut waits: Vec<Duration> = sent.into_iter().flat_map(|sent| sent.waits).collect();
    waits.sort_unstable();
    let millions = samples as f64 / 1e6;
    let segments = bytes_under(&data, "segment-")? as f64;
    let all = bytes_under(&data, "")? as f64;
    server.kill()?;
    let milliseconds = |share: f64| super::latency::quantile(&waits, share).as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new("ingest: samples", samples as f64, ""),
        Figure::new(
            "ingest: server CPU a million samples, flushes that fell due included",
            cpu / millions,
            "s",
        ),
        Figure::new("ingest: server CPU of the last flush", flush, "s"),
        Figure::new(
            "ingest: samples a second, waiting for each acknowledgement",
            samples as f64 / busy.as_secs_f64(),
            "1/s",
        ),
        Figure::new("ingest: a body acknowledged, p50", milliseconds(0.5), "ms"),
        Figure::new("ingest: a body acknowledged, p99", milliseconds(0.99), "ms"),
        Figure::new(
            "ingest: anonymous memory before the flush",
            memory as f64 / 1e6,
            "MB",
        ),
        Figure::new(
            "size: segments a sample, all times included",
            segments / samples as f64,
            "B",
        ),
        Figure::new("size: the whole folder with its log", all / 1e6, "MB"),
    ])
}

struct Sent {
    samples: usize,
    waited: Duration,
    waits: Vec<Duration>,
}

/// One connection's load.
fn send(server: &Served, options: &Options, connection: usize, start: Nanos) -> io::Result<Sent> {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut hosts = Hosts::new(
        options.hosts,
        NAMES[connection % NAMES.len()],
        connection as u64,
        start,
    );
    let mut wire = Wire::connect(server.address)?;
    let mut body = String::new();
    let mut sent = Sent {
        samples: 0,
        waited: Duration::ZERO,
        waits: Vec::with_capacity(options.steps),
    };
    for step in 1..=options.steps {
        let time = start + step as Nanos * MINUTE;
        let samples = hosts.body(time, &mut body);
        server.set_clock(time)?;
        let watch = Stopwatch::start();
        expect(wire.post("/write?precision=ns", "text/plain", body.as_bytes())?)?;
        let waited = watch.elapsed();
        sent.samples += samples;
        sent.waited += waited;
        sent.waits.push(waited);
    }
    Ok(sent)
}
