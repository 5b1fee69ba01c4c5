//! The ECON-T front end of the CMS HGCAL trigger
//!
//! A silicon wafer of the calorimeter feeds the charges of 48 trigger cells to the trigger at every bunch crossing, 25 ns
//! apart; a chip, the ECON-T, has to squeeze them into a few 32-bit words. It can send the cells above a threshold, the
//! largest ones (best choice), sums of neighbours (super trigger cells), all of them on more links (repeater), or the
//! latent numbers of a small neural network.
//!
//! * [`emulator`] is the chip in integers, from the input links to the output links, bit for bit.
//! * [`data`] reads tables of charges in every form that they have taken; [`wafer`] knows where the cells are, and
//!   [`simulate`] makes realistic wafers from a seed.
//! * [`arrangement`] makes images of wafers, as networks see them, and [`metrics`] tells how far a transmitted wafer is from
//!   the true one; [`transmission`] is what reaches the back end.
//! * [`front_end`] passes the trigger cells of whole events through the chips; [`study`] and [`figures`] compare algorithms.
//! * [`autoencoder`] holds the networks of the chip's fifth way: trained, quantised, in whole numbers, exported.
//! * [`stages`] binds all of it to files.
//!
//! ```
//! use recoil_econt::simulate::{WaferConfig, wafer};
//! use recoil_stage::Seed;
//!
//! let made = wafer(&WaferConfig::default(), Seed::new(1), 0);
//! assert!(made.charges.iter().any(|&charge| charge > 0));
//! ```

// units stand in brackets, as in [counts]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod arrangement;
pub mod autoencoder;
pub mod data;
pub mod emulator;
pub mod error;
pub mod figures;
pub mod front_end;
pub mod metrics;
pub mod simulate;
pub mod stages;
pub mod study;
pub mod transmission;
pub mod wafer;

pub use error::{EcontError, Result};
