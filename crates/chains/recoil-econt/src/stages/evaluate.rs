//! `econt evaluate`: autoencoders against the other ways of compression, on the same wafers.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::drawing::{Drawing, Judged, Seen, slug, verification};
use super::encode::model;
use super::train::WAFERS;
use crate::autoencoder::Autoencoder;
use crate::autoencoder::conditions::{self, Known};
use crate::autoencoder::trained::MODEL_FILE;
use crate::data::Wafer;
use crate::data::prepare::{SplitConfig, split};
use crate::data::select::Selection;
use crate::metrics::summary::{Summary, summarise};
use crate::study::{Measured, measure};
use crate::transmission::{above_threshold, largest, sums_of_4, sums_of_16};
use crate::wafer::{CELLS, COUNTS_PER_MIP};

/// File of the figures of merit.
const SUMMARY_FILE: &str = "summary.csv";
/// File of the sizes of the models.
const MODELS_FILE: &str = "models.csv";
/// File of the wafers.
const WAFERS_FILE: &str = "wafers.parquet";
/// Tables for test benches.
const VERIFICATION: [&str; 6] = [
    "verify_input_ae.csv",
    "verify_input_ae_abs.csv",
    "verify_input_calQ.csv",
    "verify_output.csv",
    "verify_decoded.csv",
    "verify_decoded_calQ.csv",
];

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
    /// Folders of models; a folder of models for several numbers of links stands for all of them.
    pub model: Vec<String>,
    /// Which wafers: `all` or `validation`.
    pub sample: Sample,
    /// The split that tells which wafers are for validation.
    pub split: SplitConfig,
    /// Which wafers of the tables are taken.
    pub select: Selection,
    /// Charges from which a cell passes the threshold algorithm \[counts\].
    pub threshold: Vec<u32>,
    /// Numbers of cells that best choice sends.
    pub best_choice: Vec<usize>,
    /// Whether only the autoencoders are evaluated.
    pub models_only: bool,
    /// Figures.
    pub figures: Drawing,
    /// Wafers in the tables for test benches; -1 for all.
    pub csv_wafers: i64,
}

impl Default for EvaluateKeys {
    fn default() -> Self {
        Self {
            model: Vec::new(),
            sample: Sample::All,
            split: SplitConfig { random: false, ..SplitConfig::default() },
            select: Selection::default(),
            threshold: vec![47],
            best_choice: vec![4, 6, 9, 14],
            models_only: false,
            figures: Drawing::default(),
            csv_wafers: 50,
        }
    }
}

impl EvaluateKeys {
    /// Folders of the models, each with its label.
    fn folders(&self) -> Vec<(String, PathBuf)> {
        let mut all: Vec<(String, PathBuf)> = Vec::new();
        for folder in self.model.iter().map(Path::new) {
            let own = folder.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned());
            let within = models_within(folder);
            if within.is_empty() {
                all.push((own.clone(), folder.to_owned()));
            }
            let several = self.model.len() > 1;
            for (name, path) in within {
                all.push((if several { format!("{own} {name}") } else { name }, path));
            }
        }
        for i in 1..all.len() {
            let taken = |label: &str| all.iter().take(i).any(|(known, _)| slug(known) == slug(label));
            if let Some((label, _)) = all.get(i).filter(|(label, _)| taken(label)) {
                let label = format!("{label} {}", i + 1);
                all[i].0 = label;
            }
        }
        all
    }

    /// The other algorithms by name.
    fn others(&self) -> Vec<(String, Algorithm)> {
        let mut others: Vec<(String, Algorithm)> = Vec::new();
        if self.models_only {
            return others;
        }
        for &threshold in &self.threshold {
            let all = [threshold; CELLS];
            others.push((format!("threshold {threshold}"), Box::new(move |wafer| above_threshold(wafer, &all))));
        }
        for &cells in &self.best_choice {
            others.push((format!("best choice {cells}"), Box::new(move |wafer| largest(wafer, cells))));
        }
        others.push(("super trigger cells 2x2".into(), Box::new(sums_of_4)));
        others.push(("super trigger cells 4x4".into(), Box::new(sums_of_16)));
        others.push(("repeater".into(), Box::new(|wafer| *wafer)));
        others
    }

    fn labels(&self) -> Vec<String> {
        let models = self.folders().into_iter().map(|(label, _)| label);
        models.chain(self.others().into_iter().map(|(label, _)| label)).collect()
    }
}

