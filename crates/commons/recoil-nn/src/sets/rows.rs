//! Rows of matrices shared among threads in pieces that the number of rows alone decides.

use crate::batch::matrix::Matrix;
use rayon::prelude::*;

/// Rows of a piece.
pub(crate) const PIECE: usize = 256;
/// Pieces of sums at most.
const SUMS: usize = 16;

/// Calls `work` with the number of the first row and the padded rows of each piece of `matrix`.
pub(crate) fn each_piece(matrix: &mut Matrix, work: impl Fn(usize, &mut [f32]) + Sync) {
    let size = PIECE * matrix.stride();
    if size == 0 {
        return;
    }
    matrix.values_mut().par_chunks_mut(size).enumerate().for_each(|(index, rows)| work(index * PIECE, rows));
}

/// Calls `work` with row number and numbers of each row of `matrix`, without padding.
pub(crate) fn each_row(matrix: &mut Matrix, work: impl Fn(usize, &mut [f32]) + Sync) {
    let (stride, columns) = (matrix.stride(), matrix.columns());
    each_piece(matrix, |first, rows| {
        for (index, row) in rows.chunks_exact_mut(stride).enumerate() {
            work(first + index, &mut row[..columns]);
        }
    });
}

/// Sums of `len` numbers over the rows 0 to `rows`: `work` adds those of a range of rows.
pub(crate) fn sums(rows: usize, len: usize, work: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync) -> Vec<f32> {
    let size = rows.div_ceil(SUMS).max(PIECE);
    let ranges: Vec<_> = (0..rows).step_by(size).map(|first| first..rows.min(first + size)).collect();
    let parts: Vec<Vec<f32>> = ranges
        .into_par_iter()
        .map(|range| {
            let mut own = vec![0.0; len];
            work(range, &mut own);
            own
        })
        .collect();
    let mut total = vec![0.0; len];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

/// The rows of `matrix` that belong to each sample, for `work` with the sample's number.
pub(crate) fn each_sample(matrix: &mut Matrix, offsets: &[u32], work: impl Fn(usize, &mut [f32]) + Sync) {
    let cuts: Vec<usize> = offsets.iter().map(|offset| *offset as usize).collect();
    matrix.split(&cuts).into_par_iter().enumerate().for_each(|(sample, rows)| work(sample, rows));
}
