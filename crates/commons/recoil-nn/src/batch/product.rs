//! Products of matrices, in tiles that stay in registers: rows times weights, gradients times transposed weights,
//! gradients of weights.
//!
//! A row may be a window: then it reads several rows of the input, one per tap of the kernel, as a list says.

use super::map::NONE;
use super::matrix::{CELL, padded};
use crate::kernel::accumulate::accumulate;
use pulp::{Arch, Simd, WithSimd};

/// Vectors of a strip of columns.
const STRIP: usize = 2;
/// Rows that pass through all strips before the next rows: they stay in the cache.
const BLOCK: usize = 64;
/// Channels of an image before a window at most.
pub(crate) const WIDEST: usize = 8192;
/// What taps outside of an image read.
static ZEROS: [f32; WIDEST] = [0.0; WIDEST];

/// Weights in the order in which the kernels read them: strips of columns; in a strip taps, in a tap rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    pub taps: usize,
    /// Rows of a tap.
    pub inner: usize,
    values: Vec<f32>,
    start: usize,
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Widths of the strips that so many padded columns take.
fn strips(columns: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(STRIP * lanes).map(move |first| (first, (columns - first).min(STRIP * lanes)))
}

impl Packed {
    /// Packs the weights `weight(tap, row, column)`.
    pub(crate) fn fill(
        &mut self,
        taps: usize,
        inner: usize,
        columns: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) {
        let lanes = Arch::new().dispatch(Lanes);
        (self.taps, self.inner) = (taps, inner);
        self.values.resize(taps * inner * padded(columns) + CELL, 0.0);
        self.start = self.values.as_ptr().align_offset(64).min(CELL - 1);
        let mut out = self.values[self.start..].iter_mut();
        for (first, width) in strips(padded(columns), lanes) {
            for (tap, row) in (0..taps).flat_map(|tap| (0..inner).map(move |row| (tap, row))) {
                for (column, out) in (first..first + width).zip(&mut out) {
                    *out = if column < columns { weight(tap, row, column) } else { 0.0 };
                }
            }
        }
    }

    /// The weights of one tap to the strip that starts at this column.
    #[inline(always)]
    fn panel(&self, first: usize, width: usize, tap: usize) -> &[f32] {
        let at = self.start + self.taps * self.inner * first + tap * self.inner * width;
        &self.values[at..at + self.inner * width]
    }
}

/// A product that is computed in tiles of some rows and a strip of columns.
trait Tiles {
    /// Rows and columns of the result.
    fn shape(&self) -> (usize, usize);

    /// `R` rows from `row` on and `width` columns, `V` vectors, from `column` on.
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        rows: usize,
        column: usize,
        width: usize,
    );

    #[inline(always)]
    fn run<S: Simd, const R: usize>(&mut self, simd: S) {
        let (rows, columns) = self.shape();
        for block in (0..rows).step_by(BLOCK) {
            for (column, width) in strips(columns, S::F32_LANES) {
                for row in (block..rows.min(block + BLOCK)).step_by(R) {
                    if width == STRIP * S::F32_LANES {
                        self.tile::<S, R, STRIP>(simd, row, rows, column, width);
                    } else {
                        self.tile::<S, R, 1>(simd, row, rows, column, width);
                    }
                }
            }
        }
    }
}

