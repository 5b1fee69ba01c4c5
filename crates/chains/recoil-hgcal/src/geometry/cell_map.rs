//! All trigger cells of one endcap of the model detector.

use super::silicon::WaferLattice;
use super::{Cells, Point, layers, scintillator, silicon};
use crate::data::{LAST_CEE_LAYER, SCINTILLATOR_WAFER, subdet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which part of the calorimeter is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Electromagnetic part only (layers 1 to 27).
    #[default]
    CeE,
    /// Electromagnetic and hadronic part (layers 1 to 50).
    All,
}

/// Extent of the model detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GeometryConfig {
    /// Which layers to build: `ce-e` or `all`.
    pub depth: Depth,
    /// Smallest |eta| of a cell.
    pub eta_min: f64,
    /// Largest |eta| of a cell.
    pub eta_max: f64,
    /// Smallest radius of a silicon cell \[cm\].
    pub inner_radius_cm: f64,
    /// Largest radius of a CE-E cell \[cm\]; in CE-H the scintillator or `eta_min` ends the silicon.
    pub outer_radius_cm: f64,
    /// Wafers of CE-E have |u| and |v| up to this number.
    pub max_wafer_index: i32,
}

impl Default for GeometryConfig {
    fn default() -> Self {
        Self {
            depth: Depth::CeE,
            eta_min: 1.5,
            eta_max: 3.0,
            inner_radius_cm: 25.0,
            outer_radius_cm: 175.0,
            max_wafer_index: 11,
        }
    }
}

/// Largest |u| and |v| of a CE-H wafer: enough for a radius of 200 cm.
const MAX_WAFER_INDEX_CEH: i32 = 16;
/// Largest ieta of the model.
const MAX_RING: i32 = 32;
const NO_CELL: u32 = u32::MAX;

/// All trigger cells of the endcap at positive z, ordered by layer, then wafer (silicon before scintillator), then cell, with
/// look-ups by address and by position.
#[derive(Clone, Debug, Default)]
pub struct CellMap {
    /// The cells.
    pub cells: Cells,
    index: Vec<LayerIndex>,
}

/// Cells of one layer by address.
#[derive(Clone, Debug, Default)]
struct LayerIndex {
    z_cm: f64,
    lattice: WaferLattice,
    cells: Range<usize>,
    max_wafer: i32,
    /// 64 entries (cu * 8 + cv) per wafer.
    silicon: Vec<u32>,
    /// 144 entries (iphi - 1) per ring.
    scintillator: Vec<u32>,
}

impl CellMap {
    /// Builds the map. The number of cells is about 190,000 for CE-E.
    pub fn new(config: &GeometryConfig) -> Self {
        let mut map = Self::default();
        for layer in layers::trigger_layers() {
            if config.depth == Depth::CeE && layer > LAST_CEE_LAYER {
                break;
            }
            map.add_layer(config, layer);
        }
        map
    }

