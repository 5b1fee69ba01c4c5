//! Between one row per element (flat) and one row per event (lists).

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int32Array, ListArray, RecordBatch};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::group::{Groups, take};
use crate::jagged::local_offsets;
use crate::types::{position, schema_of};

/// One row per event from one row per element: the column `event` stays a number, so do the columns `per_event`
/// (which must not vary within an event), all others become lists. Rows need not be sorted; see [`Groups`] for the
/// order that they get.
pub fn implode(batch: &Batch, event: &str, sub_index: Option<&str>, per_event: &[&str]) -> Result<Batch> {
    let groups = Groups::by_columns(batch, event, sub_index)?;
    let schema = batch.schema();
    for name in per_event {
        position(batch.file(), &schema, name)?;
    }
    let first_rows = groups.first_rows();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(groups.offsets.clone()));
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.records().columns()) {
        if field.name() == event {
            fields.push(field.as_ref().clone());
            columns.push(take(column, first_rows.clone())?);
        } else if per_event.contains(&field.name().as_str()) {
            require_constant(batch, &groups, event, field.name(), column)?;
            fields.push(field.as_ref().clone());
            columns.push(take(column, first_rows.clone())?);
        } else {
            let element = Arc::new(Field::new("item", field.data_type().clone(), field.is_nullable()));
            let kind = DataType::List(element.clone());
            fields.push(Field::new(field.name(), kind, false).with_metadata(field.metadata().clone()));
            let list = ListArray::try_new(element, offsets.clone(), groups.ordered(column)?, None);
            columns.push(Arc::new(list.map_err(|error| unfit(batch, &error))?));
        }
    }
    let records = RecordBatch::try_new(schema_of(fields), columns).map_err(|error| unfit(batch, &error))?;
    Ok(batch.with_records(records))
}

/// One row per element from one row per event: the elements of the list columns `lists` (all of the table's when
/// empty), with the table's other scalar columns repeated, and the place of the element in its event as the column
/// `sub_index` where one is asked for. Events without elements leave no row.
pub fn explode(batch: &Batch, lists: &[&str], sub_index: Option<&str>) -> Result<Batch> {
    let schema = batch.schema();
    let is_list = |field: &Field| matches!(field.data_type(), DataType::List(_));
    let all: Vec<&str> = schema.fields().iter().filter(|f| is_list(f)).map(|f| f.name().as_str()).collect();
    let lists = if lists.is_empty() { &all[..] } else { lists };
    let Some(first) = lists.first() else { return Ok(batch.clone()) };
    batch.require_same_lengths(lists)?;

    let (offsets, _) = local_offsets(batch.any_list(first)?, 0..batch.rows());
    let windows = || offsets.windows(2).map(|window| (window[1] - window[0]) as usize);
    let rows: Vec<u32> =
        windows().enumerate().flat_map(|(row, count)| std::iter::repeat_n(row as u32, count)).collect();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.records().columns()) {
        if lists.contains(&field.name().as_str()) {
            let list = column.as_list::<i32>();
            let (_, range) = local_offsets(list, 0..list.len());
            let inner = list.values();
            fields.push(
                Field::new(field.name(), inner.data_type().clone(), inner.is_nullable())
                    .with_metadata(field.metadata().clone()),
            );
            columns.push(inner.slice(range.start, range.len()));
        } else if !is_list(field) {
            fields.push(field.as_ref().clone());
            columns.push(take(column, rows.clone())?);
        }
    }
    if let Some(name) = sub_index {
        let places: Int32Array = windows().flat_map(|count| 0..count as i32).collect::<Vec<_>>().into();
        fields.push(Field::new(name, DataType::Int32, false));
        columns.push(Arc::new(places));
    }
    let records = RecordBatch::try_new(schema_of(fields), columns).map_err(|error| unfit(batch, &error))?;
    Ok(batch.with_records(records))
}

fn require_constant(batch: &Batch, groups: &Groups, event: &str, name: &str, column: &ArrayRef) -> Result<()> {
    let ordered = groups.ordered(column)?;
    let data = ordered.to_data();
    for (window, key) in groups.offsets.windows(2).zip(&groups.keys) {
        let (start, end) = (window[0] as usize, window[1] as usize);
        let first = data.slice(start, 1);
        if let Some(place) = (start + 1..end).find(|place| data.slice(*place, 1) != first) {
            return Err(Error::Event {
                file: batch.file().to_string(),
                event: key.to_string(),
                row: batch.place(groups.row_at(place) as usize),
                message: format!("column '{name}' changes within one '{event}'"),
            });
        }
    }
    Ok(())
}

fn unfit(batch: &Batch, error: &arrow_schema::ArrowError) -> Error {
    Error::Unsupported { file: batch.file().to_string(), message: error.to_string() }
}
