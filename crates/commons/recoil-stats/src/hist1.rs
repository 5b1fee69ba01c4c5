//! Weighted histograms of one variable.

use serde::{Deserialize, Serialize};

use crate::{Axis, Moments, Result, StatsError};

/// A weighted 1D histogram with under- and overflow, sums of squared weights and moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Hist1Record", into = "Hist1Record")]
pub struct Hist1 {
    axis: Axis,
    /// Σw per bin: underflow, bins, overflow
    sum_w: Vec<f64>,
    /// Σw² per bin, same layout
    sum_w2: Vec<f64>,
    entries: u64,
    nan: u64,
    moments: Moments,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hist1Record {
    axis: Axis,
    sum_w: Vec<f64>,
    sum_w2: Vec<f64>,
    entries: u64,
    nan: u64,
    moments: Moments,
}

impl TryFrom<Hist1Record> for Hist1 {
    type Error = StatsError;

    fn try_from(record: Hist1Record) -> Result<Self> {
        let Hist1Record { axis, sum_w, sum_w2, entries, nan, moments } = record;
        check_slots(&sum_w, axis.bins() + 2)?;
        check_slots(&sum_w2, axis.bins() + 2)?;
        Ok(Self { axis, sum_w, sum_w2, entries, nan, moments })
    }
}

impl From<Hist1> for Hist1Record {
    fn from(h: Hist1) -> Self {
        Self { axis: h.axis, sum_w: h.sum_w, sum_w2: h.sum_w2, entries: h.entries, nan: h.nan, moments: h.moments }
    }
}

pub(crate) fn check_slots(sums: &[f64], slots: usize) -> Result<()> {
    if sums.len() == slots {
        Ok(())
    } else {
        Err(StatsError::Length { what: "bin contents and bins with flow", left: sums.len(), right: slots })
    }
}

pub(crate) fn check_weights(values: &[f64], weights: &[f64]) -> Result<()> {
    if values.len() == weights.len() {
        Ok(())
    } else {
        Err(StatsError::Length { what: "values and weights", left: values.len(), right: weights.len() })
    }
}

/// The slots between underflow and overflow.
pub(crate) fn inside(slots: &[f64]) -> &[f64] {
    slots.get(1..slots.len().saturating_sub(1)).unwrap_or_default()
}

impl Hist1 {
    /// An empty histogram.
    pub fn new(axis: Axis) -> Self {
        let slots = axis.bins() + 2;
        Self {
            axis,
            sum_w: vec![0.0; slots],
            sum_w2: vec![0.0; slots],
            entries: 0,
            nan: 0,
            moments: Moments::default(),
        }
    }

    /// A histogram from stored contents, with flow bins: `sum_w[0]` is the underflow,
    /// `sum_w[bins + 1]` the overflow. Moments are taken from the bin centres.
    ///
    /// # Errors
    /// A slice that does not hold `bins + 2` numbers.
    pub fn from_parts(axis: Axis, sum_w: Vec<f64>, sum_w2: Vec<f64>, entries: u64) -> Result<Self> {
        check_slots(&sum_w, axis.bins() + 2)?;
        check_slots(&sum_w2, axis.bins() + 2)?;
        let mut moments = Moments::default();
        for (i, &w) in inside(&sum_w).iter().enumerate() {
            moments.fill(axis.center(i), w);
        }
        Ok(Self { axis, sum_w, sum_w2, entries, nan: 0, moments })
    }

    /// Adds one value with weight 1.
    pub fn fill(&mut self, x: f64) {
        self.fill_weighted(x, 1.0);
    }

    /// Adds one value. A NaN value or weight is only counted in [`Hist1::nan`].
    pub fn fill_weighted(&mut self, x: f64, weight: f64) {
        let slot = if weight.is_nan() { None } else { self.axis.slot(x) };
        let Some(slot) = slot else {
            self.nan += 1;
            return;
        };
        if let (Some(w), Some(w2)) = (self.sum_w.get_mut(slot), self.sum_w2.get_mut(slot)) {
            *w += weight;
            *w2 += weight * weight;
        }
        self.entries += 1;
        if (1..=self.axis.bins()).contains(&slot) {
            self.moments.fill(x, weight);
        }
    }

    /// Adds every value with weight 1.
    pub fn fill_slice(&mut self, values: &[f64]) {
        values.iter().for_each(|&x| self.fill(x));
    }

    /// Adds every value with its weight.
    ///
    /// # Errors
    /// Slices of different length; nothing is filled then.
    pub fn fill_slice_weighted(&mut self, values: &[f64], weights: &[f64]) -> Result<()> {
        check_weights(values, weights)?;
        values.iter().zip(weights).for_each(|(&x, &w)| self.fill_weighted(x, w));
        Ok(())
    }

    /// The axis.
    pub fn axis(&self) -> &Axis {
        &self.axis
    }

