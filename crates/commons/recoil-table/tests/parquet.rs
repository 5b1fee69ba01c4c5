//! Parquet round trips, projections, row ranges and typed access.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use recoil_table::{Address, Batch, ReadOptions, create, explode, field, implode, list_of, open};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        field("event", DataType::UInt32, "", "event number"),
        field("weight", DataType::Float64, "", ""),
        field("sample", DataType::Utf8, "", ""),
        field("tc_x", list_of(DataType::Float32), "cm", "x of the trigger cell"),
    ]))
}

/// Events `first..first + n`; event number k has k % 4 cells at x = k + i / 10.
fn events(first: u32, n: u32) -> RecordBatch {
    let element = Field::new("item", DataType::Float32, false);
    let mut x = ListBuilder::new(Float32Builder::new()).with_field(element);
    for event in first..first + n {
        for i in 0..event % 4 {
            x.values().append_value(event as f32 + i as f32 / 10.0);
        }
        x.append(true);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(first..first + n)),
        Arc::new(Float64Array::from_iter_values((first..first + n).map(|e| f64::from(e) * 0.5))),
        Arc::new(StringArray::from_iter_values((first..first + n).map(|e| format!("s{}", e % 3)))),
        Arc::new(x.finish()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn write(path: &Path, batches: &[RecordBatch]) {
    let mut writer = create(&Address::of_path(path).unwrap(), &schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish(Some(r#"{"seed":1}"#)).unwrap();
}

#[test]
fn rows_come_back_with_units_and_provenance() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path, &[events(0, 100), events(100, 150)]);
    let mut reader = open(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    assert_eq!(reader.schema(), schema());
    assert_eq!(reader.total_rows(), Some(250));
    assert_eq!(reader.provenance(), Some(r#"{"seed":1}"#));
    let all = reader.read_all().unwrap();
    assert_eq!(*all.records(), events(0, 250));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.parquet"), dir.path().join("b.parquet"));
    write(&a, &[events(0, 500)]);
    write(&b, &[events(0, 500)]);
    assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
}

#[test]
fn columns_and_row_ranges_are_read_in_bounded_batches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path, &[events(0, 1000)]);
    let options = ReadOptions { batch_rows: 100, ..ReadOptions::default() }.columns(["tc_x", "event"]).rows(150..420);
    let reader = open(path.to_str().unwrap(), &options).unwrap();
    let batches: Vec<Batch> = reader.map(Result::unwrap).collect();
    let expected = events(150, 270).project(&[3, 0]).unwrap();
    assert_eq!(batches.iter().map(Batch::first_row).collect::<Vec<_>>(), [150, 250, 350]);
    assert_eq!(*recoil_table::concat(&batches).unwrap().unwrap().records(), expected);

    let narrow = ReadOptions { batch_bytes: 64, ..ReadOptions::default() };
    let reader = open(path.to_str().unwrap(), &narrow).unwrap();
    let most = reader.map(|batch| batch.unwrap().rows()).max().unwrap();
    assert!(most <= 4, "{most} rows in a batch of 64 bytes");

    let behind = ReadOptions::default().rows(2000..3000);
    assert_eq!(open(path.to_str().unwrap(), &behind).unwrap().read_all().unwrap().rows(), 0);
}

#[test]
fn columns_come_out_as_slices_and_errors_name_the_place() {
    let batch = Batch::new(events(0, 8), "t.parquet", 1000);
    let x = batch.list::<f32>("tc_x").unwrap();
    assert_eq!(*x.offsets, [0, 0, 1, 3, 6, 6, 7, 9, 12]);
    assert_eq!(x.row(6), [6.0, 6.1]);
    assert_eq!(*batch.scalar_as::<i64>("event").unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let error = |result: recoil_table::Error| result.to_string();
    assert_eq!(
        error(batch.list::<f64>("tc_x").unwrap_err()),
        "t.parquet: column 'tc_x' is list<float32>, expected list<float64>"
    );
    assert_eq!(
        error(batch.scalar_as::<i32>("weight").unwrap_err()),
        "t.parquet: column 'weight': 0.5 at row 1001 does not fit int32"
    );
    assert_eq!(
        error(batch.list_as::<i32>("tc_x").unwrap_err()),
        "t.parquet: column 'tc_x': 2.0999999046325684 at row 1002 does not fit int32"
    );
    assert_eq!(error(batch.column("tcx").unwrap_err()), "t.parquet: no column 'tcx', did you mean 'tc_x'?");
}

#[test]
fn slices_of_a_batch_know_their_own_rows() {
    let batch = Batch::new(events(0, 12).slice(5, 4), "t", 5);
    let x = batch.list::<f32>("tc_x").unwrap();
    assert_eq!(*x.offsets, [0, 1, 3, 6, 6]);
    assert_eq!(*x.values, [5.0, 6.0, 6.1, 7.0, 7.1, 7.2]);
    assert_eq!(batch.list_as::<f64>("tc_x").unwrap().row(1).len(), 2);
}

#[test]
fn nulls_and_nan_are_refused_by_row() {
    let energy: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)]));
    let batch = Batch::new(RecordBatch::try_from_iter([("energy", energy)]).unwrap(), "t", 10);
    let null = batch.scalar::<f64>("energy").unwrap_err().to_string();
    assert_eq!(null, "t: column 'energy' is null at row 11");
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, f64::NAN]));
    let batch = Batch::new(RecordBatch::try_from_iter([("energy", nan)]).unwrap(), "t", 10);
    assert_eq!(batch.require_finite("energy").unwrap_err().to_string(), "t: column 'energy' is NaN at row 12");
}

