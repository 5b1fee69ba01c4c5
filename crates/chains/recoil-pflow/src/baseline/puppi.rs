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

/// Parameters of the weights; the numbers of CMS for the second run of the collider.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PuppiRules {
    /// Radius of the surroundings, in pseudorapidity and azimuth.
    pub radius: f64,
    /// Particles nearer than this do not count.
    pub min_radius: f64,
    /// Greatest distance along the beam of a charged particle of the collision \[mm\].
    pub max_z0: f64,
    /// Least distance between tracks of two collisions that follow each other along the beam \[mm\]: with it collisions are
    /// counted.
    pub vertex_gap: f64,
    /// Greatest pseudorapidity of the charged pile-up that others are compared with.
    pub max_eta_pileup: f64,
    /// Weights below this become 0.
    pub min_weight: f64,
    /// Within the tracker, where the surroundings are the charged particles of the collision.
    pub central: PuppiRegion,
    /// Beyond the tracker, where the surroundings are all particles.
    pub forward: PuppiRegion,
    /// Beyond that.
    pub very_forward: PuppiRegion,
}

/// Parameters in a range of pseudorapidities, which begins where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PuppiRegion {
    /// Where it ends.
    pub max_eta: f64,
    /// Least weighted transverse momentum of a neutral particle \[GeV\].
    pub min_pt: f64,
    /// What is added to that for each collision \[GeV\].
    pub min_pt_per_vertex: f64,
    /// Factor on the median of charged pile-up.
    pub median_factor: f64,
    /// Factor on its spread.
    pub spread_factor: f64,
}

impl Default for PuppiRules {
    fn default() -> Self {
        let region = |[max_eta, min_pt, min_pt_per_vertex, median_factor, spread_factor]: [f64; 5]| PuppiRegion {
            max_eta,
            min_pt,
            min_pt_per_vertex,
            median_factor,
            spread_factor,
        };
        Self {
            radius: 0.4,
            min_radius: 0.01,
            max_z0: 1.0,
            vertex_gap: 0.7,
            max_eta_pileup: 2.0,
            min_weight: 0.01,
            central: region([2.5, 0.2, 0.015, 1.0, 1.0]),
            forward: region([3.0, 1.7, 0.08, 0.9, 1.2]),
            very_forward: region([10.0, 2.0, 0.08, 0.75, 0.95]),
        }
    }
}

impl PuppiRules {
    fn region(&self, eta: f64) -> Option<PuppiRegion> {
        [self.central, self.forward, self.very_forward].into_iter().find(|region| eta.abs() < region.max_eta)
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

/// The weight of each particle among those of `vertices` collisions: 1 and 0 for charged particles of the collision and of
/// others; for neutral ones the probability of the chi square `(alpha - median)^2 / rms^2` where alpha, the logarithm of the
/// sum of `(pt / dR)^2` of the surroundings, is above the median of pile-up, else 0.
///
/// Median and spread are those of charged pile-up within the tracker, of its charged surroundings or of all, as the
/// particle's own alpha; of values up to the median is the spread.
pub fn weights(particles: &[Judged], vertices: usize, rules: &PuppiRules) -> Vec<f64> {
    let alphas = alphas(particles, rules);
    let is_pileup = |particle: &Judged| particle.vertex == Some(false) && particle.eta.abs() < rules.max_eta_pileup;
    let of_pileup = |which: usize| -> Vec<f64> {
        let chosen = particles.iter().zip(&alphas).filter(|(particle, _)| is_pileup(particle));
        chosen.filter_map(|(_, alpha)| alpha[which]).collect()
    };
    let spreads = [0, 1].map(|which| spread(&of_pileup(which)));
    let weight = |(particle, alpha): (&Judged, &[Option<f64>; 2])| {
        if let Some(of_vertex) = particle.vertex {
            return f64::from(u8::from(of_vertex));
        }
        let Some(region) = rules.region(particle.eta) else { return 0.0 };
        let which = usize::from(particle.eta.abs() >= rules.central.max_eta);
        let (Some((median, rms)), Some(alpha)) = (spreads[which], alpha[which]) else {
            // without pile-up to compare with, everything is of the collision; without surroundings, nothing
            return if spreads[which].is_none() { 1.0 } else { 0.0 };
        };
        let deviation = ((alpha - region.median_factor * median) / (region.spread_factor * rms)).max(0.0);
        let weight = 1.0 - chi_square_probability(deviation * deviation, 1.0).unwrap_or(0.0);
        let min_pt = region.min_pt + region.min_pt_per_vertex * vertices as f64;
        if weight < rules.min_weight || weight * particle.pt < min_pt { 0.0 } else { weight }
    };
    particles.iter().zip(&alphas).map(weight).collect()
}

/// Number of collisions from the places of tracks along the beam \[mm\]: groups of two or more with gaps between them.
pub fn vertices(mut places: Vec<f64>, gap: f64) -> usize {
    places.sort_by(f64::total_cmp);
    places.chunk_by(|a, b| b - a <= gap).filter(|group| group.len() > 1).count()
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
    let count = vertices(view.tracks.iter().map(|track| track.z0).collect(), rules.vertex_gap);
    let mut result = vec![0.0; event.candidates.len()];
    for (place, weight) in places.into_iter().zip(weights(&judged, count, rules)) {
        if let Some(slot) = result.get_mut(place) {
            *slot = weight as f32;
        }
    }
    result
}

/// The alpha of each particle from the charged particles of the collision around it, and from all particles.
fn alphas(particles: &[Judged], rules: &PuppiRules) -> Vec<[Option<f64>; 2]> {
    let directions: Vec<(f64, f64)> = particles.iter().map(|particle| (particle.eta, particle.phi)).collect();
    let grid = Grid::new(&directions, rules.radius);
    let alpha = |particle: &Judged| {
        let mut near = Vec::new();
        grid.within(particle.eta, particle.phi, rules.radius, |place, _| near.push(place));
        // the order of additions must not depend on the grid
        near.sort_unstable();
        let mut sums = [0.0; 2];
        for other in near.iter().filter_map(|place| particles.get(*place as usize)) {
            let distance2 = (particle.eta - other.eta).powi(2) + delta_phi(particle.phi, other.phi).powi(2);
            if distance2 > rules.min_radius.powi(2) {
                let term = other.pt * other.pt / distance2;
                sums[0] += if other.vertex == Some(true) { term } else { 0.0 };
                sums[1] += term;
            }
        }
        sums.map(|sum| (sum > 0.0).then(|| sum.ln()))
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
        let weights = weights(&particles, 2, &PuppiRules::default());
        assert_eq!((weights[0], weights[4]), (1.0, 0.0));
        assert!(weights[1] > 0.99, "{}", weights[1]);
        assert!(weights[2] < 0.9 && weights[2] < weights[1], "{}", weights[2]);
    }

    #[test]
    fn collisions_are_counted_by_their_gaps() {
        assert_eq!(vertices(vec![0.1, 7.0, -0.2, 7.5, 30.0, 8.4, -12.0], 1.0), 2);
        assert_eq!(vertices(Vec::new(), 1.0), 0);
    }

    #[test]
    fn without_pileup_everything_is_kept() {
        let particles = [at(20.0, 0.0, Some(true)), at(5.0, 0.1, None), at(1.0, -2.0, None)];
        assert_eq!(weights(&particles, 2, &PuppiRules::default()), [1.0, 1.0, 1.0]);
        assert!(weights(&[], 0, &PuppiRules::default()).is_empty());
    }
}
