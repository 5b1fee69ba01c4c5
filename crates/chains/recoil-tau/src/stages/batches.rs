//! `tau batches`: network inputs of candidates.

mod particles;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, StringArray};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::{FEATURES, table_of};
use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::batches::{Batch, Pieces, RowSelection};
use crate::data::truth::TauType;
use crate::features::{Cone, FeatureTable};
use crate::grid::{Encoder, Form, SparseGrid};
use crate::scaling::ScalingTable;
use recoil_outputs::Table;

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The grid of the signal cone.
    Inner,
    /// The grid of the isolation cone.
    Outer,
    /// Both grids.
    #[default]
    Both,
    /// The candidates' own inputs.
    Flat,
    /// The particles one by one.
    Sequence,
}

/// Keys of `tau batches`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchesConfig {
    /// The files.
    pub files: FilesConfig,
    /// What is written: `inner`, `outer`, `both`, `flat` or `sequence`.
    pub grid: Wanted,
    /// Particles of a candidate at most, those of highest momentum, in a `sequence`.
    pub particles: usize,
    /// Classes that are taken.
    pub classes: Vec<String>,
    /// Whether reconstructed candidates without a class are taken too.
    pub include_mismatched: bool,
    /// Candidates must have a higher score of the deployed discriminator against jets than this; empty for no cut.
    pub least_vs_jet: Option<f32>,
    /// Most candidates that are read; -1 for all.
    pub max_candidates: i64,
    /// Candidates that are encoded at a time.
    pub n_tau: usize,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for BatchesConfig {
    fn default() -> Self {
        Self {
            files: FilesConfig::default(),
            grid: Wanted::Both,
            particles: 50,
            classes: ["e", "mu", "tau", "jet"].map(str::to_owned).to_vec(),
            include_mismatched: false,
            least_vs_jet: None,
            max_candidates: -1,
            n_tau: 250,
            on_bad_file: OnBadFile::Stop,
        }
    }
}

impl Config for BatchesConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        for (index, class) in self.classes.iter().enumerate() {
            if TauType::of_name(class).is_none() {
                found.push(Problem::new(format!("classes[{index}]"), format!("there is no class '{class}'")));
            }
        }
        if self.n_tau == 0 {
            found.push(Problem::new("n_tau", "must be at least 1"));
        }
        found
    }
}

impl BatchesConfig {
    fn selection(&self) -> RowSelection {
        RowSelection {
            classes: self.classes.iter().filter_map(|name| TauType::of_name(name)).collect(),
            include_mismatched: self.include_mismatched,
            least_vs_jet: self.least_vs_jet,
        }
    }
}

/// Encodes candidates.
pub struct Batches;

/// Scaling parameters.
pub const SCALING: InputRole = InputRole::required("scaling", "scaling parameters", &["json"]);

/// Rows of a file that are read at once.
const PIECE_ROWS: usize = 2000;

impl Stage for Batches {
    type Config = BatchesConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau batches",
            about: "Turn candidates into network inputs: the entries of their grids that are not zero",
            long: "Streams the files in their order and writes one row per entry of the inner and outer grids that is not \
                   zero: row of the candidate in the inputs, grid, block, cell, feature, value. With --grid flat it writes \
                   the candidates' own inputs, one row per candidate; with --grid sequence the particles within the \
                   isolation cone one by one, those of highest momentum. Values that are not finite are missing, which is \
                   0 after scaling; they are counted.",
            inputs: &[CANDIDATES, FEATURES, SCALING],
            output: OutputKind::File { doc: "the entries", formats: &["parquet", "csv"] },
            flags: &[
                Flag { name: "grid", key: "grid", list: false },
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn run(&self, config: &BatchesConfig, run: &Run) -> Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let table = table_of(run)?;
        let scaling =
            ScalingTable::read(&run.inputs().one(SCALING.role)?.path).input_error("cannot read the scaling")?;
        let encoder = Encoder::new(&table, &scaling).usage_error("the features and their scaling do not fit")?;
        let encoder = match config.grid {
            Wanted::Sequence => encoder.with_form(Form::Sequence { most: config.particles }),
            _ => encoder,
        };
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let progress = run.progress("encoding", "candidates", None);
        let mut out = Writer::create(run, config.grid, &table)?;
        let most = u64::try_from(config.max_candidates).unwrap_or(u64::MAX);
        let (mut candidates, mut read, mut not_finite, mut cells) = (0_u64, 0_u64, 0, [0_usize; 2]);
        // rows are numbered through all files
        let mut before = 0;
        let mut current: Option<Arc<str>> = None;
        let mut pieces = Pieces::new(&encoder, config.selection(), files, &config.files.tree, PIECE_ROWS);
        loop {
            run.check()?;
            let Some(piece) = bad.unless_bad(pieces.next_piece()).input_error("cannot read candidates")? else {
                continue;
            };
            let Some(piece) = piece else { break };
            if current.as_ref() != Some(&piece.file) {
                before = read;
                current = Some(piece.file.clone());
            }
            read += piece.loaded.len() as u64;
            let take = piece.rows.len().min(usize::try_from(most - candidates).unwrap_or(usize::MAX));
            let starts: Vec<usize> = (0..take).step_by(config.n_tau).collect();
            let encode = |start: &usize| piece.encode(&encoder, *start..take.min(start + config.n_tau));
            let batches: Vec<Batch> =
                starts.par_iter().map(encode).collect::<crate::Result<_>>().input_error("cannot encode")?;
            for batch in &batches {
                not_finite += batch.not_finite;
                cells[0] += batch.inner.cells.len();
                cells[1] += batch.outer.cells.len();
                out.write(batch, before)?;
            }
            candidates += take as u64;
            progress.add(take as u64);
            if candidates == most {
                break;
            }
        }
        let entries = out.table.finish(&run.embedded_provenance())?;
        if not_finite > 0 {
            run.warn("not_finite", format!("{not_finite} values are not finite and count as missing"));
        }
        let per = |count: usize| count as f64 / candidates.max(1) as f64;
        let report = Report::new()
            .value("rows", read)
            .value("candidates", candidates)
            .value("entries", entries)
            .value("inner_cells_per_candidate", per(cells[0]))
            .value("outer_cells_per_candidate", per(cells[1]))
            .value("not_finite", not_finite);
        Ok(bad.report(report))
    }
}

