//! The telescope loss, and the weighted square error: losses on the scale where a wafer's charges sum to 1 to 2.

use crate::wafer::{CELLS, GROUPS_4X4};

/// The 36 overlapping cells of 2x2 trigger cells, with their weights. A trigger cell's weight is shared by the super cells
/// that it belongs to, so that each trigger cell counts once.
pub const SUPER_CELLS: [([usize; 4], f64); 36] = [
    ([0, 1, 4, 5], 1.5 / 4.0),
    ([2, 3, 6, 7], 1.0 / 3.0),
    ([8, 9, 12, 13], 2.25 / 4.0),
    ([10, 11, 14, 15], 1.5 / 4.0),
    ([16, 17, 20, 21], 1.5 / 4.0),
    ([18, 19, 22, 23], 1.0 / 3.0),
    ([24, 25, 28, 29], 2.25 / 4.0),
    ([26, 27, 30, 31], 1.5 / 4.0),
    ([32, 33, 36, 37], 1.5 / 4.0),
    ([34, 35, 38, 39], 1.0 / 3.0),
    ([40, 41, 44, 45], 2.25 / 4.0),
    ([42, 43, 46, 47], 1.5 / 4.0),
    ([4, 5, 8, 9], 1.5 / 4.0),
    ([6, 7, 10, 11], 1.0 / 4.0),
    ([20, 21, 24, 25], 1.5 / 4.0),
    ([22, 23, 26, 27], 1.0 / 4.0),
    ([36, 37, 40, 41], 1.5 / 4.0),
    ([38, 39, 42, 43], 1.0 / 4.0),
    ([1, 2, 5, 6], 1.0 / 4.0),
    ([9, 10, 13, 14], 1.5 / 4.0),
    ([17, 18, 21, 22], 1.0 / 4.0),
    ([25, 26, 29, 30], 1.5 / 4.0),
    ([33, 34, 37, 38], 1.0 / 4.0),
    ([41, 42, 45, 46], 1.5 / 4.0),
    ([5, 6, 9, 10], 1.0 / 4.0),
    ([21, 22, 25, 26], 1.0 / 4.0),
    ([37, 38, 41, 42], 1.0 / 4.0),
    ([0, 1, 27, 31], 1.5 / 4.0),
    ([1, 2, 23, 27], 1.0 / 4.0),
    ([2, 3, 19, 23], 5.0 / 12.0),
    ([3, 7, 34, 35], 5.0 / 12.0),
    ([7, 11, 33, 34], 1.0 / 4.0),
    ([11, 15, 32, 33], 1.5 / 4.0),
    ([16, 17, 47, 43], 1.5 / 4.0),
    ([17, 18, 43, 39], 1.0 / 4.0),
    ([18, 19, 39, 35], 5.0 / 12.0),
];

/// The three terms of the loss, each with its factor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Telescope {
    /// Four times the mean over the trigger cells.
    pub cells: f64,
    /// Twice the weighted mean over the 36 super cells.
    pub super_cells: f64,
    /// The mean over the three thirds of the wafer.
    pub thirds: f64,
}

impl Telescope {
    /// The loss.
    pub fn total(&self) -> f64 {
        self.cells + self.super_cells + self.thirds
    }
}

/// Square error times the larger of the two.
pub fn weighted_square(a: f64, b: f64) -> f64 {
    (a - b).powi(2) * a.max(b)
}

/// The loss of `predicted` against `truth`.
pub fn telescope(truth: &[f64; CELLS], predicted: &[f64; CELLS]) -> Telescope {
    let sum = |values: &[f64; CELLS], cells: &[usize]| -> f64 {
        cells.iter().map(|&cell| values.get(cell).copied().unwrap_or_default()).sum()
    };
    let of = |cells: &[usize]| weighted_square(sum(truth, cells), sum(predicted, cells));
    let cells: f64 = truth.iter().zip(predicted).map(|(a, b)| weighted_square(*a, *b)).sum();
    let super_cells: f64 = SUPER_CELLS.iter().map(|(cells, weight)| weight * of(cells)).sum();
    let thirds: f64 = GROUPS_4X4.iter().map(|cells| of(cells)).sum();
    Telescope { cells: 4.0 * cells / 48.0, super_cells: 2.0 * super_cells / 36.0, thirds: thirds / 3.0 }
}

/// Mean over all pixels of the square error times the larger of the two; the pixels that are masked count as well.
pub fn weighted_mse(truth: &[f64], predicted: &[f64]) -> f64 {
    let sum: f64 = truth.iter().zip(predicted).map(|(a, b)| weighted_square(*a, *b)).sum();
    sum / truth.len().max(1) as f64
}
