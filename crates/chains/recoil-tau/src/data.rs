//! The candidate tuple: columns, files, truth labels.

pub mod arrow;
pub mod columns;
pub mod file;
pub mod hash;
pub mod input_list;
pub mod labels;
pub mod load;
pub mod nanoaod;
pub mod truth;
