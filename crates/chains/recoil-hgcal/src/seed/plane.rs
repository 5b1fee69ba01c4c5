//! Seeding in the plane (x/|z|, y/|z|) instead of (R/z, phi): CMSSW's `XY` seeding space.
//!
//! The plane is a square of `bins` by `bins`, bounded on all sides. Energy in CE-E and in CE-H is smoothed by a kernel of
//! its own, each divided by the sum of its weights, and added; seeds are then found as in the other space
//! ([`maxima`]), rows along x and columns along y.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::maxima::{self, Energies};
use super::{SeedConfig, SeedPosition, Seeds};
use crate::data::{LAST_CEE_LAYER, TriggerCells};
use crate::error::{HgcalError, Result};
use crate::fill::Endcap;

/// Binning and smoothing of the plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlaneConfig {
    /// Bins along x, and along y.
    pub bins: usize,
    /// The plane reaches from minus to plus this in x/|z| and in y/|z|.
    pub limit: f64,
    /// Smoothing weights in CE-E, row by row: a square with an odd number of rows.
    pub em_kernel: Vec<f64>,
    /// Smoothing weights in CE-H, row by row: a square with an odd number of rows.
    pub had_kernel: Vec<f64>,
}

impl Default for PlaneConfig {
    fn default() -> Self {
        let ones_with_centre = |side: usize, centre: f64| {
            let mut kernel = vec![1.0; side * side];
            kernel[side * side / 2] = centre;
            kernel
        };
        Self { bins: 192, limit: 0.6, em_kernel: ones_with_centre(3, 1.1), had_kernel: ones_with_centre(5, 2.0) }
    }
}

impl PlaneConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`HgcalError::Config`] naming the key: no bins or more than 4096, a limit that is not above zero, a kernel that is
    /// not an odd square, is wider than the plane, or does not sum to more than zero.
    pub fn check(&self) -> Result<()> {
        let bad = |key, reason: String| Err(HgcalError::Config { key, reason });
        if !(1..=4096).contains(&self.bins) {
            return bad("seed.plane.bins", format!("{} is not between 1 and 4096", self.bins));
        }
        if !self.limit.is_finite() || self.limit <= 0.0 {
            return bad("seed.plane.limit", format!("{} is not a number above 0", self.limit));
        }
        for (key, kernel) in [("seed.plane.em_kernel", &self.em_kernel), ("seed.plane.had_kernel", &self.had_kernel)] {
            let side = kernel.len().isqrt();
            if side * side != kernel.len() || side % 2 == 0 || side > self.bins {
                let reason = format!("{} weights are not a square with an odd number of rows", kernel.len());
                return bad(key, reason);
            }
            if !kernel.iter().all(|w| w.is_finite()) || kernel.iter().sum::<f64>() <= 0.0 {
                return bad(key, "needs weights that sum to more than zero".to_owned());
            }
        }
        Ok(())
    }
}

/// One endcap of one event in the plane; reused from event to event.
#[derive(Clone, Debug, Default)]
pub struct Plane {
    bins: Vec<Content>,
    occupied: Vec<u32>,
    smoothed: Vec<f64>,
    touched: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Content {
    occupied: bool,
    em: f64,
    had: f64,
    /// Sums of mipT times position.
    x: f64,
    y: f64,
}

impl Plane {
    /// Appends the seeds of one endcap to `seeds`. `bins` is scratch memory. Cells outside the plane make no seed.
    pub fn seed(
        &mut self,
        config: &SeedConfig,
        cells: &TriggerCells<'_>,
        endcap: Endcap,
        bins: &mut Vec<(u32, u32)>,
        seeds: &mut Seeds,
    ) {
        let side = config.plane.bins;
        self.fill(&config.plane, cells, endcap);
        self.smooth(side, &config.plane.em_kernel, |bin| bin.em);
        self.smooth(side, &config.plane.had_kernel, |bin| bin.had);
        bins.clear();
        let energies = Energies { values: &self.smoothed, columns: side, cyclic: false };
        maxima::find(config, energies, bins);
        for &(row, column) in bins.iter() {
            let (row, column) = (row as usize, column as usize);
            let (x, y) = match config.position {
                SeedPosition::TcWeighted => self.weighted(&config.plane, row, column),
                SeedPosition::BinCentre => bin_center(&config.plane, row, column),
            };
            seeds.push(self.smoothed[row * side + column], x, y, endcap);
        }
    }

