//! Figures of the whole server, that anyone can measure again: `afterboot bench`.
//!
//! Each part starts this program's own server as a process of its own, loads it over HTTP on loopback, and reads its
//! CPU time from `/proc`. The load is the same on every machine, byte for byte but for the timestamps.

mod child;
pub mod clocked;
mod figure;
mod ingest;
mod latency;
mod peers;
mod requests;
mod series;
mod start;

pub use figure::{Figure, json, table};

use crate::clock::{Clock, SystemClock};
use std::io;
use std::path::PathBuf;

/// The parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Line protocol in: CPU, flush, bytes on disk, memory.
    Ingest,
    /// From a report to the decision on the stream.
    Latency,
    /// Ready again after `kill -9`.
    Start,
    /// One report a request.
    Requests,
    /// Very many new series: CPU, memory, bytes on disk.
    Series,
    /// The bodies of `ingest` into other stores that are installed.
    Peers,
}

impl Part {
    /// Every part with its word.
    pub const ALL: [(&str, Part); 6] = [
        ("ingest", Part::Ingest),
        ("latency", Part::Latency),
        ("start", Part::Start),
        ("requests", Part::Requests),
        ("series", Part::Series),
        ("peers", Part::Peers),
    ];
}

/// How much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hosts of a body.
    pub hosts: usize,
    /// Bodies, one a minute of the fleet's time.
    pub steps: usize,
    /// Connections, each with hosts of its own.
    pub connections: usize,
    /// Decisions awaited one after the other.
    pub decisions: usize,
    /// Devices in the store that is killed.
    pub devices: usize,
    /// Reports sent one by one.
    pub requests: usize,
    /// Folder for the stores; None: a temporary one.
    pub folder: Option<PathBuf>,
}

impl Options {
    /// The sizes of a run whose figures may be kept.
    pub fn full() -> Options {
        Options {
            hosts: 1_000,
            steps: 480,
            connections: 1,
            decisions: 3_000,
            devices: 100_000,
            requests: 200_000,
            folder: None,
        }
    }

    /// The sizes of a run that only shows that all is well.
    pub fn short() -> Options {
        Options {
            steps: 60,
            decisions: 500,
            devices: 10_000,
            requests: 10_000,
            ..Options::full()
        }
    }
}

/// Measures these parts; `told` hears what is being done.
pub fn run(
    parts: &[Part],
    options: &Options,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for part in parts {
        let folder = match &options.folder {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                tempfile::Builder::new()
                    .prefix("afterboot-bench-")
                    .tempdir_in(folder)?
            }
            None => tempfile::Builder::new()
                .prefix("afterboot-bench-")
                .tempdir()?,
        };
        figures.extend(match part {
            Part::Ingest => ingest::run(options, folder.path(), told)?,
            Part::Latency => latency::run(options, folder.path(), told)?,
            Part::Start => start::run(options, folder.path(), told)?,
            Part::Requests => requests::run(options, folder.path(), told)?,
            Part::Series => series::run(options, folder.path(), told)?,
            Part::Peers => peers::run(options, folder.path(), SystemClock.now(), told)?,
        });
    }
    Ok(figures)
}

/// An answer that must be a success.
fn expect((status, text): (u16, &[u8])) -> io::Result<()> {
    match status {
        200..300 => Ok(()),
        _ => Err(io::Error::other(format!(
            "the server answered {status}: {}",
            String::from_utf8_lossy(text)
        ))),
    }
}
