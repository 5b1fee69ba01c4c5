//! Functions of every feature, and their derivatives.

use crate::description::Activation;
use crate::lane::Lane;
use crate::quantise::Quantiser;
use pulp::Simd;

/// Adding and subtracting 1.5 * 2^23 rounds to a whole number, half to even.
const WHOLE: f32 = 12_582_912.0;

/// y = f(y).
#[inline(always)]
pub fn map<S: Simd>(_simd: S, y: &mut [Lane], f: impl Fn(S::f32s) -> S::f32s) {
    for y in y {
        for y in S::as_mut_simd_f32s(&mut y.0).0 {
            *y = f(*y);
        }
    }
}

/// y = f(y, x), lane by lane.
#[inline(always)]
pub fn update<S: Simd>(_simd: S, y: &mut [Lane], x: &[Lane], f: impl Fn(S::f32s, S::f32s) -> S::f32s) {
    for (y, x) in y.iter_mut().zip(x) {
        for (y, x) in S::as_mut_simd_f32s(&mut y.0).0.iter_mut().zip(S::as_simd_f32s(&x.0).0) {
            *y = f(*y, *x);
        }
    }
}

/// y += x.
#[inline(always)]
pub fn add<S: Simd>(simd: S, y: &mut [Lane], x: &[Lane]) {
    update(simd, y, x, |y, x| simd.add_f32s(y, x));
}

/// y += factor x.
#[inline(always)]
pub fn add_scaled<S: Simd>(simd: S, y: &mut Lane, factor: f32, x: &Lane) {
    let factor = simd.splat_f32s(factor);
    update(simd, std::slice::from_mut(y), std::slice::from_ref(x), |y, x| simd.mul_add_e_f32s(factor, x, y));
}

/// exp(x) to about two units in the last place; arguments beyond ±87 count as ±87.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    let x = simd.max_f32s(simd.min_f32s(x, splat(87.0)), splat(-87.0));
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(WHOLE));
    let n = simd.sub_f32s(shifted, splat(WHOLE));
    let r = simd.mul_add_e_f32s(n, splat(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, splat(2.121_944_4e-4), r);
    let mut p = splat(1.987_569_1e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        p = simd.mul_add_e_f32s(p, r, splat(coefficient));
    }
    let p = simd.add_f32s(simd.mul_add_e_f32s(simd.mul_f32s(p, r), r, r), splat(1.0));
    // the low bits of the shifted number are n; moved to the exponent they make 2^n
    let bits = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let power = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    simd.mul_f32s(p, simd.transmute_f32s_u32s(power))
}

/// 1 / (1 + exp(-x)).
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// Scale and alpha of `selu`.
pub(crate) const SELU: [f32; 2] = [1.050_701, 1.673_263_2];

/// scale x above zero, scale alpha (exp(x) - 1) below.
#[inline(always)]
pub(crate) fn selu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (zero, scale) = (simd.splat_f32s(0.0), simd.splat_f32s(SELU[0]));
    let factor = simd.splat_f32s(SELU[0] * SELU[1]);
    let below = simd.mul_f32s(factor, simd.sub_f32s(exp(simd, x), simd.splat_f32s(1.0)));
    simd.select_f32s(simd.greater_than_f32s(x, zero), simd.mul_f32s(scale, x), below)
}

/// Hyperbolic tangent to a few units in the last place of 1.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let two = simd.splat_f32s(2.0);
    let large = simd.sub_f32s(one, simd.div_f32s(two, simd.add_f32s(exp(simd, simd.mul_f32s(two, x)), one)));
    // the quotient loses digits near zero, where the cubic term is all that matters
    let cube = simd.mul_f32s(simd.mul_f32s(x, x), x);
    let small = simd.mul_add_e_f32s(cube, simd.splat_f32s(-1.0 / 3.0), x);
    simd.select_f32s(simd.less_than_f32s(simd.abs_f32s(x), simd.splat_f32s(0.02)), small, large)
}

/// Applies the function in place.
#[inline(always)]
pub(crate) fn activate<S: Simd>(simd: S, function: Activation, y: &mut [Lane]) {
    match function {
        Activation::Linear => {}
        Activation::Relu => {
            let zero = simd.splat_f32s(0.0);
            map(simd, y, |v| simd.max_f32s(v, zero));
        }
        Activation::Sigmoid => map(simd, y, |v| sigmoid(simd, v)),
        Activation::Tanh => map(simd, y, |v| tanh(simd, v)),
        Activation::Selu => map(simd, y, |v| selu(simd, v)),
    }
}

