//! `hgcal simulate`: events with known truth, as tables or as the CMSSW ntuple.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{Address, BatchWriter, field, list_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::output::{Table, floats, ints};
use super::problems_in;
use crate::data::columns::{CL3D, GEN, GEN_PID, NTUPLE_TREE, TC_SUBDET, TCS};
use crate::data::primitives::TC_TRUTH;
use crate::simulate::{SimulatedBatch, SimulationConfig, Simulator};

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `tcs.parquet`, `gen.parquet` and `cl3d.parquet`, one row per cell, particle and cluster.
    #[default]
    Tables,
    /// `ntuple.root`, one entry per event, with the branches of the CMSSW trigger ntuple.
    Ntuple,
}

/// Keys of `hgcal simulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Number of events.
    pub events: u64,
    /// Number of the first event. Events with the same number and seed are the same in any run.
    pub first_event: u64,
    /// What is written: `tables` or `ntuple`.
    pub form: Form,
    /// The generator.
    pub simulation: SimulationConfig,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        Self { events: 1000, first_event: 0, form: Form::Tables, simulation: SimulationConfig::default() }
    }
}

impl Config for SimulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems_in("simulation", self.simulation.check());
        if self.first_event.checked_add(self.events).is_none_or(|end| i64::try_from(end).is_err()) {
            found.push(Problem::new("events", "gives event numbers that do not fit into 63 bits"));
        }
        found
    }
}

/// Makes events.
pub struct Simulate;

impl Stage for Simulate {
    type Config = SimulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal simulate",
            about: "Simulate showers of photons, electrons or pions, with pile-up",
            long: "A parametrised generator of trigger cells with known truth. The same seed gives the same events with any \
                   number of threads. Writes trigger cells, generated particles and stand-ins for the clusters of CMSSW.",
            inputs: &[],
            output: OutputKind::Directory { doc: "trigger cells, particles and clusters" },
            flags: &[
                Flag { name: "events", key: "events", list: false },
                Flag { name: "particle", key: "simulation.particle", list: false },
                Flag { name: "pileup", key: "simulation.pileup", list: false },
            ],
        }
    }

    fn outputs(&self, config: &SimulateConfig, _inputs: &Inputs) -> Vec<String> {
        match config.form {
            Form::Tables => ["tcs.parquet", "gen.parquet", "cl3d.parquet"].map(str::to_owned).to_vec(),
            Form::Ntuple => vec!["ntuple.root".to_owned()],
        }
    }

    fn run(&self, config: &SimulateConfig, run: &Run) -> Result<Report, StageError> {
        let simulator = Simulator::new(&config.simulation).usage_error("the configuration cannot work")?;
        let mut writer = match config.form {
            Form::Tables => Writer::Tables(Box::new(Tables::create(run)?)),
            Form::Ntuple => Writer::Ntuple(create_ntuple(run)?),
        };
        let progress = run.progress("simulating", "events", Some(config.events));
        let step = events_per_batch(&config.simulation);
        let end = config.first_event + config.events;
        let (mut start, mut cells) = (config.first_event, 0);
        while start < end {
            run.check()?;
            let stop = end.min(start + step);
            let batch = simulator.batch(run.seed(), start..stop);
            cells += batch.cells.cells.len();
            match &mut writer {
                Writer::Tables(tables) => tables.write(&batch)?,
                Writer::Ntuple(ntuple) => {
                    let records = ntuple_records(&batch).internal_error("cannot write ntuple.root")?;
                    ntuple.write(&records).output_error("cannot write ntuple.root")?;
                }
            }
            progress.add(stop - start);
            start = stop;
        }
        let provenance = run.embedded_provenance();
        match writer {
            Writer::Tables(tables) => tables.finish(&provenance)?,
            Writer::Ntuple(ntuple) => ntuple.finish(Some(&provenance)).output_error("cannot write ntuple.root")?,
        }
        let mean = cells as f64 / config.events.max(1) as f64;
        Ok(Report::new()
            .value("events", config.events)
            .value("trigger_cells", cells)
            .value("trigger_cells_per_event", mean))
    }
}

/// Events per batch, such that a batch has about half a million cells.
fn events_per_batch(config: &SimulationConfig) -> u64 {
    let cells = 300 + 100 * u64::from(config.pileup) + 300 * u64::from(config.particles_per_endcap);
    (500_000 / cells).clamp(8, 1000)
}

enum Writer {
    Tables(Box<Tables>),
    Ntuple(Box<dyn BatchWriter>),
}

/// The three flat tables.
struct Tables {
    cells: Table,
    particles: Table,
    clusters: Table,
}

impl Tables {
    fn create(run: &Run) -> Result<Self, StageError> {
        let cells = TCS.iter().copied().chain([TC_SUBDET]).chain(TC_TRUTH.iter().copied());
        Ok(Self {
            cells: Table::create(&run.output("tcs.parquet")?, "tcs.parquet", cells, false)?,
            particles: Table::create(
                &run.output("gen.parquet")?,
                "gen.parquet",
                GEN.iter().copied().chain([GEN_PID]),
                false,
            )?,
            clusters: Table::create(&run.output("cl3d.parquet")?, "cl3d.parquet", CL3D.iter().copied(), false)?,
        })
    }

