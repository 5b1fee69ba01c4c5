//! Silicon: hexagonal wafers on axial coordinates (u, v), 48 trigger cells per wafer on (cellu, cellv).
//!
//! The trigger-cell points form a triangular lattice with a pitch of W sqrt(3)/12 = 2.40 cm, the wafers one with a pitch of
//! W + gap. The rhombus and hexagon outlines are those of the event display of the reference program: the area and the
//! relative position of the cells are right, the absolute position is approximate.

use super::Point;
use crate::data::subdet;

/// Distance between opposite sides of a wafer \[cm\].
pub const WAFER_SIZE_CM: f64 = 16.64408;
/// Gap between neighbouring wafers \[cm\].
pub const WAFER_GAP_CM: f64 = 0.1;
/// Number of trigger cells in a full wafer.
pub const CELLS_PER_WAFER: usize = 48;

const COS30: f64 = 0.866_025_403_784_438_6;
const TAN30: f64 = 0.577_350_269_189_625_8;
/// Step of the cell lattice along x is 1.5 of these \[cm\].
const CELL_X: f64 = WAFER_SIZE_CM / 12.0;
/// Half a step of the cell lattice along y \[cm\].
const CELL_Y: f64 = CELL_X * COS30;
/// Half width of a rhombus \[cm\].
const RHOMBUS_X: f64 = WAFER_SIZE_CM / 8.0;
/// Half height of a rhombus \[cm\].
const RHOMBUS_Y: f64 = RHOMBUS_X * TAN30;
const PITCH: f64 = WAFER_SIZE_CM + WAFER_GAP_CM;

/// One of the three blocks of 4x4 cells that make a wafer, which is also the orientation of the cells' outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhombus {
    /// Bottom block; lying rhombi.
    Bottom,
    /// Upper left block.
    UpperLeft,
    /// Upper right block.
    UpperRight,
}

/// `waferorient` of the V11 geometry, which has one orientation only.
pub const ORIENTATION_V11: i32 = 6;

/// Whether a full wafer has a cell (cu, cv): both in 0..8 and -3 <= cu - cv <= 4.
pub fn is_cell(cu: i32, cv: i32) -> bool {
    (0..8).contains(&cu) && (0..8).contains(&cv) && (-3..=4).contains(&(cu - cv))
}

/// The 48 (cellu, cellv) of a full wafer, sorted.
///
/// ```
/// let cells: Vec<_> = recoil_hgcal::geometry::silicon::cells().collect();
/// assert_eq!((cells.len(), cells[0], cells[47]), (48, (0, 0), (7, 7)));
/// ```
pub fn cells() -> impl Iterator<Item = (i32, i32)> {
    (0..8).flat_map(|cu| (0..8).map(move |cv| (cu, cv))).filter(|&(cu, cv)| is_cell(cu, cv))
}

/// Block of cell (cu, cv) for a wafer orientation (0 to 5, or [`ORIENTATION_V11`]); `None` outside the wafer.
pub fn rhombus(orientation: i32, cu: i32, cv: i32) -> Option<Rhombus> {
    let candidates = if orientation == ORIENTATION_V11 {
        [cu < 4 && cv < 4, cu >= 4 && cu > cv, cv >= 4 && cu <= cv]
    } else {
        [cu < 4 && cv >= cu, cv < 4 && cu > cv, cu >= 4 && cv >= 4]
    };
    let order = [Rhombus::Bottom, Rhombus::UpperLeft, Rhombus::UpperRight];
    candidates.iter().zip(order).find_map(|(&hit, block)| hit.then_some(block))
}

/// Origin of wafer (u, v) in `layer` \[cm\]: the mean position of its 48 cells.
///
/// In CE-H silicon the wafers are shifted along y by W/2 + W/(8 sqrt 3), down in even layers and up in odd ones, as in the
/// reference's display (wafer corners instead of wafer centres on the beam line).
pub fn wafer_origin(u: i32, v: i32, layer: i32, subdetector: i32) -> Point {
    let (u, v) = (f64::from(u), f64::from(v));
    let shift = layer_shift(layer, subdetector);
    Point { x: (-2.0 * u + v) * PITCH / 2.0, y: COS30 * v * PITCH + shift }
}

