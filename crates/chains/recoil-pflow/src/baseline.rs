//! Particle flow by rules, and blocks of elements that belong together.

pub mod blocks;
pub mod edges;
pub mod flow;
pub mod grid;
pub mod puppi;
pub mod view;
