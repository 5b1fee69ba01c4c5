//! Small files of many layouts against digests of what uproot reads from them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{fs, path::Path};

use recoil_root::RootFile;
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
