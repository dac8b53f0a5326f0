//! The one door to the wall clock.
//!
//! Everything else takes the time as an argument; only what stands at the edge of the process (the owner thread,
//! the HTTP doors, the command line) holds a [`Clock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use storage::Nanos;

/// Something that tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in nanoseconds since 1970.
    fn now(&self) -> Nanos;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn now(&self) -> Nanos {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// A clock that stands until it is set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Nanos) -> ManualClock {
        ManualClock(AtomicI64::new(now))
    }

    /// Sets it.
    pub fn set(&self, now: Nanos) {
        self.0.store(now, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Nanos {
        self.0.load(Ordering::Acquire)
    }
}