type Algorithm = Box<dyn Fn(&Wafer) -> Wafer + Sync>;

/// Models in the folders of a folder, in the order of their names.
fn models_within(folder: &Path) -> Vec<(String, PathBuf)> {
    if folder.join(MODEL_FILE).exists() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(_, path)| path.join(MODEL_FILE).exists())
        .collect();
    found.sort();
    found
}

impl Config for EvaluateKeys {
    fn check(&self) -> Vec<Problem> {
        match self.best_choice.iter().find(|&&cells| !(1..=CELLS).contains(&cells)) {
            Some(cells) => vec![Problem::new("best_choice", format!("sends 1 to 48 cells, not {cells}"))],
            None => Vec::new(),
        }
    }
}

/// Evaluates models.
pub struct Evaluate;

impl Stage for Evaluate {
    type Config = EvaluateKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt evaluate",
            about: "Compare autoencoders with the other algorithms on the same wafers",
            long: "Sends wafers through encoder and decoder, and through threshold, best choice, super trigger cells and the \
                   repeater, and measures what arrives against what was there: the earth mover's distance with its \
                   spread and error, and the telescope loss of the normalised charges. Writes the table, the sizes of the \
                   models, figures with their numbers in text form, displays of wafers with their latent numbers, \
                   the decoded wafers, and for each model the tables that test benches of hardware read. Models with the \
                   condition of a wafer get it from the table.",
            inputs: &[WAFERS],
            output: OutputKind::Directory { doc: "figures of merit, figures, wafers, tables for test benches" },
            flags: &[Flag { name: "model", key: "model", list: true }],
        }
    }

    fn outputs(&self, config: &EvaluateKeys, _inputs: &Inputs) -> Vec<String> {
        let mut all = vec![SUMMARY_FILE.to_owned(), MODELS_FILE.to_owned()];
        for prefix in prefixes(&config.folders()) {
            all.push(format!("{prefix}{WAFERS_FILE}"));
            all.extend(VERIFICATION.map(|file| format!("{prefix}{file}")));
        }
        all.extend(config.figures.names(&config.labels()));
        all
    }

    fn run(&self, config: &EvaluateKeys, run: &Run) -> Result<Report, StageError> {
        let folders = config.folders();
        if folders.is_empty() {
            return Err(StageError::usage("no model is given: --model FOLDER"));
        }
        let models: Vec<Autoencoder> =
            folders.iter().map(|(_, path)| model(&path.display().to_string())).collect::<Result<_, _>>()?;
        let input = run.inputs().one(WAFERS.role)?.spec();
        let mut known = conditions::read(&input, &config.select).input_error(format!("cannot read {input}"))?;
        if config.sample == Sample::Validation {
            known = known.taken(&split(&config.split, known.wafers.len(), run.seed()).1);
        }
        if known.wafers.is_empty() {
            return Err(StageError::input(format!("{input}: there is no wafer for validation")));
        }
        let doing = "cannot evaluate";
        let progress = run.progress("comparing", "algorithms", Some(config.labels().len() as u64));
        let mut judged = Vec::new();
        for ((label, _), model) in folders.iter().zip(&models) {
            run.check()?;
            judged.push(of_model(label, model, &known).internal_error(doing)?);
            progress.add(1);
        }
        for (label, algorithm) in config.others() {
            run.check()?;
            let received: Vec<_> = known.wafers.par_iter().map(|wafer| algorithm(wafer).map(f64::from)).collect();
            let measured = measure(&known.wafers, &received).internal_error(doing)?;
            judged.push(Judged { label, received, latents: Vec::new(), measured });
            progress.add(1);
        }
        for ((prefix, model), own) in prefixes(&folders).iter().zip(&models).zip(&judged) {
            write_wafers(run, prefix, model, &known, own)?;
            verify(run, prefix, config.csv_wafers, model, &known)?;
        }
        let seen = Seen {
            wafers: &known.wafers,
            eta: known.eta.as_deref(),
            energy_fraction: known.energy_fraction.as_deref(),
        };
        config.figures.draw(run, &seen, &judged)?;
        write_models(run, &folders, &models, &judged)?;
        summary(run, &models, &judged)
    }
}

