//! Files that pandas, pyarrow and NumPy wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use recoil_table::{Batch, ReadOptions, contents, open, type_name, unit};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/table").join(name)
}

fn read(name: &str) -> Batch {
    open(path(name).to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn error(name: &str) -> String {
    let opened = open(path(name).to_str().unwrap(), &ReadOptions::default());
    let error = opened.and_then(|mut reader| reader.read_all()).unwrap_err().to_string();
    error.replace(path("").to_str().unwrap(), "")
}

fn check_parquet(batch: &Batch, rows: usize) {
    assert_eq!(batch.rows(), rows);
    let schema = batch.schema();
    let types: Vec<String> =
        schema.fields().iter().map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect();
    assert_eq!(
        types,
        [
            "event int64",
            "id uint64",
            "pt float32",
            "half float32",
            "good bool",
            "gap float64",
            "sample string",
            "jets list<float32>",
            "large list<float64>",
            "names string",
            "nested list<list<int32>>",
            "pos float32[3]",
            "time int64"
        ]
    );
    assert_eq!(unit(schema.field_with_name("time").unwrap()), Some("us since 1970-01-01"));
    let events = batch.scalar::<i64>("event").unwrap();
    let ids = batch.scalar::<u64>("id").unwrap();
    let (size, positions) = batch.fixed::<f32>("pos").unwrap();
    let nested = batch.nested_as::<i64>("nested").unwrap();
    for i in 0..rows {
        assert_eq!(events[i], i as i64 * 7 + 9_007_199_254_740_993);
        assert_eq!(ids[i], u64::MAX - i as u64);
        assert_eq!(batch.scalar::<f32>("pt").unwrap()[i], i as f32 * 0.25);
        assert_eq!(batch.scalar::<f32>("half").unwrap()[i], i as f32 * 0.25);
        assert_eq!(batch.bools("good").unwrap().value(i), i % 3 == 0);
        assert_eq!(batch.column("gap").unwrap().is_null(i), i % 5 == 2);
        assert_eq!(batch.strings("sample").unwrap().value(i), format!("pu{}", i % 2 * 200));
        assert_eq!(batch.strings("names").unwrap().value(i), format!("row {i}"));
        let jets: Vec<f32> = (0..i % 4).map(|j| i as f32 + j as f32 / 4.0).collect();
        assert_eq!(batch.list::<f32>("jets").unwrap().row(i), jets);
        assert_eq!(batch.list_as::<f32>("large").unwrap().row(i), jets);
        let all = [vec![i as i64], vec![], vec![i as i64, i as i64 + 1]];
        assert!(nested.row(i).eq(all[..i % 4].iter().map(Vec::as_slice)));
        assert_eq!(positions[i * size..(i + 1) * size], [i as f32, i as f32 + 1.0, i as f32 + 2.0]);
        assert_eq!(batch.scalar::<i64>("time").unwrap()[i], i as i64 * 1000);
    }
    let null = batch.scalar_as::<f64>("gap").unwrap_err().to_string();
    assert!(null.ends_with("column 'gap' is null at row 2"), "{null}");
}

#[test]
fn parquet_of_pyarrow_in_every_codec() {
    for codec in ["none", "snappy", "gzip", "zstd", "lz4"] {
        check_parquet(&read(&format!("{codec}.parquet")), 60);
    }
    check_parquet(&read("v2.parquet"), 20);
}

#[test]
fn row_ranges_cross_row_groups() {
    let options = ReadOptions { batch_rows: 7, ..ReadOptions::default() }.columns(["event"]).rows(20..55);
    let mut reader = open(path("zstd.parquet").to_str().unwrap(), &options).unwrap();
    assert_eq!(reader.total_rows(), Some(35));
    let events = reader.read_all().unwrap();
    let expected: Vec<i64> = (20..55).map(|i| i * 7 + 9_007_199_254_740_993).collect();
    assert_eq!(events.scalar::<i64>("event").unwrap(), expected);
}

#[test]
fn the_index_of_pandas_is_a_column() {
    let batch = read("pandas_index.parquet");
    assert_eq!(batch.rows(), 60);
    assert_eq!(batch.scalar::<i64>("event").unwrap()[1], 9_007_199_254_741_000);
    assert!(batch.schema().metadata().is_empty());
}

#[test]
fn a_type_that_tables_do_not_hold_is_named_and_the_rest_can_be_read() {
    assert_eq!(
        error("decimal.parquet"),
        "decimal.parquet: column 'money' has type decimal128(9, 2), which tables do not hold; name the columns to read"
    );
    let options = ReadOptions::default().columns(["x"]);
    let batch = open(path("decimal.parquet").to_str().unwrap(), &options).unwrap().read_all().unwrap();
    assert_eq!(batch.scalar::<f64>("x").unwrap(), [1.0, 2.0, 3.0]);
}

#[test]
fn arrays_of_numpy() {
    let expected: Vec<f32> = (0..60).map(|i| i as f32 * 0.25).collect();
    assert_eq!(read("plain.npy").scalar::<f32>("value").unwrap(), expected);
    let matrix = read("matrix.npy");
    assert_eq!(matrix.fixed::<f64>("value").unwrap().0, 3);
    assert_eq!(matrix.fixed::<f64>("value").unwrap().1, (0..12).map(f64::from).collect::<Vec<_>>());

    let fortran = read("fortran.npy");
    assert_eq!(type_name(fortran.schema().field(0).data_type()), "int32[2][3]");
    let inner = fortran.column("value").unwrap().as_fixed_size_list().values().clone();
    let flat = inner.as_fixed_size_list().values().as_primitive::<Int32Type>().values().to_vec();
    assert_eq!(flat, (0..24).collect::<Vec<_>>());

    let record = read("record.npy");
    assert_eq!(record.scalar::<i64>("event").unwrap()[4], (1 << 60) + 4);
    assert_eq!(record.fixed::<f32>("xy").unwrap().1[6..], [6.0, 7.0, 8.0, 9.0]);
    assert_eq!(record.strings("tag").unwrap().iter().flatten().collect::<Vec<_>>(), ["a", "bb", "ccc", "dddd", ""]);
    assert_eq!(record.strings("name").unwrap().iter().flatten().collect::<Vec<_>>(), ["α", "β", "γδ", "", "abcde"]);
    assert!(record.bools("ok").unwrap().value(2));
    assert_eq!(record.scalar::<f32>("h").unwrap(), [0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(error("objects.npy"), "objects.npy: arrays of Python objects are not read");
}

#[test]
fn archives_of_numpy() {
    let columns = read("columns.npz");
    assert_eq!(columns.scalar::<u32>("event").unwrap(), (0..10).collect::<Vec<u32>>());
    assert_eq!(type_name(columns.schema().field(1).data_type()), "bool[2]");

    let jagged = read("jagged.npz");
    let hits = jagged.list::<f32>("hits").unwrap();
    assert_eq!(*hits.offsets, [0, 0, 1, 3, 6, 6, 7, 9, 12, 12, 13]);
    assert_eq!(hits.row(9), [12.0]);
    let options = ReadOptions { batch_rows: 3, ..ReadOptions::default() }.columns(["hits"]).rows(2..8);
    let tail = open(path("jagged.npz").to_str().unwrap(), &options).unwrap().read_all().unwrap();
    assert_eq!(*tail.list::<f32>("hits").unwrap().values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);

    assert_eq!(
        error("lengths.npz"),
        "lengths.npz: name the array to read as FILE:NAME, there is a (3 rows), b (4 rows)"
    );
    let address = format!("{}:b", path("lengths.npz").display());
    let b = open(&address, &ReadOptions::default()).unwrap().read_all().unwrap();
    assert_eq!(b.column("b").unwrap().as_primitive::<Int64Type>().values(), &[0, 1, 2, 3]);
    let objects = contents(&path("jagged.npz")).unwrap();
    assert_eq!(objects[1].name, "hits");
    assert_eq!(objects[1].class, "array of float32, shape (13)");
}