fn layer_shift(layer: i32, subdetector: i32) -> f64 {
    let step = WAFER_SIZE_CM / 2.0 + RHOMBUS_Y;
    match (subdetector == subdet::CEH_SILICON, layer % 2 == 0) {
        (true, true) => -step,
        (true, false) => step,
        (false, _) => 0.0,
    }
}

/// Position of cell (cu, cv) relative to the wafer origin \[cm\].
pub fn cell_offset(cu: i32, cv: i32) -> Point {
    let (cu, cv) = (f64::from(cu), f64::from(cv));
    Point { x: (1.5 * (cv - 4.0) + 1.0) * CELL_X, y: (2.0 * cu - cv - 4.0) * CELL_Y }
}

/// Centre of the drawn hexagon relative to the wafer origin \[cm\].
fn display_centre_offset() -> Point {
    let cell = cell_offset(3, 3);
    Point { x: cell.x + RHOMBUS_X, y: cell.y + 1.5 * RHOMBUS_Y }
}

/// Centre of the drawn hexagon of wafer (u, v) \[cm\].
pub fn display_centre(u: i32, v: i32, layer: i32, subdetector: i32) -> Point {
    let (origin, offset) = (wafer_origin(u, v, layer, subdetector), display_centre_offset());
    Point { x: origin.x + offset.x, y: origin.y + offset.y }
}

/// Corners of the rhombus drawn for a cell at `centre`, counter-clockwise, rounded to 10 micrometres as the reference does.
pub fn rhombus_corners(block: Rhombus, centre: Point) -> [Point; 4] {
    let (dx, dy) = (RHOMBUS_X, RHOMBUS_Y);
    let (first, steps) = match block {
        Rhombus::UpperLeft => ((-dx / 2.0, -(dy / 2.0 + dx * TAN30)), [(dx, dy), (dx, 3.0 * dy), (0.0, 2.0 * dy)]),
        Rhombus::UpperRight => ((-dx / 2.0, -dy / 2.0), [(dx, -dy), (dx, dy), (0.0, 2.0 * dy)]),
        Rhombus::Bottom => ((-dx, 0.0), [(dx, -dy), (2.0 * dx, 0.0), (dx, dy)]),
    };
    let start = Point { x: centre.x + first.0, y: centre.y + first.1 };
    let [a, b, c] = steps.map(|(x, y)| Point { x: start.x + x, y: start.y + y });
    [start, a, b, c].map(|p| Point { x: round3(p.x), y: round3(p.y) })
}

fn round3(value: f64) -> f64 {
    (value * 1000.0).round_ties_even() / 1000.0
}

/// Corners of the hexagon drawn for a wafer (pointed top), from the lower left, counter-clockwise \[cm\].
pub fn hexagon_corners(centre: Point) -> [Point; 6] {
    let a = WAFER_SIZE_CM / 2.0;
    let b = WAFER_SIZE_CM / (2.0 * COS30);
    let h = (b * b - a * a).sqrt();
    [(-a, -h), (0.0, -b), (a, -h), (a, h), (0.0, b), (-a, h)].map(|(x, y)| Point { x: centre.x + x, y: centre.y + y })
}

/// Nearest integer. Adding and taking away 1.5 * 2^52 leaves the integer part of small numbers and is much faster than a
/// call of the general rounding function; larger numbers are far outside the detector.
#[inline]
fn round(value: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (value + SHIFT) - SHIFT
}

