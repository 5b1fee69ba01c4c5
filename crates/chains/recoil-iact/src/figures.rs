//! Figures in the conventions of gamma-ray astronomy.

pub mod camera;
pub mod importances;
pub mod performance;
pub mod sensitivity;
pub mod separation;
