//! Weighted histograms of two variables.

use serde::{Deserialize, Serialize};

use crate::hist1::check_slots;
use crate::{Axis, Hist1, Moments, Result, StatsError};

/// A weighted 2D histogram. Storage is row by row in y, `(bins_x + 2)` numbers each, flow bins
/// included (ROOT's order: x runs fastest).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Hist2Record", into = "Hist2Record")]
pub struct Hist2 {
    x: Axis,
    y: Axis,
    sum_w: Vec<f64>,
    sum_w2: Vec<f64>,
    entries: u64,
    nan: u64,
    moments_x: Moments,
    moments_y: Moments,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hist2Record {
    x: Axis,
    y: Axis,
    sum_w: Vec<f64>,
    sum_w2: Vec<f64>,
    entries: u64,
    nan: u64,
    moments_x: Moments,
    moments_y: Moments,
}

impl TryFrom<Hist2Record> for Hist2 {
    type Error = StatsError;

    fn try_from(record: Hist2Record) -> Result<Self> {
        let Hist2Record { x, y, sum_w, sum_w2, entries, nan, moments_x, moments_y } = record;
        let slots = (x.bins() + 2).saturating_mul(y.bins() + 2);
        check_slots(&sum_w, slots)?;
        check_slots(&sum_w2, slots)?;
        Ok(Self { x, y, sum_w, sum_w2, entries, nan, moments_x, moments_y })
    }
}

impl From<Hist2> for Hist2Record {
    fn from(h: Hist2) -> Self {
        let Hist2 { x, y, sum_w, sum_w2, entries, nan, moments_x, moments_y } = h;
        Self { x, y, sum_w, sum_w2, entries, nan, moments_x, moments_y }
    }
}

impl Hist2 {
    /// An empty histogram.
    pub fn new(x: Axis, y: Axis) -> Self {
        let slots = (x.bins() + 2) * (y.bins() + 2);
        Self {
            x,
            y,
            sum_w: vec![0.0; slots],
            sum_w2: vec![0.0; slots],
            entries: 0,
            nan: 0,
            moments_x: Moments::default(),
            moments_y: Moments::default(),
        }
    }

    /// A histogram from stored contents with flow bins, x running fastest. Moments are taken from
    /// the bin centres.
    ///
    /// # Errors
    /// A slice that does not hold `(bins_x + 2) (bins_y + 2)` numbers.
    pub fn from_parts(x: Axis, y: Axis, sum_w: Vec<f64>, sum_w2: Vec<f64>, entries: u64) -> Result<Self> {
        let mut h = Self::new(x, y);
        check_slots(&sum_w, h.sum_w.len())?;
        check_slots(&sum_w2, h.sum_w.len())?;
        (h.sum_w, h.sum_w2, h.entries) = (sum_w, sum_w2, entries);
        for iy in 0..h.y.bins() {
            for ix in 0..h.x.bins() {
                let w = h.value(ix, iy);
                h.moments_x.fill(h.x.center(ix), w);
                h.moments_y.fill(h.y.center(iy), w);
            }
        }
        Ok(h)
    }

    /// Adds one pair with weight 1.
    pub fn fill(&mut self, x: f64, y: f64) {
        self.fill_weighted(x, y, 1.0);
    }

    /// Adds one pair. A NaN in either value or the weight is only counted in [`Hist2::nan`].
    pub fn fill_weighted(&mut self, x: f64, y: f64, weight: f64) {
        let slots = if weight.is_nan() { None } else { self.x.slot(x).zip(self.y.slot(y)) };
        let Some((ix, iy)) = slots else {
            self.nan += 1;
            return;
        };
        let slot = iy * (self.x.bins() + 2) + ix;
        if let (Some(w), Some(w2)) = (self.sum_w.get_mut(slot), self.sum_w2.get_mut(slot)) {
            *w += weight;
            *w2 += weight * weight;
        }
        self.entries += 1;
        if (1..=self.x.bins()).contains(&ix) && (1..=self.y.bins()).contains(&iy) {
            self.moments_x.fill(x, weight);
            self.moments_y.fill(y, weight);
        }
    }

    /// Adds every pair with weight 1.
    ///
    /// # Errors
    /// Slices of different length; nothing is filled then.
    pub fn fill_slice(&mut self, x: &[f64], y: &[f64]) -> Result<()> {
        check_pairs(x, y)?;
        x.iter().zip(y).for_each(|(&x, &y)| self.fill(x, y));
        Ok(())
    }

