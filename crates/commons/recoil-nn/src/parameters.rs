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
        Self::of_specs(&network.tensors, seed)
    }

    /// The same for a list of tensors that stand one behind the other.
    pub(crate) fn of_specs(tensors: &[TensorSpec], seed: u64) -> Self {
        let mut values = vec![0.0; tensors.last().map_or(0, |tensor| tensor.range.end)];
        for (index, tensor) in tensors.iter().enumerate() {
            let own = &mut values[tensor.range.clone()];
            match tensor.start {
                Start::Constant(value) => own.fill(value),
                Start::Glorot { inputs, outputs } => {
                    uniform(own, (6.0 / (inputs + outputs) as f64).sqrt(), seed, index);
                    enlarge(own, tensor);
                }
                Start::He { inputs } => {
                    uniform(own, (6.0 / inputs as f64).sqrt(), seed, index);
                    enlarge(own, tensor);
                }
                Start::Lecun { inputs } => {
                    // a normal distribution that is cut at two standard deviations has 0.8796 of the width
                    let width = (1.0 / inputs as f64).sqrt() / 0.879_625_661_034_239_8;
                    let mut unit = units(seed, index);
                    for value in own.iter_mut() {
                        *value = loop {
                            // the polar method would need pairs; Box and Muller's formula takes two numbers for one
                            let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), unit());
                            let normal = radius * (std::f64::consts::TAU * angle).cos();
                            if normal.abs() <= 2.0 {
                                break (width * normal) as f32;
                            }
                        };
                    }
                    enlarge(own, tensor);
                }
            }
        }
        Self { specs: tensors.to_vec(), values }
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

    /// Keeps the tensors of layers that `frozen` names as they are while training; a batch normalisation among them
    /// uses its moving averages.
    pub fn freeze(&mut self, frozen: impl Fn(&str) -> bool) {
        for spec in &mut self.specs {
            let layer = spec.name.rsplit_once('/').map_or(spec.name.as_str(), |(layer, _)| layer);
            spec.trainable &= !frozen(layer);
        }
    }

    /// Takes the tensors that have the name and shape of one of the network; says which of the network's are missing.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn take(&mut self, tensors: &[Tensor]) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        for spec in self.specs.clone() {
            match tensors.iter().find(|tensor| tensor.name == spec.name && tensor.shape == spec.shape) {
                Some(tensor) => self.set(tensor)?,
                None => missing.push(spec.name),
            }
        }
        Ok(missing)
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

/// Numbers from 0 to below 1, of a tensor's own stream.
fn units(seed: u64, tensor: usize) -> impl FnMut() -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(tensor as u64);
    move || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn uniform(values: &mut [f32], limit: f64, seed: u64, tensor: usize) {
    let mut unit = units(seed, tensor);
    for value in values {
        *value = (limit * (2.0 * unit() - 1.0)) as f32;
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
