//! How the front end is set up.

use std::path::{Path, PathBuf};

use recoil_stage::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::autoencoder::trained::MODEL_FILE;
use crate::emulator::chip::Chip;
use crate::emulator::formatter::Algorithm;
use crate::emulator::registers::{Density, THRESHOLD};
use crate::emulator::super_cells::SuperCell;
use crate::stages::chip_config::{ChipConfig, links_problem};

/// What happens to the cells of a wafer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Nothing: every cell arrives as it is.
    #[default]
    None,
    /// All cells above threshold.
    Threshold,
    /// Sums of neighbours.
    SuperTriggerCell,
    /// The largest cells.
    BestChoice,
    /// All cells; needs 11 links.
    Repeater,
    /// Latent numbers of a neural network.
    Autoencoder,
}

impl Compression {
    /// What the chip runs; nothing without a chip.
    pub fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::None => None,
            Self::Threshold => Some(Algorithm::Threshold),
            Self::SuperTriggerCell => Some(Algorithm::SuperTriggerCell),
            Self::BestChoice => Some(Algorithm::BestChoice),
            Self::Repeater => Some(Algorithm::Repeater),
            Self::Autoencoder => Some(Algorithm::Autoencoder),
        }
    }
}

/// The chips of all wafers and what is behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEndConfig {
    /// What the chips run: `none` (cells pass as they are), `threshold`, `super_trigger_cell`, `best_choice`, `repeater` or
    /// `autoencoder`.
    pub algorithm: Compression,
    /// Output links of every chip, 1 to 13.
    pub links: usize,
    /// Folder of a trained autoencoder, or a folder with one for every number of links in `links2`, `links3`, ...;
    /// `{links}` in it stands for the number. Empty: the autoencoder that comes with the program.
    pub model: String,
    /// Whether the charges that arrive are `decoded` from the codes that are sent, or exact.
    pub decoded: bool,
    /// Charge from which a cell passes the threshold algorithm [counts].
    pub threshold: u32,
    /// What super trigger cells sum: `stc4_9`, `stc16_9`, `ctc4_7` or `stc4_7`. Empty: the kind that loses least.
    pub super_cell: Option<SuperCell>,
    /// Density of the modules' cells, which sets how many bits charges lose: `ld` (1) or `hd` (3).
    pub density: Density,
    /// Cells that the autoencoder's decoder makes below this are dropped [mipT].
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub decoder_threshold: f64,
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self {
            algorithm: Compression::None,
            links: 2,
            model: String::new(),
            decoded: true,
            threshold: THRESHOLD,
            super_cell: None,
            density: Density::Ld,
            decoder_threshold: 0.1,
        }
    }
}

/// What `{links}` in the name of a model's folder stands for.
const LINKS: &str = "{links}";

impl FrontEndConfig {
    /// What cannot be set.
    pub fn problems(&self, prefix: &str) -> Vec<Problem> {
        links_problem(&format!("{prefix}links"), self.links).into_iter().collect()
    }

    /// Folder of the model for this number of links; nothing if none is named.
    pub fn model_folder(&self) -> Option<PathBuf> {
        if self.algorithm != Compression::Autoencoder || self.model.is_empty() {
            return None;
        }
        if self.model.contains(LINKS) {
            return Some(self.model.replace(LINKS, &self.links.to_string()).into());
        }
        let folder = Path::new(&self.model);
        let one_of_many = !folder.join(MODEL_FILE).exists();
        Some(if one_of_many { folder.join(format!("links{}", self.links)) } else { folder.to_path_buf() })
    }

    /// The chip of every wafer.
    pub(super) fn chip(&self) -> Option<Chip> {
        let chip = ChipConfig {
            density: self.density,
            threshold: self.threshold,
            super_cell: self.super_cell,
            ..ChipConfig::default()
        };
        Some(chip.chip(self.algorithm.algorithm()?, self.links))
    }
}
