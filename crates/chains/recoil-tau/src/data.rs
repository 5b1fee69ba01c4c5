//! The candidate tuple: columns, files, truth labels.

pub mod hash;
pub mod truth;
