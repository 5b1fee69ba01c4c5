//! Losses of autoencoders. Targets are the 48 charges of a wafer on the scale where they sum to 1 to 2, then the image on
//! the same scale; outputs are images.

use std::sync::Mutex;

use pulp::{Arch, Simd, WithSimd};
use recoil_nn::kernel::pointwise::{add, add_scaled, map, update};
use recoil_nn::lane::{LANES, Lane};
use recoil_nn::loss::{Loss, LossBlock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entropic::cost_and_slopes;
use super::surrogate::Surrogate;
use crate::arrangement::Arrangement;
use crate::error::{EcontError, Result};
use crate::metrics::WaferEmd;
use crate::metrics::telescope::SUPER_CELLS;
use crate::wafer::{CELLS, GROUPS_4X4};

/// A sum of losses with weights; those of weight 0 are not computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the telescope loss: square errors of cells, super cells and thirds, each weighted by its charge.
    pub telescope: f32,
    /// Weight of the weighted square error of all pixels.
    pub weighted_mse: f32,
    /// Weight of the exact earth mover's distance \[small cells\].
    pub emd: f32,
    /// Weight of the entropic distance (Sinkhorn) \[small cells\].
    pub sinkhorn: f32,
    /// Strength of the entropy in it \[small cells\].
    pub sinkhorn_regularisation: f64,
    /// Weight of a network's estimate of the distance.
    pub surrogate: f32,
    /// Folder of that network.
    pub surrogate_model: String,
    /// Weight of the relative square error of the sum of charges, which a distance between shares leaves free.
    pub sum: f32,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            telescope: 0.0,
            weighted_mse: 0.0,
            emd: 0.0,
            sinkhorn: 0.0,
            sinkhorn_regularisation: 0.5,
            surrogate: 0.0,
            surrogate_model: String::new(),
            sum: 0.0,
        }
    }
}

impl LossConfig {
    /// The telescope loss.
    pub fn telescope() -> Self {
        Self { telescope: 1.0, ..Self::default() }
    }

    /// The weighted square error.
    pub fn weighted_mse() -> Self {
        Self { weighted_mse: 1.0, telescope: 0.0, ..Self::telescope() }
    }

    /// The exact distance, with as much of the telescope loss as fixes the scale.
    pub fn emd() -> Self {
        Self { emd: 1.0, telescope: 1.0, sum: 0.1, ..Self::telescope() }
    }

    /// The estimate of a network.
    pub fn surrogate() -> Self {
        Self { surrogate: 1.0, telescope: 0.0, ..Self::telescope() }
    }

    /// Refuses weights that make no loss.
    ///
    /// # Errors
    /// The key that is wrong.
    pub fn check(&self) -> Result<()> {
        let weights = [self.telescope, self.weighted_mse, self.emd, self.sinkhorn, self.surrogate, self.sum];
        if weights.iter().any(|weight| !(0.0..=1e6).contains(weight)) || weights.iter().all(|&weight| weight == 0.0) {
            let reason = "weights are from 0 to 1e6, at least one of them above 0".to_owned();
            return Err(EcontError::Config { key: "loss", reason });
        }
        if self.sinkhorn > 0.0 && (self.sinkhorn_regularisation <= 0.0 || self.sinkhorn_regularisation.is_nan()) {
            let reason = "it must be above 0".to_owned();
            return Err(EcontError::Config { key: "loss.sinkhorn_regularisation", reason });
        }
        if self.surrogate > 0.0 && self.surrogate_model.is_empty() {
            let reason = "name the folder of the network that estimates the distance".to_owned();
            return Err(EcontError::Config { key: "loss.surrogate_model", reason });
        }
        Ok(())
    }
}

/// A loss of images of one arrangement.
pub struct WaferLoss {
    config: LossConfig,
    /// Pixel of every cell.
    pixels: [usize; CELLS],
    /// Whether a pixel is shown in the image of a wafer.
    emd: Mutex<Vec<WaferEmd>>,
    surrogate: Option<Surrogate>,
}

impl WaferLoss {
    /// The loss for images of this arrangement.
    ///
    /// # Errors
    /// Weights that make no loss, a network that cannot be read.
    pub fn new(config: &LossConfig, arrangement: &Arrangement) -> Result<Self> {
        config.check()?;
        let surrogate = match config.surrogate > 0.0 {
            true => Some(Surrogate::open(std::path::Path::new(&config.surrogate_model))?),
            false => None,
        };
        WaferEmd::new()?;
        Ok(Self { config: config.clone(), pixels: *arrangement.remap(), emd: Mutex::new(Vec::new()), surrogate })
    }

