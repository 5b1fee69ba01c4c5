//! `hgcal run`: trigger cells to seeds, clusters and the cells of the clusters.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ArrayRef;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell_table::CellTable;
use super::cells::CellReader;
use super::front_end::{named_files, remark, report, set_up};
use super::output::{Table, floats, ints, longs};
use super::{TABLES, problems};
use crate::chain::{Chain, ChainConfig, ChainOutput};
use crate::cluster::{Assignment, ClusterAlgorithm, ClusterConfig, Clusters};
use crate::data::columns::{ASSIGNMENT, ASSIGNMENT_FRACTION, CLUSTERS, SEEDS, TC_INDEX, ZSIDE};
use crate::data::{ColumnDef, EventBatch};
use crate::fill::FillConfig;
use crate::front_end::{Compression, FrontEndConfig, Traffic};
use crate::seed::{SeedConfig, Seeds};
use crate::smooth::SmoothConfig;

impl Config for ChainConfig {
    fn check(&self) -> Vec<Problem> {
        problems(Chain::new(self))
    }
}

/// Keys of `hgcal run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The chips that compress the cells before; none by default.
    pub frontend: FrontEndConfig,
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

impl RunConfig {
    /// What follows the front end.
    pub fn chain(&self) -> ChainConfig {
        ChainConfig {
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Whether cells are compressed.
    pub fn compresses(&self) -> bool {
        self.frontend.algorithm != Compression::None
    }
}

impl Config for RunConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.frontend.problems("frontend.");
        found.extend(self.chain().check());
        found
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        named_files(&self.frontend)
    }
}

/// The role of trigger cells.
pub const CELLS: InputRole =
    InputRole::required("cells", "the trigger cells, one row per cell or one row per event", TABLES);

/// The cells behind a front end.
const ARRIVED: &str = "tcs.parquet";

/// Runs the whole chain.
pub struct RunChain;

impl Stage for RunChain {
    type Config = RunConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal run",
            about: "Make clusters from trigger cells",
            long: "Fills the (R/z, phi) histogram of every event, smooths it, takes its maxima as seeds and attaches the \
                   trigger cells around each seed. Reads recoil's tables, the skim and the CMSSW trigger ntuple. Writes \
                   the seeds, the clusters, and the seed of every clustered cell; cells that are absent there are \
                   unclustered. The two endcaps are processed separately, the seeds of the negative one come last. With \
                   `frontend.algorithm` the cells first pass through the emulated chips of their wafers; the cells that \
                   arrive are written too, and it is their rows that `tc_index` counts.",
            inputs: &[CELLS],
            output: OutputKind::Directory { doc: "seeds, clusters and assignment" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &RunConfig, _inputs: &Inputs) -> Vec<String> {
        let results = ["seeds.parquet", "clusters.parquet", "assignment.parquet"];
        results.into_iter().chain(config.compresses().then_some(ARRIVED)).map(str::to_owned).collect()
    }

    fn run(&self, config: &RunConfig, run: &Run) -> Result<Report, StageError> {
        let chain = Chain::new(&config.chain()).usage_error("the configuration cannot work")?;
        let front_end = set_up(&config.frontend, run)?;
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut tables = ResultTables::create(run, config.cluster.algorithm, reader.has_samples())?;
        let mut arrived = match config.compresses() {
            true => Some(CellTable::create(&run.output(ARRIVED)?, ARRIVED, &reader)?),
            false => None,
        };
        let unit = if reader.is_flat() { "cells" } else { "events" };
        let progress = run.progress("clustering", unit, reader.total_rows());
        let (mut events, mut cells, mut seedless, mut traffic) = (0, 0, 0, Traffic::default());
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let read = if reader.is_flat() { batch.cells.len() } else { batch.len() } as u64;
            cells += batch.cells.len();
            let batch = match &mut arrived {
                Some(table) => {
                    let (sent, own) = front_end.send(&batch).input_error(input.clone())?;
                    traffic += own;
                    table.write(&sent)?;
                    sent
                }
                None => batch,
            };
            let found = chain.run(&batch).input_error(input.clone())?;
            tables.write(&batch, &found)?;
            events += batch.len();
            seedless += found.seed_offsets.windows(2).filter(|pair| pair[0] == pair[1]).count();
            progress.add(read);
        }
        let rows = tables.finish(&run.embedded_provenance())?;
        let summary = Report::new()
            .value("events", events)
            .value("events_without_seeds", seedless)
            .value("trigger_cells", cells)
            .value("seeds", rows[0])
            .value("clusters", rows[1])
            .value("assigned_cells", rows[2]);
        let Some(table) = arrived else { return Ok(summary) };
        table.finish(&run.embedded_provenance())?;
        remark(&traffic, &input, run);
        Ok(report(summary, &traffic))
    }
}