/// y = bias + rows times weights.
pub(crate) struct Forward<'a> {
    pub x: &'a [f32],
    pub stride: usize,
    /// Row of `x` per row of `y` and tap; without, the rows of `x` from `first` on.
    pub sources: Option<&'a [u32]>,
    pub first: usize,
    pub weights: &'a Packed,
    /// Padded.
    pub bias: &'a [f32],
    pub y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // a tile of 8 rows and 2 vectors takes 16 registers for its sums
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Tiles for Forward<'_> {
    fn shape(&self) -> (usize, usize) {
        let columns = self.bias.len();
        (self.y.len().checked_div(columns).unwrap_or(0), columns)
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        rows: usize,
        column: usize,
        width: usize,
    ) {
        let Packed { taps, inner, .. } = *self.weights;
        let start = S::as_simd_f32s(&self.bias[column..column + width]).0;
        let start: [S::f32s; V] = std::array::from_fn(|v| start[v]);
        let mut acc = [start; R];
        // rows beyond the end repeat the last one
        let at: [usize; R] = std::array::from_fn(|r| (row + r).min(rows - 1));
        for tap in 0..taps {
            let x: [&[f32]; R] = std::array::from_fn(|r| match self.sources {
                None => &self.x[(self.first + at[r]) * self.stride..][..inner],
                Some(sources) => match sources[at[r] * taps + tap] {
                    NONE => &ZEROS[..inner],
                    source => &self.x[source as usize * self.stride..][..inner],
                },
            });
            accumulate::<S, R, V>(simd, x, self.weights.panel(column, width, tap), &mut acc);
        }
        let columns = self.bias.len();
        for (row, acc) in (row..rows).zip(acc) {
            let y = S::as_mut_simd_f32s(&mut self.y[row * columns + column..][..width]).0;
            for (y, acc) in y.iter_mut().zip(acc) {
                *y = acc;
            }
        }
    }
}

/// Rows of gradients times transposed weights, added to the rows that were read.
pub(crate) struct Scatter<'a> {
    pub g: &'a [f32],
    pub stride: usize,
    /// Row per row of `g` and tap; without, one after the other.
    pub sources: Option<&'a [u32]>,
    /// Number of the first row of `x`.
    pub first: usize,
    /// From outputs to inputs.
    pub weights: &'a Packed,
    pub x: &'a mut [f32],
    pub x_stride: usize,
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Tiles for Scatter<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.g.len().checked_div(self.stride).unwrap_or(0), self.x_stride)
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        rows: usize,
        column: usize,
        width: usize,
    ) {
        let Packed { taps, inner, .. } = *self.weights;
        let g: [&[f32]; R] = std::array::from_fn(|r| &self.g[(row + r).min(rows - 1) * self.stride..][..inner]);
        for tap in 0..taps {
            let mut acc = [[simd.splat_f32s(0.0); V]; R];
            accumulate::<S, R, V>(simd, g, self.weights.panel(column, width, tap), &mut acc);
            for (row, acc) in (row..rows).zip(acc) {
                let to = match self.sources {
                    None => row,
                    Some(sources) => match sources[row * taps + tap] {
                        NONE => continue,
                        source => source as usize - self.first,
                    },
                };
                let x = S::as_mut_simd_f32s(&mut self.x[to * self.x_stride + column..][..width]).0;
                for (x, acc) in x.iter_mut().zip(acc) {
                    *x = simd.add_f32s(*x, acc);
                }
            }
        }
    }
}

