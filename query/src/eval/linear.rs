//! Numbers that grow with time: `since(x)` and sums with it. Comparing one says exactly when it turns.

use storage::{Nanos, SECOND};

/// `add + scale · (t − origin)` in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    pub origin: Nanos,
    pub scale: f64,
    pub add: f64,
}

impl Linear {
    /// Time since an instant, in seconds.
    pub fn since(origin: Nanos) -> Linear {
        Linear {
            origin,
            scale: 1.0,
            add: 0.0,
        }
    }

    /// A number that stands still.
    pub fn still(number: f64) -> Linear {
        Linear {
            origin: 0,
            scale: 0.0,
            add: number,
        }
    }

    /// The value at an instant.
    pub fn at(&self, at: Nanos) -> f64 {
        if self.scale == 0.0 {
            return self.add;
        }
        self.add + self.scale * ((at.saturating_sub(self.origin)) as f64 / SECOND as f64)
    }
}

/// The interval around `at` inside (low, high) in which `holds` keeps its value at `at`, where `estimate`
/// is about the only instant at which it turns.
pub(super) fn turn(
    at: Nanos,
    low: Nanos,
    high: Nanos,
    estimate: f64,
    holds: impl Fn(Nanos) -> bool,
) -> (Nanos, Nanos) {
    let now = holds(at);
    if !estimate.is_finite() || estimate.abs() > 9e18 {
        return (low, high);
    }
    let about = estimate as Nanos;
    // floats near an instant of today carry half a microsecond of rounding: search around the estimate
    let slack: Nanos = 2048;
    let (mut left, mut right) = (about.saturating_sub(slack), about.saturating_add(slack));
    if holds(left) == holds(right) {
        return (low, high);
    }
    while right - left > 1 {
        let middle = left + (right - left) / 2;
        if holds(middle) == holds(left) {
            left = middle
        } else {
            right = middle
        }
    }
    // it turns between left and right: right is the first instant of the later value
    if now == holds(right) && at >= right {
        (low.max(right), high)
    } else {
        (low, high.min(right))
    }
}
