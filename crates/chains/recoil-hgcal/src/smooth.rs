//! Smoothing of the histogram along phi, then along R/z.
//!
//! Along phi, bin p receives its neighbours p-k and p+k with weight 1/2^k (`default`) or 1/2^(k-1) (`flat_top`, where
//! the first neighbours weigh as much as the bin itself), k = 1..n with n per row; phi is cyclic. The sum is divided by
//! the weights and by the area of a bin, and multiplied by the area of a trigger cell. Along R/z a row receives half
//! of each neighbour row and is divided by the weights, 2, or 1.5 at the two ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{HgcalError, Result};
use crate::fill::{Binning, Histogram};

/// Weights of the neighbours in phi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// 1, 1/2, 1/4, ...
    #[default]
    Default,
    /// 1, 1, 1/2, 1/4, ...
    FlatTop,
}

/// Smoothing parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothConfig {
    /// Weights of the neighbours in phi.
    pub kernel: Kernel,
    /// Width of the phi window per R/z row, in bins: odd numbers, one per row.
    pub bin_sums: Vec<u32>,
    /// Divide each row by the area of its own bins. Off, every row is divided by the area of a bin of row 0, the
    /// definition that the seeding threshold was tuned with.
    pub normalise_by_row_area: bool,
    /// Area of a trigger cell in the (x/z, y/z) plane.
    pub area_per_trigger_cell: f64,
}

impl Default for SmoothConfig {
    fn default() -> Self {
        let mut bin_sums = vec![13];
        for (width, rows) in [(11, 3), (9, 3), (7, 6), (5, 15), (3, 14)] {
            bin_sums.extend(std::iter::repeat_n(width, rows));
        }
        Self { kernel: Kernel::Default, bin_sums, normalise_by_row_area: false, area_per_trigger_cell: 4.91e-5 }
    }
}

/// A kernel with its row widths and normalisations worked out.
#[derive(Clone, Debug)]
pub struct Smoother {
    rows: usize,
    columns: usize,
    kernel: Kernel,
    sides: Vec<usize>,
    norms: Vec<f64>,
    area_per_trigger_cell: f64,
    pad: usize,
}

/// The smoothed histogram and the buffers that make it; reused from event to event.
#[derive(Clone, Debug)]
pub struct SmoothBuffers {
    rows: usize,
    columns: usize,
    /// `rows` rows of `pad + columns + pad`, the pads repeating the other end of the row.
    padded: Vec<f64>,
    /// `rows + 2` rows, the first and the last always zero.
    along_phi: Vec<f64>,
    smoothed: Vec<f64>,
    touched: Vec<u32>,
    row_filled: Vec<bool>,
}

impl SmoothBuffers {
    /// Buffers that only hold a smoothed histogram, for [`SmoothBuffers::load`].
    pub fn empty(binning: &Binning) -> Self {
        let (rows, columns) = (binning.rows(), binning.columns());
        Self {
            rows,
            columns,
            padded: Vec::new(),
            along_phi: Vec::new(),
            smoothed: vec![0.0; rows * columns],
            touched: Vec::new(),
            row_filled: Vec::new(),
        }
    }

    /// Takes (row, column, energy) of the bins that an earlier smoothing wrote to a file; all others are zero.
    ///
    /// # Errors
    /// [`HgcalError::Bin`] for a bin that the histogram does not have.
    pub fn load(&mut self, bins: impl IntoIterator<Item = (usize, usize, f64)>) -> Result<()> {
        let (rows, columns) = (self.rows, self.columns);
        self.smoothed.fill(0.0);
        for (rz, phi, energy) in bins {
            if rz >= rows || phi >= columns {
                return Err(HgcalError::Bin { rz, phi, rows, columns });
            }
            self.smoothed[rz * columns + phi] = energy;
        }
        Ok(())
    }

    /// Smoothed mipT, row-major.
    pub fn energies(&self) -> &[f64] {
        &self.smoothed
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `row` of the smoothed histogram.
    #[inline]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.smoothed[row * self.columns..(row + 1) * self.columns]
    }

    /// The bins that are not zero, as (row, column, energy), row-major.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let columns = self.columns;
        self.smoothed.iter().enumerate().filter(|&(_, &e)| e != 0.0).map(move |(i, &e)| (i / columns, i % columns, e))
    }
}

