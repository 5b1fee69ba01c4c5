//! `tau train`: a network from candidates.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use recoil_nn::Parameters;
use recoil_nn::optimise::{Nesterov, Optimiser};
use recoil_nn::train::TrainConfig;
use recoil_stage::error::Blame as _;
use recoil_stage::{
    Config, Description, ErrorKind, Flag, Inputs, OutputKind, Problem, Progress, Report, Run, Stage, StageError,
};
use recoil_track::{Beginning, Recorder, TrackConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batches::SCALING;
use super::features::{FEATURES, table_of};
use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::batches::RowSelection;
use crate::features::table::DEFAULT;
use crate::grid::Encoder;
use crate::network::cnn::{CnnConfig, InputShape};
use crate::network::loss::{FakeRates, LossName, TauLoss};
use crate::network::points::{ParticleNetConfig, TransformerConfig};
use crate::network::topology::{AnyNetwork, AnyTrainer, TopologyConfig};
use crate::scaling::ScalingTable;
use crate::training::TauModel;
use crate::training::balance::{ClassWeights, Spectra, WeightConfig};
use crate::training::model::{About, FEATURES_FILE, MODEL_FILE, SCALING_FILE, WEIGHTS_FILE};
use crate::training::source::{Part, Source};
use crate::training::task::{CLASSES, Judgement, Lesson, MovingLoss};

/// File of the losses per epoch.
const HISTORY_FILE: &str = "history.csv";

/// Files of a training that its record keeps, with their folders there.
const RECORDED: [(&str, &str); 5] = [
    (MODEL_FILE, "model"),
    (WEIGHTS_FILE, "model"),
    (HISTORY_FILE, "model"),
    (FEATURES_FILE, "input_cfg"),
    (SCALING_FILE, "input_cfg"),
];

/// Networks by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// The network of DeepTau version 2.5.
    #[default]
    Default,
    /// A network of 67,548 parameters.
    Reduced,
    /// Edge convolutions over particles.
    ParticleNet,
    /// Attention between particles.
    Transformer,
}

/// Keys of `tau train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainKeys {
    /// Name of the model.
    pub name: String,
    /// Network by name: `default`, `reduced`, `particle_net` or `transformer`.
    pub topology: Topology,
    /// Another topology in place of `default` or `reduced`.
    pub network: Option<CnnConfig>,
    /// Layers of `particle_net`.
    pub particle_net: ParticleNetConfig,
    /// Layers of `transformer`.
    pub transformer: TransformerConfig,
    /// Particles of a candidate at most, those of highest momentum; for `particle_net` and `transformer`.
    pub particles: usize,
    /// The files.
    pub files: FilesConfig,
    /// Candidates must have a higher score of the deployed discriminator against jets than this; null for no cut.
    pub least_vs_jet: Option<f32>,
    /// Candidates of a batch.
    pub n_tau: usize,
    /// Batches to learn from in an epoch; -1 for all.
    pub n_batches: i64,
    /// Batches to validate with after each epoch; -1 for all.
    pub n_batches_val: i64,
    /// Fraction of the batches kept for validation; they lie evenly between the others.
    pub validation_split: f64,
    /// What is minimised.
    pub loss: LossName,
    /// Relative weights of electrons, muons, taus and jets in the loss.
    pub loss_factors: [f64; 4],
    /// Fake rates at which `wp_loss` looks.
    pub fake_rates: FakeRates,
    /// How candidates are weighted.
    pub weights: WeightConfig,
    /// Epochs, optimiser, schedule, early stopping.
    pub training: TrainConfig,
    /// Folder of a model whose weights are taken to start from, layer by layer by name; empty, from random numbers.
    pub start: String,
    /// Beginnings of names of layers that keep their weights.
    pub frozen: Vec<String>,
    /// File in which the state is kept after every epoch; if it is there, the training goes on from it. Empty, none.
    pub checkpoint: String,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
    /// Where the run is recorded, besides its output.
    pub track: TrackConfig,
}

