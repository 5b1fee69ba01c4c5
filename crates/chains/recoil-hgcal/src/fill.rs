//! The (R/z, phi) histogram of one endcap of one event.
//!
//! Every trigger cell is projected to R/z = sqrt(x² + y²)/|z| and phi. A bin holds the sum of mipT and the
//! mipT-weighted means of x/|z| and y/|z|. Bins are closed on the right, (a, b], so a value on the first edge is outside.
//!
//! Sums are Kahan-compensated in single precision and the weights are rounded to single precision, term by term, so
//! that the histogram equals the one of the pandas chain to the last bit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::TriggerCells;
use crate::error::{HgcalError, Result};

/// Binning of the histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FillConfig {
    /// Number of R/z rows.
    pub rz_bins: usize,
    /// Number of phi columns.
    pub phi_bins: usize,
    /// Lower edge of the first R/z row.
    pub rz_min: f64,
    /// Upper edge of the last R/z row.
    pub rz_max: f64,
    /// Lower edge of the first phi column [rad].
    pub phi_min: f64,
    /// Upper edge of the last phi column [rad].
    pub phi_max: f64,
    /// Put a phi outside the edges by a rounding of pi into the bin on the other side, instead of leaving it out.
    pub wrap_phi: bool,
}

/// Where the trigger's phi binning ends: not pi, but its first digits.
#[allow(clippy::approx_constant)]
const PHI_END: f64 = 3.14159;

impl Default for FillConfig {
    fn default() -> Self {
        Self {
            rz_bins: 42,
            phi_bins: 216,
            rz_min: 0.076,
            rz_max: 0.58,
            phi_min: -PHI_END,
            phi_max: PHI_END,
            wrap_phi: false,
        }
    }
}

/// Equal steps between two ends, with the edges of `numpy.linspace`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    edges: Vec<f64>,
    per_step: f64,
}

impl Axis {
    /// `bins` equal bins between `low` and `high`. The ends must be finite and increasing, `bins` at least 1.
    pub fn new(bins: usize, low: f64, high: f64) -> Self {
        let step = (high - low) / bins as f64;
        let mut edges: Vec<f64> = (0..=bins).map(|i| i as f64 * step + low).collect();
        if let Some(last) = edges.last_mut() {
            *last = high;
        }
        Self { edges, per_step: bins as f64 / (high - low) }
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The edges, one more than bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The bin (a, b] that holds `value`; `None` outside and for NaN.
    #[inline]
    pub fn find(&self, value: f64) -> Option<usize> {
        let bins = self.edges.len() - 1;
        if !(value > self.edges[0] && value <= self.edges[bins]) {
            return None;
        }
        // the guess is off by at most one bin, and the edges decide
        let guess = (((value - self.edges[0]) * self.per_step) as usize).min(bins - 1);
        if value <= self.edges[guess] {
            Some(guess - 1)
        } else if value > self.edges[guess + 1] {
            Some(guess + 1)
        } else {
            Some(guess)
        }
    }

    /// Middle of bin `i`.
    pub fn center(&self, i: usize) -> f64 {
        0.5 * (self.edges[i] + self.edges[i + 1])
    }
}

/// The two axes of the histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Binning {
    /// R/z axis (rows).
    pub rz: Axis,
    /// phi axis (columns, cyclic).
    pub phi: Axis,
    /// See [`FillConfig::wrap_phi`].
    pub wrap_phi: bool,
}

impl Binning {
    /// The binning of a configuration.
    ///
    /// # Errors
    /// [`HgcalError::Config`] for empty axes, ends that are not finite or not increasing, or more than 2^24 bins.
    pub fn new(config: &FillConfig) -> Result<Self> {
        let bad = |key, reason: &str| Err(HgcalError::Config { key, reason: reason.to_owned() });
        if config.rz_bins == 0 {
            return bad("fill.rz_bins", "needs at least 1 bin");
        }
        if config.phi_bins == 0 {
            return bad("fill.phi_bins", "needs at least 1 bin");
        }
        if config.rz_bins.saturating_mul(config.phi_bins) > 1 << 24 {
            return bad("fill.phi_bins", "rows times columns must stay below 16777216");
        }
        let increasing = |low: f64, high: f64| low.is_finite() && high.is_finite() && low < high;
        if !increasing(config.rz_min, config.rz_max) || config.rz_min < 0.0 {
            return bad("fill.rz_max", "needs finite ends with 0 <= rz_min < rz_max");
        }
        if !increasing(config.phi_min, config.phi_max) {
            return bad("fill.phi_max", "needs finite ends with phi_min < phi_max");
        }
        Ok(Self {
            rz: Axis::new(config.rz_bins, config.rz_min, config.rz_max),
            phi: Axis::new(config.phi_bins, config.phi_min, config.phi_max),
            wrap_phi: config.wrap_phi,
        })
    }

