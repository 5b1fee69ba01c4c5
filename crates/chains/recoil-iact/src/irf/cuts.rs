//! Cuts that depend on energy: a percentile of a quantity in every bin.

use super::binning::{bin_of, centers, quantile};

/// A cut per bin.
#[derive(Clone, Debug, PartialEq)]
pub struct CutTable {
    /// Edges of the bins.
    pub edges: Vec<f64>,
    /// Values that were in a bin.
    pub n_events: Vec<usize>,
    /// The cuts.
    pub cut: Vec<f64>,
}

/// How cuts are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentileCut {
    /// Percentile of the values, from 0 to 100.
    pub percentile: f64,
    /// Cut of bins with too few values.
    pub fill_value: f64,
    /// Least cut of the others.
    pub min_value: Option<f64>,
    /// Greatest cut of the others.
    pub max_value: Option<f64>,
    /// Values that a bin needs.
    pub min_events: usize,
    /// Width of a Gaussian in bins by which the cuts are smoothed.
    pub smoothing: Option<f64>,
}

impl PercentileCut {
    /// The percentile with at least ten values per bin, without limits.
    pub fn new(percentile: f64, fill_value: f64) -> Self {
        Self { percentile, fill_value, min_value: None, max_value: None, min_events: 10, smoothing: None }
    }

    /// The cuts of `values` in bins of `energy`; values that are no number are left out of the percentile.
    pub fn table(&self, values: &[f64], energy: &[f64], edges: &[f64]) -> CutTable {
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); edges.len().saturating_sub(1)];
        for (value, energy) in values.iter().zip(energy) {
            if let Some(group) = bin_of(edges, *energy).and_then(|bin| groups.get_mut(bin)) {
                group.push(*value);
            }
        }
        let n_events = groups.iter().map(Vec::len).collect();
        let of = |mut group: Vec<f64>| {
            if group.len() < self.min_events {
                return self.fill_value;
            }
            group.retain(|value| !value.is_nan());
            group.sort_unstable_by(f64::total_cmp);
            let value = quantile(&group, self.percentile / 100.0);
            let value = self.min_value.map_or(value, |least| value.max(least));
            self.max_value.map_or(value, |most| value.min(most))
        };
        let mut cut: Vec<f64> = groups.into_iter().map(of).collect();
        if let Some(width) = self.smoothing {
            cut = smooth(&cut, width);
        }
        CutTable { edges: edges.to_vec(), n_events, cut }
    }
}

/// Convolution with a Gaussian, cut at four widths; the ends are continued.
fn smooth(values: &[f64], width: f64) -> Vec<f64> {
    let reach = (4.0 * width + 0.5) as i64;
    let kernel: Vec<f64> = (-reach..=reach).map(|x| (-0.5 * (x as f64 / width).powi(2)).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    let last = values.len() as i64 - 1;
    let at = |place: i64| values[place.clamp(0, last) as usize];
    (0..=last).map(|center| kernel.iter().zip(-reach..).map(|(k, x)| k / sum * at(center + x)).sum()).collect()
}

impl CutTable {
    /// Middles of the bins.
    pub fn centers(&self) -> Vec<f64> {
        centers(&self.edges)
    }

    /// The cut at an energy; none outside of the bins.
    pub fn at(&self, energy: f64) -> Option<f64> {
        bin_of(&self.edges, energy).and_then(|bin| self.cut.get(bin).copied())
    }

    /// Whether a value is at least the cut at its energy.
    pub fn passes_above(&self, value: f64, energy: f64) -> bool {
        self.at(energy).is_some_and(|cut| value >= cut)
    }

    /// Whether a value is at most the cut at its energy.
    pub fn passes_below(&self, value: f64, energy: f64) -> bool {
        self.at(energy).is_some_and(|cut| value <= cut)
    }

    /// Gives bins with fewer than `min_events` values the cut of the nearest good bin; between good bins the mean of the
    /// cuts that stood in both neighbours.
    pub fn fill_from_neighbours(&mut self, min_events: usize) {
        let good = |bin: &usize| self.n_events[*bin] >= min_events;
        let bins = 0..self.cut.len();
        let (Some(first), Some(last)) = (bins.clone().find(good), bins.clone().rev().find(good)) else { return };
        let old = self.cut.clone();
        for bin in bins.filter(|bin| !good(bin)).collect::<Vec<_>>() {
            self.cut[bin] = match bin {
                bin if bin < first => old[first],
                bin if bin > last => old[last],
                bin => (old[bin - 1] + old[bin + 1]) / 2.0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thin_bins_take_their_neighbours_cut() {
        let mut table = CutTable {
            edges: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            n_events: vec![1, 20, 2, 30, 0],
            cut: vec![9.0, 0.2, 9.0, 0.4, 9.0],
        };
        table.fill_from_neighbours(10);
        for (found, expected) in table.cut.iter().zip([0.2, 0.2, 0.3, 0.4, 0.4]) {
            assert!((found - expected).abs() < 1e-15);
        }
        let untouched = CutTable { n_events: vec![0; 5], ..table.clone() };
        let mut same = untouched.clone();
        same.fill_from_neighbours(10);
        assert_eq!(same, untouched);
        assert!(table.passes_above(0.2, 1.0) && !table.passes_above(0.2, 5.0) && table.passes_below(0.4, 3.5));
    }

    #[test]
    fn percentiles_with_limits_and_smoothing() {
        let energy = vec![0.5; 11];
        let values: Vec<f64> = (0..11).map(f64::from).collect();
        let cut = PercentileCut::new(68.0, -1.0);
        assert!((cut.table(&values, &energy, &[0.0, 1.0, 2.0]).cut[0] - 6.8).abs() < 1e-12);
        assert_eq!(cut.table(&values, &energy, &[0.0, 1.0, 2.0]).cut[1], -1.0);
        let limited = PercentileCut { max_value: Some(5.0), ..cut };
        assert_eq!(limited.table(&values, &energy, &[0.0, 1.0]).cut, [5.0]);
        // scipy.ndimage.gaussian_filter1d([0, 0, 1, 0], 1, mode="nearest")
        let smoothed = smooth(&[0.0, 0.0, 1.0, 0.0], 1.0);
        for (found, expected) in smoothed.iter().zip([0.053_991_127, 0.241_971_446, 0.398_943_469, 0.241_971_446]) {
            assert!((found - expected).abs() < 1e-9, "{smoothed:?}");
        }
        assert!((smooth(&[2.0; 5], 1.3)[2] - 2.0).abs() < 1e-14);
    }
}
