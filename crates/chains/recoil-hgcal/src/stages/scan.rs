//! `hgcal scan`: the chain at many points of its configuration.

mod figures;
mod front_ends;
mod points;
mod table;

use std::path::PathBuf;

use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::TABLES;
use super::cells::CellReader;
use super::front_end::{named_files, remark};
use super::particles::{key, particles_of, read_particles};
use super::run::CELLS;
use crate::chain::ChainConfig;
use crate::cluster::ClusterConfig;
use crate::error::HgcalError;
use crate::fill::FillConfig;
use crate::front_end::{FrontEndConfig, Traffic};
use crate::scan::{Scan, ScanResult};
use crate::seed::SeedConfig;
use crate::smooth::SmoothConfig;
use crate::validate::ValidateConfig;
pub use front_ends::{FrontEnds, OneOrMore};
use points::{Axes, Grid};

const PARTICLES: InputRole =
    InputRole::optional("gen", "the generated particles, for efficiencies and responses", TABLES);

/// Keys of `hgcal scan`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScanConfig {
    /// The values of each key that is scanned, all combinations of them. On the command line
    /// `scan.seed.window=1,2,3` (a list) or `scan.cluster.radius=0.01:0.05:5` (first, last, number of values); in files
    /// also `seed.window: [1, 2, 3]` and `cluster.radius: {from: 0.01, to: 0.05, steps: 5}`.
    pub scan: Axes,
    /// The chips that compress the cells before; several algorithms and numbers of links are compared.
    pub frontend: FrontEnds,
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
    /// The comparison with particles.
    pub validate: ValidateConfig,
}

/// What a point of the scan configures: everything but the scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PointConfig {
    frontend: FrontEndConfig,
    fill: FillConfig,
    smooth: SmoothConfig,
    seed: SeedConfig,
    cluster: ClusterConfig,
    validate: ValidateConfig,
}