    fn fill(&mut self, config: &PlaneConfig, cells: &TriggerCells<'_>, endcap: Endcap) {
        let size = config.bins * config.bins;
        if self.bins.len() == size {
            for &i in &self.occupied {
                self.bins[i as usize] = Content::default();
            }
            for &i in &self.touched {
                self.smoothed[i as usize] = 0.0;
            }
        } else {
            self.bins = vec![Content::default(); size];
            self.smoothed = vec![0.0; size];
        }
        self.occupied.clear();
        self.touched.clear();
        let per_bin = config.bins as f64 / (2.0 * config.limit);
        let find = |value: f64| {
            let inside = value >= -config.limit && value < config.limit;
            inside.then(|| (((value + config.limit) * per_bin) as usize).min(config.bins - 1))
        };
        let columns = cells.x.iter().zip(cells.y).zip(cells.z).zip(cells.mip_pt).zip(cells.layer);
        for ((((&x, &y), &z), &mip_pt), &layer) in columns.filter(|((((_, _), z), _), _)| endcap.holds(**z)) {
            let (depth, mip_pt) = (f64::from(z).abs(), f64::from(mip_pt));
            let (x, y) = (f64::from(x) / depth, f64::from(y) / depth);
            let (Some(row), Some(column)) = (find(x), find(y)) else { continue };
            let i = row * config.bins + column;
            let bin = &mut self.bins[i];
            if !bin.occupied {
                bin.occupied = true;
                self.occupied.push(i as u32);
            }
            if layer <= LAST_CEE_LAYER {
                bin.em += mip_pt
            } else {
                bin.had += mip_pt
            }
            bin.x += mip_pt * x;
            bin.y += mip_pt * y;
        }
        // the order of sums must not depend on that of the cells
        self.occupied.sort_unstable();
    }

    /// Adds the energies that `energy` picks, smoothed by `kernel`.
    fn smooth(&mut self, side: usize, kernel: &[f64], energy: impl Fn(&Content) -> f64) {
        let (width, norm) = (kernel.len().isqrt(), kernel.iter().sum::<f64>());
        // the bin at `home - step` sees this one at `home + step`
        let target = |home: usize, index: usize| (home + width / 2).checked_sub(index).filter(|&bin| bin < side);
        for &i in &self.occupied {
            let energy = energy(&self.bins[i as usize]) / norm;
            if energy == 0.0 {
                continue;
            }
            let (row, column) = (i as usize / side, i as usize % side);
            for (k, weight) in kernel.iter().enumerate() {
                if let (Some(r), Some(c)) = (target(row, k / width), target(column, k % width)) {
                    self.smoothed[r * side + c] += weight * energy;
                    self.touched.push((r * side + c) as u32);
                }
            }
        }
    }

