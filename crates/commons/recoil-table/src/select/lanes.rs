//! Columns of a batch as the evaluator reads them.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use super::program::{Input, Kind};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::jagged::local_offsets;

/// The values of one input.
pub(crate) struct Lane<'a> {
    pub values: LaneValues<'a>,
    /// Where values are missing; only floats may be, and read as NaN.
    pub nulls: Option<NullBuffer>,
    /// For a list column, where the list of each row begins and ends.
    pub offsets: Option<Cow<'a, [i32]>>,
}

pub(crate) enum LaneValues<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    /// Checked to be below 2^63.
    U64(&'a [u64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    Bool(BooleanArray),
    Text(StringArray),
}

/// The column of `input` in `batch`.
pub(crate) fn lane<'a>(batch: &'a Batch, input: &Input) -> Result<Lane<'a>> {
    let column = batch.column(&input.name)?;
    let (offsets, elements, range): (_, &ArrayRef, _) = match column.data_type() {
        DataType::List(_) => {
            let list = batch.any_list(&input.name)?;
            let (offsets, range) = local_offsets(list, 0..list.len());
            (Some(offsets), list.values(), range)
        }
        DataType::FixedSizeList(_, size) => {
            let list = column.as_fixed_size_list();
            let width = (*size).max(0) as usize;
            let offsets: Vec<i32> = (0..=list.len()).map(|row| (row * width) as i32).collect();
            let start = list.offset() * width;
            (Some(Cow::Owned(offsets)), list.values(), start..start + list.len() * width)
        }
        _ => (None, column, 0..column.len()),
    };
    let nulls = elements.nulls().filter(|nulls| nulls.null_count() > 0);
    let nulls = nulls.map(|nulls| nulls.slice(range.start, range.len())).filter(|nulls| nulls.null_count() > 0);
    let row_of = |index: usize| match &offsets {
        None => index,
        Some(offsets) => offsets.partition_point(|offset| *offset as usize <= index).saturating_sub(1),
    };
    if let (Some(nulls), true) = (&nulls, input.kind != Kind::Float) {
        let index = nulls.iter().position(|valid| !valid).unwrap_or(0);
        return Err(Error::Null {
            file: batch.file().to_string(),
            column: input.name.clone(),
            row: batch.place(row_of(index)),
        });
    }
    macro_rules! numbers {
        ($variant:ident, $arrow:ident) => {
            LaneValues::$variant(elements.as_primitive::<$arrow>().values().get(range).unwrap_or_default())
        };
    }
    let values = match elements.data_type() {
        DataType::Int8 => numbers!(I8, Int8Type),
        DataType::Int16 => numbers!(I16, Int16Type),
        DataType::Int32 => numbers!(I32, Int32Type),
        DataType::Int64 => numbers!(I64, Int64Type),
        DataType::UInt8 => numbers!(U8, UInt8Type),
        DataType::UInt16 => numbers!(U16, UInt16Type),
        DataType::UInt32 => numbers!(U32, UInt32Type),
        DataType::UInt64 => {
            let values = elements.as_primitive::<UInt64Type>().values().get(range).unwrap_or_default();
            if let Some(index) = values.iter().position(|value| i64::try_from(*value).is_err()) {
                return Err(Error::Lossy {
                    file: batch.file().to_string(),
                    column: input.name.clone(),
                    row: batch.place(row_of(index)),
                    value: values.get(index).copied().unwrap_or_default().to_string(),
                    expected: "the integers of selections (below 2^63)".to_owned(),
                });
            }
            LaneValues::U64(values)
        }
        DataType::Float32 => numbers!(F32, Float32Type),
        DataType::Float64 => numbers!(F64, Float64Type),
        DataType::Boolean => LaneValues::Bool(elements.as_boolean().slice(range.start, range.len())),
        DataType::Utf8 => LaneValues::Text(elements.as_string::<i32>().slice(range.start, range.len())),
        other => {
            return Err(Error::UnsupportedType {
                file: batch.file().to_string(),
                column: input.name.clone(),
                found: crate::type_name(other),
            });
        }
    };
    Ok(Lane { values, nulls, offsets })
}
