//! The convolutional network of DeepTau: its topology from a few formulas.
//!
//! Three kinds of objects are looked at cell by cell with layers that see one cell (`comp_net`), joined per cell
//! (`comp_merge_net`), then seen together by 3x3 convolutions until one cell is left (`conv_2d_net`), for an inner and an
//! outer grid with separate weights. The numbers of the candidate as a whole pass through `tau_net`; `dense_net` decides.
//! Layers have the names that they have in the reference, so that weights are exchanged by name.

use recoil_nn::{
    Activation, ConvSpec, DenseSpec, InputSpec, KernelStart, LayerSpec, NetworkSpec, NodeSpec, Padding, Penalty,
    WeightSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::width;
use crate::error::{Result, TauError};
use crate::features::FeatureTable;

/// Activation of all hidden layers of a net.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HiddenActivation {
    /// Learned slope below zero, behind a batch normalisation.
    #[default]
    PReLU,
    /// Self-normalising: no batch normalisation, dropping that keeps the moments.
    #[serde(rename = "selu")]
    Selu,
    /// max(x, 0), behind a batch normalisation.
    #[serde(rename = "relu")]
    Relu,
    /// Hyperbolic tangent, behind a batch normalisation.
    #[serde(rename = "tanh")]
    Tanh,
}

/// A stack of layers whose widths follow from the number of inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackConfig {
    /// Activation of its layers.
    #[serde(default)]
    pub activation: HiddenActivation,
    /// Fraction of features that training drops behind each layer.
    pub dropout_rate: f64,
    /// Ratio of the widths of successive layers.
    pub reduction_rate: f64,
    /// Formula of the first width: numbers, `n` (inputs), `drop` (dropout rate), + - * / and brackets.
    pub first_layer_width: String,
    /// Formula of the last width.
    pub last_layer_width: String,
    /// Layers at least.
    #[serde(default)]
    pub min_n_layers: Option<usize>,
    /// Layers at most.
    #[serde(default)]
    pub max_n_layers: Option<usize>,
}

/// The convolutions that see several cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// Activation of its layers.
    #[serde(default)]
    pub activation: HiddenActivation,
    /// Fraction of features that training drops behind each layer.
    pub dropout_rate: f64,
    /// By how much the number of features may fall while the grid shrinks; null keeps the number of filters.
    pub reduction_rate: Option<f64>,
    /// Cells along a side of the window.
    pub window_size: usize,
    /// Number of the convolution of the outer grid before which cells are pooled; null, never.
    #[serde(default)]
    pub pooling: Option<usize>,
}

/// Topology of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CnnConfig {
    /// Layers for the candidate as a whole.
    pub tau_net: StackConfig,
    /// Layers for one kind of objects in one cell.
    pub comp_net: StackConfig,
    /// Layers for all kinds in one cell.
    pub comp_merge_net: StackConfig,
    /// Layers for several cells.
    pub conv_2d_net: ConvolutionConfig,
    /// Layers that decide.
    pub dense_net: StackConfig,
    /// Grids that are used.
    pub cell_locations: Vec<Location>,
    /// Penalty of the kernels of the first layers.
    pub first_layer_reg: Penalty,
}

/// A grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Signal cone.
    Inner,
    /// Isolation cone.
    Outer,
}

impl Location {
    /// Its name, as in layers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Outer => "outer",
        }
    }
}

fn stack(dropout_rate: f64, reduction_rate: f64, first: &str, last: &str, min_n_layers: Option<usize>) -> StackConfig {
    StackConfig {
        activation: HiddenActivation::PReLU,
        dropout_rate,
        reduction_rate,
        first_layer_width: first.into(),
        last_layer_width: last.into(),
        min_n_layers,
        max_n_layers: None,
    }
}

impl Default for CnnConfig {
    /// The network of DeepTau version 2.5.
    fn default() -> Self {
        Self {
            tau_net: stack(0.2, 1.4, "2*n*(1+drop)", "n*(1+drop)", None),
            comp_net: stack(0.2, 1.6, "2*n*(1+drop)", "n*(1+drop)", None),
            comp_merge_net: stack(0.2, 1.6, "n", "64", None),
            conv_2d_net: ConvolutionConfig {
                activation: HiddenActivation::PReLU,
                dropout_rate: 0.2,
                reduction_rate: None,
                window_size: 3,
                pooling: None,
            },
            dense_net: stack(0.2, 1.0, "200", "200", Some(4)),
            cell_locations: vec![Location::Inner, Location::Outer],
            first_layer_reg: Penalty::default(),
        }
    }
}

