//! Chance for the simulated fleet: the same seed gives the same numbers on every machine.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A sequence of its own for `part`, so that one more number drawn there changes nothing elsewhere.
    pub fn of(seed: u64, part: u64) -> Random {
        let mut random = Random(seed ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `bound` - 1; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).unsigned_abs() + 1) as i64
    }

    /// 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A step of a random walk that stays within `low` and `high`.
    pub fn walk(&mut self, value: f64, step_max: f64, low: f64, high: f64) -> f64 {
        (value + (self.fraction() - 0.5) * 2.0 * step_max).clamp(low, high)
    }

    /// One of them.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Puts them in an order of chance.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_on_every_machine() {
        let mut random = Random::new(1);
        let drawn: Vec<i64> = (0..6).map(|_| random.between(-9, 9)).collect();
        let mut again = Random::new(1);
        assert_eq!(
            drawn,
            (0..6).map(|_| again.between(-9, 9)).collect::<Vec<_>>()
        );
        assert!(drawn.iter().all(|n| (-9..=9).contains(n)));
        assert_eq!(
            Random::new(0).next(),
            0xE220_A839_7B1D_CDAF,
            "the first number of the published sequence"
        );
    }
}
