//! The quantised encoder in whole numbers.
//!
//! With number formats that are powers of two, rounding to them and computing in whole numbers is the same. Inputs have
//! the step 1/64 (reference training) or 1/128 (chip), weights 1/8 or 1/32; products are summed in their common step, the
//! activations of the convolution rounded to 1/256, half to even, and cut at 0 and 2047, the latent numbers to 1/256 (nine
//! bits) or coarser and cut at their largest value.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use recoil_nn::{LayerSpec, Quantiser};

use super::models::{Arithmetic, ModelConfig};
use super::trained::Autoencoder;
use crate::arrangement::{Arrangement, Image};
use crate::data::Wafer;
use crate::data::prepare::Normalisation;
use crate::emulator::autoencoder::{LATENT_BITS, LATENTS, convert, convert_as_trained};
use crate::error::{EcontError, Result};
use crate::wafer::CELLS;

/// Filters and size of the one network that the chip holds.
const FILTERS: usize = 8;
/// Output positions of the convolution along an axis.
const SIDE: usize = 4;
/// Features behind the convolution.
const FEATURES: usize = SIDE * SIDE * FILTERS;
/// Pixels along an axis, with one row and column of zeros behind the image.
const PADDED: usize = 9;
/// Wafers that are computed side by side.
const LANES: usize = 16;
/// A number of each of them.
type Lanes = [i32; LANES];
/// Outputs of a layer that are computed together.
const PART: usize = 4;
/// Weights of all layers together.
pub const WEIGHTS: usize = 9 * FILTERS + FILTERS + FEATURES * LATENTS + LATENTS;

/// The encoder of the chip in whole numbers: 8x8 pixels, eight 3x3 kernels with stride 2, sixteen latent numbers.
#[derive(Clone, Debug)]
pub struct IntegerEncoder {
    arithmetic: Arithmetic,
    /// Cell of every pixel of the image with its border; [`CELLS`] for those that are always zero.
    cells: [u8; PADDED * PADDED],
    /// Per tap (row, column) the weights of all filters in units of their step. Lists whose length compilers do not know
    /// keep their loops whole, and what is inside of them in vectors.
    conv: Vec<[i32; FILTERS]>,
    conv_bias: [i32; FILTERS],
    /// Per feature the weights to all latent numbers.
    dense: Vec<[i32; LATENTS]>,
    dense_bias: [i32; LATENTS],
    /// Binary places of inputs, of the weights of both layers, and of activations.
    input_places: u32,
    conv_places: u32,
    dense_places: u32,
    activation_places: u32,
    activation_largest: i32,
    latent: Quantiser,
    sent: Option<Quantiser>,
}

/// Number formats of a quantised encoder.
struct Formats {
    input: Quantiser,
    conv: Quantiser,
    dense: Quantiser,
    accumulator: Quantiser,
    latent: Quantiser,
    sent: Option<Quantiser>,
}

/// Binary places of a number format; `None` if its step is above 1.
#[inline(always)]
fn places(quantiser: Quantiser) -> Option<u32> {
    let magnitude = i32::from(quantiser.width()) - i32::from(quantiser.signed());
    u32::try_from(magnitude - i32::from(quantiser.integer_bits())).ok()
}

/// Bits that a number needs without its sign.
fn magnitude(quantiser: Quantiser) -> u32 {
    u32::from(quantiser.width()) - u32::from(quantiser.signed())
}

/// value / 2^shift, half to even; negative shifts multiply.
#[inline(always)]
fn rounded(value: i32, shift: i32) -> i32 {
    if shift <= 0 {
        return value << -shift;
    }
    (value + (1 << (shift - 1)) - 1 + (value >> shift & 1)) >> shift
}

/// sums += input weights, for every lane.
#[inline(always)]
fn multiply(sums: &mut [Lanes; PART], input: &Lanes, weights: &[i32]) {
    for (sum, &weight) in sums.iter_mut().zip(weights) {
        sum.iter_mut().zip(input).for_each(|(sum, &input)| *sum += input * weight);
    }
}

fn refuse(reason: &str) -> EcontError {
    EcontError::Config { key: "model", reason: reason.to_owned() }
}

