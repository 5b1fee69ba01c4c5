//! What the writer writes, the reader reads: any columns, batches, basket sizes and compressions.

#![allow(clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use recoil_root::write::{Compression, FileWriter, Options, WriteFault};
use recoil_root::{Axis, Bins, Column, Error, Hist1, Hist2, Prim, Profile, RootFile, Storage, Type, Values};

const PRIMS: [Prim; 11] = [
    Prim::Bool,
    Prim::I8,
    Prim::U8,
    Prim::I16,
    Prim::U16,
    Prim::I32,
    Prim::U32,
    Prim::I64,
    Prim::U64,
    Prim::F32,
    Prim::F64,
];

fn prim() -> impl Strategy<Value = Prim> {
    proptest::sample::select(&PRIMS[..])
}

/// Types that a tree can hold.
fn column_type() -> impl Strategy<Value = Type> {
    let fixed = |inner: Type, dims: Vec<usize>| dims.into_iter().fold(inner, |inner, size| Type::fixed(size, inner));
    let array = || (prim(), vec(1_usize..4, 0..3)).prop_map(move |(prim, dims)| fixed(Type::Prim(prim), dims));
    let nested = prop_oneof![prim().prop_map(|prim| Type::list(Type::Prim(prim))), Just(Type::Str)]
        .prop_recursive(2, 3, 1, |inner| inner.prop_map(Type::list))
        .prop_map(Type::list);
    prop_oneof![3 => array(), 3 => array().prop_map(Type::list), 1 => Just(Type::Str), 2 => nested]
}

/// `rows` values of a type, drawn from a counter so that large columns are cheap to make.
fn column(ty: &Type, rows: usize, draw: &mut impl FnMut() -> u64) -> Column {
    match ty {
        Type::Prim(prim) => Column::Prim(values(*prim, rows, draw)),
        Type::Fixed { size, inner } => Column::Fixed { size: *size, inner: Box::new(column(inner, rows * size, draw)) },
        Type::List(inner) => {
            let offsets = offsets(rows, 4, draw);
            let items = offsets.last().copied().unwrap_or(0) as usize;
            Column::List { offsets, inner: Box::new(column(inner, items, draw)) }
        }
        Type::Str => {
            // now and then one that needs the long form of the length
            let offsets = offsets(rows, 9, draw).iter().map(|offset| offset * 40).collect::<Vec<_>>();
            let bytes = (0..offsets.last().copied().unwrap_or(0)).map(|_| draw() as u8).collect();
            Column::Str { offsets, bytes }
        }
        Type::Struct(_) | Type::Unsupported(_) => Column::empty(ty),
    }
}

fn offsets(rows: usize, modulus: u64, draw: &mut impl FnMut() -> u64) -> Vec<i64> {
    let mut end = 0;
    std::iter::once(0)
        .chain((0..rows).map(|_| {
            end += (draw() % modulus) as i64;
            end
        }))
        .collect()
}

fn values(prim: Prim, count: usize, draw: &mut impl FnMut() -> u64) -> Values {
    macro_rules! draws {
        ($($variant:ident $ty:ty),*) => {
            match prim {
                Prim::Bool => (0..count).map(|_| draw() % 2 == 0).collect::<Vec<_>>().into(),
                // no NaN, which differs from itself
                Prim::F32 => (0..count).map(|_| draw() as i32 as f32 / 7.0).collect::<Vec<_>>().into(),
                Prim::F64 => (0..count).map(|_| draw() as i64 as f64 / 7.0).collect::<Vec<_>>().into(),
                $(Prim::$variant => (0..count).map(|_| draw() as $ty).collect::<Vec<_>>().into(),)*
            }
        };
    }
    draws!(I8 i8, U8 u8, I16 i16, U16 u16, I32 i32, U32 u32, I64 i64, U64 u64)
}

/// A repeatable stream of numbers (splitmix64).
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        (1_u8..10).prop_map(Compression::Zlib),
        (1_u8..4).prop_map(Compression::Lzma),
        Just(Compression::Lz4),
        (1_u8..10).prop_map(Compression::Zstd),
    ]
}

