//! Towers from module sums.
//!
//! The front end sends, beside the trigger cells, the sum of every module. A module covers several towers, so its sum is
//! shared among them: all to the tower of its centre, in proportion to the area of overlap, or in units of 1/4, 1/8 or 1/16
//! as the firmware can do.

use super::polygon;
use super::{TowerGrid, TowerMap};
use crate::data::{LAST_CEE_LAYER, SCINTILLATOR_WAFER, TriggerCells, subdet};
use crate::geometry::{Point, layers, scintillator, silicon};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of rings of a scintillator module.
const RINGS_PER_MODULE: i32 = 5;
/// Number of trigger cells of a scintillator module along azimuth (10 degrees).
const CELLS_PER_MODULE: i32 = 4;
/// Steps with which the arcs of a scintillator module are drawn.
const ARC_STEPS: i32 = 8;

/// A module of the endcap at positive z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Layer, CE-H after CE-E.
    pub layer: i32,
    /// Whether the module is made of scintillator tiles.
    pub scintillator: bool,
    /// Wafer u, or number of the ring group (five rings each) of a scintillator module.
    pub u: i32,
    /// Wafer v, or number of the 10-degree segment of a scintillator module.
    pub v: i32,
}

impl Module {
    /// The module of a trigger cell.
    pub fn of(layer: i32, wu: i32, wv: i32, cu: i32, cv: i32) -> Self {
        if wu == SCINTILLATOR_WAFER {
            let (u, v) = ((cu - 1).div_euclid(RINGS_PER_MODULE), (cv - 1).div_euclid(CELLS_PER_MODULE));
            Self { layer, scintillator: true, u, v }
        } else {
            Self { layer, scintillator: false, u: wu, v: wv }
        }
    }

    /// Corners of the module, counter-clockwise \[cm\].
    pub fn outline(&self) -> Vec<Point> {
        if !self.scintillator {
            let subdetector = if self.layer <= LAST_CEE_LAYER { subdet::CEE } else { subdet::CEH_SILICON };
            return silicon::hexagon_corners(silicon::wafer_origin(self.u, self.v, self.layer, subdetector)).to_vec();
        }
        let edge = |ring: i32| scintillator::ring_radius(ring) * (1.0 - scintillator::CELL_WIDTH_RAD / 2.0);
        let (inner, outer) = (edge(self.u * RINGS_PER_MODULE + 1), edge((self.u + 1) * RINGS_PER_MODULE + 1));
        let width = f64::from(CELLS_PER_MODULE) * scintillator::CELL_WIDTH_RAD;
        let at = |radius: f64, step: i32| {
            let phi = width * (f64::from(self.v) + f64::from(step) / f64::from(ARC_STEPS));
            Point { x: radius * phi.cos(), y: radius * phi.sin() }
        };
        (0..=ARC_STEPS).map(|k| at(outer, k)).chain((0..=ARC_STEPS).rev().map(|k| at(inner, k))).collect()
    }
}

/// Sums of the modules of one endcap and event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModuleSums {
    /// The modules with signal, sorted.
    pub module: Vec<Module>,
    /// Energy \[GeV\].
    pub energy: Vec<f64>,
    /// Transverse momentum \[GeV\].
    pub pt: Vec<f64>,
    /// Transverse energy \[mipT\].
    pub mip_pt: Vec<f64>,
}

/// Sums the cells at positive (`positive_z`) or negative z by module.
pub fn module_sums(cells: &TriggerCells<'_>, positive_z: bool) -> ModuleSums {
    let mut sums: BTreeMap<Module, [f64; 3]> = BTreeMap::new();
    for i in 0..cells.len() {
        let Some(cell) = cells.get(i) else { break };
        if (cell.z > 0.0) == positive_z {
            let entry = sums.entry(Module::of(cell.layer, cell.wu, cell.wv, cell.cu, cell.cv)).or_default();
            for (sum, value) in entry.iter_mut().zip([cell.energy, cell.pt, cell.mip_pt]) {
                *sum += f64::from(value);
            }
        }
    }
    let mut out = ModuleSums::default();
    for (module, [energy, pt, mip_pt]) in sums {
        out.module.push(module);
        out.energy.push(energy);
        out.pt.push(pt);
        out.mip_pt.push(mip_pt);
    }
    out
}

/// How the sum of a module is shared among towers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// All to the tower of the module's centre.
    #[default]
    Baseline,
    /// In proportion to the area of overlap.
    Area,
    /// In units of 1/4, largest overlap first.
    Quarters,
    /// In units of 1/8, largest overlap first.
    Eighths,
    /// In units of 1/16, largest overlap first.
    Sixteenths,
}

