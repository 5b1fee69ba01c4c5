//! Products of many small matrices of one size, and softmax.

use super::product::{Onto, Packed, multiply};
use super::values::{Tape, Value, expect};
use crate::error::Result;

impl Tape<'_> {
    /// Products of matrices that stand one behind the other: a holds `batches` matrices (m x k), b as many (k x n), or
    /// (n x k) if `transposed`; gives as many (m x n).
    ///
    /// # Errors
    /// Numbers of rows or columns that do not fit.
    pub fn batch_product(&self, a: &Value, b: &Value, batches: usize, transposed: bool) -> Result<Value> {
        let count = batches.max(1);
        expect("rows of a batch of matrices", a.rows() % count, 0)?;
        expect("rows of a batch of matrices", b.rows() % count, 0)?;
        let (m, k) = (a.rows() / count, a.columns());
        let (b_rows, b_columns) = (b.rows() / count, b.columns());
        let n = if transposed { b_rows } else { b_columns };
        expect("inner size of a product", if transposed { b_columns } else { b_rows }, k)?;
        let mut y = self.pool().take(a.rows() * n);
        let mut packed = Packed::default();
        for at in 0..batches {
            let other = &b.values()[at * b_rows * b_columns..(at + 1) * b_rows * b_columns];
            match transposed {
                true => packed.fill_transposed(other, n, k, k),
                false => packed.fill(other, k, n, n),
            }
            multiply(&a.values()[at * m * k..], k, m, &packed, Onto::Nothing, &mut y[at * m * n..], n);
        }
        let (own, other) = (a.clone(), b.clone());
        self.record([a.rows(), n], y, &[a, b], false, move |g, sink| {
            let mut packed = Packed::default();
            if let Some(to) = sink.to(&own) {
                for at in 0..batches {
                    let other = &other.values()[at * b_rows * b_columns..(at + 1) * b_rows * b_columns];
                    match transposed {
                        true => packed.fill(other, n, k, k),
                        false => packed.fill_transposed(other, k, n, n),
                    }
                    multiply(&g[at * m * n..], n, m, &packed, Onto::Result, &mut to[at * m * k..], k);
                }
            }
            if let Some(to) = sink.to(&other) {
                for at in 0..batches {
                    let (own, g) = (&own.values()[at * m * k..(at + 1) * m * k], &g[at * m * n..(at + 1) * m * n]);
                    let to = &mut to[at * b_rows * b_columns..(at + 1) * b_rows * b_columns];
                    match transposed {
                        true => super::product::outer(g, n, n, own, k, m, to),
                        false => super::product::outer(own, k, k, g, n, m, to),
                    }
                }
            }
        })
    }

    /// exp(x) over its sum in each row; columns where `mask` (of the same shape, without gradient) is 0 count for nothing.
    /// A row of which nothing counts is zero.
    ///
    /// # Errors
    /// A mask of another shape.
    pub fn softmax(&self, x: &Value, mask: Option<&Value>) -> Result<Value> {
        if let Some(mask) = mask {
            super::values::same_shape("a mask", x, mask)?;
        }
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        for (row, y) in y.chunks_exact_mut(columns).enumerate() {
            if let Some(mask) = mask {
                let hidden = y.iter_mut().zip(mask.row(row)).filter(|(_, mask)| **mask == 0.0);
                hidden.for_each(|(y, _)| *y = f32::NEG_INFINITY);
            }
            let largest = y.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if largest == f32::NEG_INFINITY {
                y.fill(0.0);
                continue;
            }
            y.iter_mut().for_each(|y| *y = (*y - largest).exp());
            let sum: f32 = y.iter().sum();
            y.iter_mut().for_each(|y| *y /= sum);
        }
        let (own, kept) = (x.clone(), self.records().then(|| self.pool().copy(&y)));
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            let Some(y) = kept else { return };
            for (g, y) in g.chunks_exact_mut(columns).zip(y.chunks_exact(columns)) {
                let mean: f32 = g.iter().zip(y).map(|(g, y)| g * y).sum();
                g.iter_mut().zip(y).for_each(|(g, y)| *g = y * (*g - mean));
            }
            sink.give(&own, g);
        })
    }

    /// x minus the logarithm of the sum of exp(x) in each row.
    ///
    /// # Errors
    /// None; the result is that of all operations.
    pub fn log_softmax(&self, x: &Value) -> Result<Value> {
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        for y in y.chunks_exact_mut(columns) {
            let largest = y.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = y.iter().map(|y| (y - largest).exp()).sum();
            y.iter_mut().for_each(|y| *y -= largest + sum.ln());
        }
        let (own, kept) = (x.clone(), self.records().then(|| self.pool().copy(&y)));
        self.record([x.rows(), x.columns()], y, &[x], false, move |mut g, sink| {
            let Some(y) = kept else { return };
            for (g, y) in g.chunks_exact_mut(columns).zip(y.chunks_exact(columns)) {
                let total: f32 = g.iter().sum();
                g.iter_mut().zip(y).for_each(|(g, y)| *g -= total * y.exp());
            }
            sink.give(&own, g);
        })
    }
}