/// Writes `columns` in batches that end at `cuts` and gives the bytes of the file.
fn write(columns: &[Column], cuts: &[usize], options: &Options) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.root");
    let mut file = FileWriter::create(&path, options.clone()).expect("created");
    let schema: Vec<(String, Type)> =
        columns.iter().enumerate().map(|(index, column)| (format!("c{index}"), column.ty())).collect();
    let mut tree = file.tree("dir/t", "title", &schema).expect("tree");
    let rows = columns.first().map_or(0, Column::len);
    let mut start = 0;
    for end in cuts.iter().copied().filter(|cut| *cut < rows).chain([rows]) {
        let batch: Vec<Column> = columns.iter().map(|column| column.slice(start, end)).collect();
        tree.extend(&batch).expect("batch");
        start = end;
    }
    assert_eq!(tree.finish().expect("tree finished"), rows as u64);
    let length = file.finish().expect("finished");
    let bytes = std::fs::read(&path).expect("bytes");
    assert_eq!(bytes.len() as u64, length);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn trees_come_back(
        types in vec(column_type(), 1..6),
        rows in prop_oneof![1 => Just(0_usize), 5 => 1_usize..700],
        mut cuts in vec(0_usize..700, 0..5),
        compression in compression(),
        basket_bytes in 1_usize..6000,
        seed: u64,
    ) {
        cuts.sort_unstable();
        let mut draw = numbers(seed);
        let columns: Vec<Column> = types.iter().map(|ty| column(ty, rows, &mut draw)).collect();
        let options = Options { compression, basket_bytes, ..Options::default() };
        let bytes = write(&columns, &cuts, &options);
        // the batches leave no trace
        prop_assert_eq!(&bytes, &write(&columns, &[], &options));

        let folder = tempfile::tempdir()?;
        let path = folder.path().join("t.root");
        std::fs::write(&path, &bytes)?;
        let file = RootFile::open(&path)?;
        prop_assert!(!file.is_recovered());
        let tree = file.tree("dir/t")?;
        prop_assert_eq!(tree.entries(), rows as u64);
        prop_assert_eq!(tree.title(), "title");
        for (index, (column, ty)) in columns.iter().zip(&types).enumerate() {
            let branch = tree.branch(&format!("c{index}"))?;
            prop_assert_eq!(branch.ty(), ty);
            prop_assert_eq!(&tree.read(branch, 0..tree.entries())?, column);
            let (start, end) = (rows / 3, rows - rows / 4);
            prop_assert_eq!(tree.read(branch, start as u64..end as u64)?, column.slice(start, end));
        }
    }

    #[test]
    fn histograms_come_back(
        title in "[ -~]{0,300}",
        bins in 1_usize..50,
        edges in vec(0.001_f64..10.0, 1..20),
        scale in -1e300_f64..1e300,
        sums: [f32; 7],
        weighted: bool,
        storage in proptest::sample::select(&[Storage::F32, Storage::F64][..]),
        compression in compression(),
        seed: u64,
    ) {
        prop_assume!(sums.iter().all(|sum| sum.is_finite()));
        let mut draw = numbers(seed);
        let mut cells = |count: usize| -> Vec<f64> {
            (0..count).map(|_| f64::from(draw() as i32 as f32) * if storage == Storage::F64 { scale } else { 1.0 }).collect()
        };
        let x = Axis::uniform("x [cm]", bins, -1.0, scale.abs());
        let mut last = 0.0;
        let rising = edges.iter().map(|step| { last += step; last });
        let mut y = Axis::variable("y", std::iter::once(0.0).chain(rising).collect());
        y.labels = (0..y.len()).map(|bin| format!("bin {bin}")).collect();
        let [a, b, c, d, ..] = sums.map(f64::from);
        let one = Hist1 {
            name: "h1".into(), title: title.clone(), x: y.clone(), y_title: "events".into(),
            contents: cells(y.len() + 2), sumw2: weighted.then(|| cells(y.len() + 2)),
            entries: 12.0, stats: [a, b, c, d], storage,
        };
        let size = (bins + 2) * (y.len() + 2);
        let two = Hist2 {
            name: "h2".into(), title: title.clone(), x: x.clone(), y: y.clone(), z_title: "z".into(),
            contents: cells(size), sumw2: weighted.then(|| cells(size)),
            entries: 1e12, stats: sums.map(f64::from), storage,
        };
        let profile = Profile {
            name: "p".into(), title, x, y_title: "mean".into(),
            sum_wy: cells(bins + 2), sum_wy2: cells(bins + 2), sum_w: cells(bins + 2),
            sum_w2: weighted.then(|| cells(bins + 2)), entries: 3.0, error_option: if weighted { "s" } else { "" }.into(),
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("h.root");
        let mut file = FileWriter::create(&path, Options { compression, ..Options::default() })?;
        file.hist1("h1", &one)?;
        file.hist2("a/b/h2", &two)?;
        file.profile("a/p", &profile)?;
        file.finish()?;
        let file = RootFile::open(&path)?;
        prop_assert_eq!(file.hist1("h1")?, one);
        prop_assert_eq!(file.hist2("a/b/h2")?, two);
        prop_assert_eq!(file.profile("a/p")?, profile);
    }

    #[test]
    fn texts_come_back(text in "\\PC{0,400}", name in "[a-zA-Z0-9_. +-]{1,300}") {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("s.root");
        let mut file = FileWriter::create(&path, Options::default())?;
        file.text(&name, &text)?;
        file.finish()?;
        prop_assert_eq!(RootFile::open(&path)?.text(&name)?, text);
    }
}

