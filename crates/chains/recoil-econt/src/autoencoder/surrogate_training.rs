//! Training of a network that estimates the earth mover's distance, on pairs of wafers with their exact distances.

use std::ops::ControlFlow;

use rand::seq::index::sample;
use rayon::prelude::*;
use recoil_nn::lane::{LANES, Lane};
use recoil_nn::loss::{Loss, LossBlock, Regression};
use recoil_nn::train::{EpochRecord, Samples, TrainConfig, Trainer};
use recoil_nn::{Network, Parameters};
use recoil_stage::Seed;

use super::surrogate::{Surrogate, SurrogateConfig};
use crate::arrangement::{Arrangement, Image};
use crate::error::{EcontError, Result};
use crate::metrics::WaferEmd;
use crate::wafer::CELLS;

/// Pairs of wafers, each normalised to unit sum, with their exact distances \[small cells\].
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// First wafers.
    pub first: Vec<[f32; CELLS]>,
    /// Second wafers.
    pub second: Vec<[f32; CELLS]>,
    /// Their distances.
    pub distances: Vec<f32>,
}

impl Pairs {
    /// Pairs with their distances; those of which one wafer is empty are left out.
    ///
    /// # Errors
    /// Charges that are negative or not finite.
    pub fn of(pairs: &[(&[f64; CELLS], &[f64; CELLS])]) -> Result<Self> {
        let parts: Vec<Result<Self>> = pairs.par_chunks(1024).map(Self::part).collect();
        let mut all = Self::default();
        for part in parts {
            all.append(part?);
        }
        Ok(all)
    }

    fn part(pairs: &[(&[f64; CELLS], &[f64; CELLS])]) -> Result<Self> {
        let mut solver = WaferEmd::new()?;
        let mut all = Self::default();
        for (a, b) in pairs {
            if let Some(distance) = solver.outcome(a, b)?.distance() {
                let shares = |wafer: &[f64; CELLS]| {
                    let sum: f64 = wafer.iter().sum();
                    wafer.map(|charge| (charge / sum) as f32)
                };
                all.first.push(shares(a));
                all.second.push(shares(b));
                all.distances.push(distance as f32);
            }
        }
        Ok(all)
    }

    /// All ordered pairs of different wafers, or so many of them, drawn at random.
    ///
    /// # Errors
    /// As [`Pairs::of`].
    pub fn among(wafers: &[[f64; CELLS]], most: usize, seed: Seed) -> Result<Self> {
        let count = wafers.len() * wafers.len().saturating_sub(1);
        let pair = |index: usize| {
            let (i, j) = (index / (wafers.len() - 1), index % (wafers.len() - 1));
            wafers.get(i).zip(wafers.get(if j < i { j } else { j + 1 }))
        };
        let chosen: Vec<usize> = match count > most {
            true => sample(&mut seed.named("pairs").rng(), count, most).into_vec(),
            false => (0..count).collect(),
        };
        Self::of(&chosen.into_iter().filter_map(pair).collect::<Vec<_>>())
    }

    /// Puts other pairs behind these.
    pub fn append(&mut self, other: Self) {
        self.first.extend(other.first);
        self.second.extend(other.second);
        self.distances.extend(other.distances);
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.distances.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.distances.is_empty()
    }

    fn images(&self) -> [Vec<f32>; 2] {
        let arrangement = Arrangement::of(Image::FourByFour);
        [&self.first, &self.second].map(|wafers| wafers.iter().flat_map(|wafer| arrangement.image(wafer)).collect())
    }
}

/// How far estimates are from the distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Mean absolute error \[small cells\].
    pub absolute: f64,
    /// Mean of (estimate - distance) / distance, over distances above zero.
    pub relative_mean: f64,
    /// Its standard deviation.
    pub relative_std: f64,
}

/// Judges a network on pairs.
///
/// # Errors
/// Never for pairs of equal lengths.
pub fn quality(surrogate: &Surrogate, pairs: &Pairs) -> Result<Quality> {
    let estimates = surrogate.estimate(&pairs.first, &pairs.second)?;
    let both =
        || estimates.iter().map(|[.., mean]| f64::from(*mean)).zip(pairs.distances.iter().map(|&d| f64::from(d)));
    let relative: Vec<f64> = both().filter(|(_, d)| *d > 0.0).map(|(estimate, d)| (estimate - d) / d).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>, count: usize| values.sum::<f64>() / count.max(1) as f64;
    let relative_mean = mean(&mut relative.iter().copied(), relative.len());
    let variance = mean(&mut relative.iter().map(|value| (value - relative_mean).powi(2)), relative.len());
    Ok(Quality {
        absolute: mean(&mut both().map(|(estimate, d)| (estimate - d).abs()), pairs.len()),
        relative_mean,
        relative_std: variance.sqrt(),
    })
}

/// A loss of half the output: the mean of two estimates whose sum the network gives.
struct OfMean(Regression);

impl Loss for OfMean {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let halved: Vec<Lane> = block.output.iter().map(|lane| Lane(lane.0.map(|value| 0.5 * value))).collect();
        let loss = self.0.evaluate(&LossBlock { output: &halved, ..*block }, gradient);
        for lane in gradient {
            (0..LANES).for_each(|sample| lane.0[sample] *= 0.5);
        }
        loss
    }
}

/// Trains a network of this size; `observer` is told every epoch.
///
/// # Errors
/// Settings that cannot work, a loss that is no number.
pub fn train(
    config: SurrogateConfig,
    loss: Regression,
    settings: &TrainConfig,
    [training, validation]: [&Pairs; 2],
    seed: u64,
    mut observer: impl FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<(Surrogate, Vec<EpochRecord>)> {
    let network = Network::new(&config.symmetric_network()).map_err(EcontError::Network)?;
    let loss = OfMean(loss);
    let mut trainer =
        Trainer::new(&network, &loss, settings, Parameters::new(&network, seed), seed).map_err(EcontError::Network)?;
    let (images, kept) = (training.images(), validation.images());
    let inputs = samples(&images, training);
    let kept = (!validation.is_empty()).then(|| samples(&kept, validation));
    trainer.run(&inputs, kept.as_ref(), |_, record| observer(record)).map_err(EcontError::Network)?;
    let history = trainer.history().to_vec();
    Ok((Surrogate::new(config, &trainer.result().to_tensors())?, history))
}

fn samples<'a>(images: &'a [Vec<f32>; 2], pairs: &'a Pairs) -> Samples<'a> {
    Samples { inputs: images.iter().map(Vec::as_slice).collect(), target: &pairs.distances, weights: None }
}
