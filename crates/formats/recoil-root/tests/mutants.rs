//! Damaged files: a thousand seeded mutants of small files, each of which must end in values or in a typed error.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use recoil_root::{Error, RootFile};

const MUTANTS: u64 = 1000;

fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/root");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "root"));
    paths.sort();
    assert!(paths.len() >= 8);
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match random.below(4) {
        0 => out.truncate(random.below(bytes.len())),
        1 => {
            for _ in 0..=random.below(8) {
                let at = random.below(out.len());
                out[at] ^= 1 << random.below(8);
            }
        }
        2 => {
            let at = random.below(out.len());
            let end = (at + 1 + random.below(200)).min(out.len());
            out[at..end].fill(0);
        }
        _ => {
            // in the header and the keys, where it hurts most; with the extreme values of lengths
            for _ in 0..=random.below(3) {
                let at = if random.below(2) == 0 { random.below(100) } else { random.below(out.len()) };
                let extreme = [0x7f, 0xff, 0x80, 0x00, 0x40][random.below(5)];
                for byte in out.iter_mut().skip(at).take(1 + random.below(4)) {
                    *byte = extreme;
                }
            }
        }
    }
    out
}

/// Reads all there is; gives the number of values read and the errors.
fn read_all(path: &Path) -> (usize, Vec<Error>) {
    let (mut values, mut errors) = (0, Vec::new());
    let file = match RootFile::open(path) {
        Ok(file) => file,
        Err(error) => return (0, vec![error]),
    };
    let entries = file.ls().unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    for entry in entries {
        let path = format!("{};{}", entry.path, entry.cycle);
        match file.tree(&path) {
            Ok(tree) => {
                for branch in tree.branches() {
                    match tree.read(branch, 0..branch.entries()) {
                        Ok(column) => values += column.len(),
                        Err(error) => errors.push(error),
                    }
                }
            }
            Err(error) => errors.push(error),
        }
        errors.extend(file.hist1(&path).err());
        errors.extend(file.hist2(&path).err());
        errors.extend(file.hist3(&path).err());
        errors.extend(file.profile(&path).err());
        errors.extend(file.text(&path).err());
    }
    (values, errors)
}

/// Errors that do not come of asking for the wrong class.
fn damage(errors: &[Error]) -> Vec<&Error> {
    errors.iter().filter(|e| !matches!(e, Error::WrongClass { .. } | Error::Unsupported { .. })).collect()
}

/// Most memory that this process ever held, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

#[test]
fn mutants_end_in_values_or_errors() {
    let samples = samples();
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in &samples {
        let (values, errors) = read_all(path);
        assert!(values > 0, "{} itself must be readable", path.display());
        assert!(damage(&errors).is_empty(), "{:?}", damage(&errors));
        assert!(bytes.len() < 200_000);
    }
    let before = peak_memory();
    let mut slowest = (Duration::ZERO, String::new());
    let (mut unharmed, mut failed) = (0, 0);
    for seed in 0..MUTANTS {
        let mut random = Random(seed);
        let (original, bytes) = &samples[random.below(samples.len())];
        let mutant = folder.path().join("mutant.root");
        fs::write(&mutant, mutate(bytes, &mut random)).unwrap();
        let start = Instant::now();
        let (_, errors) = read_all(&mutant);
        let took = start.elapsed();
        if took > slowest.0 {
            slowest = (took, format!("seed {seed} of {}", original.display()));
        }
        let damage = damage(&errors);
        for error in &damage {
            assert!(error.to_string().contains("mutant.root"), "an error without its file: {error}");
        }
        if damage.is_empty() {
            unharmed += 1;
        } else {
            failed += 1;
        }
    }
    println!("{unharmed} unharmed, {failed} with errors; slowest {:?} ({})", slowest.0, slowest.1);
    assert!(failed > MUTANTS / 4, "the mutations must hit something");
    // far above what a read takes, far below a hang
    assert!(slowest.0 < Duration::from_secs(5), "{:?} for {}", slowest.0, slowest.1);
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        println!("peak memory grew by {} kB", (after - before) / 1024);
        assert!(after - before < 8 << 20, "mutants of files below 200 kB took {} MB more", (after - before) >> 20);
    }
}

#[test]
fn truncated_file_names_the_place() {
    let (path, bytes) = samples().into_iter().find(|(path, _)| path.ends_with("leaves_stored.root")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.root");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (_, errors) = read_all(&cut);
    assert!(!errors.is_empty(), "half of {} cannot be whole", path.display());
    assert!(errors.iter().all(|e| e.to_string().contains("cut.root")));
}