#[test]
fn directories_list_what_they_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.root");
    let mut file = FileWriter::create(&path, Options::default()).expect("created");
    file.text("a/b/one", "1").expect("text");
    file.text("a/two", "2").expect("text");
    file.directory("empty").expect("directory");
    file.named("three", "3").expect("named");
    file.finish().expect("finished");
    let entries = RootFile::open(&path).and_then(|file| file.ls()).expect("entries");
    let mut paths: Vec<String> = entries.into_iter().map(|entry| format!("{} {}", entry.path, entry.class)).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "a TDirectory",
            "a/b TDirectory",
            "a/b/one TObjString",
            "a/two TObjString",
            "empty TDirectory",
            "three TNamed"
        ]
    );
}

#[test]
fn same_bytes_with_any_number_of_threads() {
    let mut draw = numbers(3);
    let types = [Type::Prim(Prim::F32), Type::list(Type::Prim(Prim::I16)), Type::Str];
    let columns: Vec<Column> = types.iter().map(|ty| column(ty, 5000, &mut draw)).collect();
    let options = Options { basket_bytes: 1000, ..Options::default() };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| write(&columns, &[100, 3000], &options))
    };
    assert!(with(1) == with(2) && with(2) == with(7));
}

#[test]
fn one_row_may_exceed_every_block() {
    let values = (0..5_000_000_u32).map(|value| value as f32).collect::<Vec<_>>();
    let column =
        Column::List { offsets: vec![0, 0, 5_000_000, 5_000_000], inner: Box::new(Column::Prim(values.into())) };
    let options = Options { compression: Compression::Lz4, ..Options::default() };
    let bytes = write(std::slice::from_ref(&column), &[], &options);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("row.root");
    std::fs::write(&path, bytes).expect("written");
    let tree = RootFile::open(&path).and_then(|file| file.tree("dir/t")).expect("tree");
    let back = tree.branch("c0").and_then(|branch| tree.read(branch, 0..3)).expect("column");
    assert!(back == column);
}

/// What goes wrong when `act` is done to a new file.
fn fault(act: impl FnOnce(&mut FileWriter) -> Result<(), Error>) -> WriteFault {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = FileWriter::create(folder.path().join("bad.root"), Options::default()).expect("created");
    match act(&mut file) {
        Err(Error::Write { file, object, fault }) => {
            assert!(file.ends_with("bad.root"));
            assert!(!object.is_empty());
            *fault
        }
        other => panic!("no fault but {other:?}"),
    }
}

