//! A generator of candidates: small, seeded, with what tells taus from their fakes.
//!
//! A candidate has a true class, a direction and momentum of its sample, the particles of its decay or jet, and those of
//! other collisions around it. The numbers of the candidate (isolation, impact parameter, flight length) follow from its
//! particles, so that high-level numbers and particles agree.

mod candidate;
mod lepton;
mod particles;
mod sample;
mod tuple;

pub use sample::Sample;
pub use tuple::tuple_columns;

use recoil_root::Column;
use recoil_stage::Seed;

/// The rows of one generated collision: one to four candidates.
pub use candidate::Row;

/// Candidates of a sample, collision after collision, until there are `count` of them.
///
/// Collision `i` is the same in every run with the same seed.
pub fn candidates(sample: Sample, seed: Seed, first_collision: u64, count: usize) -> (Vec<Row>, u64) {
    let mut rows = Vec::with_capacity(count);
    let mut collision = first_collision;
    while rows.len() < count {
        let made = candidate::collision(sample, seed.indexed(collision), collision);
        rows.extend(made);
        collision += 1;
    }
    rows.truncate(count);
    (rows, collision)
}

/// The 711 columns of some candidates.
pub fn columns(rows: &[Row]) -> Vec<Column> {
    tuple::columns(rows)
}