    fn add_layer(&mut self, config: &GeometryConfig, layer: i32) {
        let z = layers::z_cm(layer).unwrap_or_default();
        let first = self.len();
        let is_cee = layer <= LAST_CEE_LAYER;
        let (subdetector, max_wafer) = if is_cee {
            (subdet::CEE, config.max_wafer_index.clamp(0, 64))
        } else {
            (subdet::CEH_SILICON, MAX_WAFER_INDEX_CEH)
        };
        let first_ring = scintillator::first_ring(layer).filter(|_| !is_cee);
        let outer = match first_ring {
            Some(ring) => scintillator::ring_radius(ring) * (1.0 - scintillator::CELL_WIDTH_RAD / 2.0),
            None if is_cee => config.outer_radius_cm,
            None => f64::INFINITY,
        };
        let n_wafers = usize::try_from((2 * max_wafer + 1) * (2 * max_wafer + 1)).unwrap_or_default();
        let mut index = LayerIndex {
            z_cm: z,
            lattice: WaferLattice::new(layer, subdetector),
            max_wafer,
            silicon: vec![NO_CELL; n_wafers * 64],
            ..LayerIndex::default()
        };
        let mut slot = 0;
        for u in -max_wafer..=max_wafer {
            for v in -max_wafer..=max_wafer {
                let origin = silicon::wafer_origin(u, v, layer, subdetector);
                for cu in 0..8 {
                    for cv in 0..8 {
                        let offset = silicon::cell_offset(cu, cv);
                        let point = Point { x: origin.x + offset.x, y: origin.y + offset.y };
                        let radius = point.x.hypot(point.y);
                        let eta = (z / radius).asinh();
                        if silicon::is_cell(cu, cv)
                            && (config.inner_radius_cm..outer).contains(&radius)
                            && (config.eta_min..config.eta_max).contains(&eta)
                            && let Some(entry) = index.silicon.get_mut(slot)
                        {
                            *entry = self.cells.push(layer, subdetector, [u, v, cu, cv], point, z);
                        }
                        slot += 1;
                    }
                }
            }
        }
        if let Some(first_ring) = first_ring {
            let per_ring = scintillator::CELLS_PER_RING;
            index.scintillator = vec![NO_CELL; usize::try_from(MAX_RING * per_ring).unwrap_or_default()];
            for ieta in first_ring..=MAX_RING {
                let eta = (z / scintillator::ring_radius(ieta)).asinh();
                if !(config.eta_min..config.eta_max).contains(&eta) {
                    continue;
                }
                for iphi in 1..=per_ring {
                    let point = scintillator::cell_centre(ieta, iphi);
                    let address = [SCINTILLATOR_WAFER, SCINTILLATOR_WAFER, ieta, iphi];
                    let cell = self.cells.push(layer, subdet::CEH_SCINTILLATOR, address, point, z);
                    if let Some(entry) = ring_slot(ieta, iphi).and_then(|slot| index.scintillator.get_mut(slot)) {
                        *entry = cell;
                    }
                }
            }
        }
        index.cells = first..self.len();
        self.index.push(index);
    }

    /// Number of cells of the endcap.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells of `layer`, as a range of rows; empty for a layer that is not built.
    pub fn layer_cells(&self, layer: i32) -> Range<usize> {
        layers::trigger_index(layer).and_then(|i| self.index.get(i)).map_or(0..0, |index| index.cells.clone())
    }

    /// Row of the silicon cell (wu, wv, cu, cv) of `layer`.
    pub fn silicon_cell(&self, layer: i32, wu: i32, wv: i32, cu: i32, cv: i32) -> Option<usize> {
        self.index.get(layers::trigger_index(layer)?)?.silicon_cell(wu, wv, cu, cv)
    }

    /// Row of the scintillator cell (ieta, iphi) of `layer`.
    pub fn scintillator_cell(&self, layer: i32, ieta: i32, iphi: i32) -> Option<usize> {
        self.index.get(layers::trigger_index(layer)?)?.scintillator_cell(ieta, iphi)
    }

    /// Row of the cell that contains the point (x, y) \[cm\] of `layer`; `None` outside the detector.
    pub fn cell_at(&self, layer: i32, x: f64, y: f64) -> Option<usize> {
        self.finder(layer)?.cell_at(x, y)
    }

    /// Look-up of points in `layer`, for many points of the same layer; `None` for a layer that is not built.
    pub fn finder(&self, layer: i32) -> Option<CellFinder<'_>> {
        self.finder_at(layers::trigger_index(layer)?)
    }

    /// The same by position of the layer among the trigger layers (0 to 35).
    pub fn finder_at(&self, trigger_index: usize) -> Option<CellFinder<'_>> {
        self.index.get(trigger_index).map(|index| CellFinder { index })
    }
}

/// Finds the cells of one layer.
#[derive(Clone, Copy, Debug)]
pub struct CellFinder<'a> {
    index: &'a LayerIndex,
}

impl CellFinder<'_> {
    /// |z| of the layer \[cm\].
    pub fn z_cm(self) -> f64 {
        self.index.z_cm
    }

    /// Row of the cell that contains the point (x, y) \[cm\]; `None` outside the detector.
    #[inline]
    pub fn cell_at(self, x: f64, y: f64) -> Option<usize> {
        let (wafer, offset) = self.index.lattice.locate(x, y);
        let (cu, cv) = silicon::cell_at(offset);
        if let Some(cell) = self.index.silicon_cell(wafer.0, wafer.1, cu, cv) {
            return Some(cell);
        }
        if self.index.scintillator.is_empty() {
            return None;
        }
        let (ieta, iphi) = scintillator::cell_at(x, y);
        self.index.scintillator_cell(ieta, iphi)
    }
}

