//! Writing a tree batch after batch.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use recoil_root::write::{FileWriter, Options, TreeWriter};
use recoil_root::{Column, Prim, Type};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::filled::filled;
use crate::stream::BatchWriter;
use crate::types::{DOC, PROVENANCE, UNIT, doc, type_name, unit};

/// A tree that grows batch after batch, in a ROOT file of its own.
///
/// A missing floating-point value is written as NaN; any other missing value is an error, since a tree has no nulls.
pub struct RootWriter {
    place: String,
    writer: FileWriter,
    tree: TreeWriter,
    rows: u64,
    /// Units and meanings, as they go into the file.
    columns: Option<String>,
}

impl RootWriter {
    /// Creates the file with the tree that `address` names ([`super::DEFAULT_TREE`] without a name).
    pub fn create(address: &Address, schema: &SchemaRef) -> Result<Self> {
        let place = address.to_string();
        let columns: Result<Vec<(&str, Type)>> = schema
            .fields()
            .iter()
            .map(|field| {
                let unsupported = || Error::UnsupportedType {
                    file: place.clone(),
                    column: field.name().clone(),
                    found: type_name(field.data_type()),
                };
                Ok((field.name().as_str(), ty(field.data_type()).ok_or_else(unsupported)?))
            })
            .collect();
        let options = Options { share_counters: false, ..Options::default() };
        let mut writer = FileWriter::create(&address.path, options)?;
        let tree = writer.tree(address.member.as_deref().unwrap_or(super::DEFAULT_TREE), "", &columns?)?;
        Ok(Self { place, writer, tree, rows: 0, columns: described(schema) })
    }
}

impl BatchWriter for RootWriter {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        let records = filled(&self.place, self.rows, records)?;
        let columns: Option<Vec<Column>> = records.columns().iter().map(column).collect();
        let columns = columns.ok_or_else(|| Error::Unsupported {
            file: self.place.clone(),
            message: "rows of other types than the tree was made for".to_owned(),
        })?;
        self.rows += records.num_rows() as u64;
        Ok(self.tree.extend(&columns)?)
    }

    fn finish(self: Box<Self>, provenance: Option<&str>) -> Result<()> {
        let Self { mut writer, tree, columns, .. } = *self;
        tree.finish()?;
        if let Some(columns) = columns {
            writer.text(super::COLUMNS, &columns)?;
        }
        if let Some(record) = provenance {
            writer.text(PROVENANCE, record)?;
        }
        writer.finish()?;
        Ok(())
    }
}

fn described(schema: &SchemaRef) -> Option<String> {
    let columns: BTreeMap<&str, BTreeMap<&str, &str>> = schema
        .fields()
        .iter()
        .map(|field| {
            let known = [(UNIT, unit(field)), (DOC, doc(field))];
            (field.name().as_str(), known.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
        })
        .filter(|(_, known): &(_, BTreeMap<_, _>)| !known.is_empty())
        .collect();
    if columns.is_empty() { None } else { serde_json::to_string(&columns).ok() }
}

fn ty(data_type: &DataType) -> Option<Type> {
    Some(match data_type {
        DataType::Boolean => Type::Prim(Prim::Bool),
        DataType::Int8 => Type::Prim(Prim::I8),
        DataType::UInt8 => Type::Prim(Prim::U8),
        DataType::Int16 => Type::Prim(Prim::I16),
        DataType::UInt16 => Type::Prim(Prim::U16),
        DataType::Int32 => Type::Prim(Prim::I32),
        DataType::UInt32 => Type::Prim(Prim::U32),
        DataType::Int64 => Type::Prim(Prim::I64),
        DataType::UInt64 => Type::Prim(Prim::U64),
        DataType::Float32 => Type::Prim(Prim::F32),
        DataType::Float64 => Type::Prim(Prim::F64),
        DataType::Utf8 => Type::Str,
        DataType::List(inner) => Type::list(ty(inner.data_type())?),
        DataType::FixedSizeList(inner, size) => Type::fixed(usize::try_from(*size).ok()?, ty(inner.data_type())?),
        _ => return None,
    })
}

fn column(array: &ArrayRef) -> Option<Column> {
    macro_rules! numbers {
        ($arrow:ident) => {
            Column::Prim(array.as_primitive::<$arrow>().values().to_vec().into())
        };
    }
    Some(match array.data_type() {
        DataType::Boolean => Column::Prim(array.as_boolean().values().iter().collect::<Vec<bool>>().into()),
        DataType::Int8 => numbers!(Int8Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float32 => numbers!(Float32Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            let (offsets, first, end) = rebase(texts.value_offsets());
            Column::Str { offsets, bytes: texts.value_data().get(first..end)?.to_vec() }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (offsets, first, end) = rebase(list.value_offsets());
            Column::List { offsets, inner: Box::new(column(&list.values().slice(first, end - first))?) }
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*size).ok()?;
            let inner = list.values().slice(list.offset() * size, list.len() * size);
            Column::Fixed { size, inner: Box::new(column(&inner)?) }
        }
        _ => return None,
    })
}

/// Offsets from 0, and the range that they count.
fn rebase(offsets: &[i32]) -> (Vec<i64>, usize, usize) {
    let first = offsets.first().copied().unwrap_or(0);
    let end = offsets.last().copied().unwrap_or(first);
    let rebased = offsets.iter().map(|offset| i64::from(offset - first)).collect();
    (rebased, first as usize, end as usize)
}