/// The towers that a module covers with the fraction of its sum that each gets. Fractions add up to one.
///
/// Towers that overlap with the module get max(1, round(n x overlap)) of n units, largest overlap first, until none are left;
/// units that rounding leaves over go to the largest overlap. The part of a module outside the grid counts for the edge towers
/// only if the module's centre is outside as well.
pub fn share(module: &Module, grid: &TowerGrid, sharing: Sharing) -> Vec<(usize, f64)> {
    let outline = module.outline();
    let centre = polygon::centroid(&outline);
    let Some(z) = layers::z_cm(module.layer) else { return vec![] };
    let central = grid.tower((z / centre.x.hypot(centre.y)).asinh(), centre.y.atan2(centre.x));
    let units = match sharing {
        Sharing::Baseline => return vec![(central, 1.0)],
        Sharing::Area => 0,
        Sharing::Quarters => 4,
        Sharing::Eighths => 8,
        Sharing::Sixteenths => 16,
    };
    let mut overlaps = tower_overlaps(&outline, grid, z);
    let total: f64 = overlaps.iter().map(|o| o.1).sum();
    if total <= 1e-6 * polygon::area(&outline) {
        return vec![(central, 1.0)];
    }
    overlaps.iter_mut().for_each(|o| o.1 /= total);
    if units == 0 {
        return overlaps;
    }
    overlaps.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut left = units;
    let mut shares: Vec<(usize, i32)> = vec![];
    for (tower, fraction) in overlaps {
        let wanted = ((f64::from(units) * fraction).round() as i32).max(1).min(left);
        if wanted > 0 {
            shares.push((tower, wanted));
            left -= wanted;
        }
    }
    if let Some(first) = shares.first_mut() {
        first.1 += left;
    }
    shares.into_iter().map(|(tower, n)| (tower, f64::from(n) / f64::from(units))).collect()
}

/// Areas that an outline shares with the towers of the grid, drawn with straight edges in the plane at `z` \[cm2\].
fn tower_overlaps(outline: &[Point], grid: &TowerGrid, z: f64) -> Vec<(usize, f64)> {
    let circle = |points: &[Point]| {
        let n = points.len().max(1) as f64;
        let centre =
            Point { x: points.iter().map(|p| p.x).sum::<f64>() / n, y: points.iter().map(|p| p.y).sum::<f64>() / n };
        (centre, points.iter().map(|p| (p.x - centre.x).hypot(p.y - centre.y)).fold(0.0, f64::max))
    };
    let (centre, radius) = circle(outline);
    let corner = |eta: f64, phi: f64| Point { x: z / eta.sinh() * phi.cos(), y: z / eta.sinh() * phi.sin() };
    let mut overlaps = Vec::new();
    for e in 0..grid.eta_bins as usize {
        let (low, high) = grid.eta_range(e);
        for p in 0..grid.phi_bins as usize {
            let (left, right) = grid.phi_range(p);
            let window = [corner(high, left), corner(low, left), corner(low, right), corner(high, right)];
            let (middle, reach) = circle(&window);
            if (middle.x - centre.x).hypot(middle.y - centre.y) < radius + reach {
                let area = polygon::overlap(outline, &window);
                if area > 0.0 {
                    overlaps.push((e * grid.phi_bins as usize + p, area));
                }
            }
        }
    }
    overlaps
}

/// Fills towers from module sums; keeps the shares of the modules that it has met.
#[derive(Clone, Debug)]
pub struct ModuleTowers {
    grid: TowerGrid,
    sharing: Sharing,
    shares: BTreeMap<Module, Vec<(usize, f64)>>,
}

impl ModuleTowers {
    /// Prepares a grid.
    pub fn new(grid: &TowerGrid, sharing: Sharing) -> Self {
        Self { grid: grid.clone(), sharing, shares: BTreeMap::new() }
    }

    /// Towers of one endcap and event. In the endcap at negative z, where x changes sign, azimuths are mirrored.
    pub fn towers(&mut self, sums: &ModuleSums, positive_z: bool) -> TowerMap {
        let mut map = TowerMap::new(&self.grid);
        let phi_bins = self.grid.phi_bins as usize;
        for (module, pt) in sums.module.iter().zip(&sums.pt) {
            let shares = self.shares.entry(*module).or_insert_with(|| share(module, &self.grid, self.sharing));
            for &(tower, fraction) in shares.iter() {
                let tower = if positive_z { tower } else { mirror(tower, phi_bins) };
                map.add(tower, module.layer, fraction * pt);
            }
        }
        map
    }
}

