//! What happens in a block behind its product, row by row: normalisation and activation, and the way back.

use super::plan::Function;
use crate::description::Activation;
use crate::kernel::pointwise::{SELU, exp, selu, sigmoid, tanh};
use pulp::{Simd, WithSimd};

/// y = f(y scale + shift); vectors have one number per padded column.
pub(crate) struct Apply<'a> {
    pub y: &'a mut [f32],
    /// Factor and summand per column; without, 1 and 0.
    pub affine: Option<[&'a [f32]; 2]>,
    pub function: Function,
    pub slopes: &'a [f32],
    pub columns: usize,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.function {
            Function::None => self.run(simd, |v, _| v),
            Function::Prelu(_) => {
                let zero = simd.splat_f32s(0.0);
                self.run(simd, |v, slope| {
                    let below = simd.mul_f32s(v, slope);
                    simd.select_f32s(simd.greater_than_f32s(v, zero), v, below)
                });
            }
            Function::Fixed(Activation::Linear) => self.run(simd, |v, _| v),
            Function::Fixed(Activation::Relu) => {
                let zero = simd.splat_f32s(0.0);
                self.run(simd, |v, _| simd.max_f32s(v, zero));
            }
            Function::Fixed(Activation::Sigmoid) => self.run(simd, |v, _| sigmoid(simd, v)),
            Function::Fixed(Activation::Tanh) => self.run(simd, |v, _| tanh(simd, v)),
            Function::Fixed(Activation::Selu) => self.run(simd, |v, _| selu(simd, v)),
        }
    }
}

impl Apply<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, f: impl Fn(S::f32s, S::f32s) -> S::f32s) {
        let zeros = vec![0.0; self.columns];
        let slopes = if self.slopes.is_empty() { &zeros } else { self.slopes };
        let slopes = S::as_simd_f32s(slopes).0;
        for y in self.y.chunks_exact_mut(self.columns) {
            let y = S::as_mut_simd_f32s(y).0;
            match self.affine {
                Some([scale, shift]) => {
                    let (scale, shift) = (S::as_simd_f32s(scale).0, S::as_simd_f32s(shift).0);
                    for (((y, &scale), &shift), &slope) in y.iter_mut().zip(scale).zip(shift).zip(slopes) {
                        *y = f(simd.mul_add_e_f32s(*y, scale, shift), slope);
                    }
                }
                None => {
                    for (y, &slope) in y.iter_mut().zip(slopes) {
                        *y = f(*y, slope);
                    }
                }
            }
        }
    }
}

/// Multiplies gradients by the derivative at z scale + shift, and adds up what slopes, scale and shift need.
pub(crate) struct Slope<'a> {
    pub g: &'a mut [f32],
    /// What stood before normalisation and activation.
    pub z: &'a [f32],
    pub affine: Option<[&'a [f32]; 2]>,
    pub function: Function,
    pub slopes: &'a [f32],
    pub columns: usize,
    /// Of z; without, 0.
    pub mean: Option<&'a [f32]>,
    /// Sums of gradients of the slopes, of g, and of g times z - mean; zero before.
    pub sums: [&'a mut [f32]; 3],
}

impl WithSimd for Slope<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        match self.function {
            Function::None | Function::Fixed(Activation::Linear) => self.run(simd, |_, _, g| (g, zero)),
            Function::Prelu(_) => self.run(simd, |v, slope, g| {
                let above = simd.greater_than_f32s(v, zero);
                let to_slope = simd.select_f32s(above, zero, simd.mul_f32s(g, v));
                (simd.select_f32s(above, g, simd.mul_f32s(g, slope)), to_slope)
            }),
            Function::Fixed(Activation::Relu) => {
                self.run(simd, |v, _, g| (simd.select_f32s(simd.greater_than_f32s(v, zero), g, zero), zero));
            }
            Function::Fixed(Activation::Sigmoid) => self.run(simd, |v, _, g| {
                let y = sigmoid(simd, v);
                (simd.mul_f32s(g, simd.mul_f32s(y, simd.sub_f32s(one, y))), zero)
            }),
            Function::Fixed(Activation::Tanh) => self.run(simd, |v, _, g| {
                let y = tanh(simd, v);
                (simd.mul_f32s(g, simd.sub_f32s(one, simd.mul_f32s(y, y))), zero)
            }),
            Function::Fixed(Activation::Selu) => self.run(simd, |v, _, g| {
                let below = simd.mul_f32s(simd.splat_f32s(SELU[0] * SELU[1]), exp(simd, v));
                let above = simd.splat_f32s(SELU[0]);
                (simd.mul_f32s(g, simd.select_f32s(simd.greater_than_f32s(v, zero), above, below)), zero)
            }),
        }
    }
}

