//! What a network looks like.

use recoil_nn::tape::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gnn_lsh::{GnnLsh, Kernel};
use super::graphs::{BinGraph, GravNet};
use super::hept::Hept;
use crate::data::Layout;
use crate::error::{PflowError, Result};

/// How elements see each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backbone {
    /// Each element attends to all elements of its event.
    #[default]
    Attention,
    /// Messages within bins of similar elements.
    GnnLsh(GnnLsh),
    /// Attention within blocks of elements that hashes put side by side.
    Hept(Hept),
    /// Its second version.
    HeptV2(Hept),
    /// Messages of the nearest elements in a learned space.
    GravNet(GravNet),
    /// Gated graph convolutions of the nearest elements in bins.
    BinGraph(BinGraph),
}

impl Backbone {
    /// Refuses layers that cannot be built for a state of this width.
    fn check(&self, width: usize) -> Result<()> {
        let within = |key: &str, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => {
                Err(PflowError::config(format!("backbone.{key}"), format!("is {value}; it goes from 1 to {most}")))
            }
        };
        let divides = |key: &str, heads: usize, width: usize| match heads == 0 || !width.is_multiple_of(heads) {
            true => {
                Err(PflowError::config(format!("backbone.{key}"), format!("is {heads}, which does not divide {width}")))
            }
            false => Ok(()),
        };
        match self {
            Self::Attention => Ok(()),
            Self::GnnLsh(config) => {
                within("gnn_lsh.bin_size", config.bin_size, 100_000)?;
                within("gnn_lsh.max_bins", config.max_bins, 100_000)?;
                within("gnn_lsh.distance", config.distance, 4096)?;
                within("gnn_lsh.distance_width", config.distance_width, 4096)?;
                within("gnn_lsh.messages", config.messages, 64)?;
                within("gnn_lsh.hashes", config.hashes, 3)?;
                if config.kernel == Kernel::Attention {
                    divides("gnn_lsh.kernel_heads", config.kernel_heads, config.distance)?;
                    divides("gnn_lsh.kernel_heads", config.kernel_heads, width)?;
                }
                if config.bin_heads > 0 {
                    divides("gnn_lsh.bin_heads", config.bin_heads, width)?;
                }
                Ok(())
            }
            Self::Hept(config) | Self::HeptV2(config) => {
                within("hept.block_size", config.block_size, 100_000)?;
                within("hept.hashes", config.hashes, 64)?;
                within("hept.regions", config.regions, 100_000)?;
                within("hept.distance_weights", config.distance_weights, 4096)?;
                within("hept.width", config.width, 16_384)
            }
            Self::GravNet(config) => {
                within("grav_net.neighbours", config.neighbours, 1024)?;
                within("grav_net.space", config.space, 4096)?;
                within("grav_net.features", config.features, 4096)
            }
            Self::BinGraph(config) => {
                within("bin_graph.bin_size", config.bin_size, 100_000)?;
                within("bin_graph.max_bins", config.max_bins, 100_000)?;
                within("bin_graph.neighbours", config.neighbours, 1024)?;
                within("bin_graph.space", config.space, 4096)?;
                match config.sharpness > 0.0 && config.sharpness.is_finite() {
                    true => Ok(()),
                    false => Err(PflowError::config("backbone.bin_graph.sharpness", "must be positive")),
                }
            }
        }
    }
}

/// How features become the first state of an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The last layer is one per type of element.
    #[default]
    Split,
    /// One encoding for all types.
    Joint,
}

/// Which states the outputs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Representation {
    /// That behind the last layer.
    #[default]
    Last,
    /// Those behind all layers, side by side.
    Concat,
}

/// How a component of the momentum comes from an output n and the same component v of the element. Outputs for transverse
/// momentum and energy are logarithms of the ratio to the element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionMode {
    /// n
    Direct,
    /// n of a head for each type of element
    #[default]
    DirectElemtypeSplit,
    /// n of a head with an output for each type of element
    DirectElemtype,
    /// v + n
    Additive,
    /// v n
    Multiplicative,
    /// v n0 + n1
    Linear,
    /// v n0 + n1, of two heads with an output for each type of element
    LinearElemtype,
    /// v, without a head: the direction is that of the element; of ratios, 0
    Element,
}