impl Default for TrainKeys {
    fn default() -> Self {
        let optimiser = Optimiser::Nadam(Nesterov { schedule_decay: 1e-4, ..Nesterov::default() });
        Self {
            name: "deeptau".into(),
            topology: Topology::Default,
            network: None,
            particle_net: ParticleNetConfig::default(),
            transformer: TransformerConfig::default(),
            particles: 50,
            files: FilesConfig::default(),
            least_vs_jet: None,
            n_tau: 250,
            n_batches: -1,
            n_batches_val: -1,
            validation_split: 0.3,
            loss: LossName::TauCrossentropyV2,
            loss_factors: [1.0, 2.5, 5.0, 1.5],
            fake_rates: FakeRates::default(),
            weights: WeightConfig::default(),
            training: TrainConfig { epochs: 1, batch_size: 250, optimiser, shuffle: false, ..TrainConfig::default() },
            start: String::new(),
            frozen: Vec::new(),
            checkpoint: String::new(),
            on_bad_file: OnBadFile::Stop,
            track: TrackConfig::default(),
        }
    }
}

impl TrainKeys {
    fn topology(&self) -> TopologyConfig {
        let cells = |named| TopologyConfig::Cells(Box::new(self.network.clone().unwrap_or(named)));
        match self.topology {
            Topology::Default => cells(CnnConfig::default()),
            Topology::Reduced => cells(CnnConfig::reduced()),
            Topology::ParticleNet => TopologyConfig::ParticleNet(self.particle_net.clone()),
            Topology::Transformer => TopologyConfig::Transformer(self.transformer.clone()),
        }
    }

    /// The settings of the trainer; batches are those of the stream.
    fn training(&self) -> TrainConfig {
        TrainConfig { batch_size: self.n_tau, shuffle: false, ..self.training.clone() }
    }
}

impl Config for TrainKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        if let Err(error) = self.topology().network(&InputShape::default()) {
            found.push(Problem::new("network", error.to_string()));
        }
        if let Err(error) = self.training().check() {
            found.push(Problem::new("training", format!("cannot work: {error}")));
        }
        if !(0.0..1.0).contains(&self.validation_split) {
            found.push(Problem::new("validation_split", "must be from 0 to below 1"));
        }
        if self.particles == 0 {
            found.push(Problem::new("particles", "must be at least 1"));
        }
        if self.n_tau == 0 {
            found.push(Problem::new("n_tau", "must be at least 1"));
        }
        if !self.loss_factors.iter().all(|factor| *factor >= 0.0) || self.loss_factors.iter().sum::<f64>() <= 0.0 {
            found.push(Problem::new("loss_factors", "must not be negative, and not all zero"));
        }
        found
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        super::export::model_folder("start", &self.start)
    }
}

/// Trains a network.
pub struct Train;

