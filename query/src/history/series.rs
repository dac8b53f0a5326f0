//! Samples of one signal of one instance, by corrected time.
//!
//! Order is (time, arrival order); of samples with equal time the last is the one that reads. Each
//! sample carries the start of the unbroken run of its value, so that "since when" costs one look.

use crate::value::Value;
use serde::{Deserialize, Serialize};
use storage::Nanos;

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Corrected time.
    pub time: Nanos,
    /// When it arrived.
    pub arrival: Nanos,
    /// From when on the value has been this one without a gap, given everything known.
    pub run: Nanos,
    /// The value; [`Value::Unknown`] marks that it ended (derived signals only).
    pub value: Value,
}

/// What a series says at an instant, and around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value, or unknown.
    pub value: Value,
    /// It has been so since.
    pub since: Nanos,
    /// It stays so until, if nothing new arrives.
    pub until: Nanos,
}

/// Samples in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    samples: Vec<Sample>,
    /// Time of the first sample ever, also when it has been trimmed away.
    first: Option<Nanos>,
    /// How long a sample is known; None: until the next.
    holds: Option<Nanos>,
}

impl Series {
    /// An empty series whose samples are known for `holds` (None: until the next one).
    pub fn new(holds: Option<Nanos>) -> Series {
        Series {
            samples: Vec::new(),
            first: None,
            holds,
        }
    }

