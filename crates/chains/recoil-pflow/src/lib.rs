//! Particle flow: from tracks and calorimeter clusters to particles.
//!
//! * [`data`] knows the tables: elements, targets, candidates, generated particles, one row per event.
//! * [`particles`] reads four-momenta from any table of particles.
//! * [`network`] learns to make candidates of elements.
//! * [`stages`] binds all of it to files.

// units stand in brackets, as in [GeV]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod baseline;
pub mod data;
pub mod error;
pub mod evaluation;
pub mod figures;
pub mod import;
pub mod network;
pub mod particles;
pub mod simulate;
pub mod stages;
pub mod truth;

pub use error::{PflowError, Result};
