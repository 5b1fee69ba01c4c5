//! The random numbers of NumPy and scikit-learn, so that the same seed draws the same bootstrap samples.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The generator of NumPy's `RandomState`: MT19937 (Matsumoto and Nishimura, ACM TOMACS 8, 3, 1998).
pub(crate) struct MersenneTwister {
    state: [u32; SIZE],
    next: usize,
}

impl MersenneTwister {
    /// The generator after `RandomState(seed)`.
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [0_u32; SIZE];
        let mut last = seed;
        for (index, word) in state.iter_mut().enumerate() {
            if index > 0 {
                last = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(index as u32);
            }
            *word = last;
        }
        Self { state, next: SIZE }
    }

    fn refill(&mut self) {
        for index in 0..SIZE {
            let (here, after) = (self.state[index], self.state[(index + 1) % SIZE]);
            let joined = (here & 0x8000_0000) | (after & 0x7fff_ffff);
            let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + SHIFT) % SIZE] ^ (joined >> 1) ^ twist;
        }
        self.next = 0;
    }

    /// 32 random bits.
    pub(crate) fn word(&mut self) -> u32 {
        if self.next >= SIZE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// `randint(0, bound)`: as many low bits as `bound - 1` has, drawn until they are below it; no draw for 1.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let largest = bound.saturating_sub(1);
        if largest == 0 {
            return 0;
        }
        let mask = u32::MAX >> largest.leading_zeros();
        loop {
            let word = self.word() & mask;
            if word <= largest {
                return word;
            }
        }
    }

    /// `random_sample()`: 53 bits, from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}

/// The generator that draws features inside a tree: Marsaglia's xorshift of 32 bits (J. Stat. Soft. 8, 14, 2003).
pub(crate) struct XorShift(u32);

impl XorShift {
    pub(crate) fn new(seed: u32) -> Self {
        // zero would stay zero
        Self(if seed == 0 { 1 } else { seed })
    }

    /// A number from `low` to below `high`, which must be larger.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        low + (self.0 & 0x7fff_ffff) as usize % (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_numpy() {
        // numpy.random.RandomState(42): randint(2147483647) twice, then randint(0, 1000) three times, random_sample()
        let mut twister = MersenneTwister::new(42);
        assert_eq!([twister.below(2_147_483_647), twister.below(2_147_483_647)], [1_608_637_542, 1_273_642_419]);
        assert_eq!([twister.below(1000), twister.below(1000), twister.below(1000)], NUMPY);
        assert_eq!(twister.unit(), UNIT);
        assert_eq!(twister.below(1), 0);
    }

    const NUMPY: [u32; 3] = [860, 270, 106];
    const UNIT: f64 = 0.779_691_000_272_769_3;
}
