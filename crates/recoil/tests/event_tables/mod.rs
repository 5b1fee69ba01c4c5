//! Tables of events, read to be changed and written again.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array as _, ArrayRef, ListArray, RecordBatch};
use arrow_schema::{Field, Schema};

/// The columns of a table.
pub fn read(path: &str) -> Vec<(String, ArrayRef)> {
    let whole = recoil_table::open(path, &recoil_table::ReadOptions::default()).unwrap().read_all().unwrap();
    let schema = whole.schema();
    schema.fields().iter().map(|field| field.name().clone()).zip(whole.records().columns().to_vec()).collect()
}

/// Writes a table of these columns to `path`, which may name a tree.
pub fn write(path: &str, columns: Vec<(String, ArrayRef)>) {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let records = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let address = recoil_table::Address::parse(path).unwrap();
    let mut writer = recoil_table::create(&address, &records.schema()).unwrap();
    writer.write(&records).unwrap();
    writer.finish(None).unwrap();
}

/// Lists of numbers of the same type as `old`.
pub fn list(old: &ListArray, rows: &[Vec<f32>]) -> ArrayRef {
    match old.values().as_primitive_opt::<Int32Type>() {
        Some(_) => {
            let rows = rows.iter().map(|row| Some(row.iter().map(|value| Some(*value as i32))));
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
        }
        None => {
            let rows = rows.iter().map(|row| Some(row.iter().map(|value| Some(*value))));
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
        }
    }
}

/// The lists of numbers of a column.
pub fn rows(list: &ListArray) -> Vec<Vec<f32>> {
    let row = |row: ArrayRef| match row.as_primitive_opt::<Int32Type>() {
        Some(numbers) => numbers.values().iter().map(|value| *value as f32).collect(),
        None => row.as_primitive::<Float32Type>().values().to_vec(),
    };
    list.iter().map(|list| row(list.unwrap())).collect()
}
