//! The column types that tables hold, and how foreign ones become them.
//!
//! A table holds booleans, integers, `f32`/`f64`, UTF-8 strings, lists (`List`) and fixed-size lists of these, nested
//! as deep as wanted. On reading, dictionaries are decoded, large and view types become the plain ones, half floats
//! become `f32`, and time stamps and dates become integers with their unit in the field's metadata.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// Metadata key of a column's unit ("cm", "GeV", ...).
pub const UNIT: &str = "unit";
/// Metadata key of a column's one-line meaning.
pub const DOC: &str = "doc";
/// Metadata key under which a table's provenance record (JSON) travels.
pub const PROVENANCE: &str = "recoil.provenance";

/// A column definition with unit and meaning.
///
/// ```
/// use arrow_schema::DataType;
/// let field = recoil_table::field("tc_x", recoil_table::list_of(DataType::Float32), "cm", "x of the trigger cell");
/// assert_eq!(recoil_table::unit(&field), Some("cm"));
/// ```
pub fn field(name: &str, data_type: DataType, unit: &str, doc: &str) -> Field {
    let pairs = [(UNIT, unit), (DOC, doc)].into_iter().filter(|(_, text)| !text.is_empty());
    Field::new(name, data_type, false)
        .with_metadata(pairs.map(|(key, text)| (key.to_owned(), text.to_owned())).collect())
}

/// Element type of a column as chains define theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ColumnType {
    I16,
    U16,
    I32,
    U32,
    I64,
    F32,
    F64,
    Text,
}

impl ColumnType {
    /// The type of a table's column.
    pub fn data_type(self) -> DataType {
        match self {
            Self::I16 => DataType::Int16,
            Self::U16 => DataType::UInt16,
            Self::I32 => DataType::Int32,
            Self::U32 => DataType::UInt32,
            Self::I64 => DataType::Int64,
            Self::F32 => DataType::Float32,
            Self::F64 => DataType::Float64,
            Self::Text => DataType::Utf8,
        }
    }
}

/// The type of a per-event collection of `inner`.
pub fn list_of(inner: DataType) -> DataType {
    DataType::List(element(inner))
}

/// The type of an array of `size` values per row.
pub fn fixed_of(inner: DataType, size: i32) -> DataType {
    DataType::FixedSizeList(element(inner), size)
}

pub(crate) fn element(inner: DataType) -> FieldRef {
    Arc::new(Field::new("item", inner, false))
}

/// The unit of a column, when it is known.
pub fn unit(field: &Field) -> Option<&str> {
    field.metadata().get(UNIT).map(String::as_str)
}

/// The meaning of a column, when it is known.
pub fn doc(field: &Field) -> Option<&str> {
    field.metadata().get(DOC).map(String::as_str)
}

/// A type as it is shown to people and in `--json`: `float32`, `list<float32>`, `float32[3]`, `string`.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::List(inner) | DataType::LargeList(inner) => format!("list<{}>", type_name(inner.data_type())),
        DataType::FixedSizeList(inner, size) => format!("{}[{size}]", type_name(inner.data_type())),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_lowercase(),
    }
}

/// The table type of a foreign type and the unit that it implies, or `None` when tables hold nothing like it.
fn plain(data_type: &DataType) -> Option<(DataType, Option<&'static str>)> {
    use DataType as D;
    let same = |data_type: DataType| Some((data_type, None));
    match data_type {
        D::Boolean | D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => {
            same(data_type.clone())
        }
        D::Float32 | D::Float64 | D::Utf8 => same(data_type.clone()),
        D::Float16 => same(D::Float32),
        D::LargeUtf8 | D::Utf8View => same(D::Utf8),
        D::Timestamp(unit, _) => Some((D::Int64, Some(time_unit(*unit)))),
        D::Date32 => Some((D::Int32, Some("days since 1970-01-01"))),
        D::Dictionary(_, value) => plain(value),
        D::List(inner) | D::LargeList(inner) | D::ListView(inner) | D::LargeListView(inner) => {
            let (kept, unit) = plain(inner.data_type())?;
            Some((D::List(Arc::new(Field::new("item", kept, inner.is_nullable()))), unit))
        }
        D::FixedSizeList(inner, size) => {
            let (kept, unit) = plain(inner.data_type())?;
            Some((D::FixedSizeList(Arc::new(Field::new("item", kept, inner.is_nullable())), *size), unit))
        }
        _ => None,
    }
}

fn time_unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s since 1970-01-01",
        TimeUnit::Millisecond => "ms since 1970-01-01",
        TimeUnit::Microsecond => "us since 1970-01-01",
        TimeUnit::Nanosecond => "ns since 1970-01-01",
    }
}

/// The table column that a foreign column becomes; only `unit` and `doc` of its metadata are kept.
pub(crate) fn plain_field(file: &str, field: &Field) -> Result<Field> {
    let Some((data_type, implied)) = plain(field.data_type()) else {
        return Err(Error::UnsupportedType {
            file: file.to_owned(),
            column: field.name().clone(),
            found: type_name(field.data_type()),
        });
    };
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key == UNIT || key == DOC);
    if let Some(unit) = implied {
        metadata.entry(UNIT.to_owned()).or_insert_with(|| unit.to_owned());
    }
    Ok(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata))
}

/// The array as the table type `field` (which [`plain_field`] has made of the array's own).
pub(crate) fn plain_array(file: &str, field: &Field, array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type() == field.data_type() {
        return Ok(array.clone());
    }
    arrow_cast::cast(array, field.data_type()).map_err(|error| Error::Malformed {
        file: file.to_owned(),
        format: "table data",
        message: format!("column '{}': {error}", field.name()),
    })
}

/// Schema with the columns `names` of `schema` in the order of `names`; all columns without `names`.
pub(crate) fn project(file: &str, schema: &Schema, names: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(names) = names else { return Ok((0..schema.fields().len()).collect()) };
    names.iter().map(|name| position(file, schema, name)).collect()
}

/// Where the column `name` stands in `schema`.
pub(crate) fn position(file: &str, schema: &Schema, name: &str) -> Result<usize> {
    schema.fields().iter().position(|f| f.name() == name).ok_or_else(|| Error::UnknownColumn {
        file: file.to_owned(),
        column: name.to_owned(),
        hint: crate::Hint::nearest(name, schema.fields().iter().map(|f| f.name().as_str())),
    })
}

/// Schema of the given fields, without metadata of its own.
pub(crate) fn schema_of(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_types_become_plain_ones() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::LargeUtf8));
        assert_eq!(plain(&dictionary), Some((DataType::Utf8, None)));
        let nested = DataType::LargeList(element(DataType::LargeList(element(DataType::Float16))));
        assert_eq!(plain(&nested).map(|(t, _)| type_name(&t)).as_deref(), Some("list<list<float32>>"));
        assert_eq!(plain(&DataType::Decimal128(10, 2)), None);
        assert_eq!(type_name(&fixed_of(DataType::Float32, 3)), "float32[3]");
    }
}
