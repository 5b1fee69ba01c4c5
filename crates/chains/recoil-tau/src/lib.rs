//! Tau identification: from candidate tuples to working points
//!
//! A tau lepton that decays to hadrons leaves one or three charged tracks and a few photons in a narrow cone; jets,
//! electrons and muons fake it. This chain takes tuples with one row per candidate to trained networks and working
//! points.
//!
//! * [`data`] knows the candidate tuple: its 711 columns, the files that hold it, the truth labels.
//! * [`features`] is the one declarative table of network inputs that scaling, batches, training and export share.
//! * [`network`] holds the convolutional network and its losses.
//! * [`training`] goes through files of candidates and keeps trained models.
//! * [`evaluation`] measures how well taus are told from fakes.
//! * [`stages`] binds all of it to files.
//!
//! ```
//! use recoil_tau::data::truth::{GenMatch, SampleType, TauType};
//!
//! assert_eq!(TauType::of(SampleType::Simulation, GenMatch::Tau), Ok(TauType::Tau));
//! ```

// units stand in brackets, as in [GeV]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod batches;
pub mod data;
pub mod error;
pub mod evaluation;
pub mod features;
pub mod figures;
pub mod grid;
pub mod network;
pub mod scaling;
pub mod shuffle;
pub mod simulate;
pub mod spectrum;
pub mod stages;
pub mod training;
pub mod validation;

pub use error::{Result, TauError};