    /// Number of R/z rows.
    pub fn rows(&self) -> usize {
        self.rz.bins()
    }

    /// Number of phi columns.
    pub fn columns(&self) -> usize {
        self.phi.bins()
    }

    #[inline]
    fn find_phi(&self, phi: f64) -> Option<usize> {
        match self.phi.find(phi) {
            None if self.wrap_phi && phi.is_finite() => {
                Some(if phi > self.phi.edges[0] { 0 } else { self.phi.bins() - 1 })
            }
            found => found,
        }
    }
}

/// Which half of the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endcap {
    /// z >= 0.
    Positive,
    /// z < 0.
    Negative,
}

impl Endcap {
    /// +1 or -1, as files have it.
    pub fn zside(self) -> i32 {
        if self == Endcap::Positive { 1 } else { -1 }
    }

    /// Whether a cell at `z` belongs here.
    #[inline]
    pub fn holds(self, z: f32) -> bool {
        (z < 0.0) == (self == Endcap::Negative)
    }
}

/// Sum in single precision with the rounding of every addition carried along (Kahan).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KahanF32 {
    pub sum: f32,
    carry: f32,
}

impl KahanF32 {
    #[inline]
    pub fn add(&mut self, value: f32) {
        let y = value - self.carry;
        let t = self.sum + y;
        self.carry = (t - self.sum) - y;
        self.sum = t;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    occupied: bool,
    /// x and y are means already, as they came from a file.
    means: bool,
    mip_pt: KahanF32,
    x: KahanF32,
    y: KahanF32,
}

/// Cells that are projected together, so that the compiler can do several at once.
const BLOCK: usize = 256;

/// R/z and the weighted positions of a block of cells.
struct Block {
    rz: [f32; BLOCK],
    x: [f32; BLOCK],
    y: [f32; BLOCK],
}

impl Default for Block {
    fn default() -> Self {
        Self { rz: [0.0; BLOCK], x: [0.0; BLOCK], y: [0.0; BLOCK] }
    }
}

impl Block {
    fn project(&mut self, cells: &TriggerCells<'_>) {
        let columns = cells.x.iter().zip(cells.y).zip(cells.z).zip(cells.mip_pt);
        let out = self.rz.iter_mut().zip(&mut self.x).zip(&mut self.y);
        for ((((&x, &y), &z), &mip_pt), ((rz, mip_x), mip_y)) in columns.zip(out) {
            let depth = z.abs();
            *rz = (x * x + y * y).sqrt() / depth;
            *mip_x = mip_pt * x / depth;
            *mip_y = mip_pt * y / depth;
        }
    }
}

/// The histogram of one endcap; reused from event to event without allocation.
#[derive(Clone, Debug)]
pub struct Histogram {
    rows: usize,
    columns: usize,
    bins: Vec<Sums>,
    occupied: Vec<u32>,
    excluded: Vec<u32>,
}

/// One occupied bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// R/z row.
    pub rz: usize,
    /// phi column.
    pub phi: usize,
    /// Sum of mipT.
    pub mip_pt: f64,
    /// mipT-weighted mean of x/|z|.
    pub x: f64,
    /// mipT-weighted mean of y/|z|.
    pub y: f64,
}

impl Histogram {
    /// An empty histogram.
    pub fn new(binning: &Binning) -> Self {
        let (rows, columns) = (binning.rows(), binning.columns());
        Self { rows, columns, bins: vec![Sums::default(); rows * columns], occupied: Vec::new(), excluded: Vec::new() }
    }

    /// Fills the histogram with the cells of one endcap, forgetting what it held before.
    ///
    /// A cell whose R/z and phi are both outside is taken out of the event ([`Histogram::excluded`]); with only one of
    /// them outside it stays available for clustering.
    pub fn fill(&mut self, binning: &Binning, cells: &TriggerCells<'_>, endcap: Endcap) {
        self.clear();
        let mut block = Block::default();
        for start in (0..cells.len()).step_by(BLOCK) {
            let own = cells.slice(start..start + BLOCK);
            block.project(&own);
            let columns = own.z.iter().zip(own.phi).zip(own.mip_pt).zip(&block.rz).zip(&block.x).zip(&block.y);
            for (k, (((((&z, &phi), &mip_pt), &rz), &x), &y)) in columns.enumerate() {
                if !endcap.holds(z) {
                    continue;
                }
                match (binning.rz.find(f64::from(rz)), binning.find_phi(f64::from(phi))) {
                    (Some(row), Some(column)) => self.add(row * self.columns + column, mip_pt, x, y),
                    (None, None) => self.excluded.push((start + k) as u32),
                    _ => {}
                }
            }
        }
    }

