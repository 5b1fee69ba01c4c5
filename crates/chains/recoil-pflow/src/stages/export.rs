//! `pflow export`: trained networks for other programs.

use std::path::PathBuf;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::export::onnx;

/// Keys of `pflow export`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Model: a file, or the folder of a training.
    pub model: String,
}

impl Config for ExportConfig {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        super::model::files("model", &self.model)
    }
}

/// Exports a network.
pub struct Export;

impl Stage for Export {
    type Config = ExportConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow export",
            about: "Write a trained network as an ONNX model or its tensors",
            long: "The ONNX model takes `Xfeat_normed` (events, elements, numbers per element) as measured, which it scales \
                   itself, and `mask` (events, elements), 1 for elements and 0 for padding; numbers of events and of \
                   elements are free, and padding changes nothing. It gives `bid` (no particle, particle), `id` (classes), \
                   `momentum` and `pu`. A safetensors file has the tensors with the names of the reference implementation.",
            inputs: &[],
            output: OutputKind::File { doc: "the model", formats: &["onnx", "safetensors"] },
            flags: &[Flag { name: "model", key: "model", list: false }],
        }
    }

    fn run(&self, config: &ExportConfig, run: &Run) -> Result<Report, StageError> {
        let model = super::model::read(&config.model)?;
        let path = run.output_file()?;
        let writing = "cannot write the model";
        let report = Report::new().value("parameters", model.weights.len());
        if path.extension().is_some_and(|extension| extension == "onnx") {
            let graph = onnx(&model).internal_error("cannot export the model")?;
            graph.write(&path).output_error(writing)?;
            return Ok(report.value("nodes", graph.nodes.len()));
        }
        model.write(&path, &[("recoil.provenance", run.embedded_provenance())]).output_error(writing)?;
        Ok(report.value("tensors", model.weights.tensors().len()))
    }
}
