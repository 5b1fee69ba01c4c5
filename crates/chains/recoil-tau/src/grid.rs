//! The particles around a candidate on grids, kept sparse.
//!
//! A grid is centred on the candidate, in pseudorapidity and azimuth. A cell keeps, of each kind of object, the one of
//! highest transverse momentum. Some 20 of 562 cells hold anything: only those are stored, each with the inputs of every
//! network that looks at single cells.

mod cells;
mod encode;
mod sequence;

pub use cells::{CellFinder, Place};
pub use encode::{Encoder, FlatInputs, SparseGrid};
pub use sequence::{Form, PointBlock, Sequence};
