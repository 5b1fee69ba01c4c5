//! `hgcal coarse-seed`: trigger cells to clusters through hot modules.

use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::output::{Table, floats, longs};
use super::problems;
use super::run::{CELLS, ResultTables};
use crate::chain::ChainOutput;
use crate::cluster::{ClusterBuffers, ClusterConfig, Clusterer};
use crate::coarse::{CoarseConfig, CoarseOutput, Module, run as run_event};
use crate::data::columns::{CS_MODULE_SUM, CS_MODULES};

/// Keys of `hgcal coarse-seed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoarseStageConfig {
    /// Regions and seeds.
    pub coarse: CoarseConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

impl Config for CoarseStageConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems(self.coarse.check());
        found.extend(problems(Clusterer::new(&self.cluster)));
        found
    }
}

/// Runs the coarse-seeding chain.
pub struct CoarseSeed;

impl Stage for CoarseSeed {
    type Config = CoarseStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal coarse-seed",
            about: "Make clusters from trigger cells through hot modules",
            long: "Sums a few trigger layers per module, takes the modules above threshold as regions, and looks for \
                   maxima over the hexagonal distance among their cells. Writes the regions, the seeds, the clusters \
                   and the seed of every clustered cell.",
            inputs: &[CELLS],
            output: OutputKind::Directory { doc: "modules, seeds, clusters and assignment" },
            flags: &[],
        }
    }

    fn outputs(&self, _config: &CoarseStageConfig, _inputs: &Inputs) -> Vec<String> {
        ["modules.parquet", "seeds.parquet", "clusters.parquet", "assignment.parquet"].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &CoarseStageConfig, run: &Run) -> Result<Report, StageError> {
        let clusterer = Clusterer::new(&config.cluster).usage_error("the configuration cannot work")?;
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let columns = CS_MODULES.iter().copied().chain([CS_MODULE_SUM]);
        let path = run.output("modules.parquet")?;
        let mut modules = Table::create(&path, "modules.parquet", columns, reader.has_samples())?;
        let mut tables = ResultTables::create(run, config.cluster.algorithm, reader.has_samples())?;
        let mut events = 0;
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let parts: Vec<crate::Result<CoarseOutput>> = (0..batch.len())
                .into_par_iter()
                .map_init(ClusterBuffers::default, |buffers, i| {
                    let event = batch.event.get(i).copied().unwrap_or_default();
                    run_event(&config.coarse, &clusterer, event, &batch.event_cells(i), buffers)
                })
                .collect();
            let (mut found, mut regions, mut offsets) = (ChainOutput::default(), Vec::new(), vec![0]);
            for part in parts {
                let part = part.input_error(input.clone())?;
                found.push(&part.seeds, &part.clusters, &part.assignment);
                regions.extend(part.modules.iter().copied().enumerate());
                offsets.push(regions.len());
            }
            let number = |f: fn(&Module) -> i32| longs(regions.iter().map(move |(_, m)| i64::from(f(m))));
            let ids = longs(regions.iter().map(|&(id, _)| id as i64));
            let sums = floats(&regions.iter().map(|(_, m)| f64::from(m.mip_pt)).collect::<Vec<_>>());
            modules.write(&batch, &offsets, [ids, number(|m| m.wu), number(|m| m.wv), sums])?;
            tables.write(&batch, &found)?;
            events += batch.len();
        }
        let provenance = run.embedded_provenance();
        let regions = modules.finish(&provenance)?;
        let [seeds, clusters, assigned] = tables.finish(&provenance)?;
        Ok(Report::new()
            .value("events", events)
            .value("regions", regions)
            .value("seeds", seeds)
            .value("clusters", clusters)
            .value("assigned_cells", assigned))
    }
}
