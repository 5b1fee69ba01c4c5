//! Writes one ROOT file for each compression, with every kind of column, histogram and text. The values follow simple
//! rules, which `tests/interop/test_root_writing.py` works out again to compare with what uproot and ROOT read.
//!
//! `write_sample DIRECTORY [ROWS]`; with `big` in place of the rows, one file beyond 2 GiB; with `wide`, one basket beyond
//! the 16 MiB that a compressed block can hold.

use std::path::Path;

use recoil_root::write::{Compression, FileWriter, Options};
use recoil_root::{Axis, Column, Hist1, Hist2, Prim, Profile, Result, Storage, Type, Values};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("which directory?")?;
    let folder = Path::new(&folder);
    match words.next().as_deref() {
        Some("big") => big(&folder.join("big.root"))?,
        Some("wide") => wide(folder)?,
        rows => {
            let rows = rows.map_or(Ok(3000), str::parse)?;
            for (name, compression) in kinds() {
                sample(&folder.join(format!("sample_{name}.root")), compression, rows)?;
            }
        }
    }
    Ok(())
}

fn kinds() -> [(&'static str, Compression); 5] {
    [
        ("none", Compression::None),
        ("zlib", Compression::Zlib(4)),
        ("lzma", Compression::Lzma(2)),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd(5)),
    ]
}

/// The columns of the tree `t`, for rows `start..end`.
fn columns(start: u64, end: u64) -> Vec<(&'static str, Column)> {
    fn number<T>(rows: std::ops::Range<u64>, value: impl Fn(u64) -> T) -> Column
    where
        Values: From<Vec<T>>,
    {
        Column::Prim(rows.map(value).collect::<Vec<T>>().into())
    }
    let rows = || start..end;
    let list = |modulus: u64, inner: &dyn Fn(Vec<u64>) -> Column| {
        let mut offsets = vec![0];
        let mut items = Vec::new();
        for row in rows() {
            items.extend((0..row % modulus).map(|item| 10 * row + item));
            offsets.push(items.len() as i64);
        }
        Column::List { offsets, inner: Box::new(inner(items)) }
    };
    let floats =
        |items: Vec<u64>| Column::Prim(items.into_iter().map(|item| item as f32 / 4.0).collect::<Vec<_>>().into());
    let strings = |texts: Vec<String>| {
        let mut offsets = vec![0];
        let mut bytes = Vec::new();
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            offsets.push(bytes.len() as i64);
        }
        Column::Str { offsets, bytes }
    };
    let pairs = |items: Vec<u64>| Column::Fixed {
        size: 2,
        inner: Box::new(Column::Prim(
            items.into_iter().flat_map(|item| [item as i32, -(item as i32)]).collect::<Vec<_>>().into(),
        )),
    };
    let inner_lists = |items: Vec<u64>| {
        let mut offsets = vec![0];
        let mut values: Vec<f64> = Vec::new();
        for item in items {
            values.extend((0..item % 3).map(|value| (item + value) as f64 / 8.0));
            offsets.push(values.len() as i64);
        }
        Column::List { offsets, inner: Box::new(Column::Prim(values.into())) }
    };
    vec![
        ("flag", number(rows(), |row| row % 3 == 0)),
        ("i8", number(rows(), |row| (row % 251) as i8)),
        ("u8", number(rows(), |row| (row % 256) as u8)),
        ("i16", number(rows(), |row| (row as i16).wrapping_mul(-7))),
        ("u16", number(rows(), |row| (row * 11) as u16)),
        ("i32", number(rows(), |row| -(row as i32) * 1000)),
        ("u32", number(rows(), |row| 4_000_000_000 - row as u32)),
        ("i64", number(rows(), |row| -(row as i64) * 10_000_000_000)),
        ("u64", number(rows(), |row| 18_000_000_000_000_000_000 - row)),
        ("f32", number(rows(), |row| row as f32 / 3.0)),
        ("f64", number(rows(), |row| row as f64 / 3.0)),
        (
            "vec3",
            Column::Fixed {
                size: 3,
                inner: Box::new(Column::Prim(
                    rows().flat_map(|row| [row as f32, row as f32 + 0.5, -(row as f32)]).collect::<Vec<_>>().into(),
                )),
            },
        ),
        (
            "matrix",
            Column::Fixed {
                size: 2,
                inner: Box::new(Column::Fixed {
                    size: 3,
                    inner: Box::new(Column::Prim(
                        rows()
                            .flat_map(|row| (0..6).map(move |cell| (6 * row + cell) as i16))
                            .collect::<Vec<_>>()
                            .into(),
                    )),
                }),
            },
        ),
        ("hits", list(5, &floats)),
        ("nMuon", number(rows(), |row| (row % 4) as u32)),
        ("Muon_pt", list(4, &floats)),
        (
            "Muon_good",
            list(4, &|items| Column::Prim(items.iter().map(|item| item % 2 == 0).collect::<Vec<_>>().into())),
        ),
        ("jag_i64", list(3, &|items| Column::Prim(items.iter().map(|item| *item as i64).collect::<Vec<_>>().into()))),
        ("jag_u16", list(3, &|items| Column::Prim(items.iter().map(|item| *item as u16).collect::<Vec<_>>().into()))),
        ("jag_pairs", list(4, &pairs)),
        ("name", strings(rows().map(|row| "x".repeat((row % 7) as usize) + &row.to_string()).collect())),
        ("long", strings(rows().map(|row| "y".repeat((row % 3 * 200) as usize)).collect())),
        ("words", list(4, &|items| strings(items.iter().map(u64::to_string).collect()))),
        ("nested", list(4, &inner_lists)),
    ]
}

