//! Chance that comes out the same for the same seed: a swarm can be run again as it was.

/// A stream of random numbers (`SplitMix64`; Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The stream of `seed`. Neighbouring seeds give streams that have nothing in common.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high half of the product: no division, and no bias that matters here.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number of `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Whether something happens that does so `permille` times in a thousand.
    pub(crate) fn happens(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// A number of 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn numbers_stay_within_and_come_again() {
        let (mut one, mut same) = (Chance::new(7), Chance::new(7));
        for _ in 0..1000 {
            assert!((3..=9).contains(&one.between(3, 9)) && (3..=9).contains(&same.between(3, 9)));
            assert_eq!(one.next(), same.next());
            assert!((0.0..1.0).contains(&one.share()) && same.share() < 1.0);
        }
        assert_eq!(one.below(0), 0);
        assert!((400..600).contains(&(0..1000).filter(|_| one.happens(500)).count()));
    }
}
