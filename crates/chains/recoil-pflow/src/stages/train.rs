//! `pflow train`: a network from events with targets.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_track::{Beginning, Recorder, TrackConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::MODEL_FILE;
use crate::data::columns::Parts;
use crate::data::transform::correct;
use crate::data::{Event, EventReader, Layout};
use crate::error::PflowError;
use crate::figures;
use crate::network::calibrate::{CalibrationConfig, decisions};
use crate::network::device::{Accelerator, Device};
use crate::network::inputs::{InputConfig, Scales};
use crate::network::is_fixed;
use crate::network::loss::TERMS;
use crate::network::train::{CpuClock, GroupConfig, Judgement, Samples, TrainConfig, Trainer};
use crate::network::{Architecture, Model};

/// Keys of `pflow train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainKeys {
    /// The network.
    pub architecture: Architecture,
    /// What it is told of elements.
    pub inputs: InputConfig,
    /// How it is trained.
    pub training: TrainConfig,
    /// Where the network computes.
    pub device: Device,
    /// Processes that train together.
    pub group: GroupConfig,
    /// Share of the events that validate, where no input does.
    pub validation_split: f64,
    /// Most training events that are read; 0 for all.
    pub max_events: u64,
    /// What the validation events set behind the training; null for nothing.
    pub calibrate: Option<CalibrationConfig>,
    /// Model to start from: a file, or the folder of a training. Tensors that fit are taken, others start anew; its scales
    /// and what it is told of elements are kept.
    pub start: String,
    /// Beginnings of names of tensors that stay as they are.
    pub frozen: Vec<String>,
    /// File to go on from if it exists, and to write after each validation.
    pub checkpoint: String,
    /// Where the run is recorded.
    pub track: TrackConfig,
}

impl Default for TrainKeys {
    fn default() -> Self {
        Self {
            architecture: Architecture::default(),
            inputs: InputConfig::default(),
            training: TrainConfig::default(),
            device: Device::default(),
            group: GroupConfig::default(),
            validation_split: 0.1,
            max_events: 0,
            calibrate: Some(CalibrationConfig::default()),
            start: String::new(),
            frozen: Vec::new(),
            checkpoint: String::new(),
            track: TrackConfig::default(),
        }
    }
}

impl Config for TrainKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found: Vec<Problem> = self
            .training
            .problems()
            .into_iter()
            .map(|(key, reason)| Problem::new(format!("training.{key}"), reason))
            .collect();
        if let Err(error) = self.architecture.check() {
            found.push(Problem::new("architecture", error.to_string()));
        }
        if !(0.0..1.0).contains(&self.validation_split) {
            found.push(Problem::new("validation_split", "is a share from 0 to below 1"));
        }
        found
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        super::model::files("start", &self.start)
    }
}

/// Trains a network.
pub struct Train;

const EVENTS: InputRole = InputRole::required("events", "events with elements and targets", super::EVENTS);
const VALIDATION: InputRole =
    InputRole::optional("validation", "events to validate with; without, a share of the others", super::EVENTS);

const HISTORY_FILE: &str = "history.csv";

impl Stage for Train {
    type Config = TrainKeys;

    fn description(&self) -> Description {
        Description {
            name: "pflow train",
            about: "Train a network that turns elements into particles",
            long: "Elements of an event attend to each other; the network tells for each whether it stands for a particle, of \
                   which class, and corrects its momentum. Events keep their sizes: nothing is padded. The weights of the best \
                   validation are kept. Writes model.safetensors, which holds the scales of all features and every setting, \
                   and the history of the losses.",
            inputs: &[EVENTS, VALIDATION],
            output: OutputKind::Directory { doc: "model.safetensors, history.csv and its figure" },
            flags: &[
                Flag { name: "steps", key: "training.steps", list: false },
                Flag { name: "cpu-seconds", key: "training.cpu_seconds", list: false },
                Flag { name: "batch", key: "training.batch", list: false },
                Flag { name: "rate", key: "training.rate", list: false },
                Flag { name: "device", key: "device", list: false },
                Flag { name: "start", key: "start", list: false },
                Flag { name: "checkpoint", key: "checkpoint", list: false },
                Flag { name: "max-events", key: "max_events", list: false },
            ],
        }
    }

    fn outputs(&self, config: &TrainKeys, _inputs: &Inputs) -> Vec<String> {
        // one of several processes writes
        if config.group.place().is_ok_and(|place| place.rank > 0) {
            return Vec::new();
        }
        let mut names = vec![MODEL_FILE.to_owned(), HISTORY_FILE.to_owned()];
        names.extend(pictures("history"));
        names
    }

