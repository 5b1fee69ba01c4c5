//! Wafers through their chips.

use super::FrontEndConfig;
use super::autoencoder::Coder;
use super::wafers::EventWafer;
use crate::emulator::chip::Chip;
use crate::emulator::formatter::Algorithm;
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::{CELLS, FROM_POST_MUX, POST_MUX, reordered};

/// What arrives of one wafer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Received {
    /// Charges by trigger-cell number \[counts\].
    pub charges: [f64; CELLS],
    /// Bits of its frame, in whole words.
    pub bits: u32,
}

/// The chips of all wafers, set up alike, and the decoder behind the links.
#[derive(Clone, Debug)]
pub struct FrontEnd {
    chip: Chip,
    links: usize,
    decoded: bool,
    coder: Option<Coder>,
}

impl FrontEnd {
    /// Sets the front end up; nothing where cells pass as they are.
    ///
    /// # Errors
    /// Settings that cannot work, a folder without a model, a model that the chip cannot hold.
    pub fn new(config: &FrontEndConfig) -> Result<Option<Self>> {
        let Some(mut chip) = config.chip() else { return Ok(None) };
        if let Some(problem) = config.problems("").into_iter().next() {
            return Err(EcontError::Config { key: "links", reason: problem.message });
        }
        let coder = (chip.algorithm == Algorithm::Autoencoder).then(|| Coder::new(config)).transpose()?;
        if chip.algorithm == Algorithm::SuperTriggerCell {
            // more links than sums can use carry the largest layout there is
            let kind = chip.super_cell;
            let used = (1..=config.links).rev().find(|&links| kind.sums_sent(links) > 0);
            chip.formatter.links = used.unwrap_or(config.links);
        }
        Ok(Some(Self { chip, links: config.links, decoded: config.decoded, coder }))
    }

    /// Bits that the links of a wafer take in one crossing.
    pub fn link_bits(&self) -> u32 {
        32 * self.links as u32
    }

    /// What a user should know about this set-up.
    pub fn warning(&self) -> Option<String> {
        let cells = self.chip.formatter.repeated_cells();
        match &self.coder {
            Some(coder) => coder.warning(),
            None if self.chip.algorithm == Algorithm::Repeater && cells < CELLS => {
                Some(format!("the repeater needs 11 links; on these the first {cells} cells of a wafer arrive"))
            }
            None => None,
        }
    }

    /// Sends wafers; one entry per wafer, in their order.
    ///
    /// # Errors
    /// A network that cannot work, which is a mistake in the program.
    pub fn send(&self, wafers: &[EventWafer]) -> Result<Vec<Received>> {
        if let Some(coder) = &self.coder {
            let all = coder.send(&self.chip.formatter, wafers)?;
            return Ok(all.into_iter().map(|(charges, bits)| Received { charges, bits }).collect());
        }
        Ok(wafers.iter().map(|wafer| self.send_one(wafer)).collect())
    }

    fn send_one(&self, wafer: &EventWafer) -> Received {
        let charges = reordered(&wafer.charges, &FROM_POST_MUX);
        let block = self.chip.block(&charges);
        let words = self.chip.frame(&block, 0, None).map_or(0, |frame| frame.sent);
        let received = self.chip.received(&charges, &block, Preset::Asic, self.decoded).unwrap_or([0.0; CELLS]);
        Received { charges: reordered(&received, &POST_MUX), bits: 16 * u32::from(words) }
    }
}