/// Whether the network of these settings is that of the chip, whatever its number formats.
fn fits_the_chip(network: &ModelConfig) -> bool {
    network.filters == [FILTERS]
        && (network.kernel_of(0), network.stride, network.latent) == (3, 2, LATENTS)
        && Arrangement::of(network.image).shape() == [8, 8, 1]
        && network.normalisation == Normalisation::SumLog2
        && network.dense.is_empty()
        && !network.pool.contains(&true)
        && !network.per_channel
        && !network.valid
        && network.keep_pixels.is_none()
}

impl IntegerEncoder {
    /// The integer form of a model's encoder.
    ///
    /// # Errors
    /// A model whose encoder is not that of the chip, or not quantised.
    pub fn new(model: &Autoencoder) -> Result<Self> {
        let about = model.about();
        if !fits_the_chip(&about.network) {
            return Err(refuse(
                "its encoder is not that of the chip: 8x8 pixels, eight 3x3 kernels with stride 2, 16 latents",
            ));
        }
        if about.network.arithmetic == Arithmetic::Float {
            return Err(refuse("its encoder is not quantised: train one with network.arithmetic=asic or seed"));
        }
        let missing = || refuse("its encoder lacks a number format");
        let round = |name: &str| {
            let layer = about.encoder.layers.iter().find(|layer| layer.name == name).map(|layer| &layer.layer);
            match layer {
                Some(LayerSpec::Quantise(quantiser)) => Some(*quantiser),
                _ => None,
            }
        };
        let (encoder, parameters) = model.encoder();
        let of_weights = |name: &str| encoder.tensor(name).ok().and_then(|tensor| tensor.quantiser);
        let formats = Formats {
            input: round("input_round").ok_or_else(missing)?,
            conv: of_weights("enc_conv_0/kernel").ok_or_else(missing)?,
            dense: of_weights("encoded_vector/kernel").ok_or_else(missing)?,
            accumulator: round("conv_round").ok_or_else(missing)?,
            latent: round("latent").ok_or_else(missing)?,
            sent: round("latent_sent"),
        };
        let mut weights = Vec::with_capacity(WEIGHTS);
        for (name, format) in [
            ("enc_conv_0/kernel", formats.conv),
            ("enc_conv_0/bias", formats.conv),
            ("encoded_vector/kernel", formats.dense),
            ("encoded_vector/bias", formats.dense),
        ] {
            let values = parameters.tensor(name).ok_or_else(missing)?;
            weights.extend(values.iter().map(|&value| format.integer(value)));
        }
        Self::assembled(about.network.image, about.network.arithmetic, &formats, &weights)
    }

    /// The encoder of a chip whose weight registers hold these numbers, in the order of [`IntegerEncoder::weights`].
    ///
    /// # Errors
    /// Another number of weights, or one that needs more than six bits.
    pub fn of_chip(weights: &[i32]) -> Result<Self> {
        let network = ModelConfig { arithmetic: Arithmetic::Asic, links: 5, ..ModelConfig::default() };
        let formats = network.formats();
        let missing = || refuse("the chip's number formats are missing");
        let formats = Formats {
            input: formats.input.ok_or_else(missing)?,
            conv: formats.conv.ok_or_else(missing)?,
            dense: formats.dense.ok_or_else(missing)?,
            accumulator: formats.accumulator.ok_or_else(missing)?,
            latent: formats.latent.ok_or_else(missing)?,
            sent: None,
        };
        if let Some(weight) = weights.iter().find(|weight| !(-32..32).contains(*weight)) {
            let reason = format!("the weight {weight} needs more than six bits");
            return Err(EcontError::Config { key: "weights", reason });
        }
        Self::assembled(network.image, Arithmetic::Asic, &formats, weights)
    }

