//! Every network by name.

use recoil_nn::{
    Activation, ConvSpec, DenseSpec, InputSpec, LayerSpec, NetworkSpec, NodeSpec, Padding, Quantiser, WeightSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loss::LossConfig;
use crate::arrangement::{Arrangement, Image};
use crate::emulator::autoencoder::bits_per_latent;
use crate::error::{EcontError, Result};

/// Number formats of the encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Single precision everywhere.
    #[default]
    Float,
    /// The formats of the reference training: inputs in steps of 1/64, weights of five bits in steps of 1/8, accumulators
    /// of 11 bits, latent numbers rounded to the bits that are sent.
    Seed,
    /// The formats of the chip: inputs cut to steps of 1/128, weights of six bits in steps of 1/32, latent numbers of nine
    /// bits of which the leading ones are sent.
    Asic,
}

/// The network of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// How the 48 cells stand in the image that the network sees.
    pub image: Image,
    /// Filters of each convolution of the encoder.
    pub filters: Vec<usize>,
    /// Height and width of the kernels.
    #[schemars(range(min = 1, max = 64))]
    pub kernel: usize,
    /// Stride of the first convolution.
    #[schemars(range(min = 1, max = 8))]
    pub stride: usize,
    /// Behind which of the convolutions the largest value of 2x2 pixels is taken; shorter lists mean no further ones.
    pub pool: Vec<bool>,
    /// Units of the dense layers between convolutions and latent numbers.
    pub dense: Vec<usize>,
    /// Latent numbers.
    #[schemars(range(min = 1, max = 4096))]
    pub latent: usize,
    /// Whether one set of kernels is applied to each channel of the image by itself.
    pub per_channel: bool,
    /// Whether border pixels count only where the kernel fits.
    pub valid: bool,
    /// Whether the decoder also gets what is known about the wafer (eight numbers, see `conditions`).
    pub conditional: bool,
    /// Number formats of the encoder.
    pub arithmetic: Arithmetic,
    /// Links that the latent numbers must fit into; 0, no limit. Floating-point latent numbers are then cut as well.
    #[schemars(range(max = 13))]
    pub links: usize,
    /// Where the bias of the last layer starts; -4 begins with images that are nearly empty, as wafers are.
    pub output_bias: f32,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            image: Image::EightByEight,
            filters: vec![8],
            kernel: 3,
            stride: 2,
            pool: Vec::new(),
            dense: Vec::new(),
            latent: 16,
            per_channel: false,
            valid: false,
            conditional: false,
            arithmetic: Arithmetic::Float,
            links: 0,
            output_bias: 0.0,
        }
    }
}

/// A model by name: its network and what it is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Its network.
    pub network: ModelConfig,
    /// Its loss.
    pub loss: LossConfig,
}

