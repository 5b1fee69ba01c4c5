//! What a stage writes: tables, figures and documents.
//!
//! A stage declares names of outputs and gets a path for each from its [`Run`](recoil_stage::Run); a table is columns of
//! Arrow, a figure a description of panels. This crate is where the three meet, so that every chain writes in the same way
//! and says the same when it cannot.

mod document;
mod table;

pub use document::{csv, figure, figures, json, pictures, text};
pub use table::Table;
