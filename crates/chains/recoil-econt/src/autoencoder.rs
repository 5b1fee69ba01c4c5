//! Autoencoders of wafers: the encoder is the network on the chip, the decoder runs behind the links.
//!
//! * [`models`] builds encoder and decoder for an image, a number format and a number of links; [`catalogue`] knows every
//!   network by name.
//! * [`loss`] is what a training minimises: the telescope loss, the weighted square error, the exact earth mover's distance
//!   by its dual potentials, the entropic distance, or a network that estimates the distance ([`surrogate`], made by [`surrogate_training`]).
//! * [`conditions`] are what a conditional decoder knows about the wafer.
//! * [`trained`] is a model with its parameters, as it lies in a folder: wafers through encoder and decoder.
//! * [`training`] makes one of wafers.
//! * [`shipped`] are the models that come with the program.
//! * [`integer`] is the quantised encoder in whole numbers, as the chip computes it.
//! * [`channel`] puts it behind links: outputs of nine bits, those that are kept, and the charges that arrive.
//! * [`export`] writes a model for other programs.

pub mod catalogue;
pub mod channel;
pub mod conditions;
mod entropic;
pub mod export;
pub mod integer;
pub mod loss;
pub mod models;
pub mod shipped;
pub mod surrogate;
pub mod surrogate_training;
pub mod trained;
pub mod training;

pub use catalogue::Model;
pub use channel::Channel;
pub use loss::{LossConfig, WaferLoss};
pub use models::{Arithmetic, ModelConfig};
pub use trained::Autoencoder;

/// A file name with a word before its extension: `state.safetensors` becomes `state.links2.safetensors`.
pub fn with_word(path: &std::path::Path, word: &str) -> std::path::PathBuf {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_extension(if extension.is_empty() { word.to_owned() } else { format!("{word}.{extension}") })
}
