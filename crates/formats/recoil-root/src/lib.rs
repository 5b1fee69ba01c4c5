//! Reads and writes ROOT files: trees, histograms and directories

mod column;
mod error;
mod hist;

pub use column::{Column, Prim, Type, Values};
pub use error::{Error, Fault, Place, Result};
pub use hist::{Axis, Bins, Hist1, Hist2, Hist3, Profile, Storage};