    /// A solver that no other thread uses.
    fn solver(&self) -> Option<WaferEmd> {
        let idle = self.emd.lock().ok().and_then(|mut solvers| solvers.pop());
        idle.or_else(|| WaferEmd::new().ok())
    }

    fn give_back(&self, solver: WaferEmd) {
        if let Ok(mut solvers) = self.emd.lock() {
            solvers.push(solver);
        }
    }

    /// Adds the distances of each sample, exact or entropic.
    fn transport(&self, truth: &[Lane], cells: &[Lane], samples: usize, loss: &mut Lane, gradient: &mut [Lane]) {
        let Some(mut solver) = self.solver() else { return };
        for sample in 0..samples {
            let of = |lanes: &[Lane]| -> [f64; CELLS] {
                std::array::from_fn(|cell| lanes.get(cell).map_or(0.0, |lane| f64::from(lane.0[sample])))
            };
            let (truth, predicted) = (of(truth), of(cells).map(|value| value.max(1e-9)));
            if self.config.emd > 0.0
                && let Ok(Some((distance, slope))) = solver.gradient(&truth, &predicted)
            {
                loss.0[sample] += self.config.emd * distance as f32;
                for (gradient, slope) in gradient.iter_mut().zip(slope) {
                    gradient.0[sample] += self.config.emd * slope as f32;
                }
            }
            if self.config.sinkhorn > 0.0 {
                self.entropic(&truth, &predicted, sample, loss, gradient);
            }
        }
        self.give_back(solver);
    }

    /// The entropic distance.
    fn entropic(
        &self,
        truth: &[f64; CELLS],
        predicted: &[f64; CELLS],
        sample: usize,
        loss: &mut Lane,
        gradient: &mut [Lane],
    ) {
        // both distributions must be positive everywhere
        let sum = |values: &[f64; CELLS]| values.iter().map(|value| value + 1e-4).sum::<f64>();
        let shares = |values: &[f64; CELLS], sum: f64| values.map(|value| (value + 1e-4) / sum);
        let own = sum(predicted);
        let (a, b) = (shares(truth, sum(truth)), shares(predicted, own));
        let (cost, slopes) = cost_and_slopes(&a, &b, self.config.sinkhorn_regularisation);
        loss.0[sample] += self.config.sinkhorn * cost as f32;
        let mean: f64 = slopes.iter().zip(&b).map(|(slope, share)| slope * share).sum();
        for (gradient, slope) in gradient.iter_mut().zip(slopes) {
            gradient.0[sample] += self.config.sinkhorn * ((slope - mean) / own) as f32;
        }
    }
}

impl Loss for WaferLoss {
    fn target_len(&self, outputs: usize) -> usize {
        CELLS + outputs
    }

    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let mut loss = Lane::ZERO;
        gradient.fill(Lane::ZERO);
        let (truth, image) = block.target.split_at(CELLS.min(block.target.len()));
        if self.config.weighted_mse > 0.0 {
            let weight = self.config.weighted_mse / block.output.len() as f32;
            let work = Squares { truth: image, predicted: block.output, weight, loss: &mut loss, gradient };
            Arch::new().dispatch(work);
        }
        let of_cells =
            self.config.telescope + self.config.emd + self.config.sinkhorn + self.config.surrogate + self.config.sum;
        if of_cells == 0.0 {
            return loss;
        }
        let cells = self.pixels.map(|pixel| block.output.get(pixel).copied().unwrap_or(Lane::ZERO));
        let mut slopes = [Lane::ZERO; CELLS];
        if self.config.telescope > 0.0 || self.config.sum > 0.0 {
            let [weight, sum] = [self.config.telescope, self.config.sum];
            let work = TelescopeWork { truth, cells: &cells, weight, sum, loss: &mut loss, slopes: &mut slopes };
            Arch::new().dispatch(work);
        }
        if self.config.emd > 0.0 || self.config.sinkhorn > 0.0 {
            self.transport(truth, &cells, block.samples, &mut loss, &mut slopes);
        }
        if let Some(surrogate) = &self.surrogate {
            surrogate.add(self.config.surrogate, truth, &cells, block.samples, &mut loss, &mut slopes);
        }
        for (&pixel, slope) in self.pixels.iter().zip(&slopes) {
            if let Some(gradient) = gradient.get_mut(pixel) {
                for s in 0..LANES {
                    gradient.0[s] += slope.0[s];
                }
            }
        }
        loss
    }
}

