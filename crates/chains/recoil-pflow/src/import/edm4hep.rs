//! EDM4hep in ROOT: tracks, clusters, particles and their relations, as podio writes them.
//!
//! Relations of a collection `X` stand in `X#0, X#1, ...` in older files and in `_X_member` in newer ones; links between
//! two collections in `X#0` and `X#1`, or `_X_from` and `_X_to`.

use recoil_physics::angle::eta_from_xyz;
use recoil_physics::momentum::FourMomentum;
use recoil_table::{Batch, BatchReader};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Source;
use super::branches::{Branches, list, mend, place};
use crate::data::columns::Parts;
use crate::data::kinematics::pt_of_curvature;
use crate::data::{Event, Generated, Layout, Particle, Simulated, SimulationLink, classes};
use crate::error::{PflowError, Result};

/// Name of the tree.
pub const TREE: &str = "events";

/// Names of collections; empty ones are looked for among the usual names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Collections {
    /// Tracks.
    pub tracks: String,
    /// Clusters; several collections one after the other.
    pub clusters: Vec<String>,
    /// True particles.
    pub particles: String,
    /// Reconstructed particles, which relate tracks and clusters to the truth.
    pub candidates: String,
    /// Links between reconstructed and true particles.
    pub links: String,
    /// Field of the solenoid \[T\]; 0 takes that of the file.
    pub field_tesla: f64,
}

const TRACKS: &[&str] = &["SiTracks_Refitted", "EFlowTrack", "TrackCollection"];
const CLUSTERS: &[&str] = &["PandoraClusters", "EFlowPhoton", "EFlowNeutralHadron", "ClusterCollection"];
const PARTICLES: &[&str] = &["MCParticles", "MCParticle", "Particle", "MCParticleCollection"];
const CANDIDATES: &[&str] = &["PandoraPFOs", "ReconstructedParticles", "ReconstructedParticleCollection"];
const LINKS: &[&str] = &["MCRecoAssociations", "RecoMCTruthLink", "RecoMCParticleLinkCollection"];

/// The two relations of a collection that are read, under both namings.
struct Relation {
    index: String,
    collection: String,
}

impl Relation {
    fn find(branches: &Branches, collection: &str, old: usize, new: &str) -> Result<Self> {
        let names = [format!("{collection}#{old}"), format!("_{collection}_{new}")];
        let found = names.iter().find(|name| branches.has(&format!("{name}.index")));
        let found = found.ok_or_else(|| {
            let reason = format!("is missing: relation '{new}' of {collection} ({})", names.join(", "));
            PflowError::column(branches.file(), names[1].clone(), reason)
        })?;
        Ok(Self { index: format!("{found}.index"), collection: format!("{found}.collectionID") })
    }

    fn names(&self) -> [String; 2] {
        [self.index.clone(), self.collection.clone()]
    }
}

/// An EDM4hep file.
pub struct Edm4hep {
    reader: Box<dyn BatchReader>,
    tracks: String,
    states: String,
    clusters: Vec<String>,
    particles: String,
    candidates: String,
    links: String,
    to_cluster: Relation,
    to_track: Relation,
    from: Relation,
    to: Relation,
    daughters: Relation,
    field: Option<f64>,
    /// collections that relations to clusters lead to, in the order of `clusters`
    cluster_ids: Vec<f64>,
    has_dedx: bool,
    has_time: bool,
    mended: u64,
}

const TRACK: [&str; 4] = ["chi2", "ndf", "trackStates_begin", "trackStates_end"];
const STATE: [&str; 5] = ["D0", "phi", "omega", "Z0", "tanLambda"];
const CLUSTER: [&str; 6] = ["energy", "position.x", "position.y", "position.z", "hits_begin", "hits_end"];
const PARTICLE: [&str; 9] = [
    "PDG",
    "generatorStatus",
    "simulatorStatus",
    "charge",
    "mass",
    "momentum.x",
    "momentum.y",
    "momentum.z",
    "daughters_begin",
];
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

impl Edm4hep {
    /// Whether the tree is EDM4hep.
    pub fn fits(branches: &Branches) -> bool {
        PARTICLES.iter().any(|name| branches.has(&format!("{name}.generatorStatus")))
    }