/// The three tables that the chain makes.
pub struct ResultTables {
    seeds: Option<Table>,
    clusters: Table,
    assignment: Table,
    split: bool,
}

impl ResultTables {
    /// Creates those of `seeds.parquet`, `clusters.parquet` and `assignment.parquet` that the run declares.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(run: &Run, algorithm: ClusterAlgorithm, samples: bool) -> Result<Self, StageError> {
        let split = algorithm == ClusterAlgorithm::EnergySplit;
        let table = |name: &str, columns: Vec<ColumnDef>| Table::create(&run.output(name)?, name, columns, samples);
        let fraction = split.then_some(ASSIGNMENT_FRACTION);
        let assignment = ASSIGNMENT.iter().copied().chain([TC_INDEX]).chain(fraction).collect();
        let seeds = run
            .declares("seeds.parquet")
            .then(|| table("seeds.parquet", SEEDS.iter().copied().chain([ZSIDE]).collect()))
            .transpose()?;
        Ok(Self {
            seeds,
            clusters: table("clusters.parquet", CLUSTERS.to_vec())?,
            assignment: table("assignment.parquet", assignment)?,
            split,
        })
    }

    /// Appends the results of some events.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, events: &EventBatch, found: &ChainOutput) -> Result<(), StageError> {
        if let Some(table) = &mut self.seeds {
            table.write(events, &found.seed_offsets, seed_columns(&found.seed_offsets, &found.seeds))?;
        }
        self.clusters.write(events, &found.cluster_offsets, cluster_columns(&found.clusters))?;
        let columns = assignment_columns(events, &found.assignment_offsets, &found.assignment, self.split);
        self.assignment.write(events, &found.assignment_offsets, columns)
    }

    /// Completes the files; returns the rows of seeds, clusters and assignment.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<[u64; 3], StageError> {
        let seeds = self.seeds.map_or(Ok(0), |table| table.finish(provenance))?;
        Ok([seeds, self.clusters.finish(provenance)?, self.assignment.finish(provenance)?])
    }
}

/// Columns of [`SEEDS`] and [`ZSIDE`] after the event.
pub fn seed_columns(offsets: &[usize], seeds: &Seeds) -> Vec<ArrayRef> {
    let index = offsets.windows(2).flat_map(|pair| 0..(pair[1] - pair[0]) as i32);
    vec![ints(index), floats(&seeds.energy), floats(&seeds.x), floats(&seeds.y), ints(seeds.zside.iter().copied())]
}

/// Columns of [`CLUSTERS`] after the event.
pub fn cluster_columns(c: &Clusters) -> Vec<ArrayRef> {
    let numbers = [&c.energy, &c.pt, &c.x, &c.y, &c.z, &c.rz, &c.eta, &c.phi];
    std::iter::once(ints(c.seed.iter().map(|&s| s as i32))).chain(numbers.map(|v| floats(v))).collect()
}

/// Columns of [`ASSIGNMENT`], [`TC_INDEX`] and, with `split`, [`ASSIGNMENT_FRACTION`] after the event.
pub fn assignment_columns(events: &EventBatch, offsets: &[usize], a: &Assignment, split: bool) -> Vec<ArrayRef> {
    // rows of the cells in the batch
    let rows: Vec<usize> = offsets
        .windows(2)
        .enumerate()
        .flat_map(|(i, pair)| a.cell[pair[0]..pair[1]].iter().map(move |&cell| events.offsets[i] + cell as usize))
        .collect();
    let cells = &events.cells;
    let mut columns: Vec<ArrayRef> = vec![ints(a.seed.iter().map(|&s| s as i32))];
    for column in [&cells.wu, &cells.wv, &cells.cu, &cells.cv, &cells.layer] {
        columns.push(ints(rows.iter().map(|&row| column[row])));
    }
    columns.push(longs(a.cell.iter().map(|&cell| i64::from(cell))));
    if split {
        columns.push(Arc::new(arrow_array::Float64Array::from(a.fraction.clone())));
    }
    columns
}
