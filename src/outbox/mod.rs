//! Deliveries: which decisions go out, when they are tried again, and the log of every attempt.
//!
//! What is still to be delivered is a function of the log ([`crate::core::Pending`]); every attempt is a row of table
//! `delivery`. So a restart delivers what was not, and nothing that was. [`next`] decides, [`webhook`] acts.

mod next;
mod webhook;

pub use next::{Next, Policy, next};
pub use webhook::{Webhook, WebhookSettings, payload};

use crate::clock::Clock;
use crate::core::Pending;
use crate::owner::OwnerHandle;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;
use storage::Nanos;
use tokio::sync::watch;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The target took it.
    Delivered,
    /// It did not, and it will be tried again.
    Retry,
    /// It did not, and no more is tried.
    Failed,
}

impl Status {
    /// The word in the delivery log.
    pub fn word(self) -> &'static str {
        match self {
            Status::Delivered => "delivered",
            Status::Retry => "retry",
            Status::Failed => "failed",
        }
    }
}

/// One attempt to deliver one decision: a row of table `delivery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the decision.
    pub decision: u64,
    /// Name of the target.
    pub target: SmolStr,
    /// From 1.
    pub attempt: u32,
    /// When.
    pub time: Nanos,
    /// How it ended.
    pub status: Status,
    /// What the target said, or why it could not be reached.
    pub detail: String,
}

/// Delivers until `stop` turns true or its sender goes away, or the owner stops. Spawn it on the server's runtime.
///
/// `seed` spreads the retries of different servers; any number will do.
pub async fn run(
    owner: OwnerHandle,
    webhook: Webhook,
    policy: Policy,
    clock: Arc<dyn Clock>,
    seed: u64,
    mut stop: watch::Receiver<bool>,
) {
    let policy = Policy { seed, ..policy };
    let mut pending = owner.pending();
    loop {
        if *stop.borrow() {
            return;
        }
        let open: Arc<Vec<Pending>> = pending.borrow_and_update().clone();
        match next(&open, &policy, clock.now()) {
            Next::Send(at) => {
                // Not cut short by a stop: the target may have it already, and it must not get it twice.
                let sent = attempt(&webhook, &open[at], &policy, &*clock).await;
                if !log(&owner, sent, &mut stop).await {
                    return;
                }
            }
            Next::Wait(until) => {
                let nap = until.saturating_sub(clock.now()).max(1_000_000) as u64;
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_nanos(nap)) => {}
                    changed = pending.changed() => if changed.is_err() { return },
                    _ = stop.changed() => {}
                }
            }
            Next::Idle => tokio::select! {
                changed = pending.changed() => if changed.is_err() { return },
                changed = stop.changed() => if changed.is_err() { return },
            },
        }
    }
}

/// One attempt and how it ended.
async fn attempt(
    webhook: &Webhook,
    pending: &Pending,
    policy: &Policy,
    clock: &dyn Clock,
) -> Attempt {
    let number = pending.attempts + 1;
    let outcome = webhook.send(&pending.decision, clock.now()).await;
    let (status, detail) = match outcome {
        Ok(detail) => (Status::Delivered, detail),
        Err(failure) if failure.is_final || number >= policy.attempts_max => {
            (Status::Failed, failure.detail)
        }
        Err(failure) => (Status::Retry, failure.detail),
    };
    if status != Status::Delivered {
        tracing::warn!(
            "delivery of decision {}: {}: {detail}",
            pending.decision.number,
            status.word()
        );
    }
    Attempt {
        decision: pending.decision.number,
        target: webhook.name().clone(),
        attempt: number,
        time: clock.now(),
        status,
        detail,
    }
}

/// Logs the attempt durably before anything else is sent; false when the owner is gone, or when it finds no room
/// and the server ends: then the next start sends it again.
async fn log(owner: &OwnerHandle, attempt: Attempt, stop: &mut watch::Receiver<bool>) -> bool {
    loop {
        match owner.record_delivery(attempt.clone()) {
            Ok(answer) => match answer.await {
                Ok(Ok(())) => return true,
                Ok(Err(crate::core::Refusal::ReadOnly)) => {}
                Ok(Err(_)) | Err(_) => return false,
            },
            Err(crate::core::Refusal::Busy | crate::core::Refusal::ReadOnly) => {}
            Err(_) => return false,
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = stop.wait_for(|stop| *stop) => return false,
        }
    }
}
