//! Stage 1 of the back end: sorting and truncation of the trigger cells of each 120-degree sector.
//!
//! A Stage-1 board set receives one sector of one endcap. It groups the cells in R/z bins and two azimuthal regions, sorts
//! every group by mipT and sends the hardest cells on, as many as the links to Stage 2 carry. Cells of the lower azimuthal
//! region go to two Stage-2 boards, that of their own sector and that of the sector before it, so that a shower at a sector
//! border is complete on one board.
//!
//! The binning, the number of cells per bin for 120 and 72 links, and the azimuthal edges are those of the CMSSW
//! configuration.

mod tables;

use crate::data::TriggerCells;
use crate::error::{HgcalError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// Number of 120-degree sectors of an endcap.
pub const SECTORS: usize = 3;
/// Number of azimuthal regions of a sector.
pub const PHI_REGIONS: usize = 2;
/// The bin width is larger than the range divided by the number of bins, so that the upper end falls into the last bin.
const MARGIN: f64 = 1.001;

/// Number of links from Stage 1 to Stage 2, which decides how many cells pass per bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Links {
    /// 120 links per sector.
    #[default]
    #[serde(rename = "120")]
    Links120,
    /// 72 links per sector.
    #[serde(rename = "72")]
    Links72,
}

/// Configuration of Stage 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stage1Config {
    /// Number of links: `120` or `72`.
    pub links: Links,
    /// Whether cells beyond the limit are dropped; `false` sorts and counts only.
    pub truncate: bool,
    /// Lower end of the R/z range; smaller values go to the first bin.
    pub rz_min: f64,
    /// Upper end of the R/z range; larger values go to the last bin.
    pub rz_max: f64,
    /// Largest number of cells per bin, inner to outer; empty for the table of `links`. Its length is the number of bins.
    pub max_cells: Vec<u32>,
    /// Azimuth that splits the sector in two, per R/z bin \[rad from the start of the sector\]; empty for the CMSSW table.
    pub phi_edges: Vec<f64>,
}

impl Default for Stage1Config {
    fn default() -> Self {
        Self {
            links: Links::Links120,
            truncate: true,
            rz_min: 0.075_871_28,
            rz_max: 0.555_080_06,
            max_cells: vec![],
            phi_edges: vec![],
        }
    }
}

/// Where a cell is processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stage1Bin {
    /// Sign of z: true for the endcap at positive z.
    pub positive_z: bool,
    /// Sector, 0 to 2.
    pub sector: usize,
    /// R/z bin, from the beam outwards.
    pub rz_bin: usize,
    /// Azimuthal region: 0 below the edge (shared with the sector before), 1 above.
    pub region: usize,
}

/// How full one bin was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinOccupancy {
    /// The bin.
    pub bin: Stage1Bin,
    /// Cells that arrived.
    pub cells: u32,
    /// Cells that passed.
    pub kept: u32,
    /// Largest number that can pass.
    pub limit: u32,
}

/// Result for one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage1Output {
    /// Rows of the cells that passed, in the order of the input.
    pub kept: Vec<u32>,
    /// Rows of the dropped cells, in the order of the input.
    pub dropped: Vec<u32>,
    /// Every bin that received a cell, ordered by endcap (negative first), sector, R/z and region.
    pub occupancy: Vec<BinOccupancy>,
    /// Cells that each Stage-2 board receives: rows by [`board`] index, in the order of bins and falling mipT.
    pub boards: [Vec<u32>; 2 * SECTORS],
}

/// Index of the Stage-2 board of a sector: 0 to 2 at negative, 3 to 5 at positive z.
pub fn board(positive_z: bool, sector: usize) -> usize {
    usize::from(positive_z) * SECTORS + sector % SECTORS
}

/// Stage 1 with a checked configuration.
#[derive(Clone, Debug)]
pub struct Stage1 {
    truncate: bool,
    rz_min: f64,
    rz_max: f64,
    bin_width: f64,
    max_cells: Vec<u32>,
    phi_edges: Vec<f64>,
}

impl Stage1 {
    /// Checks the configuration.
    ///
    /// # Errors
    /// When the range is empty, or the two tables have different lengths.
    pub fn new(config: &Stage1Config) -> Result<Self> {
        let standard = match config.links {
            Links::Links120 => &tables::MAX_CELLS_120_LINKS,
            Links::Links72 => &tables::MAX_CELLS_72_LINKS,
        };
        let max_cells = if config.max_cells.is_empty() { standard.to_vec() } else { config.max_cells.clone() };
        let phi_edges = if config.phi_edges.is_empty() { tables::phi_edges() } else { config.phi_edges.clone() };
        if !(config.rz_min >= 0.0 && config.rz_max > config.rz_min && config.rz_max.is_finite()) {
            let reason = format!("{} is not above rz_min = {}", config.rz_max, config.rz_min);
            return Err(HgcalError::Config { key: "rz_max", reason });
        }
        if max_cells.len() != phi_edges.len() {
            let reason = format!("{} values, but {} R/z bins in max_cells", phi_edges.len(), max_cells.len());
            return Err(HgcalError::Config { key: "phi_edges", reason });
        }
        Ok(Self {
            truncate: config.truncate,
            rz_min: config.rz_min,
            rz_max: config.rz_max,
            bin_width: (config.rz_max - config.rz_min) * MARGIN / max_cells.len() as f64,
            max_cells,
            phi_edges,
        })
    }

