//! Reports that the server has not acknowledged yet, and when to try again.
//!
//! The oldest leave first; when there is no more room the oldest is dropped and counted. Pure: the
//! caller sends and tells what came of it.

use crate::limits;
use std::collections::VecDeque;
use std::time::Duration;

/// The queue.
#[derive(Debug, Default)]
pub struct Unsent {
    lines: VecDeque<String>,
    /// Reports dropped since the last delivery.
    dropped: u64,
    failures: u32,
    /// Spreads the retries of a fleet; from the name of the device.
    spread: u32,
    /// The server refused a batch: send one report at a time until the bad one is found.
    one_by_one: bool,
}

/// Longest wait between two attempts, unless the server asks for more.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Longest wait that the server may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3600);

impl Unsent {
    /// An empty queue of the device `device`.
    pub fn new(device: &str) -> Unsent {
        Unsent {
            spread: xxhash_rust::xxh3::xxh3_64(device.as_bytes()) as u32 % 1000,
            ..Unsent::default()
        }
    }

    /// Adds a report, one line.
    pub fn push(&mut self, line: String) {
        if self.lines.len() == limits::AGENT_UNSENT_MAX {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    /// How many reports wait.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The next body and the number of reports in it; None if none waits.
    pub fn batch(&self) -> Option<(Vec<u8>, usize)> {
        let mut body = Vec::new();
        let mut count = 0;
        for line in &self.lines {
            let full = body.len() + line.len() > limits::AGENT_BATCH_BYTES_MAX;
            if count > 0 && (full || self.one_by_one) {
                break;
            }
            body.extend_from_slice(line.as_bytes());
            body.push(b'\n');
            count += 1;
        }
        (count > 0).then_some((body, count))
    }

    /// The first `count` reports are acknowledged; how many were dropped before them.
    pub fn delivered(&mut self, count: usize) -> u64 {
        self.lines.drain(..count.min(self.lines.len()));
        self.failures = 0;
        self.one_by_one &= !self.lines.is_empty();
        std::mem::take(&mut self.dropped)
    }

    /// The server will never take this body of `count` reports. Of several, the bad one is to be
    /// found; a single one is taken out and given back.
    pub fn refused(&mut self, count: usize) -> Option<String> {
        self.failures = 0;
        if count > 1 {
            self.one_by_one = true;
            return None;
        }
        self.lines.pop_front()
    }

    /// Sending failed for now; how long to wait, at least as long as the server asked.
    pub fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = Duration::from_secs(1 << self.failures.min(7));
        self.failures += 1;
        let wait = doubled.min(WAIT_MAX) * (750 + self.spread / 2) / 1000;
        wait.max(asked.unwrap_or_default().min(ASKED_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize) -> Unsent {
        let mut unsent = Unsent::new("a");
        for at in 0..count {
            unsent.push(format!("{at}"));
        }
        unsent
    }

    fn body(unsent: &Unsent) -> String {
        let batch = unsent
            .batch()
            .map(|(body, _)| String::from_utf8(body).unwrap());
        batch.unwrap_or_default().replace('\n', " ")
    }

    #[test]
    fn oldest_first_until_acknowledged() {
        let mut unsent = filled(3);
        assert_eq!(body(&unsent), "0 1 2 ");
        unsent.failed(None);
        unsent.push("3".into());
        assert_eq!(body(&unsent), "0 1 2 3 ");
        assert_eq!(unsent.delivered(3), 0);
        assert_eq!(body(&unsent), "3 ");
        unsent.delivered(1);
        assert!(unsent.is_empty() && unsent.batch().is_none());
    }

    #[test]
    fn the_oldest_is_dropped_and_counted() {
        let mut unsent = filled(limits::AGENT_UNSENT_MAX + 2);
        assert_eq!(unsent.len(), limits::AGENT_UNSENT_MAX);
        assert!(body(&unsent).starts_with("2 3 "));
        assert_eq!(unsent.delivered(1), 2);
        assert_eq!(unsent.delivered(1), 0);
    }

    #[test]
    fn a_body_is_bounded() {
        let mut unsent = Unsent::new("a");
        for _ in 0..3 {
            unsent.push("x".repeat(limits::AGENT_BATCH_BYTES_MAX / 2 - 1));
        }
        let (body, count) = unsent.batch().unwrap();
        assert!(count == 2 && body.len() <= limits::AGENT_BATCH_BYTES_MAX);
    }

    #[test]
    fn one_bad_report_costs_itself_only() {
        let mut unsent = filled(3);
        assert_eq!(unsent.refused(3), None);
        assert_eq!(body(&unsent), "0 ");
        unsent.delivered(1);
        assert_eq!(unsent.refused(1), Some("1".into()));
        assert_eq!(body(&unsent), "2 ");
        unsent.delivered(1);
        unsent.push("3".into());
        unsent.push("4".into());
        assert_eq!(body(&unsent), "3 4 ");
    }

    #[test]
    fn waits_grow_to_a_bound_and_heed_the_server() {
        let mut unsent = Unsent::new("a");
        let waits: Vec<u64> = (0..9)
            .map(|_| unsent.failed(None).as_millis() as u64)
            .collect();
        assert!(waits.windows(2).all(|w| w[0] <= w[1]), "{waits:?}");
        assert!(
            (750..=1250).contains(&waits[0]) && (90_000..=150_000).contains(&waits[8]),
            "{waits:?}"
        );
        assert_eq!(
            unsent.failed(Some(Duration::from_secs(1000))),
            Duration::from_secs(1000)
        );
        assert_eq!(unsent.failed(Some(Duration::from_secs(1 << 40))), ASKED_MAX);
        unsent.push(String::new());
        unsent.delivered(1);
        assert_eq!(unsent.failed(None).as_millis() as u64, waits[0]);
    }
}
