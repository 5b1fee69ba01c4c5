//! EDM4hep in ROOT: tracks, clusters, hits, particles and their relations, as podio writes them.
//!
//! Relations of a collection `X` stand in `X#0, X#1, ...` in older files and in `_X_member` in newer ones; links between
//! two collections in `X#0` and `X#1`, or `_X_from` and `_X_to`. A fast simulation links candidates with particles, a full
//! one hits and tracks; where hits stand in which collection the file's metadata tell.

mod candidates;
mod clusters;
mod hits;
mod relation;
mod tracks;
mod truth;

use std::collections::BTreeMap;

use recoil_table::{Batch, BatchReader};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::candidates::{Candidates, attach};
use self::clusters::Clusters;
use self::hits::Hits;
use self::relation::LinkCollection;
use self::tracks::Tracks;
use self::truth::Particles;
use super::branches::Branches;
use super::row::{self, Row};
use super::{Elements, Source};
use crate::data::columns::Parts;
use crate::data::{Event, Layout};
use crate::error::{PflowError, Result};

/// Name of the tree.
pub const TREE: &str = "events";

/// Names of collections of EDM4hep; empty ones are looked for among the usual names. Of Delphes those of tracks, clusters
/// (towers) and particles are known too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Collections {
    /// Tracks.
    pub tracks: String,
    /// Clusters; several collections one after the other.
    pub clusters: Vec<String>,
    /// True particles.
    pub particles: String,
    /// Reconstructed particles, which relate tracks and clusters to the truth in fast simulations.
    pub candidates: String,
    /// Links between reconstructed and true particles.
    pub links: String,
    /// Numbers of collections by name, where the file's metadata do not tell.
    pub numbers: BTreeMap<String, u32>,
    /// Field of the solenoid \[T\]: 4 for CLIC, 2 for CLD, 5 for MAIA; 0 takes that of the file.
    pub field_tesla: f64,
}

const TRACKS: &[&str] = &["SiTracks_Refitted", "EFlowTrack", "TrackCollection"];
const CLUSTERS: &[&str] = &["PandoraClusters", "EFlowPhoton", "EFlowNeutralHadron", "ClusterCollection"];
const PARTICLES: &[&str] = &["MCParticles", "MCParticle", "Particle", "MCParticleCollection"];
const CANDIDATES: &[&str] = &["PandoraPFOs", "ReconstructedParticles", "ReconstructedParticleCollection"];
const LINKS: &[&str] = &["MCRecoAssociations", "RecoMCTruthLink", "RecoMCParticleLinkCollection"];
const TRACK_LINKS: &[&str] = &["SiTracksMCTruthLink"];
const FIELD: &str = "magFieldBz";

/// How particles are linked with elements.
enum Truth {
    /// by candidates
    Candidates(LinkCollection),
    /// by hits and tracks
    Hits { hits: Hits, tracks: LinkCollection },
}

/// An EDM4hep file.
pub struct Edm4hep {
    reader: Box<dyn BatchReader>,
    elements: Elements,
    tracks: Tracks,
    clusters: Clusters,
    particles: Particles,
    candidates: Candidates,
    truth: Truth,
    field: Option<f64>,
    mended: u64,
}

impl Edm4hep {
    /// Whether the tree is EDM4hep.
    pub fn fits(branches: &Branches) -> bool {
        PARTICLES.iter().any(|name| branches.has(&format!("{name}.generatorStatus")))
    }

