//! The chip in integers: every block from the input links to the output links, bit for bit.
//!
//! Pure functions on arrays of one wafer and bunch crossing. [`float`] is the number format of all charges.

pub mod float;

/// Calibration register of a trigger cell at this pseudorapidity: 2^11 / cosh(eta), rounded, in 12 bits.
pub fn calibration_value(eta: f64) -> u32 {
    let value = (2048.0 / eta.cosh()).round();
    if value.is_finite() { value.clamp(0.0, 4095.0) as u32 } else { 0 }
}
