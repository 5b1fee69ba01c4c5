//! `hgcal skim`: the trigger ntuple reduced to what the chain reads.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array, ListArray, RecordBatch};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Report, Run, Stage, StageError};
use recoil_table::{Address, Batch, BatchWriter, ReadOptions, Selection, field, list_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::cells::address_of;
use crate::data::ColumnDef;
use crate::data::columns::{CL3D, EVENT, GEN, GEN_PID, TC_MULTICLUSTER, TC_SUBDET, TCS};
use crate::error::Result;
use crate::skim::{NtupleGen, SkimConfig, delta_r_to_nearest};

/// Keys of `hgcal skim`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkimStageConfig {
    /// The cuts.
    pub skim: SkimConfig,
    /// Keep only events of the input that pass this expression, such as `any(genpart_pt > 20)`; empty keeps all.
    pub selection: String,
}

impl Config for SkimStageConfig {
    fn check(&self) -> Vec<recoil_stage::Problem> {
        match Selection::parse(&self.selection) {
            Err(error) if !self.selection.is_empty() => {
                vec![recoil_stage::Problem::new("selection", error.to_string())]
            }
            _ => Vec::new(),
        }
    }
}

/// Reduces the ntuple.
pub struct Skim;

const NTUPLE: InputRole = InputRole::required("ntuple", "the CMSSW trigger ntuple, one row per event", TABLES);

impl Stage for Skim {
    type Config = SkimStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal skim",
            about: "Reduce the trigger ntuple to particles, cells and clusters of interest",
            long: "Keeps the particles of one kind that reach the calorimeter, the trigger cells above threshold and the \
                   clusters of the chosen endcaps, and drops events without a particle or a cluster. Adds the distance \
                   of every cluster to its nearest particle.",
            inputs: &[NTUPLE],
            output: OutputKind::File { doc: "the reduced events", formats: &["parquet", "root"] },
            flags: &[],
        }
    }

    fn run(&self, config: &SkimStageConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(NTUPLE.role)?.spec();
        let reading = || format!("cannot read {input}");
        let address = address_of(&input).input_error(reading())?;
        let mut reader = recoil_table::open_at(&address, &ReadOptions::default()).input_error(reading())?;
        let mut filter = match self::selection(config)? {
            Some(selection) => Some(selection.filter(&reader.schema()).usage_error("`selection`")?),
            None => None,
        };
        let mut out: Option<(SchemaRef, Box<dyn BatchWriter>)> = None;
        let path = run.output_file()?;
        let progress = run.progress("skimming", "events", reader.total_rows());
        let (mut before, mut after) = (0, 0);
        let writing = || "cannot write the skim".to_owned();
        while let Some(batch) = reader.next_batch().input_error(reading())? {
            run.check()?;
            before += batch.rows();
            progress.add(batch.rows() as u64);
            let batch = match &mut filter {
                Some(filter) => filter.apply(&batch).input_error(reading())?,
                None => batch,
            };
            let records = skim(&config.skim, &batch).input_error(reading())?;
            after += records.num_rows();
            let (_, writer) = match &mut out {
                Some(open) => open,
                None => {
                    let schema = records.schema();
                    let address = Address::of_path(&path).output_error(writing())?;
                    let writer = recoil_table::create(&address, &schema).output_error(writing())?;
                    out.insert((schema, writer))
                }
            };
            writer.write(&records).output_error(writing())?;
        }
        match out {
            Some((_, writer)) => writer.finish(Some(&run.embedded_provenance())).output_error(writing())?,
            None => return Err(StageError::input(format!("{input} has no events"))),
        }
        Ok(Report::new().value("events_in", before).value("events_out", after))
    }
}

fn selection(config: &SkimStageConfig) -> std::result::Result<Option<Selection>, StageError> {
    if config.selection.is_empty() {
        return Ok(None);
    }
    Selection::parse(&config.selection).map(Some).usage_error("`selection`")
}

/// The rows of one collection that stay, event by event.
struct Kept {
    offsets: OffsetBuffer<i32>,
    rows: arrow_array::UInt32Array,
}

impl Kept {
    /// Keeps the elements that pass, of the events that pass.
    fn new(offsets: &[i32], elements: &[bool], events: &[bool]) -> Self {
        let (mut rows, mut ends) = (Vec::new(), vec![0]);
        for (pair, _) in offsets.windows(2).zip(events).filter(|(_, keep)| **keep) {
            let range = pair[0] as u32..pair[1] as u32;
            rows.extend(range.filter(|&row| elements.get(row as usize).copied().unwrap_or(false)));
            ends.push(rows.len() as i32);
        }
        Self { offsets: OffsetBuffer::new(ScalarBuffer::from(ends)), rows: rows.into() }
    }

    fn list(&self, values: ArrayRef) -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), false));
        Arc::new(ListArray::new(item, self.offsets.clone(), values, None))
    }
}

