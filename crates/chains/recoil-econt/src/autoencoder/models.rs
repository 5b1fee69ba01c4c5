//! The networks of autoencoders: what can be set, and the layers that follow from it.

use recoil_nn::{
    Activation, ConvSpec, DenseSpec, InputSpec, LayerSpec, NetworkSpec, NodeSpec, Padding, Quantiser, WeightSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrangement::{Arrangement, Image};
use crate::data::prepare::Normalisation;
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
    /// What the charges of a wafer are divided by.
    pub normalisation: Normalisation,
    /// Filters of each convolution of the encoder.
    pub filters: Vec<usize>,
    /// Height and width of the kernels.
    #[schemars(range(min = 1, max = 64))]
    pub kernel: usize,
    /// The same for each convolution by itself; shorter lists mean `kernel` for the rest.
    pub kernels: Vec<usize>,
    /// Stride of the first convolution.
    #[schemars(range(min = 1, max = 8))]
    pub stride: usize,
    /// Behind which of the convolutions the largest value of 2x2 pixels is taken; shorter lists mean no further ones.
    pub pool: Vec<bool>,
    /// Units of the dense layers between convolutions and latent numbers.
    pub dense: Vec<usize>,
    /// Units of further dense layers at the start of the decoder, which runs behind the links and may be larger than the
    /// encoder.
    pub decoder: Vec<usize>,
    /// Latent numbers.
    #[schemars(range(min = 1, max = 4096))]
    pub latent: usize,
    /// Whether the kernels are applied to each channel of the image by itself.
    pub per_channel: bool,
    /// Whether each channel then has kernels of its own.
    pub own_kernels: bool,
    /// Which pixels are kept behind convolutions that do not shrink the image; null, all.
    pub keep_pixels: Option<KeepPixels>,
    /// Whether border pixels count only where the kernel fits.
    pub valid: bool,
    /// Whether the decoder also gets what is known about the wafer (eight numbers, see `conditions`).
    pub conditional: bool,
    /// Number formats of the encoder.
    pub arithmetic: Arithmetic,
    /// Number formats in place of those.
    pub formats: FormatsConfig,
    /// Links that the latent numbers must fit into; 0, no limit. Floating-point latent numbers are then cut as well.
    #[schemars(range(max = 13))]
    pub links: usize,
    /// Where the bias of the last layer starts; -4 begins with images that are nearly empty, as wafers are.
    pub output_bias: f32,
}

/// Number formats of an encoder that replace those of its arithmetic, written as `quantized_bits(6, 0, 1)` (bits, bits before
/// the point, whether one of them is a sign), `quantized_relu(9, 1)` or `truncated_relu(8, 1)`; null, as the arithmetic has
/// it. What is sent of a latent number still follows from the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FormatsConfig {
    /// Inputs.
    pub input: Option<Quantiser>,
    /// Weights of convolutions.
    pub conv: Option<Quantiser>,
    /// Weights of dense layers.
    pub dense: Option<Quantiser>,
    /// Outputs of all layers but the last.
    pub accumulator: Option<Quantiser>,
    /// Latent numbers.
    pub latent: Option<Quantiser>,
}

/// Pixels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepPixels {
    /// Those that show a cell.
    Shown,
    /// Those that count on the way back to cells: 48 times the filters.
    Counted,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            image: Image::EightByEight,
            normalisation: Normalisation::SumLog2,
            filters: vec![8],
            kernel: 3,
            kernels: Vec::new(),
            stride: 2,
            pool: Vec::new(),
            dense: Vec::new(),
            decoder: Vec::new(),
            latent: 16,
            per_channel: false,
            own_kernels: false,
            keep_pixels: None,
            valid: false,
            conditional: false,
            arithmetic: Arithmetic::Float,
            formats: FormatsConfig::default(),
            links: 0,
            output_bias: 0.0,
        }
    }
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