impl PointConfig {
    fn chain(&self) -> ChainConfig {
        ChainConfig {
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl Config for PointConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.frontend.problems("frontend.");
        found.extend(self.chain().check());
        let own = self.validate.check().into_iter();
        found.extend(own.map(|problem| Problem::new(format!("validate.{}", problem.key), problem.message)));
        found
    }
}

impl ScanConfig {
    fn base(&self) -> PointConfig {
        PointConfig {
            frontend: self.frontend.first(),
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
            validate: self.validate.clone(),
        }
    }
}

impl Config for ScanConfig {
    fn check(&self) -> Vec<Problem> {
        let found = self.base().check();
        if !found.is_empty() {
            return found;
        }
        Grid::new(self).err().into_iter().collect()
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        let points = Grid::new(self).map(|grid| grid.points).unwrap_or_default();
        let mut files: Vec<(String, PathBuf)> = Vec::new();
        for file in points.iter().flat_map(|point| named_files(&point.frontend)) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// Runs the chain at many points of its configuration.
pub struct ScanStage;

impl Stage for ScanStage {
    type Config = ScanConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal scan",
            about: "Study the chain against its parameters",
            long: "Runs the chain at all combinations of the values given for the keys under `scan`, such as \
                   `scan.seed.window=1,2,3 scan.smooth.kernel=default,flat_top` or `scan.cluster.radius=0.01:0.05:5`. \
                   Steps that do not depend on a key are not repeated for its values. Writes one row per point: the \
                   values, seeds and clusters per event and, with particles, efficiency and splitting fraction (68 % \
                   Clopper-Pearson intervals) and the responses; and a figure of each quantity against the first key \
                   that is a number, with one series per value of the other keys. \
                   `frontend.algorithm=none,threshold,best_choice frontend.links=2,3,4,5` compares compressions of the \
                   cells on the same events, and tells the bits that are sent and the energy that arrives.",
            inputs: &[CELLS, PARTICLES],
            output: OutputKind::Directory { doc: "one row per point, and figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &ScanConfig, inputs: &Inputs) -> Vec<String> {
        let front_end = Grid::new(config).is_ok_and(|grid| grid.has_front_end());
        let names = figures::names(inputs.optional(PARTICLES.role).is_some(), front_end);
        let files = names.flat_map(|name| pictures(&format!("scan_{name}")));
        TABLE_FILES.into_iter().map(str::to_owned).chain(files).collect()
    }

    fn run(&self, config: &ScanConfig, run: &Run) -> Result<Report, StageError> {
        let grid = Grid::new(config).map_err(|p| StageError::usage(format!("{} {}", p.key, p.message)))?;
        if grid.keys.is_empty() {
            return Err(StageError::usage(
                "there is nothing to scan: give values for a key, as in scan.seed.window=1,2,3",
            ));
        }
        let mut scan = match Scan::new(&grid.points) {
            Err(error @ HgcalError::FrontEndSetUp(_)) => Err(error).input_error("cannot scan")?,
            other => other.usage_error("the configuration cannot work")?,
        };
        scan.warnings().into_iter().for_each(|warning| run.warn("front_end", warning));
        let cells = run.inputs().one(CELLS.role)?.spec();
        let truth = run.inputs().optional(PARTICLES.role).map(|file| file.spec());
        let mut left = match &truth {
            Some(truth) => read_particles(truth).input_error(format!("cannot read {truth}"))?,
            None => Default::default(),
        };
        let mut reader = CellReader::open(&cells).input_error(format!("cannot read {cells}"))?;
        let unit = if reader.is_flat() { "cells" } else { "events" };
        let progress = run.progress("scanning", unit, reader.total_rows());
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {cells}"))? {
            run.check()?;
            let particles = particles_of(&left, &batch);
            scan.add(&batch, &particles).input_error(cells.clone())?;
            for i in 0..batch.len() {
                left.remove(&key(&batch, i));
            }
            progress.add(if reader.is_flat() { batch.cells.len() } else { batch.len() } as u64);
        }
        for particles in left.values() {
            scan.add_missed(&particles.slice(0..particles.len()));
        }
        let results = scan.results().internal_error("cannot sum up")?;
        let provenance = run.embedded_provenance();
        let sent = results.iter().map(|result| &result.traffic).find(|traffic| traffic.link_bits > 0);
        if grid.has_front_end() && sent.is_none() {
            remark(&Traffic { cells_passed: 1, ..Traffic::default() }, &cells, run);
        }
        let tables = TABLE_FILES.iter().map(|name| run.output(name)).collect::<Result<Vec<PathBuf>, _>>()?;
        table::write(&tables, &grid, &results, &provenance)?;
        for (name, figure) in figures::draw(&grid, &results, truth.is_some()) {
            recoil_outputs::figures(run, pictures(&format!("scan_{name}")), figure)?;
        }
        Ok(report(&grid, &scan, &results))
    }
}

/// The tables of the points.
const TABLE_FILES: [&str; 2] = ["scan.parquet", "scan.csv"];

fn report(grid: &Grid, scan: &Scan, results: &[ScanResult]) -> Report {
    let counts = scan.counts();
    let front_end = grid.has_front_end();
    let row = |(values, r): (&Vec<Json>, &ScanResult)| {
        let sent = front_end.then(|| [r.traffic.bits_per_wafer(), r.traffic.pt_kept()]);
        let numbers = [
            r.seeds,
            r.clusters,
            r.splitting.value,
            r.efficiency.value,
            r.energy.mean,
            r.energy.median,
            r.energy.effective,
            r.energy.resolution(),
            r.energy.rms,
        ];
        values.iter().cloned().chain(sent.into_iter().flatten().chain(numbers).map(Json::from)).collect()
    };
    let sent = front_end.then_some(["bits/wafer", "energy kept"]);
    let names = [
        "seeds/event",
        "clusters/event",
        "splitting",
        "efficiency",
        "mean",
        "median",
        "effective",
        "resolution",
        "rms",
    ];
    let columns: Vec<&str> =
        grid.keys.iter().map(String::as_str).chain(sent.into_iter().flatten()).chain(names).collect();
    Report::new()
        .value("points", results.len())
        .value("events", results.first().map_or(0, |r| r.events))
        .value("particles", results.first().map_or(0, |r| r.particles))
        .value("front_end_runs", counts.front_end)
        .value("fill_runs", counts.fill)
        .value("smooth_runs", counts.smooth)
        .value("seed_runs", counts.seed)
        .value("cluster_runs", counts.cluster)
        .table("points", &columns, grid.values.iter().zip(results).map(row).collect())
}
