//! The owner thread: waits, takes a turn, answers.

use super::Options;
use super::handle::{Command, Shared, View};
use crate::clock::Clock;
use crate::core::{Core, Pending, Receipt, Refusal};
use crate::engine::Decision;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use storage::{Error, Flushed, Nanos, SECOND};
use tokio::sync::{oneshot, watch};

/// A turn ends when so many bytes of bodies are in it.
const TURN_BYTES_MAX: usize = 256 << 10;
/// The owner wakes at least so often, so that it notices when it was suspended.
const WAKE: Duration = Duration::from_secs(1);
/// A gap of more than this between two wakes means that the server was not listening.
const GAP_MAX: Duration = Duration::from_secs(5);

/// How long to sleep while nothing can be logged.
const STUCK: Duration = Duration::from_millis(500);

type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

pub(super) struct Owner {
    core: Core,
    clock: Arc<dyn Clock>,
    commands: Receiver<Command>,
    shared: Arc<Shared>,
    pending: watch::Sender<Arc<Vec<Pending>>>,
    pending_version: u64,
    flush: Option<Receiver<Result<Flushed, Error>>>,
    /// A flush that failed is not tried again before this.
    flush_not_before: Nanos,
    flush_waiting: Vec<Reply<()>>,
    flush_wanted: bool,
    last_wake: Nanos,
    /// When refusals for a full queue were marked last.
    busy_marked: Nanos,
    options: Options,
}

/// What a turn owes, once it is durable.
#[derive(Default)]
struct Owed {
    bodies: Vec<(Reply<Receipt>, Result<Receipt, Refusal>)>,
    others: Vec<(Reply<()>, Result<(), Refusal>)>,
    shutdown: Option<Reply<()>>,
}

impl Owner {
    pub fn new(
        core: Core,
        clock: Arc<dyn Clock>,
        commands: Receiver<Command>,
        shared: Arc<Shared>,
        pending: watch::Sender<Arc<Vec<Pending>>>,
        options: Options,
    ) -> Owner {
        let last_wake = clock.now();
        Owner {
            core,
            clock,
            commands,
            shared,
            pending,
            pending_version: u64::MAX,
            flush: None,
            flush_not_before: Nanos::MIN,
            flush_waiting: Vec::new(),
            flush_wanted: false,
            last_wake,
            busy_marked: Nanos::MIN,
            options,
        }
    }

    /// Takes turns until it is told to stop.
    pub fn run(mut self) {
        self.publish();
        loop {
            // A timer that cannot be logged is due all the time: that is no reason to spin.
            let stuck = self.core.is_read_only() || self.core.failure().is_some();
            let wait = if stuck { STUCK } else { self.wait() };
            let first = match self.commands.recv_timeout(wait) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let idle = first.is_none();
            let began = self.clock.now();
            self.notice_absence(began);
            let mut owed = Owed::default();
            self.take(first, &mut owed);
            self.poll_flush();
            let due = self
                .core
                .next_due()
                .is_some_and(|due| due <= self.clock.now());
            if due || self.core.is_read_only() {
                // Read-only and failed are answered where a body is; the timers wait.
                let _ = self.core.tick(self.clock.now());
            }
            let committed = self.core.commit();
            let stop = owed.shutdown.take();
            if !idle || due {
                self.shared
                    .metrics
                    .turn(self.clock.now().saturating_sub(began).max(0) as u64);
            }
            self.settle(committed, owed);
            self.begin_flush(began);
            if let Some(answer) = stop {
                return self.stop(answer);
            }
        }
    }

    /// How long to sleep when nothing comes in.
    fn wait(&mut self) -> Duration {
        let now = self.clock.now();
        let nap = if self.flush.is_some() {
            WAKE / 20
        } else {
            WAKE
        };
        let due = self.core.next_due();
        due.map_or(nap, |due| self.clock.wait(due.saturating_sub(now)).min(nap))
    }

