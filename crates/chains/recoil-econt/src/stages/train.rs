//! `econt train`: autoencoders from wafers.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use recoil_nn::train::{EpochRecord, TrainConfig};
use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{
    Config, Description, ErrorKind, Flag, InputRole, Inputs, OutputKind, Problem, Progress, Report, Run, Stage,
    StageError,
};
use recoil_track::{Beginning, Recorder, TrackConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link_list::LinkList;
use super::train_links::compare_links;
use super::{TABLES, problems_in};
use crate::autoencoder::conditions::{self, Known};
use crate::autoencoder::loss::LossConfig;
use crate::autoencoder::models::{Arithmetic, ModelConfig};
use crate::autoencoder::trained::{Autoencoder, MODEL_FILE, WEIGHTS_FILE};
use crate::autoencoder::training::{self, Data, Epoch, Plan, Refinement, Trained, TrainingObserver};
use crate::autoencoder::{catalogue, with_word};
use crate::data::prepare::{SplitConfig, occupancy_weights, overlaid, permuted_copies, split};
use crate::data::select::Selection;
use crate::error::{EcontError, Result};
use crate::figures;
use crate::wafer::COUNTS_PER_MIP;

/// The role of the wafers.
pub(super) const WAFERS: InputRole =
    InputRole::required("wafers", "tables of calibrated charges, or a folder of them", TABLES);
/// File of the losses per epoch.
const HISTORY_FILE: &str = "history.csv";

/// Copies of wafers with their cells in another order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Number of copies.
    pub copies: usize,
    /// Cells above one transverse MIP: copies are made of wafers with more than this,
    pub low: usize,
    /// and with at most this.
    pub high: usize,
}

/// Keys of `econt train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainKeys {
    /// Name of the model, such as `8x8_c8_S2_tele`.
    pub model: String,
    /// Links that the latent numbers must fit into; 0, no limit; empty, as the model has it. Several numbers train a model
    /// for each and compare them.
    pub links: LinkList,
    /// Number formats of the encoder; null, as the model has it.
    pub arithmetic: Option<Arithmetic>,
    /// Where the bias of the last layer starts; null, as the model has it: -4, which learns several times faster than 0, the
    /// start of the reference.
    pub output_bias: Option<f32>,
    /// Another network in place of the model's.
    pub network: Option<ModelConfig>,
    /// Another loss in place of the model's.
    pub loss: Option<LossConfig>,
    /// Epochs, batches, optimiser, schedule, early stopping.
    pub training: TrainConfig,
    /// A second training behind the first one, with another loss.
    pub refine: Option<Refinement>,
    /// Which wafers of the tables are taken.
    pub select: Selection,
    /// Which wafers are kept for validation.
    pub split: SplitConfig,
    /// Whether pairs of wafers are added up: twice the pile-up.
    pub double: bool,
    /// Whether wafers weigh less the more of their occupancy and largest charge there are.
    pub reweight: bool,
    /// Copies of wafers with their cells in another order, added to those for training.
    pub augment: Augmentation,
    /// Folder of a model of the same layers whose parameters are taken to start from; empty, from random numbers.
    pub start: String,
    /// File in which the state is kept after every epoch; if it is there, the training goes on from it. Empty, none.
    pub checkpoint: String,
    /// Text on the figures that tells the sample.
    pub sample: String,
    /// Where the run is recorded, besides its output.
    pub track: TrackConfig,
}

impl Default for TrainKeys {
    fn default() -> Self {
        Self {
            model: "8x8_c8_S2_tele".to_owned(),
            links: LinkList::default(),
            arithmetic: None,
            output_bias: None,
            network: None,
            loss: None,
            training: TrainConfig::default(),
            refine: None,
            select: Selection::default(),
            split: SplitConfig { random: false, ..SplitConfig::default() },
            double: false,
            reweight: false,
            augment: Augmentation::default(),
            start: String::new(),
            checkpoint: String::new(),
            sample: String::new(),
            track: TrackConfig::default(),
        }
    }
}

