//! Hits of calorimeters and trackers, and the particles that left them.

use std::collections::BTreeMap;

use recoil_physics::angle::eta_from_xyz;

use super::relation::{LinkCollection, Relation};
use super::row::{Members, Row};
use crate::data::layout::hits;
use crate::error::{PflowError, Result};
use crate::import::branches::{Branches, mend, place};

const CALORIMETERS: [&str; 8] =
    ["ECALBarrel", "ECALEndcap", "ECALOther", "HCALBarrel", "HCALEndcap", "HCALOther", "MUON", "LumiCal_Hits"];
const CALORIMETER: [&str; 6] = ["energy", "position.x", "position.y", "position.z", "time", "type"];
/// Collection of hits, their relation to simulated hits, the collection of those.
const TRACKERS: [[&str; 3]; 6] = [
    ["VXDTrackerHits", "VXDTrackerHitRelations", "VertexBarrelCollection"],
    ["VXDEndcapTrackerHits", "VXDEndcapTrackerHitRelations", "VertexEndcapCollection"],
    ["ITrackerHits", "InnerTrackerBarrelHitsRelations", "InnerTrackerBarrelCollection"],
    ["ITrackerEndcapHits", "InnerTrackerEndcapHitsRelations", "InnerTrackerEndcapCollection"],
    ["OTrackerHits", "OuterTrackerBarrelHitsRelations", "OuterTrackerBarrelCollection"],
    ["OTrackerEndcapHits", "OuterTrackerEndcapHitsRelations", "OuterTrackerEndcapCollection"],
];
const TRACKER: [&str; 6] = ["eDep", "position.x", "position.y", "position.z", "time", "type"];

/// A collection of hits of a tracker and the way to the particles.
struct Tracker {
    name: &'static str,
    to_simulated: LinkCollection,
    /// of simulated hits
    to_particle: Relation,
    /// branch that tells how many simulated hits there are
    simulated: String,
}

/// Where the hits of a file stand.
pub(super) struct Hits {
    /// collections of calorimeters with their numbers
    calorimeters: Vec<(&'static str, f64)>,
    trackers: Vec<Tracker>,
    links: LinkCollection,
}

/// A hit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hit {
    /// energy \[GeV\]
    pub(super) energy: f64,
    /// position \[mm\]
    pub(super) position: [f64; 3],
    /// time \[ns\]
    pub(super) time: f64,
    /// 0 electromagnetic, 1 hadronic, 2 other, 3 tracker
    pub(super) detector: u8,
    /// type in the file
    pub(super) kind: f64,
}

/// The hits of an event.
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    /// first hit of each collection, by its number, and how many there are
    places: BTreeMap<u64, (usize, usize)>,
    /// particle, hit, energy \[GeV\]
    pub(super) links: Vec<(usize, usize, f64)>,
}

impl Found {
    /// The hit `index` of the collection `number`.
    pub(super) fn hit(&self, number: f64, index: Option<usize>) -> Option<usize> {
        let (first, count) = self.places.get(&number.to_bits())?;
        index.filter(|index| index < count).map(|index| first + index)
    }
}

/// Name of the links between hits of calorimeters and particles.
pub(super) const LINKS: &str = "CalohitMCTruthLink";

impl Hits {
    /// The hits of a file whose collections have these numbers; those of trackers on demand.
    pub(super) fn find(branches: &Branches, numbers: &BTreeMap<String, f64>, with_trackers: bool) -> Result<Self> {
        let mut calorimeters = Vec::new();
        for name in CALORIMETERS.into_iter().filter(|name| branches.has_collection(name)) {
            let number = numbers.get(name).copied().ok_or_else(|| {
                let reason = format!(
                    "the file's metadata do not tell the number of the collection {name}: give it as \
                     collections.numbers.{name}"
                );
                PflowError::config("collections.numbers", reason)
            })?;
            calorimeters.push((name, number));
        }
        if calorimeters.is_empty() {
            branches.collection("hits of calorimeters", "", &CALORIMETERS)?;
        }
        let mut trackers = Vec::new();
        for [name, relation, simulated] in TRACKERS {
            if with_trackers && branches.has_collection(name) {
                trackers.push(Tracker {
                    name,
                    to_simulated: LinkCollection::find(branches, relation)?,
                    to_particle: Relation::find(branches, simulated, 0, &["particle", "MCParticle"])?,
                    simulated: format!("{simulated}.eDep"),
                });
            }
        }
        Ok(Self { calorimeters, trackers, links: LinkCollection::find(branches, LINKS)? })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.links.names();
        for (name, _) in &self.calorimeters {
            names.extend(CALORIMETER.iter().map(|member| format!("{name}.{member}")));
        }
        for tracker in &self.trackers {
            names.extend(TRACKER.iter().map(|member| format!("{}.{member}", tracker.name)));
            names.extend(tracker.to_simulated.names());
            names.extend(tracker.to_particle.names());
            names.push(tracker.simulated.clone());
        }
        names
    }

