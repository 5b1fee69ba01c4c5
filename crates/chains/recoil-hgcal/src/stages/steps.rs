//! `hgcal fill`, `smooth`, `seed` and `cluster`: the steps of the chain one by one, with their tables on file.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::grouped::Grouped;
use super::output::{Table, floats, ints, shorts};
use super::particles::{EventKey, key};
use super::run::{CELLS, ResultTables, seed_columns};
use super::{TABLES, problems};
use crate::chain::{Chain, ChainConfig, ChainOutput, endcaps};
use crate::cluster::{ClusterConfig, Clusterer};
use crate::data::columns::{HIST, SEEDS, SMOOTH, ZSIDE};
use crate::data::{ColumnDef, EventBatch};
use crate::fill::{Bin, Binning, Endcap, FillConfig, Histogram};
use crate::seed::{SeedConfig, SeedingSpace, Seeds, seed};
use crate::smooth::{SmoothBuffers, SmoothConfig, Smoother};

/// Trigger cells to the (R/z, phi) histogram.
pub struct Fill;

impl Config for FillConfig {
    fn check(&self) -> Vec<Problem> {
        problems(Binning::new(self))
    }
}

fn with_zside(columns: &'static [ColumnDef]) -> impl Iterator<Item = ColumnDef> {
    columns.iter().copied().chain([ZSIDE])
}

impl Stage for Fill {
    type Config = FillConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal fill",
            about: "Fill the (R/z, phi) histogram with trigger cells",
            long: "Writes the occupied bins of every event: sum of mipT and mipT-weighted mean position.",
            inputs: &[CELLS],
            output: OutputKind::File { doc: "the occupied bins", formats: &["parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &FillConfig, run: &Run) -> Result<Report, StageError> {
        let binning = Binning::new(config).usage_error("the configuration cannot work")?;
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut table = Table::create(&run.output_file()?, "the histogram", with_zside(HIST), reader.has_samples())?;
        let mut histogram = Histogram::new(&binning);
        let mut events = 0;
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let (mut bins, mut zsides, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
            for i in 0..batch.len() {
                let cells = batch.event_cells(i);
                for endcap in endcaps(&cells) {
                    histogram.fill(&binning, &cells, endcap);
                    bins.extend(histogram.iter());
                    zsides.resize(bins.len(), endcap.zside());
                }
                offsets.push(bins.len());
            }
            let column = |f: fn(&Bin) -> f64| floats(&bins.iter().map(f).collect::<Vec<_>>());
            let columns = [
                shorts(bins.iter().map(|b| b.rz as i16)),
                shorts(bins.iter().map(|b| b.phi as i16)),
                column(|b| b.mip_pt),
                column(|b| b.x),
                column(|b| b.y),
                ints(zsides),
            ];
            table.write(&batch, &offsets, columns)?;
            events += batch.len();
        }
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("events", events).value("bins", rows))
    }
}

/// The role of the histogram.
const HISTOGRAM: InputRole = InputRole::required("histogram", "the occupied bins, as `hgcal fill` writes them", TABLES);

/// Keys of `hgcal smooth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothStageConfig {
    /// The (R/z, phi) histogram; as it was filled.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
}

impl Config for SmoothStageConfig {
    fn check(&self) -> Vec<Problem> {
        problems(Binning::new(&self.fill).and_then(|binning| Smoother::new(&self.smooth, &binning)))
    }
}

/// The histogram to the smoothed one.
pub struct Smooth;