impl TrainKeys {
    /// The network and the loss that these keys ask for, for so many links.
    ///
    /// # Errors
    /// An unknown model, settings that contradict each other.
    pub fn chosen(&self, links: Option<usize>) -> Result<(ModelConfig, LossConfig)> {
        let model = catalogue::named(&self.model)?;
        let mut network = self.network.clone().unwrap_or(model.network);
        network.links = links.unwrap_or(network.links);
        network.arithmetic = self.arithmetic.unwrap_or(network.arithmetic);
        network.output_bias = self.output_bias.unwrap_or(network.output_bias);
        let loss = self.loss.clone().unwrap_or(model.loss);
        Ok((network, loss))
    }

    /// The trainings: folder of the result (empty, the output itself) and number of links.
    fn targets(&self) -> Vec<(String, Option<usize>)> {
        match self.links.0.as_slice() {
            [] => vec![(String::new(), None)],
            [links] => vec![(String::new(), Some(*links))],
            several => several.iter().map(|links| (format!("links{links}/"), Some(*links))).collect(),
        }
    }

    fn plan(&self, folder: &str, links: Option<usize>, seed: u64) -> Result<Plan> {
        let (network, loss) = self.chosen(links)?;
        let word = folder.trim_end_matches('/');
        let named = |path: &str| match (path, word) {
            ("", _) => None,
            (path, "") => Some(PathBuf::from(path)),
            (path, word) => Some(with_word(Path::new(path), word)),
        };
        // a folder of models for several links starts each from its own
        let start = Path::new(&self.start).join(word);
        let start = if word.is_empty() || !start.is_dir() { PathBuf::from(&self.start) } else { start };
        Ok(Plan {
            name: self.model.clone(),
            network,
            loss,
            training: self.training.clone(),
            refine: self.refine.clone(),
            start: (!self.start.is_empty()).then_some(start),
            checkpoint: named(&self.checkpoint),
            seed,
        })
    }
}

impl Config for TrainKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.links.problems("links");
        for (_, links) in self.targets() {
            found.extend(problems_in("", self.chosen(links).and_then(|(network, _)| network.halves())));
        }
        found.dedup_by(|a, b| a.key == b.key);
        if let Ok((_, loss)) = self.chosen(None) {
            found.extend(problems_in("", loss.check()));
        }
        if let Err(error) = self.training.check() {
            found.push(Problem::new("training", format!("cannot work: {error}")));
        }
        if let Some(refine) = &self.refine {
            found.extend(problems_in("refine", refine.loss.check()));
            if let Err(error) = refine.training.check() {
                found.push(Problem::new("refine.training", format!("cannot work: {error}")));
            }
        }
        if !(0.0..1.0).contains(&self.split.validation) {
            found.push(Problem::new("split.validation", "must be from 0 to below 1"));
        }
        found
    }
}

/// Trains models.
pub struct Train;

