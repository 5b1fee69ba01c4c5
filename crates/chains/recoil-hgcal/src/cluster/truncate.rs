//! The limit on the number of clusters that leave a sector.
//!
//! Links carry so many clusters and no more. CMSSW sorts the clusters of each 120-degree sector of an endcap and keeps 80;
//! its code sorts them ascending, so that the weakest would stay. Here the strongest stay.

use super::Clusters;
use crate::stage1::{SECTORS, board, sector_phi};

/// Keeps the `most` clusters of largest transverse momentum of each sector, in their order; of equal ones the first. With
/// 0 all stay.
pub fn truncate(clusters: &mut Clusters, most: usize) {
    if most == 0 || clusters.len() <= most {
        return;
    }
    let mut sectors = vec![Vec::new(); 2 * SECTORS];
    for i in 0..clusters.len() {
        let (x, y, z) = (clusters.x[i], clusters.y[i], clusters.z[i]);
        sectors[board(z > 0.0, sector_phi(x, y, z).0)].push(i);
    }
    let mut keep = vec![true; clusters.len()];
    for sector in &mut sectors {
        sector.sort_by(|&a, &b| clusters.pt[b].total_cmp(&clusters.pt[a]));
        for &i in sector.iter().skip(most) {
            keep[i] = false;
        }
    }
    clusters.retain(&keep);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clusters at (azimuth, pt) of the positive endcap.
    fn clusters(points: &[(f64, f64)]) -> Clusters {
        let mut clusters = Clusters::default();
        for (seed, &(phi, pt)) in points.iter().enumerate() {
            clusters.push(seed as u32, [pt, pt, 100.0 * f64::cos(phi), 100.0 * f64::sin(phi), 330.0, 0.3, 2.0, phi]);
        }
        clusters
    }

    #[test]
    fn the_strongest_of_each_sector_stay_in_their_order() {
        let mut all = clusters(&[(0.1, 5.0), (0.2, 9.0), (2.5, 1.0), (0.3, 7.0), (0.4, 7.0), (2.6, 2.0)]);
        let before = all.clone();
        for most in [0, 4, 6] {
            truncate(&mut all, most);
            assert_eq!(all, before);
        }
        truncate(&mut all, 2);
        assert_eq!(all.seed, [1, 2, 3, 5]);
        assert_eq!(all.pt, [9.0, 1.0, 7.0, 2.0]);
        assert_eq!(all.phi, [0.2, 2.5, 0.3, 2.6]);
    }

    #[test]
    fn endcaps_do_not_share_a_limit() {
        let mut all = clusters(&[(0.1, 5.0), (0.2, 9.0)]);
        all.z[0] = -330.0;
        truncate(&mut all, 1);
        assert_eq!(all.seed, [0, 1]);
    }
}
