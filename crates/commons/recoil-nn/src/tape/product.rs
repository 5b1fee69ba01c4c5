//! Products of matrices in tiles that stay in registers.

use crate::kernel::accumulate::accumulate;
use pulp::{Arch, Simd, WithSimd};

/// Vectors of a strip of columns.
const STRIP: usize = 2;
/// Rows that pass through all strips before the next rows: they stay in the cache.
const BLOCK: usize = 64;
/// Rows whose outer products are summed in registers.
const SUMMED: usize = 256;
/// Rows of a strip that are filled together: they stay in the first cache.
const NEAR: usize = 64;
/// Floats of the widest strip.
const WIDEST: usize = 64;

/// A matrix in the order in which products read it: strips of columns, row after row.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    inner: usize,
    columns: usize,
    values: Vec<f32>,
}

/// Numbers in a vector of this machine.
pub(super) fn lanes() -> usize {
    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    Arch::new().dispatch(Lanes)
}

impl Packed {
    /// Packs `inner` rows of `columns` numbers that stand `stride` apart.
    pub fn new(values: &[f32], inner: usize, columns: usize, stride: usize) -> Self {
        let mut packed = Self::default();
        packed.fill(values, inner, columns, stride);
        packed
    }

    /// Packs the transposed of `columns` rows of `inner` numbers.
    pub fn transposed(values: &[f32], columns: usize, inner: usize) -> Self {
        let mut packed = Self::default();
        packed.fill_transposed(values, columns, inner, inner);
        packed
    }

    fn layout(&mut self, inner: usize, columns: usize) -> (usize, usize) {
        let lanes = lanes();
        (self.inner, self.columns) = (inner, columns);
        let padded = columns.next_multiple_of(lanes);
        // what lies beyond the last column must be zero, all else is overwritten
        let zero = if padded > columns { 0 } else { self.values.len() };
        self.values.truncate(zero);
        self.values.resize(inner * padded, 0.0);
        (STRIP * lanes, padded)
    }

    /// As [`Packed::new`], in the memory that is there.
    pub fn fill(&mut self, values: &[f32], inner: usize, columns: usize, stride: usize) {
        let (strip, padded) = self.layout(inner, columns);
        for first in (0..columns).step_by(strip) {
            let (width, used) = ((padded - first).min(strip), (columns - first).min(strip));
            let out = &mut self.values[inner * first..];
            for (out, row) in out.chunks_mut(width).zip(values.chunks(stride.max(1))).take(inner) {
                out[..used].copy_from_slice(&row[first..first + used]);
            }
        }
    }

