//! What a cluster is worth: sums over its cells.

use super::{Clusters, PositionWeight};
use crate::data::TriggerCells;

/// Running sums of one cluster: pt, weight, and weighted x, y and z, in double precision with the rounding of every
/// addition carried along (Kahan).
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterSums {
    sums: [f64; 5],
    carries: [f64; 5],
}

impl ClusterSums {
    /// Adds `fraction` of cell `i`.
    #[inline]
    pub fn add(&mut self, cells: &TriggerCells<'_>, i: usize, fraction: f64, by: PositionWeight) {
        let weight = match by {
            PositionWeight::MipPt => f64::from(cells.mip_pt[i]),
            PositionWeight::Energy => f64::from(cells.energy[i]),
        } * fraction;
        let values = [
            f64::from(cells.pt[i]) * fraction,
            weight,
            f64::from(cells.x[i]) * weight,
            f64::from(cells.y[i]) * weight,
            f64::from(cells.z[i]) * weight,
        ];
        for ((sum, carry), value) in self.sums.iter_mut().zip(&mut self.carries).zip(values) {
            let y = value - *carry;
            let t = *sum + y;
            *carry = (t - *sum) - y;
            *sum = t;
        }
    }

    /// Appends the cluster of `seed` if its transverse momentum is above `min_pt`.
    pub fn finish(&self, seed: u32, min_pt: f64, clusters: &mut Clusters) {
        let [pt, weight, x, y, z] = self.sums;
        if pt.is_nan() || pt <= min_pt {
            return;
        }
        let (x, y, z) = (x / weight, y / weight, z / weight);
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
