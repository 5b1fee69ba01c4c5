//! The quantised encoder in whole numbers.
//!
//! With number formats that are powers of two, rounding to them and computing in whole numbers is the same. Inputs have
//! the step 1/64 (reference training) or 1/128 (chip), weights 1/8 or 1/32; products are summed in their common step, the
//! activations of the convolution rounded to 1/256, half to even, and cut at 0 and 2047, the latent numbers to 1/256 (nine
//! bits) or coarser and cut at their largest value.

use rayon::prelude::*;
use recoil_nn::{LayerSpec, Quantiser};

use super::models::Arithmetic;
use super::trained::Autoencoder;
use crate::arrangement::Arrangement;
use crate::data::Wafer;
use crate::emulator::autoencoder::{convert, convert_as_trained};
use crate::error::{EcontError, Result};

/// Filters, latent numbers and size of the one network that the chip holds.
const FILTERS: usize = 8;
/// Latent numbers.
pub const LATENTS: usize = 16;
/// Output positions of the convolution along an axis.
const SIDE: usize = 4;
/// Features behind the convolution.
const FEATURES: usize = SIDE * SIDE * FILTERS;

/// Taps of a kernel with room to spare.
const TAPS: usize = 16;

/// The encoder of the chip in whole numbers: 8x8 pixels, eight 3x3 kernels with stride 2, sixteen latent numbers.
#[derive(Clone, Debug)]
pub struct IntegerEncoder {
    arrangement: Arrangement,
    arithmetic: Arithmetic,
    /// Per filter its taps (row, column) in units of the weights' step, filled up with zeros. Weights and activations fit
    /// into 16 bits, so that compilers multiply and add eight at a time.
    conv: [[i16; TAPS]; FILTERS],
    conv_bias: [i32; FILTERS],
    /// Per latent number the weights of all features.
    dense: Vec<[i16; FEATURES]>,
    dense_bias: [i32; LATENTS],
    /// Binary places of inputs, weights and activations.
    input_places: u32,
    weight_places: u32,
    activation_places: u32,
    activation_largest: i32,
    latent: Quantiser,
    sent: Option<Quantiser>,
}

/// Binary places of a number format.
fn places(quantiser: Quantiser) -> u32 {
    let magnitude = i32::from(quantiser.width()) - i32::from(quantiser.signed());
    u32::try_from(magnitude - i32::from(quantiser.integer_bits())).unwrap_or(0)
}