    /// Number of R/z bins.
    pub fn rz_bins(&self) -> usize {
        self.max_cells.len()
    }

    /// Largest number of cells that pass, per R/z bin.
    pub fn limits(&self) -> &[u32] {
        &self.max_cells
    }

    /// The bin of a cell at (x, y, z) \[cm\].
    pub fn bin(&self, x: f64, y: f64, z: f64) -> Stage1Bin {
        let rz = (x.hypot(y) / z.abs()).clamp(self.rz_min, self.rz_max) - self.rz_min;
        let rz_bin = ((rz / self.bin_width) as usize).min(self.rz_bins() - 1);
        let (sector, phi) = sector_phi(x, y, z);
        let above = self.phi_edges.get(rz_bin).is_some_and(|&edge| phi > edge);
        Stage1Bin { positive_z: z > 0.0, sector, rz_bin, region: usize::from(above) }
    }

    /// Sorts and truncates the cells of one event.
    pub fn event(&self, cells: &TriggerCells<'_>) -> Stage1Output {
        let mut rows: Vec<(Stage1Bin, f32, u32)> = (0..cells.len())
            .filter_map(|i| {
                let (x, y, z) = (*cells.x.get(i)?, *cells.y.get(i)?, *cells.z.get(i)?);
                Some((self.bin(x.into(), y.into(), z.into()), *cells.mip_pt.get(i)?, i as u32))
            })
            .collect();
        // equal mipT keep the order of the input
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let mut output = Stage1Output::default();
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(bin, ..)) = group.first() else { continue };
            let limit = self.max_cells.get(bin.rz_bin).copied().unwrap_or(0);
            let kept = if self.truncate { group.len().min(limit as usize) } else { group.len() };
            let (passed, dropped) = group.split_at(kept);
            output.dropped.extend(dropped.iter().map(|row| row.2));
            output.kept.extend(passed.iter().map(|row| row.2));
            for (k, receiver) in output.boards.iter_mut().enumerate() {
                let own = k == board(bin.positive_z, bin.sector);
                let before = bin.region == 0 && k == board(bin.positive_z, bin.sector + SECTORS - 1);
                if own || before {
                    receiver.extend(passed.iter().map(|row| row.2));
                }
            }
            output.occupancy.push(BinOccupancy { bin, cells: group.len() as u32, kept: kept as u32, limit });
        }
        output.kept.sort_unstable();
        output.dropped.sort_unstable();
        output
    }
}

/// Sector (0 to 2) of a point and its azimuth from the start of the sector \[rad, 0 to 2 pi / 3\]. The x axis is mirrored
/// at positive z, so that both endcaps look alike from the interaction point.
pub fn sector_phi(x: f64, y: f64, z: f64) -> (usize, f64) {
    let x = if z > 0.0 { -x } else { x };
    let phi = y.atan2(x).rem_euclid(TAU);
    let width = TAU / SECTORS as f64;
    let sector = ((phi / width) as usize).min(SECTORS - 1);
    (sector, (phi - sector as f64 * width).clamp(0.0, 2.0 * PI / 3.0))
}

/// Occupancies of one bin over many events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkOccupancy {
    /// Number of events counted.
    pub events: u64,
    /// Per R/z bin: sum of the cells that arrived, over all sectors, regions and endcaps.
    pub cells: Vec<u64>,
    /// Per R/z bin: sum of the cells that passed.
    pub kept: Vec<u64>,
    /// Per R/z bin: number of (event, sector, region) with more cells than pass.
    pub overflows: Vec<u64>,
    /// Per R/z bin: largest number of cells that arrived in one sector and region.
    pub largest: Vec<u32>,
}

impl LinkOccupancy {
    /// Counters for `rz_bins` bins.
    pub fn new(rz_bins: usize) -> Self {
        Self {
            events: 0,
            cells: vec![0; rz_bins],
            kept: vec![0; rz_bins],
            overflows: vec![0; rz_bins],
            largest: vec![0; rz_bins],
        }
    }

