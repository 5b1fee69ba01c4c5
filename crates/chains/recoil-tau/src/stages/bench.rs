//! `tau bench`: candidates per second of the steps that read many of them.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::{FEATURES, table_of};
use super::files::{CANDIDATES, FilesConfig};
use crate::batches::{Pieces, RowSelection};
use crate::error::Result;
use crate::grid::Encoder;
use crate::scaling::parameters::parameters;
use crate::scaling::{Population, ScalingPass, ScalingTable};
use crate::spectrum::{Mode, Spectra, UniformBins};

/// Keys of `tau bench`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BenchConfig {
    /// The files.
    pub files: FilesConfig,
    /// Steps to time, of `spectrum`, `scale` and `grid`; none for all.
    pub steps: Vec<String>,
}

impl Config for BenchConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        for (index, step) in self.steps.iter().enumerate() {
            if !STEPS.contains(&step.as_str()) {
                found.push(Problem::new(format!("steps[{index}]"), "must be spectrum, scale or grid"));
            }
        }
        found
    }
}

const STEPS: [&str; 3] = ["spectrum", "scale", "grid"];

/// Times the chain.
pub struct Bench;

const SCALING: InputRole = InputRole::optional("scaling", "scaling parameters", &["json"]);

impl Stage for Bench {
    type Config = BenchConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau bench",
            about: "Time spectra, scaling and grids on files of candidates",
            long: "Reads the files and counts spectra, measures all features, and builds both sparse grids and the flat \
                   inputs of all candidates; prints candidates per second. Run it with --threads 1 for the rate per second \
                   of processor time.",
            inputs: &[CANDIDATES, FEATURES, SCALING],
            output: OutputKind::Nothing,
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "steps", key: "steps", list: true },
            ],
        }
    }

    fn run(&self, config: &BenchConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let table = table_of(run)?;
        let mut rows = Vec::new();
        let mut measured: Option<ScalingTable> = None;
        for step in STEPS.iter().filter(|step| config.steps.is_empty() || config.steps.iter().any(|s| s == *step)) {
            run.check()?;
            let start = Instant::now();
            let count = match *step {
                "spectrum" => spectra(config, &files),
                "scale" => ScalingPass::new(&table, Population::Reference, &[]).and_then(|pass| {
                    let mut sums = std::collections::BTreeMap::new();
                    let mut count = 0;
                    for path in &files {
                        let result = pass.file(&config.files.open(path)?, 1, |_| ())?;
                        crate::scaling::merge::add(&mut sums, &result.sums);
                        count += result.candidates;
                    }
                    measured = Some(parameters(&pass.blocks(), &sums));
                    Ok(count)
                }),
                _ => {
                    let scaling = match (run.inputs().optional(SCALING.role), &measured) {
                        (Some(file), _) => ScalingTable::read(&file.path).input_error("cannot read the scaling")?,
                        (None, Some(measured)) => measured.clone(),
                        (None, None) => parameters(&table.blocks, &std::collections::BTreeMap::new()),
                    };
                    Encoder::new(&table, &scaling).and_then(|encoder| grids(config, &files, &encoder))
                }
            };
            let count = count.input_error(format!("cannot time {step}"))?;
            let seconds = start.elapsed().as_secs_f64();
            rows.push(vec![(*step).into(), count.into(), seconds.into(), (count as f64 / seconds).into()]);
        }
        let columns = ["step", "candidates", "time [s]", "candidates per second"];
        Ok(Report::new().value("threads", run.threads()).table("rates", &columns, rows))
    }
}

fn spectra(config: &BenchConfig, files: &[PathBuf]) -> Result<u64> {
    let eta = UniformBins { bins: 25, low: 0.0, high: 2.5 };
    let pt = UniformBins { bins: 4990, low: 10.0, high: 5000.0 };
    let mut spectra = Spectra::new(Mode::Tau, eta, pt);
    files.iter().try_for_each(|path| spectra.add_file(&config.files.open(path)?))?;
    Ok(spectra.rows)
}

fn grids(config: &BenchConfig, files: &[PathBuf], encoder: &Encoder) -> Result<u64> {
    let mut pieces = Pieces::new(encoder, RowSelection::default(), files.to_vec(), &config.files.tree, 2000);
    let mut count = 0;
    while let Some(piece) = pieces.next_piece()? {
        for start in (0..piece.rows.len()).step_by(250) {
            let batch = piece.encode(encoder, start..piece.rows.len().min(start + 250))?;
            count += black_box(&batch).len() as u64;
        }
    }
    Ok(count)
}
