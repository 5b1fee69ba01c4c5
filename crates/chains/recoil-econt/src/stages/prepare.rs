//! `econt prepare`: wafers selected, sorted by links, shuffled, overlaid.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, UInt32Array};
use arrow_schema::Field;
use rand::seq::SliceRandom as _;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::Batch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::families::transposed;
use crate::data::calq::files;
use crate::data::columns::{CALQ, LAYER, WAFER_U, WAFER_V};
use crate::data::prepare::overlaid;
use crate::data::select::Selection;
use crate::data::{CalqReader, Wafer, WaferBatch};
use crate::emulator::allocation::{by_pile_up, by_signal};
use crate::error::{EcontError, Result};

/// How output links are given to modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// Not at all: one table.
    #[default]
    None,
    /// Where signal is, by layer.
    Signal,
    /// Where pile-up is, by module.
    PileUp,
}

/// Keys of `econt prepare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareConfig {
    /// How wafers are sorted by output links: `none`, `signal` (by layer) or `pile_up` (by module).
    pub allocation: Allocation,
    /// Numbers of output links to write a table for, with an allocation.
    pub links: Vec<usize>,
    /// Drop wafers without charge.
    pub drop_empty: bool,
    /// Keep only full modules, by the column ModType or else by place.
    pub full_modules: bool,
    /// Keep only wafers with simulated energy.
    pub with_sim_energy: bool,
    /// Keep only wafers with more than this share of their event's simulated energy; a usual value is 0.05.
    #[schemars(range(min = 0, max = 1))]
    pub min_sim_fraction: Option<f64>,
    /// Shuffle the wafers.
    pub shuffle: bool,
    /// Sum pairs of wafers for twice the pile-up; only charges remain.
    pub overlay: bool,
    /// Most rows to take of each table.
    pub rows_per_file: usize,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            allocation: Allocation::None,
            links: vec![2, 3, 4, 5],
            drop_empty: true,
            full_modules: false,
            with_sim_energy: false,
            min_sim_fraction: None,
            shuffle: true,
            overlay: false,
            rows_per_file: 500_000,
        }
    }
}

impl Config for PrepareConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.allocation != Allocation::None && self.links.is_empty() {
            found.push(Problem::new("links", "names no table to write"));
        }
        if self.links.iter().any(|&links| links > 13) {
            found.push(Problem::new("links", "can hold 0 to 13"));
        }
        if self.min_sim_fraction.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            found.push(Problem::new("min_sim_fraction", "must be between 0 and 1"));
        }
        found
    }
}

/// Selects and sorts wafers.
pub struct Prepare;

const CALQ_IN: InputRole =
    InputRole::required("calq", "calibrated charges, one row per wafer, or a folder of such tables", TABLES).many();

/// Name of the table for so many links.
fn name_of(links: usize) -> String {
    format!("nElinks_{links}/wafers.parquet")
}

impl Stage for Prepare {
    type Config = PrepareConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt prepare",
            about: "Select, sort by output links, shuffle or overlay wafers",
            long: "Reads tables of charges in any form and writes them as one, or as one table per number of output links \
                   (nElinks_N/wafers.parquet) by either allocation. Drops empty wafers, partial modules and wafers without \
                   signal as wanted; shuffles with the seed of the run.",
            inputs: &[CALQ_IN],
            output: OutputKind::Directory { doc: "the tables" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &PrepareConfig, _inputs: &Inputs) -> Vec<String> {
        match config.allocation {
            Allocation::None => vec!["wafers.parquet".to_owned()],
            Allocation::Signal | Allocation::PileUp => {
                let mut links = config.links.clone();
                links.sort_unstable();
                links.dedup();
                links.into_iter().map(name_of).collect()
            }
        }
    }

    fn run(&self, config: &PrepareConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let mut all: BTreeMap<String, Vec<Part>> =
            self.outputs(config, run.inputs()).into_iter().map(|name| (name, Vec::new())).collect();
        let (mut read, mut kept) = (0, 0);
        for input in run.inputs().all(CALQ_IN.role) {
            let spec = input.spec();
            let reading = || format!("cannot read {spec}");
            for file in files(&spec).input_error(reading())? {
                let mut reader = CalqReader::open(&file).input_error(reading())?;
                let names = reader.names().to_vec();
                let mut taken = 0;
                while let Some(batch) = reader.next_batch().input_error(reading())? {
                    run.check()?;
                    let rows = batch.charges.len().min(config.rows_per_file - taken);
                    taken += rows;
                    read += rows;
                    let sorted = sort(config, &batch, rows).input_error(reading())?;
                    for (links, rows) in sorted {
                        let name = links.map_or_else(|| "wafers.parquet".to_owned(), name_of);
                        if let Some(parts) = all.get_mut(&name) {
                            kept += rows.len();
                            parts.push(
                                Part::of(&batch.charges, &batch.batch, &names, rows, links).input_error(reading())?,
                            );
                        }
                    }
                    if taken >= config.rows_per_file {
                        break;
                    }
                }
            }
        }
        if read == 0 {
            let file = run.inputs().all(CALQ_IN.role).map(recoil_stage::InputFile::spec).collect::<Vec<_>>().join(", ");
            return Err(StageError::input(EcontError::Empty { file }.to_string()));
        }
        let mut rows = Vec::new();
        for (name, parts) in all {
            let count = write(config, run, &name, &parts)?;
            rows.push(vec![name.into(), count.into()]);
        }
        Ok(Report::new().value("read", read).value("kept", kept).table("tables", &["table", "wafers"], rows))
    }
}

