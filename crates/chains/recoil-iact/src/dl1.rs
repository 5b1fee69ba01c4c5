//! DL1: events reduced to images and image parameters.

pub mod again;
pub mod columns;
pub mod describe;
pub mod hdf5;
pub mod instrument;
pub mod reduce;
pub mod row;
pub mod stored;
