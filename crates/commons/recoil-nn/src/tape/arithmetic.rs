//! Sums and products of matrices of one shape, of matrices and rows, of matrices and columns.

use super::functions::{combine, each, exp};
use super::values::{Tape, Value, expect, same_shape};
use crate::error::Result;

impl Tape<'_> {
    /// a + b.
    ///
    /// # Errors
    /// Matrices of different shapes.
    pub fn add(&self, a: &Value, b: &Value) -> Result<Value> {
        same_shape("a sum", a, b)?;
        let mut y = self.pool().take(a.values().len());
        combine(&mut y, a.values(), b.values(), |a, b| a + b);
        let (own, other) = (a.clone(), b.clone());
        self.record([a.rows(), a.columns()], y, &[a, b], false, move |g, sink| {
            if own.has_gradient() && other.has_gradient() {
                let copy = sink.pool().copy(&g);
                sink.give(&other, copy);
                sink.give(&own, g);
            } else if own.has_gradient() {
                sink.give(&own, g);
            } else {
                sink.give(&other, g);
            }
        })
    }

    /// a - b.
    ///
    /// # Errors
    /// Matrices of different shapes.
    pub fn subtract(&self, a: &Value, b: &Value) -> Result<Value> {
        self.add(a, &self.scale(b, -1.0)?)
    }

    /// a times b, number by number.
    ///
    /// # Errors
    /// Matrices of different shapes.
    pub fn multiply(&self, a: &Value, b: &Value) -> Result<Value> {
        same_shape("a product", a, b)?;
        let mut y = self.pool().take(a.values().len());
        combine(&mut y, a.values(), b.values(), |a, b| a * b);
        let (own, other) = (a.clone(), b.clone());
        self.record([a.rows(), a.columns()], y, &[a, b], false, move |mut g, sink| {
            if other.has_gradient() {
                let mut to_other = sink.pool().take(g.len());
                combine(&mut to_other, &g, own.values(), |g, a| g * a);
                sink.give(&other, to_other);
            }
            each(&mut g, other.values(), |g, b| g * b);
            sink.give(&own, g);
        })
    }

    /// A function of every number, and its derivative as a function of x and y.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn map(
        &self,
        x: &Value,
        function: impl Fn(f32) -> f32,
        derivative: impl Fn(f32, f32) -> f32 + 'static,
    ) -> Result<Value> {
        let mut y = self.pool().take(x.values().len());
        y.iter_mut().zip(x.values()).for_each(|(y, x)| *y = function(*x));
        if !self.records() || !x.has_gradient() {
            return self.constant(x.rows(), x.columns(), y);
        }
        let (own, result) = (x.clone(), self.pool().copy(&y));
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            for (g, (x, y)) in g.iter_mut().zip(own.values().iter().zip(result.iter())) {
                *g *= derivative(*x, *y);
            }
            sink.give(&own, g);
        })
    }

    /// factor times x.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn scale(&self, x: &Value, factor: f32) -> Result<Value> {
        self.affine(x, factor, 0.0)
    }

    /// factor times x plus summand.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn affine(&self, x: &Value, factor: f32, summand: f32) -> Result<Value> {
        let mut y = self.pool().take(x.values().len());
        combine(&mut y, x.values(), x.values(), |x, _| x * factor + summand);
        let own = x.clone();
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            g.iter_mut().for_each(|g| *g *= factor);
            sink.give(&own, g);
        })
    }

    /// exp(x), of arguments between ±87.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn exp(&self, x: &Value) -> Result<Value> {
        let mut y = self.pool().take(x.values().len());
        combine(&mut y, x.values(), x.values(), |x, _| exp(x));
        let (own, kept) = (x.clone(), self.records().then(|| self.pool().copy(&y)));
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            if let Some(y) = kept {
                each(&mut g, &y, |g, y| g * y);
            }
            sink.give(&own, g);
        })
    }

    /// x plus the same row (1 x columns) everywhere.
    ///
    /// # Errors
    /// A row of another width.
    pub fn add_row(&self, x: &Value, row: &Value) -> Result<Value> {
        expect("numbers of a row", row.values().len(), x.columns())?;
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        y.chunks_exact_mut(columns).for_each(|y| each(y, row.values(), |y, r| y + r));
        let (own, other) = (x.clone(), row.clone());
        self.record([x.rows(), x.columns()], y, &[x, row], false, move |g, sink| {
            if let Some(sum) = sink.to(&other) {
                g.chunks_exact(columns).for_each(|g| each(sum, g, |sum, g| sum + g));
            }
            sink.give(&own, g);
        })
    }

    /// Each row of x times its own number, out of a matrix of one column.
    ///
    /// # Errors
    /// Another number of rows, or more than one column.
    pub fn multiply_column(&self, x: &Value, column: &Value) -> Result<Value> {
        expect("numbers of a column", column.values().len(), x.rows())?;
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        for (y, factor) in y.chunks_exact_mut(columns).zip(column.values()) {
            y.iter_mut().for_each(|y| *y *= factor);
        }
        let (own, other) = (x.clone(), column.clone());
        self.record([x.rows(), x.columns()], y, &[x, column], false, move |mut g, sink| {
            if let Some(sums) = sink.to(&other) {
                let rows = g.chunks_exact(columns).zip(own.values().chunks_exact(columns));
                for (sum, (g, x)) in sums.iter_mut().zip(rows) {
                    *sum += g.iter().zip(x).map(|(g, x)| g * x).sum::<f32>();
                }
            }
            for (g, factor) in g.chunks_exact_mut(columns).zip(other.values()) {
                g.iter_mut().for_each(|g| *g *= factor);
            }
            sink.give(&own, g);
        })
    }

    /// Sums over the columns: a matrix of one column.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn sum_columns(&self, x: &Value) -> Result<Value> {
        let columns = x.columns().max(1);
        let mut y = self.pool().take(x.rows());
        for (y, x) in y.iter_mut().zip(x.values().chunks_exact(columns)) {
            *y = x.iter().sum();
        }
        let own = x.clone();
        self.record([x.rows(), 1], y, &[x], false, move |g, sink| {
            if let Some(to) = sink.to(&own) {
                for (to, g) in to.chunks_exact_mut(columns).zip(g.iter()) {
                    to.iter_mut().for_each(|to| *to += g);
                }
            }
        })
    }

    /// The sum of all numbers, 1 x 1.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn sum(&self, x: &Value) -> Result<Value> {
        let mut y = self.pool().take(1);
        y[0] = x.values().iter().map(|value| f64::from(*value)).sum::<f64>() as f32;
        let own = x.clone();
        self.record([1, 1], y, &[x], false, move |g, sink| {
            if let Some(to) = sink.to(&own) {
                to.iter_mut().for_each(|to| *to += g[0]);
            }
        })
    }

    /// The same numbers with other rows and columns.
    ///
    /// # Errors
    /// Another number of numbers.
    pub fn reshape(&self, x: &Value, rows: usize, columns: usize) -> Result<Value> {
        let y = self.pool().copy(x.values());
        let own = x.clone();
        self.record([rows, columns], y, &[x], false, move |g, sink| sink.give(&own, g))
    }

    /// Numbers set to zero with this probability, the others enlarged; without change where the tape is not for training.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn dropout(&self, x: &Value, probability: f32) -> Result<Value> {
        let super::values::Mode::Training { seed } = self.mode() else { return Ok(x.clone()) };
        if probability <= 0.0 {
            return Ok(x.clone());
        }
        let mut state = seed ^ self.next_dropout().wrapping_mul(0xd134_2543_de82_ef95) ^ 0x9e37_79b9_7f4a_7c15;
        let keep = 1.0 / (1.0 - probability).max(1e-6);
        let limit = (f64::from(probability) * 2_f64.powi(64)) as u64;
        let mut factors = self.pool().take(x.values().len());
        for factor in factors.iter_mut() {
            // SplitMix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *factor = if z ^ (z >> 31) < limit { 0.0 } else { keep };
        }
        let mut y = self.pool().take(x.values().len());
        combine(&mut y, x.values(), &factors, |x, factor| x * factor);
        let own = x.clone();
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            each(&mut g, &factors, |g, factor| g * factor);
            sink.give(&own, g);
        })
    }
}
