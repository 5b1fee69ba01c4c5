//! Quantiles of a feature in one file.

use serde::{Deserialize, Serialize};

/// Lower and upper quantile of a central interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub left: Option<f64>,
    /// Upper end.
    pub right: Option<f64>,
}

/// Median, range and the central intervals that hold as much as 1, 2, 3 and 5 standard deviations of a normal
/// distribution do. Empty for a feature without values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// Median.
    pub median: Option<f64>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// 68.27 %.
    #[serde(rename = "1sigma")]
    pub one_sigma: Interval,
    /// 95.45 %.
    #[serde(rename = "2sigma")]
    pub two_sigma: Interval,
    /// 99.73 %.
    #[serde(rename = "3sigma")]
    pub three_sigma: Interval,
    /// 99.99994 %.
    #[serde(rename = "5sigma")]
    pub five_sigma: Interval,
}

/// Share of a normal distribution below -1, -2, -3 and -5 standard deviations.
const TAILS: [f64; 4] =
    [0.158_655_253_931_457_05, 0.022_750_131_948_179_195, 0.001_349_898_031_630_094_5, 2.866_515_718_791_933e-7];

/// Values of a feature, of which at most [`Sample::MOST`] are kept: when there are more, every second one, and so on.
#[derive(Clone, Debug)]
pub struct Sample {
    values: Vec<f32>,
    seen: u64,
    step: u64,
    low: f32,
    high: f32,
}

impl Default for Sample {
    fn default() -> Self {
        Self { values: Vec::new(), seen: 0, step: 1, low: f32::INFINITY, high: f32::NEG_INFINITY }
    }
}

impl Sample {
    /// Most values that are kept.
    pub const MOST: usize = 1 << 18;

    /// Adds a value.
    pub fn add(&mut self, value: f32) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        if self.seen.is_multiple_of(self.step) {
            if self.values.len() == Self::MOST {
                let mut place = 0;
                self.values.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.step *= 2;
            }
            if self.seen.is_multiple_of(self.step) {
                self.values.push(value);
            }
        }
        self.seen += 1;
    }

    /// Whether quantiles come from a part of the values.
    pub fn is_thinned(&self) -> bool {
        self.step > 1
    }

    /// The quantiles, interpolated linearly between neighbours.
    pub fn quantiles(mut self) -> Quantiles {
        if self.values.is_empty() {
            return Quantiles::default();
        }
        self.values.sort_unstable_by(f32::total_cmp);
        let at = |p: f64| {
            let place = p * (self.values.len() - 1) as f64;
            let below = place.floor();
            let value = |i: usize| self.values.get(i.min(self.values.len() - 1)).map_or(f64::NAN, |v| f64::from(*v));
            let low = value(below as usize);
            Some(low + (value(below as usize + 1) - low) * (place - below))
        };
        let [one_sigma, two_sigma, three_sigma, five_sigma] =
            TAILS.map(|tail| Interval { left: at(tail), right: at(1.0 - tail) });
        Quantiles {
            median: at(0.5),
            min: Some(f64::from(self.low)),
            max: Some(f64::from(self.high)),
            one_sigma,
            two_sigma,
            three_sigma,
            five_sigma,
        }
    }
}

/// Why the cut range of a feature looks wrong, given where its values lie. Empty if it does not.
pub fn suspicions(range: [f64; 2], quantiles: &Quantiles) -> Vec<&'static str> {
    let mut found = Vec::new();
    let two = quantiles.two_sigma;
    if two.left.is_some_and(|left| range[0] > left) {
        found.push("the lower cut is above the lower end of the 2 sigma interval");
    }
    if two.right.is_some_and(|right| range[1] < right) {
        found.push("the upper cut is below the upper end of the 2 sigma interval");
    }
    let intervals = [
        (quantiles.one_sigma, "the 1 sigma interval is empty"),
        (two, "the 2 sigma interval is empty"),
        (quantiles.three_sigma, "the 3 sigma interval is empty"),
        (quantiles.five_sigma, "the 5 sigma interval is empty"),
    ];
    let empty = |interval: &Interval| interval.left.is_some() && interval.left == interval.right;
    found.extend(intervals.iter().filter(|(interval, _)| empty(interval)).map(|(_, text)| *text));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let mut sample = Sample::default();
        (0..=10_u8).rev().for_each(|value| sample.add(f32::from(value)));
        let quantiles = sample.quantiles();
        assert_eq!((quantiles.median, quantiles.min, quantiles.max), (Some(5.0), Some(0.0), Some(10.0)));
        assert!((quantiles.one_sigma.left.unwrap() - 1.586_552_5).abs() < 1e-6);
        assert_eq!(Sample::default().quantiles(), Quantiles::default());
    }

    #[test]
    fn many_values_are_thinned_evenly() {
        let mut sample = Sample::default();
        let count = Sample::MOST as u32 * 3;
        (0..count).for_each(|value| sample.add(value as f32));
        assert!(sample.is_thinned());
        assert!(sample.values.len() <= Sample::MOST);
        let quantiles = sample.quantiles();
        assert!((quantiles.median.unwrap() / f64::from(count) - 0.5).abs() < 1e-4);
        assert_eq!(quantiles.max, Some(f64::from(count - 1)));
    }

    #[test]
    fn suspicions_are_those_of_the_field() {
        let mut sample = Sample::default();
        (0..1000_u16).for_each(|value| sample.add(f32::from(value)));
        let quantiles = sample.quantiles();
        assert!(suspicions([0.0, 1000.0], &quantiles).is_empty());
        assert_eq!(suspicions([100.0, 900.0], &quantiles).len(), 2);
        let mut one = Sample::default();
        (0..10).for_each(|_| one.add(3.0));
        assert_eq!(suspicions([0.0, 10.0], &one.quantiles()).len(), 4);
    }
}
