//! `hgcal optimize-phi`: moving cells between azimuthal bins against split showers, and what it does to the chain.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_stats::quantile::effective_sigma;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::geometry::read_geometry;
use super::output::{Table, floats, ints, longs};
use super::particles::{particles_of, read_particles};
use super::{TABLES, problems, problems_in};
use crate::chain::{Chain, ChainConfig, ChainOutput};
use crate::data::primitives::{MOVED_CELLS, PHI_SCAN, PHI_SCAN_CHAIN};
use crate::data::{EventBatch, GenBatch};
use crate::geometry::{CellMap, Cells, GeometryConfig};
use crate::phi_optimization::{PhiOptimization, PhiOptimizationConfig, PhiTable, check_ipar, scan};

/// Keys of `hgcal optimize-phi`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizePhiConfig {
    /// Values of the parameter: 0 flattens the bins completely, 1 moves nothing.
    pub ipar: Vec<f64>,
    /// The optimisation.
    pub optimization: PhiOptimizationConfig,
    /// The detector whose cells are moved.
    pub geometry: GeometryConfig,
    /// The chain that is run on given events.
    pub chain: ChainConfig,
}

impl Default for OptimizePhiConfig {
    fn default() -> Self {
        Self {
            ipar: (0..=10).map(|i| f64::from(i) / 10.0).collect(),
            optimization: PhiOptimizationConfig::default(),
            geometry: GeometryConfig::default(),
            chain: ChainConfig::default(),
        }
    }
}

impl Config for OptimizePhiConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems_in("optimization", self.optimization.check());
        for &ipar in &self.ipar {
            found.extend(problems(check_ipar(ipar)));
        }
        for part in [self.geometry.check(), self.chain.check()] {
            found.extend(part);
        }
        found
    }
}

const CELLS_ROLE: InputRole = InputRole::optional("cells", "trigger cells to run the chain on", TABLES);
const PARTICLES_ROLE: InputRole =
    InputRole::optional("particles", "the generated particles of the same events", TABLES);

const GEOMETRY_ROLE: InputRole =
    InputRole::optional("geometry", "cells to move, as the CMSSW geometry tester writes them", TABLES);

/// Optimises and scans.
pub struct OptimizePhi;

impl Stage for OptimizePhi {
    type Config = OptimizePhiConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal optimize-phi",
            about: "Move cells between azimuthal bins so that fewer showers split",
            long: "Moves single cells over bin borders until the number of cells per bin is smooth, for several values of the \
                   parameter in parallel. Writes the moved cells and how far they moved. With cells and particles, the chain \
                   runs with the new azimuths, and the scan tells how many showers split and the energy response. \
                   The cells are those of the model detector, or those of the tree of the CMSSW geometry tester.",
            inputs: &[CELLS_ROLE, PARTICLES_ROLE, GEOMETRY_ROLE],
            output: OutputKind::Directory { doc: "the moved cells and the scan" },
            flags: &[],
        }
    }

    fn outputs(&self, _config: &OptimizePhiConfig, _inputs: &Inputs) -> Vec<String> {
        ["moved.parquet", "scan.parquet"].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &OptimizePhiConfig, run: &Run) -> Result<Report, StageError> {
        let detector = match run.inputs().optional(GEOMETRY_ROLE.role) {
            Some(geometry) => Cells::from_table(&read_geometry(&geometry.spec())?),
            None => CellMap::new(&config.geometry).cells,
        };
        let results = scan(&detector, &config.optimization, &config.ipar, run.seed())
            .usage_error("the configuration cannot work")?;
        write_moved(run, &detector, &results)?;
        let chain = match (run.inputs().optional(CELLS_ROLE.role), run.inputs().optional(PARTICLES_ROLE.role)) {
            (Some(cells), Some(particles)) => {
                Some(run_chain(run, config, &detector, &results, &cells.spec(), &particles.spec())?)
            }
            (None, None) => None,
            _ => return Err(StageError::usage("cells and particles are needed together")),
        };
        write_scan(run, &results, chain.as_deref())?;
        let mut rows = Vec::new();
        for (k, result) in results.iter().enumerate() {
            let s = &result.statistics;
            let split = chain.as_ref().and_then(|c| c.get(k)).map(Counts::split_fraction);
            rows.push(vec![result.ipar.into(), s.moved_fraction().into(), s.mean_arc_cm.into(), split.into()]);
        }
        Ok(Report::new().value("cells", results.first().map_or(0, |r| r.statistics.cells)).table(
            "scan",
            &["ipar", "moved_fraction", "mean_arc [cm]", "split_fraction"],
            rows,
        ))
    }
}

/// What the chain found with one value of the parameter.
#[derive(Clone, Debug, Default)]
struct Counts {
    events: u64,
    seeded: u64,
    split: u64,
    found: u64,
    responses: Vec<f64>,
}

