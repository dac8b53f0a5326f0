//! The owner's figures, counted where the work is done, read by `/metrics`.

use crate::core::{Receipt, Refusal};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use storage::Nanos;

/// Upper bounds of the turn histogram, in seconds; the last bucket has none.
pub const TURN_BOUNDS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
];

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters and gauges, written by the owner.
        #[derive(Default)]
        pub struct Metrics {
            $($(#[$doc])* pub(super) $name: AtomicU64,)*
            turn_buckets: [AtomicU64; TURN_BOUNDS.len() + 1],
            turn_nanos: AtomicU64,
            clock: AtomicI64,
        }

        /// The figures at one moment.
        #[derive(Clone, Debug, Default)]
        pub struct Reading {
            $($(#[$doc])* pub $name: u64,)*
            /// Turns by duration, not cumulated; bounds in [`TURN_BOUNDS`], the last without.
            pub turn_buckets: [u64; TURN_BOUNDS.len() + 1],
            /// Seconds spent in turns.
            pub turn_seconds: f64,
            /// Bodies and commands waiting.
            pub queue_bodies: u64,
            /// Bytes of bodies waiting.
            pub queue_bytes: u64,
        }

        impl Metrics {
            /// All figures.
            pub fn read(&self) -> Reading {
                Reading {
                    $($name: self.$name.load(Relaxed),)*
                    turn_buckets: std::array::from_fn(|at| self.turn_buckets[at].load(Relaxed)),
                    turn_seconds: self.turn_nanos.load(Relaxed) as f64 / 1e9,
                    queue_bodies: 0,
                    queue_bytes: 0,
                }
            }
        }
    };
}

counters! {
    /// Turns taken.
    turns,
    /// Bodies acknowledged.
    bodies,
    /// Reports kept.
    reports,
    /// Sample values kept.
    samples,
    /// Events kept.
    events,
    /// Reports dropped whole because they were known.
    duplicates,
    /// Rows dropped singly because they were known.
    known_rows,
    /// Lines and bodies refused for their content.
    refused,
    /// Bodies refused because the queue was full.
    busy,
    /// Bodies refused because the disk was full.
    read_only,
    /// Decisions released.
    decisions,
    /// Commits that failed (at most one: it is final).
    commit_failures,
    /// Flushes finished.
    flushes,
    /// Flushes that failed.
    flush_failures,
    /// Sequence number of the last record.
    last_seq,
    /// Deliveries still to be made.
    pending_deliveries,
}

impl Metrics {
    /// One turn took so long.
    pub(super) fn turn(&self, nanos: u64) {
        let seconds = nanos as f64 / 1e9;
        let bucket = TURN_BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(TURN_BOUNDS.len());
        self.turn_buckets[bucket].fetch_add(1, Relaxed);
        self.turn_nanos.fetch_add(nanos, Relaxed);
        self.turns.fetch_add(1, Relaxed);
    }

    /// What became of a body.
    pub(super) fn count(&self, result: &Result<Receipt, Refusal>) {
        let add = |counter: &AtomicU64, count: u64| {
            counter.fetch_add(count, Relaxed);
        };
        match result {
            Ok(receipt) => {
                add(&self.bodies, 1);
                add(&self.reports, receipt.reports);
                add(&self.samples, receipt.samples);
                add(&self.events, receipt.events);
                add(&self.duplicates, receipt.duplicates);
                add(&self.known_rows, receipt.known_rows);
                add(&self.refused, receipt.refused.len() as u64);
            }
            Err(Refusal::ReadOnly) => add(&self.read_only, 1),
            Err(_) => add(&self.refused, 1),
        }
    }

    pub(super) fn refused_busy(&self) {
        self.busy.fetch_add(1, Relaxed);
    }

    pub(super) fn set_clock(&self, now: Nanos) {
        self.clock.store(now, Relaxed);
    }

    /// The clock at the owner's last wake.
    pub(super) fn clock(&self) -> Nanos {
        self.clock.load(Relaxed)
    }
}