/// Nearest node of a triangular lattice whose basis vectors enclose 120 degrees, from fractional coordinates.
#[inline]
fn round_axial(u: f64, v: f64) -> (i32, i32) {
    // on the basis (u - v, v), which encloses 60 degrees, the nearest corner of the unit rhombus is corrected along the
    // axis on which the point is further away; written without branches because they would be unpredictable
    let (p, q) = (u - v, v);
    let (rp, rq) = (round(p), round(q));
    let (dp, dq) = (p - rp, q - rq);
    let along_p = f64::from(u8::from(dp * dp >= dq * dq));
    let rp = rp + along_p * round(dp + 0.5 * dq);
    let rq = rq + (1.0 - along_p) * round(dq + 0.5 * dp);
    ((rp + rq) as i32, rq as i32)
}

/// The wafers of one layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaferLattice {
    shift: f64,
}

impl WaferLattice {
    /// The lattice of `layer`, which depends on the sub-detector (see [`wafer_origin`]).
    pub fn new(layer: i32, subdetector: i32) -> Self {
        Self { shift: layer_shift(layer, subdetector) }
    }

    /// Wafer (u, v) whose Voronoi cell contains the point (x, y) \[cm\] (the wafer itself and half of the gap), and the
    /// position of the point relative to the origin of that wafer \[cm\].
    #[inline]
    pub fn locate(self, x: f64, y: f64) -> ((i32, i32), Point) {
        const PER_PITCH: f64 = 1.0 / PITCH;
        const PER_ROW: f64 = 1.0 / (COS30 * PITCH);
        let y = y - self.shift;
        let v = y * PER_ROW;
        let wafer = round_axial(v / 2.0 - x * PER_PITCH, v);
        let (u, v) = (f64::from(wafer.0), f64::from(wafer.1));
        (wafer, Point { x: x - (v - 2.0 * u) * (PITCH / 2.0), y: y - v * (COS30 * PITCH) })
    }
}

/// Cell (cu, cv) nearest to the point at `offset` \[cm\] from the origin of its wafer.
#[inline]
pub fn cell_at(offset: Point) -> (i32, i32) {
    const PER_X: f64 = 1.0 / (1.5 * CELL_X);
    const PER_Y: f64 = 1.0 / CELL_Y;
    let v = 4.0 - 1.0 / 1.5 + offset.x * PER_X;
    let u = (offset.y * PER_Y + v + 4.0) / 2.0;
    let (cu, cv) = round_axial(u, v);
    if is_cell(cu, cv) { (cu, cv) } else { nearest_cell(offset, (cu, cv)) }
}

