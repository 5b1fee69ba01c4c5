//! Trigger towers: transverse momentum on a grid of eta and azimuth, split into an electromagnetic and a hadronic part.
//!
//! [`TowerMap::add_cells`] fills the towers from trigger cells, as the CMSSW simulation does. [`module_sums`] fills them from
//! the sums of whole modules, as the firmware does, with several ways to share a module among the towers that it covers.

pub mod module_sums;
mod polygon;

use crate::data::{LAST_CEE_LAYER, TriggerCells};
use crate::error::{HgcalError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// Grid of the towers of one endcap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TowerGrid {
    /// Number of equal bins in |eta|.
    pub eta_bins: u32,
    /// Lower end of |eta|.
    pub eta_min: f64,
    /// Upper end of |eta|.
    pub eta_max: f64,
    /// Number of equal bins in azimuth, from -pi to pi; even, so that both endcaps have the same towers.
    pub phi_bins: u32,
}

impl Default for TowerGrid {
    fn default() -> Self {
        Self { eta_bins: 18, eta_min: 1.479, eta_max: 3.0, phi_bins: 72 }
    }
}

impl TowerGrid {
    /// The 20 x 72 grid of the module-sum towers: bins of pi / 36 in both directions, from |eta| = 1.305.
    pub fn module_sums() -> Self {
        Self { eta_bins: 20, eta_min: 1.305, eta_max: 1.305 + 20.0 * PI / 36.0, phi_bins: 72 }
    }

    /// Checks the grid.
    ///
    /// # Errors
    /// When it has no tower or no extent.
    pub fn check(&self) -> Result<()> {
        if !(self.eta_min > 0.0 && self.eta_max > self.eta_min && self.eta_max < 10.0) {
            let reason = format!("{} is not above eta_min = {}, or above 10", self.eta_max, self.eta_min);
            return Err(HgcalError::Config { key: "eta_max", reason });
        }
        for (key, bins) in [("eta_bins", self.eta_bins), ("phi_bins", self.phi_bins)] {
            if !(1..=1000).contains(&bins) {
                return Err(HgcalError::Config { key, reason: format!("{bins} is not between 1 and 1000") });
            }
        }
        if self.phi_bins % 2 == 1 {
            return Err(HgcalError::Config { key: "phi_bins", reason: format!("{} is odd", self.phi_bins) });
        }
        Ok(())
    }

    /// Number of towers of one endcap.
    pub fn len(&self) -> usize {
        self.eta_bins as usize * self.phi_bins as usize
    }

    /// Whether the grid has no tower.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tower at (|eta|, phi): eta bin * phi_bins + phi bin. Positions outside the eta range belong to the edge bins.
    pub fn tower(&self, eta: f64, phi: f64) -> usize {
        let bins = (f64::from(self.eta_bins), f64::from(self.phi_bins));
        let eta = ((eta.abs() - self.eta_min) / (self.eta_max - self.eta_min) * bins.0).clamp(0.0, bins.0 - 1.0);
        let phi = ((phi + PI).rem_euclid(TAU) / TAU * bins.1).clamp(0.0, bins.1 - 1.0);
        eta as usize * self.phi_bins as usize + phi as usize
    }

    /// Range of |eta| of an eta bin.
    pub fn eta_range(&self, bin: usize) -> (f64, f64) {
        let step = (self.eta_max - self.eta_min) / f64::from(self.eta_bins);
        (self.eta_min + step * bin as f64, self.eta_min + step * (bin + 1) as f64)
    }

    /// Range of azimuth of a phi bin \[rad\].
    pub fn phi_range(&self, bin: usize) -> (f64, f64) {
        let step = TAU / f64::from(self.phi_bins);
        (-PI + step * bin as f64, -PI + step * (bin + 1) as f64)
    }
}

/// Towers of one endcap: one entry per tower, eta bin by eta bin.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerMap {
    /// The grid.
    pub grid: TowerGrid,
    /// Transverse momentum in CE-E \[GeV\].
    pub em: Vec<f64>,
    /// Transverse momentum in CE-H \[GeV\].
    pub had: Vec<f64>,
}