impl Stage for Smooth {
    type Config = SmoothStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal smooth",
            about: "Smooth the (R/z, phi) histogram",
            long: "Writes the bins that are not zero after smoothing along phi and along R/z.",
            inputs: &[HISTOGRAM],
            output: OutputKind::File { doc: "the smoothed bins", formats: &["parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &SmoothStageConfig, run: &Run) -> Result<Report, StageError> {
        let binning = Binning::new(&config.fill).usage_error("the configuration cannot work")?;
        let smoother = Smoother::new(&config.smooth, &binning).usage_error("the configuration cannot work")?;
        let input = run.inputs().one(HISTOGRAM.role)?.spec();
        let bins = Grouped::read(&input, HIST, &[ZSIDE]).input_error(format!("cannot read {input}"))?;
        let mut table = Table::create(&run.output_file()?, "the bins", with_zside(SMOOTH), bins.has_samples())?;
        let (mut histogram, mut buffers) = (Histogram::new(&binning), smoother.buffers());
        let (mut rz, mut phi, mut energy, mut zsides) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut offsets = vec![0];
        for key in &bins.keys {
            for endcap in [Endcap::Positive, Endcap::Negative] {
                if load(&bins, key, endcap, &mut histogram).input_error(input.clone())? {
                    smoother.smooth(&histogram, &mut buffers);
                    for (row, column, e) in buffers.iter() {
                        rz.push(row as i16);
                        phi.push(column as i16);
                        energy.push(e);
                        zsides.push(endcap.zside());
                    }
                }
            }
            offsets.push(energy.len());
        }
        table.write(&bins.events(), &offsets, [shorts(rz), shorts(phi), floats(&energy), ints(zsides)])?;
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("events", bins.keys.len()).value("bins", rows))
    }
}

/// Puts the bins of one endcap of an event into `histogram`; false if there is none.
fn load(bins: &Grouped, key: &EventKey, endcap: Endcap, histogram: &mut Histogram) -> Result<bool, crate::HgcalError> {
    let rows = of_endcap(bins, key, endcap);
    let number = |row: usize, i: usize| HIST.get(i).and_then(|c| bins.number(c, row)).unwrap_or(f64::NAN);
    histogram.load(rows.iter().map(|&row| Bin {
        rz: number(row, 1) as usize,
        phi: number(row, 2) as usize,
        mip_pt: number(row, 3),
        x: number(row, 4),
        y: number(row, 5),
    }))?;
    Ok(!rows.is_empty())
}

/// Rows of an event that belong to one endcap; tables without `zside` are of the positive one.
fn of_endcap(table: &Grouped, key: &EventKey, endcap: Endcap) -> Vec<usize> {
    let here = |row: &usize| table.number(&ZSIDE, *row).unwrap_or(1.0) == f64::from(endcap.zside());
    table.rows(key).iter().copied().filter(here).collect()
}

/// Keys of `hgcal seed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SeedStageConfig {
    /// The (R/z, phi) histogram; as it was filled.
    pub fill: FillConfig,
    /// The seeds.
    pub seed: SeedConfig,
}

impl Config for SeedStageConfig {
    fn check(&self) -> Vec<Problem> {
        problems(Binning::new(&self.fill).and_then(|binning| self.seed.check(&binning)))
    }
}

/// The smoothed histogram to seeds.
pub struct Seed;

const SMOOTHED: InputRole = InputRole::required("smoothed", "the smoothed bins, as `hgcal smooth` writes them", TABLES);

impl Stage for Seed {
    type Config = SeedStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal seed",
            about: "Find seeds in the smoothed histogram",
            long: "Energies come from the smoothed bins, positions from the histogram.",
            inputs: &[SMOOTHED, HISTOGRAM],
            output: OutputKind::File { doc: "the seeds", formats: &["parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &SeedStageConfig, run: &Run) -> Result<Report, StageError> {
        let binning = Binning::new(&config.fill).usage_error("the configuration cannot work")?;
        if config.seed.space != SeedingSpace::RPhi {
            let reason = "seed.space: the smoothed table is in (R/z, phi); `hgcal run` seeds in other spaces";
            return Err(StageError::usage(reason));
        }
        let (input, positions) = (run.inputs().one(SMOOTHED.role)?.spec(), run.inputs().one(HISTOGRAM.role)?.spec());
        let smooth = Grouped::read(&input, SMOOTH, &[ZSIDE]).input_error(format!("cannot read {input}"))?;
        let bins = Grouped::read(&positions, HIST, &[ZSIDE]).input_error(format!("cannot read {positions}"))?;
        let mut table = Table::create(&run.output_file()?, "the seeds", with_zside(SEEDS), smooth.has_samples())?;
        let mut histogram = Histogram::new(&binning);
        let mut buffers = SmoothBuffers::empty(&binning);
        let (mut seeds, mut offsets, mut scratch) = (Seeds::default(), vec![0], Vec::new());
        for key in &smooth.keys {
            for endcap in [Endcap::Positive, Endcap::Negative] {
                let rows = of_endcap(&smooth, key, endcap);
                load(&bins, key, endcap, &mut histogram).input_error(positions.clone())?;
                let number =
                    |row: usize, i: usize| SMOOTH.get(i).and_then(|c| smooth.number(c, row)).unwrap_or(f64::NAN);
                let values = rows.iter().map(|&r| (number(r, 1) as usize, number(r, 2) as usize, number(r, 3)));
                buffers.load(values).input_error(input.clone())?;
                seed(&config.seed, &binning, &histogram, &buffers, endcap, &mut scratch, &mut seeds);
            }
            offsets.push(seeds.len());
        }
        table.write(&smooth.events(), &offsets, seed_columns(&offsets, &seeds))?;
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("events", smooth.keys.len()).value("seeds", rows))
    }
}

