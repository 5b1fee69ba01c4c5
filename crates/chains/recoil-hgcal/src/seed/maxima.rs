//! Which bins become seeds: local maxima, thresholds and interpolated maxima.

use super::{Interpolation, SeedAlgorithm, SeedConfig};
use crate::smooth::SmoothBuffers;

/// Appends the (row, column) of the bins that `config` selects, in row-major order.
pub fn find(config: &SeedConfig, smoothed: &SmoothBuffers, bins: &mut Vec<(u32, u32)>) {
    let field = Field { smoothed, window: config.window as isize };
    let above = config.threshold;
    match config.algorithm {
        SeedAlgorithm::Window => field.select(bins, |e| e > above, |row, column, e| field.window_max(row, column, e)),
        SeedAlgorithm::HistoMax => field.select(bins, |e| e > above, |row, column, e| field.single_max(row, column, e)),
        SeedAlgorithm::HistoThreshold => field.select(bins, |e| e > above, |_, _, _| true),
        SeedAlgorithm::HistoInterpolatedMax => {
            // a bin can only be above the prediction by the threshold if it is above zero at all
            field.select(
                bins,
                |e| e > 0.0,
                |row, column, e| e >= above + field.predicted(row, column, config.interpolation),
            );
        }
        SeedAlgorithm::HistoSecondaryMax => field.secondary(bins, above),
    }
}

/// The smoothed histogram with its boundary rules: phi is cyclic, rows outside are below every bin.
struct Field<'a> {
    smoothed: &'a SmoothBuffers,
    window: isize,
}

impl Field<'_> {
    fn select(
        &self,
        bins: &mut Vec<(u32, u32)>,
        candidate: impl Fn(f64) -> bool,
        accept: impl Fn(usize, usize, f64) -> bool,
    ) {
        for row in 0..self.smoothed.rows() {
            for (column, &energy) in self.smoothed.row(row).iter().enumerate() {
                if candidate(energy) && accept(row, column, energy) {
                    bins.push((row as u32, column as u32));
                }
            }
        }
    }

    /// Neighbour (row + dr, column + dp); `None` outside in R/z.
    fn neighbour(&self, row: usize, column: usize, dr: isize, dp: isize) -> Option<f64> {
        let row = row.checked_add_signed(dr).filter(|&r| r < self.smoothed.rows())?;
        let columns = self.smoothed.columns() as isize;
        let column = (column as isize + dp).rem_euclid(columns) as usize;
        Some(self.smoothed.row(row)[column])
    }

    fn around(&self) -> impl Iterator<Item = (isize, isize)> + use<> {
        let window = self.window;
        (-1..=1).flat_map(move |dr| (-window..=window).map(move |dp| (dr, dp))).filter(|&step| step != (0, 0))
    }

    fn window_max(&self, row: usize, column: usize, energy: f64) -> bool {
        self.around().all(|(dr, dp)| self.neighbour(row, column, dr, dp).is_none_or(|n| energy >= n))
    }

    /// Strictly above the neighbours at lower phi and the one at higher R/z, so that a plateau has one maximum.
    fn single_max(&self, row: usize, column: usize, energy: f64) -> bool {
        self.around().all(|(dr, dp)| {
            let strict = dp < 0 || (dp == 0 && dr > 0);
            self.neighbour(row, column, dr, dp).is_none_or(|n| if strict { energy > n } else { energy >= n })
        })
    }

    fn predicted(&self, row: usize, column: usize, interpolation: Interpolation) -> f64 {
        let sum = |steps: [(isize, isize); 4]| -> f64 {
            steps.iter().map(|&(dr, dp)| self.neighbour(row, column, dr, dp).unwrap_or(0.0)).sum()
        };
        let edges = sum([(-1, 0), (1, 0), (0, -1), (0, 1)]);
        match interpolation {
            Interpolation::First => 0.25 * edges,
            Interpolation::Second => 0.5 * edges - 0.25 * sum([(-1, -1), (-1, 1), (1, -1), (1, 1)]),
        }
    }

    /// Maxima, then maxima among the bins that neither are nor touch one, not compared with the bins that touch one.
    fn secondary(&self, bins: &mut Vec<(u32, u32)>, above: f64) {
        let (rows, columns) = (self.smoothed.rows(), self.smoothed.columns());
        let first = bins.len();
        self.select(bins, |e| e > above, |row, column, e| self.single_max(row, column, e));
        let flat = |row: usize, column: usize| row * columns + column;
        let mut taken = vec![false; rows * columns];
        for &(row, column) in &bins[first..] {
            taken[flat(row as usize, column as usize)] = true;
        }
        let mut vetoed = vec![false; rows * columns];
        for &(row, column) in &bins[first..] {
            for (dr, dp) in self.around() {
                if let Some(r) = (row as usize).checked_add_signed(dr).filter(|&r| r < rows) {
                    vetoed[flat(r, (column as isize + dp).rem_euclid(columns as isize) as usize)] = true;
                }
            }
        }
        let accept = |row: usize, column: usize, energy: f64| {
            !taken[flat(row, column)]
                && !vetoed[flat(row, column)]
                && self.around().all(|(dr, dp)| {
                    let Some(r) = row.checked_add_signed(dr).filter(|&r| r < rows) else { return true };
                    let c = (column as isize + dp).rem_euclid(columns as isize) as usize;
                    let strict = dp < 0 || (dp == 0 && dr > 0);
                    let neighbour = self.smoothed.row(r)[c];
                    vetoed[flat(r, c)] || if strict { energy > neighbour } else { energy >= neighbour }
                })
        };
        self.select(bins, |e| e > above, accept);
        bins[first..].sort_unstable();
    }
}
