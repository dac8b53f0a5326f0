//! Released decisions for whoever listens: a bounded memory of the latest ones and a broadcast of the next.

use crate::engine::Decision;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// How many decisions are remembered for a client that comes back.
const REMEMBERED: usize = 4096;

/// See the module.
pub struct Stream {
    /// Number of the last decision before the remembered ones.
    before: u64,
    recent: Mutex<VecDeque<Arc<Decision>>>,
    sender: broadcast::Sender<Arc<Decision>>,
}

/// A listener's view of the stream: first `backlog`, then what `live` brings, without gap or repetition.
pub struct Subscription {
    /// Remembered decisions after the number asked for.
    pub backlog: Vec<Arc<Decision>>,
    /// The following ones; `Lagged` when the listener was too slow (subscribe again after the last number seen).
    pub live: broadcast::Receiver<Arc<Decision>>,
    /// True when decisions between the number asked for and the backlog are no longer remembered: read table `decision`.
    pub gap: bool,
}

impl Stream {
    /// Nothing is remembered yet; `before` is the number of the last decision made.
    pub fn new(before: u64) -> Stream {
        Stream {
            before,
            recent: Mutex::default(),
            sender: broadcast::channel(REMEMBERED).0,
        }
    }

    /// Hands out released decisions, in order.
    pub fn release(&self, decisions: &[Arc<Decision>]) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for decision in decisions {
            if recent.len() == REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(decision.clone());
            // No listener is no fault.
            let _ = self.sender.send(decision.clone());
        }
    }

    /// See [`super::OwnerHandle::subscribe`].
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        // The lock is held while subscribing, so nothing is released between backlog and live.
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.sender.subscribe();
        let Some(after) = after else {
            return Subscription {
                backlog: Vec::new(),
                live,
                gap: false,
            };
        };
        let backlog: Vec<_> = recent
            .iter()
            .filter(|d| d.number > after)
            .cloned()
            .collect();
        let gap = recent.front().map_or(self.before > after, |oldest| {
            oldest.number > after.saturating_add(1)
        });
        Subscription { backlog, live, gap }
    }
}