/// Keys of `hgcal cluster`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterStageConfig {
    /// The (R/z, phi) histogram, whose range tells which cells take part.
    pub fill: FillConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

impl ClusterStageConfig {
    fn chain(&self) -> ChainConfig {
        // rows and columns may differ from the shipped smoothing, which plays no role here
        let smooth = SmoothConfig { bin_sums: vec![1; self.fill.rz_bins], ..SmoothConfig::default() };
        ChainConfig { fill: self.fill.clone(), smooth, cluster: self.cluster.clone(), ..ChainConfig::default() }
    }
}

impl Config for ClusterStageConfig {
    fn check(&self) -> Vec<Problem> {
        problems(Chain::new(&self.chain()).and_then(|_| Clusterer::new(&self.cluster)))
    }
}

/// Trigger cells and seeds to clusters.
pub struct Cluster;

const SEED_TABLE: InputRole = InputRole::required("seeds", "the seeds, as `hgcal seed` writes them", TABLES);

impl Stage for Cluster {
    type Config = ClusterStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal cluster",
            about: "Attach trigger cells to seeds",
            long: "Writes the clusters and the seed of every clustered cell.",
            inputs: &[CELLS, SEED_TABLE],
            output: OutputKind::Directory { doc: "clusters and assignment" },
            flags: &[],
        }
    }

    fn outputs(&self, _config: &ClusterStageConfig, _inputs: &Inputs) -> Vec<String> {
        ["clusters.parquet", "assignment.parquet"].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &ClusterStageConfig, run: &Run) -> Result<Report, StageError> {
        let chain = Chain::new(&config.chain()).usage_error("the configuration cannot work")?;
        let (input, seeds) = (run.inputs().one(CELLS.role)?.spec(), run.inputs().one(SEED_TABLE.role)?.spec());
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let table = Grouped::read(&seeds, SEEDS, &[ZSIDE]).input_error(format!("cannot read {seeds}"))?;
        let mut tables = ResultTables::create(run, config.cluster.algorithm, reader.has_samples())?;
        let mut workspace = chain.workspace();
        let mut events = 0;
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let mut found = ChainOutput::default();
            for i in 0..batch.len() {
                let own = seeds_of(&table, &batch, i);
                let event = batch.event.get(i).copied().unwrap_or_default();
                chain.cluster(event, &batch.event_cells(i), &own, &mut workspace).input_error(input.clone())?;
                found.push(&workspace.seeds, &workspace.clusters, &workspace.assignment);
            }
            tables.write(&batch, &found)?;
            events += batch.len();
        }
        let [_, clusters, assigned] = tables.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("events", events).value("clusters", clusters).value("assigned_cells", assigned))
    }
}

/// The seeds of event `i`, those of the positive endcap first.
fn seeds_of(table: &Grouped, events: &EventBatch, i: usize) -> Seeds {
    let (mut seeds, key) = (Seeds::default(), key(events, i));
    let number = |row: usize, i: usize| SEEDS.get(i).and_then(|c| table.number(c, row)).unwrap_or(f64::NAN);
    for endcap in [Endcap::Positive, Endcap::Negative] {
        for row in of_endcap(table, &key, endcap) {
            seeds.push(number(row, 2), number(row, 3), number(row, 4), endcap);
        }
    }
    seeds
}
