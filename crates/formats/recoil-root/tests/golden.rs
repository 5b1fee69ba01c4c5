//! Small files of many layouts against digests of what uproot reads from them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{fs, path::Path};

use recoil_root::{Bins, RootFile, Storage};
use twox_hash::XxHash64;

mod canonical;

#[test]
fn branches_equal_uproot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root");
    let (mut equal, mut different) = (0, 0);
    for line in fs::read_to_string(folder.join("uproot_digests.tsv")).unwrap().lines() {
        let [file, tree, branch, digest] = line.split('\t').collect::<Vec<_>>()[..] else { unreachable!("{line}") };
        let tree = RootFile::open(folder.join(file)).unwrap().tree(tree).unwrap();
        let branch = tree.branch(branch).unwrap();
        let column = tree.read(branch, 0..branch.entries());
        let mut bytes = Vec::new();
        if let Ok(column) = &column {
            canonical::bytes(column, &mut bytes);
        }
        if format!("{:016x}", XxHash64::oneshot(0, &bytes)) == digest {
            equal += 1;
        } else {
            different += 1;
            println!("{file} {} {}: {:?}", branch.name(), branch.ty(), column.err());
        }
    }
    println!("{equal} equal, {different} different");
    assert!(equal > 200 && different == 0, "{different} of {} branches differ", equal + different);
}

#[test]
fn parts_of_a_branch_are_parts_of_the_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root");
    for file in ["leaves_zlib.root", "leaves_lz4_generated_offsets.root"] {
        let tree = RootFile::open(folder.join(file)).unwrap().tree("t").unwrap();
        for branch in tree.branches().iter().filter(|branch| branch.ty().is_supported()) {
            let whole = tree.read(branch, 0..branch.entries()).unwrap();
            for (from, to) in [(0, 7), (7, 23), (14, 15), (3, 40), (40, 40)] {
                let part = tree.read(branch, from..to).unwrap();
                assert_eq!(part, whole.slice(from as usize, to as usize), "{file} {} {from}..{to}", branch.name());
            }
        }
    }
}

fn sample(name: &str) -> RootFile {
    RootFile::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root").join(name)).unwrap()
}

/// Numbers as uproot gives them for the same file.
#[test]
fn histograms_equal_uproot() {
    let file = sample("directories.root");
    let h = file.hist1("top/h1D").unwrap();
    let expected = [0, 6, 5, 5, 5, 5, 5, 5, 4, 6, 5, 4, 6, 5, 4, 6, 4, 5, 6, 4, 5, 0];
    assert_eq!(h.contents, expected.map(f64::from));
    assert_eq!((h.entries, h.storage), (100.0, Storage::F64));
    assert_eq!(h.x.bins, Bins::Uniform { n: 20, low: -3.0, high: 3.0 });
    assert_eq!((h.x.title.as_str(), h.y_title.as_str()), ("x", "n"));
    for kind in ["C", "S", "I", "F"] {
        assert_eq!(file.hist1(&format!("top/h1{kind}")).unwrap().contents, h.contents);
    }
    let h2 = file.hist2("top/h2F").unwrap();
    assert_eq!(h2.contents[7..14], [0.0, 5.0, 5.0, 3.0, 6.0, 6.0, 0.0]);
    let variable = file.hist1("top/variable").unwrap();
    assert_eq!(variable.x.bins, Bins::Edges(vec![0.0, 1.0, 3.0, 10.0]));
    assert_eq!(variable.contents, [1.0, 0.0, 2.5, 0.0, 0.0]);
    assert_eq!(variable.sumw2, Some(vec![1.0, 0.0, 6.25, 0.0, 0.0]));
    let profile = file.profile("top/profile").unwrap();
    assert!((profile.means()[1] - 9.5).abs() < 1e-12 && (profile.means()[10] - 10.4).abs() < 1e-12);
    assert!((profile.spreads()[1] - 5.766_281_3).abs() < 1e-7);
    assert_eq!(file.hist3("top/h3").unwrap().contents.iter().sum::<f64>(), 200.0);
    let message = file.hist1("top/h1d").unwrap_err().to_string();
    assert!(message.ends_with("no object named \"top/h1d\", did you mean \"top/h1D\"?"), "{message}");
    assert!(file.hist1("top/profile").unwrap_err().to_string().contains("is a TProfile, not a TH1"));
}

#[test]
fn a_file_that_was_never_closed_gives_what_was_saved() {
    let file = sample("unclosed.root");
    let tree = file.tree("t").unwrap();
    let x = tree.branch("x").unwrap();
    let column = tree.read(x, 0..tree.entries()).unwrap();
    assert_eq!(column, recoil_root::Column::Prim((0..500).collect::<Vec<i32>>().into()));
}

#[test]
fn a_file_that_lost_its_end_is_recovered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root/leaves_stored.root");
    let bytes = fs::read(&path).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    // the list of keys of the root directory, behind the last tree: everything from there on is lost
    let keys_at = word(100 + word(28) + 26);
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.root");
    fs::write(&cut, &bytes[..keys_at]).unwrap();
    let (whole, cut) = (RootFile::open(&path).unwrap(), RootFile::open(&cut).unwrap());
    assert!(cut.is_recovered() && !whole.is_recovered());
    let (whole, cut) = (whole.tree("t").unwrap(), cut.tree("t").unwrap());
    assert_eq!(cut.entries(), 40);
    for branch in whole.branches().iter().filter(|branch| branch.ty().is_supported()) {
        let same = cut.branch(branch.name()).unwrap();
        assert_eq!(cut.read(same, 0..40).unwrap(), whole.read(branch, 0..40).unwrap(), "{}", branch.name());
    }
}

#[test]
fn a_chain_reads_file_after_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root");
    let files = ["leaves_zlib.root", "leaves_zstd.root"].map(|name| folder.join(name));
    let chain = recoil_root::Chain::new(&files, "t");
    assert_eq!(chain.entries().unwrap(), 80);
    let batches: Vec<_> = chain.batches(&["i", "jx"], 16).map(|batch| batch.unwrap()).collect();
    assert_eq!(batches.iter().map(|batch| batch[0].len()).sum::<usize>(), 80);
    assert!(batches.iter().all(|batch| batch[0].len() <= 16 && batch[1].len() == batch[0].len()));
}
