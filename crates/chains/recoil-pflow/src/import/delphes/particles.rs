//! Particles of the generator, and which of them left tracks and towers.

use std::collections::BTreeMap;

use recoil_physics::momentum::FourMomentum;

use super::members;
use crate::data::{Event, Generated, Simulated, SimulationLink};
use crate::error::Result;
use crate::import::row::Row;
use crate::truth::visible::is_neutrino;

const MEMBERS: [&str; 10] = ["fUniqueID", "PID", "Status", "IsPU", "M1", "Charge", "Px", "Py", "Pz", "E"];

/// The number of an object that a reference holds: the byte above tells which process gave it.
pub(super) fn number(value: f64) -> u32 {
    value as u32 & 0x00ff_ffff
}

/// The collection of particles.
pub(super) struct Particles {
    name: String,
}

impl Particles {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    pub(super) fn names(&self) -> Vec<String> {
        members(&self.name, &MEMBERS)
    }

    /// Fills in the stable particles and those that left something, and the links of tracks and then of towers, of which
    /// the numbers of their particles are given; returns the PDG number of the particle of each track.
    pub(super) fn read(
        &self,
        row: &Row,
        (tracks, of_track): (&str, &[Vec<u32>]),
        (towers, of_tower): (&str, &[Vec<u32>]),
        event: &mut Event,
    ) -> Result<Vec<Option<i32>>> {
        let particles = row.members(&self.name, &MEMBERS)?;
        let mut places: BTreeMap<u32, usize> = BTreeMap::new();
        for index in 0..particles.len() {
            let own = number(particles.at(0, index));
            if own > 0 && places.insert(own, index).is_some() {
                return Err(row.fault(format!("two objects of {} have the number {own}", self.name)));
            }
        }
        let mut links: Vec<(usize, usize)> = Vec::new();
        let all = of_track.iter().map(|list| (tracks, list)).chain(of_tower.iter().map(|list| (towers, list)));
        for (element, (collection, list)) in all.enumerate() {
            for wanted in list {
                let place = places.get(wanted).copied().ok_or_else(|| {
                    let index = if element < of_track.len() { element } else { element - of_track.len() };
                    let (name, what) = (&self.name, "collections.particles names another one");
                    row.fault(format!("object {index} of {collection} refers to the particle {wanted}, which is not in {name} ({what})"))
                })?;
                links.push((place, element));
            }
        }
        let is_linked = {
            let mut is_linked = vec![false; particles.len()];
            for (place, _) in &links {
                if let Some(slot) = is_linked.get_mut(*place) {
                    *slot = true;
                }
            }
            is_linked
        };
        let mut kept: Vec<Option<usize>> = Vec::with_capacity(particles.len());
        for (index, is_linked) in is_linked.iter().enumerate() {
            let [pdg, status, pileup, mother, charge, px, py, pz, energy] =
                std::array::from_fn(|m| particles.at(m + 1, index));
            let (pdg, status) = (pdg as i32, status as i32);
            let is_stable = status == 1 && !is_neutrino(pdg);
            if !is_stable && !is_linked {
                kept.push(None);
                continue;
            }
            let momentum = FourMomentum { px, py, pz, energy };
            if ![px, py, pz, energy].iter().all(|value| value.is_finite()) {
                return Err(row.fault(format!("particle {index} of {} has a momentum that is not finite", self.name)));
            }
            kept.push(Some(event.simulated.len()));
            // mothers stand before their daughters, and most are not kept
            let mother = super::super::branches::place(mother).and_then(|mother| kept.get(mother).copied().flatten());
            event.simulated.push(Simulated {
                pdg,
                charge: charge as f32,
                px: px as f32,
                py: py as f32,
                pz: pz as f32,
                energy: energy as f32,
                generator_status: status,
                pileup: pileup as f32,
                mother: mother.map_or(-1, |mother| mother as i32),
                ..Simulated::default()
            });
            if is_stable {
                event.generated.push(Generated {
                    pdg,
                    charge: charge as f32,
                    pt: momentum.pt() as f32,
                    eta: momentum.eta().clamp(-20.0, 20.0) as f32,
                    phi: momentum.phi() as f32,
                    energy: energy as f32,
                    pileup: pileup as f32,
                });
            }
        }
        let mut left = vec![None; of_track.len()];
        for (place, element) in links {
            let Some(particle) = kept.get(place).copied().flatten() else { continue };
            let Some(simulated) = event.simulated.get(particle) else { continue };
            let weight = match left.get_mut(element) {
                Some(slot) => {
                    *slot = Some(simulated.pdg);
                    1.0
                }
                None => simulated.energy,
            };
            event.links.push(SimulationLink { particle: particle as i32, element: element as i32, weight });
        }
        Ok(left)
    }
}
