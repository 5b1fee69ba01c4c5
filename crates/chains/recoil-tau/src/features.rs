//! The declarative table of network inputs.
//!
//! One table says what each feature is, which objects have it, and how it is scaled. Scaling, batches, training and
//! export all read it, so that what was scaled is what is trained on.

pub mod expression;
pub mod program;
mod read;
pub mod table;

pub use program::{Inputs, Lanes, Program, Scratch};
pub use table::{Block, Cone, Feature, FeatureTable, Grid, Scaling, Scope};
