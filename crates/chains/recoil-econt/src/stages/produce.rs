//! `econt produce`: charges of wafers from the trigger cells of events.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, StringArray};
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{Address, Batch, BatchReader, Number, ReadOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::families::transposed;
use crate::data::columns::{self, CALQ};
use crate::emulator::allocation::by_pile_up;
use crate::emulator::registers::Density;
use crate::error::{EcontError, Result};
use crate::front_end::{EventCells, EventWafer, wafers_of};
use crate::wafer::POST_MUX;

/// Keys of `econt produce`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProduceConfig {
    /// Layers to take; empty takes all.
    pub layers: Vec<i32>,
    /// Sub-detectors to take, 1 (CE-E) or 2 (CE-H silicon); empty takes both.
    pub subdets: Vec<i32>,
    /// Number added to the event number of wafers at negative z, as former producers do (5000); 0 adds none.
    pub negative_z_offset: i64,
    /// Number added to all event numbers, as former producers do for each job (10000 times the job).
    pub entry_offset: i64,
    /// Whether charges are written in the order behind the multiplexer, not by trigger-cell number.
    pub mux_order: bool,
}

impl Config for ProduceConfig {
    fn check(&self) -> Vec<Problem> {
        let wrong = self.subdets.iter().any(|subdet| !matches!(subdet, 1 | 2));
        if wrong { vec![Problem::new("subdets", "can hold 1 and 2")] } else { Vec::new() }
    }
}

/// Makes charges.
pub struct Produce;

const CELLS_IN: InputRole = InputRole::required(
    "cells",
    "trigger cells: the trigger ntuple with one row per event, or a table with one row per cell",
    TABLES,
);

impl Stage for Produce {
    type Config = ProduceConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt produce",
            about: "Make charges of wafers from the trigger cells of events",
            long: "Groups trigger cells by endcap, layer and wafer and writes one row per wafer with signal: 48 charges \
                   (transverse energy in MIP times 35, rounded), the event, the place, and the simulated energy where the \
                   cells have it. Rows of one event must stand together.",
            inputs: &[CELLS_IN],
            output: OutputKind::File { doc: "one row per wafer", formats: &["parquet", "csv"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ProduceConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(CELLS_IN.role)?.spec();
        let reading = || format!("cannot read {input}");
        let mut reader = Cells::open(&input).input_error(reading())?;
        let mut writer = Writer::create(config, run)?;
        let progress = run.progress("producing", "rows", reader.reader.total_rows());
        while let Some((cells, rows)) = reader.next_events().input_error(reading())? {
            run.check()?;
            for event in &cells {
                writer.add(event).input_error(reading())?;
            }
            writer.flush()?;
            progress.add(rows);
        }
        writer.finish(run)
    }
}

/// The cells of one event, owned.
#[derive(Clone, Debug, Default)]
struct Event {
    number: i64,
    ints: [Vec<i32>; 5],
    z: Vec<f32>,
    mip_pt: Vec<f32>,
    eta: Vec<f32>,
    subdet: Option<Vec<i32>>,
    sim_energy: Option<Vec<f32>>,
}

/// Names that a quantity has in tables of cells and in the ntuple.
const INTS: [[&str; 2]; 5] = [
    ["tc_layer", "tc_layer"],
    ["tc_wu", "tc_waferu"],
    ["tc_wv", "tc_waferv"],
    ["tc_cu", "tc_cellu"],
    ["tc_cv", "tc_cellv"],
];
const FLOATS: [&str; 3] = ["tc_z", "tc_mipPt", "tc_eta"];
const SUBDET: &str = "tc_subdet";
const SIM_ENERGY: &str = "tc_simenergy";

/// Reads events from either layout.
struct Cells {
    reader: Box<dyn BatchReader>,
    ints: [&'static str; 5],
    flat: bool,
    subdet: bool,
    sim_energy: bool,
    open: Option<Event>,
    done: bool,
}

impl Cells {
    fn open(text: &str) -> Result<Self> {
        let mut address = Address::parse(text)?;
        if address.format == recoil_table::Format::Root && address.member.is_none() {
            let trees = recoil_table::contents(&address.path)?.into_iter().map(|object| object.name);
            let mut trees: Vec<String> = trees.filter(|name| name.ends_with("HGCalTriggerNtuple")).collect();
            trees.dedup();
            if let [only] = trees.as_slice() {
                address.member = Some(only.clone());
            }
        }
        let schema = recoil_table::open_at(&address, &ReadOptions::default())?.schema();
        let has = |name: &str| schema.column_with_name(name).is_some();
        let ints = INTS.map(|[own, ntuple]| if has(own) { own } else { ntuple });
        let (subdet, sim_energy) = (has(SUBDET), has(SIM_ENERGY));
        let optional = [(subdet, SUBDET), (sim_energy, SIM_ENERGY)].into_iter().filter(|(there, _)| *there);
        let names = ["event"].into_iter().chain(ints).chain(FLOATS).chain(optional.map(|(_, name)| name));
        let reader = recoil_table::open_at(&address, &ReadOptions::default().columns(names))?;
        let flat = reader.schema().field_with_name(ints[0]).is_ok_and(|field| !field.data_type().is_list());
        Ok(Self { reader, ints, flat, subdet, sim_energy, open: None, done: false })
    }

