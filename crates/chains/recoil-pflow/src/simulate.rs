//! A small detector in a solenoid, and collisions to put into it: the embedded default input.
//!
//! Jets and soft particles fly through a tracker, an electromagnetic and a hadronic calorimeter of cells. Overlaps, lost
//! tracks, split and merged clusters arise from the cells by themselves; the truth follows from which particle left how
//! much in which cell. All numbers of the detector are constants at the top of [`detector`], all of collisions at the
//! top of [`collision`]. An event depends on the seed and its number alone.

pub mod calorimeter;
pub mod collision;
pub mod detector;
mod event;

pub use collision::Collisions;
pub use event::simulate;
