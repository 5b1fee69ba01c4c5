//! `pflow train-edges`: a network that judges links between elements.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::blocks::{Distances, links};
use crate::baseline::edges::{EdgeClassifier, EdgeSamples, EdgeTraining};
use crate::baseline::view::{Geometry, View};
use crate::data::EventReader;
use crate::data::columns::Parts;

/// Keys of `pflow train-edges`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainEdgesConfig {
    /// Distances of links.
    pub distances: Distances,
    /// The solenoid.
    pub geometry: Geometry,
    /// The training.
    pub training: EdgeTraining,
    /// One of so many events validates.
    pub validation_every: u64,
    /// Most links that are learned from.
    pub max_links: usize,
    /// Probability above which a link counts in the report.
    pub threshold: f32,
}

impl Default for TrainEdgesConfig {
    fn default() -> Self {
        Self {
            distances: Distances::default(),
            geometry: Geometry::default(),
            training: EdgeTraining::default(),
            validation_every: 5,
            max_links: 1_000_000,
            threshold: 0.9,
        }
    }
}

impl Config for TrainEdgesConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.distances.problems();
        if self.validation_every < 2 {
            found.push(Problem::new("validation_every", "must be at least 2"));
        }
        let counts = [
            ("max_links", self.max_links),
            ("training.epochs", self.training.epochs),
            ("training.batch_size", self.training.batch_size),
        ];
        found.extend(counts.iter().filter(|(_, n)| *n == 0).map(|(key, _)| Problem::new(*key, "must be at least 1")));
        if !(self.training.rate > 0.0 && self.training.rate.is_finite()) {
            found.push(Problem::new("training.rate", "must be positive"));
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            found.push(Problem::new("threshold", "must be between 0 and 1"));
        }
        found
    }
}

/// Trains a network for links.
pub struct TrainEdges;

const EVENTS: InputRole = InputRole::required("events", "events with elements and targets", super::EVENTS);

impl Stage for TrainEdges {
    type Config = TrainEdgesConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow train-edges",
            about: "Train a network that tells which elements share a particle",
            long: "Learns from pairs of elements that are near each other whether one particle left both, from what they are, \
                   their layers, energies and distance. `recoil pflow blocks --method edges` uses the network.",
            inputs: &[EVENTS],
            output: OutputKind::File { doc: "the network", formats: &["safetensors"] },
            flags: &[
                Flag { name: "epochs", key: "training.epochs", list: false },
                Flag { name: "threshold", key: "threshold", list: false },
            ],
        }
    }

    fn run(&self, config: &TrainEdgesConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?.spec();
        let wanted = Parts { targets: true, ..Parts::default() };
        let mut reader = EventReader::open(&input, wanted).input_error("cannot read the events")?;
        if !reader.parts().targets {
            return Err(StageError::input(format!("{}: has no targets to learn from", reader.file())));
        }
        let layout = reader.layout();
        let (mut training, mut validation) = (EdgeSamples::default(), EdgeSamples::default());
        let mut number = 0u64;
        while let Some(events) = reader.next_events().input_error("cannot read the events")? {
            run.check()?;
            for event in &events {
                let links = links(&View::of(event, layout, &config.geometry), &config.distances);
                number += 1;
                let is_validation = number.is_multiple_of(config.validation_every);
                let samples = if is_validation { &mut validation } else { &mut training };
                samples.add(event, layout, &links);
            }
            if training.len() >= config.max_links {
                break;
            }
        }
        if training.is_empty() {
            return Err(StageError::input(format!("{}: has no elements near each other", reader.file())));
        }
        let progress = run.progress("training", "epochs", Some(config.training.epochs as u64));
        let seed = run.seed().named("pflow train-edges").value();
        let mut last = None;
        let observer = |record: &recoil_nn::train::EpochRecord| {
            progress.add(1);
            last = Some(record.judged());
        };
        let network = EdgeClassifier::train(&training, &validation, &config.training, seed, observer)
            .input_error("cannot train")?;
        network.write(&run.output_file()?, layout, &run.embedded_provenance()).output_error("cannot write")?;
        let found = network.of_samples(&validation).internal_error("cannot judge")?;
        let (mut same, mut believed, mut both) = (0u64, 0u64, 0u64);
        for (is_same, probability) in validation.same().zip(&found) {
            let is_believed = *probability >= config.threshold;
            same += u64::from(is_same);
            believed += u64::from(is_believed);
            both += u64::from(is_same && is_believed);
        }
        let ratio = |a: u64, b: u64| if b > 0 { a as f64 / b as f64 } else { 0.0 };
        Ok(Report::new()
            .value("links", training.len())
            .value("validation_links", validation.len())
            .value("validation_loss", last)
            .value("share_of_one_particle", ratio(same, validation.len() as u64))
            .value("precision", ratio(both, believed))
            .value("recall", ratio(both, same)))
    }
}
