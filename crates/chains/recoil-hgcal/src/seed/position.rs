//! Where a seed sits.
//!
//! Smoothing can lift an empty bin above its neighbours; the wide `flat_top` kernel does so on purpose, between the two
//! halves of a shower. Such a bin has no cells that could tell its position, so the position comes from the occupied
//! bins around it, weighted by their smoothed energies: the two neighbours in phi if at least one of them holds a cell,
//! else the eight bins around, else the growing rings of the same three rows, phi always cyclic. Only if these rows are
//! empty altogether does the seed sit at the middle of its bin.

use crate::fill::{Binning, Histogram};
use crate::smooth::SmoothBuffers;

/// Middle of the bin in the plane (x/|z|, y/|z|).
pub fn bin_center(binning: &Binning, row: usize, column: usize) -> (f64, f64) {
    let (rz, phi) = (binning.rz.center(row), binning.phi.center(column));
    (rz * phi.cos(), rz * phi.sin())
}

/// mipT-weighted mean of the cells of the bin, or of the bins around it when it is empty.
pub fn weighted(
    binning: &Binning,
    histogram: &Histogram,
    smoothed: &SmoothBuffers,
    row: usize,
    column: usize,
) -> (f64, f64) {
    if let Some(position) = histogram.position(row * histogram.columns() + column) {
        return position;
    }
    let around = Around { histogram, smoothed, row, column };
    let rings = 2..=histogram.columns() as isize / 2;
    around
        .mean([(0, -1), (0, 1)].into_iter())
        .or_else(|| around.mean((-1..=1).flat_map(|dr| (-1..=1).map(move |dp| (dr, dp)))))
        .or_else(|| rings.into_iter().find_map(|k| around.mean((-1..=1).flat_map(|dr| [(dr, -k), (dr, k)]))))
        .unwrap_or_else(|| bin_center(binning, row, column))
}

struct Around<'a> {
    histogram: &'a Histogram,
    smoothed: &'a SmoothBuffers,
    row: usize,
    column: usize,
}

impl Around<'_> {
    /// Weighted mean position of the occupied bins among `steps`; `None` when there is none.
    fn mean(&self, steps: impl Iterator<Item = (isize, isize)>) -> Option<(f64, f64)> {
        let columns = self.histogram.columns();
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (dr, dp) in steps {
            let Some(row) = self.row.checked_add_signed(dr).filter(|&r| r < self.histogram.rows()) else { continue };
            let column = (self.column as isize + dp).rem_euclid(columns as isize) as usize;
            if let Some((bin_x, bin_y)) = self.histogram.position(row * columns + column) {
                let weight = self.smoothed.row(row)[column];
                sum += weight;
                x += bin_x * weight;
                y += bin_y * weight;
            }
        }
        (sum > 0.0).then(|| (x / sum, y / sum))
    }
}
