//! `econt evaluate`: an autoencoder against the other ways of compression, on the same wafers.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::encode::model;
use super::output::Table;
use super::train::WAFERS;
use crate::autoencoder::conditions;
use crate::data::Wafer;
use crate::data::prepare::{Normalisation, SplitConfig, split};
use crate::error::Result;
use crate::metrics::summary::summarise;
use crate::metrics::{EmdOutcome, WaferEmd, telescope};
use crate::transmission::{above_threshold, largest, sums_of_4, sums_of_16};
use crate::wafer::CELLS;

/// File of the figures of merit.
const SUMMARY_FILE: &str = "summary.csv";
/// File of the wafers.
const WAFERS_FILE: &str = "wafers.parquet";

/// Which of the wafers are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// All of them.
    #[default]
    All,
    /// Those that a training with the same split keeps for validation.
    Validation,
}

/// Keys of `econt evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateKeys {
    /// Folder of the model.
    pub model: String,
    /// Which wafers: `all` or `validation`.
    pub sample: Sample,
    /// The split that tells which wafers are for validation.
    pub split: SplitConfig,
    /// Charge from which a cell passes the threshold algorithm \[counts\].
    pub threshold: u32,
    /// Numbers of cells that best choice sends.
    pub best_choice: Vec<usize>,
}

impl Default for EvaluateKeys {
    fn default() -> Self {
        Self {
            model: String::new(),
            sample: Sample::All,
            split: SplitConfig { random: false, ..SplitConfig::default() },
            threshold: 47,
            best_choice: vec![4, 6, 9, 14],
        }
    }
}

impl Config for EvaluateKeys {
    fn check(&self) -> Vec<Problem> {
        match self.best_choice.iter().find(|&&cells| !(1..=CELLS).contains(&cells)) {
            Some(cells) => vec![Problem::new("best_choice", format!("sends 1 to 48 cells, not {cells}"))],
            None => Vec::new(),
        }
    }
}

/// One algorithm on all wafers.
struct Judged {
    name: String,
    outcomes: Vec<EmdOutcome>,
    /// Telescope losses of the wafers whose output has charge.
    losses: Vec<f64>,
}

/// Judges what an algorithm makes of the wafers; outputs are brought to the scale where charges sum to 1 to 2.
fn judge(name: &str, wafers: &[Wafer], outputs: &[[f64; CELLS]]) -> Result<Judged> {
    let each = |solver: &mut Option<WaferEmd>, (wafer, output): (&Wafer, &[f64; CELLS])| {
        let solver = match solver {
            Some(solver) => solver,
            None => solver.insert(WaferEmd::new()?),
        };
        let truth = Normalisation::SumLog2.normalise(wafer);
        Ok((solver.outcome(&truth, output)?, telescope(&truth, output).total()))
    };
    let judged: Vec<(EmdOutcome, f64)> =
        wafers.par_iter().zip(outputs).map_init(|| None, each).collect::<Result<Vec<_>>>()?;
    let (outcomes, losses) = judged.into_iter().unzip();
    Ok(Judged { name: name.to_owned(), outcomes, losses })
}

/// Compares a model with the other algorithms.
pub struct Evaluate;

