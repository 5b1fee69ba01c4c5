//! A network that estimates the earth mover's distance of two wafers, and serves as a differentiable loss.
//!
//! It sees both wafers as 4x4x3 images side by side; the estimate is the mean of both orders.

use std::path::Path;
use std::sync::Mutex;

use recoil_nn::lane::{LANES, Lane};
use recoil_nn::pass::{self, Mode, Weights, Workspace};
use recoil_nn::{
    Activation, ConvSpec, DenseSpec, InputSpec, LayerSpec, Network, NetworkSpec, NodeSpec, Padding, Parameters, Tensor,
    WeightSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrangement::{Arrangement, Image};
use crate::error::{EcontError, Result};
use crate::wafer::CELLS;

/// File of the description in the network's folder.
pub const DESCRIPTION_FILE: &str = "surrogate.json";
/// File of the parameters.
pub const WEIGHTS_FILE: &str = "weights.safetensors";

/// Size of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurrogateConfig {
    /// Filters of each convolution.
    pub filters: usize,
    /// Height and width of the kernels.
    pub kernel: usize,
    /// Convolutions.
    pub convolutions: usize,
    /// Units of each dense layer.
    pub units: usize,
    /// Dense layers.
    pub dense: usize,
}

impl Default for SurrogateConfig {
    fn default() -> Self {
        Self { filters: 32, kernel: 5, convolutions: 3, units: 256, dense: 1 }
    }
}

impl SurrogateConfig {
    /// The network for one order of the two wafers: `first` and `second` are images of 4x4 pixels with three channels.
    pub fn network(&self) -> NetworkSpec {
        let mut layers = Vec::new();
        self.branch("", ["first", "second"], &mut layers);
        NetworkSpec { inputs: Self::inputs(), layers }
    }

    /// The network for both orders with the same parameters, which gives the sum of the two estimates: what is trained.
    pub fn symmetric_network(&self) -> NetworkSpec {
        let mut layers = Vec::new();
        self.branch("", ["first", "second"], &mut layers);
        self.branch("back_", ["second", "first"], &mut layers);
        let from = vec!["output".to_owned(), "back_output".to_owned()];
        layers.push(NodeSpec { name: "sum".into(), from, layer: LayerSpec::Add });
        NetworkSpec { inputs: Self::inputs(), layers }
    }

    fn inputs() -> Vec<InputSpec> {
        ["first", "second"].map(|name| InputSpec { name: name.to_owned(), shape: vec![4, 4, 3] }).into()
    }

    /// The layers for one order, their names behind a prefix; a prefix takes the parameters of the layers without.
    fn branch(&self, prefix: &str, order: [&str; 2], layers: &mut Vec<NodeSpec>) {
        let shared = |name: &str| (!prefix.is_empty()).then(|| name.to_owned());
        let mut push = |name: String, from: Vec<String>, layer| {
            layers.push(NodeSpec { name: format!("{prefix}{name}"), from, layer });
        };
        push("both".into(), order.map(str::to_owned).into(), LayerSpec::Concat);
        let norm = |name: &str| LayerSpec::BatchNorm { epsilon: 1e-3, momentum: 0.99, shared_with: shared(name) };
        let weights = |name: &str| WeightSpec { shared_with: shared(name), ..WeightSpec::default() };
        for index in 1..=self.convolutions {
            let (name, norm_name) = (format!("conv2d_{index}"), format!("batchnorm_{index}"));
            let conv = ConvSpec {
                filters: self.filters,
                kernel: [self.kernel; 2],
                stride: 1,
                padding: Padding::Same,
                activation: Activation::Linear,
                weights: weights(&name),
            };
            push(name, Vec::new(), LayerSpec::Conv2d(conv));
            push(norm_name.clone(), Vec::new(), norm(&norm_name));
            push(format!("relu_{index}"), Vec::new(), LayerSpec::Activation(Activation::Relu));
        }
        push("flat".into(), Vec::new(), LayerSpec::Flatten);
        let dense = |name: &str, units| {
            LayerSpec::Dense(DenseSpec { units, activation: Activation::Linear, weights: weights(name) })
        };
        for index in 1..=self.dense {
            let place = self.convolutions + index;
            let (name, norm_name) = (format!("dense_{index}"), format!("batchnorm_{place}"));
            push(name.clone(), Vec::new(), dense(&name, self.units));
            push(norm_name.clone(), Vec::new(), norm(&norm_name));
            push(format!("relu_{place}"), Vec::new(), LayerSpec::Activation(Activation::Relu));
        }
        push("output".into(), Vec::new(), dense("output", 1));
    }
}

