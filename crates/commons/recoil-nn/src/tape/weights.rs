//! The named tensors of a model.

use super::product::Packed;
use crate::error::{NnError, Result};
use crate::safetensors::{self, Tensor};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// All the same.
    Constant(f32),
    /// Uniform between plus and minus this.
    Uniform(f32),
    /// Normal with this standard deviation.
    Normal(f32),
}

/// A tensor among the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTensor {
    /// name, as `nn0.0.weight`
    pub name: String,
    /// shape; kernels of linear layers are (outputs, inputs)
    pub shape: Vec<usize>,
    /// where its numbers stand among those of all tensors
    pub range: Range<usize>,
    /// whether training changes it
    pub trainable: bool,
}

type Kernels = HashMap<(usize, Range<usize>, bool), Kernel>;

/// A kernel in the order in which products read it.
#[derive(Debug)]
struct Kernel {
    packed: Arc<Packed>,
    /// whether the weights have changed since
    stale: bool,
}

/// All tensors of a model in one row of numbers.
#[derive(Debug, Default)]
pub struct Weights {
    tensors: Vec<WeightTensor>,
    places: BTreeMap<String, usize>,
    values: Vec<f32>,
    seed: u64,
    /// packed when first used, and again in the same memory when the weights have changed
    kernels: Mutex<Kernels>,
}

impl Clone for Weights {
    fn clone(&self) -> Self {
        Self {
            tensors: self.tensors.clone(),
            places: self.places.clone(),
            values: self.values.clone(),
            seed: self.seed,
            kernels: Mutex::default(),
        }
    }
}