impl Stage for Train {
    type Config = TrainKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt train",
            about: "Train an autoencoder on wafers, or one for each number of links",
            long: "Takes a model by name, trains it on tables of charges and writes a folder with the model, its parameters \
                   and the losses of every epoch. With several numbers of links it writes such a folder for each (links2, \
                   links3, ...) and compares them with the other algorithms on the wafers for validation. The same seed \
                   gives the same parameters with any number of threads. Charges are divided by the largest power of two \
                   in their sum, as the chip does; wafers without charge are left out.",
            inputs: &[WAFERS],
            output: OutputKind::Directory { doc: "the model, or a model per number of links with their comparison" },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "links", key: "links", list: true },
                Flag { name: "epochs", key: "training.epochs", list: false },
            ],
        }
    }

    fn outputs(&self, config: &TrainKeys, _inputs: &Inputs) -> Vec<String> {
        let targets = config.targets();
        let files = [MODEL_FILE, WEIGHTS_FILE, HISTORY_FILE, "history.svg", "history.png"];
        let mut all: Vec<String> =
            targets.iter().flat_map(|(folder, _)| files.map(|file| format!("{folder}{file}"))).collect();
        if targets.len() > 1 {
            all.extend(["links.csv", "links.svg", "links.png"].map(str::to_owned));
        }
        all
    }

    fn run(&self, config: &TrainKeys, run: &Run) -> Result<Report, StageError> {
        let data = wafers(config, run)?;
        let seed = run.seed().named("econt train").value();
        let mut done = Vec::new();
        let targets = config.targets();
        // one record for all, to which those of the single trainings belong
        let whole = (targets.len() > 1).then(|| recorder(&config.track, config, run)).transpose()?;
        let parent = whole.as_ref().and_then(Recorder::id);
        for (folder, links) in targets {
            let plan = config.plan(&folder, links, seed).input_error("cannot choose the model")?;
            if let (true, [first, ..]) = (plan.network.conditional, data.training.missing.as_slice()) {
                run.warn("conditions", format!("the tables lack {first} and possibly more; zero is taken"));
            }
            let mut track = config.track.clone();
            if let Some(id) = parent {
                (track.parent, track.name) = (id.to_owned(), folder.trim_end_matches('/').to_owned());
            }
            let mut observer = Observer::new(config, run, links, recorder(&track, config, run)?);
            observer.record.facts(&[
                ("trained_links", plan.network.links),
                ("training_wafers", data.training.wafers.len()),
                ("validation_wafers", data.validation.wafers.len()),
            ]);
            let trained = training::train(&plan, &data, &mut observer).map_err(|error| match error {
                EcontError::Checkpoint(_) => StageError::caused(ErrorKind::Output, "cannot train", error),
                _ => StageError::caused(ErrorKind::Input, "cannot train", error),
            })?;
            if trained.stopped
                && let Err(interrupted) = run.check()
            {
                observer.record.stopped();
                return Err(interrupted.into());
            }
            write(config, run, &folder, &trained)?;
            // epochs of an earlier part of a training that went on
            trained.history.iter().for_each(|epoch| observer.record.step(epoch.record.epoch, &epoch.record.metrics()));
            let (encoder, whole) = (trained.model.encoder().0.cost(), trained.model.network().cost());
            observer.record.facts(&[("encoder_parameters", encoder.parameters), ("parameters", whole.parameters)]);
            for name in [MODEL_FILE, WEIGHTS_FILE, HISTORY_FILE] {
                observer.record.file(&run.output(&format!("{folder}{name}"))?, &format!("model/{name}"));
            }
            observer.record.finish();
            done.push((links.unwrap_or(trained.model.about().network.links), trained));
        }
        if let Some(record) = whole {
            record.finish();
        }
        match done.as_slice() {
            [(_, only)] => Ok(report(only, &data)),
            all => {
                let models: Vec<(usize, &Autoencoder)> =
                    all.iter().map(|(links, done)| (*links, &done.model)).collect();
                let judged = if data.validation.wafers.is_empty() { &data.training } else { &data.validation };
                compare_links(run, &config.sample, judged, &models)
            }
        }
    }
}

/// The record of the training, if one is wanted.
fn recorder<'a>(track: &TrackConfig, config: &TrainKeys, run: &'a Run<'a>) -> Result<Recorder<'a>, StageError> {
    let beginning = Beginning {
        experiment: "econt train",
        configuration: serde_json::to_value(config).internal_error("cannot record the run")?,
        seed: run.seed().value(),
        provenance: run.embedded_provenance(),
    };
    let told = Recorder::start(track, beginning, |trouble| run.warn("record", trouble));
    let recorder = told.output_error("cannot record the run")?;
    if let Some(id) = recorder.id() {
        run.info(&format!("recorded as run {id}"));
    }
    Ok(recorder)
}

/// Reads, selects and splits the wafers.
fn wafers(config: &TrainKeys, run: &Run) -> Result<Data, StageError> {
    let input = run.inputs().one(WAFERS.role)?.spec();
    let mut known = conditions::read(&input, &config.select).input_error(format!("cannot read {input}"))?;
    if config.double {
        known = Known::of_charges(overlaid(&known.wafers));
    }
    let (training, validation) = split(&config.split, known.wafers.len(), run.seed());
    if training.is_empty() {
        return Err(StageError::input(format!("{input}: there is no wafer to train on")));
    }
    let (mut training, validation) = (known.taken(&training), known.taken(&validation));
    let Augmentation { copies, low, high } = config.augment;
    if copies > 0 {
        let threshold = COUNTS_PER_MIP as u32;
        let made = permuted_copies(&training.wafers, copies, low, high, threshold, run.seed());
        let made = Known::of_charges(made);
        training.wafers.extend(made.wafers);
        training.conditions.extend(made.conditions);
    }
    let weights = config.reweight.then(|| normalised(&occupancy_weights(&training.wafers)));
    Ok(Data { training, weights, validation })
}

