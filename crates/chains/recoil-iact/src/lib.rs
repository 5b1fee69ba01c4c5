//! Cherenkov telescopes: from raw simulation to sensitivity
//!
//! A gamma ray that hits the atmosphere starts a shower of particles that flash in Cherenkov light for a few nanoseconds.
//! A telescope images the flash on a camera of photomultipliers. This chain takes the waveforms of simulated showers to
//! images, to image parameters (DL1), to energies, directions and particle types (DL2), and to what the telescope can see.
//!
//! * [`data`] knows the columns of the tables.
//! * [`stages`] binds the chain to files.

// units stand in brackets, as in [m]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod data;
pub mod error;
pub mod stages;

pub use error::{IactError, Result};
