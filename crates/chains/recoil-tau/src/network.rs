//! The networks that tell taus from electrons, muons and jets, and what they minimise.

pub mod batch;
pub mod cnn;
pub mod dual;
pub mod loss;
pub mod points;
pub mod topology;
pub mod weights;
mod width;

pub use cnn::{CnnConfig, InputShape};
pub use loss::{LossName, TauLoss};