/// Gradient of weights: for each tap the sum over rows of x transposed times g.
pub(crate) struct Outer<'a> {
    pub x: &'a [f32],
    pub x_stride: usize,
    pub sources: Option<&'a [u32]>,
    pub first: usize,
    pub taps: usize,
    pub g: &'a [f32],
    /// Padded columns of g and of the result.
    pub columns: usize,
    /// Per tap as many rows as `x` has padded columns; added to.
    pub out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(mut self, simd: S) {
        let rows = self.g.len() / self.columns;
        for block in (0..rows).step_by(BLOCK) {
            let end = rows.min(block + BLOCK);
            for tap in 0..self.taps {
                for k in (0..self.x_stride).step_by(R) {
                    for (column, width) in strips(self.columns, S::F32_LANES) {
                        if width == STRIP * S::F32_LANES {
                            self.tile::<S, R, STRIP>(simd, block..end, tap, k, column, width);
                        } else {
                            self.tile::<S, R, 1>(simd, block..end, tap, k, column, width);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        rows: std::ops::Range<usize>,
        tap: usize,
        k: usize,
        column: usize,
        width: usize,
    ) {
        let mut acc = [[simd.splat_f32s(0.0); V]; R];
        for row in rows {
            let source = match self.sources {
                None => self.first + row,
                Some(sources) => match sources[row * self.taps + tap] {
                    NONE => continue,
                    source => source as usize,
                },
            };
            let at = source * self.x_stride + k;
            let Some(x) = self.x.get(at..at + R).and_then(|x| x.first_chunk::<R>()) else { continue };
            let g = S::as_simd_f32s(&self.g[row * self.columns + column..][..width]).0;
            let Some(g) = g.first_chunk::<V>() else { continue };
            for (acc, &x) in acc.iter_mut().zip(x) {
                let x = simd.splat_f32s(x);
                for (acc, &g) in acc.iter_mut().zip(g) {
                    *acc = simd.mul_add_e_f32s(x, g, *acc);
                }
            }
        }
        for (r, acc) in acc.into_iter().enumerate() {
            let out = &mut self.out[(tap * self.x_stride + k + r) * self.columns + column..][..width];
            for (out, acc) in S::as_mut_simd_f32s(out).0.iter_mut().zip(acc) {
                *out = simd.add_f32s(*out, acc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 7919) as f32 * 0.61).sin()).collect()
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        for (rows, inner, columns, taps) in [(1, 3, 5, 1), (19, 38, 92, 1), (70, 20, 33, 9), (9, 16, 16, 4)] {
            let (stride, wide) = (padded(inner), padded(columns));
            let mut x = numbers(rows * stride, 1);
            x.chunks_mut(stride).for_each(|row| row[inner..].fill(0.0));
            let mut g = numbers(rows * wide, 2);
            g.chunks_mut(wide).for_each(|row| row[columns..].fill(0.0));
            let w = numbers(taps * inner * columns, 3);
            let sources: Vec<u32> =
                (0..rows * taps).map(|i| if taps > 1 && i % 11 == 3 { NONE } else { (i * 5 % rows) as u32 }).collect();
            let weight = |tap: usize, k: usize, n: usize| w[(tap * inner + k) * columns + n];
            let (mut forward, mut backward) = (Packed::default(), Packed::default());
            forward.fill(taps, inner, columns, weight);
            backward.fill(taps, columns, inner, |tap, n, k| weight(tap, k, n));
            let mut bias = numbers(wide, 4);
            bias[columns..].fill(0.0);
            let (mut y, mut gx) = (vec![9.0; rows * wide], vec![0.5; rows * stride]);
            let mut gw = vec![0.0; taps * stride * wide];
            let arch = Arch::new();
            let sources_given = (taps > 1).then_some(sources.as_slice());
            let source = |row: usize, tap: usize| if taps > 1 { sources[row * taps + tap] } else { row as u32 };
            arch.dispatch(Forward {
                x: &x,
                stride,
                sources: sources_given,
                first: 0,
                weights: &forward,
                bias: &bias,
                y: &mut y,
            });
            arch.dispatch(Scatter {
                g: &g,
                stride: wide,
                sources: sources_given,
                first: 0,
                weights: &backward,
                x: &mut gx,
                x_stride: stride,
            });
            arch.dispatch(Outer {
                x: &x,
                x_stride: stride,
                sources: sources_given,
                first: 0,
                taps,
                g: &g,
                columns: wide,
                out: &mut gw,
            });
            let (mut ey, mut egx) = (vec![0.0_f64; rows * wide], vec![0.5_f64; rows * stride]);
            let mut egw = vec![0.0_f64; gw.len()];
            for row in 0..rows {
                for n in 0..columns {
                    ey[row * wide + n] = f64::from(bias[n]);
                }
                for tap in 0..taps {
                    let source = source(row, tap);
                    if source == NONE {
                        continue;
                    }
                    for (k, n) in (0..inner).flat_map(|k| (0..columns).map(move |n| (k, n))) {
                        let x_at = source as usize * stride + k;
                        let (x, g, w) =
                            (f64::from(x[x_at]), f64::from(g[row * wide + n]), f64::from(weight(tap, k, n)));
                        ey[row * wide + n] += x * w;
                        egx[x_at] += g * w;
                        egw[(tap * stride + k) * wide + n] += x * g;
                    }
                }
            }
            for (found, expected) in [(&y, &ey), (&gx, &egx), (&gw, &egw)] {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 3e-5, "{rows} {inner} {columns} {taps}");
                }
            }
        }
    }
}
