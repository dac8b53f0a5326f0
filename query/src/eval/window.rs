//! Window functions: `f(x over D)`, with `before T` and `after T`.

use super::hold::later;
use super::{Env, Known, Scope};
use crate::ir::{Anchor, Dur, Expr, Key, Node, SignalId, WindowFunc};
use crate::value::Value;
use smol_str::SmolStr;
use storage::{Nanos, SECOND};

/// Windows longer than this move in steps of a sixtieth.
const STEPLESS_MAX: Nanos = 3600 * SECOND;

/// A resolved window (from, to] with the bounds between which it is this one.
pub(super) struct Frame {
    pub from: Nanos,
    pub to: Nanos,
    pub span: Nanos,
    pub since: Nanos,
    pub until: Nanos,
    /// The window moves with the instant: samples leave it by time alone.
    pub follows: bool,
}

impl Frame {
    /// What comes right after `at` falls into the window.
    pub fn open(&self, at: Nanos) -> bool {
        self.follows || self.to >= at
    }
}

impl Scope<'_> {
    /// The window at an instant; when its anchor is unknown, so is what is computed over it.
    pub(super) fn frame(
        &self,
        over: Dur,
        anchor: &Anchor,
        at: Nanos,
        env: &Env<'_>,
    ) -> Result<Frame, Known> {
        let duration = self.duration(over, at);
        let span = duration.value;
        let (since, until) = (duration.since, duration.until);
        match anchor {
            Anchor::Now if self.world.stepped && span > STEPLESS_MAX => {
                let step = span / 60;
                let to = at.div_euclid(step).saturating_mul(step);
                let oldest = self.device.oldest();
                if at < oldest {
                    // the windows before anything was said are all alike
                    return Ok(Frame {
                        from: to.saturating_sub(span),
                        to,
                        span,
                        since,
                        until: until.min(oldest),
                        follows: false,
                    });
                }
                Ok(Frame {
                    from: to.saturating_sub(span),
                    to,
                    span,
                    since: since.max(to),
                    until: until.min(to.saturating_add(step)),
                    follows: false,
                })
            }
            Anchor::Now => Ok(Frame {
                from: at.saturating_sub(span),
                to: at,
                span,
                since,
                until,
                follows: true,
            }),
            Anchor::Before(time) | Anchor::After(time) => {
                let known = self.eval(time, at, env);
                let Value::Time(instant) = known.value else {
                    return Err(Known::new(Value::Unknown, known.since, known.until));
                };
                let (from, to) = match anchor {
                    // Only queries have it, and they look back on what followed a row.
                    Anchor::After(_) => (
                        instant.saturating_sub(1),
                        instant.saturating_add(span).saturating_sub(1),
                    ),
                    _ => (instant.saturating_sub(span), instant.min(at)),
                };
                Ok(Frame {
                    from,
                    to,
                    span,
                    since: since.max(known.since),
                    until: until.min(known.until),
                    follows: false,
                })
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one node")]
    pub(super) fn window(
        &self,
        func: WindowFunc,
        value: &Expr,
        over: Dur,
        anchor: &Anchor,
        counter: bool,
        at: Nanos,
        env: &Env<'_>,
    ) -> Known {
        let frame = match self.frame(over, anchor, at, env) {
            Ok(frame) => frame,
            Err(unknown) => return unknown,
        };
        if func == WindowFunc::Changes {
            return self.window_changes(value, &frame, at, env);
        }
        let mut since = frame.since;
        let mut until = frame.until;
        let samples = self.samples(value, frame.from, frame.to, env);
        if let (true, Some((first, _))) = (frame.follows, samples.first()) {
            until = until.min(first.saturating_add(frame.span));
        }
        for (signal, key) in self.reads(value, at, env) {
            let Some(series) = self.series(signal, &key) else {
                continue;
            };
            let kept = series.samples();
            let newest = |to: Nanos| kept.partition_point(|s| s.time <= to).checked_sub(1);
            if let Some(newest) = newest(frame.to) {
                since = since.max(kept[newest].time);
            }
            if let (true, Some(left)) = (frame.follows, newest(frame.from)) {
                since = since.max(kept[left].time.saturating_add(frame.span));
            }
            if frame.open(at) {
                until = until.min(series.next_after(at).unwrap_or(Nanos::MAX));
            }
        }
        let out = self.fold(func, &samples, counter);
        Known::new(out, since.min(at), until)
    }

    fn window_changes(&self, value: &Expr, frame: &Frame, at: Nanos, env: &Env<'_>) -> Known {
        let (instants, before) = self.changes(value, frame.from, frame.to, env);
        let mut since = frame.since;
        let mut until = frame.until;
        if frame.open(at) {
            let now = self.eval(value, at, env);
            since = since.max(now.since);
            until = until.min(now.until);
        }
        if frame.follows {
            since = since.max(later(before, frame.span));
            if let Some(oldest) = instants.last() {
                until = until.min(oldest.saturating_add(frame.span));
            }
        } else {
            // asked before its end, the window was shorter
            since = since.max(instants.first().copied().unwrap_or(Nanos::MIN));
        }
        Known::new(Value::Number(instants.len() as f64), since.min(at), until)
    }

    /// The samples of an expression in (from, to]: its known values at each instant at which a signal that
    /// it reads has a sample.
    fn samples(&self, value: &Expr, from: Nanos, to: Nanos, env: &Env<'_>) -> Vec<(Nanos, Value)> {
        let reads = self.reads(value, to, env);
        let floor = |signal: SignalId| match self.floor {
            Some(floor)
                if self.world.program.catalog.signals[signal.index()]
                    .holds
                    .is_some() =>
            {
                from.max(floor.saturating_sub(1))
            }
            _ => from,
        };
        if let (Node::Signal { .. }, [(signal, key)]) = (&value.node, reads.as_slice()) {
            let Some(series) = self.series(*signal, key) else {
                return Vec::new();
            };
            return series
                .range(floor(*signal), to, self.known)
                .filter(|s| s.value != Value::Unknown)
                .map(|s| (s.time, s.value.clone()))
                .collect();
        }
        let mut instants: Vec<Nanos> = Vec::new();
        for (signal, key) in &reads {
            if let Some(series) = self.series(*signal, key) {
                instants.extend(series.range(floor(*signal), to, self.known).map(|s| s.time));
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
            .into_iter()
            .filter_map(|time| {
                let known = self.eval(value, time, env);
                (known.value != Value::Unknown).then_some((time, known.value))
            })
            .collect()
    }

    /// The signals with keys that an expression reads.
    fn reads(&self, value: &Expr, at: Nanos, env: &Env<'_>) -> Vec<(SignalId, SmolStr)> {
        let mut out = Vec::new();
        self.collect_reads(value, at, env, &mut out);
        out.sort_unstable();
        out.dedup();
        out
    }

    fn collect_reads(
        &self,
        value: &Expr,
        at: Nanos,
        env: &Env<'_>,
        out: &mut Vec<(SignalId, SmolStr)>,
    ) {
        match &value.node {
            // a let stands for itself: what is bound here is not bound in it
            Node::Let(id) => {
                let inner = &self.world.program.lets[id.index()].value;
                return self.collect_reads(inner, at, &Env::Empty, out);
            }
            Node::Signal {
                signal,
                key: Key::Slot(slot),
            } if env.instance(*slot).is_none() => {
                // bound by an aggregate inside: all its instances
                let family = self.world.program.catalog.signals[signal.index()].family;
                let keys = self.device.keys(family);
                out.extend(keys.map(|(key, _)| (*signal, key.clone())));
            }
            Node::Signal { signal, key } => {
                if let (Some(key), ..) = self.key(key, at, env) {
                    out.push((*signal, key));
                }
            }
            _ => {}
        }
        crate::ir::children(value, &mut |child| {
            self.collect_reads(child, at, env, out);
        });
    }

    fn fold(&self, func: WindowFunc, samples: &[(Nanos, Value)], counter: bool) -> Value {
        if func == WindowFunc::Count {
            return Value::Number(samples.len() as f64);
        }
        match func {
            WindowFunc::First => return samples.first().map_or(Value::Unknown, |(_, v)| v.clone()),
            WindowFunc::Last => return samples.last().map_or(Value::Unknown, |(_, v)| v.clone()),
            _ => {}
        }
        let numbers: Vec<(Nanos, f64)> = samples
            .iter()
            .filter_map(|(time, value)| match value {
                Value::Number(number) => Some((*time, *number)),
                Value::Bool(truth) => Some((*time, f64::from(u8::from(*truth)))),
                _ => None,
            })
            .collect();
        if numbers.is_empty() {
            return Value::Unknown;
        }
        let values = || numbers.iter().map(|(_, v)| *v);
        let n = numbers.len() as f64;
        let number = match func {
            WindowFunc::Min => values().fold(f64::INFINITY, f64::min),
            WindowFunc::Max => values().fold(f64::NEG_INFINITY, f64::max),
            WindowFunc::Sum => exact_sum(values()),
            WindowFunc::Avg => exact_sum(values()) / n,
            WindowFunc::Percentile(q) => percentile(values().collect(), q),
            WindowFunc::Stddev => {
                let mean = exact_sum(values()) / n;
                (exact_sum(values().map(|v| (v - mean) * (v - mean))) / n).sqrt()
            }
            WindowFunc::Delta | WindowFunc::Rate => {
                let Some((delta, time)) = self.delta(&numbers, counter) else {
                    return Value::Unknown;
                };
                if func == WindowFunc::Delta {
                    delta
                } else if time > 0 {
                    delta / (time as f64 / SECOND as f64)
                } else {
                    return Value::Unknown;
                }
            }
            WindowFunc::Count | WindowFunc::First | WindowFunc::Last | WindowFunc::Changes => {
                return Value::Unknown;
            }
        };
        Value::Number(number)
    }

    /// Difference and time over samples; a counter's falls count from 0 and pairs across a boot not at all.
    fn delta(&self, numbers: &[(Nanos, f64)], counter: bool) -> Option<(f64, Nanos)> {
        let (first, last) = (numbers.first()?, numbers.last()?);
        if numbers.len() < 2 {
            return None;
        }
        if !counter {
            return Some((last.1 - first.1, last.0 - first.0));
        }
        let boots = self.device.events(crate::ir::EventKind::Boot);
        let (mut increases, mut time) = (Vec::new(), 0);
        for pair in numbers.windows(2) {
            let ((t0, v0), (t1, v1)) = (pair[0], pair[1]);
            let booted =
                boots.is_some_and(|boots| boots.newest_first(t0, t1, self.known).next().is_some());
            if booted {
                continue;
            }
            increases.push(if v1 >= v0 { v1 - v0 } else { v1 });
            time += t1 - t0;
        }
        if increases.is_empty() {
            None
        } else {
            Some((exact_sum(increases.into_iter()), time))
        }
    }
}

/// The sum of floats, exact and rounded once at the end, so that order never matters
/// (Shewchuk 1997, Adaptive precision floating-point arithmetic: non-overlapping partial sums).
pub fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for mut x in values {
        let mut kept = 0;
        for at in 0..partials.len() {
            let mut y = partials[at];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        partials.push(x);
    }
    // round once: from the largest down, mending the half-way case
    let Some(mut high) = partials.pop() else {
        return 0.0;
    };
    let mut low = 0.0;
    while let Some(y) = partials.pop() {
        let x = high;
        high = x + y;
        low = y - (high - x);
        if low != 0.0 {
            break;
        }
    }
    if let Some(next) = partials.last()
        && ((low < 0.0 && *next < 0.0) || (low > 0.0 && *next > 0.0))
    {
        let y = low * 2.0;
        let x = high + y;
        if y == x - high {
            high = x;
        }
    }
    high
}

/// Linear interpolation at q·(n−1) over the sorted values.
pub fn percentile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = q * (values.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (place - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_in_any_order() {
        let values = [1e100, 1.0, -1e100, 1e-20, 0.1, 0.2];
        let forward = exact_sum(values.iter().copied());
        let backward = exact_sum(values.iter().rev().copied());
        assert_eq!(forward.to_bits(), backward.to_bits());
        assert_eq!(exact_sum([1e100, 1.0, -1e100].into_iter()), 1.0);
        assert_eq!(exact_sum([0.1; 10].into_iter()), 1.0);
    }

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(vec![4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert_eq!(percentile(vec![1.0], 0.95), 1.0);
    }
}
