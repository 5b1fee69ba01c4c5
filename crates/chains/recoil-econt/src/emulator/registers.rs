//! What can be set on the chip.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super_cells::SuperCell;
use crate::wafer::CELLS;

/// Size of the sensor cells of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Low density: 192 cells, four per trigger cell.
    #[default]
    Ld,
    /// High density: 432 cells, nine per trigger cell.
    Hd,
}

impl Density {
    /// Bits that charges lose before they are encoded.
    pub const fn drop_lsb(self) -> u32 {
        match self {
            Self::Ld => 1,
            Self::Hd => 3,
        }
    }

    /// The usual kind of super trigger cells.
    pub const fn super_cell(self) -> SuperCell {
        match self {
            Self::Ld => SuperCell::Stc16Of9,
            Self::Hd => SuperCell::Stc4Of9,
        }
    }
}

/// Default of the multiplexer: output `p` gets input `MUX_SELECT[p]`.
pub const MUX_SELECT: [usize; CELLS] = [
    7, 4, 5, 6, 3, 1, 0, 2, 8, 9, 10, 11, 14, 13, 12, 15, 23, 20, 21, 22, 19, 17, 16, 18, 25, 24, 26, 27, 30, 31, 28,
    29, 38, 37, 39, 46, 36, 34, 33, 35, 40, 32, 41, 42, 47, 45, 43, 44,
];

/// Default threshold of every cell \[counts\]: 1.35 MIP of 3.43 fC, at 100 fC per 1024 counts.
pub const THRESHOLD: u32 = 47;

/// Default synchronisation pattern of idle words.
pub const SYNC_WORD: u16 = 0b011_0011_0011;

/// Bits that the chip really drops for a register value: values above 4 act as 0.
pub const fn effective_drop(register: u32) -> u32 {
    if register > 4 { 0 } else { register }
}

/// All registers of the data path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Multiplexer: input of every output.
    pub mux_select: [usize; CELLS],
    /// Calibration of every cell, 12 bits of which 11 are fractional.
    pub calibration: [u32; CELLS],
    /// Threshold of every cell \[counts\].
    pub threshold: [u32; CELLS],
    /// Bits that charges lose before they are encoded.
    pub drop_lsb: u32,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            mux_select: MUX_SELECT,
            calibration: [2048; CELLS],
            threshold: [THRESHOLD; CELLS],
            drop_lsb: Density::Ld.drop_lsb(),
        }
    }
}
