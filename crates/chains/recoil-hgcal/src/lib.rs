//! The CMS HGCAL Level-1 trigger chain
//!
//! Trigger cells of the high-granularity endcap calorimeter become three-dimensional clusters: [`fill`] projects the
//! cells into an (R/z, phi) histogram, [`smooth`] smooths it, [`seed`] takes its maxima, and [`cluster`] attaches the
//! cells around each seed. [`chain`] is all four, for one event or many. The columns of every table are in [`data`].
//! [`front_end`] is what happens to the cells before: the emulated chips that compress them.
//! [`coarse`] is the other way to seeds, through hot modules and hexagonal coordinates. [`skim`] and [`baseline`] select
//! events, [`matching`], [`validate`] and [`study`] compare clusters with the generated particles.
//! [`stages`] binds all of it to files.

// units stand in brackets, as in [GeV]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod baseline;
pub mod chain;
pub mod cluster;
pub mod coarse;
pub mod data;
pub mod energy;
pub mod error;
pub mod figures;
pub mod fill;
pub mod front_end;
pub mod geometry;
pub mod matching;
pub mod phi_optimization;
pub mod report;
pub mod scan;
pub mod seed;
pub mod shapes;
pub mod simulate;
pub mod skim;
pub mod smooth;
pub mod stage1;
pub mod stages;
pub mod study;
pub mod towers;
pub mod validate;

pub use error::{HgcalError, Result};
