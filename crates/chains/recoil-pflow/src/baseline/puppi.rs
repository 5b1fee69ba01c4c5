//! Pile-up per particle identification: how likely a particle is from the collision of interest.
//!
//! Bertolini, Harris, Low and Tran, JHEP 10 (2014) 059: a particle is judged by what is around it.

use recoil_physics::angle::delta_phi;
use recoil_stats::agreement::chi_square_probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::view::{Geometry, View};
use crate::data::{Event, Layout};

/// Parameters of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PuppiRules {
    /// Radius of the surroundings, in pseudorapidity and azimuth.
    pub radius: f64,
    /// Particles nearer than this do not count.
    pub min_radius: f64,
    /// Greatest pseudorapidity at which the surroundings are charged particles of the collision; all particles beyond.
    pub max_eta_charged: f64,
    /// Greatest distance along the beam of a charged particle of the collision \[mm\].
    pub max_z0: f64,
    /// Least weighted transverse momentum of a neutral particle \[GeV\].
    pub min_neutral_pt: f64,
    /// Weights below this become 0.
    pub min_weight: f64,
}

impl Default for PuppiRules {
    fn default() -> Self {
        Self { radius: 0.4, min_radius: 0.01, max_eta_charged: 2.5, max_z0: 1.0, min_neutral_pt: 0.2, min_weight: 0.01 }
    }
}

/// A particle as the weights see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// transverse momentum \[GeV\]
    pub pt: f64,
    /// pseudorapidity
    pub eta: f64,
    /// azimuth
    pub phi: f64,
    /// for charged particles whether they are of the collision of interest
    pub vertex: Option<bool>,
}

/// The weight of each particle: 1 and 0 for charged particles of the collision and of others; for neutral ones, and all
/// beyond the tracker, the probability of the chi square `(alpha - median)^2 / rms^2` where alpha, the logarithm of the
/// sum of `(pt / dR)^2` of the surroundings, is above the median of pile-up, else 0.
///
/// Median and spread are those of charged pile-up; beyond the tracker, of all particles there.
pub fn weights(particles: &[Judged], rules: &PuppiRules) -> Vec<f64> {
    let alphas = alphas(particles, rules);
    let is_central = |particle: &Judged| particle.eta.abs() < rules.max_eta_charged;
    let select = |wanted: &dyn Fn(&Judged) -> bool| -> Vec<f64> {
        let chosen = particles.iter().zip(&alphas).filter(|(particle, _)| wanted(particle));
        chosen.filter_map(|(_, alpha)| *alpha).collect()
    };
    let central = spread(&select(&|p| is_central(p) && p.vertex == Some(false)));
    let forward = spread(&select(&|p| !is_central(p)));
    let weight = |(particle, alpha): (&Judged, &Option<f64>)| {
        if let Some(of_vertex) = particle.vertex {
            return f64::from(u8::from(of_vertex));
        }
        let (Some((median, rms)), Some(alpha)) = (if is_central(particle) { central } else { forward }, alpha) else {
            // without pile-up to compare with, everything is of the collision; without surroundings, nothing
            return if central.is_none() { 1.0 } else { 0.0 };
        };
        let deviation = ((alpha - median) / rms).max(0.0);
        let weight = 1.0 - chi_square_probability(deviation * deviation, 1.0).unwrap_or(0.0);
        if weight < rules.min_weight || weight * particle.pt < rules.min_neutral_pt { 0.0 } else { weight }
    };
    particles.iter().zip(&alphas).map(weight).collect()
}

/// Weights of the candidates of an event; 0 where there is none. Charged ones are of the collision by the distance of their
/// track along the beam.
pub fn of_candidates(event: &Event, layout: Layout, geometry: &Geometry, rules: &PuppiRules) -> Vec<f32> {
    let view = View::of(event, layout, geometry);
    let mut z0 = vec![None; event.candidates.len()];
    for track in &view.tracks {
        if let Some(slot) = z0.get_mut(track.element) {
            *slot = Some(track.z0);
        }
    }
    let (mut places, mut judged) = (Vec::new(), Vec::new());
    for (place, (candidate, z0)) in event.candidates.iter().zip(z0).enumerate() {
        if candidate.is_present() {
            let vertex = z0.map(|z0: f64| z0.abs() < rules.max_z0);
            places.push(place);
            judged.push(Judged { pt: candidate.pt.into(), eta: candidate.eta.into(), phi: candidate.phi(), vertex });
        }
    }
    let mut result = vec![0.0; event.candidates.len()];
    for (place, weight) in places.into_iter().zip(weights(&judged, rules)) {
        if let Some(slot) = result.get_mut(place) {
            *slot = weight as f32;
        }
    }
    result
}

fn alphas(particles: &[Judged], rules: &PuppiRules) -> Vec<Option<f64>> {
    let directions: Vec<(f64, f64)> = particles.iter().map(|particle| (particle.eta, particle.phi)).collect();
    let grid = Grid::new(&directions, rules.radius);
    let alpha = |particle: &Judged| {
        let is_central = particle.eta.abs() < rules.max_eta_charged;
        let mut near = Vec::new();
        grid.within(particle.eta, particle.phi, rules.radius, |place, _| near.push(place));
        // the order of additions must not depend on the grid
        near.sort_unstable();
        let mut sum = 0.0;
        for other in near.iter().filter_map(|place| particles.get(*place as usize)) {
            let distance2 = (particle.eta - other.eta).powi(2) + delta_phi(particle.phi, other.phi).powi(2);
            if distance2 > rules.min_radius.powi(2) && (!is_central || other.vertex == Some(true)) {
                sum += other.pt * other.pt / distance2;
            }
        }
        (sum > 0.0).then(|| sum.ln())
    };
    particles.iter().map(alpha).collect()
}

/// Median, and root mean square of the values below it.
fn spread(alphas: &[f64]) -> Option<(f64, f64)> {
    let median = recoil_stats::quantile::median(alphas)?;
    let below: Vec<f64> = alphas.iter().filter(|alpha| **alpha <= median).map(|a| (a - median).powi(2)).collect();
    let rms = (below.iter().sum::<f64>() / below.len().max(1) as f64).sqrt();
    Some((median, rms.max(1e-3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pt: f64, eta: f64, vertex: Option<bool>) -> Judged {
        Judged { pt, eta, phi: 0.0, vertex }
    }

    #[test]
    fn neutral_particles_beside_those_of_the_collision_are_kept() {
        let mut particles = vec![at(20.0, 0.0, Some(true)), at(5.0, 0.1, None), at(5.0, 2.0, None)];
        // pile-up far from the hard particle, with weak surroundings of the collision
        particles.push(at(0.3, 1.9, Some(true)));
        particles.extend((0..20).map(|i| at(1.0, 1.6 + 0.02 * f64::from(i), Some(false))));
        let weights = weights(&particles, &PuppiRules::default());
        assert_eq!((weights[0], weights[4]), (1.0, 0.0));
        assert!(weights[1] > 0.99, "{}", weights[1]);
        assert!(weights[2] < 0.9 && weights[2] < weights[1], "{}", weights[2]);
    }

    #[test]
    fn without_pileup_everything_is_kept() {
        let particles = [at(20.0, 0.0, Some(true)), at(5.0, 0.1, None), at(1.0, -2.0, None)];
        assert_eq!(weights(&particles, &PuppiRules::default()), [1.0, 1.0, 1.0]);
        assert!(weights(&[], &PuppiRules::default()).is_empty());
    }
}