    /// Opens the tree at `address`.
    ///
    /// # Errors
    /// A collection or relation that is missing.
    pub fn open(address: &str, branches: &Branches, wanted: &Collections) -> Result<Self> {
        let tracks = branches.collection("tracks", &wanted.tracks, TRACKS)?;
        let clusters: Vec<String> = if wanted.clusters.is_empty() {
            let usual = CLUSTERS.iter().filter(|name| branches.has_collection(name));
            usual.map(|name| (*name).to_owned()).collect()
        } else {
            let known = |name: &String| branches.collection("clusters", name, &[]);
            wanted.clusters.iter().map(known).collect::<Result<_>>()?
        };
        if clusters.is_empty() {
            branches.collection("clusters", "", CLUSTERS)?;
        }
        let particles = branches.collection("true particles", &wanted.particles, PARTICLES)?;
        let candidates = branches.collection("reconstructed particles", &wanted.candidates, CANDIDATES)?;
        let links = branches.collection("links to true particles", &wanted.links, LINKS)?;
        let state_names = [format!("{tracks}_1"), format!("_{tracks}_trackStates"), format!("{tracks}_trackStates")];
        let states = state_names.iter().find(|name| branches.has(&format!("{name}.omega"))).cloned();
        let states = states.ok_or_else(|| {
            let reason = format!("is missing: track states of {tracks} ({})", state_names.join(", "));
            PflowError::column(branches.file(), state_names[1].clone(), reason)
        })?;
        let to_cluster = Relation::find(branches, &candidates, 0, "clusters")?;
        let to_track = Relation::find(branches, &candidates, 1, "tracks")?;
        let from = Relation::find(branches, &links, 0, "from")?;
        let to = Relation::find(branches, &links, 1, "to")?;
        let daughters = Relation::find(branches, &particles, 1, "daughters")?;
        let has_dedx = branches.has(&format!("{tracks}.dEdx"));

        let has_time = branches.has(&format!("{states}.time"));

        let mut names = Vec::new();
        let mut all = |collection: &str, members: &[&str]| {
            names.extend(members.iter().map(|member| format!("{collection}.{member}")));
        };
        all(&tracks, &TRACK);
        if has_dedx {
            all(&tracks, &["dEdx", "dEdxError", "radiusOfInnermostHit"]);
        }
        all(&states, &STATE);
        if has_time {
            all(&states, &["time"]);
        }
        for cluster in &clusters {
            all(cluster, &CLUSTER);
        }
        all(&particles, &PARTICLE);
        all(&particles, &["daughters_end"]);
        all(&candidates, &CANDIDATE);
        all(&links, &["weight"]);
        for relation in [&to_cluster, &to_track, &from, &to, &daughters] {
            names.extend(relation.names());
        }
        names.extend(branches.first(&["magFieldBz"]).map(str::to_owned));
        let field = (wanted.field_tesla > 0.0).then_some(wanted.field_tesla);
        if field.is_none() && !branches.has("magFieldBz") {
            return Err(PflowError::config(
                "collections.field_tesla",
                "the file does not tell the field: give it in tesla",
            ));
        }
        let reader = branches.open(address, &names, 64)?;
        Ok(Self {
            reader,
            tracks,
            states,
            clusters,
            particles,
            candidates,
            links,
            to_cluster,
            to_track,
            from,
            to,
            daughters,
            field,
            cluster_ids: Vec::new(),
            has_dedx,
            has_time,
            mended: 0,
        })
    }

    /// Finds out which numbers stand for which collection of clusters: files need not tell. A number belongs to the
    /// collection that is as large as the number is frequent in every event, or to the first one that is left.
    fn identify_clusters(&mut self, batch: &Batch) -> Result<()> {
        let ids = list(batch, &self.to_cluster.collection)?;
        let mut sizes = Vec::new();
        for name in &self.clusters {
            let energies = list(batch, &format!("{name}.energy"))?;
            sizes.push(energies.rows().map(<[f64]>::len).collect::<Vec<usize>>());
        }
        let mut seen: Vec<f64> = Vec::new();
        for id in ids.values.iter() {
            if !seen.contains(id) {
                seen.push(*id);
            }
        }
        let mut names = vec![None; self.clusters.len()];
        for id in seen {
            let frequent: Vec<usize> = ids.rows().map(|row| row.iter().filter(|other| **other == id).count()).collect();
            let is_free = |place: &usize| names.get(*place) == Some(&None);
            let fits = (0..sizes.len()).filter(is_free).find(|place| sizes.get(*place) == Some(&frequent));
            let place = fits.or_else(|| (0..sizes.len()).find(is_free));
            if let Some(slot) = place.and_then(|place| names.get_mut(place)) {
                *slot = Some(id);
            }
        }
        self.cluster_ids = names.into_iter().map(|id| id.unwrap_or(-1.0)).collect();
        Ok(())
    }

