//! Which particles, cells and clusters of the trigger ntuple a study keeps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::LAST_CEE_LAYER;

/// Particle that a sample was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Particle {
    #[default]
    Photons,
    Electrons,
    Pions,
}

impl Particle {
    /// PDG code of the particle (positive).
    pub fn pdg(self) -> i32 {
        match self {
            Self::Photons => 22,
            Self::Electrons => 11,
            Self::Pions => 211,
        }
    }
}

/// Cuts of the skim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkimConfig {
    /// Particle to keep.
    pub particle: Particle,
    /// Keep the antiparticle too; off, only the positive PDG code.
    pub both_charges: bool,
    /// Keep both endcaps; off, only positive z.
    pub both_endcaps: bool,
    /// `genpart_reachedEE` of particles to keep: 0 converted before, 1 missed, 2 reached the calorimeter.
    pub reached_ee: i32,
    /// Cells need more mipT than this.
    pub mip_threshold: f32,
    /// Last layer of cells to keep; the default keeps CE-E only.
    pub last_layer: i32,
    /// A cluster within this distance of the particle counts as matched.
    pub delta_r: f32,
}

impl Default for SkimConfig {
    fn default() -> Self {
        Self {
            particle: Particle::Photons,
            both_charges: false,
            both_endcaps: false,
            reached_ee: 2,
            mip_threshold: 0.5,
            last_layer: LAST_CEE_LAYER,
            delta_r: 0.05,
        }
    }
}

/// Generated particles of one event, as in the ntuple.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct NtupleGen<'a> {
    pub pid: &'a [i32],
    /// -1 for secondaries made by the detector simulation.
    pub gen_index: &'a [i32],
    pub reached_ee: &'a [i32],
    pub exeta: &'a [f32],
}

impl SkimConfig {
    /// Particles to keep: made by the generator, of the right kind, that reach the calorimeter.
    pub fn keep_gen(&self, particles: NtupleGen<'_>) -> Vec<bool> {
        let NtupleGen { pid, gen_index, reached_ee, exeta } = particles;
        let kind = |pid: i32| pid == self.particle.pdg() || (self.both_charges && pid == -self.particle.pdg());
        let columns = pid.iter().zip(gen_index).zip(reached_ee).zip(exeta);
        columns
            .map(|(((&pid, &index), &reached), &eta)| {
                index != -1 && reached == self.reached_ee && kind(pid) && (self.both_endcaps || eta > 0.0)
            })
            .collect()
    }

    /// Cells to keep: above threshold, in the right endcap and layers. `zside` is +1 or -1.
    pub fn keep_cells(&self, zside: &[i32], mip_pt: &[f32], layer: &[i32]) -> Vec<bool> {
        let columns = zside.iter().zip(mip_pt).zip(layer);
        columns
            .map(|((&zside, &mip_pt), &layer)| {
                (self.both_endcaps || zside == 1) && mip_pt > self.mip_threshold && layer <= self.last_layer
            })
            .collect()
    }

    /// Clusters to keep: in the right endcap.
    pub fn keep_clusters(&self, eta: &[f32]) -> Vec<bool> {
        eta.iter().map(|&eta| self.both_endcaps || eta > 0.0).collect()
    }

    /// Whether an event stays: it has a particle and a cluster.
    pub fn keep_event(gen_kept: &[bool], clusters_kept: &[bool]) -> bool {
        gen_kept.contains(&true) && clusters_kept.contains(&true)
    }
}

/// Distance of every cluster to its nearest kept particle, in single precision as the skim stores it. With no particle
/// the distance is infinite.
pub fn delta_r_to_nearest(gen_eta: &[f32], gen_phi: &[f32], eta: &[f32], phi: &[f32]) -> Vec<f32> {
    let nearest = |eta: f32, phi: f32| {
        let particles = gen_eta.iter().zip(gen_phi);
        particles
            .map(|(&g_eta, &g_phi)| {
                crate::matching::delta_r(f64::from(eta), f64::from(phi), f64::from(g_eta), f64::from(g_phi)) as f32
            })
            .fold(f32::INFINITY, f32::min)
    };
    eta.iter().zip(phi).map(|(&eta, &phi)| nearest(eta, phi)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn only_primary_particles_that_arrive_stay() {
        let particles = NtupleGen {
            pid: &[11, 11, -11, 11, 22, 11],
            gen_index: &[1, -1, 2, 3, 4, 5],
            reached_ee: &[2, 2, 2, 1, 2, 2],
            exeta: &[2.0, 2.0, 2.0, 2.0, 2.0, -2.0],
        };
        let mut config = SkimConfig { particle: Particle::Electrons, ..SkimConfig::default() };
        assert_eq!(config.keep_gen(particles), [true, false, false, false, false, false]);
        config.both_charges = true;
        config.both_endcaps = true;
        assert_eq!(config.keep_gen(particles), [true, false, true, false, false, true]);
    }

    #[test]
    fn cells_need_more_than_the_threshold() {
        let mut config = SkimConfig::default();
        let (zside, mip_pt, layer) = ([1, 1, -1, 1], [0.5, 0.6, 0.6, 0.6], [1, 28, 1, 29]);
        assert_eq!(config.keep_cells(&zside, &mip_pt, &layer), [false, true, false, false]);
        config.both_endcaps = true;
        config.last_layer = 52;
        assert_eq!(config.keep_cells(&zside, &mip_pt, &layer), [false, true, true, true]);
    }

    #[test]
    fn distances_wrap_in_phi() {
        let distances = delta_r_to_nearest(&[2.0], &[3.1], &[2.0, 2.3], &[-3.1, 3.1]);
        assert!((distances[0] - (2.0 * std::f32::consts::PI - 6.2)).abs() < 1e-6);
        assert!((distances[1] - 0.3).abs() < 1e-6);
    }
}
