//! Which clusters belong to which generated particle.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::GenParticles;

/// Difference of two azimuths, in [-pi, pi].
///
/// ```
/// let d = recoil_hgcal::matching::delta_phi(3.1, -3.1);
/// assert!((d + 2.0 * std::f64::consts::PI - 6.2).abs() < 1e-12);
/// ```
pub fn delta_phi(a: f64, b: f64) -> f64 {
    let d = (a - b) % (2.0 * PI);
    if d > PI {
        d - 2.0 * PI
    } else if d < -PI {
        d + 2.0 * PI
    } else {
        d
    }
}

/// Distance in eta and phi.
pub fn delta_r(eta1: f64, phi1: f64, eta2: f64, phi2: f64) -> f64 {
    (eta1 - eta2).hypot(delta_phi(phi1, phi2))
}

/// Matching parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchConfig {
    /// Largest distance in eta and phi between a cluster and its particle.
    pub delta_r: f64,
}

impl Default for MatchConfig {
    fn default() -> Self {
        // both halves of a shower that splits at the highest eta, where 2 bins are 0.06 rad apart, are well inside
        Self { delta_r: 0.2 }
    }
}

/// The clusters of one particle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matched {
    /// Cluster of highest energy; of equal ones the first.
    pub leading: Option<usize>,
    /// All clusters, increasing.
    pub clusters: Vec<usize>,
}

impl Matched {
    /// Whether the particle became more than one cluster.
    pub fn is_split(&self) -> bool {
        self.clusters.len() > 1
    }
}

/// Gives every cluster to the nearest particle within `delta_r`; of equal distances to the first. One entry per
/// particle. `eta`, `phi` and `energy` are columns of the clusters.
pub fn match_clusters(
    config: &MatchConfig,
    particles: &GenParticles<'_>,
    eta: &[f64],
    phi: &[f64],
    energy: &[f64],
) -> Vec<Matched> {
    let mut matched = vec![Matched::default(); particles.len()];
    for (c, ((&c_eta, &c_phi), &c_energy)) in eta.iter().zip(phi).zip(energy).enumerate() {
        let distances = particles.eta.iter().zip(particles.phi).map(|(&e, &p)| delta_r(c_eta, c_phi, e, p));
        let nearest = distances.enumerate().filter(|&(_, d)| d < config.delta_r);
        let nearest = nearest.fold(None, |best: Option<(usize, f64)>, (g, d)| match best {
            Some((_, b)) if b <= d => best,
            _ => Some((g, d)),
        });
        if let Some(own) = nearest.and_then(|(g, _)| matched.get_mut(g)) {
            own.clusters.push(c);
            if own.leading.is_none_or(|l| c_energy > energy[l]) {
                own.leading = Some(c);
            }
        }
    }
    matched
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn clusters_go_to_the_nearest_particle_across_pi() {
        let particles = GenParticles {
            pid: &[],
            eta: &[2.0, 2.1, -2.0],
            phi: &[3.13, 3.13, 3.13],
            energy: &[100.0; 3],
            pt: &[20.0; 3],
        };
        let matched = match_clusters(
            &MatchConfig::default(),
            &particles,
            &[2.01, 2.0, 2.09, 2.0, 2.0],
            &[-3.13, 3.12, 3.13, 1.0, 3.13],
            &[30.0, 60.0, 90.0, 200.0, 60.0],
        );
        assert_eq!(matched[0], Matched { leading: Some(1), clusters: vec![0, 1, 4] });
        assert_eq!(matched[1], Matched { leading: Some(2), clusters: vec![2] });
        assert_eq!(matched[2], Matched::default());
        assert!(matched[0].is_split() && !matched[1].is_split());
    }
}
