//! Damaged files of Cherenkov telescopes through the command line: what is wrong is told with its place; no program stops
//! without a word, hangs or takes the memory.
//!
//! Few files are tried by default. Many, also made from the files below `RECOIL_REALDATA` if that is set:
//!
//! ```sh
//! RECOIL_MUTATIONS=1000 cargo test --release -p recoil --test iact_damaged -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// Seconds of processor time after which a command counts as one that does not end.
const LONGEST: Duration = Duration::from_secs(20);
/// Bytes that a command may take beyond eight times its input.
const MEMORY: u64 = 300 << 20;

/// Numbers that follow from a seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ b >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Places where the structure of a file is told: behind the marks of EventIO and of HDF5's parts.
fn places(bytes: &[u8]) -> Vec<usize> {
    let marks: [&[u8]; 9] =
        [&[0x37, 0x8a, 0x1f, 0xd4], b"TREE", b"SNOD", b"OHDR", b"HEAP", b"GCOL", b"FRHP", b"BTHD", b"OCHK"];
    (0..bytes.len().saturating_sub(4)).filter(|at| marks.iter().any(|mark| bytes[*at..].starts_with(mark))).collect()
}

/// A place to damage: anywhere, near the beginning, or near a mark.
fn place(numbers: &mut Numbers, bytes: &[u8], marks: &[usize]) -> usize {
    match (numbers.below(4), marks) {
        (0, _) | (1, []) => numbers.below(bytes.len()),
        (1, _) => numbers.below(bytes.len().min(4096)),
        (_, []) => numbers.below(bytes.len()),
        (_, marks) => (marks[numbers.below(marks.len())] + numbers.below(96)).min(bytes.len() - 1),
    }
}

/// Cuts a file off, flips bits, fills a run with zeros or ones, writes nonsense over it, takes a piece out or repeats it.
fn damaged(numbers: &mut Numbers, whole: &[u8], marks: &[usize]) -> (Vec<u8>, &'static str) {
    let mut bytes = whole.to_vec();
    let at = place(numbers, whole, marks);
    let run = (1 << numbers.below(13)).min(bytes.len() - at);
    let told = match numbers.below(8) {
        0 => {
            bytes.truncate(at);
            "cut off"
        }
        1 => {
            bytes[at..at + run].fill(0);
            "zeros"
        }
        2 => {
            bytes[at..at + run.min(64)].fill(0xff);
            "ones"
        }
        3 => {
            bytes[at..at + run.min(64)].fill_with(|| numbers.next() as u8);
            "nonsense"
        }
        4 => {
            bytes.drain(at..at + run);
            "a piece missing"
        }
        5 => {
            let piece = bytes[at..at + run].to_vec();
            bytes.splice(at..at, piece);
            "a piece twice"
        }
        _ => {
            for _ in 0..=numbers.below(12) {
                let at = place(numbers, whole, marks);
                bytes[at] ^= 1 << numbers.below(8);
            }
            "flipped bits"
        }
    };
    (bytes, told)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What happened to the commands.
#[derive(Default)]
struct Tally {
    runs: usize,
    refused: usize,
    slowest: Duration,
    largest: u64,
    wrong: Vec<String>,
}

impl Tally {
    /// Runs a command on a damaged file and looks at how it ends.
    fn run(&mut self, folder: &Path, file: &str, size: usize, what: &str, words: &[&str]) {
        let stored = |name: &str| File::create(folder.join(name)).unwrap();
        let start = Instant::now();
        let child = Command::new("timeout")
            .args(["-s", "KILL", &LONGEST.as_secs().to_string(), env!("CARGO_BIN_EXE_recoil")])
            .args(words)
            .current_dir(folder)
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(stored("told"))
            .stderr(stored("error"))
            .spawn()
            .unwrap();
        let used = child.wait4().unwrap();
        let (took, memory) = (used.rusage.utime + used.rusage.stime, used.rusage.maxrss);
        let told = format!("{}{}", read(&folder.join("told")), read(&folder.join("error")));
        self.runs += 1;
        self.slowest = self.slowest.max(took);
        self.largest = self.largest.max(memory);
        let code = used.status.code();
        let complaint = match code {
            Some(0) => None,
            // wrong input, several tables where one is wanted, or a part that failed
            Some(2 | 3 | 5) if told.contains(file) => None,
            Some(2 | 3 | 5) => Some("does not name the file"),
            _ => Some("ended in a bad way"),
        };
        self.refused += usize::from(code != Some(0));
        let complaint = complaint
            .or((took >= Duration::from_secs(1)).then_some("took more than a second"))
            .or((start.elapsed() >= LONGEST).then_some("took too long"))
            .or((memory > 8 * size as u64 + MEMORY).then_some("took too much memory"));
        if let Some(complaint) = complaint {
            let kept = std::env::var_os("RECOIL_KEEP").map(PathBuf::from);
            if let Some(kept) = kept {
                fs::copy(folder.join(file), kept.join(format!("{}-{file}", self.wrong.len()))).unwrap();
            }
            let words = words.join(" ");
            self.wrong.push(format!("{what}: {words}: {complaint}: {code:?}, {took:?}, {memory} bytes: {told}"));
        }
    }

    fn finish(self, of: &str) {
        println!(
            "{of}: {} commands, {} told what is wrong, slowest {:.2?}, at most {} MB",
            self.runs,
            self.refused,
            self.slowest,
            self.largest >> 20
        );
        assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.runs, self.wrong.join("\n"));
        assert!(self.runs == 0 || self.refused > 0);
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

fn done(folder: &Path, words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Number of damaged files of each format.
fn count() -> usize {
    std::env::var("RECOIL_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
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