#[test]
fn refusals_name_the_column_and_row() {
    let f32s = || Type::Prim(Prim::F32);
    let numbers = |count: usize| Column::Prim(vec![0.0_f32; count].into());
    let jagged = |offsets: &[i64]| Column::List { offsets: offsets.to_vec(), inner: Box::new(numbers(3)) };
    let columns = [("nX", Type::Prim(Prim::I32)), ("X", Type::list(f32s()))];

    let counts = Column::Prim(vec![2_i32, 2].into());
    let wrong = fault(|file| file.tree("t", "", &columns)?.extend(&[counts.clone(), jagged(&[0, 2, 3])]));
    assert_eq!(wrong.to_string(), "column \"X\" row 1 holds 1 values, its counter \"nX\" says 2");
    let wrong = fault(|file| file.tree("t", "", &columns)?.extend(&[counts.clone(), jagged(&[0, 2])]));
    assert_eq!(wrong.to_string(), "column \"X\" has 1 rows, the first one has 2");
    let wrong = fault(|file| file.tree("t", "", &columns)?.extend(&[counts.clone(), jagged(&[0, 2, 4])]));
    assert_eq!(wrong.to_string(), "column \"X\" row 1: offsets 2 to 4 of 3 values");
    let wrong = fault(|file| file.tree("t", "", &columns)?.extend(&[counts.clone(), numbers(2)]));
    assert_eq!(wrong.to_string(), "column \"X\" is declared as list<f32>, not as f32");
    let wrong = fault(|file| file.tree("t", "", &columns)?.extend(&[numbers(2)]));
    assert_eq!(wrong.to_string(), "1 columns given to a tree of 2");
    let wrong = fault(|file| file.tree("t", "", &[("x", f32s()), ("x", f32s())]).map(|_| ()));
    assert_eq!(wrong.to_string(), "the name \"x\" is given twice");
    let wrong = fault(|file| file.tree("a//t", "", &[("x", f32s())]).map(|_| ()));
    assert_eq!(wrong.to_string(), "the name \"\" is empty or has an empty part");
    let wrong = fault(|file| file.text("x", "").and_then(|()| file.text("x", "")));
    assert_eq!(wrong, WriteFault::Taken);
    let wrong = fault(|file| file.text("x", "").and_then(|()| file.text("x/y", "")));
    assert_eq!(wrong, WriteFault::Taken);
    let uniform = Hist1 {
        name: "h".into(),
        title: String::new(),
        x: Axis::uniform("", 3, 0.0, 1.0),
        y_title: String::new(),
        contents: vec![0.0; 4],
        sumw2: None,
        entries: 0.0,
        stats: [0.0; 4],
        storage: Storage::F64,
    };
    let wrong = fault(|file| file.hist1("h", &uniform));
    assert_eq!(wrong.to_string(), "the array of contents has 4 values, the axes need 5");
    let falling = Axis { bins: Bins::Edges(vec![0.0, 2.0, 1.0]), ..uniform.x.clone() };
    let wrong = fault(|file| file.hist1("h", &Hist1 { x: falling, ..uniform.clone() }));
    assert_eq!(wrong.to_string(), "the x axis has edges that do not rise");
}

#[test]
fn a_file_with_an_open_tree_cannot_be_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = FileWriter::create(folder.path().join("open.root"), Options::default()).expect("created");
    let tree = file.tree("t", "", &[("x", Type::Str)]).expect("tree");
    let error = file.finish().expect_err("an error").to_string();
    assert!(error.ends_with("open.root: \"t\": the tree was not finished before the file"), "{error}");
    drop(tree);
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let error = FileWriter::create("/nowhere/at/all.root", Options::default()).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.starts_with("/nowhere/at/all.root: ")));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_that_names_the_file() {
    let column = Column::Prim((0..1_000_000_u64).collect::<Vec<_>>().into());
    let full = || -> Result<u64, Error> {
        let mut file =
            FileWriter::create("/dev/full", Options { compression: Compression::None, ..Options::default() })?;
        let mut tree = file.tree("t", "", &[("x", column.ty())])?;
        let failed = tree.extend(std::slice::from_ref(&column));
        assert!(failed.is_err());
        // what failed once stays failed
        tree.finish()?;
        file.finish()
    };
    let error = full().expect_err("an error").to_string();
    assert!(error.starts_with("/dev/full: "), "{error}");
    let small = FileWriter::create("/dev/full", Options::default()).and_then(FileWriter::finish);
    assert!(small.is_err());
}
