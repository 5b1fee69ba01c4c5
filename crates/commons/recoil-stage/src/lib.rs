//! What a step of an analysis is: configuration, provenance, outputs, seeds, progress.

pub mod seed;