impl Weights {
    /// No tensors yet; those that start at random depend on the seed and their name alone.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// A name that exists.
    pub fn push(&mut self, name: &str, shape: &[usize], start: Start) -> Result<()> {
        if self.places.contains_key(name) {
            return Err(NnError::tensor(name, "it exists twice"));
        }
        let from = self.values.len();
        let range = from..from + shape.iter().product::<usize>();
        let name_seed = name.bytes().fold(self.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = ChaCha8Rng::seed_from_u64(name_seed);
        let mut unit = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        self.values.extend(range.clone().map(|_| match start {
            Start::Constant(value) => value,
            Start::Uniform(limit) => (f64::from(limit) * (2.0 * unit() - 1.0)) as f32,
            Start::Normal(width) => {
                let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), unit());
                (f64::from(width) * radius * (std::f64::consts::TAU * angle).cos()) as f32
            }
        }));
        self.places.insert(name.to_owned(), self.tensors.len());
        self.tensors.push(WeightTensor { name: name.to_owned(), shape: shape.to_vec(), range, trainable: true });
        Ok(())
    }

    /// Adds `NAME.weight` (outputs, inputs) and `NAME.bias` with the start of PyTorch: uniform within 1/sqrt(inputs).
    ///
    /// # Errors
    /// A name that exists.
    pub fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<()> {
        let limit = 1.0 / (inputs.max(1) as f32).sqrt();
        self.push(&format!("{name}.weight"), &[outputs, inputs], Start::Uniform(limit))?;
        self.push(&format!("{name}.bias"), &[outputs], Start::Uniform(limit))
    }

    /// Adds `NAME.weight` of ones and `NAME.bias` of zeros.
    ///
    /// # Errors
    /// A name that exists.
    pub fn norm(&mut self, name: &str, columns: usize) -> Result<()> {
        self.push(&format!("{name}.weight"), &[columns], Start::Constant(1.0))?;
        self.push(&format!("{name}.bias"), &[columns], Start::Constant(0.0))
    }

    /// Number of numbers.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The tensors in their order.
    pub fn tensors(&self) -> &[WeightTensor] {
        &self.tensors
    }

    /// All numbers, tensor after tensor.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All numbers, to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        if let Ok(kernels) = self.kernels.get_mut() {
            kernels.values_mut().for_each(|kernel| kernel.stale = true);
        }
        &mut self.values
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The place of a tensor in [`Weights::tensors`].
    ///
    /// # Errors
    /// A name that does not exist.
    pub fn place(&self, name: &str) -> Result<usize> {
        self.places.get(name).copied().ok_or_else(|| NnError::tensor(name, "it is missing"))
    }

    /// A tensor's description.
    ///
    /// # Errors
    /// A name that does not exist.
    pub fn describe(&self, name: &str) -> Result<&WeightTensor> {
        Ok(&self.tensors[self.place(name)?])
    }

    /// The numbers of a tensor.
    ///
    /// # Errors
    /// A name that does not exist.
    pub fn tensor(&self, name: &str) -> Result<&[f32]> {
        Ok(&self.values[self.describe(name)?.range.clone()])
    }

    /// Replaces the numbers of a tensor.
    ///
    /// # Errors
    /// A name that does not exist, another shape, or a number that is not finite.
    pub fn set(&mut self, tensor: &Tensor) -> Result<()> {
        let own = self.describe(&tensor.name)?.clone();
        if own.shape != tensor.shape || own.range.len() != tensor.values.len() {
            let message = format!("its shape is {:?}, the model has {:?}", tensor.shape, own.shape);
            return Err(NnError::tensor(&tensor.name, message));
        }
        if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
            return Err(NnError::tensor(&tensor.name, format!("element {index} is not a finite number")));
        }
        self.values_mut()[own.range].copy_from_slice(&tensor.values);
        Ok(())
    }

    /// Takes the tensors that the model has too; gives the names of the model's that are missing.
    ///
    /// # Errors
    /// A tensor of another shape, or with a number that is not finite.
    pub fn take(&mut self, tensors: &[Tensor]) -> Result<Vec<String>> {
        for tensor in tensors {
            if self.contains(&tensor.name) {
                self.set(tensor)?;
            }
        }
        let given = |own: &&WeightTensor| !tensors.iter().any(|tensor| tensor.name == own.name);
        Ok(self.tensors.iter().filter(given).map(|own| own.name.clone()).collect())
    }

    /// Weights that are these tensors.
    ///
    /// # Errors
    /// A name that exists twice, or a number that is not finite.
    pub fn from_tensors(tensors: &[Tensor]) -> Result<Self> {
        let mut weights = Self::new(0);
        for tensor in tensors {
            weights.push(&tensor.name, &tensor.shape, Start::Constant(0.0))?;
            weights.set(tensor)?;
        }
        Ok(weights)
    }

    /// The tensors with their names.
    pub fn to_tensors(&self) -> Vec<Tensor> {
        self.with_names(&self.values, "")
    }

    /// Numbers in the layout of the weights as tensors with this before their names.
    pub fn with_names(&self, values: &[f32], prefix: &str) -> Vec<Tensor> {
        let tensor = |own: &WeightTensor| Tensor {
            name: format!("{prefix}{}", own.name),
            shape: own.shape.clone(),
            values: values.get(own.range.clone()).unwrap_or_default().to_vec(),
        };
        self.tensors.iter().map(tensor).collect()
    }

    /// Reads the tensors of a safetensors file.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_tensors(&safetensors::read(path)?.tensors)
    }

    /// Keeps the tensors whose names `frozen` knows as they are while training.
    pub fn freeze(&mut self, frozen: impl Fn(&str) -> bool) {
        for tensor in &mut self.tensors {
            tensor.trainable = !frozen(&tensor.name);
        }
    }

    /// Rows of a kernel in the order in which products read them: `transposed` for inputs to outputs, otherwise for
    /// gradients of outputs to those of inputs.
    pub(super) fn kernel(&self, place: usize, rows: Range<usize>, transposed: bool) -> Arc<Packed> {
        let tensor = &self.tensors[place];
        let inputs = tensor.shape.get(1..).map_or(1, |rest| rest.iter().product());
        let own = &self.values[tensor.range.clone()][rows.start * inputs..rows.end * inputs];
        let fill = |packed: &mut Packed| match transposed {
            true => packed.fill_transposed(own, rows.len(), inputs, inputs),
            false => packed.fill(own, rows.len(), inputs, inputs),
        };
        let make = || {
            let mut packed = Packed::default();
            fill(&mut packed);
            Arc::new(packed)
        };
        let Ok(mut kernels) = self.kernels.lock() else { return make() };
        let kernel =
            kernels.entry((place, rows.clone(), transposed)).or_insert_with(|| Kernel { packed: make(), stale: false });
        if std::mem::take(&mut kernel.stale) {
            match Arc::get_mut(&mut kernel.packed) {
                Some(packed) => fill(packed),
                None => kernel.packed = make(),
            }
        }
        Arc::clone(&kernel.packed)
    }
}
