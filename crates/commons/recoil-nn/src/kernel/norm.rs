//! Batch normalisation over the samples of a block and the positions of an image.

use super::pointwise::{add, update};
use crate::lane::Lane;
use pulp::Simd;

/// What a block's channel looked like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub mean: f32,
    pub variance: f32,
}

/// The lanes of one channel.
#[inline(always)]
fn of(lanes: &[Lane], channel: usize, channels: usize) -> impl Iterator<Item = &Lane> {
    lanes[channel..].iter().step_by(channels)
}

/// Mean and variance of each channel over the positions and the first `samples` lanes.
#[inline(always)]
pub(crate) fn moments<S: Simd>(simd: S, x: &[Lane], samples: usize, moments: &mut [Moments]) {
    let channels = moments.len();
    let count = (x.len() / channels * samples) as f32;
    for (channel, moments) in moments.iter_mut().enumerate() {
        let mut sums = [Lane::ZERO];
        for lane in of(x, channel, channels) {
            add(simd, &mut sums, std::slice::from_ref(lane));
        }
        let mean = sums[0].0[..samples].iter().sum::<f32>() / count;
        let (centre, mut squares) = (simd.splat_f32s(mean), [Lane::ZERO]);
        for lane in of(x, channel, channels) {
            update(simd, &mut squares, std::slice::from_ref(lane), |sum, x| {
                let d = simd.sub_f32s(x, centre);
                simd.mul_add_e_f32s(d, d, sum)
            });
        }
        *moments = Moments { mean, variance: squares[0].0[..samples].iter().sum::<f32>() / count };
    }
}

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta.
#[inline(always)]
pub(crate) fn normalise<S: Simd>(
    simd: S,
    x: &[Lane],
    y: &mut [Lane],
    moments: &[Moments],
    [gamma, beta]: [&[f32]; 2],
    epsilon: f32,
) {
    let channels = moments.len();
    for (index, (y, x)) in y.iter_mut().zip(x).enumerate() {
        let c = index % channels;
        let factor = gamma[c] / (moments[c].variance + epsilon).sqrt();
        let offset = simd.splat_f32s(beta[c] - moments[c].mean * factor);
        let factor = simd.splat_f32s(factor);
        update(simd, std::slice::from_mut(y), std::slice::from_ref(x), |_, x| simd.mul_add_e_f32s(x, factor, offset));
    }
}

/// What the gradient of a batch normalisation depends on.
pub(crate) struct Backward<'a> {
    pub moments: &'a [Moments],
    pub gamma: &'a [f32],
    pub epsilon: f32,
    pub samples: usize,
    /// The moments do not depend on the input.
    pub fixed: bool,
}

impl Backward<'_> {
    /// Gradients of scale and shift, and of the input into `gx`, each added to what is there.
    #[inline(always)]
    pub(crate) fn add<S: Simd>(
        &self,
        simd: S,
        x: &[Lane],
        g: &[Lane],
        gx: &mut [Lane],
        [gamma_gradient, beta_gradient]: [&mut [f32]; 2],
    ) {
        let channels = self.moments.len();
        let count = (x.len() / channels * self.samples) as f32;
        for channel in 0..channels {
            let Moments { mean, variance } = self.moments[channel];
            let inverse = 1.0 / (variance + self.epsilon).sqrt();
            let (mut shift, mut scale) = ([Lane::ZERO], [Lane::ZERO]);
            let (centre, width) = (simd.splat_f32s(mean), simd.splat_f32s(inverse));
            for (x, g) in of(x, channel, channels).zip(of(g, channel, channels)) {
                add(simd, &mut shift, std::slice::from_ref(g));
                let mut product = [*x];
                update(simd, &mut product, std::slice::from_ref(g), |x, g| {
                    simd.mul_f32s(g, simd.mul_f32s(simd.sub_f32s(x, centre), width))
                });
                add(simd, &mut scale, &product);
            }
            let shift: f32 = shift[0].0[..self.samples].iter().sum();
            let scale: f32 = scale[0].0[..self.samples].iter().sum();
            gamma_gradient[channel] += scale;
            beta_gradient[channel] += shift;
            let (shift, scale) = if self.fixed { (0.0, 0.0) } else { (shift / count, scale / count) };
            let (shift, scale) = (simd.splat_f32s(shift), simd.splat_f32s(scale));
            let factor = simd.splat_f32s(self.gamma[channel] * inverse);
            let gx = gx[channel..].iter_mut().step_by(channels);
            for ((gx, x), g) in gx.zip(of(x, channel, channels)).zip(of(g, channel, channels)) {
                let mut own = [*x];
                update(simd, &mut own, std::slice::from_ref(g), |x, g| {
                    let z = simd.mul_f32s(simd.sub_f32s(x, centre), width);
                    simd.mul_f32s(factor, simd.sub_f32s(simd.sub_f32s(g, shift), simd.mul_f32s(z, scale)))
                });
                // lanes without a sample must not feed the layers before
                own[0].0[self.samples..].fill(0.0);
                add(simd, std::slice::from_mut(gx), &own);
            }
        }
    }
}