    fn event(&mut self, batch: &Batch, row: usize) -> Result<Event> {
        let number = (batch.first_row() + row as u64) as i64;
        let column = |name: String| -> Result<Vec<f64>> { Ok(list(batch, &name)?.row(row).to_vec()) };
        let members = |collection: &str, names: &[&str]| -> Result<Vec<Vec<f64>>> {
            names.iter().map(|name| column(format!("{collection}.{name}"))).collect()
        };
        let fault = |reason: String| PflowError::Event {
            file: batch.file().to_string(),
            event: number,
            row: number as u64,
            reason,
        };
        let mut event = Event { number, ..Event::default() };
        let field = match self.field {
            Some(field) => field,
            None => column("magFieldBz".to_owned())?.first().copied().unwrap_or(0.0),
        };
        if field == 0.0 || !field.is_finite() {
            return Err(fault(format!("the field of the solenoid is {field} T")));
        }

        let tracks = members(&self.tracks, &TRACK)?;
        let dedx = match self.has_dedx {
            true => members(&self.tracks, &["dEdx", "dEdxError", "radiusOfInnermostHit"])?,
            false => Vec::new(),
        };
        let states = members(&self.states, &STATE)?;
        let times = if self.has_time { column(format!("{}.time", self.states))? } else { Vec::new() };
        let count = tracks.first().map_or(0, Vec::len);
        for index in 0..count {
            let of = |lists: &[Vec<f64>], column: usize, index: usize| {
                lists.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0)
            };
            let (begin, end) = (of(&tracks, 2, index) as usize, of(&tracks, 3, index) as usize);
            let known = states.first().map_or(0, Vec::len);
            if begin >= end || end > known {
                return Err(fault(format!("track {index} has the states {begin}..{end} of {known}")));
            }
            let state = |column: usize| of(&states, column, begin);
            let (phi, omega, tan_lambda) = (state(1), state(2), state(4));
            let pt = pt_of_curvature(omega, field);
            let values = [
                1.0,
                pt,
                tan_lambda.asinh(),
                phi.sin(),
                phi.cos(),
                pt * 1.0f64.hypot(tan_lambda),
                of(&tracks, 0, index),
                of(&tracks, 1, index),
                of(&dedx, 0, index),
                of(&dedx, 1, index),
                of(&dedx, 2, index),
                tan_lambda,
                state(0),
                omega,
                state(3),
                times.get(begin).copied().unwrap_or(0.0),
                0.0,
            ];
            event.features.extend(values.map(|value| mend(value, &mut self.mended) as f32));
        }

