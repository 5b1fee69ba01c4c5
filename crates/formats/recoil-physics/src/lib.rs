//! Formulas of the field that need no detector: angles, geometry, particles, density clustering.

pub mod clue;
mod error;

pub use error::{Error, Result};
