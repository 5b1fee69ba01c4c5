//! Module sums and the regions that they select.
//!
//! Sums and mean eta are Kahan-compensated in single precision, like those of the pandas chain.

use std::collections::BTreeMap;
use std::ops::Range;

use super::CoarseConfig;
use crate::data::{SCINTILLATOR_WAFER, TriggerCells};
use crate::fill::{Endcap, KahanF32};

/// A silicon module with its sum over the layers of coarse seeding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Module {
    /// Wafer coordinate u.
    pub wu: i32,
    /// Wafer coordinate v.
    pub wv: i32,
    /// Sum of mipT.
    pub mip_pt: f32,
    /// Mean |eta| of its cells.
    pub abs_eta: f32,
    /// Number of cells.
    pub cells: u32,
}

/// Sums of all silicon modules of one endcap over the layers of coarse seeding, in the order of (u, v).
pub fn sums(config: &CoarseConfig, cells: &TriggerCells<'_>, endcap: Endcap) -> Vec<Module> {
    let layers = config.layers();
    let mut sums: BTreeMap<(i32, i32), (KahanF32, KahanF32, u32)> = BTreeMap::new();
    for i in 0..cells.len() {
        if cells.wu[i] == SCINTILLATOR_WAFER || !layers.contains(&cells.layer[i]) || !endcap.holds(cells.z[i]) {
            continue;
        }
        let (mip_pt, eta, n) = sums.entry((cells.wu[i], cells.wv[i])).or_default();
        mip_pt.add(cells.mip_pt[i]);
        eta.add(cells.eta[i].abs());
        *n += 1;
    }
    sums.into_iter()
        .map(|((wu, wv), (mip_pt, eta, cells))| Module {
            wu,
            wv,
            mip_pt: mip_pt.sum,
            abs_eta: eta.sum / cells as f32,
            cells,
        })
        .collect()
}

/// The modules above the threshold of their eta range, range by range. With `nearby`, each is replaced by itself and
/// those of its six neighbours that have cells; a module that two hot modules share is listed once.
pub fn regions(config: &CoarseConfig, cells: &TriggerCells<'_>, endcap: Endcap) -> Vec<Module> {
    let modules = sums(config, cells, endcap);
    let mut hot: Vec<Module> = Vec::new();
    for (edges, &threshold) in config.eta_edges.windows(2).zip(&config.module_thresholds) {
        let above = |m: &&Module| m.mip_pt >= threshold && m.abs_eta > edges[0] && m.abs_eta <= edges[1];
        hot.extend(modules.iter().filter(above));
    }
    if !config.nearby {
        return hot;
    }
    let mut regions: Vec<Module> = Vec::new();
    for center in &hot {
        let adjacent = |m: &&Module| {
            let (s, r) = (m.wu - center.wu, center.wv - m.wv);
            s.abs() <= 1 && r.abs() <= 1 && (s + r).abs() <= 1
        };
        for module in modules.iter().filter(adjacent) {
            if !regions.contains(module) {
                regions.push(*module);
            }
        }
    }
    regions
}

/// The cells of one endcap that are in one of the `regions` and in `layers`, increasing.
pub fn cells_of(regions: &[Module], cells: &TriggerCells<'_>, endcap: Endcap, layers: &Range<i32>) -> Vec<u32> {
    let inside = |i: usize| {
        layers.contains(&cells.layer[i])
            && endcap.holds(cells.z[i])
            && regions.iter().any(|m| m.wu == cells.wu[i] && m.wv == cells.wv[i])
    };
    (0..cells.len()).filter(|&i| inside(i)).map(|i| i as u32).collect()
}
