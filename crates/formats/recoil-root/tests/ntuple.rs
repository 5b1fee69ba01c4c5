//! RNTuples: branches, parts of them, and values that are known.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use recoil_root::{Column, Error, Prim, RootFile, Type};

const FILES: [(&str, &str); 8] = [
    ("ntuple_numbers.root", "n"),
    ("ntuple_plain.root", "n"),
    ("ntuple_nested.root", "dir/n"),
    ("ntuple_projected.root", "Events"),
    ("ntuple_extended.root", "n"),
    ("ntuple_represented.root", "n"),
    ("ntuple_uproot.root", "t"),
    ("ntuple_uproot.root", "dir/again"),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root").join(name)
}

#[test]
fn parts_of_a_branch_are_parts_of_the_whole() {
    for (file, name) in FILES {
        let tree = RootFile::open(path(file)).unwrap().tree(name).unwrap();
        let n = tree.entries();
        assert!(n >= 40, "{file}");
        for branch in tree.branches().iter().filter(|branch| branch.ty().is_supported()) {
            let whole = tree.read(branch, 0..n).unwrap();
            assert_eq!((whole.len() as u64, &whole.ty()), (n, branch.ty()), "{file} {}", branch.name());
            for (from, to) in [(0, 7), (7, 23), (14, 15), (38, 40), (3, n), (40, 40), (n, n)] {
                let part = tree.read(branch, from..to).unwrap();
                assert_eq!(part, whole.slice(from as usize, to as usize), "{file} {} {from}..{to}", branch.name());
            }
            assert!(matches!(tree.read(branch, 0..n + 1), Err(Error::Range { .. })));
        }
    }
}

#[test]
fn batches_give_the_whole_with_one_thread_and_with_many() {
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (file, name) in FILES {
            let tree = RootFile::open(path(file)).unwrap().tree(name).unwrap();
            let branches: Vec<_> = tree.branches().iter().filter(|branch| branch.ty().is_supported()).collect();
            let whole = tree.read_many(&branches, 0..tree.entries()).unwrap();
            let mut joined: Vec<Column> = branches.iter().map(|branch| Column::empty(branch.ty())).collect();
            for batch in tree.batches(&branches, 17) {
                let columns = pool.install(|| tree.read_many(&branches, batch)).unwrap();
                assert!(joined.iter_mut().zip(&columns).all(|(all, part)| all.append(part)));
            }
            assert_eq!(joined, whole, "{file}");
        }
    }
}

#[test]
fn fields_are_branches() {
    let tree = RootFile::open(path("ntuple_nested.root")).unwrap().tree("dir/n").unwrap();
    let ty = |name: &str| tree.branch(name).unwrap().ty().to_string();
    assert_eq!(ty("vvi"), "list<list<i32>>");
    assert_eq!(ty("a23"), "[[f32; 3]; 2]");
    assert_eq!(ty("opt"), "list<f32>");
    assert_eq!(ty("bits"), "[bool; 19]");
    assert_eq!(ty("colours"), "list<u16>");
    assert_eq!(ty("map.0"), "list<string>");
    assert_eq!(ty("track.Base::x"), "i32");
    assert_eq!(ty("events.tracks.hits"), "list<list<list<f32>>>");
    assert_eq!(ty("events.tracks"), "unsupported(group of fields of Track)");
    assert_eq!(ty("variant"), "unsupported(alternatives std::variant<float,std::int32_t>)");
    let error = tree.branch("events.track.hits").unwrap_err().to_string();
    assert!(error.ends_with("did you mean \"events.tracks.hits\"?"), "{error}");
}

#[test]
fn projections_and_descriptions() {
    let tree = RootFile::open(path("ntuple_projected.root")).unwrap().tree("Events").unwrap();
    assert_eq!(tree.title(), "collections with projections");
    let read = |name: &str| tree.read(tree.branch(name).unwrap(), 0..4).unwrap();
    assert_eq!(tree.branch("Muon.pt").unwrap().doc(), Some("transverse momentum"));
    assert_eq!(read("Muon.pt"), read("Muon_pt"));
    assert_eq!(read("nMuon"), Column::Prim(vec![0_u32, 1, 2, 3].into()));
    assert_eq!(read("nMuon64"), Column::Prim(vec![0_u64, 1, 2, 3].into()));
}

#[test]
fn fields_that_came_later_are_zero_before() {
    let tree = RootFile::open(path("ntuple_extended.root")).unwrap().tree("n").unwrap();
    let read = |name: &str| tree.read(tree.branch(name).unwrap(), 74..80).unwrap();
    assert_eq!(read("late"), Column::Prim(vec![0_i32, 0, 0, -77, -78, -79].into()));
    assert_eq!(read("nlist"), Column::Prim(vec![0_u32, 0, 0, 2, 0, 1].into()));
    let Column::Str { offsets, .. } = read("text") else { unreachable!() };
    assert_eq!(offsets, [0, 0, 0, 0, 2, 5, 9]);
    assert_eq!(
        read("array").slice(3, 4),
        Column::Fixed { size: 3, inner: Box::new(Column::Prim(vec![77_i16, 1, 2].into())) }
    );
    assert_eq!(*tree.branch("track.pt").unwrap().ty(), Type::Prim(Prim::F32));
}

/// The values are those of `represented` in `tests/interop/make_ntuples.py`.
#[test]
fn representations_change_between_clusters_and_blocks_come_in_pieces() {
    let tree = RootFile::open(path("ntuple_represented.root")).unwrap().tree("n").unwrap();
    let n = tree.entries();
    let read = |name: &str| tree.read(tree.branch(name).unwrap(), 0..n).unwrap();
    assert_eq!(tree.branch("f4").unwrap().basket_starts(), [0, 400, 800, 1200, 1300]);
    assert_eq!(read("f4"), Column::Prim((0..1300).map(|i| (i % 1000) as f32).collect::<Vec<f32>>().into()));
    assert_eq!(read("f8"), Column::Prim((0..1300).map(|i| f64::from(i) * 0.5).collect::<Vec<f64>>().into()));
    let (mut texts, mut lists) = (vec![0], vec![0]);
    let (mut bytes, mut items) = (Vec::new(), Vec::new());
    for i in 0..1300_usize {
        bytes.extend(std::iter::repeat_n(b'a' + (i % 26) as u8, i % 7));
        texts.push(bytes.len() as i64);
        items.extend(std::iter::repeat_n(-(i as i32), i % 4));
        lists.push(items.len() as i64);
    }
    assert_eq!(read("s"), Column::Str { offsets: texts, bytes });
    assert_eq!(read("list"), Column::List { offsets: lists, inner: Box::new(Column::Prim(items.into())) });
}