/// All models.
pub fn all() -> Vec<Model> {
    let seed = || ModelConfig { arithmetic: Arithmetic::Seed, links: 5, ..ModelConfig::default() };
    let model = |name, network, loss| Model { name, network, loss };
    let mut models = vec![
        model("8x8_c8_S2_tele", ModelConfig::default(), LossConfig::telescope()),
        model("8x8_c8_S2", ModelConfig::default(), LossConfig::weighted_mse()),
        model(
            "8x8_c8_pool_tele",
            ModelConfig { stride: 1, pool: vec![true], ..ModelConfig::default() },
            LossConfig::telescope(),
        ),
        model("8x8_c8_S2_emd", ModelConfig { output_bias: -4.0, ..ModelConfig::default() }, LossConfig::emd()),
        model("8x8_c8_S2_ae_emdCNN", ModelConfig::default(), LossConfig::surrogate()),
        model(
            "8x8_c8_S2_conditional",
            ModelConfig { conditional: true, arithmetic: Arithmetic::Asic, links: 5, ..ModelConfig::default() },
            LossConfig::telescope(),
        ),
        model(
            "8x8_c8_S2_asic",
            ModelConfig { arithmetic: Arithmetic::Asic, links: 5, output_bias: -4.0, ..ModelConfig::default() },
            LossConfig::telescope(),
        ),
    ];
    for (name, loss) in [
        ("8x8_c8_S2_qK", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_RTL", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_RTL_MSE", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_tele", LossConfig::telescope()),
        ("8x8_c8_S2_qK_RTL_tele", LossConfig::telescope()),
        ("8x8_c8_S2_qK_RTL_emd", LossConfig::emd()),
        ("8x8_c8_S2_qK_RTL_emd_ttbar", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_egun", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_epgun", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_lphe", LossConfig::surrogate()),
    ] {
        models.push(model(name, seed(), loss));
    }
    // the 2020 studies: channels, kernel, latent numbers, pooled layers
    let four = |filters: &[usize], kernel, latent, pool: &[bool]| ModelConfig {
        image: Image::FourByFour,
        filters: filters.to_vec(),
        kernel,
        stride: 1,
        pool: pool.to_vec(),
        dense: vec![16],
        latent,
        ..ModelConfig::default()
    };
    for (name, network) in [
        ("4x4x3_c8", ModelConfig { dense: Vec::new(), ..four(&[8], 3, 16, &[]) }),
        ("4x4x3_c8_d16", four(&[8], 3, 16, &[])),
        ("4x4x3_c8_k5_d16", four(&[8], 5, 16, &[])),
        ("4x4x3_c8_d16_e12", four(&[8], 3, 12, &[])),
        ("4x4x3_c8_d16_e20", four(&[8], 3, 20, &[])),
        ("4x4x3_c8_pool_d16", four(&[8], 3, 16, &[true])),
        ("4x4x3_c8_c8_d16", four(&[8, 8], 3, 16, &[])),
        ("4x4x3_c8_c8_c8_d16", four(&[8, 8, 8], 3, 16, &[])),
        ("4x4x3_c4_c4_c4_d16", four(&[4, 4, 4], 3, 16, &[])),
        ("4x4x3_c8_c4_c2_d16", four(&[8, 4, 2], 3, 16, &[])),
        ("4x4x3_c8_c4_c4_c4_c2_d16", four(&[8, 4, 4, 4, 2], 3, 16, &[])),
        ("4x4x3_c12_d16", four(&[12], 3, 16, &[])),
        ("4x4x3_c20_d16", four(&[20], 3, 16, &[])),
        ("SepConv_443", ModelConfig { per_channel: true, dense: Vec::new(), ..four(&[8], 3, 12, &[]) }),
        (
            "SepConv_663",
            ModelConfig {
                image: Image::SixBySixChannels,
                per_channel: true,
                valid: true,
                dense: Vec::new(),
                ..four(&[8], 3, 12, &[])
            },
        ),
    ] {
        models.push(model(name, network, LossConfig::telescope()));
    }
    for filters in [2, 4, 6, 8] {
        let name = match filters {
            2 => "8x8_c2",
            4 => "8x8_c4",
            6 => "8x8_c6",
            _ => "8x8_c8",
        };
        let network = ModelConfig { filters: vec![filters], stride: 1, ..ModelConfig::default() };
        models.push(model(name, network, LossConfig::weighted_mse()));
    }
    let duplicated = ModelConfig { image: Image::EightByEightDuplicated, stride: 1, ..ModelConfig::default() };
    models.push(model("8x8_c8_dup", duplicated, LossConfig::weighted_mse()));
    models
}

/// The model of this name.
///
/// # Errors
/// When there is none; the message names those that are near.
pub fn named(name: &str) -> Result<Model> {
    let models = all();
    let names: Vec<&str> = models.iter().map(|model| model.name).collect();
    let advice =
        recoil_stage::config::did_you_mean(name, &names).unwrap_or_else(|| format!("known: {}", names.join(", ")));
    models
        .into_iter()
        .find(|model| model.name == name)
        .ok_or_else(|| EcontError::Config { key: "model", reason: format!("there is no model '{name}' ({advice})") })
}

/// Numbers about a wafer that a conditional decoder gets: eta / 3.1, v / 12, u / 12, three that tell the kind of wafer,
/// ln(1 + sum of charges), (layer - 1) / 46.
pub const CONDITIONS: usize = 8;

/// Encoder and decoder of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Halves {
    /// From the image to the latent numbers, as they leave the chip.
    pub encoder: NetworkSpec,
    /// From the latent numbers, and possibly conditions, to the image.
    pub decoder: NetworkSpec,
}

/// Formats of a quantised encoder.
struct Formats {
    input: Quantiser,
    weights: Quantiser,
    accumulator: Quantiser,
    latent: Quantiser,
    /// What is left of a latent number on the link.
    sent: Option<Quantiser>,
}

impl ModelConfig {
    /// Bits of a latent number that are sent; nothing without a limit.
    pub fn latent_bits(&self) -> Option<u8> {
        match (self.arithmetic, self.links) {
            (Arithmetic::Float, 0) => None,
            (_, 0) => Some(9),
            (_, links) => Some(bits_per_latent(links) as u8),
        }
    }

    fn formats(&self) -> Option<Formats> {
        let bits = self.latent_bits().unwrap_or(9);
        match self.arithmetic {
            Arithmetic::Float => None,
            Arithmetic::Seed => Some(Formats {
                input: Quantiser::bits(10, 3, true),
                weights: Quantiser::bits(5, 1, true),
                accumulator: Quantiser::relu(11, 3),
                latent: Quantiser::relu(bits, 1),
                sent: None,
            }),
            Arithmetic::Asic => Some(Formats {
                input: Quantiser::truncated_relu(8, 1),
                weights: Quantiser::bits(6, 0, true),
                accumulator: Quantiser::relu(11, 3),
                latent: Quantiser::relu(9, 1),
                sent: (bits < 9).then(|| Quantiser::truncated_relu(bits, 1)),
            }),
        }
    }

    /// The networks.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn halves(&self) -> Result<Halves> {
        let fault = |reason: &str| Err(EcontError::Config { key: "network", reason: reason.to_owned() });
        if self.filters.is_empty() {
            return fault("at least one convolution is needed in `filters`");
        }
        let [rows, columns, channels] = Arrangement::of(self.image).shape();
        let mut encoder = Builder::new("image", vec![rows, columns, channels]);
        let formats = self.formats();
        let weights = WeightSpec { quantiser: formats.as_ref().map(|f| f.weights), ..WeightSpec::default() };
        let activation = if formats.is_some() { Activation::Linear } else { Activation::Relu };
        if let Some(formats) = &formats {
            encoder.push("input_round", LayerSpec::Quantise(formats.input));
        }
        if self.per_channel {
            self.separate_channels(&mut encoder, [rows, columns, channels], &weights, activation)?;
        } else {
            self.stacked(&mut encoder, &weights, activation);
        }
        if let Some(formats) = &formats {
            encoder.push("conv_round", LayerSpec::Quantise(formats.accumulator));
        }
        encoder.push("flat", LayerSpec::Flatten);
        for (index, &units) in self.dense.iter().enumerate() {
            let spec = DenseSpec { units, activation, weights: weights.clone() };
            encoder.push(&format!("enc_dense_{index}"), LayerSpec::Dense(spec));
            if let Some(formats) = &formats {
                encoder.push(&format!("enc_dense_{index}_round"), LayerSpec::Quantise(formats.accumulator));
            }
        }
        let latent = DenseSpec { units: self.latent, activation, weights };
        encoder.push("encoded_vector", LayerSpec::Dense(latent));
        if let Some(formats) = &formats {
            encoder.push("latent", LayerSpec::Quantise(formats.latent));
            if let Some(sent) = formats.sent {
                encoder.push("latent_sent", LayerSpec::Quantise(sent));
            }
        } else if let Some(bits) = self.latent_bits() {
            encoder.push("latent", LayerSpec::Quantise(Quantiser::truncated_relu(bits, 1)));
        }
        Ok(Halves { decoder: self.decoder([rows, columns, channels])?, encoder: encoder.spec })
    }

    fn conv(&self, filters: usize, stride: usize, weights: &WeightSpec, activation: Activation) -> ConvSpec {
        let padding = if self.valid { Padding::Valid } else { Padding::Same };
        ConvSpec { filters, kernel: [self.kernel; 2], stride, padding, activation, weights: weights.clone() }
    }

    fn pools(&self, index: usize) -> bool {
        self.pool.get(index).copied().unwrap_or(false)
    }

    fn stacked(&self, encoder: &mut Builder, weights: &WeightSpec, activation: Activation) {
        for (index, &filters) in self.filters.iter().enumerate() {
            let stride = if index == 0 { self.stride } else { 1 };
            encoder
                .push(&format!("enc_conv_{index}"), LayerSpec::Conv2d(self.conv(filters, stride, weights, activation)));
            if self.pools(index) {
                encoder.push(&format!("enc_pool_{index}"), LayerSpec::MaxPool { size: 2 });
            }
        }
    }

    /// One set of kernels, applied to each channel by itself.
    fn separate_channels(
        &self,
        encoder: &mut Builder,
        [rows, columns, channels]: [usize; 3],
        weights: &WeightSpec,
        activation: Activation,
    ) -> Result<()> {
        let &[filters] = self.filters.as_slice() else {
            let reason = "with `per_channel` there is one convolution".to_owned();
            return Err(EcontError::Config { key: "network.filters", reason });
        };
        let source = encoder.last();
        let mut ends = Vec::new();
        for channel in 0..channels {
            let indices = (0..rows * columns).map(|pixel| pixel * channels + channel).collect();
            let gather = LayerSpec::Gather { indices, shape: vec![rows, columns, 1] };
            encoder.push_from(&format!("channel_{channel}"), &source, gather);
            let mut own = weights.clone();
            own.shared_with = (channel > 0).then(|| "enc_conv_0".to_owned());
            let conv = self.conv(filters, self.stride, &own, activation);
            encoder.push(&format!("enc_conv_{channel}"), LayerSpec::Conv2d(conv));
            if self.pools(0) {
                encoder.push(&format!("enc_pool_{channel}"), LayerSpec::MaxPool { size: 2 });
            }
            ends.push(encoder.last());
        }
        encoder.spec.layers.push(NodeSpec { name: "channels".into(), from: ends, layer: LayerSpec::Concat });
        Ok(())
    }

    fn decoder(&self, [rows, columns, channels]: [usize; 3]) -> Result<NetworkSpec> {
        let mut decoder = Builder::new("code", vec![self.latent]);
        let dense =
            |units| LayerSpec::Dense(DenseSpec { units, activation: Activation::Relu, weights: WeightSpec::default() });
        if self.conditional {
            decoder.spec.inputs.push(InputSpec { name: "conditions".into(), shape: vec![CONDITIONS] });
            let from = vec!["code".to_owned(), "conditions".to_owned()];
            decoder.spec.layers.push(NodeSpec { name: "known".into(), from, layer: LayerSpec::Concat });
            for (index, units) in [24, 64].into_iter().enumerate() {
                decoder.push(&format!("dec_dense_{index}"), dense(units));
            }
        }
        for (index, &units) in self.dense.iter().rev().enumerate() {
            decoder.push(&format!("dec_dense_{index}"), dense(units));
        }
        // the size that the encoder's image has shrunk to
        let pooled = (0..self.filters.len()).filter(|&index| self.pools(index)).count() as u32;
        let shrunk = self.stride << pooled;
        let last = self.filters.last().copied().unwrap_or(1);
        let fits = |size: usize| size.is_multiple_of(shrunk) && size >= shrunk;
        if !fits(rows) || !fits(columns) {
            let reason = format!("an image of {rows}x{columns} pixels cannot shrink by {shrunk}");
            return Err(EcontError::Config { key: "network", reason });
        }
        let small = vec![rows / shrunk, columns / shrunk, last];
        decoder.push("dec_dense", dense(small.iter().product()));
        decoder.push("dec_image", LayerSpec::Reshape { shape: small });
        let transposed = |filters, stride, activation, bias_start| {
            LayerSpec::Conv2dTranspose(ConvSpec {
                filters,
                kernel: [self.kernel; 2],
                stride,
                padding: Padding::Same,
                activation,
                weights: WeightSpec { bias_start, ..WeightSpec::default() },
            })
        };
        if self.conditional {
            decoder.push("output", transposed(channels, self.stride, Activation::Relu, 0.0));
            return Ok(decoder.spec);
        }
        // as the reference does, in the order of the encoder's layers, not reversed
        for (index, &filters) in self.filters.iter().enumerate() {
            if self.pools(index) {
                decoder.push(&format!("dec_up_{index}"), LayerSpec::Upsample { size: 2 });
            }
            let stride = if index == 0 { self.stride } else { 1 };
            decoder.push(&format!("dec_convT_{index}"), transposed(filters, stride, Activation::Relu, 0.0));
        }
        decoder.push("dec_convT_final", transposed(channels, 1, Activation::Linear, self.output_bias));
        decoder.push("output", LayerSpec::Activation(Activation::Sigmoid));
        Ok(decoder.spec)
    }
}

