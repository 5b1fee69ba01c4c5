//! Seeds in hexagonal cell coordinates.
//!
//! Cells of all wafers share one lattice: U = cu - 4 wu + 8 wv, V = cv - 8 wu + 4 wv. The layers of the region are
//! summed on it, and a lattice point of the region's module is a seed when it is above threshold and not below any point
//! within the window.

use std::collections::BTreeMap;

use super::{CoarseConfig, Module};
use crate::data::{SCINTILLATOR_WAFER, TriggerCells};
use crate::fill::{Endcap, KahanF32};
use crate::seed::Seeds;

/// Distance between two cells of a hexagonal lattice with axes u and v at 120 degrees, in steps.
///
/// ```
/// use recoil_hgcal::coarse::hexagon::distance;
/// assert_eq!(distance(2, 1, 0, 0), 2);
/// assert_eq!(distance(2, -1, 0, 0), 3);
/// ```
pub fn distance(u1: i32, v1: i32, u2: i32, v2: i32) -> i32 {
    let (du, dv) = (u1 - u2, v1 - v2);
    // always even, since the three differences sum to an even number
    (du.abs() + dv.abs() + (du - dv).abs()) / 2
}

/// Coordinates of a cell on the lattice that all wafers share.
pub fn lattice(wu: i32, wv: i32, cu: i32, cv: i32) -> (i64, i64) {
    let (wu, wv) = (i64::from(wu), i64::from(wv));
    (i64::from(cu) - 4 * wu + 8 * wv, i64::from(cv) - 8 * wu + 4 * wv)
}

#[derive(Clone, Copy, Default)]
struct Point {
    mip_pt: KahanF32,
    x: KahanF32,
    y: KahanF32,
    central: bool,
}

/// Seeds among the cells `inside`, in the order of (U, V). With `center` only points of that module become seeds, and
/// only the points within the window around them are looked at.
pub fn seeds(
    config: &CoarseConfig,
    cells: &TriggerCells<'_>,
    inside: &[u32],
    endcap: Endcap,
    center: Option<&Module>,
) -> Seeds {
    let mut points: BTreeMap<(i64, i64, i32, i32), Point> = BTreeMap::new();
    for i in inside.iter().map(|&i| i as usize).filter(|&i| cells.wu[i] != SCINTILLATOR_WAFER) {
        let (wu, wv, cu, cv) = (cells.wu[i], cells.wv[i], cells.cu[i], cells.cv[i]);
        let (u, v) = lattice(wu, wv, cu, cv);
        let point = points.entry((u, v, cu, cv)).or_default();
        let (mip_pt, depth) = (cells.mip_pt[i], cells.z[i].abs());
        point.mip_pt.add(mip_pt);
        point.x.add(mip_pt * cells.x[i] / depth);
        point.y.add(mip_pt * cells.y[i] / depth);
        point.central |= center.is_none_or(|m| m.wu == wu && m.wv == wv);
    }
    // cells of overlapping wafers can share a lattice point: the last in the order of (cu, cv) stands for it
    let field: BTreeMap<(i64, i64), Point> = points.into_iter().map(|((u, v, _, _), point)| ((u, v), point)).collect();
    let mut seeds = Seeds::default();
    for (&(u, v), point) in field.iter().filter(|(_, point)| point.central) {
        let energy = f64::from(point.mip_pt.sum);
        if energy > config.threshold && is_maximum(config, &field, u, v, point.mip_pt.sum) {
            let (x, y) = (point.x.sum / point.mip_pt.sum, point.y.sum / point.mip_pt.sum);
            seeds.push(energy, f64::from(x), f64::from(y), endcap);
        }
    }
    seeds
}

fn is_maximum(config: &CoarseConfig, field: &BTreeMap<(i64, i64), Point>, u: i64, v: i64, energy: f32) -> bool {
    let w = config.window;
    let steps = (-w..=w).flat_map(|du| (-w..=w).map(move |dv| (du, dv)));
    steps
        .filter(|&(du, dv)| !config.hexagonal_distance || distance(du, dv, 0, 0) <= w)
        .all(|(du, dv)| field.get(&(u + i64::from(du), v + i64::from(dv))).is_none_or(|n| energy >= n.mip_pt.sum))
}