    /// Σw of the bins, without flow.
    pub fn values(&self) -> &[f64] {
        inside(&self.sum_w)
    }

    /// Σw² of the bins, without flow.
    pub fn sum_w2(&self) -> &[f64] {
        inside(&self.sum_w2)
    }

    /// √Σw² of the bins, without flow: the error bars.
    pub fn errors(&self) -> Vec<f64> {
        self.sum_w2().iter().map(|w2| w2.sqrt()).collect()
    }

    /// Σw with the underflow first and the overflow last.
    pub fn values_with_flow(&self) -> &[f64] {
        &self.sum_w
    }

    /// Σw² with the underflow first and the overflow last.
    pub fn sum_w2_with_flow(&self) -> &[f64] {
        &self.sum_w2
    }

    /// Σw below the first edge.
    pub fn underflow(&self) -> f64 {
        self.sum_w.first().copied().unwrap_or_default()
    }

    /// Σw at or above the last edge.
    pub fn overflow(&self) -> f64 {
        self.sum_w.last().copied().unwrap_or_default()
    }

    /// Fill calls that were not NaN, flow included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Fill calls refused because the value or weight was NaN.
    pub fn nan(&self) -> u64 {
        self.nan
    }

    /// Σw inside the axis range.
    pub fn integral(&self) -> f64 {
        self.values().iter().sum()
    }

    /// Mean of what was filled inside the range.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// Spread around the mean of what was filled inside the range.
    pub fn rms(&self) -> Option<f64> {
        self.moments.rms()
    }

