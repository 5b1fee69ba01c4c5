//! Scintillator: rings of tiles, 144 trigger cells of 2.5 degrees each, addressed by (ieta, iphi).
//!
//! A trigger cell is as high as it is wide, so the rings of the model grow geometrically with radius.

use super::Point;
use std::f64::consts::{PI, TAU};

/// Number of trigger cells in a ring.
pub const CELLS_PER_RING: i32 = 144;
/// Width of a trigger cell \[rad\] (2.5 degrees).
pub const CELL_WIDTH_RAD: f64 = TAU / CELLS_PER_RING as f64;
/// Inner radius of ring ieta = 1 \[cm\].
pub const INNER_RADIUS_CM: f64 = 77.0;

/// Outline of a scintillator trigger cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wedge {
    /// Inner radius \[cm\].
    pub r_min: f64,
    /// Outer radius \[cm\].
    pub r_max: f64,
    /// Lower azimuth \[rad\].
    pub phi_min: f64,
    /// Upper azimuth \[rad\].
    pub phi_max: f64,
}

/// Whether a ring is the first or last of its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingEdge {
    /// Smallest ieta of the layer.
    Innermost,
    /// Largest ieta of the layer.
    Outermost,
    /// Any other ring.
    Between,
}

/// Outline of the cell with its centre at `centre` in `layer`.
///
/// The edge rings hold two tiles instead of four in most layers: the outermost ring loses its inner quarter except in layers
/// 38, 39 and 50, the innermost its outer quarter except in layers 41 and above.
pub fn wedge(centre: Point, layer: i32, edge: RingEdge) -> Wedge {
    let radius = centre.x.hypot(centre.y);
    let phi = centre.y.atan2(centre.x);
    let arc = radius * CELL_WIDTH_RAD;
    let mut wedge = Wedge {
        r_min: radius - arc / 2.0,
        r_max: radius + arc / 2.0,
        phi_min: phi - CELL_WIDTH_RAD / 2.0,
        phi_max: phi + CELL_WIDTH_RAD / 2.0,
    };
    match edge {
        RingEdge::Outermost if !matches!(layer, 38 | 39 | 50) => wedge.r_min += arc / 4.0,
        RingEdge::Innermost if layer < 41 => wedge.r_max -= arc / 4.0,
        _ => {}
    }
    wedge
}

impl Wedge {
    /// The four corners for drawing, in the order (rmin, phimin), (rmax, phimin), (rmax, phimax), (rmin, phimax) \[cm\].
    pub fn corners(&self) -> [Point; 4] {
        [(self.r_min, self.phi_min), (self.r_max, self.phi_min), (self.r_max, self.phi_max), (self.r_min, self.phi_max)]
            .map(|(r, phi)| Point { x: r * phi.cos(), y: r * phi.sin() })
    }
}

/// Ratio of the radii of neighbouring rings: the outer edge of one is the inner edge of the next.
fn growth() -> f64 {
    (1.0 + CELL_WIDTH_RAD / 2.0) / (1.0 - CELL_WIDTH_RAD / 2.0)
}

/// Radius of the middle of ring `ieta` (1 and up) in the model \[cm\].
pub fn ring_radius(ieta: i32) -> f64 {
    INNER_RADIUS_CM / (1.0 - CELL_WIDTH_RAD / 2.0) * growth().powi(ieta - 1)
}

/// Centre of cell (ieta, iphi) in the model \[cm\]; iphi counts from 1, counter-clockwise from the x axis.
pub fn cell_centre(ieta: i32, iphi: i32) -> Point {
    let (radius, phi) = (ring_radius(ieta), (f64::from(iphi) - 0.5) * CELL_WIDTH_RAD);
    Point { x: radius * phi.cos(), y: radius * phi.sin() }
}

/// Cell (ieta, iphi) of the model that contains the point; ieta may lie outside the rings that a layer has.
pub fn cell_at(x: f64, y: f64) -> (i32, i32) {
    let ieta = ((x.hypot(y) / INNER_RADIUS_CM).ln() / growth().ln()).floor() as i32 + 1;
    let mut phi = y.atan2(x);
    if phi < 0.0 {
        phi += 2.0 * PI;
    }
    let iphi = (phi / CELL_WIDTH_RAD) as i32;
    (ieta, iphi.clamp(0, CELLS_PER_RING - 1) + 1)
}

/// Innermost ring of `layer` in the model; the silicon ends where it begins. `None` where a layer has no scintillator.
///
/// The boundary moves inwards with depth, as the radiation level falls: about 150 cm in the first mixed layer, 80 cm in the
/// last ones.
pub fn first_ring(layer: i32) -> Option<i32> {
    Some(match layer {
        37 => 16,
        38 => 13,
        39 => 12,
        40 => 10,
        41 | 42 => 8,
        43 | 44 => 6,
        45 | 46 => 4,
        47 | 48 => 3,
        49 | 50 => 1,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_wedge() {
        // R = 100: arc = 100 * 2.5 deg = 4.36332
        let p = Point { x: 100.0, y: 0.0 };
        let w = wedge(p, 42, RingEdge::Between);
        assert!((w.r_min - 97.818_338).abs() < 1e-5 && (w.r_max - 102.181_662).abs() < 1e-5);
        assert!((w.phi_max - 1.25_f64.to_radians()).abs() < 1e-12);
        let quarter = 100.0 * 2.5_f64.to_radians() / 4.0;
        assert!((wedge(p, 42, RingEdge::Outermost).r_min - w.r_min - quarter).abs() < 1e-12);
        assert_eq!(wedge(p, 50, RingEdge::Outermost), w);
        assert!((wedge(p, 40, RingEdge::Innermost).r_max - w.r_max + quarter).abs() < 1e-12);
        assert_eq!(wedge(p, 41, RingEdge::Innermost), w);
    }

    #[test]
    fn rings_touch_each_other() {
        for ieta in 1..25 {
            let inner = wedge(cell_centre(ieta, 1), 45, RingEdge::Between);
            let outer = wedge(cell_centre(ieta + 1, 1), 45, RingEdge::Between);
            assert!((inner.r_max - outer.r_min).abs() < 1e-9);
        }
    }

    #[test]
    fn looking_up_a_cell_centre_finds_the_cell() {
        for ieta in 1..=26 {
            for iphi in 1..=CELLS_PER_RING {
                let p = cell_centre(ieta, iphi);
                assert_eq!(cell_at(p.x, p.y), (ieta, iphi));
            }
        }
    }
}