impl TowerMap {
    /// Empty towers.
    pub fn new(grid: &TowerGrid) -> Self {
        Self { grid: grid.clone(), em: vec![0.0; grid.len()], had: vec![0.0; grid.len()] }
    }

    /// Adds `pt` \[GeV\] in `layer` to a tower.
    pub fn add(&mut self, tower: usize, layer: i32, pt: f64) {
        let part = if layer <= LAST_CEE_LAYER { &mut self.em } else { &mut self.had };
        if let Some(sum) = part.get_mut(tower) {
            *sum += pt;
        }
    }

    /// Adds the transverse momenta of the cells at positive (`positive_z`) or negative z.
    pub fn add_cells(&mut self, cells: &TriggerCells<'_>, positive_z: bool) {
        for i in 0..cells.len() {
            let Some(cell) = cells.get(i) else { break };
            if (cell.z > 0.0) == positive_z {
                let tower = self.grid.tower(cell.eta.into(), cell.phi.into());
                self.add(tower, cell.layer, cell.pt.into());
            }
        }
    }

    /// Transverse momentum of a tower, both parts \[GeV\].
    pub fn total(&self, tower: usize) -> f64 {
        self.em.get(tower).copied().unwrap_or(0.0) + self.had.get(tower).copied().unwrap_or(0.0)
    }

    /// Sum over all towers: (electromagnetic, hadronic) \[GeV\].
    pub fn sum(&self) -> (f64, f64) {
        (self.em.iter().sum(), self.had.iter().sum())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    #[test]
    fn towers_worked_out_by_hand() {
        let grid = TowerGrid::default();
        // step (3 - 1.479) / 18 = 0.0845; |eta| = 2.0 -> 6.17; phi = 0.1 -> (pi + 0.1) / 0.08727 = 37.15
        assert_eq!(grid.tower(-2.0, 0.1), 6 * 72 + 37);
        assert_eq!(grid.tower(1.0, -PI), 0);
        assert_eq!(grid.tower(3.5, PI - 1e-9), 17 * 72 + 71);
        assert_eq!(grid.tower(3.0, PI), 17 * 72);
        let (low, high) = grid.eta_range(6);
        assert!(low < 2.0 && 2.0 < high && (high - low - 0.0845).abs() < 1e-12);
        let (low, high) = grid.phi_range(37);
        assert!(low < 0.1 && 0.1 < high);
    }

    #[test]
    fn layers_go_to_their_part_and_nothing_is_lost() {
        let mut cells = TriggerCellColumns::default();
        for (layer, pt, eta, z) in [(1, 1.0, 2.0, 1.0), (27, 2.0, 2.0, 1.0), (29, 4.0, 2.0, 1.0), (5, 8.0, -1.2, -1.0)]
        {
            cells.push(TriggerCell { layer, pt, eta, phi: 0.1, z, ..TriggerCell::default() });
        }
        let mut plus = TowerMap::new(&TowerGrid::default());
        plus.add_cells(&cells.view(), true);
        let tower = plus.grid.tower(2.0, 0.1);
        assert_eq!((plus.em[tower], plus.had[tower], plus.total(tower), plus.sum()), (3.0, 4.0, 7.0, (3.0, 4.0)));
        let mut minus = TowerMap::new(&TowerGrid::default());
        minus.add_cells(&cells.view(), false);
        assert_eq!((minus.em[37], minus.sum()), (8.0, (8.0, 0.0)));
    }

    #[test]
    fn a_grid_without_towers_is_refused() {
        assert!(TowerGrid { eta_bins: 0, ..TowerGrid::default() }.check().is_err());
        assert!(TowerGrid { eta_max: 1.0, ..TowerGrid::default() }.check().is_err());
        assert!(TowerGrid { phi_bins: 71, ..TowerGrid::default() }.check().is_err());
        assert!(TowerGrid::module_sums().check().is_ok());
    }
}
