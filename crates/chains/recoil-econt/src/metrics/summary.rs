//! Many wafers in a few numbers, with confidence intervals.

use recoil_stats::{Moments, quantile};

/// Location and spread of a metric, with intervals at 68.3 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Wafers that count.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Standard error of the mean.
    pub mean_error: f64,
    /// Standard deviation of the wafers (population).
    pub std: f64,
    /// Median.
    pub median: f64,
    /// Interval of the median, from order statistics.
    pub median_interval: (f64, f64),
    /// Quantile at 16 %.
    pub p16: f64,
    /// Quantile at 84 %.
    pub p84: f64,
}

/// Sums up values; NaN is left out. `None` without values.
pub fn summarise(values: &[f64]) -> Option<Summary> {
    let sorted = quantile::sorted(values);
    let moments = Moments::of(&sorted);
    let n = sorted.len() as f64;
    // a binomial count below the median fluctuates by half the root of n
    let half_width = 0.5 / n.sqrt();
    let at = |p: f64| quantile::sorted_quantile(&sorted, p.clamp(0.0, 1.0));
    Some(Summary {
        count: sorted.len(),
        mean: moments.mean()?,
        mean_error: moments.mean_error()?,
        std: moments.rms()?,
        median: at(0.5)?,
        median_interval: (at(0.5 - half_width)?, at(0.5 + half_width)?),
        p16: at(0.16)?,
        p84: at(0.84)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_hand() {
        let values: Vec<f64> = (0..100).map(f64::from).chain([f64::NAN]).collect();
        let summary = summarise(&values).unwrap();
        assert_eq!((summary.count, summary.mean, summary.median), (100, 49.5, 49.5));
        assert!((summary.mean_error - (9999.0f64 / 12.0).sqrt() / 10.0).abs() < 1e-12);
        assert!((summary.median_interval.0 - 0.45 * 99.0).abs() < 1e-12);
        assert!(summarise(&[f64::NAN]).is_none());
    }
}
