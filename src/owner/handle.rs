//! The owner's front: what every other thread may ask of it.
//!
//! Cheap to clone. Nothing here blocks: commands go through a bounded queue, answers come back through a one-shot
//! channel (`.await` it, or `.blocking_recv()` outside of tokio), snapshots are published after each commit.

use super::metrics::{Metrics, Reading};
use super::stream::{Stream, Subscription};
use crate::core::{Body, Pending, Receipt, Refusal};
use crossbeam_channel::{Sender, TrySendError};
use query::ir::Program;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use storage::Nanos;
use tokio::sync::{oneshot, watch};

/// The answer to a command, when it is durable.
pub type Answer<T> = oneshot::Receiver<Result<T, Refusal>>;

/// What the owner is asked to do.
pub(super) enum Command {
    Ingest(Body, oneshot::Sender<Result<Receipt, Refusal>>),
    Rules(crate::core::RuleSet, oneshot::Sender<Result<(), Refusal>>),
    Delivery(crate::outbox::Attempt, oneshot::Sender<Result<(), Refusal>>),
    Flush(oneshot::Sender<Result<(), Refusal>>),
    Shutdown(oneshot::Sender<Result<(), Refusal>>),
}

/// What everything may read without asking: as of the last commit.
#[derive(Clone)]
pub struct View {
    /// All that was acknowledged before it was taken.
    pub snapshot: super::Snapshot,
    /// The rules in force.
    pub program: Arc<Program>,
    /// The clock at that commit.
    pub clock: Nanos,
}

/// Whether it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Accepting.
    Ready,
    /// The disk is full.
    ReadOnly,
    /// The store failed; why.
    Failed(String),
    /// Going down.
    Stopping,
}

pub(super) struct Shared {
    pub queue: Sender<Command>,
    pub queued_bytes: AtomicUsize,
    pub view: RwLock<View>,
    pub stream: Stream,
    pub metrics: Metrics,
    pub health: AtomicU8,
    pub failure: Mutex<String>,
    pub stopping: AtomicBool,
    /// When the first body of a busy spell was refused; 0 when none is.
    pub busy_since: AtomicI64,
    pub queue_bytes_max: usize,
    pub pending: watch::Receiver<Arc<Vec<Pending>>>,
}

/// See the module.
#[derive(Clone)]
pub struct OwnerHandle {
    pub(super) shared: Arc<Shared>,
}

impl OwnerHandle {
    /// Queues a body. The answer comes when it is durable; `Err(Busy)` at once when the queue is full.
    pub fn submit(&self, body: Body) -> Result<Answer<Receipt>, Refusal> {
        let bytes = body.bytes.max(1);
        let (answer, receiver) = oneshot::channel();
        let before = self.shared.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        if before > 0 && before + bytes > self.shared.queue_bytes_max {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(self.busy());
        }
        self.send(Command::Ingest(body, answer)).inspect_err(|_| {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        })?;
        Ok(receiver)
    }

    /// Puts a new rule set into force at one position of the log; a set equal to the present one changes nothing.
    pub fn install_rules(&self, rules: crate::core::RuleSet) -> Result<Answer<()>, Refusal> {
        let (answer, receiver) = oneshot::channel();
        self.send(Command::Rules(rules, answer))?;
        Ok(receiver)
    }

    /// Logs a delivery attempt.
    pub fn record_delivery(&self, attempt: crate::outbox::Attempt) -> Result<Answer<()>, Refusal> {
        let (answer, receiver) = oneshot::channel();
        self.send(Command::Delivery(attempt, answer))?;
        Ok(receiver)
    }

    /// Writes the head to segments; answers when done.
    pub fn flush(&self) -> Result<Answer<()>, Refusal> {
        let (answer, receiver) = oneshot::channel();
        self.send(Command::Flush(answer))?;
        Ok(receiver)
    }

    /// Ends the owner thread after what is queued; answers when all is durable and the thread lets go of the store.
    pub fn shutdown(&self) -> Result<Answer<()>, Refusal> {
        let (answer, receiver) = oneshot::channel();
        self.send(Command::Shutdown(answer))?;
        self.shared.stopping.store(true, Ordering::Release);
        Ok(receiver)
    }

    /// The store as of the last commit.
    pub fn snapshot(&self) -> super::Snapshot {
        self.view().snapshot
    }

    /// Store, rules and clock as of the last commit.
    pub fn view(&self) -> View {
        self.shared
            .view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Every decision after number `after` (None: from now on). What is no longer remembered is in table `decision`.
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        self.shared.stream.subscribe(after)
    }

    /// Notifications still to be delivered, as of the last commit; changes wake the receiver.
    pub fn pending(&self) -> watch::Receiver<Arc<Vec<Pending>>> {
        self.shared.pending.clone()
    }

    /// The figures of `/metrics`.
    pub fn metrics(&self) -> Reading {
        let mut reading = self.shared.metrics.read();
        reading.queue_bodies = self.shared.queue.len() as u64;
        reading.queue_bytes = self.shared.queued_bytes.load(Ordering::Acquire) as u64;
        reading
    }

    /// Whether it accepts; `/readyz`.
    pub fn health(&self) -> Health {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Health::Stopping;
        }
        match self.shared.health.load(Ordering::Acquire) {
            0 => Health::Ready,
            1 => Health::ReadOnly,
            _ => Health::Failed(
                self.shared
                    .failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
            ),
        }
    }

    fn send(&self, command: Command) -> Result<(), Refusal> {
        match self.health() {
            Health::Stopping => return Err(Refusal::Stopping),
            Health::Failed(why) => return Err(Refusal::Failed(why)),
            Health::Ready | Health::ReadOnly => {}
        }
        match self.shared.queue.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(self.busy()),
            Err(TrySendError::Disconnected(_)) => Err(Refusal::Stopping),
        }
    }

    /// Remembers that the server was not listening: silence then says nothing about a device.
    fn busy(&self) -> Refusal {
        let clock = self.shared.metrics.clock();
        let _ =
            self.shared
                .busy_since
                .compare_exchange(0, clock, Ordering::AcqRel, Ordering::Acquire);
        self.shared.metrics.refused_busy();
        Refusal::Busy
    }
}
