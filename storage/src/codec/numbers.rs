//! Sequences of 64-bit floats: as scaled integers where every value is a short decimal, else as they are.
//!
//! Measured data of machines is mostly decimal (`93.4`, `1.25`), and integers compress better than the
//! floats nearest to them. Scaling is used only if every value comes back bit for bit.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use super::integers;
use super::varint::{Reader, put_u64};

/// Integers of the value times ten to the power of the next byte.
const DECIMAL: u8 = 0;
/// 8 bytes each.
const RAW: u8 = 1;
/// A length and a pco standalone file of f64.
const PCO: u8 = 2;
/// One value for all, 8 bytes.
const CONSTANT: u8 = 3;

/// Powers of ten tried.
const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// Scaled values stay below this, where integers are exact as floats.
const SCALED_MAX: f64 = 9_007_199_254_740_992.0;
/// Sequences up to here are stored raw if not decimal.
const RAW_MAX: usize = 16;

/// Appends a sequence.
pub(crate) fn put(out: &mut Vec<u8>, values: &[f64]) {
    if let Some((power, scaled)) = scale(values) {
        out.push(DECIMAL);
        out.push(power as u8);
        integers::put(out, &scaled);
        return;
    }
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        out.push(CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
    } else if values.len() <= RAW_MAX {
        out.push(RAW);
        out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    } else {
        out.push(PCO);
        let bytes = simple_compress(values, &ChunkConfig::default().with_compression_level(4))
            .expect("the level is within pco's range");
        put_u64(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}

/// The power of ten that makes every value an integer, and the integers.
fn scale(values: &[f64]) -> Option<(usize, Vec<i64>)> {
    let mut all = Vec::with_capacity(values.len());
    let mut power = 0;
    // Starts over with a greater power at most as often as there are powers.
    while let Some(&value) = values.get(all.len()) {
        match scaled(value, power) {
            Some(integer) => all.push(integer),
            None => {
                power = (power + 1..POWERS.len()).find(|&p| scaled(value, p).is_some())?;
                all.clear();
            }
        }
    }
    Some((power, all))
}

#[inline]
fn scaled(value: f64, power: usize) -> Option<i64> {
    let product = match power {
        0 => value,
        _ => (value * POWERS[power]).round(),
    };
    let integer = product as i64;
    let back = match power {
        0 => integer as f64,
        _ => integer as f64 / POWERS[power],
    };
    (product.abs() < SCALED_MAX && back.to_bits() == value.to_bits()).then_some(integer)
}

/// Reads a sequence of `count`.
pub(crate) fn get(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    match reader.u8()? {
        DECIMAL => {
            let power = *POWERS.get(reader.u8()? as usize)?;
            let scaled = integers::get(reader, count)?;
            Some(scaled.into_iter().map(|i| i as f64 / power).collect())
        }
        RAW => (0..count)
            .map(|_| reader.array().map(f64::from_le_bytes))
            .collect(),
        PCO => {
            let length = reader.count()?;
            let values = simple_decompress::<f64>(reader.take(length)?).ok()?;
            (values.len() == count).then_some(values)
        }
        CONSTANT => Some(vec![f64::from_le_bytes(reader.array()?); count]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], form: u8) {
        let mut out = Vec::new();
        put(&mut out, values);
        assert_eq!(out[0], form, "{values:?}");
        let mut reader = Reader::new(&out);
        let back = get(&mut reader, values.len()).expect("it was just written");
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        assert!(reader.is_at_end());
    }

    #[test]
    fn each_form_round_trips_bit_for_bit() {
        check(&[], DECIMAL);
        check(&[1.0, 2.5, 99.99], DECIMAL);
        check(&[0.1 + 0.2, 1.0], RAW);
        check(&[-0.0, 0.0], RAW);
        check(&[-0.0, -0.0], CONSTANT);
        check(&[f64::INFINITY, 1.0, f64::NEG_INFINITY], RAW);
        check(&[1e300, 1e300], CONSTANT);
        let roots: Vec<f64> = (0..100).map(|i| f64::from(i).sqrt()).collect();
        check(&roots, PCO);
    }
}
