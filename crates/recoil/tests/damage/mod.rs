//! Files that are damaged at random, and commands on them: what may come of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// Seconds of processor time after which a command counts as one that does not end.
const LONGEST: Duration = Duration::from_secs(20);
/// Bytes that a command may take beyond eight times its input.
const MEMORY: u64 = 300 << 20;

/// Numbers that follow from a seed (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ b >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A place to damage: anywhere, near the beginning, or near a mark.
pub fn place(numbers: &mut Numbers, bytes: &[u8], marks: &[usize]) -> usize {
    match (numbers.below(4), marks) {
        (0, _) | (1, []) => numbers.below(bytes.len()),
        (1, _) => numbers.below(bytes.len().min(4096)),
        (_, []) => numbers.below(bytes.len()),
        (_, marks) => (marks[numbers.below(marks.len())] + numbers.below(96)).min(bytes.len() - 1),
    }
}

/// Cuts a file off, flips bits, fills a run with zeros or ones, writes nonsense over it, takes a piece out or repeats it.
pub fn damaged(numbers: &mut Numbers, whole: &[u8], marks: &[usize]) -> (Vec<u8>, &'static str) {
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

/// What happened to the commands.
#[derive(Default)]
pub struct Tally {
    runs: usize,
    refused: usize,
    slowest: Duration,
    largest: u64,
    wrong: Vec<String>,
}

impl Tally {
    /// Runs a command on a damaged file and looks at how it ends.
    pub fn run(&mut self, folder: &Path, file: &str, size: usize, what: &str, words: &[&str]) {
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

    pub fn finish(self, of: &str) {
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

pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

pub fn done(folder: &Path, words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Number of damaged files of each format.
pub fn count() -> usize {
    std::env::var("RECOIL_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}