    fn assembled(image: Image, arithmetic: Arithmetic, formats: &Formats, weights: &[i32]) -> Result<Self> {
        if weights.len() != WEIGHTS {
            let reason = format!("the encoder of the chip has {WEIGHTS} weights, not {}", weights.len());
            return Err(EcontError::Config { key: "weights", reason });
        }
        let wide = || refuse("its number formats are too wide for whole numbers of 32 bits");
        let (activation, products) = (magnitude(formats.accumulator), magnitude(formats.dense));
        // sums of 10 and of 129 products
        let fits = magnitude(formats.input) + magnitude(formats.conv) + 4 <= 31
            && activation + products + 8 <= 31
            && activation <= 15
            && products <= 15;
        if !fits {
            return Err(wide());
        }
        let mut rest = weights.iter().copied();
        let mut next = || rest.next().unwrap_or_default();
        let conv = (0..9).map(|_| std::array::from_fn(|_| next())).collect();
        let conv_bias = std::array::from_fn(|_| next());
        let dense = (0..FEATURES).map(|_| std::array::from_fn(|_| next())).collect();
        let dense_bias = std::array::from_fn(|_| next());
        let arrangement = Arrangement::of(image);
        let mut cells = [CELLS as u8; PADDED * PADDED];
        for (pixel, (&cell, &shown)) in arrangement.places().iter().zip(arrangement.mask()).enumerate() {
            if shown && let Some(place) = cells.get_mut(pixel / 8 * PADDED + pixel % 8) {
                *place = cell as u8;
            }
        }
        Ok(Self {
            arithmetic,
            cells,
            conv,
            conv_bias,
            dense,
            dense_bias,
            input_places: places(formats.input).ok_or_else(wide)?,
            conv_places: places(formats.conv).ok_or_else(wide)?,
            dense_places: places(formats.dense).ok_or_else(wide)?,
            activation_places: places(formats.accumulator).ok_or_else(wide)?,
            activation_largest: formats.accumulator.range().1 as i32,
            latent: formats.latent,
            sent: formats.sent,
        })
    }

    /// Latent numbers of up to [`LANES`] wafers before bits are dropped for the links, in units of their own step.
    #[inline(always)]
    fn whole(&self, wafers: &[Wafer]) -> [Lanes; LATENTS] {
        // the last one stands for pixels that are always zero
        let mut inputs = [[0; LANES]; CELLS + 1];
        for (lane, wafer) in wafers.iter().take(LANES).enumerate() {
            let converted = match self.arithmetic {
                Arithmetic::Asic => convert(wafer).inputs.map(i32::from),
                _ => convert_as_trained(wafer).map(i32::from),
            };
            inputs.iter_mut().zip(converted).for_each(|(inputs, value)| inputs[lane] = value);
        }
        let mut features = [[0; LANES]; FEATURES];
        let start = self.conv_bias.map(|bias| bias << self.input_places);
        let shift = (self.input_places + self.conv_places) as i32 - self.activation_places as i32;
        for (position, features) in features.chunks_exact_mut(FILTERS).enumerate() {
            let first = 2 * PADDED * (position / SIDE) + 2 * (position % SIDE);
            let patch: [Lanes; 9] = std::array::from_fn(|tap| {
                let cell = self.cells[first + PADDED * (tap / 3) + tap % 3];
                inputs[usize::from(cell).min(CELLS)]
            });
            for part in 0..FILTERS / PART {
                let mut sums: [Lanes; PART] = std::array::from_fn(|i| [start[part * PART + i]; LANES]);
                for (input, weights) in patch.iter().zip(self.conv.iter()) {
                    multiply(&mut sums, input, &weights[part * PART..][..PART]);
                }
                for (feature, sums) in features[part * PART..].iter_mut().zip(sums) {
                    *feature = sums.map(|sum| rounded(sum, shift).clamp(0, self.activation_largest));
                }
            }
        }
        let shift = (self.activation_places + self.dense_places) as i32 - places_of_latent(self.latent);
        let largest = self.latent.range().1 as i32;
        let mut latents = [[0; LANES]; LATENTS];
        for (part, latents) in latents.chunks_exact_mut(PART).enumerate() {
            let mut sums: [Lanes; PART] =
                std::array::from_fn(|i| [self.dense_bias[part * PART + i] << self.activation_places; LANES]);
            for (feature, weights) in features.iter().zip(self.dense.iter()) {
                multiply(&mut sums, feature, &weights[part * PART..][..PART]);
            }
            for (latent, sums) in latents.iter_mut().zip(sums) {
                *latent = sums.map(|sum| rounded(sum, shift).clamp(0, largest));
            }
        }
        latents
    }