impl Stage for Train {
    type Config = TrainKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau train",
            about: "Train a network on candidates",
            long: "Streams shuffled and merged candidates in batches and writes a folder with the model: its topology, \
                   weights, table of features, scaling, and the losses of every epoch. Convolutions run over occupied cells \
                   only. The same seed gives the same weights with any number of threads; with a checkpoint file an \
                   interrupted training goes on bit for bit.",
            inputs: &[CANDIDATES, FEATURES, SCALING],
            output: OutputKind::Directory { doc: "the model" },
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "topology", key: "topology", list: false },
                Flag { name: "epochs", key: "training.epochs", list: false },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &TrainKeys, _inputs: &Inputs) -> Vec<String> {
        [MODEL_FILE, WEIGHTS_FILE, FEATURES_FILE, SCALING_FILE, HISTORY_FILE].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &TrainKeys, run: &Run) -> Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let table = table_of(run)?;
        let features = match run.inputs().optional(FEATURES.role) {
            Some(file) => std::fs::read_to_string(&file.path).input_error(file.spec())?,
            None => DEFAULT.to_owned(),
        };
        let scaling_path = &run.inputs().one(SCALING.role)?.path;
        let scaling = ScalingTable::read(scaling_path).input_error("cannot read the scaling")?;
        let encoder = Encoder::new(&table, &scaling).usage_error("the features and their scaling do not fit")?;
        let encoder = encoder.with_form(config.topology().form(config.particles));
        let about = About {
            name: config.name.clone(),
            network: config.topology(),
            particles: config.particles,
            inputs: InputShape::of(&table),
            loss: config.loss,
            loss_factors: config.loss_factors,
            outputs: CLASSES.map(|class| class.name().to_owned()).to_vec(),
        };
        let network = about.network.network(&about.inputs).usage_error("cannot build the network")?;
        let seed = run.seed().named("tau train").value();
        let start = start(config, &network, seed, run)?;
        let loss = MovingLoss::new(TauLoss::new(config.loss, config.loss_factors));
        let trainer = network.trainer(&loss, &config.training(), start, seed);
        let source = Source {
            encoder: &encoder,
            files,
            tree: config.files.tree.clone(),
            selection: RowSelection { least_vs_jet: config.least_vs_jet, ..RowSelection::default() },
            size: config.n_tau,
            validation: config.validation_split,
        };
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let (weights, totals) = weights(config, &source, &bad, run)?;
        let mut record = recorder(config, run)?;
        let facts = CLASSES.iter().zip(totals).map(|(class, total)| (format!("candidates_{}", class.name()), total));
        let facts: Vec<(String, usize)> = facts.map(|(name, total)| (name, total as usize)).collect();
        record.facts(&facts.iter().map(|(name, total)| (name.as_str(), *total)).collect::<Vec<_>>());
        record.facts(&[("parameters", network.parameter_count())]);
        let task = Task { config, run, source: &source, weights: weights.as_ref(), loss: &loss };
        let trained = task.train(trainer.usage_error("cannot train")?, &mut record);
        if let Err(interrupted) = run.check() {
            record.stopped();
            return Err(trained.err().unwrap_or_else(|| interrupted.into()));
        }
        let (trainer, history) = trained?;
        let scaling = crate::scaling::parameters::read_json(scaling_path).input_error("cannot read the scaling")?;
        let model = TauModel::new(about, features, scaling, Some(&trainer.result()))
            .map_err(|error| StageError::caused(ErrorKind::Internal, "cannot keep the model", error))?;
        let path = run.output(MODEL_FILE)?;
        model.write(path.parent().unwrap_or(Path::new("."))).output_error("cannot write the model")?;
        std::fs::write(run.output(HISTORY_FILE)?, table_of_epochs(&history))
            .output_error("cannot write the history")?;
        for (name, folder) in RECORDED {
            record.file(&run.output(name)?, &format!("{folder}/{name}"));
        }
        record.finish();
        Ok(bad.report(report(&network, &trainer, &history, totals)))
    }
}

