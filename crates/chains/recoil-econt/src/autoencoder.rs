//! Autoencoders of wafers: the encoder is the network on the chip, the decoder runs behind the links.
//!
//! * [`models`] knows every network by name, and builds encoder and decoder for an image, a number format and a number of
//!   links.
//! * [`loss`] is what a training minimises: the telescope loss, the weighted square error, the exact earth mover's distance
//!   by its dual potentials, the entropic distance, or a network that estimates the distance ([`surrogate`]).
//! * [`conditions`] are what a conditional decoder knows about the wafer.
//! * [`trained`] is a model with its parameters, as it lies in a folder: wafers through encoder and decoder.
//! * [`integer`] is the quantised encoder in whole numbers, as the chip computes it.
//! * [`export`] writes a model for other programs.

pub mod conditions;
pub mod export;
pub mod integer;
pub mod loss;
pub mod models;
pub mod surrogate;
pub mod trained;

pub use loss::{LossConfig, WaferLoss};
pub use models::{Arithmetic, Model, ModelConfig};
pub use trained::Autoencoder;
