//! Files of scores: tables, or the HDF5 files of older programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, cast::AsArray, types::Float32Type};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use recoil_stage::StageError;
use recoil_stage::error::Blame as _;
use recoil_table::Format;
use recoil_table::hdf5::{Frame, write_frames};

use crate::evaluation::candidates::CANDIDATES_FRAME;
use recoil_outputs::Table;

/// The outputs of the network, in the order of the classes.
pub const NODES: [&str; 4] = ["node_e", "node_mu", "node_tau", "node_jet"];

/// A file of scores being written.
pub enum Scores {
    /// A table, row after row.
    Table(Table),
    /// An HDF5 file with the frames `predictions`, `targets` and `candidates`, written at the end.
    Frames { path: PathBuf, schema: SchemaRef, batches: Vec<RecordBatch> },
}

impl Scores {
    /// Whether the file at `path` is one of frames, which has a row for every row of the input.
    pub fn has_frames(path: &Path) -> bool {
        matches!(Format::of(path), Ok(Format::Hdf5))
    }

    /// Creates the file at `path`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path, fields: Vec<Field>) -> Result<Self, StageError> {
        if Self::has_frames(path) {
            let schema = Arc::new(Schema::new(fields));
            return Ok(Self::Frames { path: path.to_owned(), schema, batches: Vec::new() });
        }
        Table::create(path, "the scores", fields).map(Self::Table)
    }

    /// Appends rows.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), StageError> {
        match self {
            Self::Table(table) => table.write(columns),
            Self::Frames { schema, batches, .. } => {
                batches.push(RecordBatch::try_new(schema.clone(), columns).internal_error("cannot keep the scores")?);
                Ok(())
            }
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<(), StageError> {
        match self {
            Self::Table(table) => table.finish(provenance).map(|_| ()),
            Self::Frames { path, schema, batches } => {
                let all = arrow_select::concat::concat_batches(&schema, &batches);
                let all = all.internal_error("cannot join the scores")?;
                let [predictions, targets, candidates] = frames(&all).internal_error("cannot arrange the scores")?;
                let frames = [
                    Frame { key: "predictions", records: &predictions },
                    Frame { key: "targets", records: &targets },
                    Frame { key: CANDIDATES_FRAME, records: &candidates },
                ];
                write_frames(&path, &frames, Some(provenance)).output_error("cannot write the scores")
            }
        }
    }
}

/// Outputs in double precision, one-hot classes, and all columns of numbers.
fn frames(all: &RecordBatch) -> Result<[RecordBatch; 3], arrow_schema::ArrowError> {
    let mut predictions: Vec<(&str, ArrayRef)> = Vec::new();
    let mut targets: Vec<(&str, ArrayRef)> = Vec::new();
    let truth =
        all.column_by_name("gen_type").map(|column| column.as_primitive::<arrow_array::types::Int64Type>().values());
    for (class, name) in NODES.into_iter().enumerate() {
        let Some(column) = all.column_by_name(name) else { continue };
        let values = column.as_primitive::<Float32Type>().values().iter().map(|value| f64::from(*value));
        predictions.push((name, Arc::new(Float64Array::from_iter_values(values))));
        let is_class = truth.iter().flat_map(|codes| codes.iter()).map(|code| i64::from(*code == class as i64));
        targets.push((name, Arc::new(Int64Array::from_iter_values(is_class))));
    }
    let schema = all.schema();
    let numbers: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| *field.data_type() != DataType::Utf8)
        .map(|(index, _)| index)
        .collect();
    Ok([RecordBatch::try_from_iter(predictions)?, RecordBatch::try_from_iter(targets)?, all.project(&numbers)?])
}
