//! Damaged RNTuples: what checksums find, and what they do not.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use recoil_root::{Error, RootFile};
use twox_hash::XxHash3_64;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root").join(name)
}

/// Reads all there is; gives the errors.
fn errors(path: &Path, name: &str) -> Vec<Error> {
    let tree = match RootFile::open(path).and_then(|file| file.tree(name)) {
        Ok(tree) => tree,
        Err(error) => return vec![error],
    };
    let readable = tree.branches().iter().filter(|branch| branch.ty().is_supported());
    readable
        .filter_map(|branch| {
            // a hostile number of entries is read from both ends
            let entries = branch.entries();
            let read = |range| tree.read(branch, range).err();
            read(0..entries.min(1 << 20)).or_else(|| read(entries.saturating_sub(1 << 10)..entries))
        })
        .collect()
}

#[test]
fn a_flipped_bit_is_found_and_its_place_named() {
    let bytes = fs::read(path("ntuple_plain.root")).unwrap();
    let parts = Parts::of(&bytes);
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.root");
    let message = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        fs::write(&broken, bytes).unwrap();
        errors(&broken, "n").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for (place, at) in [("header", parts.header.0), ("footer", parts.footer.0), ("page list", parts.page_list.0)] {
        let message = message(at + 20);
        let expected = format!("broken.root: \"n\" {place} at byte {at}: the bytes from 0 on have the checksum ");
        assert!(message.contains(&expected), "{message}");
    }
    let anchor = message(parts.anchor + 9);
    assert!(anchor.contains("\"n\" anchor at byte ") && anchor.contains("checksum"), "{anchor}");
    // before the header there is nothing but the file's; behind it begins the first cluster
    let page = message(parts.header.0 + parts.header.1 + 200);
    assert!(page.contains("cluster 0 page ") && page.contains("checksum") && page.contains("branch \""), "{page}");
}

#[test]
fn a_cut_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.root");
    for (file, name) in [("ntuple_plain.root", "n"), ("ntuple_extended.root", "n"), ("ntuple_uproot.root", "t")] {
        let bytes = fs::read(path(file)).unwrap();
        // without the list of keys behind it, the anchor is found by walking the records
        let bytes = &bytes[..anchor(&bytes) + 72];
        for part in 1..40 {
            fs::write(&cut, &bytes[..bytes.len() * part / 40]).unwrap();
            let errors = errors(&cut, name);
            assert!(!errors.is_empty(), "{file} cut at {part}/40");
            assert!(errors.iter().all(|error| error.to_string().contains("cut.root")), "{errors:?}");
        }
    }
}

/// Where the fields of the first anchor begin: 64 bytes and their checksum.
fn anchor(bytes: &[u8]) -> usize {
    let stored = |at: usize| u64::from_be_bytes(bytes[at + 64..at + 72].try_into().unwrap());
    (0..bytes.len() - 72).find(|at| XxHash3_64::oneshot(&bytes[*at..at + 64]) == stored(*at)).unwrap()
}

/// Where the parts of an uncompressed ntuple with one page list are: begin and length.
struct Parts {
    anchor: usize,
    header: (usize, usize),
    footer: (usize, usize),
    page_list: (usize, usize),
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let big = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let little = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let anchor = anchor(bytes);
        let envelope = |at: usize| (big(at) as usize, big(at + 8) as usize);
        let is_page_list = |at: &usize| {
            let (word, left) = (little(*at), bytes.len() - at);
            let len = (word >> 16) as usize;
            word & 0xffff == 3
                && (16..left).contains(&len)
                && XxHash3_64::oneshot(&bytes[*at..at + len - 8]) == little(at + len - 8)
        };
        let page_list = (0..bytes.len() - 8).find(is_page_list).unwrap();
        Self {
            anchor,
            header: envelope(anchor + 8),
            footer: envelope(anchor + 32),
            page_list: (page_list, (little(page_list) >> 16) as usize),
        }
    }

    /// Makes all checksums right again.
    fn seal(&self, bytes: &mut [u8]) {
        let seal = |bytes: &mut [u8], (at, len): (usize, usize)| {
            let sum = XxHash3_64::oneshot(&bytes[at..at + len - 8]).to_le_bytes();
            bytes[at + len - 8..at + len].copy_from_slice(&sum);
            sum
        };
        let header_sum = seal(bytes, self.header);
        bytes[self.footer.0 + 16..self.footer.0 + 24].copy_from_slice(&header_sum);
        bytes[self.page_list.0 + 8..self.page_list.0 + 16].copy_from_slice(&header_sum);
        seal(bytes, self.footer);
        seal(bytes, self.page_list);
        let sum = XxHash3_64::oneshot(&bytes[self.anchor..self.anchor + 64]).to_be_bytes();
        bytes[self.anchor + 64..self.anchor + 72].copy_from_slice(&sum);
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// Most memory that this process ever held, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// Descriptions that lie, under checksums that are right: values or typed errors, and no memory that is not there.
#[test]
fn lies_with_right_checksums_end_in_values_or_errors() {
    const LIES: u64 = 3000;
    let bytes = fs::read(path("ntuple_plain.root")).unwrap();
    let parts = Parts::of(&bytes);
    assert!(errors(&path("ntuple_plain.root"), "n").is_empty());
    let folder = tempfile::tempdir().unwrap();
    let lying = folder.path().join("lying.root");
    let before = peak_memory();
    let mut failed = 0;
    for seed in 0..LIES {
        let mut random = Random(seed);
        let mut bytes = bytes.clone();
        let anchor = (parts.anchor, 72);
        let (begin, len) = [parts.header, parts.footer, parts.page_list, anchor][random.below(4)];
        for _ in 0..=random.below(3) {
            let at = begin + random.below(len - 8);
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                _ => bytes[at..(at + 4).min(begin + len)].fill([0, 0x7f, 0xff][random.below(3)]),
            }
        }
        parts.seal(&mut bytes);
        fs::write(&lying, &bytes).unwrap();
        let errors = errors(&lying, "n");
        failed += u64::from(!errors.is_empty());
        for error in &errors {
            assert!(error.to_string().contains("lying.root"), "seed {seed}: an error without its file: {error}");
        }
    }
    println!("{failed} of {LIES} lies found");
    assert!(failed > LIES / 4);
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        println!("peak memory grew by {} kB", (after - before) / 1024);
        assert!(
            after - before < 16 << 20,
            "lies in a file of {} bytes took {} MB",
            bytes.len(),
            (after - before) >> 20
        );
    }
}