/// The record of the training, if one is wanted.
fn recorder<'a>(config: &TrainKeys, run: &'a Run<'a>) -> Result<Recorder<'a>, StageError> {
    let beginning = Beginning {
        experiment: "tau train",
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

/// The parameters to start from.
fn start(config: &TrainKeys, network: &AnyNetwork, seed: u64, run: &Run) -> Result<Parameters, StageError> {
    let mut parameters = network.start(seed);
    if !config.start.is_empty() {
        let folder = Path::new(&config.start);
        let file = if folder.is_dir() { folder.join(WEIGHTS_FILE) } else { folder.to_owned() };
        let known = recoil_nn::safetensors::read(&file).input_error("cannot read the weights to start from")?;
        let missing = parameters.take(&known.tensors).input_error("cannot take the weights to start from")?;
        if !missing.is_empty() {
            let message = format!("{}: {} tensors start anew: {}", file.display(), missing.len(), missing.join(", "));
            run.warn("start", message);
        }
    }
    if let Some(unknown) = config.frozen.iter().find(|prefix| !network.has_layers(prefix)) {
        return Err(StageError::usage(format!("frozen: no layer begins with '{unknown}'")));
    }
    parameters.freeze(|layer| config.frozen.iter().any(|prefix| layer.starts_with(prefix)));
    Ok(parameters)
}

/// Weights from the spectra of all candidates, and the number of candidates of each class.
fn weights(
    config: &TrainKeys,
    source: &Source<'_>,
    bad: &BadFiles<'_>,
    run: &Run,
) -> Result<(Option<ClassWeights>, [f64; 4]), StageError> {
    let mut spectra = Spectra::new(&config.weights).usage_error("cannot weight candidates")?;
    let mut pieces = source.pieces();
    let progress = run.progress("counting", "candidates", None);
    loop {
        run.check()?;
        let Some(piece) = bad.unless_bad(pieces.next_piece()).input_error("cannot read candidates")? else { continue };
        let Some(piece) = piece else { break };
        let (pt, eta) = (piece.loaded.column("tau_pt"), piece.loaded.column("tau_eta"));
        for (row, class) in piece.rows.iter().zip(&piece.classes) {
            let class = CLASSES.iter().position(|known| Some(*known) == *class);
            if let (Some(class), Some(pt), Some(eta)) = (class, pt.get(*row as usize), eta.get(*row as usize)) {
                spectra.count(class, f64::from(*pt), f64::from(*eta));
            }
        }
        progress.add(piece.rows.len() as u64);
    }
    let totals = spectra.totals();
    let weights = match config.weights.use_weights {
        true => Some(spectra.weights(config.weights.weight_thr).input_error("cannot weight candidates")?),
        false => None,
    };
    Ok((weights, totals))
}

/// Names of the areas under the ROC curves, in the history and in the record.
const AREAS: [&str; 3] = ["val_auc_e", "val_auc_mu", "val_auc_jet"];

/// Losses and areas of an epoch.
struct Epoch {
    line: String,
    areas: [Option<f64>; 3],
    candidates: usize,
    seconds: f64,
}

struct Task<'a> {
    config: &'a TrainKeys,
    run: &'a Run<'a>,
    source: &'a Source<'a>,
    weights: Option<&'a ClassWeights>,
    loss: &'a MovingLoss,
}

impl Task<'_> {
    fn train<'n>(
        &self,
        mut trainer: AnyTrainer<'n>,
        recorder: &mut Recorder<'_>,
    ) -> Result<(AnyTrainer<'n>, Vec<Epoch>), StageError> {
        let (config, run) = (self.config, self.run);
        let checkpoint = (!config.checkpoint.is_empty()).then(|| PathBuf::from(&config.checkpoint));
        let mut history = Vec::new();
        if let Some(path) = checkpoint.as_ref().filter(|path| path.exists()) {
            trainer.resume(path).input_error("cannot resume")?;
            run.info(&format!("resumed after epoch {}", trainer.history().len()));
            for record in trainer.history() {
                recorder.step(record.epoch, &record.metrics());
                history.push(Epoch { line: line_of(record, None), areas: [None; 3], candidates: 0, seconds: 0.0 });
            }
            if self.loss.has_working_points() {
                let judgement = self.judge(&trainer)?;
                self.loss.set(judgement.working_points(&config.fake_rates));
            }
        }
        let progress = run.progress("training", "candidates", None);
        while !trainer.finished() {
            let start = Instant::now();
            let (loss, candidates) = self.epoch(&mut trainer, &progress)?;
            let judgement = self.judge(&trainer)?;
            if self.loss.has_working_points() && judgement.loss().is_some() {
                self.loss.set(judgement.working_points(&config.fake_rates));
            }
            let seconds = start.elapsed().as_secs_f64();
            let record = trainer.end_epoch(loss, judgement.loss(), seconds);
            let line = line_of(&record, judgement.accuracy());
            let areas = judgement.areas();
            let mut metrics = record.metrics();
            metrics.extend(judgement.accuracy().map(|accuracy| ("val_accuracy", accuracy)));
            metrics.extend(AREAS.iter().zip(areas).filter_map(|(name, area)| Some((*name, area?))));
            recorder.step(record.epoch, &metrics);
            run.info(&format!("epoch {}: loss {loss:.6}{}, {seconds:.1} s", record.epoch, shown(&judgement)));
            history.push(Epoch { line, areas, candidates, seconds });
            if let Some(path) = &checkpoint {
                trainer.checkpoint(path).output_error("cannot write the checkpoint")?;
            }
        }
        Ok((trainer, history))
    }

    /// One pass through the training batches: mean loss and number of candidates.
    fn epoch(&self, trainer: &mut AnyTrainer<'_>, progress: &Progress) -> Result<(f64, usize), StageError> {
        let quiet = BadFiles::new(self.config.on_bad_file, None);
        let most = u64::try_from(self.config.n_batches).unwrap_or(u64::MAX);
        let topology = self.config.topology();
        let mut pass = self.source.pass(Part::Training, most);
        let (mut total, mut candidates) = (0.0, 0);
        loop {
            self.run.check()?;
            let next = quiet.unless_bad(pass.next_batch()).input_error("cannot read candidates")?;
            let Some(batch) = next else { continue };
            let Some(batch) = batch else { break };
            let lesson = Lesson::of(&batch, &topology, self.weights);
            let loss =
                trainer.step(&lesson.inputs, &lesson.target, Some(&lesson.weights), 0.0).input_error("cannot train")?;
            total += loss * batch.len() as f64;
            candidates += batch.len();
            progress.add(batch.len() as u64);
        }
        if candidates == 0 {
            return Err(StageError::input("there is no candidate to train on"));
        }
        Ok((total / candidates as f64, candidates))
    }

    fn judge(&self, trainer: &AnyTrainer<'_>) -> Result<Judgement, StageError> {
        let mut judgement = Judgement::default();
        if self.config.validation_split == 0.0 {
            return Ok(judgement);
        }
        let quiet = BadFiles::new(self.config.on_bad_file, None);
        let most = u64::try_from(self.config.n_batches_val).unwrap_or(u64::MAX);
        let topology = self.config.topology();
        let mut pass = self.source.pass(Part::Validation, most);
        loop {
            self.run.check()?;
            let next = quiet.unless_bad(pass.next_batch()).input_error("cannot read candidates")?;
            let Some(batch) = next else { continue };
            let Some(batch) = batch else { return Ok(judgement) };
            judgement.add(trainer, &Lesson::of(&batch, &topology, self.weights)).input_error("cannot validate")?;
        }
    }
}