    #[inline]
    fn add(&mut self, i: usize, mip_pt: f32, x: f32, y: f32) {
        let bin = &mut self.bins[i];
        if !bin.occupied {
            self.occupied.push(i as u32);
            bin.occupied = true;
        }
        bin.mip_pt.add(mip_pt);
        bin.x.add(x);
        bin.y.add(y);
    }

    /// Takes the bins that an earlier fill wrote to a file, forgetting what it held before.
    ///
    /// # Errors
    /// [`HgcalError::Bin`] for a bin that the histogram does not have.
    pub fn load(&mut self, bins: impl IntoIterator<Item = Bin>) -> Result<()> {
        self.clear();
        for Bin { rz, phi, mip_pt, x, y } in bins {
            if rz >= self.rows || phi >= self.columns {
                return Err(HgcalError::Bin { rz, phi, rows: self.rows, columns: self.columns });
            }
            let i = rz * self.columns + phi;
            let of = |value: f64| KahanF32 { sum: value as f32, carry: 0.0 };
            self.bins[i] = Sums { occupied: true, means: true, mip_pt: of(mip_pt), x: of(x), y: of(y) };
            self.occupied.push(i as u32);
        }
        Ok(())
    }

    fn clear(&mut self) {
        for &i in &self.occupied {
            self.bins[i as usize] = Sums::default();
        }
        self.occupied.clear();
        self.excluded.clear();
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Flat indices (row * columns + column) of the occupied bins, in the order of their first cell.
    pub fn occupied(&self) -> &[u32] {
        &self.occupied
    }

    /// Cells that left the event, increasing.
    pub fn excluded(&self) -> &[u32] {
        &self.excluded
    }

    /// Sum of mipT of the flat bin `i`.
    #[inline]
    pub fn mip_pt(&self, i: usize) -> f64 {
        f64::from(self.bins[i].mip_pt.sum)
    }

    /// mipT-weighted mean (x/|z|, y/|z|) of the flat bin `i`; `None` when it is empty.
    #[inline]
    pub fn position(&self, i: usize) -> Option<(f64, f64)> {
        let bin = &self.bins[i];
        let norm = if bin.means { 1.0 } else { bin.mip_pt.sum };
        bin.occupied.then(|| (f64::from(bin.x.sum / norm), f64::from(bin.y.sum / norm)))
    }

    /// The occupied bins in row-major order.
    pub fn iter(&self) -> impl Iterator<Item = Bin> + '_ {
        (0..self.bins.len()).filter_map(|i| {
            self.position(i).map(|(x, y)| Bin {
                rz: i / self.columns,
                phi: i % self.columns,
                mip_pt: self.mip_pt(i),
                x,
                y,
            })
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    #[test]
    fn bins_are_closed_on_the_right() {
        let axis = Axis::new(42, 0.076, 0.58);
        assert_eq!(axis.find(0.076), None);
        assert_eq!(axis.find(0.58), Some(41));
        assert_eq!(axis.find(0.58 + 1e-12), None);
        assert_eq!(axis.find(f64::NAN), None);
        for (i, &edge) in axis.edges().iter().enumerate().skip(1) {
            assert_eq!(axis.find(edge), Some(i - 1));
            assert_eq!(axis.find(edge.next_up()), (i < 42).then_some(i));
        }
    }

    #[test]
    fn one_outside_coordinate_keeps_the_cell_for_clustering() {
        let mut cells = TriggerCellColumns::default();
        let base = TriggerCell { x: 60.0, y: 0.0, z: 300.0, phi: 0.01, mip_pt: 2.0, ..TriggerCell::default() };
        cells.push(base);
        cells.push(TriggerCell { x: 300.0, ..base });
        cells.push(TriggerCell { x: 300.0, phi: std::f32::consts::PI, ..base });
        cells.push(TriggerCell { phi: std::f32::consts::PI, ..base });
        cells.push(TriggerCell { z: -300.0, ..base });
        let mut config = FillConfig::default();
        let binning = Binning::new(&config).unwrap();
        let mut histogram = Histogram::new(&binning);
        histogram.fill(&binning, &cells.view(), Endcap::Positive);
        assert_eq!(histogram.excluded(), &[2]);
        assert_eq!(histogram.iter().map(|b| b.mip_pt).collect::<Vec<_>>(), [2.0]);
        config.wrap_phi = true;
        histogram.fill(&Binning::new(&config).unwrap(), &cells.view(), Endcap::Positive);
        assert_eq!(histogram.iter().map(|b| (b.phi, b.mip_pt)).collect::<Vec<_>>(), [(0, 2.0), (108, 2.0)]);
    }
}
