//! Which bins become seeds: local maxima, thresholds and interpolated maxima.

use super::{Interpolation, SeedAlgorithm, SeedConfig};

/// Smoothed mipT, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Energies<'a> {
    /// One value per bin.
    pub values: &'a [f64],
    /// Bins in a row.
    pub columns: usize,
    /// Whether the last column touches the first.
    pub cyclic: bool,
}

impl Energies<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The bin (row + dr, column + dp); `None` outside.
    fn step(&self, row: usize, column: usize, dr: isize, dp: isize) -> Option<usize> {
        let row = row.checked_add_signed(dr).filter(|&r| r < self.rows())?;
        let column = if self.cyclic {
            (column as isize + dp).rem_euclid(self.columns as isize) as usize
        } else {
            column.checked_add_signed(dp).filter(|&c| c < self.columns)?
        };
        Some(row * self.columns + column)
    }
}

/// Appends the (row, column) of the bins that `config` selects, in row-major order.
pub fn find(config: &SeedConfig, energies: Energies<'_>, bins: &mut Vec<(u32, u32)>) {
    let field = Field { energies, window: config.window as isize };
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

/// The smoothed histogram with the neighbours of a bin; what is outside is below every bin.
struct Field<'a> {
    energies: Energies<'a>,
    window: isize,
}

impl Field<'_> {
    fn select(
        &self,
        bins: &mut Vec<(u32, u32)>,
        candidate: impl Fn(f64) -> bool,
        accept: impl Fn(usize, usize, f64) -> bool,
    ) {
        for row in 0..self.energies.rows() {
            for (column, &energy) in self.energies.row(row).iter().enumerate() {
                if candidate(energy) && accept(row, column, energy) {
                    bins.push((row as u32, column as u32));
                }
            }
        }
    }

    /// Energy of the neighbour (row + dr, column + dp); `None` outside.
    fn neighbour(&self, row: usize, column: usize, dr: isize, dp: isize) -> Option<f64> {
        self.energies.step(row, column, dr, dp).map(|i| self.energies.values[i])
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
        let columns = self.energies.columns;
        let first = bins.len();
        self.select(bins, |e| e > above, |row, column, e| self.single_max(row, column, e));
        let mut taken = vec![false; self.energies.values.len()];
        let mut vetoed = taken.clone();
        for &(row, column) in &bins[first..] {
            let (row, column) = (row as usize, column as usize);
            taken[row * columns + column] = true;
            for i in self.around().filter_map(|(dr, dp)| self.energies.step(row, column, dr, dp)) {
                vetoed[i] = true;
            }
        }
        let accept = |row: usize, column: usize, energy: f64| {
            let home = row * columns + column;
            !taken[home]
                && !vetoed[home]
                && self.around().all(|(dr, dp)| {
                    let Some(i) = self.energies.step(row, column, dr, dp) else { return true };
                    let strict = dp < 0 || (dp == 0 && dr > 0);
                    let neighbour = self.energies.values[i];
                    vetoed[i] || if strict { energy > neighbour } else { energy >= neighbour }
                })
        };
        self.select(bins, |e| e > above, accept);
        bins[first..].sort_unstable();
    }
}