    /// Adds every pair with its weight.
    ///
    /// # Errors
    /// Slices of different length; nothing is filled then.
    pub fn fill_slice_weighted(&mut self, x: &[f64], y: &[f64], weights: &[f64]) -> Result<()> {
        check_pairs(x, y)?;
        crate::hist1::check_weights(x, weights)?;
        x.iter().zip(y).zip(weights).for_each(|((&x, &y), &w)| self.fill_weighted(x, y, w));
        Ok(())
    }

    /// The x axis.
    pub fn x(&self) -> &Axis {
        &self.x
    }

    /// The y axis.
    pub fn y(&self) -> &Axis {
        &self.y
    }

    /// Σw of bin (ix, iy), indices from 0 without flow; 0 outside.
    pub fn value(&self, ix: usize, iy: usize) -> f64 {
        self.at(&self.sum_w, ix, iy)
    }

    /// √Σw² of bin (ix, iy), indices from 0 without flow; 0 outside.
    pub fn error(&self, ix: usize, iy: usize) -> f64 {
        self.at(&self.sum_w2, ix, iy).sqrt()
    }

    fn at(&self, slots: &[f64], ix: usize, iy: usize) -> f64 {
        if ix >= self.x.bins() || iy >= self.y.bins() {
            return 0.0;
        }
        slots.get((iy + 1) * (self.x.bins() + 2) + ix + 1).copied().unwrap_or_default()
    }

    /// Σw without flow, `bins_y` rows of `bins_x` numbers (x runs fastest).
    pub fn values(&self) -> Vec<f64> {
        let row = |iy| (0..self.x.bins()).map(move |ix| self.value(ix, iy));
        (0..self.y.bins()).flat_map(row).collect()
    }

    /// Σw with flow bins, x running fastest.
    pub fn values_with_flow(&self) -> &[f64] {
        &self.sum_w
    }

    /// Σw² with flow bins, x running fastest.
    pub fn sum_w2_with_flow(&self) -> &[f64] {
        &self.sum_w2
    }

    /// Fill calls that were not NaN, flow included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Fill calls refused because of NaN.
    pub fn nan(&self) -> u64 {
        self.nan
    }

    /// Σw inside both ranges.
    pub fn integral(&self) -> f64 {
        self.values().iter().sum()
    }

    /// Moments of x of what was filled inside both ranges.
    pub fn moments_x(&self) -> &Moments {
        &self.moments_x
    }

    /// Moments of y of what was filled inside both ranges.
    pub fn moments_y(&self) -> &Moments {
        &self.moments_y
    }

    /// Adds another histogram bin by bin.
    ///
    /// # Errors
    /// Different axes.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        if self.x != other.x || self.y != other.y {
            return Err(StatsError::AxisMismatch);
        }
        self.sum_w.iter_mut().zip(&other.sum_w).for_each(|(a, b)| *a += b);
        self.sum_w2.iter_mut().zip(&other.sum_w2).for_each(|(a, b)| *a += b);
        self.entries += other.entries;
        self.nan += other.nan;
        self.moments_x.merge(&other.moments_x);
        self.moments_y.merge(&other.moments_y);
        Ok(())
    }

    /// Multiplies every weight by `factor`; entries stay.
    pub fn scale(&mut self, factor: f64) {
        self.sum_w.iter_mut().for_each(|w| *w *= factor);
        self.sum_w2.iter_mut().for_each(|w2| *w2 *= factor * factor);
        self.moments_x.scale(factor);
        self.moments_y.scale(factor);
    }

    /// Sum over all of y, flow included: the histogram of x.
    ///
    /// # Errors
    /// None in practice: the shapes follow from this histogram.
    pub fn project_x(&self) -> Result<Hist1> {
        let slots = self.x.bins() + 2;
        let sums = |all: &[f64]| (0..slots).map(|ix| all.iter().skip(ix).step_by(slots).sum()).collect::<Vec<f64>>();
        Hist1::from_parts(self.x.clone(), sums(&self.sum_w), sums(&self.sum_w2), self.entries)
    }

    /// Sum over all of x, flow included: the histogram of y.
    ///
    /// # Errors
    /// None in practice: the shapes follow from this histogram.
    pub fn project_y(&self) -> Result<Hist1> {
        let slots = self.x.bins() + 2;
        let sums = |all: &[f64]| all.chunks(slots).map(|row| row.iter().sum()).collect::<Vec<f64>>();
        Hist1::from_parts(self.y.clone(), sums(&self.sum_w), sums(&self.sum_w2), self.entries)
    }

    /// Puts each `group_x` by `group_y` block of bins together.
    ///
    /// # Errors
    /// A group of 0, or one that does not divide the number of bins.
    pub fn rebin(&self, group_x: usize, group_y: usize) -> Result<Self> {
        let mut merged = Self::new(self.x.grouped(group_x)?, self.y.grouped(group_y)?);
        let (old_row, new_row) = (self.x.bins() + 2, merged.x.bins() + 2);
        let target = |slot: usize, bins: usize, group: usize| match slot {
            0 => 0,
            s if s > bins => bins / group + 1,
            s => (s - 1) / group + 1,
        };
        for (slot, (w, w2)) in self.sum_w.iter().zip(&self.sum_w2).enumerate() {
            let to = target(slot / old_row, self.y.bins(), group_y) * new_row
                + target(slot % old_row, self.x.bins(), group_x);
            if let (Some(sum), Some(sum2)) = (merged.sum_w.get_mut(to), merged.sum_w2.get_mut(to)) {
                *sum += w;
                *sum2 += w2;
            }
        }
        Ok(Self {
            entries: self.entries,
            nan: self.nan,
            moments_x: self.moments_x,
            moments_y: self.moments_y,
            ..merged
        })
    }
}

