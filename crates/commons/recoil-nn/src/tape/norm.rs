//! Normalisations of rows.

use super::functions::each;
use super::values::{Tape, Value, expect};
use crate::error::Result;
use pulp::Arch;

/// Sum of a row in several accumulators, so that it becomes vector instructions.
#[inline(always)]
fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += f(*x);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

/// Sum of products of two rows.
#[inline(always)]
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    let mut sums = [0.0_f32; 16];
    for (x, y) in xs.iter().zip(ys) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

impl<'w> Tape<'w> {
    /// (x - mean) / sqrt(variance + epsilon) of each row, times `NAME.weight`, plus `NAME.bias`.
    ///
    /// # Errors
    /// A weight that is missing or of another width.
    pub fn layer_norm(&self, x: &Value, name: &str, epsilon: f32) -> Result<Value> {
        let weights = self.weights();
        let scale = weights.describe(&format!("{name}.weight"))?.range.clone();
        let shift = weights.describe(&format!("{name}.bias"))?.range.clone();
        expect(format!("numbers of '{name}.weight'"), scale.len(), x.columns())?;
        expect(format!("numbers of '{name}.bias'"), shift.len(), x.columns())?;
        let columns = x.columns().max(1);
        let mut y = self.pool().take(x.values().len());
        // per row the mean and the factor
        let mut moments = self.pool().take(2 * x.rows());
        let (gamma, beta) = (&weights.values()[scale.clone()], &weights.values()[shift.clone()]);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let rows = y.chunks_exact_mut(columns).zip(x.values().chunks_exact(columns));
                for ((y, x), moments) in rows.zip(moments.as_chunks_mut::<2>().0) {
                    let mean = sum_of(x, |x| x) / columns as f32;
                    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / columns as f32;
                    let factor = 1.0 / (variance + epsilon).sqrt();
                    *moments = [mean, factor];
                    for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                        *y = ((x - mean) * factor).mul_add(*gamma, *beta);
                    }
                }
            },
        );
        let own = x.clone();
        self.record([x.rows(), x.columns()], y, &[x], true, move |mut g, sink| {
            let gamma = &weights.values()[scale.clone()];
            let mut sums = sink.pool().zeros(2 * columns);
            let (to_gamma, to_beta) = sums.split_at_mut(columns);
            let mut normal = sink.pool().take(columns);
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    let rows = g.chunks_exact_mut(columns).zip(own.values().chunks_exact(columns));
                    for ((g, x), &[mean, factor]) in rows.zip(moments.as_chunks::<2>().0) {
                        for (normal, x) in normal.iter_mut().zip(x) {
                            *normal = (x - mean) * factor;
                        }
                        let sums = to_gamma.iter_mut().zip(to_beta.iter_mut());
                        for (((gamma, beta), g), normal) in sums.zip(&*g).zip(&*normal) {
                            *gamma += g * normal;
                            *beta += g;
                        }
                        g.iter_mut().zip(gamma).for_each(|(g, gamma)| *g *= gamma);
                        let mean_g = sum_of(g, |g| g) / columns as f32;
                        let mean_gx = dot(g, &normal) / columns as f32;
                        for (g, normal) in g.iter_mut().zip(&*normal) {
                            *g = factor * (*g - mean_g - normal * mean_gx);
                        }
                    }
                },
            );
            each(&mut sink.weights()[scale], to_gamma, |sum, g| sum + g);
            each(&mut sink.weights()[shift], to_beta, |sum, g| sum + g);
            sink.give(&own, g);
        })
    }

    /// x / sqrt(mean of squares + epsilon) of each row, times the tensor `weight` if there is one. Heads are normalised
    /// one by one when they are rows: [`Tape::reshape`].
    ///
    /// # Errors
    /// A weight that is missing or of another width.
    pub fn rms_norm(&self, x: &Value, weight: Option<&str>, epsilon: f32) -> Result<Value> {
        let weights = self.weights();
        let scale = weight.map(|name| weights.describe(name)).transpose()?.map(|tensor| tensor.range.clone());
        if let Some(scale) = &scale {
            expect(format!("numbers of '{}'", weight.unwrap_or_default()), scale.len(), x.columns())?;
        }
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        let mut factors = self.pool().take(x.rows());
        for (y, kept) in y.chunks_exact_mut(columns).zip(factors.iter_mut()) {
            let factor = 1.0 / (dot(y, y) / columns as f32 + epsilon).sqrt();
            y.iter_mut().for_each(|y| *y *= factor);
            if let Some(scale) = &scale {
                each(y, &weights.values()[scale.clone()], |y, gamma| y * gamma);
            }
            *kept = factor;
        }
        let own = x.clone();
        self.record([x.rows(), x.columns()], y, &[x], true, move |mut g, sink| {
            let mut to_gamma = sink.pool().zeros(columns);
            let rows = g.chunks_exact_mut(columns).zip(own.values().chunks_exact(columns));
            for ((g, x), factor) in rows.zip(factors.iter()) {
                for (sum, (g, x)) in to_gamma.iter_mut().zip(g.iter().zip(x)) {
                    *sum += g * x * factor;
                }
                if let Some(scale) = &scale {
                    each(g, &weights.values()[scale.clone()], |g, gamma| g * gamma);
                }
                let mean = dot(g, x) * factor * factor / columns as f32;
                for (g, x) in g.iter_mut().zip(x) {
                    *g = factor * (*g - x * mean);
                }
            }
            if let Some(scale) = scale {
                each(&mut sink.weights()[scale], &to_gamma, |sum, g| sum + g);
            }
            sink.give(&own, g);
        })
    }
}
