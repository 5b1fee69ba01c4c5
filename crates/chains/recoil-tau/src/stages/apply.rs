//! `tau apply`: scores of candidates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, Int64Array, StringArray, UInt16Array, UInt64Array};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::export::{model, model_folder};
use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use super::scores::{NODES, Scores};
use crate::batches::{Pieces, RowSelection};
use crate::data::file::{CandidateFile, floats, integers};
use crate::error::Result;
use crate::training::task::CLASSES;

/// Keys of `tau apply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApplyKeys {
    /// Folder of a trained model.
    pub model: String,
    /// The files.
    pub files: FilesConfig,
    /// Whether reconstructed candidates without a class are taken too; their `gen_type` is -1.
    pub include_mismatched: bool,
    /// Whether every row of the files becomes a row, those without a score with zeros. HDF5 files are always so: rows
    /// have the numbers that they have in the input.
    pub every_row: bool,
    /// Candidates that are computed at a time.
    pub n_tau: usize,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for ApplyKeys {
    fn default() -> Self {
        Self {
            model: String::new(),
            files: FilesConfig::default(),
            include_mismatched: false,
            every_row: false,
            n_tau: 250,
            on_bad_file: OnBadFile::Stop,
        }
    }
}

impl Config for ApplyKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        if self.n_tau == 0 {
            found.push(Problem::new("n_tau", "must be at least 1"));
        }
        found
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        model_folder("model", &self.model)
    }
}

/// Applies a network.
pub struct Apply;

/// Rows of a file that are read at once.
const PIECE_ROWS: usize = 2000;

/// Columns that are copied as they are.
const COPIED: [&str; 6] = ["evt", "tau_pt", "tau_eta", "tau_decayMode", "tau_dz", "tau_byDeepTau2017v2p1VSjet"];

impl Stage for Apply {
    type Config = ApplyKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau apply",
            about: "Compute the scores of a trained network for candidates",
            long: "Streams the files in their order and writes a row per candidate: sample (folder of the file), event, \
                   kinematics, the four outputs of the network and the true class (0 e, 1 mu, 2 tau, 3 jet, -1 none). An HDF5 \
                   file has frames for pandas: predictions, targets (one-hot), and candidates with all columns of numbers.",
            inputs: &[CANDIDATES],
            output: OutputKind::File { doc: "the scores", formats: &["parquet", "csv", "root", "h5"] },
            flags: &[
                Flag { name: "model", key: "model", list: false },
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn run(&self, config: &ApplyKeys, run: &Run) -> Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let folder = PathBuf::from(&config.model);
        let model = model(&config.model)?;
        let encoder = model.encoder(&folder).input_error("cannot read the model")?;
        let predictor = model.network().predictor(model.parameters()).internal_error("cannot use the model")?;
        let topology = &model.about().network;
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let selection = RowSelection { include_mismatched: config.include_mismatched, ..RowSelection::default() };
        let mut pieces = Pieces::new(&encoder, selection, files, &config.files.tree, PIECE_ROWS);
        let output = run.output_file()?;
        let every_row = config.every_row || Scores::has_frames(&output);
        let mut table = create(&output)?;
        let progress = run.progress("applying", "candidates", None);
        let (mut candidates, mut not_finite) = (0_u64, 0);
        let mut open: Option<(Arc<str>, CandidateFile)> = None;
        loop {
            run.check()?;
            let Some(piece) = bad.unless_bad(pieces.next_piece()).input_error("cannot read candidates")? else {
                continue;
            };
            let Some(piece) = piece else { break };
            let starts: Vec<usize> = (0..piece.rows.len()).step_by(config.n_tau).collect();
            let of = |start: &usize| -> Result<(Vec<f32>, u64)> {
                let batch = piece.encode(&encoder, *start..piece.rows.len().min(start + config.n_tau))?;
                Ok((predictor.predict(&topology.inputs(&batch))?, batch.not_finite))
            };
            let found: Vec<(Vec<f32>, u64)> =
                starts.par_iter().map(of).collect::<Result<_>>().input_error("cannot compute scores")?;
            let outputs: Vec<f32> = found.iter().flat_map(|(outputs, _)| outputs).copied().collect();
            not_finite += found.iter().map(|(_, count)| count).sum::<u64>();
            // a file has many pieces
            let (_, file) = match open.take() {
                Some(known) if known.0 == piece.file => open.insert(known),
                _ => {
                    let path = Path::new(piece.file.as_ref());
                    let file = config.files.open(path).or_else(|_| CandidateFile::open(&piece.file));
                    open.insert((piece.file.clone(), file.input_error("cannot read candidates")?))
                }
            };
            let class = |known: &Option<_>| CLASSES.iter().position(|class| Some(*class) == *known);
            let truth: Vec<i64> =
                piece.classes.iter().map(|known| class(known).map_or(-1, |index| index as i64)).collect();
            let (chosen, outputs, truth) = match every_row {
                true => spread(piece.loaded.len(), &piece.rows, &outputs, &truth),
                false => (piece.rows.clone(), outputs, truth),
            };
            let rows = Rows { file, range: piece.loaded.rows.clone(), chosen: &chosen };
            table.write(rows.columns(&outputs, truth).input_error("cannot read candidates")?)?;
            candidates += piece.rows.len() as u64;
            progress.add(piece.rows.len() as u64);
        }
        table.finish(&run.embedded_provenance())?;
        if not_finite > 0 {
            run.warn("not_finite", format!("{not_finite} values are not finite and count as missing"));
        }
        let report = Report::new().value("model", model.about().name.clone()).value("candidates", candidates);
        Ok(bad.report(report.value("not_finite", not_finite)))
    }
}

