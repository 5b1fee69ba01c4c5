//! Cells that fire beside the generated particles.
//!
//! Pile-up cells follow a density proportional to (R/z)^-2, so ln(R/z) is uniform, and in CE-E to the square root of the
//! photon profile in depth; in CE-H their number falls as exp(-(layer - 29) / 5.5), as the public trigger-cell counts of full
//! simulation do. Noise is spread in the same way.

use super::Detector;
use super::config::{BackgroundConfig, SimulationConfig};
use super::deposits::Deposits;
use super::electromagnetic::photon_profile;
use crate::data::LAST_CEE_LAYER;
use crate::geometry::{CellMap, layers};
use rand::RngExt as _;
use rand_distr::{Exp1, Poisson};
use recoil_stage::seed::Rng;

/// Layers by cumulative probability.
#[derive(Clone, Debug)]
pub(super) struct LayerSampler {
    cumulative: Vec<f64>,
}

impl LayerSampler {
    /// Samples the CE-E layers, or the CE-H layers, that `map` has; `None` when it has none of them.
    pub fn new(map: &CellMap, is_cee: bool) -> Option<Self> {
        let mut sum = 0.0;
        let cumulative: Vec<f64> = layers::trigger_layers()
            .map(|layer| {
                if (layer <= LAST_CEE_LAYER) == is_cee && !map.layer_cells(layer).is_empty() {
                    sum += if is_cee { photon_profile(layer).sqrt() } else { (-f64::from(layer - 29) / 5.5).exp() };
                }
                sum
            })
            .collect();
        (sum > 0.0).then_some(Self { cumulative })
    }

    /// Index of a trigger layer.
    fn sample(&self, rng: &mut Rng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = rng.random::<f64>() * total;
        self.cumulative.partition_point(|&c| c <= at)
    }
}

/// Transverse energy of one background cell.
#[derive(Clone, Copy, Debug)]
struct Spectrum {
    threshold: f64,
    mean: f64,
    tail_fraction: f64,
    tail_mean: f64,
}

impl Spectrum {
    fn sample(self, rng: &mut Rng) -> f64 {
        let mut mipt = self.threshold + self.mean * rng.sample::<f64, _>(Exp1);
        if self.tail_fraction > 0.0 && rng.random::<f64>() < self.tail_fraction {
            mipt += self.tail_mean * rng.sample::<f64, _>(Exp1);
        }
        mipt
    }
}

/// Fires the background cells of one endcap and event.
pub(super) fn fire_cells(detector: &Detector, deposits: &mut Deposits, rng: &mut Rng, config: &SimulationConfig) {
    let background = &config.background;
    let (cells, spectrum) = mean_cells(config.pileup, config.mip_threshold, background);
    for (sampler, mean) in [(&detector.cee, cells), (&detector.ceh, cells * background.ceh_fraction)] {
        let (Some(sampler), Ok(distribution)) = (sampler, Poisson::new(mean)) else { continue };
        let wanted = rng.sample::<f64, _>(distribution) as u64;
        // a cell fires once: redraw taken ones, but give up on a detector that is full
        let mut attempts = 20 * wanted + 100;
        let mut fired = 0;
        while fired < wanted && attempts > 0 {
            attempts -= 1;
            let index = sampler.sample(rng);
            let Some(cell) = random_cell(&detector.map, index, rng, config) else { continue };
            if deposits.has_background(cell) {
                continue;
            }
            let mipt = spectrum.sample(rng);
            deposits.add_background(cell, mipt as f32 * detector.gev_per_mipt(cell));
            fired += 1;
        }
    }
}

fn mean_cells(pileup: u32, threshold: f64, background: &BackgroundConfig) -> (f64, Spectrum) {
    if pileup == 0 {
        let spectrum = Spectrum { threshold, mean: background.noise_mipt, tail_fraction: 0.0, tail_mean: 0.0 };
        return (background.noise_cells, spectrum);
    }
    let spectrum = Spectrum {
        threshold,
        mean: background.cell_mipt,
        tail_fraction: background.tail_fraction,
        tail_mean: background.tail_mipt,
    };
    (background.cells_at_200 * f64::from(pileup) / 200.0, spectrum)
}

/// A cell of the trigger layer with number `index`, uniform in ln(R/z) and azimuth.
fn random_cell(map: &CellMap, index: usize, rng: &mut Rng, config: &SimulationConfig) -> Option<usize> {
    let finder = map.finder_at(index)?;
    let (low, high) = (config.geometry.eta_max.sinh().ln(), config.geometry.eta_min.sinh().ln());
    let radius = finder.z_cm() * (-(low + (high - low) * rng.random::<f64>())).exp();
    let phi = std::f64::consts::TAU * rng.random::<f64>();
    finder.cell_at(radius * phi.cos(), radius * phi.sin())
}
