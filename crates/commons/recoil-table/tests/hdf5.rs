//! HDF5 tables: what pandas, PyTables and h5py wrote is read, what is written comes back, damage is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema};
use recoil_table::hdf5::{Frame, write_frames};
use recoil_table::{Address, Batch, ReadOptions, contents, create, open, type_name, unit};

const ROWS: usize = 7;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/table").join(name)
}

fn read(address: &str) -> Batch {
    let address = path(address);
    let options = ReadOptions { batch_rows: 3, ..ReadOptions::default() };
    open(address.to_str().unwrap(), &options).unwrap().read_all().unwrap()
}

fn types(batch: &Batch) -> Vec<String> {
    batch.schema().fields().iter().map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect()
}

fn rows<T>(value: impl Fn(usize) -> T) -> Vec<T> {
    (0..ROWS).map(value).collect()
}

#[test]
fn frames_of_pandas_are_read() {
    let scores = read("pandas_fixed.h5:predictions");
    assert_eq!(types(&scores), ["node_e float64", "node_mu float64", "node_tau float64", "node_jet float64"]);
    assert_eq!(scores.scalar::<f64>("node_tau").unwrap(), rows(|i| (i + 2) as f64 / 8.0));
    let targets = read("pandas_fixed.h5:/targets");
    assert_eq!(targets.scalar::<i64>("node_mu").unwrap(), rows(|i| i64::from(i % 4 == 1)));
    // blocks stand by type in the file, columns come in the order of the frame
    for address in ["pandas_fixed.h5:deep/mixed", "pandas_table.h5", "pandas_table.h5:mixed"] {
        let mixed = read(address);
        let mut found = types(&mixed);
        if address.starts_with("pandas_table") {
            found.sort();
            assert_eq!(found, ["a float64", "b int64", "c float64", "flag bool", "small int16"], "{address}");
        } else {
            let flag = found.remove(2);
            assert!(["flag bool", "flag uint8"].contains(&flag.as_str()), "{flag}");
            assert_eq!(found, ["b int64", "a float64", "small int16", "c float64"], "{address}");
        }
        assert_eq!(mixed.scalar::<i64>("b").unwrap(), rows(|i| i as i64), "{address}");
        assert_eq!(mixed.scalar::<f64>("a").unwrap(), rows(|i| i as f64 / 4.0), "{address}");
        assert_eq!(mixed.scalar::<f64>("c").unwrap(), rows(|i| i as f64 + 0.5), "{address}");
        assert_eq!(mixed.scalar::<i16>("small").unwrap(), rows(|i| i as i16), "{address}");
    }
    assert_eq!(read("pandas_fixed.h5:empty").rows(), 0);
    let listed: Vec<String> = contents(&path("pandas_fixed.h5")).unwrap().into_iter().map(|o| o.name).collect();
    assert_eq!(listed, ["deep/mixed", "empty", "predictions", "targets"]);
}

#[test]
fn records_of_pytables_and_h5py_are_read() {
    for address in ["pytables.h5", "pytables.h5:dl1/params"] {
        let table = read(address);
        assert_eq!(types(&table), ["event int64", "energy float32", "good bool", "name string", "image float64[3][2]"]);
        assert_eq!(table.scalar::<i64>("event").unwrap(), rows(|i| i as i64 + (1 << 60)));
        assert_eq!(table.scalar::<f32>("energy").unwrap(), rows(|i| i as f32 / 4.0));
        assert!((0..ROWS).all(|i| table.bools("good").unwrap().value(i) == (i % 3 == 0)));
        assert!((0..ROWS).all(|i| table.strings("name").unwrap().value(i) == format!("run{i}")));
    }
    let records = read("h5py.h5:records");
    assert_eq!(types(&records), ["big int32", "inner.x float32", "inner.y float64", "flag bool", "half float32"]);
    assert_eq!(records.scalar::<i32>("big").unwrap(), rows(|i| i as i32));
    assert_eq!(records.scalar::<f64>("inner.y").unwrap(), rows(|i| -(i as f64)));
    assert!((0..ROWS).all(|i| records.bools("flag").unwrap().value(i) == (i % 2 == 1)));
    assert_eq!(records.scalar::<f32>("half").unwrap(), rows(|i| i as f32 / 4.0));
}

#[test]
fn groups_of_arrays_are_read() {
    let columns = read("h5py.h5:columns");
    assert_eq!(types(&columns), ["name string", "number uint8", "pos float32[3]", "pt float64"]);
    assert!((0..ROWS).all(|i| columns.strings("name").unwrap().value(i) == format!("tau {i}")));
    let (size, positions) = columns.fixed::<f32>("pos").unwrap();
    assert_eq!((size, positions), (3, (0..3 * ROWS).map(|i| i as f32).collect::<Vec<_>>().as_slice()));
    assert_eq!(read("h5py.h5:columns/pt").scalar::<f64>("pt").unwrap(), rows(|i| i as f64 / 4.0));
    let options = ReadOptions { batch_rows: 2, ..ReadOptions::default() }.columns(["pt"]).rows(2..6);
    let part = open(path("h5py.h5:columns").to_str().unwrap(), &options).unwrap().read_all().unwrap();
    assert_eq!(part.scalar::<f64>("pt").unwrap(), [0.5, 0.75, 1.0, 1.25]);
}

