//! Particles of the energy flow, and the tracks and towers that they were made of.
//!
//! A charged particle belongs to the track that leads to the same particle of the generator. Photons and neutral hadrons
//! stand where their tower stands; of both in one tower the one with more energy is taken, as an element has one particle.

use recoil_physics::momentum::FourMomentum;

use super::particles::number;
use super::{ONE, members};
use crate::baseline::flow::charged_mass;
use crate::data::{Particle, classes};
use crate::error::Result;
use crate::import::branches::{Branches, mend};
use crate::import::row::Row;

/// Collections of charged particles, and their class where not `PID` tells it.
const CHARGED: [(&str, Option<i32>); 4] =
    [("EFlowTrack", None), ("PFChargedHadron", None), ("PFElectron", Some(11)), ("PFMuon", Some(13))];
/// Collections of neutral particles and their class.
const NEUTRAL: [(&str, i32); 4] =
    [("EFlowPhoton", 22), ("PFPhoton", 22), ("EFlowNeutralHadron", 130), ("PFNeutralHadron", 130)];
const CHARGED_MEMBERS: [&str; 4] = ["Charge", "PT", "Eta", "Phi"];
const NEUTRAL_MEMBERS: [&str; 4] = ["ET", "Eta", "Phi", "E"];
const PDG: &str = "PID";

/// The collections that a file has.
pub(super) struct Candidates {
    charged: Vec<(&'static str, Option<i32>)>,
    neutral: Vec<(&'static str, i32)>,
}

impl Candidates {
    pub(super) fn find(branches: &Branches) -> Self {
        Self {
            charged: CHARGED.into_iter().filter(|(name, _)| branches.has_collection(name)).collect(),
            neutral: NEUTRAL.into_iter().filter(|(name, _)| branches.has_collection(name)).collect(),
        }
    }

    /// Whether there are any.
    pub(super) fn are_there(&self) -> bool {
        !self.charged.is_empty() || !self.neutral.is_empty()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, class) in &self.charged {
            names.extend(members(name, &CHARGED_MEMBERS));
            names.extend(members(name, &[ONE]));
            names.extend(class.is_none().then(|| format!("{name}.{PDG}")));
        }
        self.neutral.iter().for_each(|(name, _)| names.extend(members(name, &NEUTRAL_MEMBERS)));
        names
    }

    /// The candidate of each track and then of each tower. Of tracks the numbers of their particles are given, of towers
    /// pseudorapidity and azimuth.
    pub(super) fn of(
        &self,
        row: &Row,
        of_track: &[Vec<u32>],
        towers: &[[f64; 2]],
        mended: &mut u64,
    ) -> Result<Vec<Particle>> {
        if !self.are_there() {
            return Ok(Vec::new());
        }
        let mut charged: Vec<(u32, Particle)> = Vec::new();
        for (name, class) in &self.charged {
            let objects = row.members(name, &CHARGED_MEMBERS)?;
            let references = row.column(&format!("{name}.{ONE}"))?;
            let pdgs = if class.is_none() { row.column(&format!("{name}.{PDG}"))? } else { Vec::new() };
            for index in 0..objects.len() {
                let [charge, pt, eta, phi] = std::array::from_fn(|m| mend(objects.at(m, index), mended));
                let pdg = pdgs.get(index).map_or(0, |pdg| *pdg as i32);
                let class = class.unwrap_or_else(|| match classes::of_particle(pdg, charge) {
                    kept @ (11 | 13) => kept,
                    _ => 211,
                });
                let momentum = FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, charged_mass(class));
                let reference = references.get(index).map_or(0, |value| number(*value));
                charged.push((reference, Particle::of(class, charge, &momentum)));
            }
        }
        let mut neutral: Vec<([f64; 2], Particle)> = Vec::new();
        for (name, class) in &self.neutral {
            let objects = row.members(name, &NEUTRAL_MEMBERS)?;
            for index in 0..objects.len() {
                let place = std::array::from_fn(|m| objects.at(m + 1, index));
                let [et, eta, phi, energy] = std::array::from_fn(|m| mend(objects.at(m, index), mended));
                let momentum = FourMomentum::from_pt_eta_phi_energy(et, eta, phi, energy);
                neutral.push((place, Particle::of(*class, 0.0, &momentum)));
            }
        }
        // each is taken once
        charged.reverse();
        let mut taken = vec![false; neutral.len()];
        let mut attached = Vec::with_capacity(of_track.len() + towers.len());
        for references in of_track {
            let found = charged.iter().rposition(|(reference, _)| references.contains(reference));
            attached.push(found.map_or_else(Particle::default, |found| charged.remove(found).1));
        }
        for tower in towers {
            let here = neutral.iter().zip(&taken).enumerate();
            let here = here.filter(|(_, ((place, _), taken))| place == tower && !**taken);
            let best = here.reduce(|a, b| if b.1.0.1.energy > a.1.0.1.energy { b } else { a });
            let best = best.map(|(index, ((_, particle), _))| (index, *particle));
            if let Some(slot) = best.and_then(|(index, _)| taken.get_mut(index)) {
                *slot = true;
            }
            attached.push(best.map_or_else(Particle::default, |(_, particle)| particle));
        }
        Ok(attached)
    }
}
