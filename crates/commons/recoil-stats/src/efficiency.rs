//! Efficiencies in bins of one variable.

use serde::{Deserialize, Serialize};

use crate::{Axis, Hist1, Interval, Result, interval};

/// Passing and all entries in the same bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency1 {
    pass: Hist1,
    total: Hist1,
}

impl Efficiency1 {
    /// No entries yet.
    pub fn new(axis: Axis) -> Self {
        Self { pass: Hist1::new(axis.clone()), total: Hist1::new(axis) }
    }

    /// Adds one trial at `x`.
    pub fn fill(&mut self, x: f64, pass: bool) {
        self.fill_weighted(x, pass, 1.0);
    }

    /// Adds one weighted trial at `x`.
    pub fn fill_weighted(&mut self, x: f64, pass: bool, weight: f64) {
        self.total.fill_weighted(x, weight);
        if pass {
            self.pass.fill_weighted(x, weight);
        }
    }

    /// The passing entries.
    pub fn pass(&self) -> &Hist1 {
        &self.pass
    }

    /// All entries.
    pub fn total(&self) -> &Hist1 {
        &self.total
    }

    /// The axis.
    pub fn axis(&self) -> &Axis {
        self.total.axis()
    }

    /// Efficiency and interval per bin with [`interval::weighted_efficiency`]: Clopper-Pearson, on
    /// effective counts when weighted. A bin without entries has value NaN, limits 0 and 1.
    ///
    /// # Errors
    /// A level outside (0, 1), or bins whose weights add up to a negative or larger pass count.
    pub fn intervals(&self, level: f64) -> Result<Vec<Interval>> {
        let totals = self.total.values().iter().zip(self.total.sum_w2());
        let interval = |(&pass, (&w, &w2))| interval::weighted_efficiency(pass, w, w2, level);
        self.pass.values().iter().zip(totals).map(interval).collect()
    }

    /// Efficiency and interval of everything inside the axis range.
    ///
    /// # Errors
    /// As [`Efficiency1::intervals`].
    pub fn overall(&self, level: f64) -> Result<Interval> {
        let w2 = self.total.sum_w2().iter().sum();
        interval::weighted_efficiency(self.pass.integral(), self.total.integral(), w2, level)
    }

    /// Adds another efficiency bin by bin.
    ///
    /// # Errors
    /// Different axes.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        self.total.add(&other.total)?;
        self.pass.add(&other.pass)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn intervals_by_hand() {
        let mut efficiency = Efficiency1::new(Axis::uniform(3, 0.0, 3.0).unwrap());
        for i in 0..10 {
            efficiency.fill(0.5, i < 3);
        }
        efficiency.fill(1.5, true);
        let bins = efficiency.intervals(0.95).unwrap();
        // 3 of 10 at 95 %: SciPy 0.0667395…, 0.6524529…
        assert_eq!(bins[0].value, 0.3);
        assert!((bins[0].low - 0.0667395111777345).abs() < 1e-10);
        assert!((bins[0].high - 0.6524528500599973).abs() < 1e-10);
        // 1 of 1: low = a = 0.025, high = 1
        assert!((bins[1].low - 0.025).abs() < 1e-12 && bins[1].high == 1.0);
        assert!(bins[2].value.is_nan());
        assert!((efficiency.overall(0.95).unwrap().value - 4.0 / 11.0).abs() < 1e-15);
        let (down, up) = bins[0].errors();
        assert!((down - 0.2332604888222655).abs() < 1e-10 && (up - 0.3524528500599973).abs() < 1e-10);
    }

    #[test]
    fn halves_add_up() {
        let axis = Axis::uniform(2, 0.0, 2.0).unwrap();
        let (mut whole, mut a, mut b) =
            (Efficiency1::new(axis.clone()), Efficiency1::new(axis.clone()), Efficiency1::new(axis));
        for i in 0..20 {
            let (x, pass) = (f64::from(i) / 10.0, i % 3 == 0);
            whole.fill(x, pass);
            if i < 10 { a.fill(x, pass) } else { b.fill(x, pass) }
        }
        a.add(&b).unwrap();
        assert_eq!(a.intervals(0.683).unwrap(), whole.intervals(0.683).unwrap());
    }
}
