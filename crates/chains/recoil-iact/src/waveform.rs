//! From samples to charges and times.
//!
//! Calibration, choice of the gain, integration around the peak. Formulas are those of ctapipe's simulation reader and
//! charge extractors; values pass through single precision at the same places.

pub mod calibrate;
pub mod integrate;
pub mod nsb;