/// Rows of one batch that belong to one table.
struct Part {
    charges: Vec<Wafer>,
    about: RecordBatch,
}

impl Part {
    fn of(wafers: &[Wafer], batch: &Batch, names: &[String], rows: Vec<u32>, links: Option<usize>) -> Result<Self> {
        let fault = |source| EcontError::Arrow { file: batch.file().to_string(), source };
        let charges = rows.iter().filter_map(|&row| wafers.get(row as usize).copied()).collect();
        let places: Vec<usize> = (0..batch.schema().fields().len())
            .filter(|&place| !names.contains(batch.schema().field(place).name()))
            .collect();
        let about = batch.records().project(&places).map_err(fault)?;
        let count = rows.len();
        let about = arrow_select::take::take_record_batch(&about, &UInt32Array::from(rows)).map_err(fault)?;
        let about = match links {
            None => about,
            Some(links) => {
                let field =
                    recoil_table::field("links", arrow_schema::DataType::Int32, "", "output links of the module");
                let mut fields: Vec<Field> = about.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
                let mut columns: Vec<ArrayRef> = about.columns().to_vec();
                fields.push(field);
                columns.push(Arc::new(Int32Array::from(vec![links as i32; count])));
                RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).map_err(fault)?
            }
        };
        Ok(Self { charges, about })
    }
}

/// The rows of a batch that stay, by number of links.
fn sort(config: &PrepareConfig, wafers: &WaferBatch, rows: usize) -> Result<BTreeMap<Option<usize>, Vec<u32>>> {
    let &PrepareConfig { full_modules, with_sim_energy, min_sim_fraction, rows_per_file, .. } = config;
    let selection = Selection { full_modules, with_sim_energy, min_sim_fraction, rows_per_file };
    let place = |name: &str| wafers.batch.scalar_as::<i32>(name);
    let places = match config.allocation {
        Allocation::PileUp => Some((place(LAYER.name)?, place(WAFER_U.name)?, place(WAFER_V.name)?)),
        _ => None,
    };
    let layers = if config.allocation == Allocation::Signal { Some(place(LAYER.name)?) } else { None };
    let mut sorted: BTreeMap<Option<usize>, Vec<u32>> = BTreeMap::new();
    for row in selection.rows(wafers, rows)? {
        if config.drop_empty && wafers.charges.get(row).is_none_or(|wafer| wafer.iter().all(|&charge| charge == 0)) {
            continue;
        }
        let links = match config.allocation {
            Allocation::None => None,
            Allocation::Signal => layers.as_ref().and_then(|all| all.get(row)).map(|&layer| by_signal(layer)),
            Allocation::PileUp => Some(places.as_ref().map_or(0, |(layer, u, v)| {
                let at = |column: &[i32]| column.get(row).copied().unwrap_or_default();
                by_pile_up(at(layer), at(u), at(v)).map_or(0, |module| module.links)
            })),
        };
        sorted.entry(links).or_default().push(row as u32);
    }
    Ok(sorted)
}

fn write(config: &PrepareConfig, run: &Run, name: &str, parts: &[Part]) -> std::result::Result<u64, StageError> {
    let path = run.output(name)?;
    let mut charges: Vec<Wafer> = parts.iter().flat_map(|part| part.charges.iter().copied()).collect();
    let schema = parts.first().map(|part| part.about.schema());
    let about = match &schema {
        Some(schema) => {
            let whole = arrow_select::concat::concat_batches(schema, parts.iter().map(|part| &part.about));
            Some(whole.input_error("the tables have different columns beside the charges")?)
        }
        None => None,
    };
    let mut order: Vec<u32> = (0..charges.len() as u32).collect();
    if config.shuffle {
        order.shuffle(&mut run.seed().named("shuffle").named(name).rng());
        charges = order.iter().filter_map(|&row| charges.get(row as usize).copied()).collect();
    }
    let (fields, columns) = match about {
        Some(about) if !config.overlay => {
            let taken = arrow_select::take::take_record_batch(&about, &UInt32Array::from(order));
            let taken = taken.internal_error("cannot reorder")?;
            (taken.schema().fields().iter().map(|f| f.as_ref().clone()).collect(), taken.columns().to_vec())
        }
        _ => (Vec::new(), Vec::new()),
    };
    if config.overlay {
        charges = overlaid(&charges);
    }
    let mut table = Table::create(&path, "the wafers", CALQ.fields().chain(fields))?;
    table.write(transposed(&charges).chain(columns))?;
    table.finish(&run.embedded_provenance())
}
