//! `econt export`: trained models for other programs.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encode::model;
use crate::autoencoder::export::{ModelPart, hls4ml_archive, onnx_model, weight_image};

/// Form of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An ONNX model.
    #[default]
    Onnx,
    /// The weight registers of the chip as hexadecimal words, one register a line.
    I2c,
    /// A tar archive for hls4ml: the encoder as ONNX, a configuration with the precision of every layer, lists of weights.
    Hls4ml,
}

/// Keys of `econt export`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExportKeys {
    /// Folder of the model.
    pub model: String,
    /// Form: `onnx`, `i2c` or `hls4ml`.
    pub format: Format,
    /// What an ONNX file holds: `autoencoder`, `encoder` or `decoder`.
    pub part: ModelPart,
}

impl Config for ExportKeys {}

/// Exports a model.
pub struct Export;

impl Stage for Export {
    type Config = ExportKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt export",
            about: "Write a trained model for other programs",
            long: "Weights with a number format are written as rounded. The I2C form needs an encoder with the chip's \
                   number formats (arithmetic=asic).",
            inputs: &[],
            output: OutputKind::File { doc: "the model", formats: &[] },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "format", key: "format", list: false },
                Flag { name: "part", key: "part", list: false },
            ],
        }
    }

    fn run(&self, config: &ExportKeys, run: &Run) -> Result<Report, StageError> {
        let model = model(&config.model)?;
        let bytes = match config.format {
            Format::Onnx => onnx_model(&model, config.part).to_bytes(),
            Format::I2c => weight_image(&model).input_error("cannot export")?.into_bytes(),
            Format::Hls4ml => hls4ml_archive(&model),
        };
        std::fs::write(run.output_file()?, &bytes).output_error("cannot write the model")?;
        Ok(Report::new().value("model", model.about().name.clone()).value("bytes", bytes.len()))
    }
}
