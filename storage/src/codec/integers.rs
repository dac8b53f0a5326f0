//! Sequences of 64-bit integers: times, sequence numbers, scaled decimals, dictionary indexes.
//!
//! The form is chosen per sequence: constant, regular steps, varint steps for short ones, pco (its own
//! delta detection) for long ones, or distinct values plus indexes where values come back often, as
//! arrivals do when rows are ordered by device. The count is known to the reader.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use super::varint::{Reader, put_i64, put_u64};

const CONSTANT: u8 = 0;
/// The first value and the step.
const REGULAR: u8 = 1;
/// The step to each value from the one before, the first from 0.
const STEPS: u8 = 2;
/// A length and a pco standalone file of i64.
const PCO: u8 = 3;
/// The distinct values in ascending order and the index of each value.
const DISTINCT: u8 = 4;

/// Sequences up to here are too short for pco's tables to pay.
const STEPS_MAX: usize = 32;
/// pco's effort, 0 to 12.
const PCO_LEVEL: usize = 4;

/// Appends a sequence.
pub(crate) fn put(out: &mut Vec<u8>, values: &[i64]) {
    let first = values.first().copied().unwrap_or(0);
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    let regular = values.windows(2).all(|w| w[1].wrapping_sub(w[0]) == step);
    if regular {
        out.push(if step == 0 { CONSTANT } else { REGULAR });
        put_i64(out, first);
        if step != 0 {
            put_i64(out, step);
        }
    } else if values.len() <= STEPS_MAX {
        out.push(STEPS);
        let mut before = 0_i64;
        for &value in values {
            put_i64(out, value.wrapping_sub(before));
            before = value;
        }
    } else {
        out.push(PCO);
        let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
        let bytes = simple_compress(values, &config).expect("the level is within pco's range");
        put_u64(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}

/// Appends a sequence in which values may come back: tries [`DISTINCT`] too.
pub(crate) fn put_recurring(out: &mut Vec<u8>, values: &[i64]) {
    let start = out.len();
    put(out, values);
    let plain = out.len() - start;
    if values.len() <= STEPS_MAX || plain <= 24 {
        return;
    }
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > values.len() / 2 {
        return;
    }
    let indexes: Vec<i64> = values
        .iter()
        .map(|value| distinct.partition_point(|d| d < value) as i64)
        .collect();
    let mut other = vec![DISTINCT];
    put_u64(&mut other, distinct.len() as u64);
    put(&mut other, &distinct);
    put(&mut other, &indexes);
    if other.len() < plain {
        out.truncate(start);
        out.extend_from_slice(&other);
    }
}

/// Reads a sequence of `count`.
pub(crate) fn get(reader: &mut Reader<'_>, count: usize) -> Option<Vec<i64>> {
    match reader.u8()? {
        CONSTANT => Some(vec![reader.i64()?; count]),
        REGULAR => {
            let mut value = reader.i64()?;
            let step = reader.i64()?;
            Some(
                std::iter::repeat_with(|| {
                    let this = value;
                    value = value.wrapping_add(step);
                    this
                })
                .take(count)
                .collect(),
            )
        }
        STEPS => {
            let mut value = 0_i64;
            (0..count)
                .map(|_| {
                    value = value.wrapping_add(reader.i64()?);
                    Some(value)
                })
                .collect()
        }
        PCO => {
            let length = reader.count()?;
            let values = simple_decompress::<i64>(reader.take(length)?).ok()?;
            (values.len() == count).then_some(values)
        }
        DISTINCT => {
            let distinct_count = usize::try_from(reader.u64()?).ok()?;
            if distinct_count > count {
                return None;
            }
            let distinct = get(reader, distinct_count)?;
            let indexes = get(reader, count)?;
            indexes
                .into_iter()
                .map(|index| distinct.get(usize::try_from(index).ok()?).copied())
                .collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], form: u8) {
        let mut out = Vec::new();
        put_recurring(&mut out, values);
        assert_eq!(out[0], form);
        let mut reader = Reader::new(&out);
        assert_eq!(get(&mut reader, values.len()).as_deref(), Some(values));
        assert!(reader.is_at_end());
    }

    #[test]
    fn each_form_round_trips() {
        check(&[], CONSTANT);
        check(&[7; 100], CONSTANT);
        check(&[i64::MIN, i64::MAX], REGULAR);
        check(&[10, 20, 30, 40], REGULAR);
        check(&[5, -3, 900], STEPS);
        let squares: Vec<i64> = (0..200).map(|i| i * i * 1_000_003 % 65_521).collect();
        check(&squares, PCO);
        let jitter: Vec<i64> = (0..50_i64)
            .map(|i| i * 1_000_000_007 + i * i * i * 7_919)
            .collect();
        let recurring: Vec<i64> = (0..20).flat_map(|_| jitter.clone()).collect();
        check(&recurring, DISTINCT);
    }
}