    /// Whole events and the number of rows read for them.
    fn next_events(&mut self) -> Result<Option<(Vec<Event>, u64)>> {
        while !self.done {
            let Some(batch) = self.reader.next_batch()? else {
                self.done = true;
                return Ok(self.open.take().map(|event| (vec![event], 0)));
            };
            let rows = batch.rows() as u64;
            let events = if self.flat { self.rows(&batch)? } else { self.lists(&batch)? };
            if !events.is_empty() {
                return Ok(Some((events, rows)));
            }
        }
        Ok(None)
    }

    fn rows(&mut self, batch: &Batch) -> Result<Vec<Event>> {
        let numbers = batch.scalar_as::<i64>("event")?;
        let columns = Columns::new(
            self,
            |name| Ok((batch.scalar_as::<i32>(name)?, None)),
            |name| Ok((batch.scalar_as::<f32>(name)?, None)),
        )?;
        let mut finished = Vec::new();
        let mut start = 0;
        for end in 1..=numbers.len() {
            if end < numbers.len() && numbers[end] == numbers[start] {
                continue;
            }
            let number = numbers[start];
            if self.open.as_ref().is_some_and(|open| open.number != number) {
                finished.extend(self.open.take());
            }
            let open = self.open.get_or_insert_with(|| Event { number, ..Event::default() });
            columns.append(start..end, open);
            start = end;
        }
        Ok(finished)
    }

    fn lists(&self, batch: &Batch) -> Result<Vec<Event>> {
        let mut lists: Vec<&str> = self.ints.iter().copied().chain(FLOATS).collect();
        lists.extend(self.subdet.then_some(SUBDET).into_iter().chain(self.sim_energy.then_some(SIM_ENERGY)));
        batch.require_same_lengths(&lists)?;
        let numbers = batch.scalar_as::<i64>("event")?;
        let columns = Columns::new(
            self,
            |name| {
                batch
                    .list_as::<i32>(name)
                    .map(|list| (list.values, Some(list.offsets.into_owned())))
                    .map_err(Into::into)
            },
            |name| {
                batch
                    .list_as::<f32>(name)
                    .map(|list| (list.values, Some(list.offsets.into_owned())))
                    .map_err(Into::into)
            },
        )?;
        let offset = |i: usize| columns.offsets.get(i).map_or(0, |&offset| offset as usize);
        let event = |(i, &number): (usize, &i64)| {
            let mut event = Event { number, ..Event::default() };
            columns.append(offset(i)..offset(i + 1), &mut event);
            event
        };
        Ok(numbers.iter().enumerate().map(event).collect())
    }
}

type Read<'a, T> = (Cow<'a, [T]>, Option<Vec<i32>>);

struct Columns<'a> {
    ints: Vec<Cow<'a, [i32]>>,
    floats: Vec<Cow<'a, [f32]>>,
    subdet: Option<Cow<'a, [i32]>>,
    sim_energy: Option<Cow<'a, [f32]>>,
    offsets: Vec<i32>,
}

impl<'a> Columns<'a> {
    fn new(
        cells: &Cells,
        int: impl Fn(&str) -> Result<Read<'a, i32>>,
        float: impl Fn(&str) -> Result<Read<'a, f32>>,
    ) -> Result<Self> {
        let ints = cells.ints.iter().map(|name| int(name)).collect::<Result<Vec<_>>>()?;
        let floats = FLOATS.iter().map(|name| Ok(float(name)?.0)).collect::<Result<Vec<_>>>()?;
        let offsets = ints.first().and_then(|(_, offsets)| offsets.clone()).unwrap_or_default();
        Ok(Self {
            ints: ints.into_iter().map(|(values, _)| values).collect(),
            floats,
            subdet: if cells.subdet { Some(int(SUBDET)?.0) } else { None },
            sim_energy: if cells.sim_energy { Some(float(SIM_ENERGY)?.0) } else { None },
            offsets,
        })
    }

    fn append(&self, rows: std::ops::Range<usize>, event: &mut Event) {
        fn extend<T: Number>(from: &[T], rows: &std::ops::Range<usize>, to: &mut Vec<T>) {
            to.extend_from_slice(from.get(rows.clone()).unwrap_or_default());
        }
        event.ints.iter_mut().zip(&self.ints).for_each(|(to, from)| extend(from, &rows, to));
        let floats = [&mut event.z, &mut event.mip_pt, &mut event.eta];
        floats.into_iter().zip(&self.floats).for_each(|(to, from)| extend(from, &rows, to));
        if let Some(from) = &self.subdet {
            extend(from, &rows, event.subdet.get_or_insert_default());
        }
        if let Some(from) = &self.sim_energy {
            extend(from, &rows, event.sim_energy.get_or_insert_default());
        }
    }
}

