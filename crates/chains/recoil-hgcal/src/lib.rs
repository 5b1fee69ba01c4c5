//! The CMS HGCAL Level-1 trigger chain
//!
//! Trigger cells of the high-granularity endcap calorimeter become three-dimensional clusters: [`fill`] projects the
//! cells into an (R/z, phi) histogram, [`smooth`] smooths it, [`seed`] takes its maxima, and [`cluster`] attaches the
//! cells around each seed. [`chain`] is all four, for one event or many. The columns of every table are in [`data`].

pub mod chain;
pub mod cluster;
pub mod data;
pub mod energy;
pub mod error;
pub mod fill;
pub mod geometry;
pub mod phi_optimization;
pub mod seed;
pub mod shapes;
pub mod simulate;
pub mod smooth;
pub mod stage1;
pub mod stages;
pub mod towers;

pub use error::{HgcalError, Result};
