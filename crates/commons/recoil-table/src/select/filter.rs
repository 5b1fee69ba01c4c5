//! Selections applied to tables.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, RecordBatch};
use arrow_buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::bind::bind;
use super::error::Span;
use super::eval::Values;
use super::program::{Domain, Kind, Program};
use super::{SelectError, Selection};
use crate::address::Address;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::jagged::local_offsets;
use crate::stream::{BatchReader, ReadOptions};

/// A selection made ready for the columns of a table.
#[derive(Debug, Clone)]
pub struct Filter {
    program: Program,
    /// For a condition per element: the columns of its collection. Those that may be by their name, until the first
    /// batch with rows tells which are by their lengths.
    collection: Vec<String>,
    is_settled: bool,
}

impl Selection {
    /// Types the selection against `schema`; it must be a condition.
    pub fn filter(&self, schema: &Schema) -> Result<Filter, SelectError> {
        let program = bind(&self.text, &self.tree, schema)?;
        if program.result.body.kind() != Kind::Bool {
            let error = SelectError::new(&self.text, self.tree.span, "a number is not a condition");
            return Err(error.advise(": compare it with something"));
        }
        let collection = match &program.result.domain {
            Domain::Rows => Vec::new(),
            Domain::Elements(inputs) => {
                let names = inputs.iter().filter_map(|index| program.inputs.get(*index)).map(|i| i.name.as_str());
                self.collection(schema, &names.collect::<Vec<_>>())?
            }
        };
        Ok(Filter { program, collection, is_settled: false })
    }

    /// List columns that may belong to the collection of the columns `used`.
    fn collection(&self, schema: &Schema, used: &[&str]) -> Result<Vec<String>, SelectError> {
        let is_list = |field: &Field| matches!(field.data_type(), DataType::List(_));
        let fixed = used.iter().find(|name| schema.field_with_name(name).is_ok_and(|field| !is_list(field)));
        if let Some(name) = fixed {
            let whole = Span { start: 0, end: self.text.chars().count() };
            let message = format!("elements of the fixed-size column '{name}' cannot be dropped");
            return Err(SelectError::new(&self.text, whole, message).advise(": use any or all"));
        }
        let prefix = |name: &str| name.split_once('_').map(|(prefix, _)| prefix.to_owned());
        let shared = used.first().and_then(|name| prefix(name));
        let shared = shared.filter(|shared| used.iter().all(|name| prefix(name).as_ref() == Some(shared)));
        let lists = schema.fields().iter().filter(|field| is_list(field)).map(|field| field.name());
        let belongs = |name: &&String| shared.is_none() || prefix(name) == shared;
        Ok(lists.filter(belongs).cloned().collect())
    }
}

