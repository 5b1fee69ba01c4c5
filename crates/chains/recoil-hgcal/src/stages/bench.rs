//! `hgcal bench`: time per event and step.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::problems;
use super::run::CELLS;
use crate::chain::{Chain, ChainConfig, StepTimes, Workspace};
use crate::cluster::ClusterConfig;
use crate::data::EventBatch;
use crate::fill::FillConfig;
use crate::seed::SeedConfig;
use crate::simulate::{SimulationConfig, Simulator};
use crate::smooth::SmoothConfig;

/// Keys of `hgcal bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BenchConfig {
    /// Number of times that the sample is run; the fastest counts.
    pub repeats: u32,
    /// Most events to take of the input.
    pub max_events: usize,
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

impl Default for BenchConfig {
    fn default() -> Self {
        let ChainConfig { fill, smooth, seed, cluster } = ChainConfig::default();
        Self { repeats: 7, max_events: 1000, fill, smooth, seed, cluster }
    }
}

impl BenchConfig {
    fn chain(&self) -> ChainConfig {
        ChainConfig {
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl Config for BenchConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems(Chain::new(&self.chain()));
        if self.repeats == 0 || self.max_events == 0 {
            found.push(Problem::new("repeats", "and `max_events` must be at least 1"));
        }
        found
    }
}

/// Times the chain.
pub struct Bench;

impl Stage for Bench {
    type Config = BenchConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal bench",
            about: "Time the steps of the chain on one thread",
            long: "Takes events into memory and runs the chain on them on one thread, several times; prints the \
                   milliseconds per event and step of the fastest run, by sample where the cells carry sample labels. \
                   Without an input it simulates photons, without and with 200 pile-up collisions.",
            inputs: &[InputRole { required: false, ..CELLS }],
            output: OutputKind::Nothing,
            flags: &[],
        }
    }

    fn run(&self, config: &BenchConfig, run: &Run) -> Result<Report, StageError> {
        let chain = Chain::new(&config.chain()).usage_error("the configuration cannot work")?;
        let (input, batches) = match run.inputs().optional(CELLS.role) {
            Some(file) => (file.spec(), read(&file.spec(), config.max_events)?),
            None => ("the simulated events".to_owned(), simulate(config, run)?),
        };
        let mut samples: Vec<&str> = batches.iter().flat_map(|b| b.sample.iter().map(String::as_str)).collect();
        samples.sort_unstable();
        samples.dedup();
        if samples.is_empty() {
            samples.push("");
        }
        let mut rows = Vec::new();
        for sample in samples {
            let own: Vec<(&EventBatch, usize)> = batches
                .iter()
                .flat_map(|b| (0..b.len()).map(move |i| (b, i)))
                .filter(|(b, i)| b.sample.get(*i).is_none_or(|s| s == sample))
                .take(config.max_events)
                .collect();
            let cells: usize = own.iter().map(|(b, i)| b.event_cells(*i).len()).sum();
            let times = fastest(&chain, &own, config.repeats, run).input_error(input.clone())?;
            let n = own.len().max(1) as f64;
            let per_event = |d: std::time::Duration| d.as_secs_f64() * 1e3 / n;
            rows.push(vec![
                sample.into(),
                own.len().into(),
                (cells as f64 / n).into(),
                per_event(times.fill).into(),
                per_event(times.smooth).into(),
                per_event(times.seed).into(),
                per_event(times.cluster).into(),
                per_event(times.total()).into(),
            ]);
        }
        let columns =
            ["sample", "events", "cells/event", "fill [ms]", "smooth [ms]", "seed [ms]", "cluster [ms]", "total [ms]"];
        Ok(Report::new().table("time per event", &columns, rows))
    }
}

/// Events of a file, at least `most` of them where it has so many.
fn read(input: &str, most: usize) -> Result<Vec<EventBatch>, StageError> {
    let mut reader = CellReader::open(input).input_error(format!("cannot read {input}"))?;
    let mut batches: Vec<EventBatch> = Vec::new();
    let mut events = 0;
    while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
        events += batch.len();
        batches.push(batch);
        if events >= most {
            break;
        }
    }
    Ok(batches)
}

/// Photons without and with pile-up, as the samples `pu0` and `pu200`.
fn simulate(config: &BenchConfig, run: &Run) -> Result<Vec<EventBatch>, StageError> {
    let mut batches = Vec::new();
    for (sample, pileup, most) in [("pu0", 0, 500), ("pu200", 200, 20)] {
        let simulation = SimulationConfig { pileup, ..SimulationConfig::default() };
        let simulator = Simulator::new(&simulation).usage_error("the events cannot be simulated")?;
        let events = most.min(config.max_events as u64);
        let mut batch = simulator.batch(run.seed(), 0..events).cells;
        batch.sample = vec![sample.to_owned(); batch.len()];
        batches.push(batch);
    }
    Ok(batches)
}

fn fastest(chain: &Chain, events: &[(&EventBatch, usize)], repeats: u32, run: &Run) -> crate::Result<StepTimes> {
    let mut workspace: Workspace = chain.workspace();
    let mut best: Option<StepTimes> = None;
    for _ in 0..repeats {
        let mut times = StepTimes::default();
        for &(batch, i) in events {
            let event = batch.event.get(i).copied().unwrap_or_default();
            chain.event_timed(event, &batch.event_cells(i), &mut workspace, &mut times)?;
        }
        if best.is_none_or(|b| times.total() < b.total()) {
            best = Some(times);
        }
        if run.check().is_err() {
            break;
        }
    }
    Ok(best.unwrap_or_default())
}
