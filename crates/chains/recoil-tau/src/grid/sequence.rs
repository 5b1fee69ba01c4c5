//! The particles around a candidate one by one, for networks over sets of points.

use super::encode::{Encoder, NO_KIND, NotFinite};
use crate::data::load::Loaded;
use crate::error::{Result, TauError};
use crate::features::program::delta_phi;
use crate::features::{Cone, Lanes, Scratch};
use crate::scaling::cones::signal_radius;

/// What candidates are turned into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Occupied cells of two grids.
    #[default]
    Grids,
    /// Particles one by one.
    Sequence {
        /// Particles of a candidate at most, those of highest momentum.
        most: usize,
    },
}

/// Particles of one kind around some candidates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PointBlock {
    /// Name of the block of features.
    pub name: String,
    /// Numbers per particle.
    pub width: usize,
    /// Candidate i has the particles `offsets[i]..offsets[i + 1]`, of falling momentum.
    pub offsets: Vec<u32>,
    /// Scaled features, particle after particle.
    pub values: Vec<f32>,
    /// Distance to the candidate in pseudorapidity and azimuth, two numbers per particle.
    pub places: Vec<f32>,
}

/// Particles around some candidates by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// In the order of the blocks of the feature table.
    pub blocks: Vec<PointBlock>,
}

impl Sequence {
    /// Puts the particles of further candidates, encoded alike, behind.
    pub fn append(&mut self, other: Self) {
        for (mine, theirs) in self.blocks.iter_mut().zip(other.blocks) {
            let before = mine.offsets.last().copied().unwrap_or(0);
            mine.offsets.extend(theirs.offsets.iter().skip(1).map(|offset| offset + before));
            mine.values.extend(theirs.values);
            mine.places.extend(theirs.places);
        }
    }
}

/// A particle in the isolation cone.
#[derive(Clone, Copy)]
struct Particle {
    block: u16,
    object: u32,
    pt: f32,
    place: [f32; 2],
    in_signal_cone: bool,
}

impl Encoder {
    /// The particles within the isolation cone of the candidates `rows` of a piece of a file: of each candidate those of
    /// highest momentum, `most` in all. Features are scaled by the cone that the particle lies in.
    ///
    /// # Errors
    /// Candidates without a direction.
    pub fn sequence(&self, loaded: &Loaded, rows: &[u32], most: usize, not_finite: &mut NotFinite) -> Result<Sequence> {
        let mut scratch = Scratch::default();
        let chosen = self.particles(loaded, rows, most, &mut scratch)?;
        let mut sequence = Sequence::default();
        for (index, block) in self.objects.iter().enumerate() {
            let mut own = PointBlock { name: block.name.clone(), width: block.width, ..PointBlock::default() };
            own.offsets.push(0);
            // number of the particle in the block, row of its candidate, object
            let mut by_cone: [Vec<[u32; 3]>; 2] = Default::default();
            for (row, particles) in rows.iter().zip(&chosen) {
                for particle in particles.iter().filter(|particle| usize::from(particle.block) == index) {
                    let number = u32::try_from(own.places.len() / 2).unwrap_or(u32::MAX);
                    let [inner, outer] = &mut by_cone;
                    let list = if particle.in_signal_cone { inner } else { outer };
                    list.push([number, *row, particle.object]);
                    own.places.extend(particle.place);
                }
                own.offsets.push(u32::try_from(own.places.len() / 2).unwrap_or(u32::MAX));
            }
            own.values = vec![0.0; own.places.len() / 2 * block.width];
            for (cone, list) in [Cone::Inner, Cone::Outer].into_iter().zip(&by_cone) {
                let lane_rows: Vec<u32> = list.iter().map(|[_, row, _]| *row).collect();
                let objects: Vec<u32> = list.iter().map(|[_, _, object]| *object).collect();
                let lanes = Lanes { rows: &lane_rows, objects: &objects };
                let values = &mut own.values;
                block.run(loaded, lanes, cone, &mut scratch, not_finite, |lane, feature, value| {
                    let number = list.get(lane).map_or(usize::MAX, |[number, ..]| *number as usize);
                    if let Some(slot) = number.checked_mul(block.width).and_then(|at| values.get_mut(at + feature)) {
                        *slot = value;
                    }
                });
            }
            sequence.blocks.push(own);
        }
        Ok(sequence)
    }

    /// Of each candidate the particles that are taken, of falling momentum; of equal ones the earlier first.
    fn particles(
        &self,
        loaded: &Loaded,
        rows: &[u32],
        most: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<Particle>>> {
        let kinds = self.kinds(loaded, scratch);
        let directions = ["tau_pt", "tau_eta", "tau_phi"].map(|name| loaded.column(name));
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let [Some(tau_pt), Some(tau_eta), Some(tau_phi)] = directions.map(|column| column.get(*row as usize))
            else {
                return Err(TauError::config("candidate", "the direction of the candidates was not read"));
            };
            let signal = signal_radius(f64::from(*tau_pt));
            let mut particles = Vec::new();
            for (collection, kinds) in &kinds {
                let columns = ["pt", "eta", "phi"].map(|name| loaded.column(&format!("{collection}_{name}")));
                for object in loaded.objects(collection, *row as usize) {
                    let block = kinds.get(object).copied().filter(|kind| *kind != NO_KIND);
                    let [Some(pt), Some(eta), Some(phi)] = columns.map(|column| column.get(object)) else { continue };
                    let place = [eta - tau_eta, delta_phi(*phi, *tau_phi)];
                    let distance = f64::from(place[0]).hypot(f64::from(place[1]));
                    // a distance that is no number is not within the cone
                    let (Some(block), true, true) = (block, distance < self.table.isolation_cone, pt.is_finite())
                    else {
                        continue;
                    };
                    let object = u32::try_from(object).unwrap_or(u32::MAX);
                    particles.push(Particle { block, object, pt: *pt, place, in_signal_cone: distance < signal });
                }
            }
            particles.sort_by(|a: &Particle, b| b.pt.total_cmp(&a.pt));
            particles.truncate(most);
            all.push(particles);
        }
        Ok(all)
    }
}