/// Number formats of an encoder; what has none is in single precision.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Formats {
    pub input: Option<Quantiser>,
    pub conv: Option<Quantiser>,
    pub dense: Option<Quantiser>,
    pub accumulator: Option<Quantiser>,
    pub latent: Option<Quantiser>,
    /// What is left of a latent number on the link.
    pub sent: Option<Quantiser>,
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

    /// Height and width of the kernels of a convolution.
    pub fn kernel_of(&self, convolution: usize) -> usize {
        self.kernels.get(convolution).copied().unwrap_or(self.kernel)
    }

    pub(super) fn formats(&self) -> Formats {
        let bits = self.latent_bits();
        let sent = bits.map(|bits| Quantiser::truncated_relu(bits, 1));
        let usual = match self.arithmetic {
            Arithmetic::Float => Formats { sent, ..Formats::default() },
            Arithmetic::Seed => Formats {
                input: Some(Quantiser::bits(10, 3, true)),
                conv: Some(Quantiser::bits(5, 1, true)),
                dense: Some(Quantiser::bits(5, 1, true)),
                accumulator: Some(Quantiser::relu(11, 3)),
                latent: Some(Quantiser::relu(bits.unwrap_or(9), 1)),
                sent: None,
            },
            Arithmetic::Asic => Formats {
                input: Some(Quantiser::truncated_relu(8, 1)),
                conv: Some(Quantiser::bits(6, 0, true)),
                dense: Some(Quantiser::bits(6, 0, true)),
                accumulator: Some(Quantiser::relu(11, 3)),
                latent: Some(Quantiser::relu(9, 1)),
                sent: sent.filter(|sent| sent.width() < 9),
            },
        };
        let own = &self.formats;
        Formats {
            input: own.input.or(usual.input),
            conv: own.conv.or(usual.conv),
            dense: own.dense.or(usual.dense),
            accumulator: own.accumulator.or(usual.accumulator),
            latent: own.latent.or(usual.latent),
            sent: usual.sent,
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
        if let Some(format) = formats.input {
            encoder.push("input_round", LayerSpec::Quantise(format));
        }
        let weights = |quantiser| WeightSpec { quantiser, ..WeightSpec::default() };
        // a number format for what is not negative does the work of the activation
        let activation = |format: Option<Quantiser>| match format {
            Some(format) if !format.signed() => Activation::Linear,
            _ => Activation::Relu,
        };
        let inner = activation(formats.accumulator);
        if self.per_channel {
            self.separate_channels(&mut encoder, [rows, columns, channels], &weights(formats.conv), inner)?;
        } else {
            self.stacked(&mut encoder, &weights(formats.conv), inner);
        }
        if let Some(format) = formats.accumulator {
            encoder.push("conv_round", LayerSpec::Quantise(format));
        }
        if let Some(keep) = self.keep_pixels {
            encoder.push("kept", self.kept(keep)?);
        } else {
            encoder.push("flat", LayerSpec::Flatten);
        }
        for (index, &units) in self.dense.iter().enumerate() {
            let spec = DenseSpec { units, activation: inner, weights: weights(formats.dense) };
            encoder.push(&format!("enc_dense_{index}"), LayerSpec::Dense(spec));
            if let Some(format) = formats.accumulator {
                encoder.push(&format!("enc_dense_{index}_round"), LayerSpec::Quantise(format));
            }
        }
        let last = activation(formats.latent);
        let latent = DenseSpec { units: self.latent, activation: last, weights: weights(formats.dense) };
        encoder.push("encoded_vector", LayerSpec::Dense(latent));
        if let Some(format) = formats.latent {
            encoder.push("latent", LayerSpec::Quantise(format));
        }
        if let Some(sent) = formats.sent {
            encoder.push("latent_sent", LayerSpec::Quantise(sent));
        }
        Ok(Halves { decoder: self.decoder([rows, columns, channels])?, encoder: encoder.spec })
    }

    /// Pixels of an image that convolutions have not shrunk, with all their filters.
    fn kept(&self, keep: KeepPixels) -> Result<LayerSpec> {
        let arrangement = Arrangement::of(self.image);
        let filters = self.filters.last().copied().unwrap_or(1);
        let [_, _, channels] = arrangement.shape();
        if channels != 1 || self.stride != 1 || self.valid || self.pool.contains(&true) {
            let reason = "`keep_pixels` needs an image of one channel that no convolution shrinks".to_owned();
            return Err(EcontError::Config { key: "network.keep_pixels", reason });
        }
        let kept = |pixel: &usize| match keep {
            KeepPixels::Shown => arrangement.mask().get(*pixel).copied().unwrap_or(false),
            KeepPixels::Counted => arrangement.remap().contains(pixel),
        };
        let pixels = (0..arrangement.pixels()).filter(kept);
        let indices = pixels.flat_map(|pixel| (0..filters).map(move |filter| pixel * filters + filter)).collect();
        Ok(LayerSpec::Gather { indices, shape: Vec::new() })
    }

    fn conv(&self, index: usize, filters: usize, weights: &WeightSpec, activation: Activation) -> ConvSpec {
        let padding = if self.valid { Padding::Valid } else { Padding::Same };
        let stride = if index == 0 { self.stride } else { 1 };
        let kernel = [self.kernel_of(index); 2];
        ConvSpec { filters, kernel, stride, padding, activation, weights: weights.clone() }
    }

    fn pools(&self, index: usize) -> bool {
        self.pool.get(index).copied().unwrap_or(false)
    }

    fn stacked(&self, encoder: &mut Builder, weights: &WeightSpec, activation: Activation) {
        for (index, &filters) in self.filters.iter().enumerate() {
            let conv = self.conv(index, filters, weights, activation);
            encoder.push(&format!("enc_conv_{index}"), LayerSpec::Conv2d(conv));
            if self.pools(index) {
                encoder.push(&format!("enc_pool_{index}"), LayerSpec::MaxPool { size: 2 });
            }
        }
    }

    /// Kernels that are applied to each channel by itself.
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
            own.shared_with = (channel > 0 && !self.own_kernels).then(|| "enc_conv_0".to_owned());
            let conv = self.conv(0, filters, &own, activation);
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
        for (index, &units) in self.decoder.iter().enumerate() {
            decoder.push(&format!("dec_wide_{index}"), dense(units));
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
        let transposed = |kernel, filters, stride, activation, bias_start| {
            LayerSpec::Conv2dTranspose(ConvSpec {
                filters,
                kernel: [kernel; 2],
                stride,
                padding: Padding::Same,
                activation,
                weights: WeightSpec { bias_start, ..WeightSpec::default() },
            })
        };
        if self.conditional {
            decoder.push("output", transposed(self.kernel_of(0), channels, self.stride, Activation::Relu, 0.0));
            return Ok(decoder.spec);
        }
        // as the reference does, in the order of the encoder's layers, not reversed
        for (index, &filters) in self.filters.iter().enumerate() {
            if self.pools(index) {
                decoder.push(&format!("dec_up_{index}"), LayerSpec::Upsample { size: 2 });
            }
            let stride = if index == 0 { self.stride } else { 1 };
            let layer = transposed(self.kernel_of(index), filters, stride, Activation::Relu, 0.0);
            decoder.push(&format!("dec_convT_{index}"), layer);
        }
        let layer = transposed(self.kernel_of(0), channels, 1, Activation::Linear, self.output_bias);
        decoder.push("dec_convT_final", layer);
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