impl Stage for Evaluate {
    type Config = EvaluateKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt evaluate",
            about: "Compare a trained model with the other algorithms on the same wafers",
            long: "Sends every wafer through encoder and decoder, through threshold, best choice and super trigger cells, \
                   and compares what arrives with the truth: the exact earth mover's distance between the shapes, and the \
                   telescope loss. Charges of the other algorithms are exact, not coded. Wafers of which nothing arrives \
                   are counted apart. Writes a table of figures of merit and one of the wafers.",
            inputs: &[WAFERS],
            output: OutputKind::Directory { doc: "figures of merit and wafers" },
            flags: &[Flag { name: "model", key: "model", list: false }],
        }
    }

    fn outputs(&self, _config: &EvaluateKeys, _inputs: &Inputs) -> Vec<String> {
        [SUMMARY_FILE, WAFERS_FILE].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &EvaluateKeys, run: &Run) -> Result<Report, StageError> {
        let model = model(&config.model)?;
        let input = run.inputs().one(WAFERS.role)?.spec();
        let mut known = conditions::read(&input).input_error(format!("cannot read {input}"))?;
        if config.sample == Sample::Validation {
            let (_, kept) = split(&config.split, known.wafers.len(), run.seed());
            let width = known.conditions.len() / known.wafers.len();
            known.conditions =
                kept.iter().flat_map(|&i| known.conditions[i * width..(i + 1) * width].to_vec()).collect();
            known.wafers = kept.iter().map(|&i| known.wafers[i]).collect();
        }
        let wafers = known.wafers.as_slice();
        let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
        let doing = "cannot evaluate";
        let decoded = model.reconstruct(wafers, conditions).internal_error(doing)?;
        let normal = |wafer: &Wafer, kept: &Wafer| {
            let divisor = Normalisation::SumLog2.divisor(wafer).max(1.0);
            kept.map(|charge| f64::from(charge) / divisor)
        };
        type Algorithm = Box<dyn Fn(&Wafer) -> Wafer + Sync>;
        let threshold = [config.threshold; CELLS];
        let mut others: Vec<(String, Algorithm)> = vec![(
            format!("threshold {}", config.threshold),
            Box::new(move |wafer| above_threshold(wafer, &threshold)),
        )];
        for &cells in &config.best_choice {
            others.push((format!("best choice {cells}"), Box::new(move |wafer| largest(wafer, cells))));
        }
        others.push(("super trigger cells 2x2".into(), Box::new(sums_of_4)));
        others.push(("super trigger cells 4x4".into(), Box::new(sums_of_16)));
        let progress = run.progress("comparing", "algorithms", Some(others.len() as u64 + 1));
        let mut judged = vec![judge(&model.about().name, wafers, &decoded).internal_error(doing)?];
        progress.add(1);
        for (name, algorithm) in &others {
            run.check()?;
            let outputs: Vec<[f64; CELLS]> = wafers.par_iter().map(|wafer| normal(wafer, &algorithm(wafer))).collect();
            judged.push(judge(name, wafers, &outputs).internal_error(doing)?);
            progress.add(1);
        }
        write_wafers(run, &decoded, &judged)?;
        summary(run, &model, &judged)
    }
}

/// Writes the table of figures of merit, and reports it.
fn summary(run: &Run, model: &crate::autoencoder::Autoencoder, judged: &[Judged]) -> Result<Report, StageError> {
    let columns =
        ["algorithm", "emd_mean", "emd_error", "emd_std", "emd_median", "emd_p16", "emd_p84", "empty", "telescope"];
    let mut text = columns.join(",") + "\n";
    let mut rows = Vec::new();
    for Judged { name, outcomes, losses } in judged {
        let distances: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.distance()).collect();
        let empty = 1.0 - distances.len() as f64 / outcomes.len().max(1) as f64;
        let loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let Some(s) = summarise(&distances) else { continue };
        let numbers = [s.mean, s.mean_error, s.std, s.median, s.p16, s.p84, empty, loss];
        let words: Vec<String> = numbers.iter().map(|number| format!("{number:.6}")).collect();
        text += &format!("{name},{}\n", words.join(","));
        let rounded = |&number: &f64| json!((number * 1e6).round() / 1e6);
        rows.push(std::iter::once(json!(name)).chain(numbers.iter().map(rounded)).collect());
    }
    std::fs::write(run.output(SUMMARY_FILE)?, text).output_error("cannot write the figures of merit")?;
    let network = &model.about().network;
    let report = Report::new().value("wafers", judged.first().map_or(0, |judged| judged.outcomes.len()));
    let report = match network.latent_bits() {
        Some(bits) => report.value("latent_bits", u64::from(bits) * network.latent as u64),
        None => report,
    };
    Ok(report.table("algorithms", &columns, rows))
}

/// Writes what the model made of every wafer.
fn write_wafers(run: &Run, decoded: &[[f64; CELLS]], judged: &[Judged]) -> Result<(), StageError> {
    let share =
        |i| field(&format!("decoded_{i}"), DataType::Float32, "", "decoded charge over the divisor of the input");
    let emd = field("emd", DataType::Float64, "small cells", "earth mover's distance; -1 or -0.5 without charge");
    let loss = field("telescope", DataType::Float64, "", "telescope loss");
    let fields = (0..CELLS).map(share).chain([emd, loss]);
    let mut table = Table::create(&run.output(WAFERS_FILE)?, "the wafers", fields)?;
    let column = |i: usize| {
        let values = decoded.iter().map(|wafer| wafer.get(i).copied().unwrap_or_default() as f32);
        Arc::new(Float32Array::from_iter_values(values)) as ArrayRef
    };
    let mut columns: Vec<ArrayRef> = (0..CELLS).map(column).collect();
    if let Some(own) = judged.first() {
        columns.push(Arc::new(Float64Array::from_iter_values(own.outcomes.iter().map(|o| o.with_sentinels()))));
        columns.push(Arc::new(Float64Array::from(own.losses.clone())));
    }
    table.write(columns)?;
    table.finish(&run.embedded_provenance()).map(|_| ())
}
