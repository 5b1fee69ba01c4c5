//! The numbers that a network learns, by name.

use crate::error::{NnError, Result};
use crate::network::{Network, Start, TensorSpec};
use crate::safetensors::{self, Tensor};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// All tensors of a network in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    pub(crate) specs: Vec<TensorSpec>,
    pub(crate) values: Vec<f32>,
}

impl Parameters {
    /// Parameters as a training starts: kernels uniform after Glorot, biases and the rest constant. Each tensor has its
    /// own stream of random numbers, so that another layer does not change it.
    pub fn new(network: &Network, seed: u64) -> Self {
        let mut values = vec![0.0; network.values()];
        for (index, tensor) in network.tensors.iter().enumerate() {
            let own = &mut values[tensor.range.clone()];
            match tensor.start {
                Start::Constant(value) => own.fill(value),
                Start::Glorot { inputs, outputs } => {
                    let limit = (6.0 / (inputs + outputs) as f64).sqrt();
                    let mut rng = ChaCha8Rng::seed_from_u64(seed);
                    rng.set_stream(index as u64);
                    for value in own.iter_mut() {
                        let unit = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                        *value = (limit * (2.0 * unit - 1.0)) as f32;
                    }
                    enlarge(own, tensor);
                }
            }
        }
        Self { specs: network.tensors.clone(), values }
    }

    /// The tensors' names and shapes.
    pub fn specs(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// All numbers, tensor after tensor.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers of one tensor.
    pub fn tensor(&self, name: &str) -> Option<&[f32]> {
        let spec = self.specs.iter().find(|spec| spec.name == name)?;
        self.values.get(spec.range.clone())
    }

    /// The numbers of one tensor, rounded to its number format.
    pub fn quantised(&self, name: &str) -> Option<Vec<f32>> {
        let spec = self.specs.iter().find(|spec| spec.name == name)?;
        let round = |&value: &f32| spec.quantiser.map_or(value, |quantiser| quantiser.value(value));
        Some(self.values.get(spec.range.clone())?.iter().map(round).collect())
    }

    /// Replaces one tensor.
    ///
    /// # Errors
    /// A name that the network does not have, another shape, or a number that is not finite.
    pub fn set(&mut self, tensor: &Tensor) -> Result<()> {
        let name = &tensor.name;
        let spec = self.specs.iter().find(|spec| spec.name == *name);
        let spec = spec.ok_or_else(|| NnError::tensor(name, "the network has no such tensor"))?;
        if spec.shape != tensor.shape || spec.range.len() != tensor.values.len() {
            let message = format!("its shape is {:?}, the network has {:?}", tensor.shape, spec.shape);
            return Err(NnError::tensor(name, message));
        }
        if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
            return Err(NnError::tensor(name, format!("element {index} is not a finite number")));
        }
        self.values[spec.range.clone()].copy_from_slice(&tensor.values);
        Ok(())
    }

    /// The parameters of `network` out of these tensors; further tensors are left alone.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit.
    pub fn from_tensors(network: &Network, tensors: &[Tensor]) -> Result<Self> {
        let mut parameters = Self::new(network, 0);
        for spec in &network.tensors {
            let tensor = tensors.iter().find(|tensor| tensor.name == spec.name);
            parameters.set(tensor.ok_or_else(|| NnError::tensor(&spec.name, "it is missing"))?)?;
        }
        Ok(parameters)
    }

    /// The tensors with their names.
    pub fn to_tensors(&self) -> Vec<Tensor> {
        let tensor = |spec: &TensorSpec| Tensor {
            name: spec.name.clone(),
            shape: spec.shape.clone(),
            values: self.values[spec.range.clone()].to_vec(),
        };
        self.specs.iter().map(tensor).collect()
    }

    /// Reads the parameters of `network` from a safetensors file.
    ///
    /// # Errors
    /// A file that is damaged or of another network.
    pub fn read(network: &Network, path: &Path) -> Result<Self> {
        let tensors = safetensors::read(path)?;
        Self::from_tensors(network, &tensors.tensors).map_err(|error| NnError::format(path, error.to_string()))
    }

    /// Writes a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        safetensors::write(path, &self.to_tensors(), &[])
    }

    /// Keeps weights with a number format within its reach, as between updates of a training.
    pub(crate) fn constrain(&mut self) {
        for spec in &self.specs {
            if let Some(quantiser) = spec.quantiser {
                let limit = quantiser.weight_limit();
                for value in &mut self.values[spec.range.clone()] {
                    *value = value.clamp(-limit, limit);
                }
            }
        }
    }
}

/// Weights that their number format could hardly tell from zero start larger, as in QKeras.
fn enlarge(values: &mut [f32], tensor: &TensorSpec) {
    let Some(quantiser) = tensor.quantiser else { return };
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let deviation = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count).sqrt();
    if quantiser.step() <= deviation {
        return;
    }
    let (mut product, mut square) = (0.0, 0.0);
    for &value in values.iter() {
        let rounded = quantiser.value(value);
        product += rounded * value;
        square += rounded * rounded;
    }
    let factor = if product > 0.0 { (square / product).max(1.0) } else { quantiser.step() / deviation.max(1e-12) };
    for value in values {
        *value *= factor;
    }
}
