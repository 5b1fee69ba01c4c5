//! The autoencoder on both sides of the links.

use std::path::{Path, PathBuf};

use super::FrontEndConfig;
use super::wafers::EventWafer;
use crate::autoencoder::conditions::conditions_of;
use crate::autoencoder::shipped::shipped;
use crate::autoencoder::trained::MODEL_FILE;
use crate::autoencoder::{Arithmetic, Autoencoder, Channel};
use crate::data::Wafer;
use crate::emulator::allocation::by_pile_up;
use crate::emulator::autoencoder::{KeepMask, LATENTS, bits_per_latent, convert};
use crate::emulator::chip::header_of;
use crate::emulator::float::{NINE_BITS, restored};
use crate::emulator::formatter::Formatter;
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::{CELLS, COUNTS_PER_MIP};

/// The encoder of the chips, and the decoder behind the links.
#[derive(Clone, Debug)]
pub(super) struct Coder {
    channel: Channel,
    decoded: bool,
    /// Smallest charge of a cell \[counts\].
    smallest: f64,
    warning: Option<String>,
}

impl Coder {
    /// Sets up the model of a configuration: the one in its folder, or the one that comes with the program.
    ///
    /// # Errors
    /// A folder without a model, or a model that the chip cannot hold.
    pub fn new(config: &FrontEndConfig) -> Result<Self> {
        let keep = KeepMask::leading(bits_per_latent(config.links));
        let (model, folder) = match config.model_folder() {
            Some(folder) => (read(config, &folder)?, folder),
            None => (shipped(Preset::Asic, config.links)?, PathBuf::from("the program's own model")),
        };
        let (name, network) = (model.about().name.clone(), model.about().network.clone());
        let [rows, columns, channels] = model.arrangement().shape();
        let preset = if network.arithmetic == Arithmetic::Seed { Preset::Seed } else { Preset::Asic };
        let channel = Channel::new(model, preset, keep).map_err(|error| EcontError::Model {
            folder: folder.display().to_string(),
            reason: format!("model '{name}', whose images have {rows}x{columns}x{channels} pixels: {error}"),
        })?;
        let sent = keep.bits() / LATENTS as u32;
        let warning = match (network.arithmetic, network.latent_bits()) {
            (Arithmetic::Float, _) => Some(format!(
                "model '{name}' was trained in floating point; on the chip its weights are rounded, and the links take {sent} \
                 bits of its latent numbers"
            )),
            (_, Some(bits)) if u32::from(bits) > sent => Some(format!(
                "model '{name}' was trained with latent numbers of {bits} bits, of which the links take {sent}"
            )),
            _ => None,
        };
        Ok(Self { channel, decoded: config.decoded, smallest: config.decoder_threshold * COUNTS_PER_MIP, warning })
    }

    /// What a user should know about the model on these links.
    pub fn warning(&self) -> Option<String> {
        self.warning.clone()
    }

    /// Charges that arrive of each wafer, by trigger-cell number, and the bits of its frame. Cells below the threshold are
    /// dropped when the sum has been restored.
    ///
    /// # Errors
    /// A network that cannot work, which is a mistake in the program.
    pub fn send(&self, formatter: &Formatter, wafers: &[EventWafer]) -> Result<Vec<([f64; CELLS], u32)>> {
        let charges: Vec<Wafer> = wafers.iter().map(|wafer| wafer.charges).collect();
        let outputs = self.channel.encode(&charges);
        let conditions = self.channel.is_conditional().then(|| conditions(wafers));
        let arrived = self.channel.decode(&charges, &outputs, conditions.as_deref(), self.decoded)?;
        let above = |charge: f64| if charge < self.smallest { 0.0 } else { charge };
        let one = |((arrived, wafer), latents): (([f64; CELLS], &Wafer), &[u16; LATENTS])| {
            let frame = formatter.autoencoder(header_of(0), latents, convert(wafer).sum_code, self.channel.keep());
            (arrived.map(above), 16 * u32::from(frame.sent))
        };
        Ok(arrived.unwrap_or_default().into_iter().zip(&charges).zip(&outputs).map(one).collect())
    }
}

fn read(config: &FrontEndConfig, folder: &Path) -> Result<Autoencoder> {
    if folder.join(MODEL_FILE).exists() {
        return Autoencoder::read(folder);
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let links = config.links;
    let reason = format!(
        "there is no trained autoencoder; make one with\n  recoil econt train --model 8x8_c8_S2_asic --links {links} --input CALQ \
         -o {}\nor for all numbers of links with\n  recoil econt train --model 8x8_c8_S2_asic --links 2,3,4,5 --input CALQ -o {}",
        folder.display(),
        parent.display()
    );
    Err(EcontError::Model { folder: folder.display().to_string(), reason })
}

/// What a conditional decoder knows of each wafer; the sum as it is sent.
fn conditions(wafers: &[EventWafer]) -> Vec<f32> {
    let one = |wafer: &EventWafer| {
        let place = wafer.place;
        let kind = by_pile_up(place.layer, place.u, place.v).map_or("", |module| module.shape);
        let sum = restored(NINE_BITS, convert(&wafer.charges).sum_code.into(), 0);
        conditions_of(wafer.eta.into(), place.u.into(), place.v.into(), kind, sum.into(), place.layer.into())
    };
    wafers.iter().flat_map(one).collect()
}