    fn run(&self, config: &TrainKeys, run: &Run) -> std::result::Result<Report, StageError> {
        let clock = CpuClock::of_program();
        let place = config.group.place().usage_error("cannot train together")?;
        let device = super::model::open(config.device, &config.architecture)?;
        let input = run.inputs().one(EVENTS.role)?.spec();
        let (mut training, layout) = events(&input, config.max_events, run)?;
        let validation = match run.inputs().all(VALIDATION.role).next() {
            Some(file) => {
                let (validation, other) = events(&file.spec(), 0, run)?;
                super::predict::same_layout(layout, other, &file.spec()).input_error("cannot validate")?;
                validation
            }
            None => {
                let count = (training.len() as f64 * config.validation_split).round() as usize;
                training.split_off(training.len() - count.min(training.len().saturating_sub(1)))
            }
        };
        if training.is_empty() || validation.is_empty() {
            return Err(StageError::input(format!("{input}: has too few events to train and validate")));
        }
        let seed = run.seed().named("pflow train").value();
        let (model, training, validation) = prepare(config, layout, &training, &validation, seed, run)?;
        let stop = || run.check().is_err();
        let trainer = Trainer::new(&config.training, model, seed, clock).on(device.as_ref()).together(&place, &stop);
        if place.rank > 0 {
            let steps = trainer.help(&training, &validation);
            run.check()?;
            return Ok(Report::new().value("steps", steps.input_error("cannot train together")?));
        }
        let mut trainer = trainer;
        let mut record = recorder(config, run)?;
        record.facts(&[
            ("parameters", trainer.parameters()),
            ("training_events", training.len()),
            ("validation_events", validation.len()),
        ]);
        let checkpoint = (!config.checkpoint.is_empty()).then(|| PathBuf::from(&config.checkpoint));
        if let Some(path) = checkpoint.as_deref().filter(|path| path.exists()) {
            trainer.resume(path).input_error("cannot resume")?;
            run.info(&format!("resumed after step {}", trainer.steps()));
        }
        for judgement in trainer.history() {
            tell(&mut record, judgement);
        }
        let progress = run.progress("training", "steps", (config.training.steps > 0).then_some(config.training.steps));
        let mut trouble = None;
        let trained = trainer.run(&training, &validation, |trainer, judgement| {
            progress.add(1);
            if let Some(judgement) = judgement {
                run.info(&line(judgement));
                tell(&mut record, judgement);
                if let Some(error) = checkpoint.as_deref().and_then(|path| trainer.checkpoint(path).err()) {
                    trouble = Some(error);
                    return ControlFlow::Break(());
                }
            }
            if run.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if let (Err(PflowError::Group { .. }), Some(path)) = (&trained, checkpoint.as_deref()) {
            trainer.checkpoint(path).output_error("cannot write the checkpoint")?;
        }
        if run.check().is_ok() {
            trained.input_error("cannot train")?;
        }
        trouble.map_or(Ok(()), Err).output_error("cannot write the checkpoint")?;
        if let Err(interrupted) = run.check() {
            record.stopped();
            return Err(interrupted.into());
        }
        finish(config, run, &trainer, &validation, device.as_ref(), record)
    }
}

/// Reads events with targets and makes them consistent.
fn events(input: &str, most: u64, run: &Run) -> std::result::Result<(Vec<Event>, Layout), StageError> {
    let wanted = Parts { targets: true, ..Parts::default() };
    let mut reader = EventReader::open(input, wanted).input_error("cannot read the events")?;
    let layout = reader.layout();
    if !reader.parts().targets {
        let error = PflowError::content(reader.file(), "has no targets to learn from");
        return Err(StageError::input(error.to_string()));
    }
    let progress = run.progress("reading", "events", reader.total());
    let mut all = Vec::new();
    while let Some(mut events) = reader.next_events().input_error("cannot read the events")? {
        run.check()?;
        progress.add(events.len() as u64);
        events.iter_mut().for_each(|event| correct(event, layout));
        all.append(&mut events);
        if most > 0 && all.len() as u64 >= most {
            all.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            break;
        }
    }
    Ok((all, layout))
}

/// The model to start with, and the events as it reads them.
fn prepare(
    config: &TrainKeys,
    layout: Layout,
    events: &[Event],
    validation: &[Event],
    seed: u64,
    run: &Run,
) -> std::result::Result<(Model, Samples, Samples), StageError> {
    let start = match config.start.is_empty() {
        true => None,
        false => Some(super::model::read(&config.start)?),
    };
    let inputs = start.as_ref().map_or(config.inputs, |start| start.inputs);
    let mut model = Model::new(layout, &config.architecture, inputs, seed).usage_error("cannot build the network")?;
    let samples = |events: &[Event]| Samples::new(events, layout, &model.shape, &model.inputs);
    let (mut training, mut validation) = (samples(events), samples(validation));
    match &start {
        Some(start) => {
            if start.layout != layout {
                let (own, found) = (start.layout.name(), layout.name());
                let message = format!("{}: was trained with {own}, the table of events has {found}", config.start);
                return Err(StageError::input(message));
            }
            model.scales = start.scales.clone();
            let missing = model.weights.take(&start.weights.to_tensors());
            let missing = missing.input_error("cannot take the weights to start from")?;
            if !missing.is_empty() {
                run.warn("start", format!("{} tensors start anew: {}", missing.len(), missing.join(", ")));
            }
        }
        None if inputs.standardise => model.scales = Scales::fit(training.rows(), &model.shape, layout),
        None => {}
    }
    let unknown =
        |prefix: &&String| !model.weights.tensors().iter().any(|tensor| tensor.name.starts_with(prefix.as_str()));
    if let Some(prefix) = config.frozen.iter().find(unknown) {
        return Err(StageError::usage(format!("frozen: no tensor begins with '{prefix}'")));
    }
    model.weights.freeze(|name| is_fixed(name) || config.frozen.iter().any(|prefix| name.starts_with(prefix.as_str())));
    training.scale(&model.scales);
    validation.scale(&model.scales);
    if config.training.loss.jets > 0.0 {
        training.find_jets().internal_error("cannot find jets of the targets")?;
        validation.find_jets().internal_error("cannot find jets of the targets")?;
    }
    if config.training.turn {
        training.turn(events, &model);
    }
    Ok((model, training, validation))
}

/// The record of the training, if one is wanted.
fn recorder<'a>(config: &TrainKeys, run: &'a Run<'a>) -> std::result::Result<Recorder<'a>, StageError> {
    let beginning = Beginning {
        experiment: "pflow train",
        configuration: serde_json::to_value(config).internal_error("cannot record the run")?,
        seed: run.seed().value(),
        provenance: run.embedded_provenance(),
    };
    let started = Recorder::start(&config.track, beginning, |trouble| run.warn("record", trouble));
    let recorder = started.output_error("cannot record the run")?;
    if let Some(id) = recorder.id() {
        run.info(&format!("recorded as run {id}"));
    }
    Ok(recorder)
}

fn tell(record: &mut Recorder<'_>, judgement: &Judgement) {
    let metrics = judgement.metrics();
    let metrics: Vec<(&str, f64)> = metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    record.step(usize::try_from(judgement.step).unwrap_or(usize::MAX), &metrics);
}

fn line(judgement: &Judgement) -> String {
    let Judgement { step, epoch, cpu_seconds, training, validation, accuracy, .. } = judgement;
    format!(
        "step {step} (epoch {epoch:.1}, {cpu_seconds:.0} s): training {training:.4}, validation {:.4}, accuracy {accuracy:.4}",
        validation[0]
    )
}

/// Calibrates and writes the model.
fn finish(
    config: &TrainKeys,
    run: &Run,
    trainer: &Trainer<'_>,
    validation: &Samples,
    device: Option<&Accelerator>,
    record: Recorder<'_>,
) -> std::result::Result<Report, StageError> {
    let mut model = trainer.result();
    if let Some(calibrate) = &config.calibrate {
        model.decisions = decisions(&model, validation, calibrate, device).internal_error("cannot calibrate")?;
    }
    let path = run.output(MODEL_FILE)?;
    model.write(&path, &[("recoil.provenance", run.embedded_provenance())]).output_error("cannot write the model")?;
    let header = format!("step,epoch,rate,training,{},accuracy", TERMS.join(","));
    let rows = trainer.history().iter().map(|judgement| {
        let Judgement { step, epoch, rate, training, validation, accuracy, .. } = judgement;
        let terms: Vec<String> = validation.iter().map(f64::to_string).collect();
        format!("{step},{epoch},{rate},{training},{},{accuracy}", terms.join(","))
    });
    recoil_outputs::csv(run, HISTORY_FILE, &header, rows)?;
    recoil_outputs::figures(run, pictures("history"), figures::history(trainer.history()))?;
    for name in [MODEL_FILE, HISTORY_FILE] {
        record.file(Path::new(&run.output(name)?), name);
    }
    record.finish();
    let best = trainer.history().iter().min_by(|a, b| a.validation[0].total_cmp(&b.validation[0]));
    let mut report = Report::new().value("parameters", model.weights.len()).value("steps", trainer.steps()).quantity(
        "processor_time",
        trainer.cpu_seconds(),
        "s",
    );
    if let Some(best) = best {
        report = report
            .value("best_step", best.step)
            .value("best_loss", best.validation[0])
            .value("accuracy", best.accuracy);
    }
    Ok(report)
}
