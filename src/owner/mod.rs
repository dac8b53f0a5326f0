//! The owner: the one thread that writes store and engine.
//!
//! It takes turns: what is queued, at most 256 KiB, is appended and applied record by record, made durable by one
//! sync, and only then acknowledged and released. Everything else reads published views or asks through
//! [`OwnerHandle`].

mod handle;
pub mod metrics;
mod stream;
mod turn;

pub use handle::{Answer, Health, OwnerHandle, View};
pub use storage::Snapshot;
pub use stream::Subscription;

use crate::clock::Clock;
use crate::core::Core;
use crate::engine::Decision;
use handle::Shared;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// Bounds of the owner.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bodies and commands that may wait.
    pub queue_bodies_max: usize,
    /// Bytes of bodies that may wait.
    pub queue_bytes_max: usize,
    /// How long a shutdown waits for a flush that runs.
    pub shutdown_flush_wait: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            queue_bodies_max: 4096,
            queue_bytes_max: 64 << 20,
            shutdown_flush_wait: Duration::from_secs(10),
        }
    }
}

/// Starts the owner thread on an opened core. `released` are decisions of the start itself
/// ([`crate::core::Opened::released`]): the first ones on the stream.
pub fn start(
    core: Core,
    released: &[Arc<Decision>],
    clock: Arc<dyn Clock>,
    options: Options,
) -> std::io::Result<OwnerHandle> {
    let (queue, commands) = crossbeam_channel::bounded(options.queue_bodies_max);
    let (pending, pending_reader) = watch::channel(Arc::default());
    let now = clock.now();
    let shared = Arc::new(Shared {
        queue,
        queued_bytes: AtomicUsize::new(0),
        view: RwLock::new(View {
            snapshot: core.snapshot(),
            program: core.rules().program.clone(),
            clock: now,
        }),
        stream: stream::Stream::new(core.last_decision()),
        metrics: metrics::Metrics::default(),
        health: AtomicU8::new(0),
        failure: Mutex::default(),
        stopping: AtomicBool::new(false),
        busy_since: AtomicI64::new(0),
        queue_bytes_max: options.queue_bytes_max,
        pending: pending_reader,
    });
    shared.metrics.set_clock(now);
    shared.stream.release(released);
    let owner = turn::Owner::new(core, clock, commands, shared.clone(), pending, options);
    std::thread::Builder::new()
        .name("owner".into())
        .spawn(move || owner.run())?;
    Ok(OwnerHandle { shared })
}
