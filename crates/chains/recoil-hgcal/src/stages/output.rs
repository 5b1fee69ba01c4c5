//! Results to files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int16Array, Int32Array, Int64Array, StringArray};
use arrow_schema::Field;
use recoil_stage::StageError;

use crate::data::columns::SAMPLE;
use crate::data::{ColumnDef, EventBatch};

fn fields(columns: impl IntoIterator<Item = ColumnDef>) -> impl Iterator<Item = Field> {
    columns.into_iter().map(|c| recoil_table::field(c.name, c.ty.data_type(), c.unit, c.doc))
}

/// A table being written, whose rows may belong to events.
pub struct Table {
    table: recoil_outputs::Table,
    samples: bool,
}

impl Table {
    /// Creates the table at `path`, with a `sample` column in front if `samples`.
    pub fn create(
        path: &Path,
        name: &str,
        columns: impl IntoIterator<Item = ColumnDef>,
        samples: bool,
    ) -> Result<Self, StageError> {
        let columns: Vec<ColumnDef> = samples.then_some(SAMPLE).into_iter().chain(columns).collect();
        Ok(Self { table: recoil_outputs::Table::create(path, name, fields(columns))?, samples })
    }

    /// Creates a table whose rows belong to no event.
    pub fn create_plain(
        path: &Path,
        name: &str,
        columns: impl IntoIterator<Item = ColumnDef>,
    ) -> Result<Self, StageError> {
        Self::create(path, name, columns, false)
    }

    /// Appends rows of a table whose rows belong to no event.
    pub fn write_plain(&mut self, columns: impl IntoIterator<Item = ArrayRef>) -> Result<(), StageError> {
        self.table.write(columns)
    }

    /// Appends rows: `event` and `sample` from the events that own them (`offsets`), then `columns`.
    pub fn write(
        &mut self,
        events: &EventBatch,
        offsets: &[usize],
        columns: impl IntoIterator<Item = ArrayRef>,
    ) -> Result<(), StageError> {
        let owners: Vec<usize> = offsets
            .windows(2)
            .enumerate()
            .flat_map(|(i, pair)| std::iter::repeat_n(i, pair[1].saturating_sub(pair[0])))
            .collect();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if self.samples {
            let labels = owners.iter().map(|&i| events.sample.get(i).map_or("", String::as_str));
            arrays.push(Arc::new(StringArray::from_iter_values(labels)));
        }
        let numbers = owners.iter().map(|&i| events.event.get(i).copied().unwrap_or_default());
        arrays.push(Arc::new(Int64Array::from_iter_values(numbers)));
        arrays.extend(columns);
        self.table.write(arrays)
    }

    /// Completes the file; returns the number of rows.
    pub fn finish(self, provenance: &str) -> Result<u64, StageError> {
        self.table.finish(provenance)
    }
}

/// A column of short whole numbers.
pub fn shorts(values: impl IntoIterator<Item = i16>) -> ArrayRef {
    Arc::new(Int16Array::from_iter_values(values))
}

/// A column of whole numbers.
pub fn ints(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

/// A column of long whole numbers.
pub fn longs(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// A column of numbers.
pub fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}
