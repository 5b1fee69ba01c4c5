//! Rows without missing values, for formats that have no way to mark them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, ListArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::error::{Error, Result};

/// `records` with NaN for each missing floating-point number; any other missing value is an error that names its row,
/// counted from `first_row`.
pub(crate) fn filled(file: &str, first_row: u64, records: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(records.num_columns());
    let mut fields = Vec::with_capacity(records.num_columns());
    for (field, column) in records.schema().fields().iter().zip(records.columns()) {
        let whole = fill(column).map_err(|row| Error::Null {
            file: file.to_owned(),
            column: field.name().clone(),
            row: first_row + row as u64,
        })?;
        fields.push(Field::new(field.name(), whole.data_type().clone(), false).with_metadata(field.metadata().clone()));
        columns.push(whole);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(records.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|error| Error::Unsupported { file: file.to_owned(), message: error.to_string() })
}

/// The array without nulls, or the place of one that cannot be filled.
fn fill(array: &ArrayRef) -> std::result::Result<ArrayRef, usize> {
    let first_null = || array.nulls().and_then(|nulls| nulls.iter().position(|valid| !valid));
    let refuse = |_| 0_usize;
    match array.data_type() {
        DataType::Float32 if array.null_count() > 0 => {
            let values = array.as_primitive::<Float32Type>().iter().map(|v| v.unwrap_or(f32::NAN));
            Ok(Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(values)))
        }
        DataType::Float64 if array.null_count() > 0 => {
            let values = array.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN));
            Ok(Arc::new(PrimitiveArray::<Float64Type>::from_iter_values(values)))
        }
        DataType::List(element) => {
            if let Some(row) = first_null() {
                return Err(row);
            }
            let list = array.as_list::<i32>();
            let row_of = |index: usize| {
                list.value_offsets().partition_point(|offset| *offset as usize <= index).saturating_sub(1)
            };
            let values = fill(list.values()).map_err(row_of)?;
            let element = Field::new(element.name(), values.data_type().clone(), false);
            let filled = ListArray::try_new(Arc::new(element), list.offsets().clone(), values, None);
            Ok(Arc::new(filled.map_err(|_| refuse(()))?))
        }
        DataType::FixedSizeList(element, size) => {
            if let Some(row) = first_null() {
                return Err(row);
            }
            let list = array.as_fixed_size_list();
            let width = usize::try_from(*size).unwrap_or(0).max(1);
            let inner = list.values().slice(list.offset() * width, list.len() * width);
            let values = fill(&inner).map_err(|index| index / width)?;
            let element = Field::new(element.name(), values.data_type().clone(), false);
            let filled = FixedSizeListArray::try_new(Arc::new(element), *size, values, None);
            Ok(Arc::new(filled.map_err(|_| refuse(()))?))
        }
        _ => first_null().map_or_else(|| Ok(array.clone()), Err),
    }
}