    /// As [`Packed::transposed`], of rows that stand `stride` apart.
    pub fn fill_transposed(&mut self, values: &[f32], columns: usize, inner: usize, stride: usize) {
        let (strip, padded) = self.layout(inner, columns);
        for first in (0..columns).step_by(strip) {
            let (width, used) = ((padded - first).min(strip), (columns - first).min(strip));
            let out = &mut self.values[inner * first..inner * (first + width)];
            for from in (0..inner).step_by(NEAR) {
                let out = &mut out[from * width..inner.min(from + NEAR) * width];
                for column in 0..used {
                    let row = &values[(first + column) * stride..][..inner];
                    for (out, value) in out.chunks_exact_mut(width).zip(&row[from..]) {
                        out[column] = *value;
                    }
                }
            }
        }
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of the matrix.
    pub fn inner(&self) -> usize {
        self.inner
    }

    #[inline(always)]
    pub(super) fn panel(&self, first: usize, width: usize) -> &[f32] {
        &self.values[self.inner * first..self.inner * (first + width)]
    }
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Onto<'a> {
    /// Zero.
    Nothing,
    /// This row, in every row.
    Row(&'a [f32]),
    /// What the result holds.
    Result,
}

/// c = onto + a b: rows of `a` stand `stride` apart and have as many used numbers as `b` has rows; those of `c` stand
/// `c_stride` apart.
pub fn multiply(a: &[f32], stride: usize, rows: usize, b: &Packed, onto: Onto<'_>, c: &mut [f32], c_stride: usize) {
    if rows > 0 && b.columns > 0 {
        Arch::new().dispatch(Multiply { a, stride, rows, b, onto, c, c_stride });
    }
}

struct Multiply<'a> {
    a: &'a [f32],
    stride: usize,
    rows: usize,
    b: &'a Packed,
    onto: Onto<'a>,
    c: &'a mut [f32],
    c_stride: usize,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // a tile of 8 rows and 2 vectors takes 16 registers for its sums
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(&mut self, simd: S) {
        let strip = STRIP * S::F32_LANES;
        let padded = self.b.columns.next_multiple_of(S::F32_LANES);
        for block in (0..self.rows).step_by(BLOCK) {
            for first in (0..padded).step_by(strip) {
                let width = (padded - first).min(strip);
                for row in (block..self.rows.min(block + BLOCK)).step_by(R) {
                    if width == strip {
                        self.tile::<S, R, STRIP>(simd, row, first);
                    } else {
                        self.tile::<S, R, 1>(simd, row, first);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, first: usize) {
        let width = V * S::F32_LANES;
        let used = (self.b.columns - first).min(width);
        let inner = self.b.inner;
        let mut acc = [[simd.splat_f32s(0.0); V]; R];
        if let Onto::Row(bias) = self.onto {
            let start: [S::f32s; V] = load(simd, &bias[first..first + used]);
            acc = [start; R];
        }
        // rows beyond the end repeat the last one
        let x: [&[f32]; R] = std::array::from_fn(|r| &self.a[(row + r).min(self.rows - 1) * self.stride..][..inner]);
        accumulate::<S, R, V>(simd, x, self.b.panel(first, width), &mut acc);
        for (row, acc) in (row..self.rows).zip(acc) {
            let out = &mut self.c[row * self.c_stride + first..][..used];
            let is_sum = matches!(self.onto, Onto::Result);
            store(simd, out, acc, is_sum);
        }
    }
}

/// Numbers as vectors, with zeros behind the last.
#[inline(always)]
pub(super) fn load<S: Simd, const V: usize>(simd: S, values: &[f32]) -> [S::f32s; V] {
    if values.len() == V * S::F32_LANES {
        let values = S::as_simd_f32s(values).0;
        return std::array::from_fn(|v| values[v]);
    }
    std::array::from_fn(|v| simd.partial_load_f32s(values.get(v * S::F32_LANES..).unwrap_or_default()))
}

/// Stores vectors, or adds them to what is there.
#[inline(always)]
pub(super) fn store<S: Simd, const V: usize>(simd: S, out: &mut [f32], values: [S::f32s; V], is_sum: bool) {
    if out.len() == V * S::F32_LANES {
        for (out, value) in S::as_mut_simd_f32s(out).0.iter_mut().zip(values) {
            *out = if is_sum { simd.add_f32s(*out, value) } else { value };
        }
        return;
    }
    let mut all = [0.0_f32; WIDEST];
    for (all, value) in S::as_mut_simd_f32s(&mut all).0.iter_mut().zip(values) {
        *all = value;
    }
    for (out, value) in out.iter_mut().zip(all) {
        *out = if is_sum { *out + value } else { value };
    }
}

/// out += the sum over rows of a transposed times b: `out` has as many rows as `a` columns.
pub fn outer(a: &[f32], a_stride: usize, a_columns: usize, b: &[f32], b_stride: usize, rows: usize, out: &mut [f32]) {
    let columns = out.len().checked_div(a_columns).unwrap_or(0);
    if rows > 0 && columns > 0 {
        Arch::new().dispatch(Outer { a, a_stride, a_columns, b, b_stride, columns, rows, out });
    }
}

struct Outer<'a> {
    a: &'a [f32],
    a_stride: usize,
    a_columns: usize,
    b: &'a [f32],
    b_stride: usize,
    columns: usize,
    rows: usize,
    out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(&mut self, simd: S) {
        let strip = STRIP * S::F32_LANES;
        for from in (0..self.rows).step_by(SUMMED) {
            let rows = from..self.rows.min(from + SUMMED);
            for k in (0..self.a_columns).step_by(R) {
                for first in (0..self.columns).step_by(strip) {
                    let used = (self.columns - first).min(strip);
                    let rows = rows.clone();
                    match (k + R <= self.a_columns, used == strip, used > S::F32_LANES) {
                        (true, true, _) => self.tile::<S, R, STRIP>(simd, rows, k, first, used),
                        (true, _, true) => self.tile::<S, R, STRIP>(simd, rows, k, first, used),
                        (true, ..) => self.tile::<S, R, 1>(simd, rows, k, first, used),
                        (false, ..) => {
                            for k in k..self.a_columns {
                                self.tile::<S, 1, STRIP>(simd, rows.clone(), k, first, used);
                            }
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
        k: usize,
        first: usize,
        used: usize,
    ) {
        let mut acc = [[simd.splat_f32s(0.0); V]; R];
        for row in rows {
            let Some(a) = self.a[row * self.a_stride + k..].first_chunk::<R>() else { continue };
            let b: [S::f32s; V] = load(simd, &self.b[row * self.b_stride + first..][..used]);
            for (acc, &a) in acc.iter_mut().zip(a) {
                let a = simd.splat_f32s(a);
                for (acc, &b) in acc.iter_mut().zip(&b) {
                    *acc = simd.mul_add_e_f32s(a, b, *acc);
                }
            }
        }
        for (r, acc) in acc.into_iter().enumerate() {
            store(simd, &mut self.out[(k + r) * self.columns + first..][..used], acc, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 7919 % 10007) as f32 * 0.61).sin()).collect()
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        for (rows, inner, columns) in [(1, 3, 5), (19, 38, 92), (70, 20, 33), (300, 16, 16), (9, 17, 1), (8, 64, 64)] {
            let (a, w, g) =
                (numbers(rows * (inner + 3), 1), numbers(columns * inner, 2), numbers(rows * (columns + 2), 3));
            let bias = numbers(columns, 4);
            let (forward, backward) = (Packed::transposed(&w, columns, inner), Packed::new(&w, columns, inner, inner));
            let mut y = vec![9.0; rows * columns];
            multiply(&a, inner + 3, rows, &forward, Onto::Row(&bias), &mut y, columns);
            let mut gx = vec![0.5; rows * inner];
            multiply(&g, columns + 2, rows, &backward, Onto::Result, &mut gx, inner);
            let mut gw = vec![0.25; columns * inner];
            outer(&g, columns + 2, columns, &a, inner + 3, rows, &mut gw);
            let (mut ey, mut egx, mut egw) =
                (vec![0.0_f64; y.len()], vec![0.5_f64; gx.len()], vec![0.25_f64; gw.len()]);
            for row in 0..rows {
                for n in 0..columns {
                    ey[row * columns + n] += f64::from(bias[n]);
                    for k in 0..inner {
                        let [x, w, g] =
                            [a[row * (inner + 3) + k], w[n * inner + k], g[row * (columns + 2) + n]].map(f64::from);
                        ey[row * columns + n] += x * w;
                        egx[row * inner + k] += g * w;
                        egw[n * inner + k] += g * x;
                    }
                }
            }
            for (found, expected) in [(&y, &ey), (&gx, &egx), (&gw, &egw)] {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 3e-5, "{rows} {inner} {columns}");
                }
            }
        }
    }
}
