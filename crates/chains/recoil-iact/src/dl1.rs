//! DL1: events reduced to images and image parameters.

pub mod columns;
pub mod reduce;
pub mod row;
