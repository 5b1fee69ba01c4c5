//! The chip's settings as configuration keys.

use recoil_stage::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::emulator::autoencoder::{KeepMask, bits_per_latent};
use crate::emulator::buffer::BufferLimits;
use crate::emulator::chip::Chip;
use crate::emulator::formatter::{Algorithm, Formatter, LINKS_OUT};
use crate::emulator::registers::{Density, Registers, SYNC_WORD, THRESHOLD, effective_drop};
use crate::emulator::super_cells::SuperCell;
use crate::transmission::usual_sums;
use crate::wafer::CELLS;

/// Registers of a chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChipConfig {
    /// Density of the module's cells, which sets how many bits charges lose: `ld` (1) or `hd` (3).
    pub density: Density,
    /// Bits that charges lose before they are encoded; values above 4 act as 0. Empty: by density.
    pub drop_lsb: Option<u32>,
    /// Threshold of every cell [counts].
    pub threshold: u32,
    /// Thresholds of the 48 cells [counts], in the order behind the multiplexer. Empty: `threshold` for all.
    pub thresholds: Vec<u32>,
    /// What super trigger cells sum: `stc4_9`, `stc16_9`, `ctc4_7` or `stc4_7`. Empty: the kind that loses least.
    pub super_cell: Option<SuperCell>,
    /// Whether the module sum counts all cells, or only those that are not sent.
    pub use_sum: bool,
    /// Synchronisation pattern of idle words, 11 bits.
    pub sync_word: u16,
    /// Words in the buffer above which frames are truncated. Empty: 24 per link.
    pub t1: Option<i64>,
    /// Words in the buffer above which short frames are truncated. Empty: `t1` less 25.
    pub t2: Option<i64>,
    /// Longest frame that counts as short [words].
    pub t3: i64,
    /// Crossings at which the output links are reset.
    pub link_resets: Vec<i64>,
    /// Bits of the autoencoder's sixteen latent numbers that are sent: the register of 144 bits as 36 hexadecimal digits,
    /// highest first. Empty: the leading ones of each that fit the links.
    pub keep_bits: String,
}

impl Default for ChipConfig {
    fn default() -> Self {
        Self {
            density: Density::Ld,
            drop_lsb: None,
            threshold: THRESHOLD,
            thresholds: Vec::new(),
            super_cell: None,
            use_sum: false,
            sync_word: SYNC_WORD,
            t1: None,
            t2: None,
            t3: 25,
            link_resets: Vec::new(),
            keep_bits: String::new(),
        }
    }
}

impl ChipConfig {
    /// What cannot be set.
    pub fn problems(&self, prefix: &str) -> Vec<Problem> {
        let mut found = Vec::new();
        if !matches!(self.thresholds.len(), 0 | CELLS) {
            let reason = format!("needs 48 numbers or none, not {}", self.thresholds.len());
            found.push(Problem::new(format!("{prefix}thresholds"), reason));
        }
        if self.sync_word >= 1 << 11 {
            found.push(Problem::new(format!("{prefix}sync_word"), "needs 11 bits at most"));
        }
        if !self.keep_bits.is_empty() && KeepMask::from_hex(&self.keep_bits).is_none() {
            found.push(Problem::new(format!("{prefix}keep_bits"), "needs 36 hexadecimal digits or none"));
        }
        found
    }

    /// The chip with so many output links.
    pub fn chip(&self, algorithm: Algorithm, links: usize) -> Chip {
        let mut registers = Registers {
            drop_lsb: effective_drop(self.drop_lsb.unwrap_or(self.density.drop_lsb())),
            threshold: [self.threshold; CELLS],
            ..Registers::default()
        };
        registers.threshold.iter_mut().zip(&self.thresholds).for_each(|(place, value)| *place = *value);
        Chip {
            algorithm,
            registers,
            formatter: Formatter { links, use_sum: self.use_sum, sync_word: self.sync_word },
            super_cell: self.super_cell.unwrap_or(usual_sums(links)),
            resets: self.link_resets.clone(),
        }
    }

    /// Bits of the latent numbers that are sent.
    pub fn keep_mask(&self, links: usize) -> KeepMask {
        KeepMask::from_hex(&self.keep_bits).unwrap_or(KeepMask::leading(bits_per_latent(links)))
    }

    /// Limits of the buffer.
    pub fn limits(&self, links: usize) -> BufferLimits {
        let usual = BufferLimits::of_links(links);
        let t1 = self.t1.unwrap_or(usual.t1);
        BufferLimits { t1, t2: self.t2.unwrap_or(t1.saturating_sub(25)), t3: self.t3 }
    }
}

/// What is wrong with a number of output links.
pub fn links_problem(key: &str, links: usize) -> Option<Problem> {
    let fits = (1..=LINKS_OUT).contains(&links);
    (!fits).then(|| Problem::new(key.to_owned(), format!("must be 1 to {LINKS_OUT}")))
}
