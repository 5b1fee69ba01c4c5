//! Formulas of the field that need no detector: angles, geometry, particles, density clustering, jets, optimal transport.

pub mod angle;
pub mod clue;
mod error;
pub mod hexagon;
pub mod jets;
pub mod momentum;
pub mod particle;
pub mod transport;

pub use error::{Error, Result};