        let candidates = members(&self.candidates, &CANDIDATE)?;
        let elements = self.relate(batch, row, &candidates, count, &fault)?;
        let mut place_of_cluster = count;
        for (collection, name) in self.clusters.iter().enumerate() {
            let clusters = members(name, &CLUSTER)?;
            for index in 0..clusters.first().map_or(0, Vec::len) {
                let at = |column: usize| clusters.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0);
                let (energy, mut position) = (at(0), [at(1), at(2), at(3)]);
                // a fast simulation stores no places: the direction is that of the candidate
                let owner = elements.iter().position(|list| list.contains(&place_of_cluster));
                if position == [0.0; 3] {
                    let of = |column: usize| {
                        let list = candidates.get(column);
                        owner.and_then(|owner| list.and_then(|list| list.get(owner))).copied().unwrap_or(0.0)
                    };
                    position = [of(1), of(2), of(3)];
                }
                let [x, y, z] = position;
                let (eta, phi) = (eta_from_xyz(x, y, z).clamp(-20.0, 20.0), y.atan2(x));
                let is_ecal =
                    name.contains("Photon") || name.contains("ECAL") || collection == 0 && self.clusters.len() > 1;
                let (ecal, hcal) = if is_ecal { (energy, 0.0) } else { (0.0, energy) };
                let values = [
                    2.0,
                    energy / eta.cosh(),
                    eta,
                    phi.sin(),
                    phi.cos(),
                    energy,
                    at(1),
                    at(2),
                    at(3),
                    recoil_physics::angle::theta_from_eta(eta),
                    ecal,
                    hcal,
                    0.0,
                    at(5) - at(4),
                    0.0,
                    0.0,
                    0.0,
                ];
                event.features.extend(values.map(|value| mend(value, &mut self.mended) as f32));
                place_of_cluster += 1;
            }
        }
        self.truth(batch, row, &mut event, &elements, &fault)?;
        attach(&mut event, &candidates, &elements);
        Ok(event)
    }

    /// The places of the elements of each candidate: its tracks and its clusters.
    fn relate(
        &self,
        batch: &Batch,
        row: usize,
        candidates: &[Vec<f64>],
        tracks: usize,
        fault: &dyn Fn(String) -> PflowError,
    ) -> Result<Vec<Vec<usize>>> {
        let column = |name: &str| -> Result<Vec<f64>> { Ok(list(batch, name)?.row(row).to_vec()) };
        let (to_cluster, collection) = (column(&self.to_cluster.index)?, column(&self.to_cluster.collection)?);
        let to_track = column(&self.to_track.index)?;
        let mut sizes = Vec::new();
        for name in &self.clusters {
            sizes.push(column(&format!("{name}.energy"))?.len());
        }
        let mut elements = Vec::new();
        for index in 0..candidates.first().map_or(0, Vec::len) {
            let at = |column: usize| {
                candidates.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0) as usize
            };
            let mut own = Vec::new();
            for relation in at(7)..at(8) {
                let track = to_track.get(relation).copied().and_then(place).filter(|track| *track < tracks);
                own.push(track.ok_or_else(|| fault(format!("candidate {index} has a track that is not there")))?);
            }
            for relation in at(5)..at(6) {
                let id = collection.get(relation).copied().unwrap_or(-1.0);
                let known = self.cluster_ids.iter().position(|known| *known == id);
                let known = known
                    .ok_or_else(|| fault(format!("candidate {index} has a cluster of unknown collection {id}")))?;
                let first = tracks + sizes.iter().take(known).sum::<usize>();
                let size = sizes.get(known).copied().unwrap_or(0);
                let cluster = to_cluster.get(relation).copied().and_then(place).filter(|cluster| *cluster < size);
                let cluster = cluster.ok_or_else(|| {
                    fault(format!("candidate {index} has a cluster of collection {id} that is not there"))
                })?;
                own.push(first + cluster);
            }
            elements.push(own);
        }
        Ok(elements)
    }

    fn truth(
        &self,
        batch: &Batch,
        row: usize,
        event: &mut Event,
        elements: &[Vec<usize>],
        fault: &dyn Fn(String) -> PflowError,
    ) -> Result<()> {
        let column = |name: String| -> Result<Vec<f64>> { Ok(list(batch, &name)?.row(row).to_vec()) };
        let particles: Vec<Vec<f64>> =
            PARTICLE.iter().map(|name| column(format!("{}.{name}", self.particles))).collect::<Result<_>>()?;
        let ends = column(format!("{}.daughters_end", self.particles))?;
        let daughters = column(self.daughters.index.clone())?;
        let count = particles.first().map_or(0, Vec::len);
        let at = |column: usize, index: usize| {
            particles.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0)
        };
        let mut mothers = vec![-1i32; count];
        for index in 0..count {
            let (begin, end) = (at(8, index) as usize, ends.get(index).copied().unwrap_or(0.0) as usize);
            for relation in begin..end.min(daughters.len()) {
                let daughter = daughters.get(relation).copied().and_then(place);
                let slot = daughter.and_then(|daughter| mothers.get_mut(daughter));
                let slot = slot.ok_or_else(|| fault(format!("particle {index} has a daughter that is not there")))?;
                if *slot < 0 {
                    *slot = index as i32;
                }
            }
        }
        for index in 0..count {
            let [px, py, pz, mass] = [at(5, index), at(6, index), at(7, index), at(4, index)];
            let energy = (px * px + py * py + pz * pz + mass * mass).sqrt();
            let (pdg, status, charge) = (at(0, index) as i32, at(1, index) as i32, at(3, index) as f32);
            event.simulated.push(Simulated {
                kind: 0,
                pdg,
                charge,
                px: px as f32,
                py: py as f32,
                pz: pz as f32,
                energy: energy as f32,
                generator_status: status,
                simulator_status: at(2, index) as i32,
                pileup: 0.0,
                mother: mothers.get(index).copied().unwrap_or(-1),
                tracking: -1,
                calo: -1,
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
        let (from, to) = (column(self.from.index.clone())?, column(self.to.index.clone())?);
        let weights = column(format!("{}.weight", self.links))?;
        let mut links: Vec<(usize, usize, f64)> = Vec::new();
        for (index, (candidate, particle)) in from.iter().zip(&to).enumerate() {
            let known = place(*candidate).filter(|c| *c < elements.len()).zip(place(*particle).filter(|p| *p < count));
            let (candidate, particle) = known.ok_or_else(|| {
                fault(format!(
                    "link {index} leads from candidate {candidate} to particle {particle}, which is not there"
                ))
            })?;
            links.push((candidate, particle, weights.get(index).copied().unwrap_or(0.0)));
        }
        // a fast simulation leaves the weights at 0: all links are equal then
        if links.iter().all(|link| link.2 == 0.0) {
            links.iter_mut().for_each(|link| link.2 = 1.0);
        }
        let width = Layout::Clic.features().len();
        for (candidate, particle, weight) in &links {
            let total: f64 = links.iter().filter(|link| link.0 == *candidate).map(|link| link.2).sum();
            for element in elements.get(*candidate).into_iter().flatten() {
                let feature = |index: usize| event.features.get(element * width + index).copied().unwrap_or(0.0);
                let is_track = feature(0) == 1.0;
                let share = if total > 0.0 { weight / total } else { 0.0 };
                let weight = if is_track { share } else { share * f64::from(feature(5)) };
                event.links.push(SimulationLink {
                    particle: *particle as i32,
                    element: *element as i32,
                    weight: weight as f32,
                });
            }
        }
        Ok(())
    }
}

/// Candidates to elements: to the tracks of each, or to its clusters if it has no track.
fn attach(event: &mut Event, candidates: &[Vec<f64>], elements: &[Vec<usize>]) {
    let width = Layout::Clic.features().len();
    let mut attached = vec![Particle::default(); event.features.len() / width];
    for (index, own) in elements.iter().enumerate() {
        let at = |column: usize| candidates.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0);
        let momentum = FourMomentum { px: at(1), py: at(2), pz: at(3), energy: at(0) };
        let is_track = |element: &usize| event.features.get(element * width) == Some(&1.0);
        let has_track = own.iter().any(is_track);
        for element in own.iter().filter(|element| is_track(element) == has_track) {
            let is_ecal = event.features.get(element * width + crate::data::layout::clic::ECAL).copied() > Some(0.0);
            // these files do not tell the kind of candidates with tracks
            let class = match (has_track, is_ecal) {
                (true, _) => classes::of_particle(211, 1.0),
                (false, true) => 22,
                (false, false) => 130,
            };
            if let Some(slot) = attached.get_mut(*element) {
                *slot = Particle::of(class, at(4), &momentum);
            }
        }
    }
    event.candidates = attached;
}

impl Source for Edm4hep {
    fn layout(&self) -> Layout {
        Layout::Clic
    }

    fn parts(&self) -> Parts {
        Parts { candidates: true, generated: true, simulation: true, ..Parts::default() }
    }

    fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
        if self.cluster_ids.iter().all(|id| *id < 0.0) {
            self.identify_clusters(&batch)?;
        }
        (0..batch.rows()).map(|row| self.event(&batch, row)).collect::<Result<Vec<_>>>().map(Some)
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}
