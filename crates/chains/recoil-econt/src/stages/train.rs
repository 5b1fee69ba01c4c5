//! `econt train`: an autoencoder from wafers.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use recoil_nn::train::{EpochRecord, Samples, TrainConfig, Trainer};
use recoil_stage::error::Blame as _;
use recoil_stage::{
    Config, Description, ErrorKind, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TABLES, problems_in};
use crate::autoencoder::conditions::{self, Known};
use crate::autoencoder::loss::{LossConfig, WaferLoss};
use crate::autoencoder::models::{self, Arithmetic, CONDITIONS, ModelConfig};
use crate::autoencoder::trained::{Autoencoder, MODEL_FILE, Prepared, Start, WEIGHTS_FILE, prepare};
use crate::data::prepare::{SplitConfig, overlaid, split};
use crate::error::Result;

/// The role of the wafers.
pub(super) const WAFERS: InputRole =
    InputRole::required("wafers", "tables of calibrated charges, or a folder of them", TABLES);
/// File of the losses per epoch.
const HISTORY_FILE: &str = "history.csv";

/// Keys of `econt train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainKeys {
    /// Name of the model, such as `8x8_c8_S2_tele`.
    pub model: String,
    /// Links that the latent numbers must fit into; 0, no limit; null, as the model has it.
    #[schemars(range(max = 13))]
    pub links: Option<usize>,
    /// Number formats of the encoder; null, as the model has it.
    pub arithmetic: Option<Arithmetic>,
    /// Where the bias of the last layer starts; null, as the model has it (-4 learns several times faster than 0).
    pub output_bias: Option<f32>,
    /// Another network in place of the model's.
    pub network: Option<ModelConfig>,
    /// Another loss in place of the model's.
    pub loss: Option<LossConfig>,
    /// Epochs, batches, optimiser, schedule, early stopping.
    pub training: TrainConfig,
    /// Which wafers are kept for validation.
    pub split: SplitConfig,
    /// Whether pairs of wafers are added up: twice the pile-up.
    pub double: bool,
    /// Folder of a model of the same layers whose parameters are taken to start from; empty, from random numbers.
    pub start: String,
    /// File in which the state is kept after every epoch; if it is there, the training goes on from it. Empty, none.
    pub checkpoint: String,
}

impl Default for TrainKeys {
    fn default() -> Self {
        Self {
            model: "8x8_c8_S2_tele".to_owned(),
            links: None,
            arithmetic: None,
            output_bias: None,
            network: None,
            loss: None,
            training: TrainConfig::default(),
            split: SplitConfig { random: false, ..SplitConfig::default() },
            double: false,
            start: String::new(),
            checkpoint: String::new(),
        }
    }
}

impl TrainKeys {
    /// The network and the loss that these keys ask for.
    ///
    /// # Errors
    /// An unknown model, settings that contradict each other.
    pub fn chosen(&self) -> Result<(ModelConfig, LossConfig)> {
        let model = models::named(&self.model)?;
        let mut network = self.network.clone().unwrap_or(model.network);
        network.links = self.links.unwrap_or(network.links);
        network.arithmetic = self.arithmetic.unwrap_or(network.arithmetic);
        network.output_bias = self.output_bias.unwrap_or(network.output_bias);
        let loss = self.loss.clone().unwrap_or(model.loss);
        Ok((network, loss))
    }
}

impl Config for TrainKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems_in("", self.chosen().and_then(|(network, _)| network.halves()));
        if let Ok((_, loss)) = self.chosen() {
            found.extend(problems_in("", loss.check()));
        }
        if let Err(error) = self.training.check() {
            found.push(Problem::new("training", format!("cannot work: {error}")));
        }
        if !(0.0..1.0).contains(&self.split.validation) {
            found.push(Problem::new("split.validation", "must be from 0 to below 1"));
        }
        found
    }
}

/// Trains a model.
pub struct Train;