impl CnnConfig {
    /// A network of 67,548 parameters for tests and small studies.
    pub fn reduced() -> Self {
        let conv_2d_net = Self::default().conv_2d_net;
        Self {
            tau_net: stack(0.2, 1.4, "48", "32", None),
            comp_net: stack(0.2, 1.6, "24", "16", None),
            comp_merge_net: stack(0.2, 1.6, "32", "16", None),
            conv_2d_net,
            dense_net: stack(0.2, 1.0, "64", "64", Some(2)),
            ..Self::default()
        }
    }
}

/// Numbers of inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputShape {
    /// Numbers of the candidate as a whole.
    pub flat: usize,
    /// Cells along a side of the inner and of the outer grid.
    pub sides: [usize; 2],
    /// Name and numbers per cell of each kind of objects.
    pub components: Vec<(String, usize)>,
    /// Name and numbers per particle of each kind of particles, for networks that see them one by one.
    #[serde(default)]
    pub objects: Vec<(String, usize)>,
}

impl Default for InputShape {
    /// The inputs of DeepTau version 2.5.
    fn default() -> Self {
        let component = |name: &str, width| (name.to_owned(), width);
        Self {
            flat: 43,
            sides: [11, 21],
            components: vec![component("egamma", 86), component("muon", 64), component("hadrons", 38)],
            objects: vec![
                component("PfCand_electron", 22),
                component("PfCand_muon", 23),
                component("PfCand_chHad", 27),
                component("PfCand_nHad", 7),
                component("PfCand_gamma", 23),
                component("Electron", 37),
                component("Muon", 37),
            ],
        }
    }
}

impl InputShape {
    /// The inputs that a table of features makes.
    pub fn of(table: &FeatureTable) -> Self {
        let width = |name: &String| table.block(name).map_or(0, |block| block.enabled().count());
        let component = |(name, blocks): &(String, Vec<String>)| (name.clone(), blocks.iter().map(width).sum());
        Self {
            flat: table.flat().map_or(0, |block| block.enabled().count()),
            sides: [table.inner.cells, table.outer.cells],
            components: table.inputs.iter().map(component).collect(),
            objects: table.objects().map(|block| (block.name.clone(), block.enabled().count())).collect(),
        }
    }

    /// Cells along a side.
    pub fn side(&self, location: Location) -> usize {
        match location {
            Location::Inner => self.sides[0],
            Location::Outer => self.sides[1],
        }
    }
}

impl StackConfig {
    /// Widths of the layers for `n` inputs.
    ///
    /// # Errors
    /// Formulas that cannot be evaluated, or widths that are not above zero.
    pub fn widths(&self, n: usize) -> Result<Vec<usize>> {
        let evaluate = |key: &str, formula: &str| {
            let value = width::evaluate(formula, n, self.dropout_rate)?.ceil();
            if (1.0..65_536.0).contains(&value) {
                return Ok(value as usize);
            }
            Err(TauError::config(key, format!("a width lies between 1 and 65535, not {value}")))
        };
        let mut size = evaluate("first_layer_width", &self.first_layer_width)?;
        let last = evaluate("last_layer_width", &self.last_layer_width)?;
        if !(self.reduction_rate.is_finite() && self.reduction_rate >= 1.0) {
            return Err(TauError::config("reduction_rate", "it is a number from 1 on"));
        }
        let (mut widths, mut k) = (Vec::new(), 1);
        loop {
            widths.push(size);
            k += 1;
            if size > last {
                let reduced = last.max((size as f64 / self.reduction_rate) as usize);
                size = if self.max_n_layers == Some(k) { last } else { reduced };
            } else if self.min_n_layers.is_none_or(|min| k > min) {
                return Ok(widths);
            }
            if widths.len() > 1000 {
                return Err(TauError::config("reduction_rate", "layers would follow one another without end"));
            }
        }
    }
}

impl ConvolutionConfig {
    /// Filters of a layer with `n` inputs on a grid of `side` cells.
    fn filters(&self, side: usize, n: usize) -> usize {
        match self.reduction_rate {
            None => n,
            Some(rate) => {
                let ratio = side as f64 / (side - self.window_size + 1) as f64;
                (ratio * ratio * n as f64 / rate).ceil().max(1.0) as usize
            }
        }
    }
}

/// Writes layers one behind the other.
#[derive(Default)]
struct Writer {
    spec: NetworkSpec,
}