    /// Logs the intervals in which nothing could come in: suspended, or refusing because the queue was full.
    fn notice_absence(&mut self, now: Nanos) {
        if self.clock.wait(now.saturating_sub(self.last_wake)) > GAP_MAX {
            let _ = self.core.not_listening(self.last_wake, now);
        }
        // Each mark looks at every device: under load that must not happen every turn.
        let since_marked = self.clock.wait(now.saturating_sub(self.busy_marked));
        if self.shared.busy_since.load(Ordering::Acquire) != 0 && since_marked >= WAKE {
            let busy_since = self.shared.busy_since.swap(0, Ordering::AcqRel);
            let _ = self.core.not_listening(busy_since, now);
            self.busy_marked = now;
        }
        self.last_wake = now;
        self.shared.metrics.set_clock(now);
    }

    /// Carries out what is queued, as much as fits a turn.
    fn take(&mut self, first: Option<Command>, owed: &mut Owed) {
        let mut next = first;
        let mut bytes = 0;
        while let Some(command) = next {
            match command {
                Command::Ingest(body, answer) => {
                    bytes += body.bytes;
                    let result = self.core.ingest(self.clock.now(), &body);
                    self.shared
                        .queued_bytes
                        .fetch_sub(body.bytes.max(1), Ordering::AcqRel);
                    owed.bodies.push((answer, result));
                }
                Command::Rules(rules, answer) => {
                    let installed = self.core.install(&rules, self.clock.now()).map(|_| ());
                    owed.others.push((answer, installed));
                }
                Command::Delivery(attempt, answer) => {
                    owed.others
                        .push((answer, self.core.delivery(&attempt, self.clock.now())));
                }
                Command::Flush(answer) => {
                    self.flush_wanted = true;
                    self.flush_not_before = Nanos::MIN;
                    self.flush_waiting.push(answer);
                }
                Command::Shutdown(answer) => {
                    let _ = self.core.listening(false, self.clock.now());
                    owed.shutdown = Some(answer);
                    return;
                }
            }
            next = if bytes < TURN_BYTES_MAX {
                self.commands.try_recv().ok()
            } else {
                None
            };
        }
    }

