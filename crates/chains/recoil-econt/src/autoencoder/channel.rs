//! An autoencoder in the trigger: the encoder in whole numbers on the chip, a few bits of each latent number and the code of
//! the sum on the links, the decoder behind them.

use super::integer::IntegerEncoder;
use super::models::{Arithmetic, ModelConfig};
use super::trained::{Autoencoder, Start};
use crate::data::Wafer;
use crate::emulator::autoencoder::{KeepMask, LATENT_BITS, LATENTS, convert};
use crate::emulator::float::{Fraction, NINE_BITS};
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::CELLS;

/// Encoder, links and decoder.
#[derive(Clone, Debug)]
pub struct Channel {
    encoder: IntegerEncoder,
    decoder: Option<Autoencoder>,
    keep: KeepMask,
}

impl Channel {
    /// A model of the chip's shape behind links that keep these bits. A model in single precision is rounded to the number
    /// formats of the preset; a quantised one has to have them.
    ///
    /// # Errors
    /// A model whose encoder is not that of the chip, or is quantised in other formats.
    pub fn new(model: Autoencoder, preset: Preset, keep: KeepMask) -> Result<Self> {
        let arithmetic = match preset {
            Preset::Seed => Arithmetic::Seed,
            Preset::Asic => Arithmetic::Asic,
        };
        let about = model.about();
        let model = match about.network.arithmetic {
            Arithmetic::Float => {
                let network = ModelConfig { arithmetic, links: 0, ..about.network.clone() };
                Autoencoder::new(&about.name, &network, &about.loss, Start::Given(model.parameters()))?
            }
            own if own == arithmetic => model,
            own => {
                let words = |of| if of == Arithmetic::Seed { "seed" } else { "asic" };
                let reason = format!(
                    "the encoder of '{}' has the number formats of the preset {}, not of {}: choose that preset, or \
                     train a model with arithmetic={}",
                    about.name,
                    words(own),
                    words(arithmetic),
                    words(arithmetic)
                );
                return Err(EcontError::Config { key: "preset", reason });
            }
        };
        Ok(Self { encoder: IntegerEncoder::new(&model)?, decoder: Some(model), keep })
    }

    /// An encoder without a decoder.
    pub fn of_encoder(encoder: IntegerEncoder, keep: KeepMask) -> Self {
        Self { encoder, decoder: None, keep }
    }

    /// The encoder.
    pub fn encoder(&self) -> &IntegerEncoder {
        &self.encoder
    }

    /// Whether charges can be decoded.
    pub fn has_decoder(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether the decoder needs more than latent numbers.
    pub fn is_conditional(&self) -> bool {
        self.decoder.as_ref().is_some_and(|model| model.about().network.conditional)
    }

    /// The bits that are sent.
    pub fn keep(&self) -> &KeepMask {
        &self.keep
    }

    /// The nine-bit outputs of the encoder for wafers by trigger-cell number.
    pub fn encode(&self, wafers: &[Wafer]) -> Vec<[u16; LATENTS]> {
        self.encoder.outputs(wafers)
    }

    /// Charges that arrive of wafers whose encoder gave `outputs` \[counts\], by trigger-cell number; `None` without a
    /// decoder. Each wafer's charges add up to its sum: the exact one, or `decoded` from the code that is sent.
    ///
    /// # Errors
    /// A decoder that needs more than latent numbers.
    pub fn decode(
        &self,
        wafers: &[Wafer],
        outputs: &[[u16; LATENTS]],
        conditions: Option<&[f32]>,
        decoded: bool,
    ) -> Result<Option<Vec<[f64; CELLS]>>> {
        let Some(model) = &self.decoder else { return Ok(None) };
        let scale = 0.5_f32.powi(LATENT_BITS as i32 - 1);
        let kept = |(latent, &value): (usize, &u16)| f32::from(self.keep.kept(latent, value)) * scale;
        let latents: Vec<f32> = outputs.iter().flat_map(|row| row.iter().enumerate().map(kept)).collect();
        let images = model.decode(&latents, conditions)?;
        let arrangement = model.arrangement();
        let charges = images.chunks_exact(arrangement.pixels()).zip(wafers).map(|(image, wafer)| {
            let received = arrangement.wafer(image).map(f64::from);
            with_sum(&received, if decoded { sent_sum(wafer) } else { sum(wafer) })
        });
        Ok(Some(charges.collect()))
    }
}

impl Autoencoder {
    /// Charges that arrive of wafers \[counts\], each wafer's adding up to its true sum; cells that would get less than
    /// `least` counts get nothing. As the model computes, whatever its number formats.
    ///
    /// # Errors
    /// Conditions of another size.
    pub fn transmit(&self, wafers: &[Wafer], conditions: Option<&[f32]>, least: f64) -> Result<Vec<[f64; CELLS]>> {
        let prepared = self.prepare(wafers);
        let images = self.decode(&self.encode(&prepared.images)?, conditions)?;
        let charges = images.chunks_exact(self.arrangement().pixels()).zip(wafers).map(|(image, wafer)| {
            let received = with_sum(&self.arrangement().wafer(image).map(f64::from), sum(wafer));
            received.map(|charge| if charge < least { 0.0 } else { charge })
        });
        Ok(charges.collect())
    }
}

fn sum(wafer: &Wafer) -> f64 {
    wafer.iter().map(|&charge| f64::from(charge)).sum()
}

/// The sum as its nine-bit code tells it.
fn sent_sum(wafer: &Wafer) -> f64 {
    NINE_BITS.decode(u32::from(convert(wafer).sum_code), Fraction::Middle) as f64
}

/// Shares scaled to a sum; nothing stays nothing.
fn with_sum(shares: &[f64; CELLS], sum: f64) -> [f64; CELLS] {
    let own: f64 = shares.iter().sum();
    if own > 0.0 { shares.map(|share| share * sum / own) } else { [0.0; CELLS] }
}
