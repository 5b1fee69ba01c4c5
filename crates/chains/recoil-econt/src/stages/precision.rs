//! `econt precision`: how many bits inputs, weights, activations and latent numbers need.

use std::ops::ControlFlow;

use recoil_nn::Quantiser;
use recoil_nn::train::TrainConfig;
use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::problems_in;
use super::train::WAFERS;
use crate::autoencoder::catalogue::{self, Model};
use crate::autoencoder::conditions;
use crate::autoencoder::models::{FormatsConfig, ModelConfig};
use crate::autoencoder::training::{self, Data, Epoch, Plan, TrainingObserver};
use crate::data::prepare::{SplitConfig, split};
use crate::data::select::Selection;
use crate::error::Result;
use crate::figures::training::{Curve, scans};
use crate::metrics::summary::{Summary, summarise};
use crate::study::{Measured, measure};

/// Keys of `econt precision`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrecisionKeys {
    /// Name of the model; its number formats hold for what is not being changed.
    pub model: String,
    /// Number formats of inputs to try.
    pub inputs: Vec<Quantiser>,
    /// Number formats of weights to try.
    pub weights: Vec<Quantiser>,
    /// Number formats of activations to try.
    pub activations: Vec<Quantiser>,
    /// Number formats of latent numbers to try.
    pub outputs: Vec<Quantiser>,
    /// Bits of all latent numbers together while their formats are tried: with more bits each there are fewer of them. 0:
    /// as many as the model has.
    pub output_bits: usize,
    /// Epochs, batches, optimiser, schedule, early stopping of every training.
    pub training: TrainConfig,
    /// Which wafers of the tables are taken.
    pub select: Selection,
    /// Which wafers are kept to judge by.
    pub split: SplitConfig,
    /// Text on the figures that tells the sample.
    pub sample: String,
}

impl Default for PrecisionKeys {
    fn default() -> Self {
        Self {
            model: "8x8_c8_S2_asic".to_owned(),
            inputs: (3..=8).map(|bits| Quantiser::relu(bits, 2)).collect(),
            weights: (1..=8).map(|b| Quantiser::bits(2 * b + 1, b as i8, true)).collect(),
            activations: [5, 7, 9, 11].map(|bits| Quantiser::relu(bits, 3)).into(),
            outputs: [4, 6, 8, 10, 12, 16].map(|bits| Quantiser::relu(bits, bits as i8 / 2)).into(),
            output_bits: 64,
            training: TrainConfig { epochs: 20, ..TrainConfig::default() },
            select: Selection::default(),
            split: SplitConfig { random: false, ..SplitConfig::default() },
            sample: String::new(),
        }
    }
}

/// A setting that is tried.
struct Point {
    /// What is changed: `inputs`, `weights`, `activations` or `outputs`.
    part: &'static str,
    format: Quantiser,
    network: ModelConfig,
}

impl PrecisionKeys {
    fn points(&self) -> Result<(Model, Vec<Point>)> {
        let model = catalogue::named(&self.model)?;
        let own = model.network.formats;
        let mut points = Vec::new();
        let mut push = |part, format, formats: FormatsConfig, latent: usize| {
            // what is sent is what the format says
            let network = ModelConfig { formats, latent, links: 0, ..model.network.clone() };
            points.push(Point { part, format, network });
        };
        let latent = model.network.latent;
        for &format in &self.inputs {
            push("inputs", format, FormatsConfig { input: Some(format), ..own }, latent);
        }
        for &format in &self.weights {
            push("weights", format, FormatsConfig { conv: Some(format), dense: Some(format), ..own }, latent);
        }
        for &format in &self.activations {
            push("activations", format, FormatsConfig { accumulator: Some(format), ..own }, latent);
        }
        for &format in &self.outputs {
            let fitting = (self.output_bits / usize::from(format.width())).max(1);
            let latent = if self.output_bits == 0 { latent } else { fitting };
            push("outputs", format, FormatsConfig { latent: Some(format), ..own }, latent);
        }
        Ok((model, points))
    }
}

impl Config for PrecisionKeys {
    fn check(&self) -> Vec<Problem> {
        let (model, points) = match self.points() {
            Ok(made) => made,
            Err(error) => return problems_in::<()>("", Err(error)),
        };
        let mut found = Vec::new();
        for point in &points {
            found.extend(problems_in(point.part, point.network.halves()));
        }
        found.extend(problems_in("", model.loss.check()));
        if let Err(error) = self.training.check() {
            found.push(Problem::new("training", format!("cannot work: {error}")));
        }
        if !(0.0 < self.split.validation && self.split.validation < 1.0) {
            found.push(Problem::new("split.validation", "must be above 0 and below 1"));
        }
        found
    }
}

/// Trains a model at every setting.
pub struct Precision;

/// File of the table.
const TABLE_FILE: &str = "precision.csv";
/// Metrics that are drawn: file, title.
const METRICS: [(&str, &str, Of); 3] = [
    ("precision_emd", "Mean earth mover's distance [small cells]", |row| row.emd),
    ("precision_ssd", "Mean sum of squared differences", |row| row.ssd),
    ("precision_corr", "Mean correlation", |row| row.correlation),
];
type Of = fn(&Row) -> Summary;

/// What came of one setting.
struct Row {
    part: &'static str,
    format: Quantiser,
    latents: usize,
    emd: Summary,
    ssd: Summary,
    correlation: Summary,
    telescope: Summary,
}

