//! Arithmetic on lanes, compiled for several instruction sets; the best one is chosen at run time.

pub(crate) mod accumulate;
pub(crate) mod gradient;
pub(crate) mod linear;
pub(crate) mod norm;
pub mod pointwise;
