//! Weights of the reference's Keras models.

use std::path::Path;

use recoil_nn::{Network, Parameters, safetensors};

use crate::error::{Result, TauError};

/// Reads the weights of a Keras model from a safetensors file whose tensors are called `layer/kernel`, `layer/bias`,
/// `layer/gamma`, `layer/beta`, `layer/moving_mean`, `layer/moving_variance` and `layer/alpha`. Kernels have the layout of
/// Keras, which is that of this program: (inputs, outputs), or (height, width, inputs, outputs).
///
/// # Errors
/// A file that cannot be read, or that lacks a tensor of the network.
pub fn read(network: &Network, path: &Path) -> Result<Parameters> {
    let file = safetensors::read(path)?;
    let mut parameters = Parameters::new(network, 0);
    let missing = parameters.take(&file.tensors)?;
    match missing.first() {
        None => Ok(parameters),
        Some(first) => {
            let shape = network.tensor(first).map(|tensor| tensor.shape.clone()).unwrap_or_default();
            let reason =
                format!("{} tensors of the network are missing, first '{first}' of shape {shape:?}", missing.len());
            Err(TauError::content(path.display(), reason))
        }
    }
}
