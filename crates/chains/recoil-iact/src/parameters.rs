//! Parameters of cleaned images: the ellipse, its errors, timing, leakage, concentration.

pub mod hillas;
pub mod shape;
pub mod timing;