    /// The hits of an event with `particles` particles. A particle gets its share of the energy of a hit by the weights of
    /// the hit's links.
    pub(super) fn of(&self, row: &Row, particles: usize, mended: &mut u64) -> Result<Found> {
        let mut found = Found { hits: Vec::new(), places: BTreeMap::new(), links: Vec::new() };
        for (name, number) in &self.calorimeters {
            let detector = match name {
                name if name.starts_with("ECAL") => 0,
                name if name.starts_with("HCAL") => 1,
                _ => 2,
            };
            let members = row.members(name, &CALORIMETER)?;
            found.places.insert(number.to_bits(), (found.hits.len(), members.len()));
            found.add(&members, detector, mended);
        }
        let links = self.links.of(row)?;
        let mut resolved = Vec::with_capacity(links.len());
        for (index, link) in links.iter().enumerate() {
            let known = found.hit(link.collection, place(link.from)).zip(place(link.to).filter(|p| *p < particles));
            let (hit, particle) = known.ok_or_else(|| {
                row.fault(format!(
                    "link {index} of {LINKS} leads from hit {} of collection {} to particle {}, which is not there",
                    link.from, link.collection, link.to
                ))
            })?;
            resolved.push((particle, hit, link.weight));
        }
        let mut totals = vec![0.0; found.hits.len()];
        for (_, hit, weight) in &resolved {
            if let Some(total) = totals.get_mut(*hit) {
                *total += weight;
            }
        }
        for (particle, hit, weight) in resolved {
            let total = totals.get(hit).copied().unwrap_or(0.0);
            let energy = found.hits.get(hit).map_or(0.0, |hit| hit.energy);
            if total > 0.0 {
                found.links.push((particle, hit, weight / total * energy));
            }
        }
        for tracker in &self.trackers {
            tracker.add(row, particles, &mut found, mended)?;
        }
        Ok(found)
    }
}

impl Found {
    fn add(&mut self, members: &Members, detector: u8, mended: &mut u64) {
        for index in 0..members.len() {
            let [energy, x, y, z, time, kind] = std::array::from_fn(|column| mend(members.at(column, index), mended));
            self.hits.push(Hit { energy, position: [x, y, z], time, detector, kind });
        }
    }
}

impl Tracker {
    /// Appends the hits; each belongs to the particle of its first simulated hit with its whole energy.
    fn add(&self, row: &Row, particles: usize, found: &mut Found, mended: &mut u64) -> Result<()> {
        let members = row.members(self.name, &TRACKER)?;
        let first = found.hits.len();
        found.add(&members, 3, mended);
        let to_particle = self.to_particle.of(row)?;
        let simulated = row.column(&self.simulated)?.len();
        let mut has_owner = vec![false; members.len()];
        for (index, link) in self.to_simulated.of(row)?.iter().enumerate() {
            let hit = place(link.from).filter(|hit| *hit < members.len());
            let particle = place(link.to).filter(|hit| *hit < simulated).map(|hit| to_particle.place(hit, particles));
            let (Some(hit), Some(particle)) = (hit, particle) else {
                return Err(row.fault(format!(
                    "link {index} of {} leads from hit {} to simulated hit {}, which is not there",
                    self.name, link.from, link.to
                )));
            };
            // noise has no particle
            let (Some(particle), Some(owned)) = (particle, has_owner.get_mut(hit)) else { continue };
            if !std::mem::replace(owned, true) {
                found.links.push((particle, first + hit, members.at(0, hit)));
            }
        }
        Ok(())
    }
}

/// The features of a hit as an element.
pub(super) fn features(hit: &Hit) -> [f32; 12] {
    let [x, y, z] = hit.position;
    let (eta, phi) = (eta_from_xyz(x, y, z).clamp(-20.0, 20.0), y.atan2(x));
    let kind = if hit.detector == 3 { hits::TRACKER } else { hits::CALORIMETER };
    let values = [
        f64::from(kind),
        hit.energy / eta.cosh(),
        eta,
        phi.sin(),
        phi.cos(),
        hit.energy,
        x,
        y,
        z,
        hit.time,
        f64::from(hit.detector),
        hit.kind,
    ];
    values.map(|value| value as f32)
}