    /// Opens the tree at `address`.
    ///
    /// # Errors
    /// A collection or relation that is missing; hits where there are none.
    pub fn open(address: &str, branches: &Branches, wanted: &Collections, elements: Elements) -> Result<Self> {
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
        let mut numbers = relation::numbers(address);
        numbers.extend(wanted.numbers.iter().map(|(name, number)| (name.clone(), f64::from(*number))));
        let is_full = branches.has_collection(hits::LINKS);
        if elements == Elements::Hits && !is_full {
            let reason = "is missing: only a file with links between hits and particles has hits as elements";
            return Err(PflowError::column(branches.file(), hits::LINKS, reason));
        }
        let truth = if is_full {
            let tracks = branches.collection("links between tracks and true particles", "", TRACK_LINKS)?;
            Truth::Hits {
                hits: Hits::find(branches, &numbers, elements == Elements::Hits)?,
                tracks: LinkCollection::find(branches, &tracks)?,
            }
        } else {
            let links = branches.collection("links to true particles", &wanted.links, LINKS)?;
            Truth::Candidates(LinkCollection::find(branches, &links)?)
        };
        let candidates = branches.collection("reconstructed particles", &wanted.candidates, CANDIDATES)?;
        let cluster_numbers: Vec<f64> =
            clusters.iter().map(|name| numbers.get(name).copied().unwrap_or(-1.0)).collect();
        let particles = branches.collection("true particles", &wanted.particles, PARTICLES)?;
        let tracks = Tracks::find(branches, tracks)?;
        let clusters = Clusters::find(branches, clusters, is_full)?;
        let candidates = Candidates::find(branches, candidates, &cluster_numbers)?;
        let particles = Particles::find(branches, particles)?;

        let mut names = [tracks.names(), clusters.branches(), candidates.names(), particles.names()].concat();
        match &truth {
            Truth::Candidates(links) => names.extend(links.names()),
            Truth::Hits { hits, tracks } => names.extend([hits.names(), tracks.names()].concat()),
        }
        names.extend(branches.first(&[FIELD]).map(str::to_owned));
        let field = (wanted.field_tesla > 0.0).then_some(wanted.field_tesla);
        if field.is_none() && !branches.has(FIELD) {
            let reason = "the file does not tell the field: give it in tesla (CLIC 4, CLD 2, MAIA 5)";
            return Err(PflowError::config("collections.field_tesla", reason));
        }
        let reader = branches.open(address, &names, 64)?;
        Ok(Self { reader, elements, tracks, clusters, particles, candidates, truth, field, mended: 0 })
    }

    fn event(&mut self, row: &Row) -> Result<Event> {
        let mut event = Event { number: row.number(), ..Event::default() };
        let field = match self.field {
            Some(field) => field,
            None => row.column(FIELD)?.first().copied().unwrap_or(0.0),
        };
        if field == 0.0 || !field.is_finite() {
            return Err(row.fault(format!("the field of the solenoid is {field} T")));
        }
        self.particles.read(row, &mut event)?;
        if self.elements == Elements::Hits {
            self.hits(row, &mut event)?;
            return Ok(event);
        }
        let mut features = Vec::new();
        let tracks = self.tracks.features(row, field, &mut self.mended, &mut features)?;
        let made = self.candidates.of(row, tracks, &self.clusters.sizes(row)?)?;
        match &self.truth {
            Truth::Candidates(links) => {
                self.clusters.fast(row, &made, tracks, &mut self.mended, &mut features)?;
                event.features = features;
                truth::through_candidates(row, links, &made.elements, &mut event)?;
            }
            Truth::Hits { hits, tracks: links } => {
                let found = hits.of(row, event.simulated.len(), &mut self.mended)?;
                let cluster_of = self.clusters.full(row, &found, &mut self.mended, &mut features)?;
                event.features = features;
                truth::of_tracks(row, links, tracks, &mut event)?;
                let mut sums = BTreeMap::new();
                let mut in_hits = vec![0.0; event.simulated.len()];
                for (particle, hit, energy) in &found.links {
                    if let Some(cluster) = cluster_of.get(hit) {
                        *sums.entry((*particle, *cluster)).or_insert(0.0) += energy;
                    }
                    if let Some(sum) = in_hits.get_mut(*particle) {
                        *sum += energy;
                    }
                }
                let link = |((particle, cluster), energy)| truth::link(particle, tracks + cluster, energy);
                event.links.extend(sums.into_iter().map(link));
                for (simulated, energy) in event.simulated.iter_mut().zip(in_hits) {
                    simulated.hit_energy = energy as f32;
                }
            }
        }
        attach(&mut event, &made);
        Ok(event)
    }

    fn hits(&mut self, row: &Row, event: &mut Event) -> Result<()> {
        if let Truth::Hits { hits, .. } = &self.truth {
            let found = hits.of(row, event.simulated.len(), &mut self.mended)?;
            event.features = found.hits.iter().flat_map(hits::features).collect();
            event.links = found.links.iter().map(|(p, hit, energy)| truth::link(*p, *hit, *energy)).collect();
        }
        Ok(())
    }
}

impl Source for Edm4hep {
    fn layout(&self) -> Layout {
        match self.elements {
            Elements::Objects => Layout::Clic,
            Elements::Hits => Layout::Hits,
        }
    }

    fn parts(&self) -> Parts {
        let candidates = self.elements == Elements::Objects;
        Parts { candidates, generated: true, simulation: true, ..Parts::default() }
    }

    fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
        if self.candidates.lacks_numbers() {
            self.identify(&batch)?;
        }
        (0..batch.rows()).map(|row| self.event(&Row::of(&batch, row))).collect::<Result<Vec<_>>>().map(Some)
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}

impl Edm4hep {
    fn identify(&mut self, batch: &Batch) -> Result<()> {
        self.candidates.identify(batch, &self.clusters.names)
    }
}