impl Writer {
    fn push(&mut self, name: String, from: Vec<String>, layer: LayerSpec) -> String {
        self.spec.layers.push(NodeSpec { name: name.clone(), from, layer });
        name
    }

    /// What stands behind every linear layer.
    fn finish(&mut self, prefix: &str, index: usize, activation: HiddenActivation, rate: f64) -> String {
        let name = |word: &str| format!("{prefix}_{word}_{index}");
        if activation != HiddenActivation::Selu {
            self.push(
                name("norm"),
                Vec::new(),
                LayerSpec::BatchNorm { epsilon: 1e-3, momentum: 0.99, shared_with: None },
            );
        }
        let layer = match activation {
            HiddenActivation::PReLU => LayerSpec::Prelu,
            HiddenActivation::Selu => LayerSpec::Activation(Activation::Selu),
            HiddenActivation::Relu => LayerSpec::Activation(Activation::Relu),
            HiddenActivation::Tanh => LayerSpec::Activation(Activation::Tanh),
        };
        let last = self.push(name("activation"), Vec::new(), layer);
        if rate == 0.0 {
            return last;
        }
        let alpha = activation == HiddenActivation::Selu;
        self.push(name("dropout"), Vec::new(), LayerSpec::Dropout { rate: rate as f32, alpha })
    }

    /// A stack of dense layers or of convolutions that see one cell; the name and width of the last.
    fn stack(
        &mut self,
        prefix: &str,
        from: String,
        n: usize,
        config: &StackConfig,
        cells: bool,
        penalty: Penalty,
    ) -> Result<(String, usize)> {
        let widths = config.widths(n)?;
        let (mut last, word) = (from, if cells { "conv" } else { "dense" });
        for (index, &units) in widths.iter().enumerate() {
            let penalty = if index == 0 { penalty } else { Penalty::default() };
            let weights = weights(config.activation, penalty);
            let layer = if cells {
                convolution(units, 1, weights)
            } else {
                LayerSpec::Dense(DenseSpec { units, activation: Activation::Linear, weights })
            };
            self.push(format!("{prefix}_{word}_{}", index + 1), vec![last], layer);
            last = self.finish(prefix, index + 1, config.activation, config.dropout_rate);
        }
        Ok((last, widths.last().copied().unwrap_or(n)))
    }

    /// Convolutions until one cell is left; the name and width of the last.
    fn convolutions(
        &mut self,
        location: Location,
        from: String,
        n: usize,
        side: usize,
        config: &ConvolutionConfig,
    ) -> Result<(String, usize)> {
        let prefix = format!("{}_all_{}x{}", location.name(), config.window_size, config.window_size);
        if config.window_size < 2 || side == 0 {
            return Err(TauError::config("conv_2d_net.window_size", "a window has at least two cells along a side"));
        }
        let (mut last, mut side, mut n, mut index) = (from, side, n, 0);
        while side > 1 {
            index += 1;
            if location == Location::Outer && config.pooling == Some(index) {
                let size = if side % 2 == 0 && side / 2 % 2 == 1 { 2 } else { 3 };
                let pool = format!("{}_all_pool", location.name());
                self.push(format!("{pool}_max_{index}"), vec![last], LayerSpec::MaxPool { size });
                last = self.finish(&pool, index, config.activation, config.dropout_rate);
                side /= size;
            }
            if side < config.window_size {
                let message = format!("a grid of {side} cells is left, into which no window fits");
                return Err(TauError::config("conv_2d_net", message));
            }
            n = config.filters(side, n);
            let layer = convolution(n, config.window_size, weights(config.activation, Penalty::default()));
            self.push(format!("{prefix}_conv_{index}"), vec![last], layer);
            last = self.finish(&prefix, index, config.activation, config.dropout_rate);
            side = side + 1 - config.window_size;
        }
        Ok((last, n))
    }
}

fn weights(activation: HiddenActivation, penalty: Penalty) -> WeightSpec {
    let start = match activation {
        HiddenActivation::Selu => KernelStart::LecunNormal,
        _ => KernelStart::HeUniform,
    };
    WeightSpec { start, penalty, ..WeightSpec::default() }
}

fn convolution(filters: usize, size: usize, weights: WeightSpec) -> LayerSpec {
    let (kernel, padding, activation) = ([size; 2], Padding::Valid, Activation::Linear);
    LayerSpec::Conv2d(ConvSpec { filters, kernel, stride: 1, padding, activation, weights })
}

