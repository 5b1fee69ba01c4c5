//! Gradients of the weights of linear layers.

use crate::lane::{LANES, Lane};
use crate::network::links::Groups;
use pulp::Simd;

/// Lanes by sample instead of by feature; scratch of [`weights`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Transposed {
    values: Vec<f32>,
}

/// Columns of the transposed scratch are a multiple of this.
const WIDTH: usize = 16;

/// gradient[tap][r][c] += sum over the pairs (a, b) of tap and over samples of rows[a][r] columns[b][c].
#[inline(always)]
pub(crate) fn weights<S: Simd>(
    simd: S,
    pairs: &Groups,
    [row_channels, column_channels]: [usize; 2],
    rows: &[Lane],
    columns: &[Lane],
    gradient: &mut [f32],
    scratch: &mut Transposed,
) {
    let per_tap = pairs.count() / pairs.len();
    if per_tap == 1 && pairs.len() == 1 && column_channels >= 8 {
        outer(simd, rows, columns, gradient, scratch);
        return;
    }
    for (tap, gradient) in gradient.chunks_exact_mut(row_channels * column_channels).enumerate() {
        let pairs = pairs.of(tap);
        match (row_channels, column_channels) {
            (1, _) => tiles::<S, 1, 8>(simd, pairs, [1, column_channels], rows, columns, gradient),
            (_, 1) => tiles::<S, 8, 1>(simd, pairs, [row_channels, 1], rows, columns, gradient),
            (r, c) => tiles::<S, 2, 4>(simd, pairs, [r, c], rows, columns, gradient),
        }
    }
}

/// Tiles of R x C weights, the rest one by one.
#[inline(always)]
fn tiles<S: Simd, const R: usize, const C: usize>(
    simd: S,
    pairs: &[(u32, u32)],
    [rc, cc]: [usize; 2],
    rows: &[Lane],
    columns: &[Lane],
    gradient: &mut [f32],
) {
    let (full_rows, full_columns) = (rc - rc % R, cc - cc % C);
    for r in (0..full_rows).step_by(R) {
        for c in (0..full_columns).step_by(C) {
            tile::<S, R, C>(simd, pairs, [rc, cc], [r, c], rows, columns, gradient);
        }
    }
    for r in 0..rc {
        let from = if r < full_rows { full_columns } else { 0 };
        for c in from..cc {
            tile::<S, 1, 1>(simd, pairs, [rc, cc], [r, c], rows, columns, gradient);
        }
    }
}

/// R x C weights of one tap from row channel r and column channel c on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize>(
    simd: S,
    pairs: &[(u32, u32)],
    [rc, cc]: [usize; 2],
    [r, c]: [usize; 2],
    rows: &[Lane],
    columns: &[Lane],
    gradient: &mut [f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    for &(a, b) in pairs {
        let a: &[Lane; R] = rows[a as usize * rc + r..].first_chunk().unwrap_or(&[Lane::ZERO; R]);
        let b: &[Lane; C] = columns[b as usize * cc + c..].first_chunk().unwrap_or(&[Lane::ZERO; C]);
        for v in 0..LANES / S::F32_LANES {
            let b: [S::f32s; C] = std::array::from_fn(|j| S::as_simd_f32s(&b[j].0).0[v]);
            for (sums, a) in sums.iter_mut().zip(a) {
                let a = S::as_simd_f32s(&a.0).0[v];
                for (sum, &b) in sums.iter_mut().zip(&b) {
                    *sum = simd.mul_add_e_f32s(a, b, *sum);
                }
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        for (gradient, sum) in gradient[(r + i) * cc + c..].iter_mut().zip(sums) {
            *gradient += simd.reduce_sum_f32s(sum);
        }
    }
}

/// gradient[r][c] += sum over samples of rows[r] columns[c], by vectors of columns.
#[inline(always)]
fn outer<S: Simd>(simd: S, rows: &[Lane], columns: &[Lane], gradient: &mut [f32], scratch: &mut Transposed) {
    let padded = columns.len().next_multiple_of(WIDTH);
    scratch.values.resize(LANES * padded, 0.0);
    for (sample, values) in scratch.values.chunks_exact_mut(padded).enumerate() {
        for (value, column) in values.iter_mut().zip(columns) {
            *value = column.0[sample];
        }
        values[columns.len()..].fill(0.0);
    }
    const ROWS: usize = 8;
    for (rows, gradient) in rows.chunks(ROWS).zip(gradient.chunks_mut(ROWS * columns.len())) {
        match <&[Lane; ROWS]>::try_from(rows) {
            Ok(rows) => outer_rows(simd, rows, columns.len(), gradient, &scratch.values),
            Err(_) => {
                for (row, gradient) in rows.iter().zip(gradient.chunks_exact_mut(columns.len())) {
                    outer_rows(simd, std::array::from_ref(row), columns.len(), gradient, &scratch.values);
                }
            }
        }
    }
}

/// R rows of the gradient of [`outer`].
#[inline(always)]
fn outer_rows<S: Simd, const R: usize>(
    simd: S,
    rows: &[Lane; R],
    columns: usize,
    gradient: &mut [f32],
    by_sample: &[f32],
) {
    let padded = by_sample.len() / LANES;
    for at in (0..columns).step_by(S::F32_LANES) {
        let mut sums = [simd.splat_f32s(0.0); R];
        for (sample, values) in by_sample.chunks_exact(padded).enumerate() {
            let column = S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0];
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = simd.mul_add_e_f32s(simd.splat_f32s(row.0[sample]), column, *sum);
            }
        }
        for (gradient, sum) in gradient.chunks_exact_mut(columns).zip(sums) {
            let gradient = &mut gradient[at..];
            let width = gradient.len().min(S::F32_LANES);
            let gradient = &mut gradient[..width];
            let old = simd.partial_load_f32s(gradient);
            simd.partial_store_f32s(gradient, simd.add_f32s(old, sum));
        }
    }
}

/// gradient[c] += sum over positions and samples of g[p][c].
#[inline(always)]
pub(crate) fn bias<S: Simd>(simd: S, g: &[Lane], gradient: &mut [f32]) {
    let channels = gradient.len();
    for (channel, gradient) in gradient.iter_mut().enumerate() {
        let mut sum = simd.splat_f32s(0.0);
        for lane in g[channel..].iter().step_by(channels) {
            for &value in S::as_simd_f32s(&lane.0).0 {
                sum = simd.add_f32s(sum, value);
            }
        }
        *gradient += simd.reduce_sum_f32s(sum);
    }
}
