//! Columns between ROOT's and Arrow's memory.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, BooleanArray, ListArray, PrimitiveArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use recoil_root::{Column, Prim, Type, Values};

/// The type that a column of such Arrow data has; `None` for anything but numbers and lists of numbers.
pub fn type_of(data_type: &DataType) -> Option<Type> {
    let prim = match data_type {
        DataType::Boolean => Prim::Bool,
        DataType::Int8 => Prim::I8,
        DataType::UInt8 => Prim::U8,
        DataType::Int16 => Prim::I16,
        DataType::UInt16 => Prim::U16,
        DataType::Int32 => Prim::I32,
        DataType::UInt32 => Prim::U32,
        DataType::Int64 => Prim::I64,
        DataType::UInt64 => Prim::U64,
        DataType::Float32 => Prim::F32,
        DataType::Float64 => Prim::F64,
        DataType::List(inner) => return type_of(inner.data_type()).map(Type::list),
        _ => return None,
    };
    Some(Type::Prim(prim))
}

/// The Arrow type of a column; `None` for types that tables do not hold.
pub fn data_type_of(ty: &Type) -> Option<DataType> {
    Some(match ty {
        Type::Prim(prim) => recoil_table::root::data_type(*prim),
        Type::List(inner) => recoil_table::list_of(data_type_of(inner)?),
        _ => return None,
    })
}

/// An Arrow array as a column; `None` for anything but numbers and lists of numbers, and where numbers are missing.
pub fn column_of(array: &ArrayRef) -> Option<Column> {
    fn values<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Column>
    where
        Values: From<Vec<T::Native>>,
    {
        let array = array.as_any().downcast_ref::<PrimitiveArray<T>>()?;
        Some(Column::Prim(array.values().to_vec().into()))
    }
    if array.null_count() > 0 {
        return None;
    }
    match array.data_type() {
        DataType::Boolean => {
            let array = array.as_any().downcast_ref::<BooleanArray>()?;
            Some(Column::Prim(array.values().iter().collect::<Vec<bool>>().into()))
        }
        DataType::Int8 => values::<Int8Type>(array),
        DataType::UInt8 => values::<UInt8Type>(array),
        DataType::Int16 => values::<Int16Type>(array),
        DataType::UInt16 => values::<UInt16Type>(array),
        DataType::Int32 => values::<Int32Type>(array),
        DataType::UInt32 => values::<UInt32Type>(array),
        DataType::Int64 => values::<Int64Type>(array),
        DataType::UInt64 => values::<UInt64Type>(array),
        DataType::Float32 => values::<Float32Type>(array),
        DataType::Float64 => values::<Float64Type>(array),
        DataType::List(_) => {
            let list = array.as_any().downcast_ref::<ListArray>()?;
            let first = *list.value_offsets().first()?;
            let last = *list.value_offsets().last()?;
            let offsets = list.value_offsets().iter().map(|offset| i64::from(offset - first)).collect();
            let length = usize::try_from(last - first).ok()?;
            let inner = column_of(&list.values().slice(usize::try_from(first).ok()?, length))?;
            Some(Column::List { offsets, inner: Box::new(inner) })
        }
        _ => None,
    }
}

/// A column as an Arrow array; `None` for strings, structs and more than 2^31 numbers.
pub fn array_of(column: Column) -> Option<ArrayRef> {
    fn array<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None))
    }
    Some(match column {
        Column::Prim(values) => match values {
            Values::Bool(values) => Arc::new(BooleanArray::from(values)),
            Values::I8(values) => array::<Int8Type>(values),
            Values::U8(values) => array::<UInt8Type>(values),
            Values::I16(values) => array::<Int16Type>(values),
            Values::U16(values) => array::<UInt16Type>(values),
            Values::I32(values) => array::<Int32Type>(values),
            Values::U32(values) => array::<UInt32Type>(values),
            Values::I64(values) => array::<Int64Type>(values),
            Values::U64(values) => array::<UInt64Type>(values),
            Values::F32(values) => array::<Float32Type>(values),
            Values::F64(values) => array::<Float64Type>(values),
        },
        Column::List { offsets, inner } => {
            let offsets: Option<Vec<i32>> = offsets.into_iter().map(|offset| i32::try_from(offset).ok()).collect();
            let values = array_of(*inner)?;
            let item = Arc::new(Field::new("item", values.data_type().clone(), false));
            let list = ListArray::try_new(item, OffsetBuffer::new(ScalarBuffer::from(offsets?)), values, None);
            Arc::new(list.ok()?)
        }
        Column::Fixed { .. } | Column::Str { .. } | Column::Struct { .. } => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_survive_the_way_there_and_back() {
        let list = |values: Values| Column::List { offsets: vec![0, 2, 2, 3], inner: Box::new(Column::Prim(values)) };
        let columns = [
            Column::Prim(vec![u64::MAX, 1, 2].into()),
            Column::Prim(vec![true, false, true].into()),
            list(vec![1.5_f32, 2.0, f32::MIN].into()),
            list(vec![-1_i64, 0, 7].into()),
            list(vec![true, false, false].into()),
        ];
        for column in columns {
            let array = array_of(column.clone()).unwrap();
            assert_eq!(data_type_of(&column.ty()).as_ref(), Some(array.data_type()));
            assert_eq!(column_of(&array), Some(column.clone()));
            assert_eq!(column_of(&array.slice(1, 2)), Some(column.slice(1, 3)));
        }
    }
}
