//! Losses: 1 x 1 values of predictions, targets and weights of rows.

use super::values::{Tape, Value, expect};
use crate::error::{NnError, Result};

impl Tape<'_> {
    /// Sum over rows of weight times (x - target)^2; x has one column.
    ///
    /// # Errors
    /// Numbers of targets or weights that do not fit.
    pub fn squared_error(&self, x: &Value, target: &[f32], weights: &[f32]) -> Result<Value> {
        self.error_of(x, target, weights, |d| (d * d, 2.0 * d))
    }

    /// Sum over rows of weight times Huber's function of x - target: half of the square up to `width`, then a straight
    /// line.
    ///
    /// # Errors
    /// Numbers of targets or weights that do not fit.
    pub fn huber(&self, x: &Value, target: &[f32], weights: &[f32], width: f32) -> Result<Value> {
        self.error_of(x, target, weights, move |d| match d.abs() <= width {
            true => (0.5 * d * d, d),
            false => (width * (d.abs() - 0.5 * width), width * d.signum()),
        })
    }

    /// Sum over rows of weight times a function of x - target, which gives value and derivative.
    ///
    /// # Errors
    /// Numbers of targets or weights that do not fit.
    pub fn error_of(
        &self,
        x: &Value,
        target: &[f32],
        weights: &[f32],
        function: impl Fn(f32) -> (f32, f32),
    ) -> Result<Value> {
        expect("columns of a prediction", x.columns(), 1)?;
        expect("targets", target.len(), x.rows())?;
        expect("weights of targets", weights.len(), x.rows())?;
        let mut slopes = self.pool().take(x.rows());
        let mut total = 0.0_f64;
        for (slope, ((x, target), weight)) in slopes.iter_mut().zip(x.values().iter().zip(target).zip(weights)) {
            // a weight of 0 switches even a target off that is no number
            let (value, derivative) = if *weight == 0.0 { (0.0, 0.0) } else { function(x - target) };
            total += f64::from(weight * value);
            *slope = weight * derivative;
        }
        self.single(total, x, slopes)
    }

    /// Sum over rows of weight times (1 - p)^gamma times -ln p, with p the probability (softmax of the row) of the class;
    /// `gamma` 0 is the cross-entropy, above it the focal loss (Lin et al., arXiv 1708.02002). A class of no column is an
    /// error, unless its weight is 0.
    ///
    /// # Errors
    /// Numbers of classes or weights that do not fit, or a class that does not exist.
    pub fn focal(&self, logits: &Value, classes: &[u32], weights: &[f32], gamma: f32) -> Result<Value> {
        expect("classes", classes.len(), logits.rows())?;
        expect("weights of classes", weights.len(), logits.rows())?;
        let columns = logits.columns().max(1);
        let mut slopes = self.pool().zeros(logits.values().len());
        let mut total = 0.0_f64;
        let rows = slopes.chunks_exact_mut(columns).zip(logits.values().chunks_exact(columns));
        for ((slopes, x), (class, weight)) in rows.zip(classes.iter().zip(weights)) {
            if *weight == 0.0 {
                continue;
            }
            let Some(own) = x.get(*class as usize) else {
                return Err(NnError::Network(format!("class {class} of {columns}")));
            };
            let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (slope, x) in slopes.iter_mut().zip(x) {
                *slope = (x - largest).exp();
            }
            let sum: f32 = slopes.iter().sum();
            let log_p = own - largest - sum.ln();
            let p = log_p.exp();
            let rest = (1.0 - p).max(0.0);
            let focus = if gamma == 0.0 { 1.0 } else { rest.powf(gamma) };
            total += f64::from(-weight * focus * log_p);
            // derivative by ln p, and d ln p / dx = (own class) - p
            let by_log =
                if gamma == 0.0 || rest == 0.0 { -focus } else { gamma * rest.powf(gamma - 1.0) * p * log_p - focus };
            for (column, slope) in slopes.iter_mut().enumerate() {
                let own = if column == *class as usize { 1.0 } else { 0.0 };
                *slope = weight * by_log * (own - *slope / sum);
            }
        }
        self.single(total, logits, slopes)
    }

    /// A loss with its derivatives by x.
    ///
    /// # Errors
    /// Another number of derivatives than numbers in x.
    pub fn single(&self, loss: f64, x: &Value, mut slopes: super::values::Buffer) -> Result<Value> {
        expect("derivatives of a loss", slopes.len(), x.values().len())?;
        let mut y = self.pool().take(1);
        y[0] = loss as f32;
        let own = x.clone();
        self.record([1, 1], y, &[x], false, move |g, sink| {
            slopes.iter_mut().for_each(|slope| *slope *= g[0]);
            sink.give(&own, slopes);
        })
    }
}