    /// Counts one event.
    pub fn add(&mut self, event: &Stage1Output) {
        self.events += 1;
        for entry in &event.occupancy {
            let r = entry.bin.rz_bin;
            let counters =
                (self.cells.get_mut(r), self.kept.get_mut(r), self.overflows.get_mut(r), self.largest.get_mut(r));
            if let (Some(cells), Some(kept), Some(overflows), Some(largest)) = counters {
                *cells += u64::from(entry.cells);
                *kept += u64::from(entry.kept);
                *overflows += u64::from(entry.cells > entry.limit);
                *largest = (*largest).max(entry.cells);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    fn at(rz: f64, phi: f64, mip_pt: f32, z: f64) -> TriggerCell {
        let x = if z > 0.0 { -phi.cos() } else { phi.cos() };
        let radius = rz * z.abs();
        TriggerCell {
            x: (radius * x) as f32,
            y: (radius * phi.sin()) as f32,
            z: z as f32,
            mip_pt,
            ..Default::default()
        }
    }

    #[test]
    fn tables_have_one_entry_per_bin() {
        for links in [Links::Links120, Links::Links72] {
            let stage = Stage1::new(&Stage1Config { links, ..Stage1Config::default() }).unwrap();
            assert_eq!((stage.rz_bins(), stage.phi_edges.len()), (42, 42));
            assert!(
                (stage.phi_edges[0] - 0.989_019_91).abs() < 1e-8 && (stage.phi_edges[2] - 0.698_131_7).abs() < 1e-8
            );
        }
    }

    #[test]
    fn bins_worked_out_by_hand() {
        let stage = Stage1::new(&Stage1Config::default()).unwrap();
        // width (0.55508006 - 0.07587128) * 1.001 / 42 = 0.011421142
        assert!((stage.bin_width - 0.011_421_142).abs() < 1e-8);
        let bin = |rz: f64, phi: f64, z: f64| {
            let c = at(rz, phi, 1.0, z);
            stage.bin(c.x.into(), c.y.into(), c.z.into())
        };
        // 0.1 -> (0.1 - 0.07587) / 0.011421 = 2.11; edge of bin 2 at 0.698
        assert_eq!(bin(0.1, 0.69, -330.0), Stage1Bin { positive_z: false, sector: 0, rz_bin: 2, region: 0 });
        assert_eq!(bin(0.1, 0.71, 330.0), Stage1Bin { positive_z: true, sector: 0, rz_bin: 2, region: 1 });
        assert_eq!(bin(0.01, 2.2, 330.0), Stage1Bin { positive_z: true, sector: 1, rz_bin: 0, region: 0 });
        assert_eq!(bin(0.9, -0.1, 330.0), Stage1Bin { positive_z: true, sector: 2, rz_bin: 41, region: 1 });
    }

    #[test]
    fn the_hardest_cells_pass_and_the_lower_region_goes_to_two_boards() {
        let config = Stage1Config { max_cells: vec![2; 42], ..Stage1Config::default() };
        let stage = Stage1::new(&config).unwrap();
        let mut cells = TriggerCellColumns::default();
        for (mip, phi) in [(1.0, 0.3), (3.0, 0.3), (1.0, 0.31), (2.0, 0.32), (0.7, 1.5)] {
            cells.push(at(0.3, phi, mip, 330.0));
        }
        cells.push(at(0.3, 0.3, 0.6, -330.0));
        let out = stage.event(&cells.view());
        assert_eq!((out.kept.as_slice(), out.dropped.as_slice()), (&[1, 3, 4, 5][..], &[0, 2][..]));
        assert_eq!(out.boards[board(true, 0)], [1, 3, 4]);
        assert_eq!(out.boards[board(true, 2)], [1, 3]);
        assert_eq!(out.boards[board(false, 0)], [5]);
        assert_eq!(out.boards[board(false, 2)], [5]);
        assert!(out.boards[board(true, 1)].is_empty());
        let counts: Vec<_> = out.occupancy.iter().map(|o| (o.cells, o.kept, o.limit)).collect();
        assert_eq!(counts, [(1, 1, 2), (4, 2, 2), (1, 1, 2)]);
        let mut links = LinkOccupancy::new(42);
        links.add(&out);
        let r = out.occupancy[0].bin.rz_bin;
        assert_eq!((links.cells[r], links.kept[r], links.overflows[r], links.largest[r]), (6, 4, 1, 4));
    }

    #[test]
    fn without_truncation_nothing_is_lost() {
        let stage = Stage1::new(&Stage1Config { truncate: false, ..Stage1Config::default() }).unwrap();
        let mut cells = TriggerCellColumns::default();
        for i in 0..500 {
            cells.push(at(0.5, 0.001 * f64::from(i), 1.0, 330.0));
        }
        let out = stage.event(&cells.view());
        assert_eq!((out.kept.len(), out.dropped.len()), (500, 0));
    }

    #[test]
    fn tables_of_different_lengths_are_refused() {
        let config = Stage1Config { max_cells: vec![1; 3], ..Stage1Config::default() };
        assert!(Stage1::new(&config).unwrap_err().to_string().contains("phi_edges"));
        assert!(Stage1::new(&Stage1Config { rz_max: 0.0, ..Stage1Config::default() }).is_err());
    }

    #[test]
    fn sectors_cover_the_endcap() {
        for i in 0..360 {
            let phi = f64::from(i).to_radians() + 0.001;
            let (sector, local) = sector_phi(phi.cos(), phi.sin(), -1.0);
            assert_eq!(sector, (i / 120) as usize);
            assert!((local - (phi - sector as f64 * TAU / 3.0)).abs() < 1e-9);
        }
    }
}
