//! Moments of a feature.

use serde::{Deserialize, Serialize};

/// Number, sum and sum of squares of the values of a feature, unrounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Number of values.
    pub num: u64,
    /// Sum.
    pub sum: f64,
    /// Sum of squares.
    pub sum2: f64,
}

impl Sums {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.num += 1;
        self.sum += value;
        self.sum2 += value * value;
    }

    /// Adds what another piece of the sample has.
    pub fn merge(&mut self, other: &Self) {
        self.num += other.num;
        self.sum += other.sum;
        self.sum2 += other.sum2;
    }

    /// Mean, standard deviation and mean square; `None` for fewer than two values.
    pub fn moments(&self) -> Option<[f64; 3]> {
        if self.num < 2 {
            return None;
        }
        let (mean, square) = (self.sum / self.num as f64, self.sum2 / self.num as f64);
        Some([mean, (square - mean * mean).max(0.0).sqrt(), square])
    }
}

/// A number with four significant digits.
///
/// ```
/// assert_eq!(recoil_tau::scaling::sums::four_digits(0.123_456), 0.1235);
/// ```
pub fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up() {
        let mut whole = Sums::default();
        let mut parts = [Sums::default(), Sums::default()];
        for (i, value) in [1.0, 2.0, 4.0].into_iter().enumerate() {
            whole.add(value);
            parts[i % 2].add(value);
        }
        let [mut a, b] = parts;
        assert_eq!(Sums::default().moments(), None);
        a.merge(&b);
        assert_eq!(a, whole);
        let variance: f64 = 7.0 - 49.0 / 9.0;
        let moments = whole.moments().unwrap_or_default();
        let by_hand = [7.0 / 3.0, variance.sqrt(), 7.0];
        assert!(moments.iter().zip(by_hand).all(|(a, b)| (a - b).abs() < 1e-14), "{moments:?}");
    }
}