impl Smoother {
    /// Works out the weights of a configuration.
    ///
    /// # Errors
    /// [`HgcalError::Config`] when `bin_sums` has not one odd width per row, or a window is wider than the histogram.
    pub fn new(config: &SmoothConfig, binning: &Binning) -> Result<Self> {
        let (rows, columns) = (binning.rows(), binning.columns());
        let bad = |key, reason: String| Err(HgcalError::Config { key, reason });
        if config.bin_sums.len() != rows {
            return bad("smooth.bin_sums", format!("has {} widths for {rows} R/z rows", config.bin_sums.len()));
        }
        if let Some(width) = config.bin_sums.iter().find(|&&w| w % 2 == 0 || w as usize > columns) {
            return bad("smooth.bin_sums", format!("{width} is not an odd number up to {columns}"));
        }
        if !config.area_per_trigger_cell.is_finite() || config.area_per_trigger_cell <= 0.0 {
            return bad("smooth.area_per_trigger_cell", "needs a positive number".to_owned());
        }
        let sides: Vec<usize> = config.bin_sums.iter().map(|&w| (w as usize - 1) / 2).collect();
        let edges = binning.rz.edges();
        let (low, high) = (edges[0], edges[rows]);
        let step = (high - low) / rows as f64;
        let norms = sides
            .iter()
            .enumerate()
            .map(|(row, &n)| {
                let weights = match config.kernel {
                    Kernel::Default => 1.0 + 2.0 * (1.0 - 0.5f64.powi(n as i32)),
                    // a window of one bin has no neighbours to weigh
                    Kernel::FlatTop if n == 0 => 1.0,
                    Kernel::FlatTop => 5.0 - 2f64.powi(2 - n as i32),
                };
                let row = if config.normalise_by_row_area { row } else { 0 };
                let r1 = low + row as f64 * (high - low) / rows as f64;
                let r2 = r1 + step;
                weights * ((std::f64::consts::PI * (r2 * r2 - r1 * r1)) / columns as f64)
            })
            .collect();
        let pad = sides.iter().copied().max().unwrap_or(0);
        let area_per_trigger_cell = config.area_per_trigger_cell;
        Ok(Self { rows, columns, kernel: config.kernel, sides, norms, area_per_trigger_cell, pad })
    }

    /// Buffers of the right size.
    pub fn buffers(&self) -> SmoothBuffers {
        SmoothBuffers {
            rows: self.rows,
            columns: self.columns,
            padded: vec![0.0; self.rows * (self.columns + 2 * self.pad)],
            along_phi: vec![0.0; (self.rows + 2) * self.columns],
            smoothed: vec![0.0; self.rows * self.columns],
            touched: Vec::new(),
            row_filled: vec![false; self.rows],
        }
    }

    /// Smooths `histogram` into `buffers`.
    pub fn smooth(&self, histogram: &Histogram, buffers: &mut SmoothBuffers) {
        self.load(histogram, buffers);
        self.along_phi(buffers);
        self.along_rz(buffers);
    }

    /// Copies the occupied bins into padded rows, repeating both ends of a row for the cyclic neighbours.
    fn load(&self, histogram: &Histogram, buffers: &mut SmoothBuffers) {
        let width = self.columns + 2 * self.pad;
        for &i in &buffers.touched {
            buffers.padded[i as usize] = 0.0;
        }
        buffers.touched.clear();
        buffers.row_filled.fill(false);
        for &i in histogram.occupied() {
            let (row, column) = (i as usize / self.columns, i as usize % self.columns);
            let energy = histogram.mip_pt(i as usize);
            let mut put = |column: usize| {
                buffers.padded[row * width + column] = energy;
                buffers.touched.push((row * width + column) as u32);
            };
            put(self.pad + column);
            if column < self.pad {
                put(self.pad + self.columns + column);
            }
            if column + self.pad >= self.columns {
                put(self.pad + column - self.columns);
            }
            buffers.row_filled[row] = true;
        }
    }

