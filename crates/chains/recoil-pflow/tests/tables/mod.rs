//! Tables of lists for tests: one row, as a tree of ROOT would have them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Schema};

/// Writes a table with a row for each of the lists of a column, all columns having as many.
pub fn write(path: &Path, columns: &[(String, Vec<Vec<f64>>)]) -> String {
    let list = |rows: &Vec<Vec<f64>>| -> ArrayRef {
        let values = Float64Array::from(rows.concat());
        let item = Arc::new(Field::new("item", arrow_schema::DataType::Float64, false));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(rows.iter().map(Vec::len)), Arc::new(values), None))
    };
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, _)| Field::new(name, recoil_table::list_of(arrow_schema::DataType::Float64), false))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, rows)| list(rows)).collect();
    let address = recoil_table::Address::of_path(path).unwrap();
    let mut writer = recoil_table::create(&address, &schema).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.finish(None).unwrap();
    path.to_str().unwrap().to_owned()
}
