//! Training: batches from files, weights of candidates, trained models in folders.

pub mod balance;
pub mod model;
pub mod ranking;
pub mod source;
pub mod task;

pub use model::TauModel;