    /// All moments of what was filled inside the range.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Adds another histogram bin by bin.
    ///
    /// # Errors
    /// Different axes.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        if self.axis != other.axis {
            return Err(StatsError::AxisMismatch);
        }
        self.sum_w.iter_mut().zip(&other.sum_w).for_each(|(a, b)| *a += b);
        self.sum_w2.iter_mut().zip(&other.sum_w2).for_each(|(a, b)| *a += b);
        self.entries += other.entries;
        self.nan += other.nan;
        self.moments.merge(&other.moments);
        Ok(())
    }

    /// Multiplies every weight by `factor`; entries stay.
    pub fn scale(&mut self, factor: f64) {
        self.sum_w.iter_mut().for_each(|w| *w *= factor);
        self.sum_w2.iter_mut().for_each(|w2| *w2 *= factor * factor);
        self.moments.scale(factor);
    }

    /// The histogram scaled to an integral of 1 inside the range; unchanged when the integral is 0.
    pub fn normalised(mut self) -> Self {
        let integral = self.integral();
        if integral != 0.0 {
            self.scale(1.0 / integral);
        }
        self
    }

    /// Puts each `group` neighbouring bins together; moments keep the unbinned values.
    ///
    /// # Errors
    /// A group of 0, or one that does not divide the number of bins.
    pub fn rebin(&self, group: usize) -> Result<Self> {
        self.on_axis(self.axis.grouped(group)?)
    }

    /// Puts bins together so that the new edges are `edges`, each of which must be an edge of this
    /// histogram (within 1e-9 of the axis range). What lies outside goes to the flow bins.
    ///
    /// # Errors
    /// Edges that do not increase, or that are no edges of this histogram.
    pub fn rebin_edges(&self, edges: &[f64]) -> Result<Self> {
        let old = self.axis.edges();
        let tolerance = 1e-9 * (self.axis.hi() - self.axis.lo());
        if let Some(&value) = edges.iter().find(|&&e| !old.iter().any(|o| (o - e).abs() <= tolerance)) {
            return Err(StatsError::NotAnEdge { value });
        }
        self.on_axis(Axis::variable(edges)?)
    }

    /// Moves every bin, as a whole, to the bin of `axis` that holds its centre.
    fn on_axis(&self, axis: Axis) -> Result<Self> {
        let mut merged = Self::new(axis);
        let last = self.axis.bins() + 1;
        for (slot, (w, w2)) in self.sum_w.iter().zip(&self.sum_w2).enumerate() {
            let target = match slot {
                0 => Some(0),
                s if s == last => Some(merged.axis.bins() + 1),
                s => merged.axis.slot(self.axis.center(s - 1)),
            };
            let Some(target) = target else { continue };
            if let (Some(sum), Some(sum2)) = (merged.sum_w.get_mut(target), merged.sum_w2.get_mut(target)) {
                *sum += w;
                *sum2 += w2;
            }
        }
        let whole_range = merged.axis.lo() <= self.axis.center(0) && merged.axis.hi() >= self.axis.center(last - 2);
        let moments = if whole_range {
            self.moments
        } else {
            Self::from_parts(merged.axis.clone(), merged.sum_w.clone(), merged.sum_w2.clone(), 0)?.moments
        };
        Ok(Self { entries: self.entries, nan: self.nan, moments, ..merged })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Hist1 {
        let mut h = Hist1::new(Axis::uniform(4, 0.0, 4.0).unwrap());
        h.fill_slice_weighted(&[-1.0, 0.5, 1.5, 1.75, 3.0, 4.0, f64::NAN], &[1.0, 2.0, 3.0, 1.0, 0.5, 4.0, 1.0])
            .unwrap();
        h
    }

    #[test]
    fn contents_by_hand() {
        let h = sample();
        assert_eq!(h.values_with_flow(), [1.0, 2.0, 4.0, 0.0, 0.5, 4.0]);
        assert_eq!(h.sum_w2(), [4.0, 10.0, 0.0, 0.25]);
        assert_eq!(h.errors(), [2.0, 10f64.sqrt(), 0.0, 0.5]);
        assert_eq!((h.underflow(), h.overflow(), h.integral()), (1.0, 4.0, 6.5));
        assert_eq!((h.entries(), h.nan()), (6, 1));
        // inside: Σw = 6.5, Σwx = 1 + 4.5 + 1.75 + 1.5 = 8.75
        assert!((h.mean().unwrap() - 8.75 / 6.5).abs() < 1e-15);
        // Σwx² = 0.5 + 6.75 + 3.0625 + 4.5 = 14.8125
        let variance = 14.8125 / 6.5 - (8.75f64 / 6.5).powi(2);
        assert!((h.rms().unwrap() - variance.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn scaling_and_normalising() {
        let mut h = sample();
        let (mean, rms) = (h.mean().unwrap(), h.rms().unwrap());
        h.scale(2.0);
        assert_eq!(h.values(), [4.0, 8.0, 0.0, 1.0]);
        assert_eq!(h.sum_w2(), [16.0, 40.0, 0.0, 1.0]);
        assert!((h.mean().unwrap() - mean).abs() < 1e-15 && (h.rms().unwrap() - rms).abs() < 1e-15);
        assert!((h.normalised().integral() - 1.0).abs() < 1e-15);
        let empty = Hist1::new(Axis::uniform(1, 0.0, 1.0).unwrap());
        assert_eq!(empty.clone().normalised(), empty);
    }

    #[test]
    fn rebinning_keeps_sums_and_moments() {
        let h = sample();
        let half = h.rebin(2).unwrap();
        assert_eq!(half.values_with_flow(), [1.0, 6.0, 0.5, 4.0]);
        assert_eq!(half.sum_w2(), [14.0, 0.25]);
        assert_eq!((half.mean(), half.entries(), half.nan()), (h.mean(), 6, 1));
        assert_eq!(h.rebin(3), Err(StatsError::Rebin { bins: 4, group: 3 }));
        assert!(h.rebin(0).is_err());
        let cut = h.rebin_edges(&[1.0, 2.0, 4.0]).unwrap();
        assert_eq!(cut.values_with_flow(), [3.0, 4.0, 0.5, 4.0]);
        assert_eq!(h.rebin_edges(&[0.0, 1.5]), Err(StatsError::NotAnEdge { value: 1.5 }));
    }

    #[test]
    fn different_axes_do_not_add() {
        let mut h = sample();
        assert_eq!(h.add(&Hist1::new(Axis::uniform(4, 0.0, 5.0).unwrap())), Err(StatsError::AxisMismatch));
    }

    #[test]
    fn stored_form_round_trips_and_is_checked() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Hist1>(&text).unwrap(), sample());
        assert!(serde_json::from_str::<Hist1>(&text.replace("[1.0,2.0,", "[2.0,")).is_err());
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(
            data in prop::collection::vec((-2.0..6.0f64, 1..9u8), 1..80), cut in 0usize..80
        ) {
            // integer weights: the sums are exact in any order
            let (x, w): (Vec<f64>, Vec<f64>) = data.iter().map(|&(x, w)| (x, f64::from(w))).unzip();
            let cut = cut.min(x.len());
            let axis = Axis::variable([0.0, 0.5, 2.0, 5.0]).unwrap();
            let filled = |x: &[f64], w: &[f64]| {
                let mut h = Hist1::new(axis.clone());
                h.fill_slice_weighted(x, w).unwrap();
                h
            };
            let mut parts = filled(&x[..cut], &w[..cut]);
            parts.add(&filled(&x[cut..], &w[cut..])).unwrap();
            let whole = filled(&x, &w);
            prop_assert_eq!(parts.values_with_flow(), whole.values_with_flow());
            prop_assert_eq!(parts.sum_w2_with_flow(), whole.sum_w2_with_flow());
            prop_assert_eq!(parts.entries(), whole.entries());
            prop_assert_eq!(whole.values_with_flow().iter().sum::<f64>(), w.iter().sum::<f64>());
            if let (Some(a), Some(b)) = (parts.mean(), whole.mean()) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }
}
