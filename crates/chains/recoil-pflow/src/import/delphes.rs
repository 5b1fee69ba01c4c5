//! Delphes in ROOT: tracks, towers, particles and the objects of its energy flow, related by references.
//!
//! A reference is the number of an object in its event (`fUniqueID`). Tracks lead to one particle, towers to all particles
//! that reached them. A card with pile-up stores all of these in `PileUpMix`; others have `Particle`.

mod candidates;
mod particles;

use recoil_table::{Batch, BatchReader};

use self::candidates::Candidates;
use self::particles::{Particles, number};
use super::Source;
use super::branches::{Branches, mend};
use super::edm4hep::Collections;
use super::row::Row;
use crate::data::columns::Parts;
use crate::data::layout::delphes::{TOWER, TRACK};
use crate::data::{Event, Layout};
use crate::error::{PflowError, Result};

/// Name of the tree.
pub const TREE: &str = "Delphes";

const TRACK_MEMBERS: [&str; 6] = ["PT", "Eta", "Phi", "EtaOuter", "PhiOuter", "Charge"];
const TOWER_MEMBERS: [&str; 6] = ["ET", "Eta", "Phi", "E", "Eem", "Ehad"];
/// Member of a track that leads to its particle.
const ONE: &str = "Particle";
/// Member of a tower that leads to its particles.
const MANY: &str = "Particles";
const NUMBER: &str = "Event.Number";

/// A Delphes file.
pub struct Delphes {
    reader: Box<dyn BatchReader>,
    tracks: String,
    towers: String,
    particles: Particles,
    candidates: Candidates,
    has_number: bool,
    mended: u64,
}

impl Delphes {
    /// Whether the tree is of Delphes.
    pub fn fits(branches: &Branches) -> bool {
        ["Track.PT", "Tower.ET", "Particle.PID", "PileUpMix.PID"].iter().any(|name| branches.has(name))
    }

    /// Opens the tree at `address`.
    ///
    /// # Errors
    /// A collection or one of its branches that is missing.
    pub fn open(address: &str, branches: &Branches, wanted: &Collections) -> Result<Self> {
        let tracks = branches.collection("tracks", &wanted.tracks, &["Track"])?;
        let towers = match wanted.clusters.as_slice() {
            [] => branches.collection("towers", "", &["Tower"])?,
            [one] => branches.collection("towers", one, &[])?,
            _ => return Err(PflowError::config("collections.clusters", "Delphes has one collection of towers")),
        };
        let name = branches.collection("particles", &wanted.particles, &["PileUpMix", "Particle"])?;
        let particles = Particles::new(name);
        let candidates = Candidates::find(branches);
        let mut names = members(&tracks, &TRACK_MEMBERS);
        names.extend(members(&tracks, &[ONE]));
        names.extend(members(&towers, &TOWER_MEMBERS));
        names.extend(members(&towers, &[MANY]));
        names.extend(particles.names());
        names.extend(candidates.names());
        let has_number = branches.has(NUMBER);
        names.extend(has_number.then(|| NUMBER.to_owned()));
        let reader = branches.open(address, &names, 64)?;
        Ok(Self { reader, tracks, towers, particles, candidates, has_number, mended: 0 })
    }

    fn event(&mut self, row: &Row) -> Result<Event> {
        let mut event = Event { number: row.number(), ..Event::default() };
        if self.has_number
            && let Some(number) = row.column(NUMBER)?.first()
        {
            event.number = *number as i64;
        }
        let tracks = row.members(&self.tracks, &TRACK_MEMBERS)?;
        let towers = row.members(&self.towers, &TOWER_MEMBERS)?;
        let of_track: Vec<Vec<f64>> =
            row.column(&format!("{}.{ONE}", self.tracks))?.into_iter().map(|one| vec![one]).collect();
        let of_tower = row.nested(&format!("{}.{MANY}", self.towers))?;
        for (name, objects, references) in
            [(&self.tracks, tracks.len(), of_track.len()), (&self.towers, towers.len(), of_tower.len())]
        {
            if objects != references {
                return Err(row.fault(format!("{references} references of {objects} objects of {name}")));
            }
        }
        // 0 leads nowhere; the number is in the lower three bytes
        let clean = |all: Vec<Vec<f64>>| -> Vec<Vec<u32>> {
            all.into_iter().map(|list| list.into_iter().map(number).filter(|number| *number > 0).collect()).collect()
        };
        let (of_track, of_tower) = (clean(of_track), clean(of_tower));
        let (from_tracks, from_towers) = ((self.tracks.as_str(), &of_track[..]), (self.towers.as_str(), &of_tower[..]));
        let left = self.particles.read(row, from_tracks, from_towers, &mut event)?;
        let width = Layout::Delphes.features().len();
        let mut push = |values: [f64; 12], mended: &mut u64| {
            event.features.extend(values.into_iter().take(width).map(|value| mend(value, mended) as f32));
        };
        for index in 0..tracks.len() {
            let [pt, eta, phi, eta_outer, phi_outer, charge] = std::array::from_fn(|m| tracks.at(m, index));
            let pdg = left.get(index).copied().flatten().unwrap_or(0).abs();
            let is = |wanted: i32| f64::from(u8::from(pdg == wanted));
            let (outer_sin, outer_cos) = phi_outer.sin_cos();
            let (sin, cos) = phi.sin_cos();
            let p = pt * eta.cosh();
            let kind = f64::from(TRACK);
            push(
                [kind, pt, eta, sin, cos, p, eta_outer, outer_sin, outer_cos, charge, is(13), is(11)],
                &mut self.mended,
            );
        }
        for index in 0..towers.len() {
            let [et, eta, phi, e, em, had] = std::array::from_fn(|m| towers.at(m, index));
            let (sin, cos) = phi.sin_cos();
            push([f64::from(TOWER), et, eta, sin, cos, e, em, had, 0.0, 0.0, 0.0, 0.0], &mut self.mended);
        }
        let places: Vec<[f64; 2]> =
            (0..towers.len()).map(|index| std::array::from_fn(|m| towers.at(m + 1, index))).collect();
        event.candidates = self.candidates.of(row, &of_track, &places, &mut self.mended)?;
        Ok(event)
    }
}

/// Names of branches of a collection.
fn members(collection: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|member| format!("{collection}.{member}")).collect()
}

impl Source for Delphes {
    fn layout(&self) -> Layout {
        Layout::Delphes
    }

    fn parts(&self) -> Parts {
        Parts { candidates: self.candidates.are_there(), generated: true, simulation: true, ..Parts::default() }
    }

    fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
        let batch: &Batch = &batch;
        (0..batch.rows()).map(|row| self.event(&Row::of(batch, row))).collect::<Result<Vec<_>>>().map(Some)
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}
