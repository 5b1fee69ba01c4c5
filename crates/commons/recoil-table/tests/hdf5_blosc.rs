//! Tables packed by Blosc, written by PyTables; files with many tables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use recoil_table::hdf5::{Attribute, Member, StoredTable, TableFile, Value, offset_of};
use recoil_table::{Batch, ReadOptions, open};

fn packed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/table/blosc.h5")
}

#[test]
fn every_codec_is_read() {
    for codec in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"] {
        for shuffle in ["shuffled", "plain"] {
            let address = format!("{}:{codec}_{shuffle}", packed().display());
            let table = open(&address, &ReadOptions::default()).unwrap().read_all().unwrap();
            let number = table.scalar::<i64>("number").unwrap();
            assert!(number.iter().enumerate().all(|(row, value)| *value == row as i64 * 1_000_003), "{address}");
            let third = table.scalar::<f64>("third").unwrap();
            assert!(third.iter().enumerate().all(|(row, value)| *value == row as f64 / 3.0), "{address}");
            let (width, pixels) = table.fixed::<f32>("pixels").unwrap();
            assert_eq!(width, 7);
            assert!(pixels.iter().enumerate().all(|(at, value)| *value == (at % 11) as f32), "{address}");
            assert!(table.bools("odd").unwrap().iter().enumerate().all(|(row, odd)| odd == Some(row % 2 == 1)));
        }
    }
}

#[test]
fn damage_in_a_packed_chunk_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.h5");
    let whole = std::fs::read(packed()).unwrap();
    // the tables with checksums take three quarters of the file
    let codecs = ["blosclz", "lz4", "lz4hc", "zstd"];
    let names = || codecs.iter().flat_map(|codec| ["shuffled", "plain"].map(|how| format!("{codec}_{how}")));
    let read = |path: &Path, name: &str| {
        let address = format!("{}:{name}", path.display());
        open(&address, &ReadOptions::default()).and_then(|mut table| table.read_all())
    };
    let same = |a: &Batch, b: &Batch| a.records().columns() == b.records().columns();
    let intact: Vec<Batch> = names().map(|name| read(&packed(), &name).unwrap()).collect();
    let (mut errors, mut silent) = (0, 0);
    for step in 0..200 {
        let mut bytes = whole.clone();
        let at = (step * 7919 + 4096) % bytes.len();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        for (name, intact) in names().zip(&intact) {
            match read(&path, &name) {
                Err(_) => errors += 1,
                Ok(table) => silent += usize::from(!same(&table, intact)),
            }
        }
    }
    // structures outside of the chunks have no checksums: a changed name of a column is no error
    assert!(errors > 100 && silent < 5, "{errors} errors, {silent} changed tables without one");
}

#[test]
fn a_file_with_many_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.h5");
    let members = [
        Member::scalar("event", Value::I64),
        Member::array("image", Value::F32, &[3]),
        Member::scalar("good", Value::Bool),
        Member::scalar("name", Value::Text(4)),
    ];
    let row = |event: i64| {
        let mut row = event.to_le_bytes().to_vec();
        (0..3).for_each(|k| row.extend((event as f32 + k as f32).to_le_bytes()));
        row.push(u8::from(event % 2 == 0));
        row.extend(b"ab\0\0");
        row
    };
    let mut file = TableFile::create(&path).unwrap();
    file.attribute("VERSION_OF_US", Attribute::AsciiString("1".into())).unwrap();
    let unit = [("CTAFIELD_0_UNIT".to_owned(), Attribute::AsciiString("m".into()))];
    let mut first = file.table("a/b/first", &members, &unit).unwrap();
    let mut second = file.table("a/second", &members, &[]).unwrap();
    for event in 0..20_000 {
        first.push(&row(event)).unwrap();
        if event % 100 == 0 {
            second.push(&row(-event)).unwrap();
        }
    }
    let mut third = file.table("a/third", &members, &[]).unwrap();
    third.push(&row(7)).unwrap();
    file.texts("sources/names", &["x.h5".into(), "longer.h5".into()]).unwrap();
    assert_eq!((first.finish().unwrap(), second.finish().unwrap(), third.finish().unwrap()), (20_000, 200, 1));
    file.close().unwrap();

    let mut tables = StoredTable::all(&path).unwrap();
    let paths: Vec<&str> = tables.iter().map(|table| table.path.as_str()).collect();
    assert_eq!(paths, ["a/b/first", "a/second", "a/third"]);
    assert_eq!(tables[0].members, members);
    assert_eq!(tables[0].text("CTAFIELD_0_UNIT"), Some("m"));
    assert_eq!(offset_of(&members, "good"), Some(20));
    assert_eq!(tables[0].read(19_999, 1).unwrap(), row(19_999));
    let all = tables[1].read(0, 200).unwrap();
    assert_eq!(all.len(), 200 * tables[1].row_bytes());
    let read = open(&format!("{}:a/b/first", path.display()), &ReadOptions::default()).unwrap().read_all().unwrap();
    assert_eq!(read.scalar::<i64>("event").unwrap()[12_345], 12_345);
}

#[test]
fn records_of_any_size_come_back() {
    let dir = tempfile::tempdir().unwrap();
    // one, two, three and four bytes hold the size of the record
    for pixels in [3, 300, 24_000, 70_000, 5_000_000] {
        let path = dir.path().join(format!("{pixels}.h5"));
        let members = [
            Member::scalar("obs_id", Value::I32),
            Member::array("histogram", Value::F32, &[2, pixels / 2]),
            Member::array("bins", Value::F64, &[3]),
            Member::scalar("good", Value::Bool),
        ];
        let mut row = 7i32.to_le_bytes().to_vec();
        (0..pixels / 2 * 2).for_each(|k| row.extend((k as f32).to_le_bytes()));
        [1.0f64, 2.0, 3.0].iter().for_each(|value| row.extend(value.to_le_bytes()));
        row.push(1);
        let mut file = TableFile::create(&path).unwrap();
        let mut rows = file.table("a/table", &members, &[]).unwrap();
        rows.push(&row).unwrap();
        rows.push(&row).unwrap();
        rows.finish().unwrap();
        file.close().unwrap();
        let mut back = StoredTable::open(&path, "a/table").unwrap();
        assert_eq!(back.members, members);
        assert!(back.read(0, 2).unwrap() == [row.clone(), row].concat(), "{pixels}");
    }
}
