//! Sequences of texts: distinct texts in order of first appearance, and the index of each.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::integers;
use super::varint::{Reader, put_u64};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Texts shorter than this in sum are not worth compressing.
const ZSTD_MIN: usize = 64;
/// Texts of one sequence may take this much; what is longer is damage.
const BYTES_MAX: usize = 1 << 30;

/// Appends a sequence.
pub(crate) fn put(out: &mut Vec<u8>, values: &[&str]) {
    let mut index_of: HashMap<&str, i64> = HashMap::new();
    let mut lengths = Vec::new();
    let mut bytes = Vec::new();
    let mut indexes = Vec::with_capacity(values.len());
    for &value in values {
        let next = index_of.len() as i64;
        let index = *index_of.entry(value).or_insert_with(|| {
            lengths.push(value.len() as i64);
            bytes.extend_from_slice(value.as_bytes());
            next
        });
        indexes.push(index);
    }
    put_u64(out, lengths.len() as u64);
    integers::put(out, &lengths);
    let compressed = if bytes.len() >= ZSTD_MIN {
        zstd::bulk::compress(&bytes, 1).ok()
    } else {
        None
    };
    match compressed.filter(|compressed| compressed.len() < bytes.len()) {
        Some(compressed) => {
            out.push(ZSTD);
            put_u64(out, compressed.len() as u64);
            out.extend_from_slice(&compressed);
        }
        None => {
            out.push(PLAIN);
            put_u64(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
    }
    integers::put(out, &indexes);
}

/// Texts of a sequence: [`Texts::get`] by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    distinct: Vec<SmolStr>,
    indexes: Vec<u32>,
}

impl Texts {
    pub(crate) fn get(&self, at: usize) -> &SmolStr {
        &self.distinct[self.indexes[at] as usize]
    }
}

/// Reads a sequence of `count`.
pub(crate) fn get(reader: &mut Reader<'_>, count: usize) -> Option<Texts> {
    let distinct_count = usize::try_from(reader.u64()?).ok()?;
    if distinct_count > count {
        return None;
    }
    let lengths = integers::get(reader, distinct_count)?;
    let total = lengths.iter().try_fold(0_usize, |sum, &length| {
        sum.checked_add(usize::try_from(length).ok()?)
            .filter(|sum| *sum <= BYTES_MAX)
    })?;
    let form = reader.u8()?;
    let stored_length = reader.count()?;
    let stored = reader.take(stored_length)?;
    let unpacked;
    let bytes = match form {
        PLAIN => stored,
        ZSTD => {
            unpacked = zstd::bulk::decompress(stored, total).ok()?;
            &unpacked
        }
        _ => return None,
    };
    if bytes.len() != total {
        return None;
    }
    let mut texts = Reader::new(bytes);
    let distinct = lengths
        .iter()
        .map(|&length| {
            let text = std::str::from_utf8(texts.take(length as usize)?).ok()?;
            Some(SmolStr::new(text))
        })
        .collect::<Option<Vec<_>>>()?;
    let indexes = integers::get(reader, count)?
        .into_iter()
        .map(|index| {
            let index = u32::try_from(index).ok()?;
            ((index as usize) < distinct.len()).then_some(index)
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Texts { distinct, indexes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], bytes_max: usize) {
        let mut out = Vec::new();
        put(&mut out, values);
        assert!(out.len() <= bytes_max, "{} bytes", out.len());
        let mut reader = Reader::new(&out);
        let texts = get(&mut reader, values.len()).expect("it was just written");
        let back: Vec<&str> = (0..values.len()).map(|at| texts.get(at).as_str()).collect();
        assert_eq!(back, values);
        assert!(reader.is_at_end());
    }

    #[test]
    fn texts_round_trip() {
        check(&[], 7);
        check(&["", "KB4022725", "KB4022725"], 24);
        check(
            &["a long sentence, a long sentence, a long sentence, a long sentence, again"; 500],
            60,
        );
    }
}
