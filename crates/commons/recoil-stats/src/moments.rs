//! Running weighted moments of one variable.

use serde::{Deserialize, Serialize};

/// Sums from which mean and spread follow; two sets merge by addition.
///
/// With weights `w` and values `x`: `mean = Σwx / Σw`, `rms² = Σw(x - mean)² / Σw` (the field's
/// "RMS": the spread around the mean, no `n - 1`), error on the mean `= rms / √n_eff` with
/// `n_eff = (Σw)² / Σw²`.
///
/// The second moment is kept around the running mean (West 1979; merged as in Chan, Golub and
/// LeVeque 1979), so a large offset of `x` costs no precision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    sum_w: f64,
    sum_w2: f64,
    mean: f64,
    /// Σw(x - mean)²
    spread: f64,
}

impl Moments {
    /// Moments of `values`, each with weight 1; NaN values are left out.
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        values.iter().for_each(|&x| moments.fill(x, 1.0));
        moments
    }

    /// Adds one value. NaN values and weights, and zero weights, change nothing.
    pub fn fill(&mut self, x: f64, weight: f64) {
        if x.is_nan() || weight.is_nan() || weight == 0.0 {
            return;
        }
        self.merge(&Self { sum_w: weight, sum_w2: weight * weight, mean: x, spread: 0.0 });
    }

    /// Adds what another set has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.sum_w2 == 0.0 {
            return;
        }
        if self.sum_w2 == 0.0 {
            *self = *other;
            return;
        }
        let sum_w = self.sum_w + other.sum_w;
        let distance = other.mean - self.mean;
        // weights of both signs may cancel to zero: no mean exists then, the sums stay usable
        if sum_w != 0.0 {
            self.spread += other.spread + distance * distance * self.sum_w * other.sum_w / sum_w;
            self.mean += distance * other.sum_w / sum_w;
        }
        self.sum_w = sum_w;
        self.sum_w2 += other.sum_w2;
    }

    /// Multiplies every weight by `factor`.
    pub fn scale(&mut self, factor: f64) {
        self.sum_w *= factor;
        self.sum_w2 *= factor * factor;
        self.spread *= factor;
    }

    /// Σw.
    pub fn sum_w(&self) -> f64 {
        self.sum_w
    }

    /// Effective number of entries, `(Σw)² / Σw²`; 0 when nothing was filled.
    pub fn effective_entries(&self) -> f64 {
        if self.sum_w2 > 0.0 { self.sum_w * self.sum_w / self.sum_w2 } else { 0.0 }
    }

    /// Weighted mean; `None` when the weights add up to nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.sum_w != 0.0).then_some(self.mean)
    }

    /// Spread around the mean.
    pub fn rms(&self) -> Option<f64> {
        (self.sum_w != 0.0).then(|| (self.spread / self.sum_w).max(0.0).sqrt())
    }

    /// Standard error of the mean, `rms / √n_eff`.
    pub fn mean_error(&self) -> Option<f64> {
        let entries = self.effective_entries();
        if entries > 0.0 { Some(self.rms()? / entries.sqrt()) } else { None }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weighted_moments_by_hand() {
        // x = 1, 2, 4 with w = 1, 1, 2: mean 11/4, rms² = (49/16 + 9/16 + 2*25/16)/4 = 27/16,
        // n_eff = 16/6
        let mut moments = Moments::default();
        for (x, w) in [(1.0, 1.0), (2.0, 1.0), (4.0, 2.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
            moments.fill(x, w);
        }
        assert_eq!(moments.mean(), Some(2.75));
        assert!((moments.rms().unwrap() - (27.0f64 / 16.0).sqrt()).abs() < 1e-15);
        assert!((moments.mean_error().unwrap() - (27.0f64 / 16.0 * 6.0 / 16.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_large_offset_costs_no_precision() {
        let moments = Moments::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert!((moments.rms().unwrap() - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn nothing_filled_has_no_mean() {
        assert_eq!(Moments::default().mean(), None);
        assert_eq!(Moments::default().rms(), None);
        assert_eq!(Moments::of(&[f64::NAN]).mean_error(), None);
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(values in prop::collection::vec(-1e3..1e3f64, 1..60), cut in 0usize..60) {
            let (head, tail) = values.split_at(cut.min(values.len()));
            let mut parts = Moments::of(head);
            parts.merge(&Moments::of(tail));
            let whole = Moments::of(&values);
            prop_assert!((parts.mean().unwrap() - whole.mean().unwrap()).abs() < 1e-9);
            prop_assert!((parts.rms().unwrap() - whole.rms().unwrap()).abs() < 1e-6);
        }
    }
}