impl LayerIndex {
    #[inline]
    fn silicon_cell(&self, wu: i32, wv: i32, cu: i32, cv: i32) -> Option<usize> {
        let (m, inside) = (self.max_wafer, -self.max_wafer..=self.max_wafer);
        if !(inside.contains(&wu) && inside.contains(&wv) && (0..8).contains(&cu) && (0..8).contains(&cv)) {
            return None;
        }
        let slot = ((wu + m) * (2 * m + 1) + wv + m) * 64 + cu * 8 + cv;
        existing(self.silicon.get(slot as usize))
    }

    fn scintillator_cell(&self, ieta: i32, iphi: i32) -> Option<usize> {
        existing(self.scintillator.get(ring_slot(ieta, iphi)?))
    }
}

fn ring_slot(ieta: i32, iphi: i32) -> Option<usize> {
    let inside = (1..=MAX_RING).contains(&ieta) && (1..=scintillator::CELLS_PER_RING).contains(&iphi);
    inside.then_some(((ieta - 1) * scintillator::CELLS_PER_RING + iphi - 1) as usize)
}

fn existing(entry: Option<&u32>) -> Option<usize> {
    entry.filter(|&&cell| cell != NO_CELL).map(|&cell| cell as usize)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_found_by_address_and_by_position() {
        let map = CellMap::new(&GeometryConfig { depth: Depth::All, ..GeometryConfig::default() });
        let mut overlaps = 0;
        for i in 0..map.len() {
            let (layer, cu, cv) = (map.cells.layer[i], map.cells.cu[i], map.cells.cv[i]);
            let by_address = if map.cells.subdet[i] == subdet::CEH_SCINTILLATOR {
                map.scintillator_cell(layer, cu, cv)
            } else {
                map.silicon_cell(layer, map.cells.wu[i], map.cells.wv[i], cu, cv)
            };
            assert_eq!(by_address, Some(i));
            // where silicon cells reach over the first ring, the silicon wins
            overlaps += usize::from(map.cell_at(layer, map.cells.x[i], map.cells.y[i]) != Some(i));
        }
        assert_eq!(overlaps, 0, "of {}", map.len());
    }

    #[test]
    fn the_size_of_the_default_map() {
        let map = CellMap::new(&GeometryConfig::default());
        // 14 layers between radii z/sinh(3) and z/sinh(1.5), 5 cm2 per cell
        let area: f64 = layers::CEE_Z_CM
            .iter()
            .map(|z| std::f64::consts::PI * ((z / 1.5_f64.sinh()).powi(2) - (z / 3.0_f64.sinh()).powi(2)))
            .sum();
        let cells = area * 48.0 / (16.74408_f64.powi(2) * 0.866_025_4);
        assert!((map.len() as f64 / cells - 1.0).abs() < 0.02, "{} cells, {cells:.0} expected", map.len());
        assert!(map.cells.eta.iter().all(|eta| (1.5..3.0).contains(eta)));
        assert_eq!(map.layer_cells(29), 0..0);
        assert_eq!(map.layer_cells(1).start, 0);
        assert_eq!(map.layer_cells(27).end, map.len());
    }

    #[test]
    fn nothing_is_found_outside() {
        let map = CellMap::new(&GeometryConfig::default());
        assert_eq!(map.cell_at(9, 0.0, 0.0), None);
        assert_eq!(map.cell_at(9, 500.0, 1e9), None);
        assert_eq!(map.cell_at(8, 60.0, 60.0), None);
        assert_eq!(map.cell_at(30, 60.0, 60.0), None);
        assert_eq!(map.silicon_cell(9, i32::MAX, i32::MIN, 0, 0), None);
        assert!(map.cell_at(9, 60.0, 60.0).is_some());
        assert_eq!(map.cell_at(9, f64::NAN, 1.0), None);
    }
}
