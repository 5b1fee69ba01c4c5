//! Centre and width of a distribution that may have long tails.

use recoil_stats::quantile::{sorted, sorted_quantile};
use serde::Serialize;

/// Median and interquartile range, with linear interpolation between values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// number of values
    pub entries: usize,
    /// median, `None` without values
    pub median: Option<f64>,
    /// 75 % quantile minus 25 % quantile
    pub iqr: Option<f64>,
}

impl Spread {
    /// Of values; NaN is left out.
    ///
    /// ```
    /// let spread = recoil_pflow::evaluation::Spread::of(&[4.0, 1.0, 3.0, 2.0]);
    /// assert_eq!((spread.median, spread.iqr), (Some(2.5), Some(1.5)));
    /// ```
    pub fn of(values: &[f64]) -> Self {
        let values = sorted(values);
        let range = sorted_quantile(&values, 0.75).zip(sorted_quantile(&values, 0.25));
        Self { entries: values.len(), median: sorted_quantile(&values, 0.5), iqr: range.map(|(high, low)| high - low) }
    }

    /// Interquartile range over median.
    pub fn relative(&self) -> Option<f64> {
        self.iqr.zip(self.median).filter(|(_, median)| *median != 0.0).map(|(iqr, median)| iqr / median)
    }
}
