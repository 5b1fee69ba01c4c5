//! `econt surrogate`: networks that estimate the earth mover's distance.

use std::ops::ControlFlow;

use recoil_nn::loss::Regression;
use recoil_nn::train::TrainConfig;
use recoil_outputs::pictures;
use recoil_plot::{Figure, LegendAt, Line, Panel, Scatter};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TABLES;
use super::encode::model;

use super::train::WAFERS;
use crate::autoencoder::conditions::{self, Known};
use crate::autoencoder::surrogate::{DESCRIPTION_FILE, Surrogate, SurrogateConfig, WEIGHTS_FILE};
use crate::autoencoder::surrogate_training::{Pairs, Quality, quality, train};
use crate::data::calq::read_charges;
use crate::data::select::Selection;
use crate::wafer::CELLS;

/// Pairs of which kind a network learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Wafers with what an autoencoder makes of them.
    Ae,
    /// Wafers with other wafers.
    #[default]
    Pair,
    /// Both.
    App,
}

/// Keys of `econt surrogate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurrogateKeys {
    /// Pairs of which kind it learns from: `ae`, `pair` or `app`.
    pub mode: Mode,
    /// For `ae` and `app`: folder of the autoencoder, unless what it makes is an input `predicted`.
    pub model: String,
    /// Sizes of the networks that are tried.
    pub networks: Vec<SurrogateConfig>,
    /// Losses that are tried: `mean_squared`, `huber`, `log_squared`.
    pub losses: Vec<Regression>,
    /// Trainings of each; every further one is an epoch longer.
    #[schemars(range(min = 1))]
    pub repeats: usize,
    /// Epochs, batches, optimiser, schedule, early stopping.
    pub training: TrainConfig,
    /// Most wafers that are taken.
    #[schemars(range(min = 4))]
    pub wafers: usize,
    /// Most pairs of different wafers for training; a quarter as many for validation.
    #[schemars(range(min = 1))]
    pub max_pairs: usize,
    /// Which wafers of the tables are taken.
    pub select: Selection,
    /// Text on the figure that tells the sample.
    pub sample: String,
}

impl Default for SurrogateKeys {
    fn default() -> Self {
        Self {
            mode: Mode::Pair,
            model: String::new(),
            networks: vec![SurrogateConfig::default()],
            losses: vec![Regression::MeanSquared],
            repeats: 1,
            training: TrainConfig { epochs: 64, batch_size: 32, l2: 1e-4, ..TrainConfig::default() },
            wafers: 1000,
            max_pairs: 360_000,
            select: Selection::default(),
            sample: String::new(),
        }
    }
}

impl Config for SurrogateKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.networks.is_empty() || self.losses.is_empty() {
            found.push(Problem::new("networks", "and `losses` need at least one entry each"));
        }
        if let Err(error) = self.training.check() {
            found.push(Problem::new("training", format!("cannot work: {error}")));
        }
        let sizes = |n: &SurrogateConfig| [n.filters, n.kernel, n.convolutions, n.units].iter().all(|&size| size > 0);
        if !self.networks.iter().all(|network| sizes(network) && network.filters <= 1024 && network.units <= 8192) {
            found.push(Problem::new(
                "networks",
                "need filters, kernel, convolutions and units above 0, and not too many",
            ));
        }
        found
    }
}

/// Trains networks that estimate distances.
pub struct TrainSurrogate;

const PREDICTED: InputRole =
    InputRole::optional("predicted", "charges that an autoencoder makes of the same wafers, row by row", TABLES);
/// File of the trials.
const TRIALS_FILE: &str = "trials.csv";

/// One training.
struct Trial {
    network: SurrogateConfig,
    loss: Regression,
    repeat: usize,
    epochs: usize,
    quality: Quality,
}

