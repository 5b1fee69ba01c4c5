//! Cherenkov telescopes: from raw simulation to sensitivity
//!
//! A gamma ray that hits the atmosphere starts a shower of particles that flash in Cherenkov light for a few nanoseconds.
//! A telescope images the flash on a camera of photomultipliers. This chain takes the waveforms of simulated showers to
//! images, to image parameters (DL1), to energies, directions and particle types (DL2), and to what the telescope can see.
//!
//! * [`camera`] knows the pixels, [`coordinates`] the sky.
//! * [`waveform`] makes charges and times of samples, [`clean`] finds the pixels with light, [`parameters`] describes them;
//!   [`dl1`] puts these together.
//! * [`simulate`] is a small generator of files to begin with.
//! * [`reconstruct`] tells energy, direction and type by forests that were trained on simulations.
//! * [`irf`] turns reconstructed events into instrument responses and sensitivity, [`production`] knows what was thrown.
//! * [`data`] knows the columns of the tables, [`config`] the keys that the field's files have.
//! * [`stages`] binds the chain to files.

pub mod camera;
pub mod clean;
pub mod config;
pub mod coordinates;
pub mod data;
pub mod dl1;
pub mod error;
pub mod figures;
pub mod irf;
pub mod parameters;
pub mod production;
pub mod reconstruct;
pub mod simulate;
pub mod stages;
pub mod twister;
pub mod waveform;

pub use error::{IactError, Result};