    fn write(&mut self, batch: &SimulatedBatch) -> Result<(), StageError> {
        let c = &batch.cells.cells;
        let cells = [&c.wu, &c.wv, &c.cu, &c.cv, &c.layer]
            .map(|v| int32(v))
            .into_iter()
            .chain([&c.pt, &c.mip_pt, &c.energy, &c.x, &c.y, &c.z, &c.eta, &c.phi].map(|v| float32(v)))
            .chain([int32(&c.subdet), float32(&batch.cell_sim_energy), int32(&batch.cell_particle)]);
        self.cells.write(&batch.cells, &batch.cells.offsets, cells)?;
        let (p, offsets) = (&batch.particles.particles, &batch.particles.offsets);
        let particles = [&p.eta, &p.phi, &p.energy, &p.pt].map(|v| floats(v)).into_iter();
        self.particles.write(&batch.cells, offsets, particles.chain([ints(p.pid.iter().copied())]))?;
        let k = &batch.clusters;
        let id: ArrayRef = Arc::new(UInt32Array::from(k.id.clone()));
        let clusters = [&k.eta, &k.phi, &k.energy, &k.pt].map(|v| floats(v)).into_iter();
        self.clusters.write(&batch.cells, offsets, clusters.chain([id]))
    }

    fn finish(self, provenance: &str) -> Result<(), StageError> {
        self.cells.finish(provenance)?;
        self.particles.finish(provenance)?;
        self.clusters.finish(provenance)?;
        Ok(())
    }
}

fn int32(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn float32(values: &[f32]) -> ArrayRef {
    Arc::new(Float32Array::from(values.to_vec()))
}

fn create_ntuple(run: &Run) -> Result<Box<dyn BatchWriter>, StageError> {
    let doing = "cannot write ntuple.root";
    let mut address = Address::of_path(&run.output("ntuple.root")?).output_error(doing)?;
    address.member = Some(format!("l1tHGCalTriggerNtuplizer/{NTUPLE_TREE}"));
    let empty = ntuple_records(&SimulatedBatch::default()).internal_error(doing)?;
    recoil_table::create(&address, &empty.schema()).output_error(doing)
}

/// Events in the branches of the CMSSW trigger ntuple: one row per event, lists per collection.
///
/// # Errors
/// None for batches of the generator; collections with columns of different lengths make no table.
pub fn ntuple_records(batch: &SimulatedBatch) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let events = batch.cells.event.iter().map(|&event| event as i32);
    fields.push(field("event", DataType::Int32, "", "event number"));
    columns.push(Arc::new(Int32Array::from_iter_values(events)));
    fields.push(field("tc_n", DataType::Int32, "", "number of trigger cells"));
    let counts = batch.cells.offsets.windows(2).map(|pair| (pair[1] - pair[0]) as i32);
    columns.push(Arc::new(Int32Array::from_iter_values(counts)));

    let mut add =
        |offsets: &[usize], name: &str, unit: &str, values: ArrayRef| -> Result<(), arrow_schema::ArrowError> {
            let ends = OffsetBuffer::new(ScalarBuffer::from(offsets.iter().map(|&o| o as i32).collect::<Vec<_>>()));
            let item = Arc::new(Field::new("item", values.data_type().clone(), false));
            fields.push(field(name, list_of(values.data_type().clone()), unit, ""));
            columns.push(Arc::new(ListArray::try_new(item, ends, values, None)?));
            Ok(())
        };
    let narrow =
        |values: &[f64]| -> ArrayRef { Arc::new(Float32Array::from_iter_values(values.iter().map(|&v| v as f32))) };
    let constant = |n: usize, value: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![value; n])) };

    let (p, at) = (&batch.particles.particles, &batch.particles.offsets);
    add(at, "genpart_pid", "", int32(&p.pid))?;
    add(at, "genpart_gen", "", constant(p.len(), 1))?;
    add(at, "genpart_reachedEE", "", constant(p.len(), 2))?;
    for (name, unit, values) in [
        ("genpart_exeta", "", &p.eta),
        ("genpart_exphi", "rad", &p.phi),
        ("genpart_energy", "GeV", &p.energy),
        ("genpart_pt", "GeV", &p.pt),
    ] {
        add(at, name, unit, narrow(values))?;
    }

    let (c, at) = (&batch.cells.cells, &batch.cells.offsets);
    let zside: Vec<i32> = c.z.iter().map(|&z| if z > 0.0 { 1 } else { -1 }).collect();
    for (name, values) in [
        ("tc_subdet", &c.subdet),
        ("tc_zside", &zside),
        ("tc_layer", &c.layer),
        ("tc_waferu", &c.wu),
        ("tc_waferv", &c.wv),
        ("tc_cellu", &c.cu),
        ("tc_cellv", &c.cv),
        ("tc_genparticle_index", &batch.cell_particle),
    ] {
        add(at, name, "", int32(values))?;
    }
    for (name, unit, values) in [
        ("tc_pt", "GeV", &c.pt),
        ("tc_energy", "GeV", &c.energy),
        ("tc_mipPt", "mipT", &c.mip_pt),
        ("tc_eta", "", &c.eta),
        ("tc_phi", "rad", &c.phi),
        ("tc_x", "cm", &c.x),
        ("tc_y", "cm", &c.y),
        ("tc_z", "cm", &c.z),
        ("tc_simenergy", "GeV", &batch.cell_sim_energy),
    ] {
        add(at, name, unit, float32(values))?;
    }
    add(at, "tc_multicluster_id", "", Arc::new(UInt32Array::from(vec![0; c.len()])))?;

    let (k, at) = (&batch.clusters, &batch.particles.offsets);
    add(at, "cl3d_id", "", Arc::new(UInt32Array::from(k.id.clone())))?;
    for (name, unit, values) in [
        ("cl3d_pt", "GeV", &k.pt),
        ("cl3d_energy", "GeV", &k.energy),
        ("cl3d_eta", "", &k.eta),
        ("cl3d_phi", "rad", &k.phi),
    ] {
        add(at, name, unit, narrow(values))?;
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
