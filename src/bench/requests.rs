//! One report a request, on many kept connections: what a request costs the server.

use super::child::Served;
use super::{Figure, Options, expect, latency::quantile};
use crate::clock::{Clock, Stopwatch, SystemClock};
use crate::fleet::hosts::{FIELDS, Hosts};
use crate::fleet::wire::Wire;
use std::io;
use std::path::Path;
use std::time::Duration;
use storage::SECOND;

/// Kept connections.
const CONNECTIONS: usize = 64;

/// Runs it in a store of its own.
pub fn run(
    options: &Options,
    folder: &Path,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let server = Served::start(&folder.join("requests"))?;
    let rounds = options.requests.div_ceil(CONNECTIONS);
    told(&format!(
        "requests: {CONNECTIONS} connections × {rounds} reports of {FIELDS} signals"
    ));
    let start = SystemClock.now() - (rounds as i64 + 1) * SECOND;
    let bodies: Vec<Vec<String>> = (0..CONNECTIONS)
        .map(|connection| {
            let mut host = Hosts::new(1, "r", connection as u64, start).numbered_from(connection);
            let mut body = |round: usize| {
                let mut text = String::new();
                host.body(start + round as i64 * SECOND, &mut text);
                text
            };
            (0..=rounds).map(&mut body).collect()
        })
        .collect();
    // The first report of each device makes its names; that has a figure of its own.
    for bodies in &bodies {
        let mut wire = Wire::connect(server.address)?;
        expect(wire.post("/write?precision=ns", "text/plain", bodies[0].as_bytes())?)?;
    }
    let before = server.cpu_seconds()?;
    let watch = Stopwatch::start();
    let waits = std::thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .iter()
            .map(|bodies| {
                let server = &server;
                scope.spawn(move || {
                    let mut wire = Wire::connect(server.address)?;
                    let mut waits = Vec::with_capacity(bodies.len());
                    for body in &bodies[1..] {
                        let watch = Stopwatch::start();
                        expect(wire.post("/write?precision=ns", "text/plain", body.as_bytes())?)?;
                        waits.push(watch.elapsed());
                    }
                    Ok(waits)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let waits: io::Result<Vec<Duration>> = thread
                .join()
                .map_err(|_| io::Error::other("a load thread panicked"))?;
            all.extend(waits?);
        }
        io::Result::Ok(all)
    });
    let mut waits = waits?;
    let elapsed = watch.elapsed();
    let cpu = server.cpu_seconds()? - before;
    waits.sort_unstable();
    server.kill()?;
    let requests = waits.len() as f64;
    let milliseconds = |share: f64| quantile(&waits, share).as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new("requests: server CPU a request", cpu / requests * 1e6, "µs"),
        Figure::new(
            "requests: a second, load generator on the same cores",
            requests / elapsed.as_secs_f64(),
            "1/s",
        ),
        Figure::new("requests: acknowledged, p50", milliseconds(0.5), "ms"),
        Figure::new("requests: acknowledged, p99", milliseconds(0.99), "ms"),
    ])
}