/// Rows about to be written.
#[derive(Default)]
struct Rows {
    wafers: Vec<EventWafer>,
    entry: Vec<i64>,
    subdet: Vec<i32>,
    sim: Vec<f64>,
    event_sim: Vec<f64>,
}

struct Writer<'a> {
    config: &'a ProduceConfig,
    table: Table,
    rows: Rows,
    events: u64,
}

impl<'a> Writer<'a> {
    fn create(config: &'a ProduceConfig, run: &Run) -> std::result::Result<Self, StageError> {
        let fields = CALQ.fields().chain(columns::ABOUT_WAFER.iter().map(columns::ColumnDef::field));
        let table = Table::create(&run.output_file()?, "the wafers", fields)?;
        Ok(Self { config, table, rows: Rows::default(), events: 0 })
    }

    fn add(&mut self, event: &Event) -> Result<()> {
        let [layer, wafer_u, wafer_v, cell_u, cell_v] = &event.ints;
        let (z, eta, mip_pt) = (&event.z, &event.eta, &event.mip_pt);
        let cells = EventCells { layer, wafer_u, wafer_v, cell_u, cell_v, z, eta, mip_pt };
        let sim_of = |row: u32| -> f64 {
            event.sim_energy.as_ref().and_then(|all| all.get(row as usize).copied()).map_or(0.0, f64::from)
        };
        let event_sim = event.sim_energy.as_ref().map_or(0.0, |all| all.iter().map(|&e| f64::from(e)).sum());
        for wafer in wafers_of(&cells)? {
            let rows = || wafer.rows.iter().flatten().copied();
            let first = rows().next().unwrap_or_default() as usize;
            let by_layer = if wafer.place.layer <= 28 { 1 } else { 2 };
            let subdet = event.subdet.as_ref().and_then(|all| all.get(first).copied()).unwrap_or(by_layer);
            let wanted = |list: &[i32], value: i32| list.is_empty() || list.contains(&value);
            let has_charge = wafer.charges.iter().any(|&charge| charge > 0);
            if !has_charge || !wanted(&self.config.layers, wafer.place.layer) || !wanted(&self.config.subdets, subdet) {
                continue;
            }
            let at_back = if wafer.place.zside < 0 { self.config.negative_z_offset } else { 0 };
            self.rows.entry.push(event.number.wrapping_add(self.config.entry_offset).wrapping_add(at_back));
            self.rows.subdet.push(subdet);
            self.rows.sim.push(rows().map(sim_of).sum());
            self.rows.event_sim.push(event_sim);
            self.rows.wafers.push(wafer);
        }
        self.events += 1;
        Ok(())
    }

    fn flush(&mut self) -> std::result::Result<(), StageError> {
        let Rows { wafers, entry, subdet, sim, event_sim } = std::mem::take(&mut self.rows);
        if wafers.is_empty() {
            return Ok(());
        }
        let order = |wafer: &EventWafer| {
            if !self.config.mux_order {
                return wafer.charges;
            }
            let mut charges = [0; crate::wafer::CELLS];
            POST_MUX.iter().zip(wafer.charges).for_each(|(&place, charge)| charges[place] = charge);
            charges
        };
        let charges: Vec<_> = wafers.iter().map(order).collect();
        let int = |value: fn(&EventWafer) -> i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(wafers.iter().map(value)))
        };
        let modules: Vec<_> = wafers.iter().map(|w| by_pile_up(w.place.layer, w.place.u, w.place.v)).collect();
        let density = modules.iter().map(|module| match module {
            Some(module) if module.density == Density::Hd => "HD",
            Some(_) => "LD",
            None => "",
        });
        let shape = modules.iter().map(|module| module.map_or("", |module| module.shape));
        let share = sim.iter().zip(&event_sim).map(|(own, all)| if *all > 0.0 { own / all } else { 0.0 });
        let share: ArrayRef = Arc::new(Float64Array::from_iter_values(share));
        let about: [ArrayRef; 12] = [
            Arc::new(Int64Array::from(entry)),
            Arc::new(Float64Array::from(sim)),
            Arc::new(Float64Array::from(event_sim)),
            share,
            int(|w| w.place.zside),
            Arc::new(Int32Array::from(subdet)),
            int(|w| w.place.layer),
            int(|w| w.place.u),
            int(|w| w.place.v),
            Arc::new(StringArray::from_iter_values(density)),
            Arc::new(StringArray::from_iter_values(shape)),
            Arc::new(Float32Array::from_iter_values(wafers.iter().map(|w| w.eta))),
        ];
        self.table.write(transposed(&charges).chain(about))
    }

    fn finish(self, run: &Run) -> std::result::Result<Report, StageError> {
        let events = self.events;
        let rows = self.table.finish(&run.embedded_provenance())?;
        if rows == 0 {
            let file = run.inputs().one(CELLS_IN.role)?.spec();
            return Err(StageError::input(EcontError::Empty { file }.to_string()));
        }
        Ok(Report::new().value("events", events).value("wafers", rows))
    }
}
