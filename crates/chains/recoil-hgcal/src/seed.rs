//! Seeds: bins of the smoothed histogram that start a cluster.
//!
//! Seeds come in row-major bin order (R/z row, then phi column). A seed sits at the mipT-weighted mean of the cells of
//! its bin, in the plane (x/|z|, y/|z|); see [`position`] for bins that smoothing lifted although no cell is in them.
//! CMSSW's other seeding space is in [`plane`].

pub mod maxima;
pub mod plane;
pub mod position;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{HgcalError, Result};
use crate::fill::{Binning, Endcap, Histogram};
use crate::smooth::SmoothBuffers;
use maxima::Energies;
use plane::PlaneConfig;

/// Which bins become seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedAlgorithm {
    /// Above threshold and not below any neighbour in the window; equal neighbours all become seeds.
    #[default]
    Window,
    /// CMSSW `HistoMaxC3d`: as `window`, but of equal neighbours only one becomes a seed.
    HistoMax,
    /// CMSSW `HistoThresholdC3d`: every bin above threshold.
    HistoThreshold,
    /// CMSSW `HistoInterpolatedMaxC3d`: above threshold by more than the neighbours predict.
    HistoInterpolatedMax,
    /// CMSSW `HistoSecondaryMaxC3d`: `histo_max`, then maxima among the bins that touch no seed.
    HistoSecondaryMax,
}

/// How `histo_interpolated_max` predicts a bin from its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// 1/4 of each of the four neighbours that share an edge.
    #[default]
    First,
    /// 1/2 of each edge neighbour minus 1/4 of each corner neighbour.
    Second,
}

/// Where in its bin a seed sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedPosition {
    /// At the mipT-weighted mean of the bin's cells.
    #[default]
    TcWeighted,
    /// At the middle of the bin.
    BinCentre,
}

/// In which coordinates bins are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedingSpace {
    /// The smoothed histogram in (R/z, phi).
    #[default]
    RPhi,
    /// The plane (x/|z|, y/|z|) with its own smoothing; `fill` then only tells which cells take part.
    Xy,
}

/// Seeding parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SeedConfig {
    /// In which coordinates bins are looked at.
    pub space: SeedingSpace,
    /// Binning and smoothing of the `xy` space.
    pub plane: PlaneConfig,
    /// Which bins become seeds.
    pub algorithm: SeedAlgorithm,
    /// Neighbours on each side in phi that a maximum is compared with; in R/z it is always one row.
    pub window: usize,
    /// Smallest smoothed mipT of a seed.
    pub threshold: f64,
    /// Prediction of `histo_interpolated_max`.
    pub interpolation: Interpolation,
    /// Where in its bin a seed sits.
    pub position: SeedPosition,
}

impl Default for SeedConfig {
    fn default() -> Self {
        Self {
            space: SeedingSpace::RPhi,
            plane: PlaneConfig::default(),
            algorithm: SeedAlgorithm::Window,
            window: 1,
            threshold: 20.0,
            interpolation: Interpolation::First,
            position: SeedPosition::TcWeighted,
        }
    }
}

impl SeedConfig {
    /// Checks the parameters against the histogram.
    ///
    /// # Errors
    /// [`HgcalError::Config`] when the window is empty or wider than the histogram, the threshold is not a number, or the
    /// plane cannot work.
    pub fn check(&self, binning: &Binning) -> Result<()> {
        let columns = match self.space {
            SeedingSpace::RPhi => binning.columns(),
            SeedingSpace::Xy => self.plane.bins,
        };
        self.plane.check()?;
        if self.window == 0 || 2 * self.window + 1 > columns {
            let reason = format!("{} is not between 1 and {}", self.window, columns.saturating_sub(1) / 2);
            return Err(HgcalError::Config { key: "seed.window", reason });
        }
        if !self.threshold.is_finite() || self.threshold < 0.0 {
            let reason = format!("{} is not a number from 0", self.threshold);
            return Err(HgcalError::Config { key: "seed.threshold", reason });
        }
        Ok(())
    }
}

/// The seeds of one event: one entry per seed in every column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seeds {
    /// Smoothed mipT of the bin.
    pub energy: Vec<f64>,
    /// x/|z|.
    pub x: Vec<f64>,
    /// y/|z|.
    pub y: Vec<f64>,
    /// Endcap: 1 or -1.
    pub zside: Vec<i32>,
}

impl Seeds {
    /// Number of seeds.
    pub fn len(&self) -> usize {
        self.energy.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.energy.is_empty()
    }

    /// Appends a seed.
    pub fn push(&mut self, energy: f64, x: f64, y: f64, endcap: Endcap) {
        self.energy.push(energy);
        self.x.push(x);
        self.y.push(y);
        self.zside.push(endcap.zside());
    }

    /// Appends the seeds of `other`.
    pub fn extend(&mut self, other: &Seeds) {
        self.energy.extend_from_slice(&other.energy);
        self.x.extend_from_slice(&other.x);
        self.y.extend_from_slice(&other.y);
        self.zside.extend_from_slice(&other.zside);
    }

    /// Removes all seeds and keeps the memory.
    pub fn clear(&mut self) {
        self.energy.clear();
        self.x.clear();
        self.y.clear();
        self.zside.clear();
    }
}

/// Appends the seeds of one endcap in the (R/z, phi) space to `seeds`. `bins` is scratch memory.
///
/// `smoothed` must come from `histogram`, and both from `binning`.
pub fn seed(
    config: &SeedConfig,
    binning: &Binning,
    histogram: &Histogram,
    smoothed: &SmoothBuffers,
    endcap: Endcap,
    bins: &mut Vec<(u32, u32)>,
    seeds: &mut Seeds,
) {
    bins.clear();
    let energies = Energies { values: smoothed.energies(), columns: smoothed.columns(), cyclic: true };
    maxima::find(config, energies, bins);
    for &(row, column) in bins.iter() {
        let (row, column) = (row as usize, column as usize);
        let (x, y) = match config.position {
            SeedPosition::TcWeighted => position::weighted(binning, histogram, smoothed, row, column),
            SeedPosition::BinCentre => position::bin_center(binning, row, column),
        };
        seeds.push(smoothed.row(row)[column], x, y, endcap);
    }
}