/// Skims one batch of the ntuple.
///
/// # Errors
/// Columns that are missing or of the wrong type, and collections whose columns differ in length.
pub fn skim(config: &SkimConfig, batch: &Batch) -> Result<RecordBatch> {
    let gens = ["genpart_pid", "genpart_gen", "genpart_reachedEE", "genpart_exeta", "genpart_exphi"];
    batch.require_same_lengths(&gens)?;
    batch.require_same_lengths(&["tc_zside", "tc_mipPt", "tc_layer", "tc_x"])?;
    batch.require_same_lengths(&["cl3d_eta", "cl3d_phi"])?;
    let (pid, index) = (batch.list_as::<i32>(gens[0])?, batch.list_as::<i32>(gens[1])?);
    let (reached, exeta) = (batch.list_as::<i32>(gens[2])?, batch.list_as::<f32>(gens[3])?);
    let exphi = batch.list_as::<f32>(gens[4])?;
    let (eta, phi) = (batch.list_as::<f32>("cl3d_eta")?, batch.list_as::<f32>("cl3d_phi")?);
    let (zside, mip_pt) = (batch.list_as::<i32>("tc_zside")?, batch.list_as::<f32>("tc_mipPt")?);
    let layer = batch.list_as::<i32>("tc_layer")?;

    let particles =
        NtupleGen { pid: &pid.values, gen_index: &index.values, reached_ee: &reached.values, exeta: &exeta.values };
    let keep_gen = config.keep_gen(particles);
    let keep_cells = config.keep_cells(&zside.values, &mip_pt.values, &layer.values);
    let keep_clusters = config.keep_clusters(&eta.values);
    let range = |offsets: &[i32], row: usize| offsets[row] as usize..offsets[row + 1] as usize;
    let events: Vec<bool> = (0..batch.rows())
        .map(|row| {
            SkimConfig::keep_event(&keep_gen[range(&pid.offsets, row)], &keep_clusters[range(&eta.offsets, row)])
        })
        .collect();

    let gen_rows = Kept::new(&pid.offsets, &keep_gen, &events);
    let cell_rows = Kept::new(&zside.offsets, &keep_cells, &events);
    let cluster_rows = Kept::new(&eta.offsets, &keep_clusters, &events);

    let kept_events: arrow_array::UInt32Array =
        (0..batch.rows() as u32).filter(|&row| events[row as usize]).collect::<Vec<_>>().into();
    let mut fields = vec![Arc::new(field(EVENT.name, DataType::Int64, EVENT.unit, EVENT.doc))];
    let numbers = batch.scalar_as::<i64>(EVENT.name)?;
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(arrow_array::Int64Array::from_iter_values(
        kept_events.values().iter().map(|&row| numbers[row as usize]),
    ))];

    // distance of each kept cluster to the nearest kept particle of its event
    let pick = |values: &[f32], rows: &[u32]| rows.iter().map(|&r| values[r as usize]).collect::<Vec<f32>>();
    let (gen_eta, gen_phi) = (pick(&exeta.values, gen_rows.rows.values()), pick(&exphi.values, gen_rows.rows.values()));
    let (cl_eta, cl_phi) =
        (pick(&eta.values, cluster_rows.rows.values()), pick(&phi.values, cluster_rows.rows.values()));
    let mut distances = Vec::with_capacity(cl_eta.len());
    for row in 0..kept_events.len() {
        let (g, c) = (range(&gen_rows.offsets, row), range(&cluster_rows.offsets, row));
        distances.extend(delta_r_to_nearest(&gen_eta[g.clone()], &gen_phi[g], &cl_eta[c.clone()], &cl_phi[c]));
    }
    let matches: BooleanArray = distances.iter().map(|&d| Some(d <= config.delta_r)).collect();
    fields.push(Arc::new(field("deltaR", list_of(DataType::Float32), "", "distance to the nearest particle")));
    arrays.push(cluster_rows.list(Arc::new(Float32Array::from(distances))));
    fields.push(Arc::new(field("matches", list_of(DataType::Boolean), "", "whether the distance is within the limit")));
    arrays.push(cluster_rows.list(Arc::new(matches)));

    let groups: [(&Kept, Vec<ColumnDef>); 3] = [
        (&gen_rows, GEN.iter().copied().skip(1).chain([GEN_PID]).collect()),
        (&cell_rows, TCS.iter().copied().skip(1).chain([TC_MULTICLUSTER, TC_SUBDET]).collect()),
        (&cluster_rows, CL3D.iter().copied().skip(1).collect()),
    ];
    for (kept, defs) in groups {
        for def in defs {
            let (Some(from), Some(to)) = (def.ntuple, def.skim) else { continue };
            if !batch.has(from) && [TC_SUBDET, TC_MULTICLUSTER].contains(&def) {
                continue;
            }
            let (ty, values) = taken(batch, from, &def, &kept.rows)?;
            fields.push(Arc::new(field(to, list_of(ty), def.unit, def.doc)));
            arrays.push(kept.list(values));
        }
    }
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, arrays)
        .map_err(|source| crate::HgcalError::Skim { file: batch.file().to_string(), source })
}

/// The kept elements of one branch, in the type that the skim stores.
fn taken(batch: &Batch, name: &str, def: &ColumnDef, rows: &arrow_array::UInt32Array) -> Result<(DataType, ArrayRef)> {
    use crate::data::ColumnType::{F32, F64, I32, U32};
    let rows = rows.values();
    Ok(match def.ty {
        I32 => {
            let values = batch.list_as::<i32>(name)?.values;
            (
                DataType::Int32,
                Arc::new(arrow_array::Int32Array::from_iter_values(rows.iter().map(|&r| values[r as usize]))),
            )
        }
        U32 => {
            let values = batch.list_as::<u32>(name)?.values;
            (
                DataType::UInt32,
                Arc::new(arrow_array::UInt32Array::from_iter_values(rows.iter().map(|&r| values[r as usize]))),
            )
        }
        F32 | F64 => {
            let values = batch.list_as::<f32>(name)?.values;
            (DataType::Float32, Arc::new(Float32Array::from_iter_values(rows.iter().map(|&r| values[r as usize]))))
        }
        other => {
            let reason = format!("column {name} cannot be skimmed as {other:?}");
            return Err(crate::HgcalError::Config { key: "skim", reason });
        }
    })
}
