//! What to send next: a pure function of what is open, of the policy and of the time.
//!
//! Deliveries of one alert keep their order: the end of a page is never told before the page. Other alerts do not
//! wait for one that fails.

use crate::core::Pending;
use std::collections::HashSet;
use storage::{Nanos, SECOND};

/// How failures are tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Pause after the first failure; it doubles with each further one.
    pub pause_first: Nanos,
    /// Longest pause.
    pub pause_max: Nanos,
    /// After so many attempts it is given up and said so.
    pub attempts_max: u32,
    /// Spreads the pauses.
    pub seed: u64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            pause_first: 2 * SECOND,
            pause_max: 15 * 60 * SECOND,
            attempts_max: 16,
            seed: 0,
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the one at this position.
    Send(usize),
    /// Nothing before this instant.
    Wait(Nanos),
    /// Nothing is open.
    Idle,
}

/// Decides what to do at `now`; `open` is in order of decision.
pub fn next(open: &[Pending], policy: &Policy, now: Nanos) -> Next {
    let mut alerts_waiting = HashSet::new();
    let mut earliest = None;
    for (at, pending) in open.iter().enumerate() {
        let alert = pending.decision.alert;
        if alert != 0 && !alerts_waiting.insert(alert) {
            continue;
        }
        let due = due(pending, policy);
        if due <= now {
            return Next::Send(at);
        }
        earliest = Some(earliest.map_or(due, |earliest: Nanos| earliest.min(due)));
    }
    earliest.map_or(Next::Idle, Next::Wait)
}

/// When an open delivery is to be tried.
fn due(pending: &Pending, policy: &Policy) -> Nanos {
    if pending.attempts == 0 {
        return Nanos::MIN;
    }
    let doublings = (pending.attempts - 1).min(30);
    let pause = policy
        .pause_first
        .saturating_mul(1 << doublings)
        .min(policy.pause_max);
    // Between three quarters and five quarters of the pause, the same each time it is asked.
    let random =
        mix(policy.seed ^ pending.decision.number.rotate_left(17) ^ u64::from(pending.attempts));
    let jitter = (i128::from(pause / 2) * i128::from(random >> 32)) >> 32;
    pending
        .last
        .saturating_add(pause - pause / 4 + jitter as Nanos)
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Decision, State};
    use std::sync::Arc;
    use storage::DeviceId;

    /// (number, alert, attempts made, seconds of the last one)
    fn open(list: &[(u64, u64, u32, i64)]) -> Vec<Pending> {
        let pending = |&(number, alert, attempts, last): &(u64, u64, u32, i64)| Pending {
            decision: Arc::new(Decision {
                number,
                time: 0,
                rule: "r".into(),
                device: DeviceId(1),
                client: "c".into(),
                subject: "d".into(),
                key: None,
                state: State::Firing,
                severity: None,
                message: String::new(),
                reason: None,
                alert,
                notify: true,
                seq: 1,
                rule_version: 0,
            }),
            attempts,
            last: last * SECOND,
        };
        list.iter().map(pending).collect()
    }

    #[test]
    fn order_within_an_alert_and_no_waiting_between_alerts() {
        let check = |list: &[(u64, u64, u32, i64)], now: i64, expected: Next| {
            assert_eq!(
                next(&open(list), &Policy::default(), now * SECOND),
                expected
            );
        };
        check(&[], 0, Next::Idle);
        check(&[(1, 1, 0, 0), (2, 2, 0, 0)], 0, Next::Send(0));
        // The first has just failed: its own end waits, the other alert does not.
        check(
            &[(1, 1, 1, 100), (2, 1, 0, 100), (3, 3, 0, 100)],
            101,
            Next::Send(2),
        );
        check(&[(1, 1, 1, 100), (2, 1, 0, 100)], 103, Next::Send(0));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let policy = Policy::default();
        let pause = |attempts, seed| match next(
            &open(&[(1, 1, attempts, 0)]),
            &Policy {
                seed,
                ..policy.clone()
            },
            0,
        ) {
            Next::Wait(until) => until,
            other => panic!("{other:?}"),
        };
        for (attempts, middle) in [(1, 2), (2, 4), (4, 16), (12, 900), (15, 900)] {
            let pause = pause(attempts, 7);
            let middle = middle * SECOND;
            assert!(
                (middle - middle / 4..=middle + middle / 4).contains(&pause),
                "{attempts}: {pause}"
            );
        }
        assert_ne!(pause(3, 1), pause(3, 2));
    }
}