    fn along_phi(&self, buffers: &mut SmoothBuffers) {
        let (width, pad, columns) = (self.columns + 2 * self.pad, self.pad, self.columns);
        for row in 0..self.rows {
            let out = &mut buffers.along_phi[(row + 1) * columns..(row + 2) * columns];
            if !buffers.row_filled[row] {
                out.fill(0.0);
                continue;
            }
            let input = &buffers.padded[row * width..(row + 1) * width];
            out.copy_from_slice(&input[pad..pad + columns]);
            for k in 1..=self.sides[row] {
                let weight = match self.kernel {
                    Kernel::Default => 0.5f64.powi(k as i32),
                    Kernel::FlatTop => 0.5f64.powi(k as i32 - 1),
                };
                let left = &input[pad - k..pad - k + columns];
                let right = &input[pad + k..pad + k + columns];
                for ((o, &l), &r) in out.iter_mut().zip(left).zip(right) {
                    *o += (l + r) * weight;
                }
            }
            let norm = self.norms[row];
            for o in out {
                *o = *o / norm * self.area_per_trigger_cell;
            }
        }
    }

    fn along_rz(&self, buffers: &mut SmoothBuffers) {
        let columns = self.columns;
        for row in 0..self.rows {
            let three = &buffers.along_phi[row * columns..(row + 3) * columns];
            let (below, rest) = three.split_at(columns);
            let (here, above) = rest.split_at(columns);
            let out = &mut buffers.smoothed[row * columns..(row + 1) * columns];
            let bins = out.iter_mut().zip(below).zip(here).zip(above);
            if row == 0 || row + 1 == self.rows {
                for (((o, &b), &h), &a) in bins {
                    *o = (h + (b + a) * 0.5) / 1.5;
                }
            } else {
                for (((o, &b), &h), &a) in bins {
                    *o = (h + (b + a) * 0.5) * 0.5;
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};
    use crate::fill::{Endcap, FillConfig};

    fn one_cell(phi: f32, config: &SmoothConfig) -> SmoothBuffers {
        let binning = Binning::new(&FillConfig::default()).unwrap();
        let mut cells = TriggerCellColumns::default();
        let rz = 0.3f32;
        cells.push(TriggerCell { x: rz * 300.0, z: 300.0, phi, mip_pt: 64.0, ..TriggerCell::default() });
        let mut histogram = Histogram::new(&binning);
        histogram.fill(&binning, &cells.view(), Endcap::Positive);
        let smoother = Smoother::new(config, &binning).unwrap();
        let mut buffers = smoother.buffers();
        smoother.smooth(&histogram, &mut buffers);
        buffers
    }

    #[test]
    fn neighbours_across_pi_are_neighbours() {
        let middle = one_cell(0.01, &SmoothConfig::default());
        let edge = one_cell(-3.13, &SmoothConfig::default());
        let shift = 108;
        let mut seen = 0;
        for (row, column, energy) in middle.iter() {
            seen += 1;
            assert_eq!(edge.row(row)[(column + shift) % 216].to_bits(), energy.to_bits());
        }
        // row 18 has a window of 5 bins and touches three rows
        assert_eq!(seen, 15);
        assert_eq!(edge.iter().count(), 15);
    }

    #[test]
    fn the_kernel_keeps_the_content_up_to_the_area() {
        for kernel in [Kernel::Default, Kernel::FlatTop] {
            let smoothed = one_cell(0.01, &SmoothConfig { kernel, ..SmoothConfig::default() });
            let area = std::f64::consts::PI * (0.088f64.powi(2) - 0.076f64.powi(2)) / 216.0;
            let total: f64 = smoothed.energies().iter().sum();
            assert!((total - 64.0 * 4.91e-5 / area).abs() < 1e-9, "{total}");
        }
        let by_row = SmoothConfig { normalise_by_row_area: true, ..SmoothConfig::default() };
        let area = std::f64::consts::PI * (0.304f64.powi(2) - 0.292f64.powi(2)) / 216.0;
        let total: f64 = one_cell(0.01, &by_row).energies().iter().sum();
        assert!((total - 64.0 * 4.91e-5 / area).abs() < 1e-9, "{total}");
    }

    #[test]
    fn the_widths_must_fit_the_histogram() {
        let binning = Binning::new(&FillConfig::default()).unwrap();
        for bin_sums in [vec![3; 41], vec![4; 42], vec![217; 42]] {
            let config = SmoothConfig { bin_sums, ..SmoothConfig::default() };
            assert!(Smoother::new(&config, &binning).is_err());
        }
    }
}