fn check_pairs(x: &[f64], y: &[f64]) -> Result<()> {
    if x.len() == y.len() {
        Ok(())
    } else {
        Err(StatsError::Length { what: "x and y values", left: x.len(), right: y.len() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Hist2 {
        let mut h = Hist2::new(Axis::uniform(4, 0.0, 4.0).unwrap(), Axis::variable([0.0, 1.0, 3.0]).unwrap());
        h.fill_weighted(0.5, 0.5, 2.0);
        h.fill_weighted(0.5, 2.0, 3.0);
        h.fill_weighted(3.5, 2.9, 1.0);
        h.fill_weighted(1.5, 9.0, 5.0); // overflow in y
        h.fill(f64::NAN, 0.5);
        h
    }

    #[test]
    fn contents_and_projections_by_hand() {
        let h = sample();
        assert_eq!(h.values(), [2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0]);
        assert_eq!((h.error(0, 1), h.value(9, 0), h.integral()), (3.0, 0.0, 6.0));
        assert_eq!((h.entries(), h.nan()), (4, 1));
        assert_eq!(h.project_x().unwrap().values(), [5.0, 5.0, 0.0, 1.0]);
        let y = h.project_y().unwrap();
        assert_eq!((y.values(), y.overflow()), (&[2.0, 4.0][..], 5.0));
        // inside: (0.5 * 5 + 3.5) / 6
        assert_eq!(h.moments_x().mean(), Some(1.0));
    }

    #[test]
    fn rebinning_and_storage() {
        let h = sample();
        let coarse = h.rebin(2, 2).unwrap();
        assert_eq!(coarse.values(), [5.0, 1.0]);
        assert_eq!(coarse.values_with_flow().iter().sum::<f64>(), 11.0);
        assert!(h.rebin(3, 1).is_err());
        let text = serde_json::to_string(&h).unwrap();
        assert_eq!(serde_json::from_str::<Hist2>(&text).unwrap(), h);
        let rebuilt = Hist2::from_parts(
            h.x().clone(),
            h.y().clone(),
            h.values_with_flow().to_vec(),
            h.sum_w2_with_flow().to_vec(),
            h.entries(),
        );
        assert_eq!(rebuilt.unwrap().values(), h.values());
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(
            data in prop::collection::vec((-1.0..3.0f64, -1.0..3.0f64), 1..80), cut in 0usize..80
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = data.iter().copied().unzip();
            let cut = cut.min(x.len());
            let filled = |x: &[f64], y: &[f64]| {
                let axis = Axis::uniform(4, 0.0, 2.0).unwrap();
                let mut h = Hist2::new(axis.clone(), axis);
                h.fill_slice(x, y).unwrap();
                h
            };
            let mut parts = filled(&x[..cut], &y[..cut]);
            parts.add(&filled(&x[cut..], &y[cut..])).unwrap();
            let whole = filled(&x, &y);
            prop_assert_eq!(parts.values_with_flow(), whole.values_with_flow());
            prop_assert_eq!(whole.values_with_flow().iter().sum::<f64>(), x.len() as f64);
        }
    }
}