/// Multiplies a gradient by the derivative; `y` is what the function gave.
#[inline(always)]
pub(crate) fn activation_gradient<S: Simd>(simd: S, function: Activation, y: &[Lane], g: &mut [Lane]) {
    let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
    match function {
        Activation::Linear => {}
        Activation::Relu => update(simd, g, y, |g, y| simd.select_f32s(simd.greater_than_f32s(y, zero), g, zero)),
        Activation::Sigmoid => {
            update(simd, g, y, |g, y| simd.mul_f32s(g, simd.mul_f32s(y, simd.sub_f32s(one, y))));
        }
        Activation::Tanh => update(simd, g, y, |g, y| simd.mul_f32s(g, simd.sub_f32s(one, simd.mul_f32s(y, y)))),
        Activation::Selu => update(simd, g, y, |g, y| {
            // below zero the derivative is the value plus the factor of the exponential
            let below = simd.add_f32s(y, simd.splat_f32s(SELU[0] * SELU[1]));
            let slope = simd.select_f32s(simd.greater_than_f32s(y, zero), simd.splat_f32s(SELU[0]), below);
            simd.mul_f32s(g, slope)
        }),
    }
}

/// x above zero, slope x below; a slope for each of the last features of a position.
#[inline(always)]
pub(crate) fn prelu<S: Simd>(simd: S, slopes: &[f32], y: &mut [Lane]) {
    let zero = simd.splat_f32s(0.0);
    for y in y.chunks_exact_mut(slopes.len()) {
        for (y, &slope) in y.iter_mut().zip(slopes) {
            let slope = simd.splat_f32s(slope);
            map(simd, std::slice::from_mut(y), |v| {
                simd.select_f32s(simd.greater_than_f32s(v, zero), v, simd.mul_f32s(slope, v))
            });
        }
    }
}

/// Gradients of [`prelu`]: those of the input are added to `gx`, those of the slopes over the first `samples` lanes to
/// `slope_gradient`.
#[inline(always)]
pub(crate) fn prelu_gradient(
    slopes: &[f32],
    x: &[Lane],
    g: &[Lane],
    gx: &mut [Lane],
    slope_gradient: &mut [f32],
    samples: usize,
) {
    let channels = slopes.len();
    for (index, ((x, g), gx)) in x.iter().zip(g).zip(gx).enumerate() {
        let slope = slopes[index % channels];
        let mut sum = 0.0;
        for sample in 0..samples {
            let below = x.0[sample] <= 0.0;
            gx.0[sample] += if below { slope * g.0[sample] } else { g.0[sample] };
            sum += if below { g.0[sample] * x.0[sample] } else { 0.0 };
        }
        slope_gradient[index % channels] += sum;
    }
}

/// exp(x) over its sum, for each group of so many features.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(simd: S, channels: usize, y: &mut [Lane]) {
    for y in y.chunks_exact_mut(channels) {
        let mut largest = [Lane::splat(f32::NEG_INFINITY)];
        for y in &*y {
            update(simd, &mut largest, std::slice::from_ref(y), |m, y| simd.max_f32s(m, y));
        }
        let mut sum = [Lane::ZERO];
        for y in &mut *y {
            update(simd, std::slice::from_mut(y), &largest, |y, m| exp(simd, simd.sub_f32s(y, m)));
            add(simd, &mut sum, std::slice::from_ref(y));
        }
        for y in y {
            update(simd, std::slice::from_mut(y), &sum, |y, sum| simd.div_f32s(y, sum));
        }
    }
}

/// Turns the gradient of the outputs `y` of [`softmax`] into that of its inputs.
#[inline(always)]
pub(crate) fn softmax_gradient<S: Simd>(simd: S, channels: usize, y: &[Lane], g: &mut [Lane]) {
    for (y, g) in y.chunks_exact(channels).zip(g.chunks_exact_mut(channels)) {
        let mut mean = [Lane::ZERO];
        for (y, g) in y.iter().zip(&*g) {
            let mut product = [*y];
            update(simd, &mut product, std::slice::from_ref(g), |y, g| simd.mul_f32s(y, g));
            add(simd, &mut mean, &product);
        }
        for (y, g) in y.iter().zip(g) {
            let g = std::slice::from_mut(g);
            update(simd, g, &mean, |g, mean| simd.sub_f32s(g, mean));
            update(simd, g, std::slice::from_ref(y), |g, y| simd.mul_f32s(g, y));
        }
    }
}

