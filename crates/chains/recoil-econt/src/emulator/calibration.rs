//! From codes to transverse charge.

use super::float::{CompressedFloat, Fraction};
use crate::wafer::CELLS;

/// Charges that the read-out chips' codes stand for; `drop` is 1 in low-density and 3 in high-density modules. An empty
/// cell comes out as half of the dropped bits.
pub fn to_fixed(codes: &[u8; CELLS], drop: u32) -> [u32; CELLS] {
    let format = CompressedFloat::new(drop, 4, 3);
    codes.map(|code| format.decode(u32::from(code), Fraction::Middle) as u32)
}

/// Calibrated charges: each multiplied by its register of 12 bits (11 of them fractional).
pub fn calibrate(charges: &[u32; CELLS], values: &[u32; CELLS]) -> [u32; CELLS] {
    let mut calibrated = *charges;
    for (charge, value) in calibrated.iter_mut().zip(values) {
        *charge = ((u64::from(*charge) * u64::from(*value)) >> 11) as u32;
    }
    calibrated
}

/// Calibration register of a trigger cell at this pseudorapidity: 2^11 / cosh(eta), rounded, in 12 bits.
pub fn calibration_value(eta: f64) -> u32 {
    let value = (2048.0 / eta.cosh()).round();
    if value.is_finite() { value.clamp(0.0, 4095.0) as u32 } else { 0 }
}

/// The factor that later producers of charges use instead: 2^12 / cosh(eta), cut off, over 2^12.
pub fn calibration_factor(eta: f64) -> f64 {
    let value = (4096.0 / eta.cosh()).floor();
    if value.is_finite() { value / 4096.0 } else { 0.0 }
}
