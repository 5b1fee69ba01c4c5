//! Products of rows with a kernel.

use super::rows::{PIECE, each_piece, sums};
use crate::batch::matrix::{Matrix, padded};
use crate::batch::product::{Forward, Outer, Packed, Scatter};
use pulp::Arch;

/// A kernel as the products read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    inputs: usize,
    units: usize,
    forward: Packed,
    backward: Packed,
    bias: Vec<f32>,
}

impl Kernel {
    /// Takes the values of a kernel (inputs, units) and of a bias.
    pub(crate) fn update(&mut self, kernel: &[f32], bias: &[f32], training: bool) {
        (self.units, self.inputs) = (bias.len(), kernel.len().checked_div(bias.len()).unwrap_or(0));
        let (inputs, units) = (self.inputs, self.units);
        self.forward.fill(1, inputs, units, |_, row, column| kernel[row * units + column]);
        if training {
            self.backward.fill(1, units, inputs, |_, row, column| kernel[column * units + row]);
        }
        self.bias.clear();
        self.bias.extend_from_slice(bias);
        self.bias.resize(padded(units), 0.0);
    }

    /// bias + x times kernel.
    pub(crate) fn forward(&self, x: &Matrix) -> Matrix {
        let mut y = Matrix::zeros(x.rows(), self.units);
        each_piece(&mut y, |first, y| {
            let (weights, bias) = (&self.forward, &self.bias);
            Arch::new().dispatch(Forward { x: x.values(), stride: x.stride(), sources: None, first, weights, bias, y });
        });
        y
    }

    /// Adds the gradient by x.
    pub(crate) fn to_input(&self, g: &Matrix, to: &mut Matrix) {
        let (stride, x_stride) = (g.stride(), to.stride());
        each_piece(to, |first, x| {
            let rows = x.len() / x_stride;
            let g = &g.values()[first * stride..(first + rows) * stride];
            let weights = &self.backward;
            Arch::new().dispatch(Scatter { g, stride, sources: None, first: 0, weights, x, x_stride });
        });
    }

    /// Adds the gradients by kernel and bias.
    pub(crate) fn to_parameters(&self, x: &Matrix, g: &Matrix, kernel: &mut [f32], bias: &mut [f32]) {
        let (x_stride, columns) = (x.stride(), g.stride());
        let found = sums(g.rows(), x_stride * columns, |rows, out| {
            for first in rows.clone().step_by(PIECE) {
                let last = rows.end.min(first + PIECE);
                let own = &g.values()[first * columns..last * columns];
                let (x, sources) = (x.values(), None);
                Arch::new().dispatch(Outer { x, x_stride, sources, first, taps: 1, g: own, columns, out });
            }
        });
        for (row, kernel) in kernel.chunks_exact_mut(self.units).enumerate() {
            kernel.iter_mut().zip(&found[row * columns..]).for_each(|(kernel, found)| *kernel += found);
        }
        let found = sums(g.rows(), self.units, |rows, out| {
            for row in rows {
                out.iter_mut().zip(g.row(row)).for_each(|(out, g)| *out += g);
            }
        });
        bias.iter_mut().zip(found).for_each(|(bias, found)| *bias += found);
    }
}
