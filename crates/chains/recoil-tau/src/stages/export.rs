//! `tau export`: trained models for other programs.

use std::path::{Path, PathBuf};

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::training::TauModel;

/// Keys of `tau export`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExportKeys {
    /// Folder of a trained model.
    pub model: String,
}

impl Config for ExportKeys {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        model_folder("model", &self.model)
    }
}

/// The model that `key` names, as an input of the run.
pub(super) fn model_folder(key: &str, folder: &str) -> Vec<(String, PathBuf)> {
    if folder.is_empty() { Vec::new() } else { vec![(key.to_owned(), PathBuf::from(folder))] }
}

/// The model in the folder that a key names.
pub(super) fn model(folder: &str) -> Result<TauModel, StageError> {
    if folder.is_empty() {
        return Err(StageError::usage("no model is given: --model FOLDER"));
    }
    TauModel::read(Path::new(folder)).input_error("cannot read the model")
}

/// Exports a network.
pub struct Export;

impl Stage for Export {
    type Config = ExportKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau export",
            about: "Write a trained network as an ONNX model",
            long: "The model takes dense inputs (candidates, eta, phi, features) called input_tau, input_inner_egamma and so \
                   on, and gives main_output: the probabilities of electron, muon, tau and jet. Networks that see particles \
                   one by one take them padded, as input_PfCand_chHad and place_PfCand_chHad (candidates, particles, \
                   features), with masks PfCand_chHad_mask (candidates, particles).",
            inputs: &[],
            output: OutputKind::File { doc: "the model", formats: &["onnx"] },
            flags: &[Flag { name: "model", key: "model", list: false }],
        }
    }

    fn run(&self, config: &ExportKeys, run: &Run) -> Result<Report, StageError> {
        let model = model(&config.model)?;
        let bytes = model.network().onnx(model.parameters(), model.about().particles).to_bytes();
        std::fs::write(run.output_file()?, &bytes).output_error("cannot write the model")?;
        Ok(Report::new().value("model", model.about().name.clone()).value("bytes", bytes.len()))
    }
}