/// The wafer edge cuts the cells' own hexagons: points beyond the outer cells belong to the nearest of the 48, which is
/// next to the lattice node that the point is closest to, unless the point is far outside.
#[inline(never)]
fn nearest_cell(offset: Point, (cu, cv): (i32, i32)) -> (i32, i32) {
    const NEXT: [(i32, i32); 6] = [(1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (-1, -1)];
    let neighbours = NEXT.into_iter().map(|(du, dv)| (cu.saturating_add(du), cv.saturating_add(dv)));
    nearest_of(offset, neighbours).or_else(|| nearest_of(offset, cells())).unwrap_or_default()
}

fn nearest_of(offset: Point, candidates: impl Iterator<Item = (i32, i32)>) -> Option<(i32, i32)> {
    let mut best = (None, f64::INFINITY);
    for (cu, cv) in candidates {
        let cell = cell_offset(cu, cv);
        let (dx, dy) = (cell.x - offset.x, cell.y - offset.y);
        let square = dx * dx + dy * dy;
        if is_cell(cu, cv) && square < best.1 {
            best = (Some((cu, cv)), square);
        }
    }
    best.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_cells_is_the_reference_one() {
        let mut listed = std::collections::BTreeSet::new();
        for cv in 0..4 {
            listed.extend((cv + 1..cv + 5).map(|cu| (cu, cv)));
        }
        for cu in 4..8 {
            listed.extend((4..8).map(|cv| (cu, cv)));
        }
        for cu in 0..4 {
            listed.extend((cu..cu + 4).map(|cv| (cu, cv)));
        }
        assert_eq!(listed.into_iter().collect::<Vec<_>>(), cells().collect::<Vec<_>>());
    }

    #[test]
    fn every_orientation_has_three_blocks_of_sixteen() {
        for orientation in 0..=ORIENTATION_V11 {
            for block in [Rhombus::Bottom, Rhombus::UpperLeft, Rhombus::UpperRight] {
                let n = cells().filter(|&(cu, cv)| rhombus(orientation, cu, cv) == Some(block)).count();
                assert_eq!(n, 16, "{orientation} {block:?}");
            }
        }
    }

    #[test]
    fn the_cells_of_a_wafer_are_centred_on_its_origin_and_fill_its_area() {
        let (sx, sy) = cells().map(|(u, v)| cell_offset(u, v)).fold((0.0, 0.0), |s, p| (s.0 + p.x, s.1 + p.y));
        assert!(sx.abs() < 1e-12 && sy.abs() < 1e-12);
        let rhombus_area = 2.0 * RHOMBUS_X * RHOMBUS_Y;
        let hexagon_area = WAFER_SIZE_CM * WAFER_SIZE_CM * COS30;
        assert!((48.0 * rhombus_area - hexagon_area).abs() < 1e-9);
    }

    #[test]
    fn a_hand_computed_cell() {
        // wafer (3, 3): x = -3/2 * 16.74408 = -25.116, y = 3 * 16.74408 * cos 30 = 43.502; cell (4, 4): + R, + 0
        let (origin, cell) = (wafer_origin(3, 3, 9, subdet::CEE), cell_offset(4, 4));
        assert!((origin.x + 25.11612).abs() < 1e-9 && (origin.y - 43.502_396_066).abs() < 1e-6, "{origin:?}");
        assert!((cell.x - 16.64408 / 12.0).abs() < 1e-12 && cell.y.abs() < 1e-12);
    }

    #[test]
    fn looking_up_a_cell_centre_finds_the_cell() {
        for (layer, subdetector) in [(9, subdet::CEE), (30, subdet::CEH_SILICON), (31, subdet::CEH_SILICON)] {
            for u in -11..=11 {
                for v in -11..=11 {
                    let origin = wafer_origin(u, v, layer, subdetector);
                    for (cu, cv) in cells() {
                        let cell = cell_offset(cu, cv);
                        let (x, y) = (origin.x + 0.999 * cell.x, origin.y + 0.999 * cell.y);
                        let (wafer, offset) = WaferLattice::new(layer, subdetector).locate(x, y);
                        assert_eq!((wafer, cell_at(offset)), ((u, v), (cu, cv)));
                    }
                }
            }
        }
    }

    #[test]
    fn looking_up_any_point_of_a_wafer_finds_the_nearest_cell() {
        for i in -40..=40 {
            for j in -40..=40 {
                let p = Point { x: 0.207 * f64::from(i) + 0.003, y: 0.241 * f64::from(j) + 0.001 };
                if WaferLattice::default().locate(p.x, p.y).0 == (0, 0) {
                    assert_eq!(Some(cell_at(p)), nearest_of(p, cells()), "{p:?}");
                }
            }
        }
    }

    #[test]
    fn looking_up_any_point_finds_the_nearest_wafer() {
        for i in 0..60 {
            for j in 0..60 {
                let (x, y) = (0.37 + 0.61 * f64::from(i), 0.11 + 0.53 * f64::from(j));
                let mut best = ((0, 0), f64::INFINITY);
                for u in -6..=6 {
                    for v in -6..=6 {
                        let o = wafer_origin(u, v, 9, subdet::CEE);
                        let d = (o.x - x).hypot(o.y - y);
                        if d < best.1 {
                            best = ((u, v), d);
                        }
                    }
                }
                assert_eq!(WaferLattice::new(9, subdet::CEE).locate(x, y).0, best.0, "{x} {y}");
            }
        }
    }
}
