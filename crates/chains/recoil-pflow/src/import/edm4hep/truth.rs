//! True particles, and what they left in the elements.

use recoil_physics::momentum::FourMomentum;

use super::relation::{LinkCollection, Relation};
use super::row::Row;
use crate::data::{Event, Generated, Layout, Simulated, SimulationLink};
use crate::error::Result;
use crate::import::branches::{Branches, place};

const PARTICLE: [&str; 10] = [
    "PDG",
    "generatorStatus",
    "simulatorStatus",
    "charge",
    "mass",
    "momentum.x",
    "momentum.y",
    "momentum.z",
    "daughters_begin",
    "daughters_end",
];

/// Where the particles of a file stand.
pub(super) struct Particles {
    name: String,
    daughters: Relation,
}

impl Particles {
    pub(super) fn find(branches: &Branches, name: String) -> Result<Self> {
        Ok(Self { daughters: Relation::find(branches, &name, 1, &["daughters"])?, name })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = PARTICLE.iter().map(|member| format!("{}.{member}", self.name)).collect();
        names.extend(self.daughters.names());
        names
    }

    /// Fills in simulated particles, and those of the generator.
    pub(super) fn read(&self, row: &Row, event: &mut Event) -> Result<()> {
        let particles = row.members(&self.name, &PARTICLE)?;
        let daughters = self.daughters.of(row)?;
        let count = particles.len();
        let mut mothers = vec![-1i32; count];
        for index in 0..count {
            let (begin, end) = (particles.at(8, index) as usize, particles.at(9, index) as usize);
            for relation in begin..end.min(daughters.len()) {
                let slot = daughters.place(relation, count).and_then(|daughter| mothers.get_mut(daughter));
                let slot =
                    slot.ok_or_else(|| row.fault(format!("particle {index} has a daughter that is not there")))?;
                if *slot < 0 {
                    *slot = index as i32;
                }
            }
        }
        for (index, mother) in mothers.into_iter().enumerate() {
            let at = |column: usize| particles.at(column, index);
            let [mass, px, py, pz] = [at(4), at(5), at(6), at(7)];
            let energy = (px * px + py * py + pz * pz + mass * mass).sqrt();
            let (pdg, status, charge) = (at(0) as i32, at(1) as i32, at(3) as f32);
            event.simulated.push(Simulated {
                kind: 0,
                pdg,
                charge,
                px: px as f32,
                py: py as f32,
                pz: pz as f32,
                energy: energy as f32,
                generator_status: status,
                simulator_status: at(2) as i32,
                mother,
                ..Simulated::default()
            });
            if status == 1 && !crate::truth::visible::is_neutrino(pdg) {
                let p = FourMomentum { px, py, pz, energy };
                event.generated.push(Generated {
                    pdg,
                    charge,
                    pt: p.pt() as f32,
                    eta: p.eta().clamp(-20.0, 20.0) as f32,
                    phi: p.phi() as f32,
                    energy: energy as f32,
                    pileup: 0.0,
                });
            }
        }
        Ok(())
    }
}

/// Links of a fast simulation: a candidate stands for its elements.
pub(super) fn through_candidates(
    row: &Row,
    links: &LinkCollection,
    elements: &[Vec<usize>],
    event: &mut Event,
) -> Result<()> {
    let mut resolved: Vec<(usize, usize, f64)> = Vec::new();
    for (index, link) in links.of(row)?.iter().enumerate() {
        let candidate = place(link.from).filter(|candidate| *candidate < elements.len());
        let known = candidate.zip(place(link.to).filter(|particle| *particle < event.simulated.len()));
        let (candidate, particle) = known.ok_or_else(|| {
            let (from, to) = (link.from, link.to);
            row.fault(format!("link {index} leads from candidate {from} to particle {to}, which is not there"))
        })?;
        resolved.push((candidate, particle, link.weight));
    }
    // a fast simulation leaves the weights at 0: all links are equal then
    if resolved.iter().all(|link| link.2 == 0.0) {
        resolved.iter_mut().for_each(|link| link.2 = 1.0);
    }
    let mut totals = vec![0.0; elements.len()];
    for (candidate, _, weight) in &resolved {
        if let Some(total) = totals.get_mut(*candidate) {
            *total += weight;
        }
    }
    let width = Layout::Clic.features().len();
    for (candidate, particle, weight) in resolved {
        let total = totals.get(candidate).copied().unwrap_or(0.0);
        let share = if total > 0.0 { weight / total } else { 0.0 };
        for element in elements.get(candidate).into_iter().flatten() {
            let feature = |index: usize| event.features.get(element * width + index).copied().unwrap_or(0.0);
            let is_track = feature(0) == 1.0;
            let weight = if is_track { share } else { share * f64::from(feature(5)) };
            event.links.push(link(particle, *element, weight));
        }
    }
    Ok(())
}

/// Links of tracks.
pub(super) fn of_tracks(row: &Row, links: &LinkCollection, tracks: usize, event: &mut Event) -> Result<()> {
    for (index, found) in links.of(row)?.iter().enumerate() {
        let track = place(found.from).filter(|track| *track < tracks);
        let known = track.zip(place(found.to).filter(|particle| *particle < event.simulated.len()));
        let (track, particle) = known.ok_or_else(|| {
            let (from, to) = (found.from, found.to);
            row.fault(format!("link {index} leads from track {from} to particle {to}, which is not there"))
        })?;
        event.links.push(link(particle, track, found.weight));
    }
    Ok(())
}

/// A link to an element.
pub(super) fn link(particle: usize, element: usize, weight: f64) -> SimulationLink {
    SimulationLink { particle: particle as i32, element: element as i32, weight: weight as f32 }
}
