//! Tables of the chain: elements, targets, candidates and generated particles, one row per event.
//!
//! An *element* is what the detector measured (a track, a cluster), a *target* the true particle that an element stands
//! for, a *candidate* the particle that an algorithm made of it. Element, target and candidate lists of an event have
//! the same length; elements without a particle have targets and candidates of PDG number 0. The columns 1 to 5 of the
//! features are transverse momentum, pseudorapidity, sine and cosine of the azimuth, and energy for every type of element.

mod check;
pub mod classes;
pub mod columns;
pub mod event;
pub mod kinematics;
pub mod layout;
pub mod read;
pub mod symmetry;
pub mod transform;
pub mod write;

pub use event::{Event, Generated, Particle, Simulated, SimulationLink, Target};
pub use layout::{Feature, Layout};
pub use read::{EventReader, Selected};
pub use write::EventWriter;