    /// What is left of a latent number on the links.
    #[inline(always)]
    fn cut(&self, latent: i32) -> i32 {
        let Some(sent) = self.sent else { return latent };
        let shift = places_of_latent(self.latent) - places_of_latent(sent);
        (latent >> shift.max(0)).min(sent.range().1 as i32)
    }

    /// Latent numbers of a wafer (by trigger-cell number) as they are sent, in units of the step that [`Self::step`] tells.
    pub fn encode(&self, wafer: &Wafer) -> [i32; LATENTS] {
        let mut out = [[0; LATENTS]];
        self.encode_into(std::slice::from_ref(wafer), &mut out);
        let [only] = out;
        only
    }

    /// Latent numbers of wafers one after the other, into `out`: as many as both slices have.
    pub fn encode_into(&self, wafers: &[Wafer], out: &mut [[i32; LATENTS]]) {
        Arch::new().dispatch(Encode { encoder: self, wafers, out });
    }

    /// Latent numbers of many wafers, on all threads of the current pool.
    pub fn encode_all(&self, wafers: &[Wafer]) -> Vec<[i32; LATENTS]> {
        let mut all = vec![[0; LATENTS]; wafers.len()];
        all.par_chunks_mut(256).zip(wafers.par_chunks(256)).for_each(|(out, wafers)| self.encode_into(wafers, out));
        all
    }

    /// The nine-bit outputs of the encoder of many wafers, before any bit is dropped for the links. Formats with fewer
    /// bits stand in the leading ones.
    pub fn outputs(&self, wafers: &[Wafer]) -> Vec<[u16; LATENTS]> {
        let missing = LATENT_BITS.saturating_sub(magnitude(self.latent));
        let whole = Self { sent: None, ..self.clone() };
        let nine = |latent: i32| (latent << missing).clamp(0, 511) as u16;
        whole.encode_all(wafers).into_iter().map(|latents| latents.map(nine)).collect()
    }

    /// Value of one unit of a latent number.
    pub fn step(&self) -> f32 {
        self.sent.unwrap_or(self.latent).step()
    }

    /// Bits of a latent number.
    pub fn bits(&self) -> u8 {
        self.sent.unwrap_or(self.latent).width()
    }

    /// The weights in the order of the chip's registers: kernels of the convolution (filter fastest), its biases, weights
    /// of the dense layer (latent number fastest), its biases.
    pub fn weights(&self) -> impl Iterator<Item = i32> + '_ {
        let (conv, dense) = (self.conv.as_flattened(), self.dense.as_flattened());
        conv.iter().copied().chain(self.conv_bias).chain(dense.iter().copied()).chain(self.dense_bias)
    }

    /// Number formats of the encoder.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Whether weights are those of the chip: six bits, five of them behind the point.
    pub fn is_of_the_chip(&self) -> bool {
        self.arithmetic == Arithmetic::Asic && (self.conv_places, self.dense_places) == (5, 5)
    }
}

/// The work of [`IntegerEncoder::encode_into`], for the widest vectors that the processor has.
struct Encode<'a> {
    encoder: &'a IntegerEncoder,
    wafers: &'a [Wafer],
    out: &'a mut [[i32; LATENTS]],
}

impl WithSimd for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (wafers, out) in self.wafers.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let latents = self.encoder.whole(wafers);
            for (lane, out) in out.iter_mut().enumerate().take(wafers.len()) {
                out.iter_mut().zip(&latents).for_each(|(out, latents)| *out = self.encoder.cut(latents[lane]));
            }
        }
    }
}

#[inline(always)]
fn places_of_latent(quantiser: Quantiser) -> i32 {
    places(quantiser).map_or(0, |places| places as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!([-3, -2, -1, 0, 1, 2, 3, 5, 6, 7].map(|v| rounded(v, 1)), [-2, -1, 0, 0, 0, 1, 2, 2, 3, 4]);
        assert_eq!([4, 12, 11, 13, -4, -12].map(|v| rounded(v, 3)), [0, 2, 1, 2, 0, -2]);
        assert_eq!(rounded(3, -2), 12);
    }
}