impl Counts {
    fn add(&mut self, output: &ChainOutput, particles: &GenBatch) {
        for i in 0..output.events() {
            self.events += 1;
            self.seeded += u64::from(!ChainOutput::rows(&output.seed_offsets, i).is_empty());
            let (clusters, gen_particles) =
                (ChainOutput::rows(&output.cluster_offsets, i), particles.event_particles(i));
            for side in [1.0, -1.0] {
                let energies: Vec<f64> = clusters
                    .clone()
                    .filter(|&c| output.clusters.eta.get(c).is_some_and(|eta| eta * side > 0.0))
                    .filter_map(|c| output.clusters.energy.get(c).copied())
                    .collect();
                let own: Vec<f64> = gen_particles
                    .eta
                    .iter()
                    .zip(gen_particles.energy)
                    .filter(|(eta, _)| *eta * side > 0.0)
                    .map(|(_, &energy)| energy)
                    .collect();
                let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
                if !energies.is_empty() && !own.is_empty() {
                    self.found += 1;
                    self.split += u64::from(energies.len() > own.len());
                    self.responses.push(largest(&energies) / largest(&own));
                }
            }
        }
    }

    fn split_fraction(&self) -> f64 {
        if self.found == 0 { 0.0 } else { self.split as f64 / self.found as f64 }
    }

    fn response(&self) -> f64 {
        if self.responses.is_empty() { 0.0 } else { self.responses.iter().sum::<f64>() / self.responses.len() as f64 }
    }
}

fn run_chain(
    run: &Run,
    config: &OptimizePhiConfig,
    detector: &Cells,
    results: &[PhiOptimization],
    cells: &str,
    particles: &str,
) -> Result<Vec<Counts>, StageError> {
    let chain = Chain::new(&config.chain).usage_error("the configuration cannot work")?;
    let tables: Vec<PhiTable> = results.iter().map(|result| PhiTable::new(detector, result)).collect();
    let particles = read_particles(particles).input_error(format!("cannot read {particles}"))?;
    let mut reader = CellReader::open(cells).input_error(format!("cannot read {cells}"))?;
    let mut counts = vec![Counts::default(); results.len()];
    let progress = run.progress("clustering", "rows", reader.total_rows());
    while let Some(batch) = reader.next_events().input_error(format!("cannot read {cells}"))? {
        let truth = particles_of(&particles, &batch);
        for (table, counts) in tables.iter().zip(&mut counts) {
            run.check()?;
            let mut moved: EventBatch = batch.clone();
            table.apply(&mut moved.cells);
            counts.add(&chain.run(&moved).input_error(cells.to_owned())?, &truth);
        }
        progress.add(if reader.is_flat() { batch.cells.len() } else { batch.len() } as u64);
    }
    Ok(counts)
}

fn write_moved(run: &Run, cells: &Cells, results: &[PhiOptimization]) -> Result<(), StageError> {
    let path = run.output("moved.parquet")?;
    let mut table = Table::create_plain(&path, "moved.parquet", MOVED_CELLS.iter().copied())?;
    for result in results {
        let rows = &result.moved;
        let pick = |column: &[i32]| ints(rows.iter().filter_map(|&i| column.get(i).copied()).collect::<Vec<_>>());
        let real = |column: &[f64]| floats(&rows.iter().filter_map(|&i| column.get(i).copied()).collect::<Vec<_>>());
        table.write_plain([
            floats(&vec![result.ipar; rows.len()]),
            pick(&cells.layer),
            pick(&cells.wu),
            pick(&cells.wv),
            pick(&cells.cu),
            pick(&cells.cv),
            real(&cells.phi),
            real(&result.phi),
        ])?;
    }
    table.finish(&run.embedded_provenance())?;
    Ok(())
}

fn write_scan(run: &Run, results: &[PhiOptimization], chain: Option<&[Counts]>) -> Result<(), StageError> {
    let real = |f: fn(&PhiOptimization) -> f64| floats(&results.iter().map(f).collect::<Vec<_>>());
    let whole = |f: fn(&PhiOptimization) -> usize| longs(results.iter().map(|r| f(r) as i64).collect::<Vec<_>>());
    let mut columns = vec![
        real(|r| r.ipar),
        whole(|r| r.statistics.cells),
        real(|r| r.statistics.moved_fraction()),
        real(|r| r.statistics.mean_arc_cm),
        real(|r| r.statistics.max_arc_cm),
        real(|r| r.statistics.mean_distance_cm),
        real(|r| r.statistics.roughness_before),
        real(|r| r.statistics.roughness_after),
        whole(|r| r.statistics.sweeps),
        whole(|r| r.statistics.rows_not_settled),
    ];
    let mut definitions = PHI_SCAN.to_vec();
    if let Some(counts) = chain {
        definitions.extend_from_slice(PHI_SCAN_CHAIN);
        let whole = |f: fn(&Counts) -> u64| longs(counts.iter().map(|c| f(c) as i64).collect::<Vec<_>>());
        let real = |f: fn(&Counts) -> f64| floats(&counts.iter().map(f).collect::<Vec<_>>());
        columns.extend([
            whole(|c| c.events),
            whole(|c| c.seeded),
            whole(|c| c.split),
            real(Counts::split_fraction),
            real(Counts::response),
            real(|c| effective_sigma(&c.responses).unwrap_or(0.0)),
        ]);
    }
    let mut table = Table::create_plain(&run.output("scan.parquet")?, "scan.parquet", definitions)?;
    table.write_plain(columns)?;
    table.finish(&run.embedded_provenance())?;
    Ok(())
}