impl Stage for TrainSurrogate {
    type Config = SurrogateKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt surrogate",
            about: "Train a network that estimates the earth mover's distance",
            long: "Learns the exact distance of pairs of wafers: each with what an autoencoder makes of it (`ae`), each with \
                   each other (`pair`), or both (`app`). The first 60 % of the wafers are for training (70 % for `ae`), the \
                   others for validation. The network sees wafers normalised to unit sum as images of 4x4x3 pixels; its \
                   estimate is the mean over both orders. With several sizes, losses or repeats all are trained, and the \
                   one with the smallest mean error on the validation pairs is kept. The folder serves as \
                   loss.surrogate_model of `econt train`.",
            inputs: &[WAFERS, PREDICTED],
            output: OutputKind::Directory { doc: "the network, the trials and a figure" },
            flags: &[
                Flag { name: "mode", key: "mode", list: false },
                Flag { name: "model", key: "model", list: false },
                Flag { name: "epochs", key: "training.epochs", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &SurrogateKeys, _inputs: &Inputs) -> Vec<String> {
        [DESCRIPTION_FILE, WEIGHTS_FILE, TRIALS_FILE, "estimates.svg", "estimates.png"].map(str::to_owned).into()
    }

    fn run(&self, config: &SurrogateKeys, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(WAFERS.role)?.spec();
        let known = conditions::read(&input, &config.select).input_error(format!("cannot read {input}"))?;
        let known = known.taken(&(0..known.wafers.len().min(config.wafers)).collect::<Vec<_>>());
        let [training, validation] = pairs(config, run, &known)?;
        if training.is_empty() || validation.is_empty() {
            return Err(StageError::input(format!("{input}: there are too few wafers to train and to judge by")));
        }
        let seed = run.seed().named("econt surrogate");
        let trials = config.networks.len() * config.losses.len() * config.repeats;
        let progress = run.progress("training", "networks", Some(trials as u64));
        let mut best: Option<(f64, Surrogate)> = None;
        let mut done: Vec<Trial> = Vec::new();
        for &network in &config.networks {
            for &loss in &config.losses {
                for repeat in 0..config.repeats {
                    let epochs = config.training.epochs + repeat;
                    let settings = TrainConfig { epochs, ..config.training.clone() };
                    let watch = |record: &recoil_nn::train::EpochRecord| {
                        let kept = record.validation.unwrap_or(f64::NAN);
                        run.info(&format!("epoch {}: loss {:.5}, validation {kept:.5}", record.epoch, record.loss));
                        if run.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    };
                    let seed = seed.indexed(repeat as u64).value();
                    let trained = train(network, loss, &settings, [&training, &validation], seed, watch);
                    let (surrogate, history) = trained.input_error("cannot train")?;
                    run.check()?;
                    let quality = quality(&surrogate, &validation).internal_error("cannot judge")?;
                    done.push(Trial { network, loss, repeat, epochs: history.len(), quality });
                    if best.as_ref().is_none_or(|(least, _)| quality.absolute < *least) {
                        best = Some((quality.absolute, surrogate));
                    }
                    progress.add(1);
                }
            }
        }
        let Some((_, best)) = best else { return Err(StageError::internal("no network was trained")) };
        let folder = run.output(DESCRIPTION_FILE)?;
        let folder = folder.parent().unwrap_or(std::path::Path::new("."));
        best.write(folder).output_error("cannot write the network")?;
        recoil_outputs::figures(
            run,
            pictures("estimates"),
            figure(&config.sample, &best, &validation).internal_error("cannot judge")?,
        )?;
        write(run, &done)?;
        Ok(report(&training, &validation, &done))
    }
}

/// Pairs for training and for validation.
fn pairs(config: &SurrogateKeys, run: &Run, known: &Known) -> Result<[Pairs; 2], StageError> {
    let doing = "cannot make pairs";
    let wafers: Vec<[f64; CELLS]> = known.wafers.iter().map(|wafer| wafer.map(f64::from)).collect();
    let share = if config.mode == Mode::Ae { 0.7 } else { 0.6 };
    let cut = (share * wafers.len() as f64).round() as usize;
    let mut both = [Pairs::default(), Pairs::default()];
    if config.mode != Mode::Ae {
        let parts = wafers.split_at(cut);
        let most = [config.max_pairs, config.max_pairs.div_ceil(4)];
        for ((into, part), most) in both.iter_mut().zip([parts.0, parts.1]).zip(most) {
            into.append(Pairs::among(part, most, run.seed()).internal_error(doing)?);
        }
    }
    if config.mode != Mode::Pair {
        let decoded = decoded(config, run, known)?;
        let all: Vec<_> = wafers.iter().zip(&decoded).collect();
        let parts = all.split_at(cut.min(all.len()));
        for (into, part) in both.iter_mut().zip([parts.0, parts.1]) {
            into.append(Pairs::of(part).input_error(doing)?);
        }
    }
    Ok(both)
}

/// What an autoencoder makes of the wafers.
fn decoded(config: &SurrogateKeys, run: &Run, known: &Known) -> Result<Vec<[f64; CELLS]>, StageError> {
    if let Some(file) = run.inputs().optional(PREDICTED.role) {
        let spec = file.spec();
        let rows = read_charges(&spec).input_error(format!("cannot read {spec}"))?;
        if rows.len() < known.wafers.len() {
            let reason = format!("{spec} has {} rows for {} wafers with charge", rows.len(), known.wafers.len());
            return Err(StageError::input(reason));
        }
        return Ok(rows);
    }
    let model = model(&config.model)?;
    let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
    model.transmit(&known.wafers, conditions, 0.0).internal_error("cannot encode and decode")
}

fn figure(sample: &str, surrogate: &Surrogate, pairs: &Pairs) -> crate::error::Result<Figure> {
    let some = pairs.len().min(2000);
    let estimates = surrogate.estimate(&pairs.first[..some], &pairs.second[..some])?;
    let x: Vec<f64> = pairs.distances.iter().take(some).map(|&d| f64::from(d)).collect();
    let y: Vec<f64> = estimates.iter().map(|[.., mean]| f64::from(*mean)).collect();
    let top = x.iter().copied().fold(1.0, f64::max);
    let panel = Panel::new("Earth mover's distance [small cells]", "Estimate [small cells]")
        .add(Scatter::new(&x, &y).label("pairs for validation"))
        .add(Line::new(&[0.0, top], &[0.0, top]))
        .legend(LegendAt::Hidden);
    Ok(Figure::new(panel).experiment("recoil", "Phase-2 Simulation").sample(sample))
}

fn cells(trial: &Trial) -> Vec<serde_json::Value> {
    let SurrogateConfig { filters, kernel, units, dense, convolutions } = trial.network;
    let Quality { absolute, relative_mean, relative_std } = trial.quality;
    let loss = json!(trial.loss);
    vec![
        json!(filters),
        json!(kernel),
        json!(units),
        json!(dense),
        json!(convolutions),
        loss,
        json!(trial.repeat),
        json!(trial.epochs),
        json!(absolute),
        json!(relative_mean),
        json!(relative_std),
    ]
}

const COLUMNS: [&str; 11] = [
    "filters",
    "kernel",
    "units",
    "dense",
    "convolutions",
    "loss",
    "repeat",
    "epochs",
    "mean_abs_error",
    "relative_mean",
    "relative_std",
];

fn write(run: &Run, done: &[Trial]) -> Result<(), StageError> {
    let word = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let lines = done.iter().map(|trial| cells(trial).iter().map(word).collect::<Vec<_>>().join(","));
    recoil_outputs::csv(run, TRIALS_FILE, &COLUMNS.join(","), lines)
}

fn report(training: &Pairs, validation: &Pairs, done: &[Trial]) -> Report {
    Report::new().value("training_pairs", training.len()).value("validation_pairs", validation.len()).table(
        "trials",
        &COLUMNS,
        done.iter().map(cells).collect(),
    )
}
