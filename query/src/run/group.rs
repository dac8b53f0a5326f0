//! `by` and `every`: groups of rows and what is computed over each.
//!
//! Fed row by row; groups come out in the order of their keys. Memory is that of the groups, not of the rows.

use super::aggregate::State;
use super::order::Key;
use crate::ir_query::{Aggregate, Named};
use crate::table::row_bytes;
use crate::value::Value;
use std::collections::BTreeMap;
use storage::Nanos;

/// A `by` stage, as the pipe sees it.
#[derive(Clone, Copy, Debug)]
pub struct By<'q> {
    /// Bucket length.
    pub every: Option<Nanos>,
    /// Keys.
    pub keys: &'q [Named],
    /// Aggregates over the rows.
    pub aggregates: &'q [Aggregate],
    /// Result columns, over time, keys and aggregates.
    pub columns: &'q [Named],
}

/// Groups under construction.
#[derive(Debug)]
pub struct Groups<'q> {
    by: By<'q>,
    groups: BTreeMap<Key, Vec<State>>,
    bytes: usize,
}

impl<'q> Groups<'q> {
    /// No group yet. Without keys and buckets there is exactly one, also of no rows.
    pub fn new(by: By<'q>) -> Groups<'q> {
        let mut groups = BTreeMap::new();
        if by.keys.is_empty() && by.every.is_none() {
            groups.insert(Key(Vec::new()), states(by.aggregates));
        }
        Groups {
            by,
            groups,
            bytes: 0,
        }
    }

    /// Roughly the memory taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in a row: what its keys and, in their order, the values of the aggregates are.
    pub fn add(&mut self, keys: Vec<Value>, values: Vec<Option<Value>>, time: Nanos) {
        let mut key = Vec::with_capacity(keys.len() + 1);
        if let Some(every) = self.by.every {
            key.push(Value::Time(bucket_end(time, every)));
        }
        key.extend(keys);
        let key_bytes = row_bytes(&key);
        let group = self.groups.entry(Key(key)).or_insert_with(|| {
            self.bytes += key_bytes + self.by.aggregates.len() * size_of::<State>() + 64;
            states(self.by.aggregates)
        });
        for ((state, aggregate), value) in group.iter_mut().zip(self.by.aggregates).zip(values) {
            self.bytes += state.add(aggregate.func, value, time);
        }
    }

    /// The rows of the result: for each group its time and keys, then `columns` as `eval` makes them of
    /// time, keys and aggregates.
    pub fn finish(self, eval: &mut dyn FnMut(&Named, &[Value]) -> Value) -> Vec<Vec<Value>> {
        let mut rows = Vec::with_capacity(self.groups.len());
        for (key, group) in self.groups {
            let mut row = key.0;
            let keys = row.len();
            row.extend(
                group
                    .into_iter()
                    .zip(self.by.aggregates)
                    .map(|(state, aggregate)| state.value(aggregate.func)),
            );
            let computed: Vec<Value> = self
                .by
                .columns
                .iter()
                .map(|column| eval(column, &row))
                .collect();
            row.truncate(keys);
            row.extend(computed);
            rows.push(row);
        }
        rows
    }
}

fn states(aggregates: &[Aggregate]) -> Vec<State> {
    aggregates
        .iter()
        .map(|aggregate| State::new(aggregate.func))
        .collect()
}

/// The end of the bucket (k·every, (k+1)·every] since 1970 in which an instant lies.
fn bucket_end(time: Nanos, every: Nanos) -> Nanos {
    let every = every.max(1);
    let over = time.rem_euclid(every);
    if over == 0 {
        time
    } else {
        time.saturating_add(every - over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_end_included() {
        for (time, end) in [
            (0, 0),
            (1, 10),
            (9, 10),
            (10, 10),
            (11, 20),
            (-1, 0),
            (-10, -10),
        ] {
            assert_eq!(bucket_end(time, 10), end, "{time}");
        }
        assert_eq!(bucket_end(Nanos::MAX, 1_000_000_000), Nanos::MAX);
    }
}
