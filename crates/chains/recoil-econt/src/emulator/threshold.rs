//! Threshold sum: all cells above threshold, and the sum of the module.

use super::float::{CHARGE, MODULE_SUM};
use crate::wafer::CELLS;

/// What the threshold block hands to the formatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThresholdSum {
    /// Bit `i` is set if cell `i` passes.
    pub map: u64,
    /// Codes of the cells that pass, in the order of cells; zero behind them.
    pub charges: [u8; CELLS],
    /// Number of cells that pass.
    pub count: usize,
    /// Code of the sum of all cells.
    pub sum: u8,
    /// Code of the sum of the cells that fail.
    pub sum_not_transmitted: u8,
}

/// Compares every charge with its threshold. Charges lose `drop` bits before they are encoded; sums do not.
pub fn threshold_sum(charges: &[u32; CELLS], thresholds: &[u32; CELLS], drop: u32) -> ThresholdSum {
    let format = super::float::CompressedFloat::new(drop, 4, 3);
    let mut out = ThresholdSum { map: 0, charges: [0; CELLS], count: 0, sum: 0, sum_not_transmitted: 0 };
    let (mut all, mut failing) = (0u32, 0u32);
    for (cell, (&charge, &threshold)) in charges.iter().zip(thresholds).enumerate() {
        all = all.saturating_add(charge);
        if charge >= threshold {
            out.map |= 1 << cell;
            if let Some(place) = out.charges.get_mut(out.count) {
                *place = format.encode(charge) as u8;
            }
            out.count += 1;
        } else {
            failing = failing.saturating_add(charge);
        }
    }
    out.sum = MODULE_SUM.encode(all) as u8;
    out.sum_not_transmitted = MODULE_SUM.encode(failing) as u8;
    out
}

impl ThresholdSum {
    /// Whether cell `cell` passes.
    pub fn passes(&self, cell: usize) -> bool {
        cell < CELLS && self.map >> cell & 1 == 1
    }

    /// Charges as they can be recovered from codes: those that pass, in the units of the input.
    pub fn decoded(&self, drop: u32) -> [u32; CELLS] {
        let mut out = [0; CELLS];
        let passing = (0..CELLS).filter(|&cell| self.passes(cell));
        for (cell, &code) in passing.zip(&self.charges) {
            if let Some(place) = out.get_mut(cell) {
                *place = super::float::restored(CHARGE, u32::from(code), drop);
            }
        }
        out
    }
}
