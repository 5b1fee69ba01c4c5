//! Which particle an element stands for.
//!
//! Every particle that the detector could have seen is given to one *representative* element, or merged into the particle
//! that owns the cluster which it left most energy in; all other elements get no particle. Links between particles and
//! elements are sparse lists with weights.

pub mod assignment;
pub mod cms;
pub mod cms_2020;
pub mod delphes;
pub mod event;
pub mod visible;

pub use assignment::{Assignment, Objects, assign};

use recoil_physics::momentum::FourMomentum;

use crate::data::classes;
use crate::data::{Particle, Target};

/// A particle of the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrueParticle {
    /// PDG number with sign
    pub pdg: i32,
    /// charge in units of the elementary charge
    pub charge: f64,
    /// four-momentum \[GeV\]
    pub momentum: FourMomentum,
    /// share of the energy that is from pile-up
    pub pileup: f64,
    /// status in the event generator
    pub generator_status: i32,
    /// status in the detector simulation
    pub simulator_status: i32,
}

/// That a particle left something in an object (a track, a cluster, a hit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// place of the particle
    pub particle: u32,
    /// place of the object
    pub object: u32,
    /// weight: energy \[GeV\] for clusters and hits, quality for tracks
    pub weight: f64,
}

impl Link {
    /// A link.
    pub fn new(particle: usize, object: usize, weight: f64) -> Self {
        Self { particle: particle as u32, object: object as u32, weight }
    }
}

/// Links of particles to clusters through hits: for each pair the sum over common hits of the products of the weights.
///
/// Sorted by particle, then by cluster.
pub fn through(to_hit: &[Link], hit_to_cluster: &[Link]) -> Vec<Link> {
    let mut by_hit: Vec<&Link> = hit_to_cluster.iter().collect();
    by_hit.sort_by_key(|link| (link.particle, link.object));
    let mut sums = std::collections::BTreeMap::new();
    for link in to_hit {
        let start = by_hit.partition_point(|other| other.particle < link.object);
        for other in by_hit.iter().skip(start).take_while(|other| other.particle == link.object) {
            *sums.entry((link.particle, other.object)).or_insert(0.0) += link.weight * other.weight;
        }
    }
    sums.into_iter().map(|((particle, object), weight)| Link { particle, object, weight }).collect()
}

/// The targets of tracks and clusters, in this order.
///
/// On a track a photon or neutral hadron becomes a charged hadron; on a cluster an electron becomes a photon, anything
/// else but a photon a neutral hadron, and the charge is 0. Elements that own no particle get the number of the particle
/// that contributes most to them.
pub fn targets(particles: &[TrueParticle], assignment: &Assignment, objects: Objects) -> Vec<Target> {
    let mut targets = vec![Target::default(); objects.tracks + objects.clusters];
    let largest = assignment.largest_of_track.iter().chain(&assignment.largest_of_cluster);
    for (target, largest) in targets.iter_mut().zip(largest) {
        target.number = largest.map_or(0.0, |owner| (owner + 1) as f32);
    }
    for (number, owner) in assignment.owners.iter().enumerate() {
        let Some(particle) = particles.get(owner.particle) else { continue };
        let place = match (owner.track, owner.cluster) {
            (Some(track), _) => track as usize,
            (None, Some(cluster)) => objects.tracks + cluster as usize,
            (None, None) => continue,
        };
        let class = classes::of_particle(particle.pdg, particle.charge);
        let (class, charge) = match owner.track {
            Some(_) => (classes::neutral_to_charged(class), particle.charge),
            None => (classes::charged_to_neutral(class), 0.0),
        };
        if let Some(target) = targets.get_mut(place) {
            *target = Target {
                particle: Particle::of(class, charge, &owner.momentum),
                pileup: owner.pileup as f32,
                generator_status: particle.generator_status as f32,
                simulator_status: particle.simulator_status as f32,
                to_track: owner.to_track as f32,
                to_cluster: owner.to_cluster as f32,
                jet: -1.0,
                number: (number + 1) as f32,
            };
        }
    }
    targets
}
