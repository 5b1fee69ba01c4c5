//! The chain's columns, and tables of wafer charges in memory.
//!
//! A *CALQ table* has one row per wafer and bunch crossing: 48 calibrated charges, and possibly what is known about the
//! wafer. [`calq`] reads every form that such tables have taken.

pub mod calq;
pub mod columns;
pub mod prepare;
pub mod select;

pub use crate::wafer::CELLS;
pub use calq::{CalqReader, ChargeReader, WaferBatch, read_wafers};
pub use columns::{ColumnDef, ColumnType};

/// Charges of one wafer \[counts\], in the order of the table that they are from.
pub type Wafer = [u32; CELLS];

/// Largest calibrated charge: the chip counts in 22 bits.
pub const LARGEST_CHARGE: u32 = (1 << 22) - 1;