/// In which folder of the output the files of each model are: one model alone has none of its own.
fn prefixes(folders: &[(String, PathBuf)]) -> Vec<String> {
    match folders {
        [_] => vec![String::new()],
        several => several.iter().map(|(label, _)| format!("{}/", slug(label))).collect(),
    }
}

/// What a model makes of wafers: charges on the scale of their divisors, latent numbers.
fn of_model(label: &str, model: &Autoencoder, known: &Known) -> crate::error::Result<Judged> {
    let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
    let prepared = model.prepare(&known.wafers);
    let latents = model.encode(&prepared.images)?;
    let images = model.decode(&latents, conditions)?;
    let arrangement = model.arrangement();
    let charges = images.chunks_exact(arrangement.pixels()).zip(&prepared.divisors);
    let received: Vec<[f64; CELLS]> =
        charges.map(|(image, divisor)| arrangement.wafer(image).map(|share| f64::from(share) * divisor)).collect();
    let measured = measure(&known.wafers, &received)?;
    let latents = latents.chunks_exact(model.about().network.latent).map(<[f32]>::to_vec).collect();
    Ok(Judged { label: label.to_owned(), received, latents, measured })
}

/// The figures of merit of one algorithm.
fn merits(judged: &Judged) -> Option<(Summary, f64, f64)> {
    let seen = || judged.measured.iter().filter(|m| m.emd.distance().is_some());
    let distances: Vec<f64> = seen().filter_map(|m| m.emd.distance()).collect();
    let empty = 1.0 - distances.len() as f64 / judged.measured.len().max(1) as f64;
    let loss = judged.measured.iter().map(|m| m.telescope).sum::<f64>() / judged.measured.len().max(1) as f64;
    Some((summarise(&distances)?, empty, loss))
}

/// Writes the table of figures of merit, and reports it.
fn summary(run: &Run, models: &[Autoencoder], judged: &[Judged]) -> Result<Report, StageError> {
    let columns =
        ["algorithm", "emd_mean", "emd_error", "emd_std", "emd_median", "emd_p16", "emd_p84", "empty", "telescope"];
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for one in judged {
        let Some((s, empty, loss)) = merits(one) else { continue };
        let numbers = [s.mean, s.mean_error, s.std, s.median, s.p16, s.p84, empty, loss];
        lines.push(format!("{},{}", one.label, numbers.map(|number| format!("{number:.6}")).join(",")));
        let rounded = |&number: &f64| json!((number * 1e6).round() / 1e6);
        rows.push(std::iter::once(json!(one.label)).chain(numbers.iter().map(rounded)).collect());
    }
    recoil_outputs::csv(run, SUMMARY_FILE, &columns.join(","), lines)?;
    let mut report = Report::new().value("wafers", judged.first().map_or(0, |judged| judged.measured.len()));
    if let [model] = models {
        report = report.value("model", model.about().name.clone());
        if let Some(bits) = model.about().network.latent_bits() {
            report = report.value("latent_bits", u64::from(bits) * model.about().network.latent as u64);
        }
    }
    Ok(report.table("algorithms", &columns, rows))
}

/// Writes how large the models are, beside what they reach.
fn write_models(
    run: &Run,
    folders: &[(String, PathBuf)],
    models: &[Autoencoder],
    judged: &[Judged],
) -> Result<(), StageError> {
    let lines = folders.iter().zip(models).zip(judged).map(|(((label, _), model), judged)| {
        let (encoder, whole) = (model.encoder().0.cost(), model.network().cost());
        let bits = model.about().network.latent_bits();
        let bits = bits.map(|bits| (usize::from(bits) * model.about().network.latent).to_string());
        let (emd, error) = merits(judged).map_or((f64::NAN, f64::NAN), |(s, ..)| (s.mean, s.mean_error));
        format!(
            "{label},{},{},{},{},{},{emd:.6},{error:.6}",
            model.about().name,
            bits.unwrap_or_default(),
            encoder.parameters,
            whole.parameters,
            encoder.operations
        )
    });
    let header = "name,model,latent_bits,en_pams,tot_pams,en_flops,emd_ae,emd_ae_err";
    recoil_outputs::csv(run, MODELS_FILE, header, lines)
}

