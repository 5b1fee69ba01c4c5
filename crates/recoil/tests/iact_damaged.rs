//! Damaged files of Cherenkov telescopes through the command line: what is wrong is told with its place; no program stops
//! without a word, hangs or takes the memory.
//!
//! Few files are tried by default. Many, also made from the files below `RECOIL_REALDATA` if that is set:
//!
//! ```sh
//! RECOIL_MUTATIONS=1000 cargo test --release -p recoil --test iact_damaged -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod damage;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use damage::{Numbers, Tally, count, damaged, done};

/// Places where the structure of a file is told: behind the marks of EventIO and of HDF5's parts.
fn places(bytes: &[u8]) -> Vec<usize> {
    let marks: [&[u8]; 9] =
        [&[0x37, 0x8a, 0x1f, 0xd4], b"TREE", b"SNOD", b"OHDR", b"HEAP", b"GCOL", b"FRHP", b"BTHD", b"OCHK"];
    (0..bytes.len().saturating_sub(4)).filter(|at| marks.iter().any(|mark| bytes[*at..].starts_with(mark))).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Files of others with one of these endings.
fn real(endings: &[&str]) -> Vec<Vec<u8>> {
    let Some(folder) = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("iact")) else {
        println!("files of others are SKIPPED: RECOIL_REALDATA is not set");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wanted = |path: &&PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    paths.iter().filter(wanted).map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn damaged_raw_files_are_told_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, &["iact", "simulate", "-o", "raw", "--showers", "30", "ending=simtel", "-q"]);
    let plain = [fs::read(dir.join("raw/gamma_run1.simtel")).unwrap()];
    let packed = [gzip(&plain[0]), zstd::encode_all(plain[0].as_slice(), 1).unwrap()];
    let of_others = real(&[".gz", ".zst", ".dat", ".eventio"]);
    let originals: Vec<(Vec<u8>, Vec<usize>)> =
        plain.iter().chain(&packed).chain(&of_others).map(|bytes| (bytes.clone(), places(bytes))).collect();
    let (mut numbers, mut tally) = (Numbers(20_261), Tally::default());
    for number in 0..count() {
        // half of them are damaged before they are packed
        let (whole, marks) = match numbers.below(2) {
            0 => &originals[0],
            _ => &originals[numbers.below(originals.len())],
        };
        let (mut bytes, what) = damaged(&mut numbers, whole, marks);
        match numbers.below(4) {
            0 => bytes = gzip(&bytes),
            1 => bytes = zstd::encode_all(bytes.as_slice(), 1).unwrap(),
            _ => {}
        }
        let size = bytes.len().max(whole.len());
        fs::write(dir.join("bad.simtel"), bytes).unwrap();
        let what = format!("raw file {number} with {what}");
        tally.run(dir, "bad.simtel", size, &what, &["iact", "ls", "bad.simtel"]);
        let _ = fs::remove_dir_all(dir.join("dl1"));
        let all = "source_config.EventSource.allowed_tels=null";
        let reduce = ["iact", "r0-to-dl1", "-f", "bad.simtel", "-o", "dl1", "-q", all];
        tally.run(dir, "bad.simtel", size, &what, &reduce);
    }
    tally.finish("raw files");
}

#[test]
fn damaged_tables_are_told_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, &["iact", "simulate", "-o", "raw", "--showers", "30", "ending=simtel", "-q"]);
    done(dir, &["iact", "r0-to-dl1", "-f", "raw/gamma_run1.simtel", "-o", "dl1", "-q"]);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/iact");
    let mut originals = vec![dir.join("dl1/dl1_gamma_run1.h5")];
    // packed by Blosc, as lstchain writes
    originals.extend(["dl1_hm75_mc.h5", "dl1_lst1_prod4_mc.h5"].map(|name| golden.join(name)));
    let originals: Vec<(Vec<u8>, Vec<usize>)> =
        originals.iter().map(|path| fs::read(path).unwrap()).map(|bytes| (bytes.clone(), places(&bytes))).collect();
    let (mut numbers, mut tally) = (Numbers(20_262), Tally::default());
    for number in 0..count() {
        let (whole, marks) = &originals[number % originals.len()];
        let (bytes, what) = damaged(&mut numbers, whole, marks);
        let size = bytes.len().max(whole.len());
        fs::write(dir.join("bad.h5"), bytes).unwrap();
        let what = format!("table {number} with {what}");
        tally.run(dir, "bad.h5", size, &what, &["table", "ls", "bad.h5"]);
        let rows = "bad.h5:dl1/event/telescope/parameters/LST_LSTCam";
        let _ = fs::remove_file(dir.join("rows.parquet"));
        tally.run(dir, "bad.h5", size, &what, &["table", "convert", rows, "rows.parquet"]);
        let _ = fs::remove_file(dir.join("again.h5"));
        tally.run(dir, "bad.h5", size, &what, &["iact", "dl1ab", "-f", "bad.h5", "-o", "again.h5", "-q"]);
        let _ = fs::remove_file(dir.join("both.h5"));
        tally.run(dir, "bad.h5", size, &what, &["iact", "merge", "-f", "bad.h5", "-o", "both.h5", "-q"]);
    }
    tally.finish("tables");
}