/// Sum of products; the sums of this network fit into 32 bits with room to spare.
fn product<const N: usize>(a: &[i16; N], b: &[i16; N]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// value / 2^shift, half to even.
fn rounded(value: i32, shift: u32) -> i32 {
    if shift == 0 {
        return value;
    }
    let floor = value >> shift;
    let (rest, half) = (value - (floor << shift), 1 << (shift - 1));
    floor + i32::from(rest > half || (rest == half && floor & 1 == 1))
}

impl IntegerEncoder {
    /// The integer form of a model's encoder.
    ///
    /// # Errors
    /// A model whose encoder is not that of the chip, or not quantised.
    pub fn new(model: &Autoencoder) -> Result<Self> {
        let refuse = |reason: &str| EcontError::Config { key: "model", reason: reason.to_owned() };
        let about = model.about();
        let network = &about.network;
        let fits = network.filters == [FILTERS]
            && (network.kernel, network.stride, network.latent) == (3, 2, LATENTS)
            && model.arrangement().shape() == [8, 8, 1]
            && network.dense.is_empty()
            && !network.pool.contains(&true)
            && !network.per_channel
            && !network.valid;
        if !fits {
            return Err(refuse(
                "its encoder is not that of the chip: 8x8 pixels, eight 3x3 kernels with stride 2, 16 latents",
            ));
        }
        if network.arithmetic == Arithmetic::Float {
            return Err(refuse("its encoder is not quantised: train one with network.arithmetic=asic or seed"));
        }
        let round = |name: &str| {
            let layer = about.encoder.layers.iter().find(|layer| layer.name == name).map(|layer| &layer.layer);
            match layer {
                Some(LayerSpec::Quantise(quantiser)) => Some(*quantiser),
                _ => None,
            }
        };
        let missing = || refuse("its encoder lacks a number format");
        let (encoder, parameters) = model.encoder();
        let weight =
            encoder.tensor("enc_conv_0/kernel").ok().and_then(|tensor| tensor.quantiser).ok_or_else(missing)?;
        let whole = |name: &str| -> Result<Vec<i32>> {
            let values = parameters.tensor(name).ok_or_else(missing)?;
            Ok(values.iter().map(|&value| weight.integer(value)).collect())
        };
        let (conv, conv_bias) = (whole("enc_conv_0/kernel")?, whole("enc_conv_0/bias")?);
        let (dense, dense_bias) = (whole("encoded_vector/kernel")?, whole("encoded_vector/bias")?);
        let accumulator = round("conv_round").ok_or_else(missing)?;
        if conv.len() != 9 * FILTERS || dense.len() != FEATURES * LATENTS {
            return Err(missing());
        }
        let conv = std::array::from_fn(|filter| {
            std::array::from_fn(|tap| conv.get(tap * FILTERS + filter).map_or(0, |&weight| weight as i16))
        });
        let of_latent = |latent: usize| {
            std::array::from_fn(|feature| dense.get(feature * LATENTS + latent).map_or(0, |&weight| weight as i16))
        };
        let dense = (0..LATENTS).map(of_latent).collect();
        Ok(Self {
            arrangement: model.arrangement().clone(),
            arithmetic: network.arithmetic,
            conv,
            conv_bias: conv_bias.try_into().map_err(|_| missing())?,
            dense,
            dense_bias: dense_bias.try_into().map_err(|_| missing())?,
            input_places: places(round("input_round").ok_or_else(missing)?),
            weight_places: places(weight),
            activation_places: places(accumulator),
            activation_largest: accumulator.range().1 as i32,
            latent: round("latent").ok_or_else(missing)?,
            sent: round("latent_sent"),
        })
    }

    /// Latent numbers of a wafer in units of the step that [`Self::step`] tells.
    pub fn encode(&self, wafer: &Wafer) -> [i32; LATENTS] {
        let inputs: [i16; 48] = match self.arithmetic {
            Arithmetic::Asic => convert(wafer).inputs.map(i16::from),
            // at most 511
            _ => convert_as_trained(wafer).map(|input| input as i16),
        };
        let image = self.arrangement.image(&inputs);
        // one row and column of zeros behind the image
        let mut padded = [[0_i16; 9]; 9];
        for (row, pixels) in padded.iter_mut().zip(image.chunks_exact(8)) {
            row[..8].copy_from_slice(pixels);
        }
        let sum_places = self.input_places + self.weight_places;
        let mut features = [0_i16; FEATURES];
        for (position, features) in features.chunks_exact_mut(FILTERS).enumerate() {
            let (y, x) = (2 * (position / SIDE), 2 * (position % SIDE));
            let mut patch = [0_i16; TAPS];
            for row in 0..3 {
                patch[3 * row..3 * row + 3].copy_from_slice(&padded[y + row][x..x + 3]);
            }
            for ((feature, weights), bias) in features.iter_mut().zip(&self.conv).zip(self.conv_bias) {
                let sum = (bias << self.input_places) + product(&patch, weights);
                // at most 2047
                *feature = self.narrowed(sum, sum_places) as i16;
            }
        }
        let mut sums = self.dense_bias.map(|bias| bias << self.activation_places);
        for (sum, weights) in sums.iter_mut().zip(&self.dense) {
            *sum += product(&features, weights);
        }
        let (from, to) = (self.activation_places + self.weight_places, places(self.latent));
        let largest = self.latent.range().1 as i32;
        sums.map(|sum| {
            let latent = rounded(sum, from.saturating_sub(to)).clamp(0, largest);
            match self.sent {
                Some(sent) => (latent >> to.saturating_sub(places(sent))).min(sent.range().1 as i32),
                None => latent,
            }
        })
    }

    fn narrowed(&self, sum: i32, places: u32) -> i32 {
        let value = if places >= self.activation_places {
            rounded(sum, places - self.activation_places)
        } else {
            sum << (self.activation_places - places)
        };
        value.clamp(0, self.activation_largest)
    }

    /// Latent numbers of many wafers, on all threads of the current pool.
    pub fn encode_all(&self, wafers: &[Wafer]) -> Vec<[i32; LATENTS]> {
        wafers.par_iter().with_min_len(256).map(|wafer| self.encode(wafer)).collect()
    }

    /// Value of one unit of a latent number.
    pub fn step(&self) -> f32 {
        self.sent.unwrap_or(self.latent).step()
    }

    /// Bits of a latent number.
    pub fn bits(&self) -> u8 {
        self.sent.unwrap_or(self.latent).width()
    }

    /// The weights in the order of the chip's registers, with the bits of each: kernels of the convolution (filter fastest),
    /// its biases, weights of the dense layer (latent number fastest), its biases.
    pub fn weights(&self) -> impl Iterator<Item = i32> + '_ {
        let conv = (0..9).flat_map(|tap| self.conv.iter().map(move |filter| filter[tap]));
        let dense = (0..FEATURES).flat_map(|feature| self.dense.iter().map(move |latent| latent[feature]));
        let (conv, dense) = (conv.map(i32::from), dense.map(i32::from));
        conv.chain(self.conv_bias).chain(dense).chain(self.dense_bias)
    }

    /// Whether weights are those of the chip: six bits, five of them behind the point.
    pub fn is_of_the_chip(&self) -> bool {
        self.arithmetic == Arithmetic::Asic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!([-3, -2, -1, 0, 1, 2, 3, 5, 6, 7].map(|v| rounded(v, 1)), [-2, -1, 0, 0, 0, 1, 2, 2, 3, 4]);
        assert_eq!([4, 12, 11, 13, -4, -12].map(|v| rounded(v, 3)), [0, 2, 1, 2, 0, -2]);
    }
}