impl CnnConfig {
    /// The network for these inputs. Its inputs are `input_tau`, then for each grid one per kind of objects,
    /// `input_inner_egamma` and so on; its output has the probabilities of electron, muon, tau and jet.
    ///
    /// # Errors
    /// Settings that make no network.
    pub fn spec(&self, inputs: &InputShape) -> Result<NetworkSpec> {
        let mut writer = Writer::default();
        let penalty = self.first_layer_reg;
        let mut joined = Vec::new();
        if inputs.flat > 0 {
            writer.spec.inputs.push(InputSpec { name: "input_tau".into(), shape: vec![inputs.flat] });
        }
        for &location in &self.cell_locations {
            let side = inputs.side(location);
            for (component, width) in &inputs.components {
                let name = format!("input_{}_{component}", location.name());
                writer.spec.inputs.push(InputSpec { name, shape: vec![side, side, *width] });
            }
        }
        if inputs.flat > 0 {
            joined.push(writer.stack("tau", "input_tau".into(), inputs.flat, &self.tau_net, false, penalty)?);
        }
        for &location in &self.cell_locations {
            let place = location.name();
            let mut parts = Vec::new();
            for (component, width) in &inputs.components {
                let (prefix, from) = (format!("{place}_{component}"), format!("input_{place}_{component}"));
                parts.push(writer.stack(&prefix, from, *width, &self.comp_net, true, penalty)?);
            }
            let (names, widths): (Vec<String>, Vec<usize>) = parts.into_iter().unzip();
            let (mut last, n) = (format!("{place}_cell_concat"), widths.iter().sum());
            match <[String; 1]>::try_from(names) {
                Ok([single]) => last = single,
                Err(names) => last = writer.push(last, names, LayerSpec::Concat),
            }
            let prefix = format!("{place}_all");
            let (last, n) = writer.stack(&prefix, last, n, &self.comp_merge_net, true, Penalty::default())?;
            let (last, n) = writer.convolutions(location, last, n, inputs.side(location), &self.conv_2d_net)?;
            joined.push((writer.push(format!("{place}_cells_flatten"), vec![last], LayerSpec::Flatten), n));
        }
        let (names, widths): (Vec<String>, Vec<usize>) = joined.into_iter().unzip();
        if names.is_empty() {
            return Err(TauError::config("cell_locations", "the network would have no input"));
        }
        let n = widths.iter().sum();
        let last = match <[String; 1]>::try_from(names) {
            Ok([single]) => single,
            Err(names) => writer.push("features_concat".into(), names, LayerSpec::Concat),
        };
        writer.stack("final", last, n, &self.dense_net, false, Penalty::default())?;
        let weights = weights(self.dense_net.activation, Penalty::default());
        let units = DenseSpec { units: 4, activation: Activation::Linear, weights };
        writer.push("final_dense_last".into(), Vec::new(), LayerSpec::Dense(units));
        writer.push("main_output".into(), Vec::new(), LayerSpec::Softmax);
        Ok(writer.spec)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_reference() {
        let config = CnnConfig::default();
        let widths = |stack: &StackConfig, n| stack.widths(n).unwrap();
        assert_eq!(widths(&config.tau_net, 43), [104, 74, 52]);
        assert_eq!(widths(&config.comp_net, 86), [207, 129, 104]);
        assert_eq!(widths(&config.comp_net, 64), [154, 96, 77]);
        assert_eq!(widths(&config.comp_net, 38), [92, 57, 46]);
        assert_eq!(widths(&config.comp_merge_net, 227), [227, 141, 88, 64]);
        assert_eq!(widths(&config.dense_net, 180), [200; 4]);
        let capped = StackConfig { max_n_layers: Some(2), ..config.comp_merge_net.clone() };
        assert_eq!(widths(&capped, 227), [227, 64]);
        let endless = StackConfig { reduction_rate: 1.0, ..config.comp_merge_net };
        assert!(endless.widths(227).unwrap_err().to_string().contains("without end"));
    }

    #[test]
    fn pooling_shortens_the_outer_grid() {
        let mut config = CnnConfig::default();
        config.conv_2d_net.pooling = Some(3);
        let inputs = InputShape { sides: [11, 25], ..InputShape::default() };
        let network = recoil_nn::Network::new(&config.spec(&inputs).unwrap()).unwrap();
        let pool = network.layers().find(|(name, _)| *name == "outer_all_pool_max_3").unwrap().1.to_vec();
        assert_eq!(pool, [7, 7, 64]);
    }
}