/// Weights whose mean is 1, so that learning rates keep their meaning.
fn normalised(weights: &[f64]) -> Vec<f32> {
    let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
    weights.iter().map(|weight| (weight / mean) as f32).collect()
}

/// Shows and records progress, and stops when the user wants to.
struct Observer<'a> {
    run: &'a Run<'a>,
    progress: Progress,
    label: String,
    record: Recorder<'a>,
}

impl<'a> Observer<'a> {
    fn new(config: &TrainKeys, run: &'a Run<'a>, links: Option<usize>, record: Recorder<'a>) -> Self {
        let epochs = config.training.epochs + config.refine.as_ref().map_or(0, |refine| refine.training.epochs);
        let several = config.links.0.len() > 1;
        let label = links.filter(|_| several).map(|links| format!("{links} links, ")).unwrap_or_default();
        Self { run, progress: run.progress("training", "epochs", Some(epochs as u64)), label, record }
    }
}

impl TrainingObserver for Observer<'_> {
    fn epoch(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        self.progress.add(1);
        self.run.info(&format!("{}{}", self.label, line(&epoch.record)));
        self.record.step(epoch.record.epoch, &epoch.record.metrics());
        if self.run.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn line(record: &EpochRecord) -> String {
    let validation = record.validation.map(|loss| format!(", validation {loss:.6}")).unwrap_or_default();
    format!("epoch {}: loss {:.6}{validation}, {:.4} s", record.epoch, record.loss, record.seconds)
}

/// Writes a model with its history.
fn write(config: &TrainKeys, run: &Run, folder: &str, trained: &Trained) -> Result<(), StageError> {
    let place = run.output(&format!("{folder}{MODEL_FILE}"))?;
    let place = place.parent().unwrap_or(Path::new("."));
    trained.model.write(place).output_error("cannot write the model")?;
    let (header, rows) = table(&trained.history);
    recoil_outputs::csv(run, &format!("{folder}{HISTORY_FILE}"), header, rows)?;
    recoil_outputs::figures(
        run,
        pictures(&format!("{folder}history")),
        figures::training::history(&config.sample, &trained.history),
    )
}

/// The losses of every epoch; without times, so that equal trainings write equal files.
fn table(history: &[Epoch]) -> (&'static str, impl Iterator<Item = String> + '_) {
    let rows = history.iter().map(|Epoch { phase, record }| {
        let validation = record.validation.map(|loss| loss.to_string()).unwrap_or_default();
        format!("{},{},{validation},{},{phase}", record.epoch, record.loss, record.rate)
    });
    ("epoch,loss,val_loss,rate,phase", rows)
}

fn report(trained: &Trained, data: &Data) -> Report {
    let Trained { model, history, .. } = trained;
    let last_phase = history.last().map_or(1, |epoch| epoch.phase);
    let seconds: f64 = history.iter().map(|epoch| epoch.record.seconds).sum();
    let wafers = data.training.wafers.len();
    let last = history.iter().filter(|epoch| epoch.phase == last_phase);
    let best = last.min_by(|a, b| a.record.judged().total_cmp(&b.record.judged()));
    let (encoder, whole) = (model.encoder().0.cost(), model.network().cost());
    let mut report = Report::new()
        .value("model", model.about().name.clone())
        .value("training_wafers", wafers)
        .value("validation_wafers", data.validation.wafers.len())
        .value("epochs", history.len());
    if let Some(Epoch { record, .. }) = best {
        report = report.value("best_epoch", record.epoch).value("best_loss", record.judged());
    }
    if let Some(last) = history.last() {
        report = report.value("last_loss", last.record.judged());
    }
    report
        .value("encoder_parameters", encoder.parameters)
        .value("parameters", whole.parameters)
        .value("encoder_operations", encoder.operations)
        .quantity("speed", (wafers * history.len()) as f64 / seconds.max(1e-9), "wafers/s")
}