impl Stage for Train {
    type Config = TrainKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt train",
            about: "Train an autoencoder on wafers",
            long: "Takes a model by name, trains it on tables of charges and writes a folder with the model, its parameters \
                   and the losses of every epoch. The same seed gives the same parameters with any number of threads. \
                   Charges are divided by the largest power of two in their sum, as the chip does; wafers without charge \
                   are left out.",
            inputs: &[WAFERS],
            output: OutputKind::Directory { doc: "the model" },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "links", key: "links", list: false },
                Flag { name: "epochs", key: "training.epochs", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &TrainKeys, _inputs: &Inputs) -> Vec<String> {
        [MODEL_FILE, WEIGHTS_FILE, HISTORY_FILE].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &TrainKeys, run: &Run) -> Result<Report, StageError> {
        let (network, loss) = config.chosen().input_error("cannot choose the model")?;
        let input = run.inputs().one(WAFERS.role)?.spec();
        let mut known = conditions::read(&input).input_error(format!("cannot read {input}"))?;
        if config.double {
            known = Known { wafers: overlaid(&known.wafers), ..Known::default() };
        }
        if network.conditional {
            if !known.missing.is_empty() {
                run.warn("conditions", format!("{input}: without {}; zero is taken", known.missing.join(", ")));
            }
            known.conditions.resize(known.wafers.len() * CONDITIONS, 0.0);
        }
        let seed = run.seed().named("econt train").value();
        let start = if config.start.is_empty() {
            Autoencoder::new(&config.model, &network, &loss, Start::Seed(seed))
        } else {
            Autoencoder::read(Path::new(&config.start))
                .and_then(|start| Autoencoder::new(&config.model, &network, &loss, Start::Given(start.parameters())))
        };
        let start = start.input_error("cannot start the training")?;
        let (training, validation) = split(&config.split, known.wafers.len(), run.seed());
        if training.is_empty() {
            return Err(StageError::input(format!("{input}: there is no wafer to train on")));
        }
        let part = |places: &[usize]| Part::of(&known, places, &start);
        let (training, validation) = (part(&training), part(&validation));
        let loss = WaferLoss::new(&loss, start.arrangement()).input_error("cannot use the loss")?;
        let doing = || "cannot train";
        let mut trainer = Trainer::new(start.network(), &loss, &config.training, start.parameters().clone(), seed)
            .input_error(doing())?;
        let checkpoint = (!config.checkpoint.is_empty()).then(|| PathBuf::from(&config.checkpoint));
        if let Some(path) = checkpoint.as_ref().filter(|path| path.exists()) {
            trainer.resume(path).input_error("cannot resume")?;
            run.info(&format!("resumed after epoch {}", trainer.history().len()));
        }
        let progress = run.progress("training", "epochs", Some(config.training.epochs as u64));
        progress.add(trainer.history().len() as u64);
        let mut stopped = Ok(());
        let kept = validation.samples(network.conditional);
        let kept = (!validation.prepared.images.is_empty()).then_some(&kept);
        let observer = |trainer: &Trainer<'_>, record: &EpochRecord| {
            progress.add(1);
            run.info(&line(record));
            stopped = run.check().map_err(StageError::from).and_then(|()| match &checkpoint {
                Some(path) => trainer.checkpoint(path).output_error("cannot write the checkpoint"),
                None => Ok(()),
            });
            if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        trainer.run(&training.samples(network.conditional), kept, observer).input_error(doing())?;
        stopped?;
        let loss_config = start.about().loss.clone();
        let trained = Autoencoder::new(&config.model, &network, &loss_config, Start::Given(&trainer.result()))
            .map_err(|error| StageError::caused(ErrorKind::Internal, doing(), error))?;
        let folder = run.output(MODEL_FILE)?;
        let folder = folder.parent().unwrap_or(Path::new("."));
        trained.write(folder).output_error("cannot write the model")?;
        std::fs::write(run.output(HISTORY_FILE)?, table(trainer.history())).output_error("cannot write the history")?;
        Ok(report(&trained, trainer.history(), &training, &validation))
    }
}

/// Some of the wafers as the network takes them.
struct Part {
    prepared: Prepared,
    conditions: Vec<f32>,
}

impl Part {
    fn of(known: &Known, places: &[usize], model: &Autoencoder) -> Self {
        let wafers: Vec<_> = places.iter().filter_map(|&place| known.wafers.get(place)).copied().collect();
        let of = |&place: &usize| known.conditions.get(place * CONDITIONS..(place + 1) * CONDITIONS);
        let conditions = places.iter().filter_map(of).flatten().copied().collect();
        Self { prepared: prepare(&wafers, model.arrangement()), conditions }
    }

    fn samples(&self, conditional: bool) -> Samples<'_> {
        let images = std::iter::once(self.prepared.images.as_slice());
        let inputs = images.chain(conditional.then_some(self.conditions.as_slice())).collect();
        Samples { inputs, target: &self.prepared.targets, weights: None }
    }
}

fn line(record: &EpochRecord) -> String {
    let validation = record.validation.map(|loss| format!(", validation {loss:.6}")).unwrap_or_default();
    format!("epoch {}: loss {:.6}{validation}, {:.4} s", record.epoch, record.loss, record.seconds)
}

/// The losses of every epoch; without times, so that equal trainings write equal files.
fn table(history: &[EpochRecord]) -> String {
    let mut text = String::from("epoch,loss,val_loss,rate\n");
    for EpochRecord { epoch, loss, validation, rate, .. } in history {
        let validation = validation.map(|loss| loss.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{epoch},{loss},{validation},{rate}");
    }
    text
}

fn report(model: &Autoencoder, history: &[EpochRecord], training: &Part, validation: &Part) -> Report {
    let seconds: f64 = history.iter().map(|record| record.seconds).sum();
    let wafers = training.prepared.divisors.len();
    let best = history.iter().min_by(|a, b| a.judged().total_cmp(&b.judged()));
    let (encoder, whole) = (model.encoder().0.cost(), model.network().cost());
    let mut report = Report::new()
        .value("model", model.about().name.clone())
        .value("training_wafers", wafers)
        .value("validation_wafers", validation.prepared.divisors.len())
        .value("epochs", history.len());
    if let Some(best) = best {
        report = report.value("best_epoch", best.epoch).value("best_loss", best.judged());
    }
    if let Some(last) = history.last() {
        report = report.value("last_loss", last.judged());
    }
    report
        .value("encoder_parameters", encoder.parameters)
        .value("parameters", whole.parameters)
        .value("encoder_operations", encoder.operations)
        .quantity("speed", (wafers * history.len()) as f64 / seconds.max(1e-9), "wafers/s")
}
