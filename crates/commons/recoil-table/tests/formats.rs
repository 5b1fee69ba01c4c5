//! The same rows through every format, and files that are damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int32Builder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, UInt32Array,
};
use arrow_schema::{DataType, Field};
use recoil_table::{Address, Batch, ReadOptions, Selection, addresses, create, open, open_all, open_selected};

fn list(rows: usize, value: impl Fn(usize, usize) -> f32) -> ArrayRef {
    let element = Field::new("item", DataType::Float32, false);
    let mut builder = ListBuilder::new(Float32Builder::new()).with_field(element);
    for row in 0..rows {
        (0..row % 4).for_each(|i| builder.values().append_value(value(row, i)));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// Scalars and lists of numbers, which every format but `.npy` holds.
fn numbers(rows: usize) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event", Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|i| i + (1 << 60))))),
        ("weight", Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64 / 7.0)))),
        ("tc_x", list(rows, |row, i| row as f32 + 0.1 * i as f32)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Also strings, truth values, fixed-size lists and lists of lists.
fn everything(rows: usize) -> RecordBatch {
    let numbers = numbers(rows);
    let mut nested =
        ListBuilder::new(ListBuilder::new(Int32Builder::new()).with_field(Field::new("item", DataType::Int32, false)))
            .with_field(Field::new("item", recoil_table::list_of(DataType::Int32), false));
    for row in 0..rows {
        for i in 0..row % 3 {
            (0..i).for_each(|j| nested.values().values().append_value((row + j) as i32));
            nested.values().append(true);
        }
        nested.append(true);
    }
    let element = Arc::new(Field::new("item", DataType::Float32, false));
    let flat = Float32Array::from_iter_values((0..rows * 3).map(|i| i as f32));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(UInt32Array::from_iter_values((0..rows as u32).map(|i| u32::MAX - i)))),
        ("good", Arc::new(BooleanArray::from((0..rows).map(|i| i % 3 == 0).collect::<Vec<_>>()))),
        ("name", Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("a \"{i}\", β"))))),
        ("pos", Arc::new(FixedSizeListArray::new(element, 3, Arc::new(flat), None))),
        ("steps", Arc::new(nested.finish())),
    ];
    for (name, column) in ["event", "weight", "tc_x"].into_iter().zip(numbers.columns()) {
        columns.push((name, column.clone()));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write(path: &Path, batches: &[RecordBatch]) {
    let address = Address::parse(path.to_str().unwrap()).unwrap();
    let mut writer = create(&address, &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish(Some("{}")).unwrap();
}

fn read(path: &Path, options: &ReadOptions) -> Batch {
    open(path.to_str().unwrap(), options).unwrap().read_all().unwrap()
}

fn assert_same_columns(found: &Batch, expected: &RecordBatch, what: &str) {
    for (field, column) in expected.schema().fields().iter().zip(expected.columns()) {
        assert_eq!(found.column(field.name()).unwrap().as_ref(), column.as_ref(), "{what} {}", field.name());
    }
}

#[test]
fn rows_come_back_through_every_format() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["t.parquet", "t.root", "t.npz", "t.csv", "t.csv.gz"] {
        let path = dir.path().join(name);
        let whole = match name {
            "t.parquet" | "t.root" => everything(500),
            _ => numbers(500),
        };
        write(&path, &[whole.slice(0, 130), whole.slice(130, 370)]);
        let expected = if name.starts_with("t.csv") { None } else { Some(whole.clone()) };
        let found = read(&path, &ReadOptions::default());
        assert_eq!(found.rows(), 500, "{name}");
        match expected {
            Some(expected) => assert_same_columns(&found, &expected, name),
            None => {
                assert_eq!(found.column("event").unwrap(), whole.column(0));
                let (a, b) = (found.list_as::<f32>("tc_x").unwrap(), Batch::from(whole.clone()));
                assert_eq!(a, b.list::<f32>("tc_x").unwrap());
            }
        }
        let options = ReadOptions { batch_rows: 33, ..ReadOptions::default() }.columns(["tc_x", "event"]).rows(97..301);
        let reader = open(path.to_str().unwrap(), &options).unwrap();
        assert_eq!(reader.total_rows(), Some(204), "{name}");
        let batches: Vec<Batch> = reader.map(Result::unwrap).collect();
        assert!(batches.iter().all(|batch| batch.rows() <= 33), "{name}");
        assert_eq!(batches[0].first_row(), 97, "{name}");
        let part = recoil_table::concat(&batches).unwrap().unwrap();
        assert_eq!(part.schema().field(0).name(), "tc_x", "{name}");
        assert_eq!(part.scalar_as::<i64>("event").unwrap().len(), 204, "{name}");
        let all = Batch::from(whole.slice(97, 204));
        assert_eq!(part.list_as::<f32>("tc_x").unwrap(), all.list::<f32>("tc_x").unwrap(), "{name}");
        assert!(open(path.to_str().unwrap(), &ReadOptions::default().rows(900..950)).unwrap().read_all().is_ok());
    }
}

#[test]
fn units_and_meanings_survive_in_root_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.root");
    let numbers = numbers(5);
    let fields = [
        recoil_table::field("event", DataType::Int64, "", "event number"),
        recoil_table::field("weight", DataType::Float64, "GeV", ""),
        recoil_table::field("tc_x", recoil_table::list_of(DataType::Float32), "cm", "x of the trigger cell"),
    ];
    let schema = Arc::new(arrow_schema::Schema::new(fields.to_vec()));
    write(&path, &[RecordBatch::try_new(schema.clone(), numbers.columns().to_vec()).unwrap()]);
    assert_eq!(open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().schema(), schema);
}