    /// mipT-weighted mean of the cells of the bin; where smoothing lifted an empty bin, of the cells in growing squares
    /// around it.
    fn weighted(&self, config: &PlaneConfig, row: usize, column: usize) -> (f64, f64) {
        let widest = config.em_kernel.len().max(config.had_kernel.len()).isqrt() / 2;
        for reach in 0..=widest {
            let around = |home: usize| home.saturating_sub(reach)..=(home + reach).min(config.bins - 1);
            let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
            for bin in around(row).flat_map(|r| around(column).map(move |c| r * config.bins + c)) {
                let bin = &self.bins[bin];
                sum += bin.em + bin.had;
                x += bin.x;
                y += bin.y;
            }
            if sum > 0.0 {
                return (x / sum, y / sum);
            }
        }
        bin_center(config, row, column)
    }
}

fn bin_center(config: &PlaneConfig, row: usize, column: usize) -> (f64, f64) {
    let width = 2.0 * config.limit / config.bins as f64;
    let center = |i: usize| (i as f64 + 0.5) * width - config.limit;
    (center(row), center(column))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{EventBatch, TriggerCell};
    use crate::seed::{SeedAlgorithm, SeedingSpace};

    fn seeds_of(config: &SeedConfig, cells: &[(f32, f32, i32, f32)]) -> Seeds {
        let mut events = EventBatch::default();
        for &(x, y, layer, mip_pt) in cells {
            events.cells.push(TriggerCell { layer, x, y, z: 100.0, mip_pt, ..TriggerCell::default() });
        }
        events.finish_event(1);
        let mut seeds = Seeds::default();
        let mut plane = Plane::default();
        // twice: nothing of the first event may stay
        for _ in 0..2 {
            seeds.clear();
            plane.seed(config, &events.event_cells(0), Endcap::Positive, &mut Vec::new(), &mut seeds);
        }
        seeds
    }

    fn config() -> SeedConfig {
        let algorithm = SeedAlgorithm::HistoMax;
        SeedConfig { space: SeedingSpace::Xy, algorithm, threshold: 1.0, ..SeedConfig::default() }
    }

    #[test]
    fn each_part_is_smoothed_by_its_kernel() {
        let em = seeds_of(&config(), &[(10.0, 20.0, 5, 91.0)]);
        assert_eq!(em.len(), 1);
        assert!((em.energy[0] - 91.0 * 1.1 / 9.1).abs() < 1e-9, "{}", em.energy[0]);
        assert!((em.x[0] - 0.1).abs() < 1e-7 && (em.y[0] - 0.2).abs() < 1e-7);
        let had = seeds_of(&config(), &[(10.0, 20.0, 35, 91.0)]);
        assert!((had.energy[0] - 91.0 * 2.0 / 26.0).abs() < 1e-9, "{}", had.energy[0]);
        let both = seeds_of(&config(), &[(10.0, 20.0, 5, 91.0), (10.0, 20.0, 35, 91.0)]);
        assert!((both.energy[0] - em.energy[0] - had.energy[0]).abs() < 1e-9);
    }

    #[test]
    fn the_plane_ends_at_its_edges() {
        let mut config = config();
        config.threshold = 0.5;
        // the two cells sit in the first and the last column: on a cylinder they would touch
        let seeds = seeds_of(&config, &[(0.0, -59.9, 5, 91.0), (0.0, 59.9, 5, 91.0)]);
        assert_eq!(seeds.len(), 2);
        assert_eq!(seeds.energy[0], seeds.energy[1]);
        assert!(seeds_of(&config, &[(0.0, 60.1, 5, 91.0)]).is_empty());
    }

    #[test]
    fn an_empty_bin_between_two_halves_sits_in_their_middle() {
        let mut config = config();
        config.plane.bins = 12;
        config.plane.had_kernel = vec![1.0; 9];
        config.threshold = 6.0;
        // bins are 0.1 wide: the cells fill bins 5 and 7 of the row, and both spread over bin 6
        let seeds = seeds_of(&config, &[(3.0, -5.0, 35, 50.0), (3.0, 15.0, 35, 50.0)]);
        assert_eq!(seeds.len(), 1);
        assert!((seeds.energy[0] - 100.0 / 9.0).abs() < 1e-9);
        assert!((seeds.x[0] - 0.03).abs() < 1e-7 && (seeds.y[0] - 0.05).abs() < 1e-7, "{seeds:?}");
    }

    #[test]
    fn kernels_that_are_no_square_are_refused() {
        let mut plane = PlaneConfig::default();
        plane.check().unwrap();
        plane.em_kernel = vec![1.0; 8];
        assert!(plane.check().unwrap_err().to_string().contains("seed.plane.em_kernel"));
    }
}
