//! A network whose shapes have been checked: nodes over one arena of lanes, and the list of its tensors.

mod build;
pub(crate) mod cost;
pub(crate) mod links;

use crate::description::{Activation, NetworkSpec, Penalty};
use crate::error::{NnError, Result};
use crate::quantise::Quantiser;
use links::{Groups, Links};
use std::ops::Range;

pub use cost::{Cost, LayerCost};

/// A network that can compute.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) spec: NetworkSpec,
    pub(crate) inputs: Vec<Feed>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tensors: Vec<TensorSpec>,
    /// Lanes of all activations together.
    pub(crate) arena: usize,
    pub(crate) output: Slot,
    output_shape: Vec<usize>,
}

/// A place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub at: usize,
    pub len: usize,
}

impl Slot {
    pub(crate) fn range(self) -> Range<usize> {
        self.at..self.at + self.len
    }
}

/// An input of the network.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub name: String,
    pub shape: Vec<usize>,
    pub slot: Slot,
}

/// What a node takes, and whether a gradient must reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub slot: Slot,
    /// Parameters lie upstream.
    pub learns: bool,
    /// Another node has written its gradient before.
    pub add: bool,
}

/// A layer in place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<Edge>,
    pub output: Slot,
    pub shape: Vec<usize>,
}

/// What a node computes.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Linear(Box<Linear>),
    /// Per output feature the input features of its tile.
    MaxPool(Vec<Vec<u32>>),
    Gather(Vec<u32>),
    /// A view: the output lies where the input lies.
    Reshape,
    Activation(Activation),
    Quantise(Quantiser),
    BatchNorm(BatchNorm),
    /// Index of the tensor of factors.
    Prelu(usize),
    Dropout {
        rate: f32,
        alpha: bool,
    },
    /// Channels of a position.
    Softmax(usize),
    /// Channels of each input.
    Concat(Vec<usize>),
    Add,
}

/// A dense layer, a convolution or a transposed convolution.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub links: Links,
    /// Channels of input and output.
    pub channels: [usize; 2],
    /// The kernel is stored as (tap, output, input) instead of (tap, input, output).
    pub adjoint: bool,
    /// Per tap the positions (of the kernel's first channel axis, of its second) that it joins.
    pub pairs: Groups,
    /// Indices of the tensors.
    pub kernel: usize,
    pub bias: usize,
    pub quantiser: Option<Quantiser>,
    pub activation: Activation,
    /// For export.
    pub geometry: Geometry,
}

/// The shape of a linear layer as other programs describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Geometry {
    Dense,
    /// Zeros in front of and behind each axis.
    Conv {
        kernel: [usize; 2],
        stride: usize,
        before: [usize; 2],
        after: [usize; 2],
    },
    /// Positions cut off in front of and behind each axis; negative: zeros appended.
    Transpose {
        kernel: [usize; 2],
        stride: usize,
        before: [usize; 2],
        after: [isize; 2],
    },
}

/// Tensors and constants of a batch normalisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchNorm {
    pub channels: usize,
    pub gamma: usize,
    pub beta: usize,
    pub mean: usize,
    pub variance: usize,
    pub epsilon: f32,
    pub momentum: f32,
}

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Constant(f32),
    /// Uniform within sqrt(6 / (inputs + outputs)).
    Glorot {
        inputs: usize,
        outputs: usize,
    },
    /// Uniform within sqrt(6 / inputs).
    He {
        inputs: usize,
    },
    /// Normal with the variance 1 / inputs, cut at two standard deviations.
    Lecun {
        inputs: usize,
    },
}

/// A tensor of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// `layer/kernel`, `layer/bias`, `layer/gamma`, …
    pub name: String,
    /// Kernels of dense layers (inputs, outputs), of convolutions (height, width, inputs, outputs), of transposed
    /// convolutions (height, width, outputs, inputs).
    pub shape: Vec<usize>,
    /// Whether training changes it by gradients; moving averages are no parameters.
    pub trainable: bool,
    /// Number format in which the network uses it.
    pub quantiser: Option<Quantiser>,
    /// What it adds to the loss.
    pub penalty: Penalty,
    pub(crate) start: Start,
    pub(crate) range: Range<usize>,
}

impl Network {
    /// Checks the description and lays out the network.
    ///
    /// # Errors
    /// The first layer that does not fit, by name.
    pub fn new(spec: &NetworkSpec) -> Result<Self> {
        build::build(spec)
    }

    /// The description.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Names and shapes of the inputs.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, &[usize])> {
        self.inputs.iter().map(|feed| (feed.name.as_str(), feed.shape.as_slice()))
    }

    /// Shape of the output of one sample.
    pub fn output_shape(&self) -> &[usize] {
        &self.output_shape
    }

    /// Features of the output of one sample.
    pub fn output_len(&self) -> usize {
        self.output.len
    }

    /// Names and shapes of the layers' outputs.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (&str, &[usize])> {
        self.nodes.iter().map(|node| (node.name.as_str(), node.shape.as_slice()))
    }

    /// The tensors in the order of the layers.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn tensor(&self, name: &str) -> Result<&TensorSpec> {
        self.tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .ok_or_else(|| NnError::tensor(name, "the network has no such tensor"))
    }

    /// Numbers in all tensors together.
    pub(crate) fn values(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    pub(crate) fn range(&self, tensor: usize) -> Range<usize> {
        self.tensors.get(tensor).map_or(0..0, |tensor| tensor.range.clone())
    }

    /// Number of parameters and operations of each layer.
    pub fn cost(&self) -> Cost {
        cost::cost(self)
    }
}

impl Network {
    /// Per node the names of what it takes.
    pub(crate) fn sources(&self) -> Vec<Vec<String>> {
        let mut before = self.inputs.first().map(|feed| feed.name.clone()).unwrap_or_default();
        let mut all = Vec::with_capacity(self.nodes.len());
        for layer in &self.spec.layers {
            all.push(if layer.from.is_empty() { vec![before] } else { layer.from.clone() });
            before = layer.name.clone();
        }
        all
    }

    /// Size of the tiles of a pooling layer.
    pub(crate) fn pool_size(&self, name: &str) -> usize {
        let layer = self.spec.layers.iter().find(|layer| layer.name == name);
        match layer.map(|layer| &layer.layer) {
            Some(crate::description::LayerSpec::MaxPool { size }) => *size,
            _ => 1,
        }
    }
}