/// weight E(t, p) with E = (t - p)^2 max(t, p), added to the loss; its slope by p goes to `slope`.
#[inline(always)]
fn weighted_square<S: Simd>(simd: S, t: &Lane, p: &Lane, weight: f32, loss: &mut Lane, slope: &mut Lane) {
    let weight = simd.splat_f32s(weight);
    let minus_two = simd.splat_f32s(-2.0);
    let zero = simd.splat_f32s(0.0);
    let losses = S::as_mut_simd_f32s(&mut loss.0).0.iter_mut();
    let slopes = S::as_mut_simd_f32s(&mut slope.0).0.iter_mut();
    let pairs = S::as_simd_f32s(&t.0).0.iter().zip(S::as_simd_f32s(&p.0).0);
    for ((loss, slope), (&t, &p)) in losses.zip(slopes).zip(pairs) {
        let d = simd.sub_f32s(t, p);
        let square = simd.mul_f32s(d, d);
        let largest = simd.max_f32s(t, p);
        *loss = simd.mul_add_e_f32s(simd.mul_f32s(square, largest), weight, *loss);
        let above = simd.select_f32s(simd.greater_than_f32s(p, t), square, zero);
        let value = simd.mul_add_e_f32s(simd.mul_f32s(d, largest), minus_two, above);
        *slope = simd.mul_f32s(value, weight);
    }
}

/// The weighted square error of all pixels.
struct Squares<'a> {
    truth: &'a [Lane],
    predicted: &'a [Lane],
    weight: f32,
    loss: &'a mut Lane,
    gradient: &'a mut [Lane],
}

impl WithSimd for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for ((t, p), g) in self.truth.iter().zip(self.predicted).zip(self.gradient) {
            weighted_square(simd, t, p, self.weight, self.loss, g);
        }
    }
}

/// The telescope loss, and the relative square error of the sum.
struct TelescopeWork<'a> {
    truth: &'a [Lane],
    cells: &'a [Lane; CELLS],
    weight: f32,
    sum: f32,
    loss: &'a mut Lane,
    slopes: &'a mut [Lane; CELLS],
}

impl TelescopeWork<'_> {
    /// One term: the error of the sum over a group of cells.
    #[inline(always)]
    fn group<S: Simd>(&mut self, simd: S, group: &[usize], weight: f32) {
        let (mut t, mut p, mut slope) = ([Lane::ZERO], [Lane::ZERO], Lane::ZERO);
        for &cell in group {
            add(simd, &mut t, &self.truth[cell..=cell]);
            add(simd, &mut p, &self.cells[cell..=cell]);
        }
        weighted_square(simd, &t[0], &p[0], weight, self.loss, &mut slope);
        for &cell in group {
            add(simd, &mut self.slopes[cell..=cell], std::slice::from_ref(&slope));
        }
    }
}

impl WithSimd for TelescopeWork<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.truth.len() < CELLS {
            return;
        }
        if self.weight > 0.0 {
            for cell in 0..CELLS {
                self.group(simd, &[cell], self.weight * 4.0 / 48.0);
            }
            for (group, weight) in &SUPER_CELLS {
                self.group(simd, group, self.weight * 2.0 / 36.0 * *weight as f32);
            }
            for group in &GROUPS_4X4 {
                self.group(simd, group, self.weight / 3.0);
            }
        }
        if self.sum > 0.0 {
            let (mut t, mut p) = ([Lane::ZERO], [Lane::ZERO]);
            add(simd, &mut t, &[Lane::ZERO]);
            for cell in 0..CELLS {
                add(simd, &mut t, &self.truth[cell..=cell]);
                add(simd, &mut p, &self.cells[cell..=cell]);
            }
            // ((p - t) / t)^2; wafers on this scale have t of at least 1, empty lanes 0
            let one = simd.splat_f32s(1.0);
            map(simd, &mut t, |t| simd.max_f32s(t, one));
            let mut d = p;
            update(simd, &mut d, &t, |p, t| simd.div_f32s(simd.sub_f32s(p, t), t));
            let mut slope = d;
            update(simd, &mut slope, &t, |d, t| simd.div_f32s(simd.mul_f32s(d, simd.splat_f32s(2.0)), t));
            let square = {
                let mut square = d;
                map(simd, &mut square, |d| simd.mul_f32s(d, d));
                square
            };
            add_scaled(simd, self.loss, self.sum, &square[0]);
            for slot in self.slopes.iter_mut() {
                add_scaled(simd, slot, self.sum, &slope[0]);
            }
        }
    }
}
