//! Functions of single numbers, written so that loops over them become vector instructions.

use super::values::{Tape, Value};
use crate::error::Result;
use pulp::Arch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A function of every feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x
    Linear,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x above zero, x / 100 below
    #[serde(rename = "leakyrelu")]
    LeakyRelu,
    /// x above zero, exp(x) - 1 below
    #[default]
    Elu,
    /// x times the normal distribution function
    Gelu,
    /// x / (1 + exp(-x))
    Silu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// exp(x) to about two units in the last place; arguments beyond ±87 count as ±87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, WHOLE);
    let n = shifted - WHOLE;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let mut p = 1.987_569_1e-4_f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 0.166_666_66);
    p = p.mul_add(r, 0.5);
    let p = (p * r).mul_add(r, r) + 1.0;
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// The error function to 5e-7 (Abramowitz and Stegun 7.1.26, in single precision).
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let a = x.abs().min(5.0);
    let t = 1.0 / 0.327_591_1_f32.mul_add(a, 1.0);
    let mut q = 1.061_405_4_f32;
    q = q.mul_add(t, -1.453_152);
    q = q.mul_add(t, 1.421_413_7);
    q = q.mul_add(t, -0.284_496_75);
    q = q.mul_add(t, 0.254_829_6);
    let y = 1.0 - q * t * exp(-a * a);
    if x < 0.0 { -y } else { y }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

impl Activation {
    /// Calls `work` with the function and its derivative, both of x.
    #[inline(always)]
    fn with<T>(self, work: impl Work<T>) -> T {
        match self {
            Self::Linear => work.run(|x| x, |_| 1.0),
            Self::Relu => work.run(|x: f32| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Self::Relu6 => work.run(|x: f32| x.clamp(0.0, 6.0), |x| if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 }),
            Self::LeakyRelu => {
                work.run(|x: f32| if x > 0.0 { x } else { 0.01 * x }, |x| if x > 0.0 { 1.0 } else { 0.01 })
            }
            Self::Elu => {
                work.run(|x: f32| if x > 0.0 { x } else { exp(x) - 1.0 }, |x| if x > 0.0 { 1.0 } else { exp(x) })
            }
            Self::Gelu => work.run(
                |x: f32| 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
                |x| {
                    let density = 0.398_942_3 * exp(-0.5 * x * x);
                    x.mul_add(density, 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)))
                },
            ),
            Self::Silu => work.run(
                |x: f32| x * sigmoid(x),
                |x| {
                    let s = sigmoid(x);
                    s * (x * (1.0 - s) + 1.0)
                },
            ),
            Self::Sigmoid => work.run(sigmoid, |x| {
                let s = sigmoid(x);
                s * (1.0 - s)
            }),
            Self::Tanh => work.run(tanh, |x| {
                let t = tanh(x);
                1.0 - t * t
            }),
        }
    }
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let large = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    let small = (x * x * x).mul_add(-1.0 / 3.0, x);
    if x.abs() < 0.02 { small } else { large }
}

trait Work<T> {
    fn run(self, function: impl Fn(f32) -> f32, derivative: impl Fn(f32) -> f32) -> T;
}

struct Apply<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Work<()> for Apply<'_> {
    #[inline(always)]
    fn run(self, function: impl Fn(f32) -> f32, _: impl Fn(f32) -> f32) {
        Arch::new().dispatch(
            #[inline(always)]
            || self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = function(*x)),
        );
    }
}

struct Slope<'a> {
    x: &'a [f32],
    g: &'a mut [f32],
}

impl Work<()> for Slope<'_> {
    #[inline(always)]
    fn run(self, _: impl Fn(f32) -> f32, derivative: impl Fn(f32) -> f32) {
        Arch::new().dispatch(
            #[inline(always)]
            || self.g.iter_mut().zip(self.x).for_each(|(g, x)| *g *= derivative(*x)),
        );
    }
}

/// y = f(y, x).
#[inline(always)]
pub(super) fn each(y: &mut [f32], x: &[f32], f: impl Fn(f32, f32) -> f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*y, *x)),
    );
}

/// z = f(x, y).
#[inline(always)]
pub(super) fn combine(z: &mut [f32], x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || z.iter_mut().zip(x.iter().zip(y)).for_each(|(z, (x, y))| *z = f(*x, *y)),
    );
}

impl Tape<'_> {
    /// A function of every number.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn activate(&self, x: &Value, function: Activation) -> Result<Value> {
        let mut y = self.pool().take(x.values().len());
        function.with(Apply { x: x.values(), y: &mut y });
        let own = x.clone();
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            function.with(Slope { x: own.values(), g: &mut g });
            sink.give(&own, g);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_library() {
        let mut worst = [0.0_f64; 3];
        for i in -6000..6000 {
            let x = i as f32 * 0.001;
            let d = f64::from(x);
            worst[0] = worst[0].max((f64::from(exp(x)) / d.exp() - 1.0).abs());
            worst[1] = worst[1].max((f64::from(tanh(x)) - d.tanh()).abs());
            // the error function by its series
            let (mut term, mut sum) = (d, d);
            for n in 1..200 {
                term *= -d * d / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            let expected = if d.abs() < 4.0 { sum * std::f64::consts::FRAC_2_SQRT_PI } else { d.signum() };
            worst[2] = worst[2].max((f64::from(erf(x)) - expected).abs());
        }
        assert!(worst[0] < 3e-7 && worst[1] < 3e-7 && worst[2] < 5e-7, "{worst:?}");
    }
}