impl Stage for Precision {
    type Config = PrecisionKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt precision",
            about: "Scan the number formats of an autoencoder",
            long: "Trains a model for every number format of its inputs, weights, activations and latent numbers, one at a \
                   time, and measures what arrives of the wafers that were kept. Formats are written as in QKeras: \
                   quantized_bits(bits, integer, sign), quantized_relu(bits, integer), truncated_relu(bits, integer).",
            inputs: &[WAFERS],
            output: OutputKind::Directory { doc: "table and figures" },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "epochs", key: "training.epochs", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &PrecisionKeys, _inputs: &Inputs) -> Vec<String> {
        let figures = METRICS.iter().flat_map(|(name, ..)| pictures(name));
        std::iter::once(TABLE_FILE.to_owned()).chain(figures).collect()
    }

    fn run(&self, config: &PrecisionKeys, run: &Run) -> Result<Report, StageError> {
        let (model, points) = config.points().input_error("cannot choose the model")?;
        let input = run.inputs().one(WAFERS.role)?.spec();
        let known = conditions::read(&input, &config.select).input_error(format!("cannot read {input}"))?;
        let (training, kept) = split(&config.split, known.wafers.len(), run.seed());
        if training.is_empty() || kept.is_empty() {
            return Err(StageError::input(format!("{input}: there are too few wafers to train and to judge by")));
        }
        let data = Data { training: known.taken(&training), weights: None, validation: known.taken(&kept) };
        let progress = run.progress("scanning", "settings", Some(points.len() as u64));
        let mut rows = Vec::new();
        for point in points {
            let plan = Plan {
                name: model.name.to_owned(),
                network: point.network,
                loss: model.loss.clone(),
                training: config.training.clone(),
                refine: None,
                start: None,
                checkpoint: None,
                seed: run.seed().named("econt precision").value(),
            };
            let trained = training::train(&plan, &data, &mut Stop(run)).input_error("cannot train")?;
            run.check()?;
            let doing = "cannot judge";
            let conditions = plan.network.conditional.then_some(data.validation.conditions.as_slice());
            let received = trained.model.transmit(&data.validation.wafers, conditions, 0.0).internal_error(doing)?;
            let measured = measure(&data.validation.wafers, &received).internal_error(doing)?;
            let row = row(point.part, point.format, plan.network.latent, &measured);
            rows.push(row.ok_or_else(|| StageError::input("nothing arrives of any wafer"))?);
            progress.add(1);
        }
        write(run, &rows)?;
        for (name, title, of) in METRICS {
            recoil_outputs::figures(run, pictures(name), figure(title, &config.sample, &rows, of))?;
        }
        Ok(report(data.validation.wafers.len(), &rows))
    }
}

/// Stops a training when the user wants to.
struct Stop<'a>(&'a Run<'a>);

impl TrainingObserver for Stop<'_> {
    fn epoch(&mut self, _epoch: &Epoch) -> ControlFlow<()> {
        if self.0.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn row(part: &'static str, format: Quantiser, latents: usize, measured: &[Measured]) -> Option<Row> {
    let of = |value: &dyn Fn(&Measured) -> f64| summarise(&measured.iter().map(value).collect::<Vec<f64>>());
    Some(Row {
        part,
        format,
        latents,
        emd: of(&|m| m.emd.distance().unwrap_or(f64::NAN))?,
        ssd: of(&|m| m.shape.ssd)?,
        correlation: of(&|m| m.shape.correlation)?,
        telescope: of(&|m| m.telescope)?,
    })
}

fn write(run: &Run, rows: &[Row]) -> Result<(), StageError> {
    let header = "part,format,bits,latents,emd_mean,emd_error,ssd_mean,ssd_error,cross_corr_mean,cross_corr_error,\
                  telescope_mean,telescope_error";
    let lines = rows.iter().map(|row| {
        let pairs =
            [row.emd, row.ssd, row.correlation, row.telescope].map(|s| format!("{:.6},{:.6}", s.mean, s.mean_error));
        format!("{},\"{}\",{},{},{}", row.part, row.format, row.format.width(), row.latents, pairs.join(","))
    });
    recoil_outputs::csv(run, TABLE_FILE, header, lines)
}

fn figure(title: &str, sample: &str, rows: &[Row], of: Of) -> recoil_plot::Figure {
    let panel = |part: &'static str, x_title: &'static str| {
        let own: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
        let curve = Curve {
            label: part.to_owned(),
            x: own.iter().map(|row| f64::from(row.format.width())).collect(),
            y: own.iter().map(|row| of(row).mean).collect(),
            errors: own.iter().map(|row| of(row).mean_error).collect(),
        };
        (!own.is_empty()).then_some((x_title, vec![curve]))
    };
    let panels = [
        panel("inputs", "Bits of an input"),
        panel("weights", "Bits of a weight"),
        panel("activations", "Bits of an activation"),
        panel("outputs", "Bits of a latent number"),
    ];
    scans(title, sample, &panels.into_iter().flatten().collect::<Vec<_>>())
}

fn report(wafers: usize, rows: &[Row]) -> Report {
    let columns = ["part", "format", "latents", "EMD", "error", "SSD", "correlation", "telescope"];
    let cells = rows.iter().map(|row| {
        vec![
            json!(row.part),
            json!(row.format.to_string()),
            json!(row.latents),
            json!(row.emd.mean),
            json!(row.emd.mean_error),
            json!(row.ssd.mean),
            json!(row.correlation.mean),
            json!(row.telescope.mean),
        ]
    });
    Report::new().value("wafers", wafers).table("settings", &columns, cells.collect())
}