impl Slope<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, f: impl Fn(S::f32s, S::f32s, S::f32s) -> (S::f32s, S::f32s)) {
        let (zeros, ones) = (vec![0.0; self.columns], vec![1.0; self.columns]);
        let slopes = S::as_simd_f32s(if self.slopes.is_empty() { &zeros } else { self.slopes }).0;
        let [scale, shift] = self.affine.unwrap_or([&ones, &zeros]);
        let (scale, shift) = (S::as_simd_f32s(scale).0, S::as_simd_f32s(shift).0);
        let mean = S::as_simd_f32s(self.mean.unwrap_or(&zeros)).0;
        let [to_slope, sum, product] = self.sums.map(|sums| S::as_mut_simd_f32s(sums).0);
        for (g, z) in self.g.chunks_exact_mut(self.columns).zip(self.z.chunks_exact(self.columns)) {
            let (g, z) = (S::as_mut_simd_f32s(g).0, S::as_simd_f32s(z).0);
            let own = g.iter_mut().zip(z).zip(scale.iter().zip(shift).zip(slopes.iter().zip(mean)));
            let sums = to_slope.iter_mut().zip(sum.iter_mut()).zip(product.iter_mut());
            for (((g, &z), ((&scale, &shift), (&slope, &mean))), ((to_slope, sum), product)) in own.zip(sums) {
                let (own, add) = f(simd.mul_add_e_f32s(z, scale, shift), slope, *g);
                *g = own;
                *to_slope = simd.add_f32s(*to_slope, add);
                *sum = simd.add_f32s(*sum, own);
                *product = simd.mul_add_e_f32s(own, simd.sub_f32s(z, mean), *product);
            }
        }
    }
}

/// Sums over rows, each counted as often as it stands for positions: of z, or of squares of z - mean.
pub(crate) struct Sums<'a> {
    pub z: &'a [f32],
    pub counts: &'a [f32],
    pub mean: Option<&'a [f32]>,
    /// Zero before.
    pub sums: &'a mut [f32],
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let columns = self.sums.len();
        let sums = S::as_mut_simd_f32s(self.sums).0;
        for (z, &count) in self.z.chunks_exact(columns).zip(self.counts) {
            let (z, count) = (S::as_simd_f32s(z).0, simd.splat_f32s(count));
            match self.mean {
                None => {
                    for (sum, &z) in sums.iter_mut().zip(z) {
                        *sum = simd.mul_add_e_f32s(z, count, *sum);
                    }
                }
                Some(mean) => {
                    for ((sum, &z), &mean) in sums.iter_mut().zip(z).zip(S::as_simd_f32s(mean).0) {
                        let d = simd.sub_f32s(z, mean);
                        *sum = simd.mul_add_e_f32s(simd.mul_f32s(d, count), d, *sum);
                    }
                }
            }
        }
    }
}

/// The way back through a normalisation whose moments come from the batch: g = scale g - count (base + tilt (z - mean)).
pub(crate) struct Centre<'a> {
    pub g: &'a mut [f32],
    pub z: &'a [f32],
    pub counts: &'a [f32],
    pub scale: &'a [f32],
    pub base: &'a [f32],
    pub tilt: &'a [f32],
    pub mean: &'a [f32],
}

impl WithSimd for Centre<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let columns = self.scale.len();
        let vectors = [self.scale, self.base, self.tilt, self.mean];
        let [scale, base, tilt, mean] = vectors.map(|values| S::as_simd_f32s(values).0);
        let rows = self.g.chunks_exact_mut(columns).zip(self.z.chunks_exact(columns)).zip(self.counts);
        for ((g, z), &count) in rows {
            let (g, z, count) = (S::as_mut_simd_f32s(g).0, S::as_simd_f32s(z).0, simd.splat_f32s(-count));
            let constants = scale.iter().zip(base).zip(tilt.iter().zip(mean));
            for ((g, &z), ((&scale, &base), (&tilt, &mean))) in g.iter_mut().zip(z).zip(constants) {
                let common = simd.mul_add_e_f32s(tilt, simd.sub_f32s(z, mean), base);
                *g = simd.mul_add_e_f32s(common, count, simd.mul_f32s(*g, scale));
            }
        }
    }
}