/// The tower at pi - phi: with bins from -pi to pi and an even number of bins, bin p goes to n/2 - 1 - p.
fn mirror(tower: usize, phi_bins: usize) -> usize {
    let (eta, phi) = (tower / phi_bins, tower % phi_bins);
    eta * phi_bins + (phi_bins / 2 + phi_bins - 1 - phi) % phi_bins
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    #[test]
    fn shares_of_every_module_add_up_to_one() {
        let grid = TowerGrid::module_sums();
        for sharing in [Sharing::Baseline, Sharing::Area, Sharing::Quarters, Sharing::Eighths, Sharing::Sixteenths] {
            for module in [
                Module { layer: 9, scintillator: false, u: 3, v: 3 },
                Module { layer: 1, scintillator: false, u: 0, v: 2 },
                Module { layer: 31, scintillator: false, u: -5, v: 2 },
                Module { layer: 45, scintillator: true, u: 2, v: 7 },
            ] {
                let shares = share(&module, &grid, sharing);
                let sum: f64 = shares.iter().map(|s| s.1).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{module:?} {sharing:?} {sum}");
                assert_eq!(shares.len() == 1, sharing == Sharing::Baseline, "{module:?} {sharing:?}: {shares:?}");
            }
        }
    }

    #[test]
    fn areas_are_conserved_and_units_follow_the_largest_overlaps() {
        let (grid, module) = (TowerGrid::module_sums(), Module { layer: 9, scintillator: false, u: 3, v: 3 });
        let outline = module.outline();
        let z = layers::z_cm(9).unwrap();
        let overlaps = tower_overlaps(&outline, &grid, z);
        let covered: f64 = overlaps.iter().map(|o| o.1).sum();
        assert!((covered / polygon::area(&outline) - 1.0).abs() < 1e-6, "{covered}");
        let largest = overlaps.iter().fold((0, 0.0), |best, &o| if o.1 > best.1 { o } else { best });
        let eighths = share(&module, &grid, Sharing::Eighths);
        assert_eq!(eighths[0].0, largest.0);
        assert!(eighths.iter().all(|s| (s.1 * 8.0).fract() == 0.0));
    }

    #[test]
    fn scintillator_modules_are_made_of_whole_cells() {
        let module = Module::of(45, SCINTILLATOR_WAFER, SCINTILLATOR_WAFER, 11, 29);
        assert_eq!(module, Module { layer: 45, scintillator: true, u: 2, v: 7 });
        let outline = module.outline();
        let centre = scintillator::cell_centre(13, 31);
        let inside = polygon::centroid(&outline);
        assert!((centre.x - inside.x).hypot(centre.y - inside.y) < 5.0);
    }

    #[test]
    fn towers_of_both_endcaps_keep_the_transverse_momentum() {
        let mut cells = TriggerCellColumns::default();
        for (layer, wu, wv, pt, z) in
            [(9, 3, 3, 2.0, 1.0), (9, 3, 3, 1.0, 1.0), (31, 2, -3, 4.0, 1.0), (9, 3, 3, 5.0, -1.0)]
        {
            cells.push(TriggerCell { layer, wu, wv, pt, energy: 2.0 * pt, mip_pt: pt, z, ..TriggerCell::default() });
        }
        let sums = module_sums(&cells.view(), true);
        assert_eq!((sums.module.len(), &sums.pt, &sums.energy), (2, &vec![3.0, 4.0], &vec![6.0, 8.0]));
        let mut towers = ModuleTowers::new(&TowerGrid::module_sums(), Sharing::Sixteenths);
        let (em, had) = towers.towers(&sums, true).sum();
        assert!((em - 3.0).abs() < 1e-12 && (had - 4.0).abs() < 1e-12);
        let minus = towers.towers(&module_sums(&cells.view(), false), false);
        assert!((minus.sum().0 - 5.0).abs() < 1e-12);
        // the mirrored wafer (3, 3) has x > 0 where the original has x < 0
        let mut baseline = ModuleTowers::new(&TowerGrid::module_sums(), Sharing::Baseline);
        let phi_bin = |map: &TowerMap| map.em.iter().position(|&e| e > 0.0).unwrap() % 72;
        let (a, b) = (
            phi_bin(&baseline.towers(&sums, true)),
            phi_bin(&baseline.towers(&module_sums(&cells.view(), false), false)),
        );
        assert_eq!((a + b) % 72, 35);
    }

    #[test]
    fn mirroring_twice_is_nothing() {
        for tower in 0..20 * 72 {
            assert_eq!(mirror(mirror(tower, 72), 72), tower);
        }
        // phi = 0.01 (bin 36) goes to pi - 0.01 (bin 71)
        assert_eq!(mirror(36, 72), 71);
    }
}
