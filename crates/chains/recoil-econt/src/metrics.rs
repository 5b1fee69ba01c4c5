//! How far a transmitted wafer is from the true one.
//!
//! Wafers are 48 numbers by trigger-cell number. [`emd`] is the earth mover's distance and [`telescope`] the loss that
//! networks are trained with; [`shape`] holds the simpler ones; [`summary`] sums up many wafers with confidence intervals.

pub mod emd;
pub mod shape;
pub mod summary;
pub mod telescope;

pub use emd::{EmdOutcome, WaferEmd};
pub use telescope::{Telescope, telescope, weighted_mse};