/// The shape of a network and its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// How elements see each other.
    pub backbone: Backbone,
    /// Whether classes and momenta have a backbone each.
    pub split_backbone: bool,
    /// Layers of a backbone.
    pub layers: usize,
    /// Heads of an attention.
    pub heads: usize,
    /// Width of a head; the state of an element is `heads` times as wide.
    pub head_width: usize,
    /// Function between layers.
    pub activation: Activation,
    /// How features become the first state of an element.
    pub input_encoding: Encoding,
    /// Which states the outputs read.
    pub representation: Representation,
    /// Whether classes and momenta read the whole event through a query of their own before the outputs.
    pub task_queries: bool,
    /// How the transverse momentum is computed.
    pub pt: RegressionMode,
    /// How the pseudorapidity is computed.
    pub eta: RegressionMode,
    /// How the sine of the azimuth is computed.
    pub sin_phi: RegressionMode,
    /// How its cosine is computed.
    pub cos_phi: RegressionMode,
    /// How the energy beyond that of a particle without mass is computed.
    pub energy: RegressionMode,
    /// Share of features that training drops, in feed-forward parts and behind attention.
    pub dropout: f32,
}

impl Default for Architecture {
    fn default() -> Self {
        Self {
            backbone: Backbone::Attention,
            split_backbone: false,
            layers: 3,
            heads: 16,
            head_width: 16,
            activation: Activation::Elu,
            input_encoding: Encoding::Split,
            representation: Representation::Last,
            task_queries: true,
            pt: RegressionMode::DirectElemtypeSplit,
            eta: RegressionMode::Linear,
            sin_phi: RegressionMode::Linear,
            cos_phi: RegressionMode::Linear,
            energy: RegressionMode::DirectElemtypeSplit,
            dropout: 0.0,
        }
    }
}

impl Architecture {
    /// Width of the state of an element.
    pub fn width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Width of what the outputs read.
    pub fn readout_width(&self) -> usize {
        match self.representation {
            Representation::Last => self.width(),
            Representation::Concat => self.width() * self.layers,
        }
    }

    /// The modes of the five components: transverse momentum, pseudorapidity, sine and cosine of the azimuth, energy.
    pub fn modes(&self) -> [(&'static str, RegressionMode); 5] {
        [
            ("pt", self.pt),
            ("eta", self.eta),
            ("sin_phi", self.sin_phi),
            ("cos_phi", self.cos_phi),
            ("energy", self.energy),
        ]
    }

    /// Refuses networks that cannot be built.
    ///
    /// # Errors
    /// The first number outside of its domain.
    pub fn check(&self) -> Result<()> {
        let within = |key: &str, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(PflowError::config(key, format!("is {value}; it goes from 1 to {most}"))),
        };
        within("layers", self.layers, 64)?;
        within("heads", self.heads, 256)?;
        within("head_width", self.head_width, 256)?;
        self.backbone.check(self.width())?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(PflowError::config("dropout", "is a share from 0 to below 1"));
        }
        Ok(())
    }
}

impl Architecture {
    /// Whether a network of this architecture may have as few as so many numbers: what a file claims has to fit what it
    /// holds, before anything of that size is made.
    pub(super) fn is_within(&self, numbers: usize) -> bool {
        let width = self.width();
        let most = match self.backbone {
            Backbone::Attention => 0,
            Backbone::GnnLsh(config) => (config.distance * (config.max_bins / 2))
                .max(width * config.distance_width.max(config.messages * width)),
            Backbone::Hept(config) | Backbone::HeptV2(config) => width * config.width,
            Backbone::GravNet(config) => width * config.features.max(config.space),
            Backbone::BinGraph(config) => config.space * width.max(config.max_bins / 2),
        };
        most.max(self.layers * width * width) <= numbers
    }
}

/// What a network reads and tells apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// numbers per element
    pub features: usize,
    /// types of elements
    pub types: Vec<i32>,
    /// classes of particles by PDG number, 0 for none
    pub classes: Vec<i32>,
}

impl Shape {
    /// The shape for elements of a layout with so many numbers each.
    pub fn of(layout: Layout, features: usize) -> Self {
        Self { features, types: layout.types().to_vec(), classes: layout.classes().to_vec() }
    }
}