fn sample(path: &Path, compression: Compression, rows: u64) -> Result<()> {
    // small baskets, so that a small file has many
    let options = Options { compression, basket_bytes: 2000, time: 1_000_000_000, ..Options::default() };
    let mut file = FileWriter::create(path, options)?;
    let declared: Vec<(&str, Type)> = columns(0, 0).into_iter().map(|(name, column)| (name, column.ty())).collect();
    let mut tree = file.tree("t", "all kinds of columns", &declared)?;
    let mut second = file.tree("dir/sub/events", "the second tree", &[("x", Type::Prim(Prim::F64))])?;
    let mut start = 0;
    while start < rows {
        let end = (start + 700).min(rows);
        let batch: Vec<Column> = columns(start, end).into_iter().map(|(_, column)| column).collect();
        tree.extend(&batch)?;
        second.extend(&[Column::Prim((start..end).map(|row| row as f64).collect::<Vec<_>>().into())])?;
        start = end;
    }
    second.finish()?;
    file.tree("empty", "no rows", &declared)?.finish()?;
    tree.finish()?;
    histograms(&mut file)?;
    file.text("provenance", &format!("{{\"rows\": {rows}, \"note\": \"{}\"}}", "long ".repeat(100)))?;
    file.named("dir/version", "1.2.3")?;
    file.directory("nothing/in/here")?;
    file.finish()?;
    Ok(())
}

fn histograms(file: &mut FileWriter) -> Result<()> {
    let mut hist = Hist1 {
        name: "h".into(),
        title: "energy".into(),
        x: Axis::uniform("E [GeV]", 4, 0.0, 8.0),
        y_title: "events".into(),
        contents: vec![1.0, 2.0, 3.5, 4.0, 5.0, 6.0],
        sumw2: Some(vec![1.0, 2.5, 3.0, 4.5, 5.0, 6.5]),
        entries: 21.0,
        stats: [14.5, 15.0, 60.0, 300.0],
        storage: Storage::F64,
    };
    file.hist1("h", &hist)?;
    hist.storage = Storage::F32;
    hist.sumw2 = None;
    hist.x = Axis::variable("E [GeV]", vec![0.0, 1.0, 2.5, 7.0, 8.0]);
    hist.x.labels = ["a", "b", "c", "d"].map(String::from).to_vec();
    file.hist1("dir/hf", &hist)?;
    let mut map = Hist2 {
        name: "map".into(),
        title: "occupancy".into(),
        x: Axis::uniform("x [cm]", 3, -1.0, 2.0),
        y: Axis::variable("y [cm]", vec![0.0, 1.0, 10.0]),
        z_title: "hits".into(),
        contents: (0..20).map(f64::from).collect(),
        sumw2: Some((0..20).map(|cell| f64::from(cell) * 2.0).collect()),
        entries: 190.0,
        stats: [60.0, 120.0, 30.0, 90.0, 200.0, 1100.0, 110.0],
        storage: Storage::F64,
    };
    file.hist2("dir/map", &map)?;
    map.storage = Storage::F32;
    map.sumw2 = None;
    file.hist2("dir/mapf", &map)?;
    // three fills of weight 1 in bin 1 (y = 1, 2, 3), one of weight 2 in bin 2 (y = 5)
    let profile = Profile {
        name: "p".into(),
        title: "response".into(),
        x: Axis::uniform("eta", 2, 1.0, 3.0),
        y_title: "mean".into(),
        sum_wy: vec![0.0, 6.0, 10.0, 0.0],
        sum_wy2: vec![0.0, 14.0, 50.0, 0.0],
        sum_w: vec![0.0, 3.0, 2.0, 0.0],
        sum_w2: Some(vec![0.0, 3.0, 4.0, 0.0]),
        entries: 4.0,
        error_option: String::new(),
    };
    file.profile("dir/p", &profile)?;
    file.profile("ps", &Profile { error_option: "s".into(), sum_w2: None, ..profile })
}

/// Five baskets of 512 MiB and one tree after them, all beyond what 32-bit positions reach.
fn big(path: &Path) -> Result<()> {
    let options = Options { compression: Compression::None, basket_bytes: 32 << 20, ..Options::default() };
    let mut file = FileWriter::create(path, options)?;
    let mut tree = file.tree("t", "", &[("x", Type::Prim(Prim::U64)), ("y", Type::list(Type::Prim(Prim::F32)))])?;
    for batch in 0..32_u64 {
        let x = (0..8 << 20).map(|row| (batch << 23) + row).collect::<Vec<_>>();
        let offsets = (0..=x.len()).map(|row| (row / 4) as i64).collect();
        let y = (0..x.len() / 4).map(|item| item as f32).collect::<Vec<_>>();
        tree.extend(&[Column::Prim(x.into()), Column::List { offsets, inner: Box::new(Column::Prim(y.into())) }])?;
    }
    tree.finish()?;
    let mut late = file.tree("late/t2", "", &[("s", Type::Str)])?;
    late.extend(&[Column::Str { offsets: vec![0, 2, 5], bytes: b"abcde".to_vec() }])?;
    late.finish()?;
    histograms(&mut file)?;
    file.finish()?;
    Ok(())
}

/// Baskets of 24 MB, which take two blocks each.
fn wide(folder: &Path) -> Result<()> {
    for (name, compression) in kinds() {
        let options = Options { compression, basket_bytes: 40 << 20, ..Options::default() };
        let mut file = FileWriter::create(folder.join(format!("wide_{name}.root")), options)?;
        let mut tree = file.tree("t", "", &[("x", Type::Prim(Prim::F64))])?;
        tree.extend(&[Column::Prim((0..3_000_000_u32).map(|row| f64::from(row % 1000)).collect::<Vec<_>>().into())])?;
        tree.finish()?;
        file.finish()?;
    }
    Ok(())
}