/// Writes what a model made of every wafer.
fn write_wafers(
    run: &Run,
    prefix: &str,
    model: &Autoencoder,
    known: &Known,
    judged: &Judged,
) -> Result<(), StageError> {
    let share =
        |i| field(&format!("decoded_{i}"), DataType::Float32, "", "decoded charge over the divisor of the input");
    let emd = field("emd", DataType::Float64, "small cells", "earth mover's distance; -1 or -0.5 without charge");
    let loss = field("telescope", DataType::Float64, "", "telescope loss");
    let fields = (0..CELLS).map(share).chain([emd, loss]);
    let mut table = Table::create(&run.output(&format!("{prefix}{WAFERS_FILE}"))?, "the wafers", fields)?;
    let divisors: Vec<f64> =
        known.wafers.iter().map(|wafer| model.about().network.normalisation.divisor(wafer).max(1e-300)).collect();
    let column = |i: usize| {
        let shares = judged.received.iter().zip(&divisors).map(|(wafer, divisor)| wafer[i % CELLS] / divisor);
        Arc::new(Float32Array::from_iter_values(shares.map(|share| share as f32))) as ArrayRef
    };
    let mut columns: Vec<ArrayRef> = (0..CELLS).map(column).collect();
    let numbers = |value: fn(&Measured) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(judged.measured.iter().map(value)))
    };
    columns.push(numbers(|m| m.emd.with_sentinels()));
    columns.push(numbers(|m| m.telescope));
    table.write(columns)?;
    table.finish(&run.embedded_provenance()).map(|_| ())
}

/// Writes the tables for test benches: images that go in, normalised and in counts; cells that go in, in transverse MIP;
/// latent numbers; images that come out; cells that come out, normalised.
fn verify(run: &Run, prefix: &str, count: i64, model: &Autoencoder, known: &Known) -> Result<(), StageError> {
    let count = usize::try_from(count).unwrap_or(known.wafers.len()).min(known.wafers.len());
    let known = known.taken(&(0..count).collect::<Vec<_>>());
    let doing = "cannot evaluate";
    let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
    let prepared = model.prepare(&known.wafers);
    let latents = model.encode(&prepared.images).internal_error(doing)?;
    let decoded = model.decode(&latents, conditions).internal_error(doing)?;
    let pixels = model.arrangement().pixels();
    let wide = |row: &[f32], factor: f64| Cow::Owned(row.iter().map(|&v| f64::from(v) * factor).collect::<Vec<f64>>());
    let rows = |table: &[f32], width: usize| -> Vec<Cow<'static, [f64]>> {
        table.chunks_exact(width).map(|row| wide(row, 1.0)).collect()
    };
    let absolute =
        prepared.images.chunks_exact(pixels).zip(&prepared.divisors).map(|(row, &divisor)| wide(row, divisor));
    let cells = known.wafers.iter().map(|wafer| Cow::Owned(wafer.map(|q| f64::from(q) / COUNTS_PER_MIP).to_vec()));
    let arrived = decoded.chunks_exact(pixels).map(|image| wide(&model.arrangement().wafer(image), 1.0));
    let tables: [Vec<Cow<'_, [f64]>>; 6] = [
        rows(&prepared.images, pixels),
        absolute.collect(),
        cells.collect(),
        rows(&latents, model.about().network.latent),
        rows(&decoded, pixels),
        arrived.collect(),
    ];
    for (file, rows) in VERIFICATION.iter().zip(tables) {
        verification(run, &format!("{prefix}{file}"), rows.into_iter())?;
    }
    Ok(())
}
