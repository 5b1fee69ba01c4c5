//! Candidates of the existing algorithm, and the tracks and clusters that they were made of.

use recoil_physics::momentum::FourMomentum;
use recoil_table::Batch;

use super::relation::Relation;
use super::row::{Members, Row};
use crate::data::{Event, Layout, Particle, classes};
use crate::error::Result;
use crate::import::branches::{Branches, list};

const CANDIDATE: [&str; 9] = [
    "energy",
    "momentum.x",
    "momentum.y",
    "momentum.z",
    "charge",
    "clusters_begin",
    "clusters_end",
    "tracks_begin",
    "tracks_end",
];

/// Where the candidates of a file stand.
pub(super) struct Candidates {
    name: String,
    to_cluster: Relation,
    to_track: Relation,
    /// branch with the kind of candidates
    pdg: Option<String>,
    /// numbers of the collections of clusters, in their order
    cluster_numbers: Vec<f64>,
}

/// The candidates of an event.
pub(super) struct Made {
    members: Members,
    pdg: Vec<f64>,
    /// the elements of each
    pub(super) elements: Vec<Vec<usize>>,
}

impl Made {
    /// Momentum of the first candidate that has this element.
    pub(super) fn direction(&self, element: usize) -> [f64; 3] {
        let owner = self.elements.iter().position(|list| list.contains(&element));
        owner.map_or([0.0; 3], |owner| [1, 2, 3].map(|column| self.members.at(column, owner)))
    }
}

impl Candidates {
    pub(super) fn find(branches: &Branches, name: String, clusters: &[f64]) -> Result<Self> {
        let kinds = ["PDG", "type"].map(|member| format!("{name}.{member}"));
        Ok(Self {
            to_cluster: Relation::find(branches, &name, 0, &["clusters"])?,
            to_track: Relation::find(branches, &name, 1, &["tracks"])?,
            pdg: kinds.into_iter().find(|kind| branches.has(kind)),
            cluster_numbers: clusters.to_vec(),
            name,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = CANDIDATE.iter().map(|member| format!("{}.{member}", self.name)).collect();
        names.extend([&self.to_cluster, &self.to_track].into_iter().flat_map(Relation::names));
        names.extend(self.pdg.clone());
        names
    }

    /// Whether it is still to be found out which numbers stand for which clusters.
    pub(super) fn lacks_numbers(&self) -> bool {
        self.cluster_numbers.iter().all(|number| *number < 0.0)
    }

    /// Finds out which numbers stand for which collection of clusters: files need not tell. A number belongs to the
    /// collection that is as large as the number is frequent in every event, or to the first one that is left.
    pub(super) fn identify(&mut self, batch: &Batch, clusters: &[String]) -> Result<()> {
        let ids = list(batch, self.to_cluster.collection())?;
        let mut sizes = Vec::new();
        for name in clusters {
            let energies = list(batch, &format!("{name}.energy"))?;
            sizes.push(energies.rows().map(<[f64]>::len).collect::<Vec<usize>>());
        }
        let mut seen: Vec<f64> = Vec::new();
        for id in ids.values.iter() {
            if !seen.contains(id) {
                seen.push(*id);
            }
        }
        let mut names = vec![None; clusters.len()];
        for id in seen {
            let frequent: Vec<usize> = ids.rows().map(|row| row.iter().filter(|other| **other == id).count()).collect();
            let is_free = |place: &usize| names.get(*place) == Some(&None);
            let fits = (0..sizes.len()).filter(is_free).find(|place| sizes.get(*place) == Some(&frequent));
            let place = fits.or_else(|| (0..sizes.len()).find(is_free));
            if let Some(slot) = place.and_then(|place| names.get_mut(place)) {
                *slot = Some(id);
            }
        }
        self.cluster_numbers = names.into_iter().map(|id| id.unwrap_or(-1.0)).collect();
        Ok(())
    }

    /// The candidates of an event with `tracks` tracks and clusters of these numbers.
    pub(super) fn of(&self, row: &Row, tracks: usize, clusters: &[usize]) -> Result<Made> {
        let members = row.members(&self.name, &CANDIDATE)?;
        let (to_cluster, to_track) = (self.to_cluster.of(row)?, self.to_track.of(row)?);
        let pdg = self.pdg.as_ref().map_or(Ok(Vec::new()), |name| row.column(name))?;
        let mut elements = Vec::new();
        for index in 0..members.len() {
            let at = |column: usize| members.at(column, index) as usize;
            let mut own = Vec::new();
            for relation in at(7)..at(8) {
                let track = to_track.place(relation, tracks);
                own.push(track.ok_or_else(|| row.fault(format!("candidate {index} has a track that is not there")))?);
            }
            for relation in at(5)..at(6) {
                let id = to_cluster.collection(relation);
                let known = self.cluster_numbers.iter().position(|known| *known == id);
                let known = known
                    .ok_or_else(|| row.fault(format!("candidate {index} has a cluster of unknown collection {id}")))?;
                let first = tracks + clusters.iter().take(known).sum::<usize>();
                let cluster = to_cluster.place(relation, clusters.get(known).copied().unwrap_or(0));
                let cluster = cluster.ok_or_else(|| {
                    row.fault(format!("candidate {index} has a cluster of collection {id} that is not there"))
                })?;
                own.push(first + cluster);
            }
            elements.push(own);
        }
        Ok(Made { members, pdg, elements })
    }
}

/// Candidates to elements: to the tracks of each, or to its clusters if it has no track.
pub(super) fn attach(event: &mut Event, made: &Made) {
    let width = Layout::Clic.features().len();
    let mut attached = vec![Particle::default(); event.features.len() / width];
    for (index, own) in made.elements.iter().enumerate() {
        let at = |column: usize| made.members.at(column, index);
        let momentum = FourMomentum { px: at(1), py: at(2), pz: at(3), energy: at(0) };
        let is_track = |element: &usize| event.features.get(element * width) == Some(&1.0);
        let has_track = own.iter().any(is_track);
        let pdg = made.pdg.get(index).map_or(0, |pdg| *pdg as i32);
        for element in own.iter().filter(|element| is_track(element) == has_track) {
            let is_ecal = event.features.get(element * width + crate::data::layout::clic::ECAL).copied() > Some(0.0);
            let class = match (pdg, has_track, is_ecal) {
                (0, true, _) => 211,
                (0, false, true) => 22,
                (0, false, false) => 130,
                _ => classes::of_particle(pdg, at(4)),
            };
            if let Some(slot) = attached.get_mut(*element) {
                *slot = Particle::of(class, at(4), &momentum);
            }
        }
    }
    event.candidates = attached;
}
