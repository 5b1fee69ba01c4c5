//! `pflow predict`: candidates by a trained network.

use std::path::PathBuf;

use rayon::prelude::*;
use recoil_nn::tape::Pool;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::columns::Parts;
use crate::data::{EventReader, EventWriter, Layout, classes};
use crate::error::{PflowError, Result};
use crate::network::device::Device;

/// Keys of `pflow predict`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PredictConfig {
    /// Model: a file, or the folder of a training.
    pub model: String,
    /// Elements that go through the network at a time, in whole events.
    pub elements: usize,
    /// Where the network computes.
    pub device: Device,
}

impl Default for PredictConfig {
    fn default() -> Self {
        Self { model: String::new(), elements: 1024, device: Device::default() }
    }
}

impl Config for PredictConfig {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        super::model::files("model", &self.model)
    }
}

/// Predicts candidates.
pub struct Predict;

const EVENTS: InputRole = InputRole::required("events", "events with elements", super::EVENTS);

/// Refuses a model for the elements of another detector.
pub(super) fn same_layout(model: Layout, events: Layout, file: &str) -> Result<()> {
    if model == events {
        return Ok(());
    }
    let reason = format!("has {}, the model was trained with {}", events.name(), model.name());
    Err(PflowError::content(file, reason))
}

impl Stage for Predict {
    type Config = PredictConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow predict",
            about: "Reconstruct particles by a trained network",
            long: "Runs the network of `pflow train` over events of any size and writes the events with one candidate per \
                   element. Nothing is padded; rows of type 0, as other programs pad with, are no elements and change \
                   nothing.",
            inputs: &[EVENTS],
            output: OutputKind::File { doc: "the events with candidates", formats: super::EVENTS },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "device", key: "device", list: false },
            ],
        }
    }

    fn run(&self, config: &PredictConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let model = super::model::read(&config.model)?;
        let device = super::model::open(config.device, &model.architecture)?;
        let input = run.inputs().one(EVENTS.role)?.spec();
        let reading = "cannot read the events";
        let wanted = Parts { targets: true, generated: true, ..Parts::default() };
        let mut reader = EventReader::open(&input, wanted).input_error(reading)?;
        let layout = reader.layout();
        same_layout(model.layout, layout, reader.file()).input_error("cannot predict")?;
        let parts = Parts { candidates: true, ..reader.parts() };
        let mut writer = EventWriter::create(&run.output_file()?, layout, parts).output_error("cannot write")?;
        let progress = run.progress("predicting", "events", reader.total());
        let mut counts = std::collections::BTreeMap::new();
        let (mut total, pool) = (0u64, Pool::default());
        while let Some(mut events) = reader.next_events().input_error(reading)? {
            run.check()?;
            // whole events, about as many elements each, so that memory stays bounded
            let mut pieces: Vec<&mut [crate::data::Event]> = Vec::new();
            let mut rest = events.as_mut_slice();
            while !rest.is_empty() {
                let mut seen = 0;
                let piece = rest.iter().take_while(|event| {
                    let fits = seen < config.elements.max(1);
                    seen += event.elements(layout);
                    fits
                });
                let (piece, behind) = rest.split_at_mut(piece.count().max(1));
                pieces.push(piece);
                rest = behind;
            }
            let predict = |events: &mut [crate::data::Event]| -> Result<()> {
                for (event, candidates) in model.predict_on(device.as_ref(), events, &pool)?.into_iter().enumerate() {
                    if let Some(event) = events.get_mut(event) {
                        event.candidates = candidates;
                    }
                }
                Ok(())
            };
            pieces.into_par_iter().map(predict).collect::<Result<()>>().internal_error("cannot predict")?;
            for candidate in events.iter().flat_map(|event| &event.candidates) {
                *counts.entry(candidate.pdg).or_insert(0u64) += 1;
            }
            writer.write(&events).output_error("cannot write the events")?;
            total += events.len() as u64;
            progress.add(events.len() as u64);
        }
        writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
        let rows = layout.classes().iter().filter_map(|class| {
            let count = counts.get(class)?;
            Some(vec![classes::name(*class).into(), (*count).into()])
        });
        Ok(Report::new().value("events", total).table("candidates", &["class", "candidates"], rows.collect()))
    }
}