/// All of `count` rows, with zeros and no class where none was chosen.
fn spread(count: usize, chosen: &[u32], outputs: &[f32], truth: &[i64]) -> (Vec<u32>, Vec<f32>, Vec<i64>) {
    let (mut all_outputs, mut all_truth) = (vec![0.0; 4 * count], vec![-1; count]);
    for ((row, own), code) in chosen.iter().zip(outputs.as_chunks::<4>().0).zip(truth) {
        let row = *row as usize;
        if let (Some(to), Some(class)) = (all_outputs.get_mut(4 * row..4 * row + 4), all_truth.get_mut(row)) {
            to.copy_from_slice(own);
            *class = *code;
        }
    }
    ((0..u32::try_from(count).unwrap_or(u32::MAX)).collect(), all_outputs, all_truth)
}

fn create(path: &Path) -> Result<Scores, StageError> {
    let score = |name: &str, of: &str| field(name, DataType::Float32, "", &format!("probability of {of}"));
    let [e, mu, tau, jet] = NODES;
    Scores::create(
        path,
        vec![
            field("sample", DataType::Utf8, "", "folder of the file"),
            field("evt", DataType::UInt64, "", "event"),
            field("tau_pt", DataType::Float32, "GeV", "transverse momentum"),
            field("tau_eta", DataType::Float32, "", "pseudorapidity"),
            field("tau_decayMode", DataType::Int32, "", "decay mode"),
            field("tau_dz", DataType::Float32, "cm", "longitudinal impact parameter"),
            field("tau_byDeepTau2017v2p1VSjet", DataType::UInt16, "", "working points passed, bit by bit"),
            score(e, "electron"),
            score(mu, "muon"),
            score(tau, "tau"),
            score(jet, "jet"),
            field("gen_type", DataType::Int64, "", "true class: 0 e, 1 mu, 2 tau, 3 jet, -1 none"),
        ],
    )
}

/// Some rows of a piece of a file.
struct Rows<'a> {
    file: &'a CandidateFile,
    range: std::ops::Range<u64>,
    chosen: &'a [u32],
}

impl Rows<'_> {
    fn columns(&self, outputs: &[f32], truth: Vec<i64>) -> Result<Vec<ArrayRef>> {
        let sample =
            self.file.path().parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let sample = sample.unwrap_or_default();
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from_iter_values(self.chosen.iter().map(|_| sample.as_str())))];
        for name in COPIED {
            let known = self.file.has(name);
            let column = if known { self.file.read(&[name], self.range.clone())?.into_iter().next() } else { None };
            let whole = || -> Vec<i64> {
                let all = column.as_ref().map(integers).unwrap_or_default();
                self.chosen.iter().map(|row| all.get(*row as usize).copied().unwrap_or(0)).collect()
            };
            columns.push(match name {
                "evt" => Arc::new(UInt64Array::from_iter_values(whole().into_iter().map(|value| value as u64))),
                "tau_decayMode" => {
                    Arc::new(Int32Array::from_iter_values(whole().into_iter().map(|value| value as i32)))
                }
                "tau_byDeepTau2017v2p1VSjet" => {
                    Arc::new(UInt16Array::from_iter_values(whole().into_iter().map(|value| value as u16)))
                }
                _ => {
                    let all = column.map(floats).unwrap_or_default();
                    let of = |row: &u32| all.get(*row as usize).copied().unwrap_or(f32::NAN);
                    Arc::new(Float32Array::from_iter_values(self.chosen.iter().map(of)))
                }
            });
        }
        for class in 0..4 {
            columns.push(Arc::new(Float32Array::from_iter_values(outputs.iter().skip(class).step_by(4).copied())));
        }
        columns.push(Arc::new(Int64Array::from(truth)));
        Ok(columns)
    }
}
