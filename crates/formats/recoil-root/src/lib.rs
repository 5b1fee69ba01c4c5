//! Reads and writes ROOT files: trees, histograms and directories

mod bytes;
mod chain;
mod codec;
mod column;
mod error;
mod file;
mod hist;
mod key;
mod source;
mod streamer;
mod tree;
pub mod write;

pub use chain::{Batches, Chain};
pub use column::{Column, Prim, Type, Values};
pub use error::{Error, Fault, Place, Result};
pub use file::{Entry, RootFile};
pub use hist::{Axis, Bins, Hist1, Hist2, Hist3, Profile, Storage};
pub use tree::{Branch, Tree};
