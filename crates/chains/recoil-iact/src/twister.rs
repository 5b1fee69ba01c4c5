//! The Mersenne Twister (MT19937), for results that other programs drew from it.

/// Words of the state.
const STATE: usize = 624;
const MIDDLE: usize = 397;

/// A Mersenne Twister with a 32-bit seed.
#[derive(Clone, Debug)]
pub struct Twister {
    words: [u32; STATE],
    at: usize,
}

impl Twister {
    /// A twister with this seed, as NumPy's `RandomState` and Numba take it.
    pub fn new(seed: u32) -> Self {
        let mut words = [0u32; STATE];
        let mut last = seed;
        for (index, word) in words.iter_mut().enumerate() {
            if index > 0 {
                last = 1_812_433_253u32.wrapping_mul(last ^ last >> 30).wrapping_add(index as u32);
            }
            *word = last;
        }
        Self { words, at: STATE }
    }

    fn twist(&mut self) {
        let word = |words: &[u32; STATE], at: usize| words.get(at % STATE).copied().unwrap_or(0);
        for at in 0..STATE {
            let mixed = word(&self.words, at) & 0x8000_0000 | word(&self.words, at + 1) & 0x7fff_ffff;
            let twisted = mixed >> 1 ^ (mixed & 1).wrapping_neg() & 0x9908_b0df;
            let value = word(&self.words, at + MIDDLE) ^ twisted;
            if let Some(place) = self.words.get_mut(at) {
                *place = value;
            }
        }
        self.at = 0;
    }
}

impl Iterator for Twister {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.at >= STATE {
            self.twist();
        }
        let mut word = *self.words.get(self.at)?;
        self.at += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        Some(word ^ word >> 18)
    }
}

/// A uniform whole number in `0..=most` from 32-bit words: as many low bits as `most` has, drawn until they fit.
pub fn up_to(most: u32, mut draw: impl FnMut() -> u32) -> u32 {
    if most == 0 {
        return 0;
    }
    let mask = u32::MAX >> most.leading_zeros();
    loop {
        let drawn = draw() & mask;
        if drawn <= most {
            return drawn;
        }
    }
}

/// A random order of `0..n`, as NumPy's `RandomState(seed).permutation(n)` gives it.
pub fn permutation(seed: u32, n: usize) -> Vec<usize> {
    let mut twister = Twister::new(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = up_to(last as u32, || twister.next().unwrap_or(0));
        order.swap(last, other as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twister_is_the_standard_one() {
        assert_eq!(Twister::new(0).take(3).collect::<Vec<_>>(), [2_357_136_044, 2_546_248_239, 3_071_714_933]);
        assert_eq!(Twister::new(5489).nth(9999), Some(4_123_659_995));
    }

    #[test]
    fn orders_are_those_of_numpy() {
        assert_eq!(permutation(42, 10), PERMUTATION);
        assert_eq!(permutation(42, 1), [0]);
    }

    // numpy.random.RandomState(42).permutation(10)
    const PERMUTATION: [usize; 10] = [8, 1, 5, 0, 7, 2, 9, 4, 3, 6];
}