#[test]
fn flat_rows_group_by_event_in_any_order_and_back() {
    let jagged = Batch::from(events(0, 40));
    let flat = explode(&jagged, &[], Some("tc_index")).unwrap();
    assert_eq!(flat.rows(), 60);
    let again = implode(&flat, "event", Some("tc_index"), &["weight", "sample"]).unwrap();
    let filled = (0..40).filter(|event| event % 4 != 0).count();
    assert_eq!(again.rows(), filled);

    let shuffled: Vec<u32> = (0..60).map(|i| (i * 37) % 60).collect();
    let columns = flat.records().columns().iter();
    let columns = columns.map(|c| arrow_select::take::take(c, &UInt32Array::from(shuffled.clone()), None).unwrap());
    let mixed = RecordBatch::try_new(flat.schema(), columns.collect()).unwrap();
    let regrouped = implode(&Batch::from(mixed), "event", Some("tc_index"), &["weight", "sample"]).unwrap();
    for (row, event) in regrouped.scalar::<u32>("event").unwrap().iter().enumerate() {
        let x = regrouped.list::<f32>("tc_x").unwrap();
        assert_eq!(x.row(row), jagged.list::<f32>("tc_x").unwrap().row(*event as usize));
    }
    let error = implode(&flat, "event", None, &["tc_index"]).unwrap_err().to_string();
    assert_eq!(error, "memory: event 2 at row 2: column 'tc_index' changes within one 'event'");
}

#[test]
fn collections_must_agree_in_length() {
    let list = |lengths: &[usize]| -> ArrayRef {
        let mut builder = ListBuilder::new(arrow_array::builder::Int64Builder::new());
        for &length in lengths {
            builder.append_value((0..length as i64).map(Some));
        }
        Arc::new(builder.finish())
    };
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let columns = [("id", ids), ("a", list(&[1, 2, 3])), ("b", list(&[1, 3, 2]))];
    let batch = Batch::new(RecordBatch::try_from_iter(columns).unwrap(), "t", 0);
    let error = batch.require_same_lengths(&["a", "b"]).unwrap_err().to_string();
    assert_eq!(error, "t: columns 'b' (3 elements) and 'a' (2) differ in length at row 1");
}
