//! The one door to the wall clock.
//!
//! Everything else takes the time as an argument; only what stands at the edge of the process (the owner thread,
//! the HTTP doors, the command line) holds a [`Clock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storage::Nanos;

/// Something that tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in nanoseconds since 1970.
    fn now(&self) -> Nanos;

    /// How long this clock takes for `span`: what a thread sleeps until it has passed.
    fn wait(&self, span: Nanos) -> Duration {
        Duration::from_nanos(span.max(0).unsigned_abs())
    }
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

/// A clock that runs several times as fast as the world, and never past the instant at which it is held.
///
/// Whoever simulates the world holds it at the next thing that happens, lets that happen, and holds it further on:
/// however slow the machine, nothing comes late by this clock. What it lost while held it makes up for.
#[derive(Debug)]
pub struct ScaledClock(Mutex<Scale>);

#[derive(Debug)]
struct Scale {
    /// The instant of the world at which this clock showed `shown`.
    began: Instant,
    shown: Nanos,
    speed: f64,
    held_at: Nanos,
}

impl Scale {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn begin(shown: Nanos, speed: f64, held_at: Nanos) -> Scale {
        Scale {
            began: Instant::now(),
            shown,
            speed,
            held_at,
        }
    }

    fn now(&self) -> Nanos {
        let passed = self.began.elapsed().as_nanos() as f64 * self.speed;
        self.shown.saturating_add(passed as Nanos).min(self.held_at)
    }
}

impl ScaledClock {
    /// A clock that shows `start`, runs `speed` times as fast as the world, and is held where it stands.
    pub fn new(start: Nanos, speed: f64) -> ScaledClock {
        ScaledClock(Mutex::new(Scale::begin(start, speed, start)))
    }

    /// Lets it run on, to `at` and no further. It never goes back.
    pub fn hold_at(&self, at: Nanos) {
        let mut scale = self.scale();
        scale.held_at = scale.held_at.max(at);
    }

    /// Goes on at another speed from where it stands.
    pub fn set_speed(&self, speed: f64) {
        let mut scale = self.scale();
        *scale = Scale::begin(scale.now(), speed, scale.held_at);
    }

    fn scale(&self) -> MutexGuard<'_, Scale> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Nanos {
        self.scale().now()
    }

    fn wait(&self, span: Nanos) -> Duration {
        // While it is held, waiting is in vain: not so short that a thread does nothing else.
        Duration::from_nanos((span.max(0) as f64 / self.scale().speed) as u64)
            .max(Duration::from_millis(1))
    }
}

/// An instant of the world, to measure how long something takes. It tells no time of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Since it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_clock_stops_where_it_is_held() {
        let clock = ScaledClock::new(1_000, f64::INFINITY);
        assert_eq!(clock.now(), 1_000);
        clock.hold_at(5_000);
        assert_eq!(clock.now(), 5_000);
        clock.hold_at(3_000);
        assert_eq!(clock.now(), 5_000, "it never goes back");
        clock.set_speed(2f64.powi(-50));
        clock.hold_at(9_000);
        assert_eq!(clock.now(), 5_000, "a nanosecond takes days");
        assert_eq!(clock.wait(1), Duration::from_nanos(1 << 50));
    }
}