    /// After the sync: publishes, answers, releases; or, if it failed, refuses everything of this turn.
    fn settle(&mut self, committed: Result<Vec<Arc<Decision>>, Refusal>, owed: Owed) {
        let metrics = &self.shared.metrics;
        match committed {
            Ok(decisions) => {
                self.publish();
                // Counted first: who was answered finds it in the figures.
                let metrics = &self.shared.metrics;
                metrics
                    .decisions
                    .fetch_add(decisions.len() as u64, Ordering::Relaxed);
                for (_, result) in &owed.bodies {
                    metrics.count(result);
                }
                for (answer, result) in owed.bodies {
                    // A client that went away has its answer all the same: the body is kept.
                    let _ = answer.send(result);
                }
                for (answer, result) in owed.others {
                    let _ = answer.send(result);
                }
                self.shared.stream.release(&decisions);
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::Failed(_))
                    && self.shared.health.load(Ordering::Acquire) < 2
                {
                    metrics.commit_failures.fetch_add(1, Ordering::Relaxed);
                }
                self.publish_health();
                for (answer, result) in owed.bodies {
                    let _ = answer.send(result.and_then(|_| Err(refusal.clone())));
                }
                for (answer, result) in owed.others {
                    let _ = answer.send(result.and_then(|()| Err(refusal.clone())));
                }
            }
        }
    }

    fn publish(&mut self) {
        let view = View {
            snapshot: self.core.snapshot(),
            program: self.core.rules().program.clone(),
            clock: self.clock.now().max(self.core.last_arrival()),
        };
        *self
            .shared
            .view
            .write()
            .unwrap_or_else(PoisonError::into_inner) = view;
        let metrics = &self.shared.metrics;
        metrics
            .last_seq
            .store(self.core.last_seq(), Ordering::Relaxed);
        if self.core.pending_version() != self.pending_version {
            self.pending_version = self.core.pending_version();
            let pending: Vec<Pending> = self.core.pending().cloned().collect();
            metrics
                .pending_deliveries
                .store(pending.len() as u64, Ordering::Relaxed);
            self.pending.send_replace(Arc::new(pending));
        }
        self.publish_health();
    }

    fn publish_health(&self) {
        let health = match self.core.failure() {
            Some(why) => {
                let mut failure = self
                    .shared
                    .failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                why.clone_into(&mut failure);
                2
            }
            None => u8::from(self.core.is_read_only()),
        };
        self.shared.health.store(health, Ordering::Release);
    }

    /// Starts a flush on a thread of its own, when one is due and none runs.
    fn begin_flush(&mut self, now: Nanos) {
        let due = self.flush_wanted || self.core.wants_flush();
        if self.flush.is_some() || !due || now < self.flush_not_before {
            return;
        }
        self.flush_wanted = false;
        match self.core.begin_flush() {
            Ok(job) => {
                let (done, receiver) = crossbeam_channel::bounded(1);
                let spawned = std::thread::Builder::new()
                    .name("flush".into())
                    .spawn(move || {
                        let _ = done.send(job.run());
                    });
                match spawned {
                    Ok(_) => self.flush = Some(receiver),
                    Err(error) => self.flush_failed(&format!("no thread for it: {error}")),
                }
            }
            Err(error) => self.flush_failed(&error.to_string()),
        }
    }

    /// Installs the result of a flush that has ended.
    fn poll_flush(&mut self) {
        let Some(result) = self.flush.as_ref().and_then(|flush| flush.try_recv().ok()) else {
            return;
        };
        self.flush = None;
        match result.and_then(|flushed| self.core.finish_flush(flushed)) {
            Ok(()) => {
                self.shared.metrics.flushes.fetch_add(1, Ordering::Relaxed);
                for answer in self.flush_waiting.drain(..) {
                    let _ = answer.send(Ok(()));
                }
            }
            Err(error) => self.flush_failed(&error.to_string()),
        }
    }

    fn flush_failed(&mut self, why: &str) {
        tracing::error!("flush failed, it is tried again in a minute: {why}");
        self.shared
            .metrics
            .flush_failures
            .fetch_add(1, Ordering::Relaxed);
        self.flush_not_before = self.clock.now().saturating_add(60 * SECOND);
        for answer in self.flush_waiting.drain(..) {
            let _ = answer.send(Err(Refusal::Failed(why.to_owned())));
        }
    }

    /// Writes the head to a segment, so that the next start reads no log. Without it nothing is lost.
    fn last_flush(&mut self) {
        if self.core.failure().is_some() || self.core.is_read_only() {
            return;
        }
        let flushed = self.core.begin_flush().and_then(|job| job.run());
        if let Err(error) = flushed.and_then(|flushed| self.core.finish_flush(flushed)) {
            tracing::warn!("the head stays in the log, the next start reads it: {error}");
        }
    }

    /// Lets go of the store, then says so; what is still queued is refused.
    fn stop(mut self, answer: Reply<()>) {
        if let Some(flush) = self.flush.take()
            && let Ok(Ok(flushed)) = flush.recv_timeout(self.options.shutdown_flush_wait)
        {
            let _ = self.core.finish_flush(flushed);
        }
        self.last_flush();
        let result = match self.core.failure() {
            Some(why) => Err(Refusal::Failed(why.to_owned())),
            None => Ok(()),
        };
        while let Ok(command) = self.commands.try_recv() {
            refuse(command);
        }
        drop(self);
        let _ = answer.send(result);
    }
}

fn refuse(command: Command) {
    match command {
        Command::Ingest(_, answer) => {
            let _ = answer.send(Err(Refusal::Stopping));
        }
        Command::Rules(_, answer)
        | Command::Delivery(_, answer)
        | Command::Flush(answer)
        | Command::Shutdown(answer) => {
            let _ = answer.send(Err(Refusal::Stopping));
        }
    }
}