/// y = the value that stands for x.
#[inline(always)]
pub(crate) fn quantise<S: Simd>(simd: S, quantiser: Quantiser, x: &[Lane], y: &mut [Lane]) {
    let (low, high) = quantiser.range();
    let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
    let (step, inverse) = (simd.splat_f32s(quantiser.step()), simd.splat_f32s(1.0 / quantiser.step()));
    let (whole, one) = (simd.splat_f32s(WHOLE), simd.splat_f32s(1.0));
    update(simd, y, x, |_, x| {
        // the limits are whole numbers, so cutting before rounding is the same
        let scaled = simd.max_f32s(simd.min_f32s(simd.mul_f32s(x, inverse), high), low);
        let rounded = simd.sub_f32s(simd.add_f32s(scaled, whole), whole);
        let rounded = if quantiser.truncates() {
            let above = simd.greater_than_f32s(rounded, scaled);
            simd.select_f32s(above, simd.sub_f32s(rounded, one), rounded)
        } else {
            rounded
        };
        simd.mul_f32s(rounded, step)
    });
}

/// gx += g times the derivative at x.
#[inline(always)]
pub(crate) fn quantise_gradient<S: Simd>(simd: S, quantiser: Quantiser, x: &[Lane], g: &[Lane], gx: &mut [Lane]) {
    let Some(largest) = quantiser.transparent_to() else {
        add(simd, gx, g);
        return;
    };
    let (zero, largest) = (simd.splat_f32s(0.0), simd.splat_f32s(largest));
    for ((gx, g), x) in gx.iter_mut().zip(g).zip(x) {
        let mut open = *g;
        update(simd, std::slice::from_mut(&mut open), std::slice::from_ref(x), |g, x| {
            let g = simd.select_f32s(simd.greater_than_f32s(x, zero), g, zero);
            simd.select_f32s(simd.greater_than_f32s(x, largest), zero, g)
        });
        add(simd, std::slice::from_mut(gx), std::slice::from_ref(&open));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::LANES;
    use pulp::{Arch, WithSimd};

    struct Apply<'a>(&'a mut Lane, Function);

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Activation(Activation),
        Quantise(Quantiser),
    }

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let y = std::slice::from_mut(self.0);
            match self.1 {
                Function::Exp => map(simd, y, |x| exp(simd, x)),
                Function::Activation(function) => activate(simd, function, y),
                Function::Quantise(quantiser) => {
                    let x = [y[0]];
                    quantise(simd, quantiser, &x, y);
                }
            }
        }
    }

    fn all(function: Function, values: &[f32]) -> Vec<f32> {
        let mut found = Vec::new();
        for values in values.chunks(LANES) {
            let mut lane = Lane::ZERO;
            lane.0[..values.len()].copy_from_slice(values);
            Arch::new().dispatch(Apply(&mut lane, function));
            found.extend(&lane.0[..values.len()]);
        }
        found
    }

    #[test]
    fn close_to_the_library() {
        let values: Vec<f32> = (-8000..8000).map(|i| i as f32 * 0.01).chain([0.001, -0.001]).collect();
        let exps = all(Function::Exp, &values);
        let sigmoids = all(Function::Activation(Activation::Sigmoid), &values);
        let tangents = all(Function::Activation(Activation::Tanh), &values);
        for (index, &x) in values.iter().enumerate() {
            let exact = f64::from(x).exp();
            assert!((f64::from(exps[index]) - exact).abs() < 3e-7 * exact, "{x}");
            assert!((sigmoids[index] - (1.0 / (1.0 + (-f64::from(x)).exp())) as f32).abs() < 2e-7, "{x}");
            assert!((tangents[index] - x.tanh()).abs() < 3e-7, "{x}");
        }
        assert_eq!(tangents[16000], 0.001_f32.tanh());
    }

    #[test]
    fn vectors_quantise_as_single_numbers() {
        let values: Vec<f32> = (-9000..9000).map(|i| i as f32 / 1024.0).collect();
        for quantiser in [Quantiser::bits(5, 1, true), Quantiser::relu(11, 3), Quantiser::truncated_relu(3, 1)] {
            let expected: Vec<f32> = values.iter().map(|&x| quantiser.value(x)).collect();
            assert_eq!(all(Function::Quantise(quantiser), &values), expected);
        }
    }
}