#[test]
fn structured_arrays_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.npy");
    let whole = everything(50).project(&[0, 1, 3, 5, 6]).unwrap();
    write(&path, &[whole.slice(0, 20), whole.slice(20, 30)]);
    assert_same_columns(&read(&path, &ReadOptions::default()), &whole, "npy");
    let refused = create(&Address::of_path(&path).unwrap(), &numbers(3).schema()).err().unwrap().to_string();
    assert!(
        refused.ends_with("column 'tc_x' of type list<float32> does not fit into one array: write .npz or .parquet")
    );
}

#[test]
fn strings_come_back_from_archives_and_text() {
    let dir = tempfile::tempdir().unwrap();
    let whole = everything(40).project(&[2, 0]).unwrap();
    for name in ["t.npz", "t.csv"] {
        let path = dir.path().join(name);
        write(&path, std::slice::from_ref(&whole));
        let found = read(&path, &ReadOptions::default());
        assert_eq!(found.column("name").unwrap(), whole.column(0), "{name}");
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["parquet", "root", "npz", "csv", "csv.gz"] {
        let (a, b) = (dir.path().join(format!("a.{name}")), dir.path().join(format!("b.{name}")));
        write(&a, &[numbers(300)]);
        write(&b, &[numbers(300)]);
        let (mut a, mut b) = (std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
        if name == "root" {
            // a ROOT file holds its own name
            let strip = |bytes: &mut Vec<u8>| bytes.retain(|byte| !b"ab".contains(byte));
            strip(&mut a);
            strip(&mut b);
            a.truncate(500);
            b.truncate(500);
        }
        assert!(a == b, "{name}");
    }
}

#[test]
fn text_tables_tell_their_types_and_their_faults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    let text = "event, pt,tag,ok,hits\n1,2.5,x,true,\"[1, 2]\"\n2,,\"y, z\",false,[]\n3,nan,,TRUE,[3.5]\n";
    std::fs::write(&path, text).unwrap();
    let batch = read(&path, &ReadOptions::default());
    assert_eq!(batch.scalar::<i64>("event").unwrap(), [1, 2, 3]);
    assert!(batch.column("pt").unwrap().is_null(1));
    assert_eq!(batch.strings("tag").unwrap().value(1), "y, z");
    assert!(batch.bools("ok").unwrap().value(2));
    assert_eq!(batch.list::<f64>("hits").unwrap().row(0), [1.0, 2.0]);

    std::fs::write(&path, "1.5,2\n3,4\n").unwrap();
    let named = ReadOptions { csv_names: Some(vec!["a".into(), "b".into()]), ..ReadOptions::default() };
    assert_eq!(read(&path, &named).scalar::<f64>("a").unwrap(), [1.5, 3.0]);

    assert_eq!(read(&path, &ReadOptions::default()).scalar::<i64>("c1").unwrap(), [2, 4]);

    std::fs::write(&path, "a,b\n1,2\n1,2,3\n").unwrap();
    let error = open(path.to_str().unwrap(), &ReadOptions::default()).err().unwrap().to_string();
    assert!(error.contains("t.csv: damaged or not CSV: at or behind row 0"), "{error}");
    std::fs::write(&path, "a,a\n1,2\n").unwrap();
    let error = open(path.to_str().unwrap(), &ReadOptions::default()).err().unwrap().to_string();
    assert!(error.ends_with("the header names column 'a' twice"), "{error}");
    std::fs::write(&path, "").unwrap();
    assert_eq!(read(&path, &ReadOptions::default()).rows(), 0);
}

#[test]
fn several_files_are_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let whole = numbers(90);
    for (index, start) in [0, 30, 60].into_iter().enumerate() {
        let extension = ["parquet", "npz", "root"][index];
        write(&dir.path().join(format!("part{index}.{extension}")), &[whole.slice(start, 30)]);
    }
    write(&dir.path().join("other.npz"), &[whole.project(&[0, 2]).unwrap()]);
    let pattern = dir.path().join("part?.npz");
    let found = addresses(&[pattern.to_str().unwrap()]).unwrap();
    assert_eq!(found.len(), 1);
    let names: Vec<String> =
        ["part0.parquet", "part1.npz", "part2.root"].iter().map(|n| dir.path().join(n).display().to_string()).collect();
    let all = addresses(&names).unwrap();
    assert_same_columns(&open_all(&all, &ReadOptions::default()).unwrap().read_all().unwrap(), &whole, "chain");
    let part = open_all(&all, &ReadOptions::default().rows(20..70)).unwrap().read_all().unwrap();
    assert_same_columns(&part, &whole.slice(20, 50), "chain");
    let odd = addresses(&[&names[0], &dir.path().join("other.npz").display().to_string()]).unwrap();
    let error = open_all(&odd, &ReadOptions::default()).err().unwrap().to_string();
    assert!(error.contains("other.npz: column 'weight' is missing (first file: "), "{error}");
}

