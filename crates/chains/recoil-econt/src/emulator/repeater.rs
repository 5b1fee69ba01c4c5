//! Repeater: all cells, each in seven bits.

use super::float::CompressedFloat;
use crate::wafer::CELLS;

/// Codes of all charges, which lose `drop` bits first.
pub fn repeater(charges: &[u32; CELLS], drop: u32) -> [u8; CELLS] {
    let format = CompressedFloat::new(drop, 4, 3);
    charges.map(|charge| format.encode(charge) as u8)
}
