//! Branch types as column types, with structures taken apart into one column per member.

use std::sync::Arc;

use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use recoil_root::{Column, Prim, Type, Values};

use crate::types::{element, fixed_of, list_of};

/// One column that a branch gives: what is added to the branch's name, the type, and the members on the way to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub suffix: String,
    pub data_type: DataType,
    pub path: Vec<usize>,
}

/// The columns that a branch of type `ty` gives; none for what cannot be read.
pub(super) fn leaves(ty: &Type) -> Vec<Leaf> {
    let wrap = |inner: &Type, wrap: &dyn Fn(DataType) -> DataType| {
        leaves(inner).into_iter().map(|leaf| Leaf { data_type: wrap(leaf.data_type), ..leaf }).collect()
    };
    let plain = |data_type| vec![Leaf { suffix: String::new(), data_type, path: Vec::new() }];
    match ty {
        Type::Prim(prim) => plain(data_type(*prim)),
        Type::Str => plain(DataType::Utf8),
        Type::List(inner) => wrap(inner, &list_of),
        Type::Fixed { size, inner } => match i32::try_from(*size) {
            Ok(size) => wrap(inner, &|inner| fixed_of(inner, size)),
            Err(_) => Vec::new(),
        },
        Type::Struct(fields) => {
            let members = fields.iter().enumerate().flat_map(|(index, (name, ty))| {
                leaves(ty).into_iter().map(move |leaf| Leaf {
                    suffix: format!(".{name}{}", leaf.suffix),
                    path: std::iter::once(index).chain(leaf.path).collect(),
                    ..leaf
                })
            });
            members.collect()
        }
        Type::Unsupported(_) => Vec::new(),
    }
}

/// The Arrow type of numbers of a ROOT file.
#[must_use]
pub fn data_type(prim: Prim) -> DataType {
    match prim {
        Prim::Bool => DataType::Boolean,
        Prim::I8 => DataType::Int8,
        Prim::U8 => DataType::UInt8,
        Prim::I16 => DataType::Int16,
        Prim::U16 => DataType::UInt16,
        Prim::I32 => DataType::Int32,
        Prim::U32 => DataType::UInt32,
        Prim::I64 => DataType::Int64,
        Prim::U64 => DataType::UInt64,
        Prim::F32 => DataType::Float32,
        Prim::F64 => DataType::Float64,
    }
}

/// The values of one member of a branch, found by `path`; the error says what does not fit.
pub(super) fn array(column: Column, path: &[usize]) -> Result<ArrayRef, String> {
    match column {
        Column::Prim(values) => Ok(numbers(values)),
        Column::Str { offsets, bytes } => {
            let texts = offsets.windows(2).map(|window| {
                let range = usize::try_from(window[0]).unwrap_or(0)..usize::try_from(window[1]).unwrap_or(0);
                String::from_utf8_lossy(bytes.get(range).unwrap_or_default())
            });
            Ok(Arc::new(StringArray::from_iter_values(texts)))
        }
        Column::List { offsets, inner } => {
            let inner = array(*inner, path)?;
            let offsets: Result<Vec<i32>, _> = offsets.into_iter().map(i32::try_from).collect();
            let offsets = offsets.map_err(|_| "more than 2^31 elements in one batch".to_owned())?;
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let list = ListArray::try_new(element(inner.data_type().clone()), offsets, inner, None);
            Ok(Arc::new(list.map_err(|error| error.to_string())?))
        }
        Column::Fixed { size, inner } => {
            let inner = array(*inner, path)?;
            let size = i32::try_from(size).map_err(|error| error.to_string())?;
            let list = FixedSizeListArray::try_new(element(inner.data_type().clone()), size, inner, None);
            Ok(Arc::new(list.map_err(|error| error.to_string())?))
        }
        Column::Struct { fields, .. } => match path.split_first() {
            Some((first, rest)) => match fields.into_iter().nth(*first) {
                Some((_, column)) => array(column, rest),
                None => Err("a member is missing".to_owned()),
            },
            None => Err("a structure where a value was expected".to_owned()),
        },
    }
}

fn numbers(values: Values) -> ArrayRef {
    match values {
        Values::Bool(v) => Arc::new(BooleanArray::new(BooleanBuffer::from(v), None)),
        Values::I8(v) => Arc::new(PrimitiveArray::<Int8Type>::from(v)),
        Values::U8(v) => Arc::new(PrimitiveArray::<UInt8Type>::from(v)),
        Values::I16(v) => Arc::new(PrimitiveArray::<Int16Type>::from(v)),
        Values::U16(v) => Arc::new(PrimitiveArray::<UInt16Type>::from(v)),
        Values::I32(v) => Arc::new(PrimitiveArray::<Int32Type>::from(v)),
        Values::U32(v) => Arc::new(PrimitiveArray::<UInt32Type>::from(v)),
        Values::I64(v) => Arc::new(PrimitiveArray::<Int64Type>::from(v)),
        Values::U64(v) => Arc::new(PrimitiveArray::<UInt64Type>::from(v)),
        Values::F32(v) => Arc::new(PrimitiveArray::<Float32Type>::from(v)),
        Values::F64(v) => Arc::new(PrimitiveArray::<Float64Type>::from(v)),
    }
}