#[test]
fn what_is_meant_must_be_clear() {
    let message = |address: &str| {
        let address = path(address);
        let opened = open(address.to_str().unwrap(), &ReadOptions::default());
        opened.err().unwrap().to_string().replace(path("").to_str().unwrap(), "")
    };
    assert_eq!(
        message("pandas_fixed.h5"),
        "pandas_fixed.h5: name the table to read as FILE:NAME, there is deep/mixed, empty, predictions, targets"
    );
    assert!(message("pandas_fixed.h5:predictoins").contains("there is deep/mixed, empty"));
    assert!(message("h5py.h5:uneven").contains("a (7 rows), b (3 rows)"));
    let options = ReadOptions::default().columns(["node_taus"]);
    let address = path("pandas_fixed.h5:predictions");
    let error = open(address.to_str().unwrap(), &options).err().unwrap().to_string();
    assert!(error.ends_with("no column 'node_taus', did you mean 'node_tau'?"), "{error}");
}

fn everything(rows: usize) -> RecordBatch {
    let flat = Float32Array::from_iter_values((0..rows * 3).map(|i| i as f32));
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|i| i + (1 << 60)))),
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64 / 7.0))),
        Arc::new(BooleanArray::from((0..rows).map(|i| i % 3 == 0).collect::<Vec<_>>())),
        Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("τ {i}")))),
        Arc::new(FixedSizeListArray::new(item, 3, Arc::new(flat), None)),
    ];
    let fields = [
        recoil_table::field("event", DataType::Int64, "", "event number"),
        recoil_table::field("energy", DataType::Float64, "GeV", ""),
        recoil_table::field("good", DataType::Boolean, "", ""),
        recoil_table::field("name", DataType::Utf8, "", ""),
        recoil_table::field("pos", recoil_table::fixed_of(DataType::Float32, 3), "cm", ""),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap()
}

fn write(address: &str, batches: &[RecordBatch]) {
    let mut writer = create(&Address::parse(address).unwrap(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish(Some("{\"seed\": 7}")).unwrap();
}

#[test]
fn tables_come_back() {
    let dir = tempfile::tempdir().unwrap();
    for (rows, name) in [(0, ""), (9, ":dl1/event/params"), (30_000, ":events")] {
        let address = format!("{}/{rows}.h5{name}", dir.path().display());
        let whole = everything(rows);
        let cut = rows / 3;
        write(&address, &[whole.slice(0, cut), whole.slice(cut, rows - cut)]);
        let mut reader = open(&address, &ReadOptions::default()).unwrap();
        assert_eq!(reader.provenance(), Some("{\"seed\": 7}"));
        assert_eq!(reader.schema(), whole.schema());
        assert_eq!(unit(reader.schema().field(1)), Some("GeV"));
        let found = reader.read_all().unwrap();
        assert_eq!(found.rows(), rows);
        for (column, expected) in whole.columns().iter().enumerate() {
            assert_eq!(found.records().column(column).as_ref(), expected.as_ref(), "{rows} {column}");
        }
    }
}

#[test]
fn frames_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scores.h5");
    let scores = everything(40_000).project(&[1, 0, 2]).unwrap();
    let none = everything(0).project(&[1, 0]).unwrap();
    let frames = [Frame { key: "predictions", records: &scores }, Frame { key: "none", records: &none }];
    write_frames(&file, &frames, Some("{}")).unwrap();
    let mut reader = open(&format!("{}:predictions", file.display()), &ReadOptions::default()).unwrap();
    assert_eq!(reader.provenance(), Some("{}"));
    let found = reader.read_all().unwrap();
    for (column, expected) in scores.columns().iter().enumerate() {
        assert_eq!(found.records().column(column).as_ref(), expected.as_ref(), "{column}");
    }
    assert_eq!(
        open(&format!("{}:none", file.display()), &ReadOptions::default()).unwrap().read_all().unwrap().rows(),
        0
    );
}

#[test]
fn what_has_no_form_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let list = Schema::new(vec![recoil_table::field("tc", recoil_table::list_of(DataType::Float32), "", "")]);
    let address = Address::of_path(&dir.path().join("t.h5")).unwrap();
    let error = create(&address, &Arc::new(list)).err().unwrap().to_string();
    assert!(error.contains("column 'tc' of type list<float32> has no form in an HDF5 table"), "{error}");
    let names = |name: &str| {
        let column: ArrayRef = Arc::new(StringArray::from(vec![name]));
        RecordBatch::try_from_iter_with_nullable([("name", column, false)]).unwrap()
    };
    let mut writer = create(&address, &names("a").schema()).unwrap();
    writer.write(&names("a")).unwrap();
    let error = writer.write(&names(&"x".repeat(33))).unwrap_err().to_string();
    assert!(error.contains("at row 1 does not fit a string of 32 bytes"), "{error}");
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["pandas_fixed.h5", "pandas_table.h5", "pytables.h5", "h5py.h5"] {
        let bytes = std::fs::read(path(name)).unwrap();
        let try_all = |file: &Path| {
            let Ok(objects) = contents(file) else { return false };
            objects.iter().all(|object| {
                let address = format!("{}:{}", file.display(), object.name);
                open(&address, &ReadOptions::default()).and_then(|mut reader| reader.read_all()).is_ok()
            })
        };
        let file = dir.path().join(name);
        for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&file, &bytes[..length]).unwrap();
            assert!(!try_all(&file) || length + 1 == bytes.len(), "{name} of {length} bytes");
        }
        let mut random = 12345_u64;
        for _ in 0..100 {
            let mut broken = bytes.clone();
            for _ in 0..3 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % broken.len();
                broken[at] ^= (random >> 20) as u8 | 1;
            }
            std::fs::write(&file, &broken).unwrap();
            try_all(&file);
        }
    }
}
