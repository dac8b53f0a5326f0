//! Sequences of true and false: constant, runs or bits, whichever is shortest.
//!
//! Columns of flags and the presence of every column are stored so. The count is known to the reader.

use super::varint::{Reader, put_u64};

const ALL_FALSE: u8 = 0;
const ALL_TRUE: u8 = 1;
/// Lengths of runs, the first of false.
const RUNS: u8 = 2;
/// One bit each, lowest first.
const BITS: u8 = 3;

/// Appends a sequence.
pub(crate) fn put(out: &mut Vec<u8>, values: &[bool]) {
    if values.iter().all(|&value| value) {
        out.push(ALL_TRUE);
        return;
    }
    if values.iter().all(|&value| !value) {
        out.push(ALL_FALSE);
        return;
    }
    let start = out.len();
    out.push(RUNS);
    let bits = values.len().div_ceil(8);
    let mut of = false;
    let mut length = 0;
    for &value in values {
        if value != of {
            put_u64(out, length);
            of = value;
            length = 0;
            if out.len() - start > bits {
                break;
            }
        }
        length += 1;
    }
    put_u64(out, length);
    if out.len() - start > 1 + bits {
        out.truncate(start);
        out.push(BITS);
        out.extend(values.chunks(8).map(|eight| {
            let bit = |(at, &value): (usize, &bool)| u8::from(value) << at;
            eight.iter().enumerate().map(bit).sum::<u8>()
        }));
    }
}

/// Reads a sequence of `count`.
pub(crate) fn get(reader: &mut Reader<'_>, count: usize) -> Option<Vec<bool>> {
    Some(match reader.u8()? {
        ALL_FALSE => vec![false; count],
        ALL_TRUE => vec![true; count],
        RUNS => {
            let mut values = Vec::with_capacity(count);
            let mut of = false;
            while values.len() < count {
                let length = usize::try_from(reader.u64()?).ok()?;
                if length > count - values.len() {
                    return None;
                }
                values.resize(values.len() + length, of);
                of = !of;
            }
            values
        }
        BITS => {
            let bytes = reader.take(count.div_ceil(8))?;
            (0..count)
                .map(|at| bytes[at / 8] >> (at % 8) & 1 == 1)
                .collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[bool], expected: &[u8]) {
        let mut out = Vec::new();
        put(&mut out, values);
        assert_eq!(out, expected);
        assert_eq!(
            get(&mut Reader::new(&out), values.len()).as_deref(),
            Some(values)
        );
    }

    #[test]
    fn shortest_form_round_trips() {
        check(&[], &[ALL_TRUE]);
        check(&[false; 9], &[ALL_FALSE]);
        check(&[true; 9], &[ALL_TRUE]);
        let mut long = vec![true; 40];
        long[39] = false;
        check(&long, &[RUNS, 0, 39, 1]);
        check(&[true, false, true, false, true, false], &[BITS, 0b010101]);
    }
}
