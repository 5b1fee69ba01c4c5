//! Formulas of the field that need no detector: angles, geometry, particles, density clustering, optimal transport.

pub mod angle;
pub mod clue;
mod error;
pub mod hexagon;
pub mod momentum;
pub mod particle;
pub mod transport;

pub use error::{Error, Result};