fn shown(judgement: &Judgement) -> String {
    let mut text = String::new();
    if let (Some(loss), Some(accuracy)) = (judgement.loss(), judgement.accuracy()) {
        let _ = write!(text, ", validation {loss:.6}, accuracy {accuracy:.4}");
    }
    for (name, area) in ["e", "mu", "jet"].iter().zip(judgement.areas()) {
        if let Some(area) = area {
            let _ = write!(text, ", AUC against {name} {area:.4}");
        }
    }
    text
}

fn line_of(record: &recoil_nn::train::EpochRecord, accuracy: Option<f64>) -> String {
    let text = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let recoil_nn::train::EpochRecord { epoch, loss, validation, rate, .. } = record;
    format!("{epoch},{loss},{},{rate},{}", text(*validation), text(accuracy))
}

/// The losses of every epoch; without times, so that equal trainings write equal files.
fn table_of_epochs(history: &[Epoch]) -> String {
    let mut text = format!("epoch,loss,val_loss,rate,val_accuracy,{}\n", AREAS.join(","));
    for epoch in history {
        let areas = epoch.areas.map(|area| area.map(|area| area.to_string()).unwrap_or_default());
        let _ = writeln!(text, "{},{}", epoch.line, areas.join(","));
    }
    text
}

fn report(network: &AnyNetwork, trainer: &AnyTrainer<'_>, history: &[Epoch], totals: [f64; 4]) -> Report {
    let mut report = Report::new().value("parameters", network.parameter_count()).value("epochs", history.len());
    for (class, total) in CLASSES.iter().zip(totals) {
        report = report.value(&format!("candidates_{}", class.name()), total as u64);
    }
    if let Some(last) = trainer.history().last() {
        report = report.value("last_loss", last.loss);
        if let Some(validation) = last.validation {
            report = report.value("last_validation_loss", validation);
        }
    }
    if let Some(last) = history.last() {
        for (name, area) in ["e", "mu", "jet"].iter().zip(last.areas) {
            if let Some(area) = area {
                report = report.value(&format!("auc_{name}"), area);
            }
        }
    }
    let candidates: usize = history.iter().map(|epoch| epoch.candidates).sum();
    let seconds: f64 = history.iter().map(|epoch| epoch.seconds).sum();
    report.quantity("speed", candidates as f64 / seconds.max(1e-9), "candidates/s")
}
