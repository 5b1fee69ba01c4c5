//! A network in words: inputs, layers and how they are joined.

use crate::error::{NnError, Result};
use crate::quantise::Quantiser;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network as YAML or JSON describes it.
///
/// Shapes are those of one sample, channels last. A layer takes the output of the layer before it, the first one the
/// first input, unless `from` names others; names of inputs and layers are unique. The output of the network is that of the last layer.
///
/// ```
/// use recoil_nn::{Network, NetworkSpec};
/// let spec = NetworkSpec::from_yaml("example", "
/// inputs:
///   - {name: image, shape: [8, 8, 1]}
/// layers:
///   - {name: conv, layer: {conv2d: {filters: 8, kernel: [3, 3], stride: 2, activation: relu}}}
///   - {name: flat, layer: flatten}
///   - {name: latent, layer: {dense: {units: 16, activation: relu}}}
/// ")?;
/// let network = Network::new(&spec)?;
/// assert_eq!(network.output_shape(), [16]);
/// assert_eq!(network.cost().parameters, 2144);
/// # Ok::<(), recoil_nn::NnError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSpec {
    /// What goes in.
    pub inputs: Vec<InputSpec>,
    /// What is done with it, in an order in which every layer follows those that it takes from.
    pub layers: Vec<NodeSpec>,
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Its name.
    pub name: String,
    /// Shape of one sample, channels last.
    pub shape: Vec<usize>,
}

/// A layer with its name and place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name; parameters are called `name/kernel` and so on.
    pub name: String,
    /// Names of the inputs and layers that it takes from; empty, the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// What it does.
    pub layer: LayerSpec,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Every output from every input.
    Dense(DenseSpec),
    /// Correlation of an image with kernels.
    Conv2d(ConvSpec),
    /// The adjoint of a convolution: an image becomes larger by the stride.
    Conv2dTranspose(ConvSpec),
    /// The largest value of each tile, per channel.
    MaxPool {
        /// Height and width of a tile.
        size: usize,
    },
    /// Every pixel becomes a tile.
    Upsample {
        /// Height and width of a tile.
        size: usize,
    },
    /// All features in a row, channels fastest.
    Flatten,
    /// The same features in another shape.
    Reshape {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Some of the features, by index into the flattened input.
    Gather {
        /// The features in the wanted order.
        indices: Vec<usize>,
        /// Shape of the result; empty, flat.
        #[serde(default)]
        shape: Vec<usize>,
    },
    /// A function of every feature.
    Activation(Activation),
    /// Rounding to a number format, transparent to gradients.
    Quantise(Quantiser),
    /// Shift and scale per channel by the mean and variance of a group of samples while training, of all that was seen
    /// otherwise.
    BatchNorm {
        /// Added to the variance.
        #[serde(default = "epsilon")]
        epsilon: f32,
        /// Memory of the moving averages.
        #[serde(default = "momentum")]
        momentum: f32,
        /// Name of an earlier such layer with as many channels whose scale, shift and averages are used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared_with: Option<String>,
    },
    /// x above zero, below it x times a learned factor: one factor per channel of an image, one per feature otherwise.
    Prelu,
    /// While training some features are dropped at random; otherwise nothing happens.
    Dropout {
        /// Fraction of features that are dropped.
        rate: f32,
        /// Dropped features take the lowest value of `selu`, and mean and variance are kept (arXiv 1706.02515);
        /// otherwise they become zero and the others grow.
        #[serde(default)]
        alpha: bool,
    },
    /// exp(x) over its sum, along the channels.
    Softmax,
    /// Inputs one after the other along the channels.
    Concat,
    /// Sum of inputs of one shape.
    Add,
}

fn epsilon() -> f32 {
    1e-3
}

fn momentum() -> f32 {
    0.99
}

/// A dense layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseSpec {
    /// Number of outputs.
    pub units: usize,
    /// Function of every output.
    #[serde(default)]
    pub activation: Activation,
    /// How it starts, and in which number format its weights are.
    #[serde(default)]
    pub weights: WeightSpec,
}

/// A convolution or its adjoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvSpec {
    /// Number of output channels.
    pub filters: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Distance of neighbouring positions along both axes.
    #[serde(default = "one")]
    pub stride: usize,
    /// What happens at the border; a transposed convolution always gives `stride` times the size.
    #[serde(default)]
    pub padding: Padding,
    /// Function of every output.
    #[serde(default)]
    pub activation: Activation,
    /// How it starts, and in which number format its weights are.
    #[serde(default)]
    pub weights: WeightSpec,
}

fn one() -> usize {
    1
}

/// The weights of a layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeightSpec {
    /// Number format of kernel and bias; the layer computes with the rounded values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiser: Option<Quantiser>,
    /// Value at which biases start.
    pub bias_start: f32,
    /// Distribution of the kernel at the start.
    #[serde(skip_serializing_if = "is_default")]
    pub start: KernelStart,
    /// What the kernel adds to the loss while training in whole batches.
    #[serde(skip_serializing_if = "is_default")]
    pub penalty: Penalty,
    /// Name of an earlier layer of the same kernel shape whose kernel and bias are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Distribution of a kernel at the start; n counts the inputs of one output, m the outputs of one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelStart {
    /// Uniform within sqrt(6 / (n + m)).
    #[default]
    GlorotUniform,
    /// Uniform within sqrt(6 / n).
    HeUniform,
    /// Normal with the variance 1 / n, cut at two standard deviations.
    LecunNormal,
}

/// A term of the loss that keeps weights small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Penalty {
    /// Factor of the sum of absolute values.
    pub l1: f32,
    /// Factor of the sum of squares.
    pub l2: f32,
}

/// Border of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros outside, so that the output has ceil(size / stride) positions; the smaller half of the zeros comes first.
    #[default]
    Same,
    /// Only positions at which the kernel fits.
    Valid,
}

/// A function of every feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// 1.0507 x above zero, 1.7581 (exp(x) - 1) below (arXiv 1706.02515).
    Selu,
}

impl NetworkSpec {
    /// Reads a description; `name` is the origin that messages name.
    ///
    /// # Errors
    /// Text that is no description, with line and column.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self> {
        serde_saphyr::from_str(text)
            .map_err(|error| NnError::Syntax { name: name.to_owned(), message: error.to_string() })
    }

    /// This network with the layers of `next` behind it. The one input of `next` is the output of this network; further
    /// inputs of `next` become further inputs of the whole.
    ///
    /// # Errors
    /// When `next` has no input or a name stands for two things.
    pub fn then(mut self, next: &Self) -> Result<Self> {
        let Some((joint, further)) = next.inputs.split_first() else {
            return Err(NnError::Network("the second network has no input".into()));
        };
        let last = self.layers.last().map_or_else(
            || self.inputs.first().map(|input| input.name.clone()).unwrap_or_default(),
            |layer| layer.name.clone(),
        );
        self.inputs.extend(further.iter().cloned());
        for (index, layer) in next.layers.iter().enumerate() {
            let mut layer = layer.clone();
            if index == 0 && layer.from.is_empty() {
                layer.from = vec![joint.name.clone()];
            }
            for from in &mut layer.from {
                if *from == joint.name {
                    from.clone_from(&last);
                }
            }
            self.layers.push(layer);
        }
        Ok(self)
    }
}
