//! Formulas of the field that need no detector: angles, geometry, particles, density clustering.

pub mod angle;
pub mod clue;
mod error;
pub mod hexagon;
pub mod momentum;
pub mod particle;

pub use error::{Error, Result};
