//! From charges to what networks see: normalisation, selection, splits.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use recoil_stage::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Wafer;
use crate::wafer::{CELLS, COUNTS_PER_MIP};

/// What the charges of a wafer are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// The largest power of two in their sum, as the chip does: they then sum to 1 to 2.
    #[default]
    SumLog2,
    /// Their sum.
    Sum,
    /// The largest of them.
    Max,
}

impl Normalisation {
    /// The divisor of a wafer \[counts\]; 0 for an empty one.
    pub fn divisor(self, wafer: &Wafer) -> f64 {
        let sum: u64 = wafer.iter().map(|&charge| u64::from(charge)).sum();
        match self {
            Self::SumLog2 => sum.checked_ilog2().map_or(0.0, |top| (1u64 << top) as f64),
            Self::Sum => sum as f64,
            Self::Max => wafer.iter().copied().max().map_or(0.0, f64::from),
        }
    }

    /// The wafer divided by its divisor; an empty one stays empty.
    pub fn normalise(self, wafer: &Wafer) -> [f64; CELLS] {
        let divisor = self.divisor(wafer);
        if divisor > 0.0 { wafer.map(|charge| f64::from(charge) / divisor) } else { [0.0; CELLS] }
    }

    /// Outputs of a network brought to the scale of the input's `divisor` \[counts\]; an empty output stays empty.
    pub fn denormalise(self, output: &[f64; CELLS], divisor: f64) -> [f64; CELLS] {
        let sum: f64 = output.iter().sum();
        let own = match self {
            Self::SumLog2 => sum.log2().floor().exp2(),
            Self::Sum => sum,
            Self::Max => output.iter().copied().fold(0.0, f64::max),
        };
        if sum > 0.0 && own > 0.0 { output.map(|value| value * divisor / own) } else { [0.0; CELLS] }
    }
}

/// Cells of a wafer with more than `threshold` counts.
pub fn occupancy(wafer: &Wafer, threshold: u32) -> usize {
    wafer.iter().filter(|&&charge| charge > threshold).count()
}

/// Sums of rows (0, 1), (2, 3), ...: twice the pile-up. An odd last row is left out.
pub fn overlaid(wafers: &[Wafer]) -> Vec<Wafer> {
    let sum = |pair: &[Wafer]| match pair {
        [a, b] => std::array::from_fn(|i| {
            let of = |wafer: &Wafer| wafer.get(i).copied().unwrap_or_default();
            (of(a) + of(b)).min(super::LARGEST_CHARGE)
        }),
        _ => [0; CELLS],
    };
    wafers.chunks_exact(2).map(sum).collect()
}

/// Copies of the wafers whose occupancy (cells above `threshold`) is above `low` and at most `high`, `copies` times, the
/// cells of each copy of the set in one random order.
pub fn permuted_copies(
    wafers: &[Wafer],
    copies: usize,
    low: usize,
    high: usize,
    threshold: u32,
    seed: Seed,
) -> Vec<Wafer> {
    let chosen: Vec<&Wafer> = wafers
        .iter()
        .filter(|wafer| {
            let occupied = occupancy(wafer, threshold);
            low < occupied && occupied <= high
        })
        .collect();
    let mut made = Vec::with_capacity(copies * chosen.len());
    for copy in 0..copies as u64 {
        let mut order: [usize; CELLS] = std::array::from_fn(|i| i);
        order.shuffle(&mut seed.named("permuted copies").indexed(copy).rng());
        made.extend(chosen.iter().map(|wafer| crate::wafer::reordered(wafer, &order)));
    }
    made
}

/// Bins of the histograms that weights are made of.
const WEIGHT_BINS: usize = 50;

/// A weight per wafer that flattens the spectra of the largest charge and of the occupancy: one over the product of the
/// numbers of wafers in its two bins (50 bins of one MIP and of one cell, the last ones take the overflow).
pub fn occupancy_weights(wafers: &[Wafer]) -> Vec<f64> {
    let bin = |value: f64| (value as usize).min(WEIGHT_BINS - 1);
    let bins: Vec<(usize, usize)> = wafers
        .iter()
        .map(|wafer| {
            let largest = wafer.iter().copied().max().unwrap_or(0);
            (bin(f64::from(largest) / COUNTS_PER_MIP), bin(occupancy(wafer, COUNTS_PER_MIP as u32) as f64))
        })
        .collect();
    let (mut of_largest, mut of_occupancy) = ([0u32; WEIGHT_BINS], [0u32; WEIGHT_BINS]);
    for &(largest, occupied) in &bins {
        of_largest[largest] += 1;
        of_occupancy[occupied] += 1;
    }
    bins.iter().map(|&(m, o)| 1.0 / (f64::from(of_largest[m]) * f64::from(of_occupancy[o]))).collect()
}

/// How wafers are split into those for training and those for validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of the wafers for validation.
    pub validation: f64,
    /// Whether the wafers for validation are drawn at random; else they are the first ones of the file, as in the
    /// reference.
    pub random: bool,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { validation: 0.2, random: true }
    }
}

/// Places of the wafers for training and for validation, each in rising order.
pub fn split(config: &SplitConfig, wafers: usize, seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let held = ((config.validation.clamp(0.0, 1.0) * wafers as f64).round_ties_even() as usize).min(wafers);
    if !config.random {
        return ((held..wafers).collect(), (0..held).collect());
    }
    let mut rng = seed.named("split").rng();
    let mut order: Vec<usize> = (0..wafers).collect();
    for i in 0..held {
        order.swap(i, rng.random_range(i..wafers));
    }
    let mut training = order.split_off(held);
    training.sort_unstable();
    order.sort_unstable();
    (training, order)
}
