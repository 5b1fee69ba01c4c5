//! What a training minimises.

use crate::kernel::pointwise::update;
use crate::lane::{LANES, Lane};
use pulp::{Arch, Simd, WithSimd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A block of samples as a loss sees it.
#[derive(Clone, Copy, Debug)]
pub struct LossBlock<'a> {
    /// What the network gave, a lane per feature.
    pub output: &'a [Lane],
    /// What it should have given.
    pub target: &'a [Lane],
    /// Samples in the block; further lanes hold zeros in the target and anything in the output.
    pub samples: usize,
}

/// A function of output and target for each sample.
pub trait Loss: Sync {
    /// The loss of each sample; its derivatives by the output go to `gradient`, which has a lane per feature of the output.
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane;

    /// Features of the target for `outputs` features of the output.
    fn target_len(&self, outputs: usize) -> usize {
        outputs
    }
}

/// The usual losses, each the mean over features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Regression {
    /// (y - t)^2.
    #[default]
    MeanSquared,
    /// d^2 / 2 up to a difference d of 1, then d - 1/2.
    Huber,
    /// (ln(1 + max(y, 0)) - ln(1 + max(t, 0)))^2.
    LogSquared,
}

impl Loss for Regression {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let scale = 1.0 / block.output.len() as f32;
        let mut loss = Lane::ZERO;
        if *self == Self::MeanSquared {
            Arch::new().dispatch(Squares { block, gradient, loss: &mut loss, scale });
            return loss;
        }
        for ((y, t), g) in block.output.iter().zip(block.target).zip(gradient) {
            for s in 0..LANES {
                let (value, slope) = self.of(y.0[s], t.0[s]);
                loss.0[s] += scale * value;
                g.0[s] = scale * slope;
            }
        }
        loss
    }
}

/// The mean of squares, in vectors.
struct Squares<'a> {
    block: &'a LossBlock<'a>,
    gradient: &'a mut [Lane],
    loss: &'a mut Lane,
    scale: f32,
}

impl WithSimd for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (scale, twice) = (simd.splat_f32s(self.scale), simd.splat_f32s(2.0 * self.scale));
        for ((y, t), g) in self.block.output.iter().zip(self.block.target).zip(self.gradient) {
            *g = *y;
            let (g, t) = (std::slice::from_mut(g), std::slice::from_ref(t));
            update(simd, g, t, |y, t| simd.sub_f32s(y, t));
            update(simd, std::slice::from_mut(self.loss), g, |sum, d| {
                simd.mul_add_e_f32s(simd.mul_f32s(d, scale), d, sum)
            });
            crate::kernel::pointwise::map(simd, g, |d| simd.mul_f32s(d, twice));
        }
    }
}

impl Regression {
    /// Loss of one feature and its derivative.
    #[inline(always)]
    fn of(self, y: f32, t: f32) -> (f32, f32) {
        let d = y - t;
        match self {
            Self::MeanSquared => (d * d, 2.0 * d),
            Self::Huber if d.abs() <= 1.0 => (0.5 * d * d, d),
            Self::Huber => (d.abs() - 0.5, d.signum()),
            Self::LogSquared => {
                let d = y.max(0.0).ln_1p() - t.max(0.0).ln_1p();
                (d * d, if y > 0.0 { 2.0 * d / (1.0 + y) } else { 0.0 })
            }
        }
    }
}