    /// All samples kept, in order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The newest sample.
    pub fn newest(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// Time of the first sample ever.
    pub fn first_time(&self) -> Option<Nanos> {
        self.first
    }

    fn known_until(&self, sample: &Sample) -> Nanos {
        match self.holds {
            Some(holds) => sample.time.saturating_add(holds),
            None => Nanos::MAX,
        }
    }

    /// Adds a sample that arrived after all others. Returns false when it changed nothing that reads
    /// (same value at the same time).
    pub fn insert(&mut self, time: Nanos, arrival: Nanos, value: Value) -> bool {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        let at = match self.samples.last() {
            Some(last) if last.time > time => self.samples.partition_point(|s| s.time <= time),
            _ => self.samples.len(),
        };
        if at > 0 && self.samples[at - 1].time == time && self.samples[at - 1].value == value {
            return false;
        }
        self.samples.insert(
            at,
            Sample {
                time,
                arrival,
                run: time,
                value,
            },
        );
        self.mend_runs(at);
        true
    }

    /// Recomputes runs from index `from` on, until one comes out as it was.
    fn mend_runs(&mut self, from: usize) {
        for at in from..self.samples.len() {
            let sample = &self.samples[at];
            let before = self.samples[..at]
                .iter()
                .rposition(|s| s.time < sample.time);
            let run = match before.map(|b| &self.samples[b]) {
                Some(prev)
                    if prev.value == sample.value && self.known_until(prev) >= sample.time =>
                {
                    prev.run
                }
                _ => sample.time,
            };
            let same = self.samples[at].run == run;
            self.samples[at].run = run;
            // samples of equal time share the one before them: all of them are to be mended
            let more = self.samples.get(at + 1);
            if same && at > from && more.is_none_or(|next| next.time > self.samples[at].time) {
                break;
            }
        }
    }

    /// Replaces everything (derived signals are computed anew as a whole).
    pub fn replace(&mut self, samples: Vec<(Nanos, Nanos, Value)>) {
        self.samples.clear();
        self.first = None;
        for (time, arrival, value) in samples {
            self.insert(time, arrival, value);
        }
    }

    /// Forgets samples before `horizon` that only repeat the value before them (of a series that holds for
    /// ever: it reads as it did).
    pub fn thin(&mut self, horizon: Nanos) {
        let mut before: Option<Value> = None;
        self.samples.retain(|sample| {
            let repeats = before.as_ref() == Some(&sample.value);
            before = Some(sample.value.clone());
            sample.time >= horizon || !repeats
        });
    }

    /// Forgets samples before `horizon`, except the one that reads there and those that read at `pins`, as they
    /// were known at those instants.
    pub fn trim(&mut self, horizon: Nanos, pins: &[Nanos]) {
        let keep = self
            .samples
            .partition_point(|s| s.time <= horizon)
            .saturating_sub(1);
        if keep == 0 {
            return;
        }
        let reads_at = |pin: &Nanos| {
            let end = self.samples.partition_point(|s| s.time <= *pin);
            self.samples[..end].iter().rposition(|s| s.arrival <= *pin)
        };
        let pinned: Vec<usize> = pins.iter().filter_map(reads_at).collect();
        let mut at = 0;
        self.samples.retain(|_| {
            at += 1;
            at > keep || pinned.contains(&(at - 1))
        });
    }

    /// The reading at `at`, of what had arrived by `known`, ignoring samples before `floor`.
    pub fn at(&self, at: Nanos, known: Nanos, floor: Option<Nanos>) -> Reading {
        let mut end = self.samples.len();
        if self.samples.last().is_some_and(|s| s.time > at) {
            end = self.samples.partition_point(|s| s.time <= at);
        }
        let mut next = self.samples.get(end).map_or(Nanos::MAX, |s| s.time);
        let mut index = end;
        let mut hidden = false;
        while index > 0 && self.samples[index - 1].arrival > known {
            index -= 1;
            hidden = true;
        }
        if let Some(floor) = floor
            && at < floor
        {
            next = next.min(floor);
        }
        let Some(sample) = index.checked_sub(1).map(|i| &self.samples[i]) else {
            return Reading {
                value: Value::Unknown,
                since: Nanos::MIN,
                until: next,
            };
        };
        if let Some(floor) = floor
            && sample.time < floor
        {
            return Reading {
                value: Value::Unknown,
                since: sample.time,
                until: next,
            };
        }
        let until = self.known_until(sample);
        if until <= at {
            return Reading {
                value: Value::Unknown,
                since: until,
                until: next,
            };
        }
        // a run counts only when nothing in it is hidden
        let whole = !hidden && known == Nanos::MAX && floor.is_none_or(|floor| sample.run >= floor);
        let since = if whole { sample.run } else { sample.time };
        Reading {
            value: sample.value.clone(),
            since,
            until: until.min(next),
        }
    }

    /// The samples in (from, to] that had arrived by `known`, one an instant: the last arrival of equal times.
    pub fn range(&self, from: Nanos, to: Nanos, known: Nanos) -> impl Iterator<Item = &Sample> {
        let start = self.samples.partition_point(|s| s.time <= from);
        let end = self.samples.partition_point(|s| s.time <= to).max(start);
        let slice = &self.samples[start..end];
        slice.iter().enumerate().filter_map(move |(i, sample)| {
            let superseded = slice[i + 1..]
                .iter()
                .take_while(|later| later.time == sample.time)
                .any(|later| later.arrival <= known);
            (sample.arrival <= known && !superseded).then_some(sample)
        })
    }

    /// The first sample later than `after`.
    pub fn next_after(&self, after: Nanos) -> Option<Nanos> {
        let at = self.samples.partition_point(|s| s.time <= after);
        self.samples.get(at).map(|s| s.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(holds: Option<Nanos>, samples: &[(Nanos, Nanos, f64)]) -> Series {
        let mut series = Series::new(holds);
        for (time, arrival, value) in samples {
            series.insert(*time, *arrival, Value::Number(*value));
        }
        series
    }

    #[test]
    fn a_run_bridges_equal_values_and_breaks_at_gaps() {
        let s = series(
            Some(10),
            &[
                (0, 0, 1.0),
                (5, 5, 1.0),
                (15, 15, 1.0),
                (30, 30, 1.0),
                (31, 31, 2.0),
            ],
        );
        let runs: Vec<_> = s.samples().iter().map(|s| s.run).collect();
        assert_eq!(runs, [0, 0, 0, 30, 31]);
    }

    #[test]
    fn late_samples_mend_runs() {
        let mut s = series(None, &[(0, 0, 1.0), (10, 10, 1.0), (20, 20, 1.0)]);
        s.insert(5, 21, Value::Number(2.0));
        let runs: Vec<_> = s.samples().iter().map(|s| s.run).collect();
        assert_eq!(runs, [0, 5, 10, 10]);
    }

    #[test]
    fn reads_as_known_then_and_now() {
        let s = series(Some(10), &[(0, 0, 1.0), (5, 9, 2.0), (5, 12, 3.0)]);
        assert_eq!(s.at(6, Nanos::MAX, None).value, Value::Number(3.0));
        assert_eq!(s.at(6, 10, None).value, Value::Number(2.0));
        assert_eq!(s.at(6, 6, None).value, Value::Number(1.0));
        assert_eq!(
            s.at(15, Nanos::MAX, None),
            Reading {
                value: Value::Unknown,
                since: 15,
                until: Nanos::MAX
            }
        );
        assert_eq!(s.at(6, Nanos::MAX, Some(6)).value, Value::Unknown);
        assert_eq!(s.range(0, 9, Nanos::MAX).count(), 1);
    }
}