#[test]
fn selections_read_only_what_they_need() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.root");
    write(&path, &[numbers(200)]);
    let all = addresses(&[path.to_str().unwrap()]).unwrap();
    let selection = Selection::parse("weight > 10 and len(tc_x) == 2").unwrap();
    let options = ReadOptions::default().columns(["event"]);
    let passed = open_selected(&all, &options, Some(&selection)).unwrap().read_all().unwrap();
    assert_eq!(passed.schema().fields().len(), 1);
    let expected: Vec<i64> = (0..200).filter(|i| *i as f64 / 7.0 > 10.0 && i % 4 == 2).map(|i| i + (1 << 60)).collect();
    assert_eq!(passed.scalar::<i64>("event").unwrap(), expected);
    let wrong = Selection::parse("weight > 10 and len(tc_xx) == 2").unwrap();
    let error = open_selected(&all, &options, Some(&wrong)).err().unwrap().to_string();
    assert!(error.starts_with("unknown column 'tc_xx' at column 21, did you mean 'tc_x'?"), "{error}");
}

/// Changes `bytes` in one of several ways.
fn mutate(bytes: &mut Vec<u8>, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % n.max(1)
    };
    match below(4) {
        0 => bytes.truncate(below(bytes.len())),
        1 => {
            for _ in 0..=below(4) {
                let at = below(bytes.len());
                bytes[at] ^= 1 << below(8);
            }
        }
        2 => {
            let (at, length) = (below(bytes.len()), 1 + below(40));
            bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0);
        }
        _ => {
            // the last bytes hold the directories of Parquet and ZIP
            let at = bytes.len() - 1 - below(bytes.len().min(600));
            bytes[at] = below(256) as u8;
        }
    }
}

fn survive(paths: &[PathBuf], mutants: u64) {
    let dir = tempfile::tempdir().unwrap();
    let (mut read, mut refused) = (0, 0);
    for path in paths {
        let whole = std::fs::read(path).unwrap();
        for seed in 0..mutants {
            let mut bytes = whole.clone();
            mutate(&mut bytes, seed + 1);
            let file = dir.path().join(path.file_name().unwrap());
            std::fs::write(&file, &bytes).unwrap();
            let opened = open(file.to_str().unwrap(), &ReadOptions::default());
            match opened.and_then(|mut reader| reader.read_all()) {
                Ok(batch) => {
                    read += 1;
                    std::hint::black_box(format!("{:?}", batch.records().columns().len()));
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(&*path.file_name().unwrap().to_string_lossy()), "{error}");
                }
            }
        }
    }
    assert!(refused > 0 && read > 0, "{read} damaged files read, {refused} refused");
}

#[test]
fn damaged_files_are_read_or_refused_without_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for name in ["d.parquet", "d.npz", "d.csv", "d.csv.gz"] {
        let path = dir.path().join(name);
        write(&path, &[if name == "d.parquet" { everything(60) } else { numbers(60) }]);
        paths.push(path);
    }
    let path = dir.path().join("d.npy");
    write(&path, &[everything(50).project(&[0, 1, 3, 5, 6]).unwrap()]);
    paths.push(path);
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/table");
    paths.extend(["gzip.parquet", "v2.parquet", "jagged.npz", "record.npy"].map(|name| committed.join(name)));
    survive(&paths, 300);
}
