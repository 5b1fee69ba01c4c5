//! What a cluster is worth: sums over its cells.

use super::{Clusters, PositionWeight};
use crate::data::TriggerCells;

/// Double-precision sum that carries the rounding of every addition along (Kahan).
#[derive(Clone, Copy, Debug, Default)]
struct Kahan {
    sum: f64,
    carry: f64,
}

impl Kahan {
    #[inline]
    fn add(&mut self, value: f64) {
        let y = value - self.carry;
        let t = self.sum + y;
        self.carry = (t - self.sum) - y;
        self.sum = t;
    }
}

/// Running sums of one cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterSums {
    pt: Kahan,
    weight: Kahan,
    x: Kahan,
    y: Kahan,
    z: Kahan,
}

impl ClusterSums {
    /// Adds `fraction` of cell `i`.
    #[inline]
    pub fn add(&mut self, cells: &TriggerCells<'_>, i: usize, fraction: f64, by: PositionWeight) {
        let weight = match by {
            PositionWeight::MipPt => f64::from(cells.mip_pt[i]),
            PositionWeight::Energy => f64::from(cells.energy[i]),
        } * fraction;
        self.pt.add(f64::from(cells.pt[i]) * fraction);
        self.weight.add(weight);
        self.x.add(f64::from(cells.x[i]) * weight);
        self.y.add(f64::from(cells.y[i]) * weight);
        self.z.add(f64::from(cells.z[i]) * weight);
    }

    /// Appends the cluster of `seed` if its transverse momentum is above `min_pt`.
    pub fn finish(&self, seed: u32, min_pt: f64, clusters: &mut Clusters) {
        let pt = self.pt.sum;
        if pt.is_nan() || pt <= min_pt {
            return;
        }
        let (x, y, z) = (self.x.sum / self.weight.sum, self.y.sum / self.weight.sum, self.z.sum / self.weight.sum);
        let eta = (z / (x * x + y * y).sqrt()).asinh();
        clusters.push(seed, [pt * eta.cosh(), pt, x, y, z, rz_from_eta(eta), eta, y.atan2(x)]);
    }
}

/// R/|z| of a direction: tan(2 atan(exp(-|eta|))).
///
/// ```
/// let rz = recoil_hgcal::cluster::properties::rz_from_eta(2.0);
/// assert!((rz - 0.2757205647717831).abs() < 1e-15);
/// assert_eq!(rz, recoil_hgcal::cluster::properties::rz_from_eta(-2.0));
/// ```
pub fn rz_from_eta(eta: f64) -> f64 {
    (2.0 * (-eta.abs()).exp().atan()).tan()
}