/// A network under construction.
struct Builder {
    spec: NetworkSpec,
}

impl Builder {
    fn new(input: &str, shape: Vec<usize>) -> Self {
        let inputs = vec![InputSpec { name: input.to_owned(), shape }];
        Self { spec: NetworkSpec { inputs, layers: Vec::new() } }
    }

    fn last(&self) -> String {
        let layer = self.spec.layers.last().map(|layer| layer.name.clone());
        layer.or_else(|| self.spec.inputs.first().map(|input| input.name.clone())).unwrap_or_default()
    }

    fn push(&mut self, name: &str, layer: LayerSpec) {
        self.spec.layers.push(NodeSpec { name: name.to_owned(), from: Vec::new(), layer });
    }

    fn push_from(&mut self, name: &str, from: &str, layer: LayerSpec) {
        self.spec.layers.push(NodeSpec { name: name.to_owned(), from: vec![from.to_owned()], layer });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use recoil_nn::Network;

    #[test]
    fn every_model_can_be_built_and_gives_an_image() {
        for model in all() {
            let halves = model.network.halves().unwrap_or_else(|error| unreachable!("{}: {error}", model.name));
            let whole = halves.encoder.clone().then(&halves.decoder).unwrap();
            let network = Network::new(&whole).unwrap_or_else(|error| unreachable!("{}: {error}", model.name));
            assert_eq!(network.output_shape(), Arrangement::of(model.network.image).shape(), "{}", model.name);
            Network::new(&halves.encoder).unwrap();
            Network::new(&halves.decoder).unwrap();
        }
    }

    #[test]
    fn parameters_and_operations_of_the_known_models() {
        let cost = |name: &str| {
            let halves = named(name).unwrap().network.halves().unwrap();
            let encoder = Network::new(&halves.encoder).unwrap().cost();
            let whole = Network::new(&halves.encoder.then(&halves.decoder).unwrap()).unwrap().cost();
            (encoder.parameters, whole.parameters, encoder.operations)
        };
        assert_eq!(cost("8x8_c8_S2_tele"), (2144, 4977, 6544));
        assert_eq!(cost("8x8_c8_S2_qK_RTL"), (2144, 4977, 6544));
        assert_eq!(cost("4x4x3_c8").0, 2288);
    }

    #[test]
    fn a_name_that_is_nearly_right_gets_advice() {
        assert!(named("8x8_c8_S2_telle").unwrap_err().to_string().contains("8x8_c8_S2_tele"));
    }
}
