//! Where the trigger cells are: layers, silicon wafers, scintillator rings, and the table of all cells.
//!
//! * [`layers`]: numbering and z positions;
//! * [`silicon`]: wafer lattice, cell lattice, outlines, look-up of the cell at a point;
//! * [`scintillator`]: rings of tiles, outlines, look-up;
//! * [`cells`]: cells as columns;
//! * [`cell_map`]: all cells of the model detector, with look-ups by address and position;
//! * [`tester`]: the columns of the CMSSW geometry tester and the selection of the trigger layers.
//!
//! Everything is written for the endcap at positive z. The other endcap is the same one turned by half a turn about the
//! y axis: x and z change sign.

pub mod cell_map;
pub mod cells;
pub mod layers;
pub mod scintillator;
pub mod silicon;
pub mod tester;

pub use cell_map::{CellMap, GeometryConfig};
pub use cells::Cells;

/// A point of the transverse plane \[cm\].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// \[cm\]
    pub x: f64,
    /// \[cm\]
    pub y: f64,
}