impl Filter {
    /// The rows of `batch` that pass or, for a condition per element, all rows with the elements that pass.
    pub fn apply(&mut self, batch: &Batch) -> Result<Batch> {
        let outcome = self.program.run(batch)?;
        let Values::Bool(keep) = outcome.values else { return Ok(batch.clone()) };
        let mask = BooleanArray::new(BooleanBuffer::from(keep), None);
        let failed = |error: arrow_schema::ArrowError| Error::Unsupported {
            file: batch.file().to_string(),
            message: error.to_string(),
        };
        let Some(offsets) = outcome.offsets else {
            let records = arrow_select::filter::filter_record_batch(batch.records(), &mask).map_err(failed)?;
            return Ok(batch.with_records(records));
        };
        let members = self.members(batch, &offsets)?;

        let mut kept = Vec::with_capacity(offsets.len());
        kept.push(0_i32);
        for window in offsets.windows(2) {
            let (start, end) = (window[0] as usize, window[1] as usize);
            let count = mask.values().slice(start, end - start).count_set_bits() as i32;
            kept.push(kept.last().copied().unwrap_or(0) + count);
        }
        let kept = OffsetBuffer::new(ScalarBuffer::from(kept));
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.records().num_columns());
        for (field, column) in batch.schema().fields().iter().zip(batch.records().columns()) {
            let DataType::List(element) = field.data_type() else {
                columns.push(column.clone());
                continue;
            };
            if !members.contains(field.name()) {
                columns.push(column.clone());
                continue;
            }
            let list = column.as_list::<i32>();
            let (_, range) = local_offsets(list, 0..list.len());
            let values = list.values().slice(range.start, range.len());
            let values = arrow_select::filter::filter(&values, &mask).map_err(failed)?;
            let list = ListArray::try_new(element.clone(), kept.clone(), values, None).map_err(failed)?;
            columns.push(Arc::new(list));
        }
        Ok(batch.with_records(RecordBatch::try_new(batch.schema(), columns).map_err(failed)?))
    }

    /// The columns of `batch` whose elements are to be dropped. The first rows with elements decide for the later ones.
    fn members(&mut self, batch: &Batch, offsets: &[i32]) -> Result<Vec<String>> {
        if self.is_settled {
            let names: Vec<&str> = self.collection.iter().map(String::as_str).collect();
            batch.require_same_lengths(&names)?;
            return Ok(self.collection.clone());
        }
        let mut members = Vec::new();
        for name in &self.collection {
            let list = batch.any_list(name)?;
            if *local_offsets(list, 0..list.len()).0 == *offsets {
                members.push(name.clone());
            }
        }
        self.is_settled = offsets.last().is_some_and(|elements| *elements > 0);
        if self.is_settled {
            self.collection.clone_from(&members);
        }
        Ok(members)
    }
}

/// The rows of `reader` that pass a selection.
pub fn select(reader: Box<dyn BatchReader>, selection: &Selection) -> Result<Box<dyn BatchReader>> {
    let filter = selection.filter(&reader.schema())?;
    let schema = reader.schema();
    let keep = (0..schema.fields().len()).collect();
    Ok(Box::new(SelectReader { inner: reader, filter, schema, keep }))
}

/// Opens tables as one, reading only the columns that `options` names and those that the selection needs, and delivers the
/// former of the rows that pass.
pub fn open_selected(
    addresses: &[Address],
    options: &ReadOptions,
    selection: Option<&Selection>,
) -> Result<Box<dyn BatchReader>> {
    let (Some(selection), Some(wanted)) = (selection, &options.columns) else {
        let reader = crate::open_all(addresses, options)?;
        return match selection {
            Some(selection) => select(reader, selection),
            None => Ok(reader),
        };
    };
    let whole = crate::open_all(addresses, &ReadOptions { columns: None, ..options.clone() })?.schema();
    selection.filter(&whole)?;
    let mut read = wanted.clone();
    read.extend(selection.columns(&whole).into_iter().filter(|name| !wanted.contains(name)));
    let inner = crate::open_all(addresses, &ReadOptions { columns: Some(read), ..options.clone() })?;
    let keep: Vec<usize> = (0..wanted.len()).collect();
    let filter = selection.filter(&inner.schema())?;
    let schema = Arc::new(
        inner
            .schema()
            .project(&keep)
            .map_err(|error| Error::Unsupported { file: inner.file().to_string(), message: error.to_string() })?,
    );
    Ok(Box::new(SelectReader { inner, filter, schema, keep }))
}

struct SelectReader {
    inner: Box<dyn BatchReader>,
    filter: Filter,
    schema: SchemaRef,
    /// Columns of the inner reader that are delivered.
    keep: Vec<usize>,
}

impl BatchReader for SelectReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        self.inner.file()
    }

    fn total_rows(&self) -> Option<u64> {
        None
    }

    fn provenance(&self) -> Option<&str> {
        self.inner.provenance()
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        while let Some(batch) = self.inner.next_batch()? {
            let passed = self.filter.apply(&batch)?;
            if passed.rows() > 0 {
                let records = passed.records().project(&self.keep).map_err(|error| Error::Unsupported {
                    file: batch.file().to_string(),
                    message: error.to_string(),
                })?;
                return Ok(Some(passed.with_records(records)));
            }
        }
        Ok(None)
    }
}