/// A trained network.
pub struct Surrogate {
    config: SurrogateConfig,
    network: Network,
    parameters: Parameters,
    weights: Weights,
    /// Pixel of every cell in an image of 4x4x3.
    pixels: [usize; CELLS],
    idle: Mutex<Vec<Workspace>>,
}

impl Surrogate {
    /// A network with these parameters.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(config: SurrogateConfig, tensors: &[Tensor]) -> Result<Self> {
        let network = Network::new(&config.network()).map_err(EcontError::Network)?;
        let parameters = Parameters::from_tensors(&network, tensors).map_err(EcontError::Network)?;
        let weights = Weights::new(&network, &parameters);
        let pixels = *Arrangement::of(Image::FourByFour).remap();
        Ok(Self { config, network, parameters, weights, pixels, idle: Mutex::new(Vec::new()) })
    }

    /// Reads a network from its folder.
    ///
    /// # Errors
    /// A folder without such a network.
    pub fn open(folder: &Path) -> Result<Self> {
        let refuse = |reason: String| EcontError::Model { folder: folder.display().to_string(), reason };
        let text = std::fs::read_to_string(folder.join(DESCRIPTION_FILE))
            .map_err(|error| refuse(format!("{DESCRIPTION_FILE}: {error}")))?;
        let config = serde_json::from_str(&text).map_err(|error| refuse(format!("{DESCRIPTION_FILE}: {error}")))?;
        let contents = recoil_nn::safetensors::read(&folder.join(WEIGHTS_FILE)).map_err(EcontError::Network)?;
        Self::new(config, &contents.tensors)
    }

    /// Writes the network into a folder.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let refuse = |reason: String| EcontError::Model { folder: folder.display().to_string(), reason };
        let text = serde_json::to_string_pretty(&self.config).map_err(|error| refuse(error.to_string()))?;
        std::fs::write(folder.join(DESCRIPTION_FILE), text + "\n").map_err(|error| refuse(error.to_string()))?;
        self.parameters.write(&folder.join(WEIGHTS_FILE)).map_err(EcontError::Network)
    }

    /// Estimates for pairs of wafers, as given: in the order (a, b), in the order (b, a), and the mean of both.
    ///
    /// # Errors
    /// Lists of different lengths.
    pub fn estimate(&self, a: &[[f32; CELLS]], b: &[[f32; CELLS]]) -> Result<Vec<[f32; 3]>> {
        let arrangement = Arrangement::of(Image::FourByFour);
        let images =
            |wafers: &[[f32; CELLS]]| -> Vec<f32> { wafers.iter().flat_map(|w| arrangement.image(w)).collect() };
        let (a, b) = (images(a), images(b));
        let run = |first: &[f32], second: &[f32]| self.network.predict(&self.parameters, &[first, second]);
        let forward = run(&a, &b).map_err(EcontError::Network)?;
        let back = run(&b, &a).map_err(EcontError::Network)?;
        Ok(forward.iter().zip(back).map(|(&f, b)| [f, b, 0.5 * (f + b)]).collect())
    }

    /// Adds `weight` times the estimate to the loss of each sample, and its slopes by the predicted cells.
    pub(super) fn add(
        &self,
        weight: f32,
        truth: &[Lane],
        cells: &[Lane; CELLS],
        samples: usize,
        loss: &mut Lane,
        slopes: &mut [Lane; CELLS],
    ) {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut workspace = idle.unwrap_or_else(|| Workspace::training(&self.network));
        for predicted in [1, 0] {
            for (input, lanes) in [(predicted, &cells[..]), (1 - predicted, truth)] {
                let image = workspace.input_mut(&self.network, input);
                for (&pixel, lane) in self.pixels.iter().zip(lanes) {
                    image[pixel] = *lane;
                }
            }
            pass::forward(&self.network, &self.weights, &mut workspace, Mode::Inference, samples);
            let (output, gradient) = workspace.output_and_gradient(&self.network);
            for s in 0..LANES {
                loss.0[s] += 0.5 * weight * output[0].0[s];
            }
            gradient[0] = Lane::splat(0.5 * weight);
            pass::backward(&self.network, &self.weights, &mut workspace, Mode::Inference, samples, None, true);
            let back = workspace.input_gradient(&self.network, predicted);
            for (&pixel, slope) in self.pixels.iter().zip(slopes.iter_mut()) {
                for s in 0..LANES {
                    slope.0[s] += back[pixel].0[s];
                }
            }
        }
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(workspace);
        }
    }
}