struct Writer<'a> {
    wanted: Wanted,
    features: &'a FeatureTable,
    table: Table,
}

impl<'a> Writer<'a> {
    fn create(run: &Run, wanted: Wanted, features: &'a FeatureTable) -> Result<Self, StageError> {
        let int = |name: &str, doc: &str| field(name, DataType::Int64, "", doc);
        let text = |name: &str, doc: &str| field(name, DataType::Utf8, "", doc);
        let tau = int("tau", "row of the candidate in the inputs, from 0");
        let fields = if wanted == Wanted::Flat {
            let columns = features.flat().into_iter().flat_map(|block| block.enabled());
            let columns = columns.map(|feature| field(&feature.name, DataType::Float32, "", "scaled"));
            std::iter::once(tau).chain(columns).collect()
        } else if wanted == Wanted::Sequence {
            particles::fields()
        } else {
            vec![
                tau,
                text("grid", "inner or outer"),
                text("block", "block of features"),
                int("eta_cell", "cell along pseudorapidity, from 0"),
                int("phi_cell", "cell along azimuth, from 0"),
                text("feature", "feature"),
                int("feature_index", "number of the feature among the inputs of its block"),
                field("value", DataType::Float32, "", "scaled value"),
            ]
        };
        Ok(Self { wanted, features, table: Table::create(&run.output_file()?, "the network inputs", fields)? })
    }

    fn write(&mut self, batch: &Batch, before: u64) -> Result<(), StageError> {
        let row = |(_, row): &(Arc<str>, u64)| (before + row) as i64;
        let rows: Vec<i64> = batch.origin.iter().map(row).collect();
        if self.wanted == Wanted::Flat {
            let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(rows))];
            for feature in 0..batch.flat.width {
                let values = batch.flat.values.iter().skip(feature).step_by(batch.flat.width);
                columns.push(Arc::new(Float32Array::from_iter_values(values.copied())));
            }
            return self.table.write(columns);
        }
        if self.wanted == Wanted::Sequence {
            return self.table.write(particles::columns(&batch.sequence, &rows)?);
        }
        for cone in Cone::GRIDS {
            let (skipped, grid) = match cone {
                Cone::Inner => (Wanted::Outer, &batch.inner),
                _ => (Wanted::Inner, &batch.outer),
            };
            if self.wanted != skipped {
                let entries = Entries::of(self.features, grid, &rows, cone);
                self.table.write(entries.columns())?;
            }
        }
        Ok(())
    }
}

/// The entries of a grid that are not zero.
#[derive(Default)]
struct Entries<'a> {
    tau: Vec<i64>,
    grid: Vec<&'a str>,
    block: Vec<&'a str>,
    eta: Vec<i64>,
    phi: Vec<i64>,
    feature: Vec<&'a str>,
    index: Vec<i64>,
    value: Vec<f32>,
}

impl<'a> Entries<'a> {
    fn of(features: &'a FeatureTable, grid: &SparseGrid, rows: &[i64], cone: Cone) -> Self {
        // where each block stands in the first input that has it
        let mut places: Vec<(usize, usize, &str, Vec<&str>)> = Vec::new();
        for (input, (_, blocks)) in features.inputs.iter().enumerate() {
            let mut before = 0;
            for name in blocks {
                let names: Vec<&str> =
                    features.block(name).map(|b| b.enabled().map(|f| f.name.as_str()).collect()).unwrap_or_default();
                let width = names.len();
                if places.iter().all(|(_, _, known, _)| known != name) {
                    places.push((input, before, name, names));
                }
                before += width;
            }
        }
        let mut entries = Self::default();
        for (candidate, row) in rows.iter().enumerate() {
            for cell in grid.cells_of(candidate) {
                let Some(place) = grid.cells.get(cell) else { continue };
                for (input, before, block, names) in &places {
                    let values = grid.values(*input, cell).iter().skip(*before);
                    for (index, (name, value)) in names.iter().zip(values).enumerate().filter(|(_, (_, v))| **v != 0.0)
                    {
                        entries.tau.push(*row);
                        entries.grid.push(cone.name());
                        entries.block.push(block);
                        entries.eta.push(i64::from(place.eta));
                        entries.phi.push(i64::from(place.phi));
                        entries.feature.push(name);
                        entries.index.push(index as i64);
                        entries.value.push(*value);
                    }
                }
            }
        }
        entries
    }

    fn columns(self) -> Vec<ArrayRef> {
        let text = |values: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let int = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        vec![
            int(self.tau),
            text(self.grid),
            text(self.block),
            int(self.eta),
            int(self.phi),
            text(self.feature),
            int(self.index),
            Arc::new(Float32Array::from(self.value)),
        ]
    }
}
