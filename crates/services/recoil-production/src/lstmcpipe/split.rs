//! Sharing out the files of a directory for training and testing.
//!
//! lstmcpipe moves the files, so that the DL1 stage loses its outputs and a job that is killed leaves them anywhere.
//! Here they are linked: the files stay where they are, and a second try finds the same.

use crate::error::{ProductionError, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Seed of the order, as in lstmcpipe.
const SEED: u32 = 42;

/// Files for testing and for training: the files in `input` that end in `.h5`, sorted by name, in the random order of
/// scikit-learn's `train_test_split` with seed 42; the first `ceil(n * ratio)` of them are for testing.
///
/// # Errors
/// A directory that cannot be read, or with fewer than two files.
pub fn shares(input: &Path, ratio: f64) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let entries = fs::read_dir(input).map_err(ProductionError::file("list", input))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.ends_with(b".h5") && !name.starts_with(b".") && path.is_file()
        })
        .collect();
    files.sort();
    if files.len() < 2 {
        let message = format!("{} has {} files *.h5, at least two are needed", input.display(), files.len());
        return Err(ProductionError::Usage(message));
    }
    let testing = ((files.len() as f64 * ratio).ceil() as usize).clamp(1, files.len() - 1);
    let order = permutation(files.len(), SEED);
    let pick = |numbers: &[usize]| {
        let mut own: Vec<PathBuf> = numbers.iter().filter_map(|number| files.get(*number).cloned()).collect();
        own.sort();
        own
    };
    let (test, train) = order.split_at(testing);
    Ok((pick(test), pick(train)))
}

/// Links files into a directory: as second names of the same file, or where the file system has no such thing as
/// symbolic links. Links that are there already are replaced.
///
/// # Errors
/// A directory or link that cannot be made.
pub fn link(files: &[PathBuf], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(ProductionError::file("create the directory", directory))?;
    for file in files {
        let target = directory.join(file.file_name().unwrap_or_default());
        if fs::symlink_metadata(&target).is_ok() {
            fs::remove_file(&target).map_err(ProductionError::file("replace", &target))?;
        }
        if fs::hard_link(file, &target).is_err() {
            let whole = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            std::os::unix::fs::symlink(whole, &target).map_err(ProductionError::file("link", &target))?;
        }
    }
    Ok(())
}

/// The numbers below `count` in random order, as `numpy.random.RandomState(seed).permutation(count)` gives them.
fn permutation(count: usize, seed: u32) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let mut random = Mersenne::new(seed);
    for last in (1..count).rev() {
        let other = random.up_to(last as u32) as usize;
        numbers.swap(last, other);
    }
    numbers
}

/// The generator MT19937 of Matsumoto and Nishimura.
struct Mersenne {
    state: [u32; Self::SIZE],
    next: usize,
}

impl Mersenne {
    const SIZE: usize = 624;

    fn new(seed: u32) -> Self {
        let mut state = [0; Self::SIZE];
        let mut last = seed;
        for (index, word) in state.iter_mut().enumerate() {
            if index > 0 {
                last = (last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
            }
            *word = last;
        }
        Self { state, next: Self::SIZE }
    }

    fn word(&self, index: usize) -> u32 {
        self.state.get(index % Self::SIZE).copied().unwrap_or_default()
    }

    fn draw(&mut self) -> u32 {
        if self.next == Self::SIZE {
            for index in 0..Self::SIZE {
                let joined = (self.word(index) & 0x8000_0000) | (self.word(index + 1) & 0x7fff_ffff);
                let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                let new = self.word(index + 397) ^ (joined >> 1) ^ twist;
                if let Some(word) = self.state.get_mut(index) {
                    *word = new;
                }
            }
            self.next = 0;
        }
        let mut value = self.word(self.next);
        self.next += 1;
        value ^= value >> 11;
        value ^= (value << 7) & 0x9d2c_5680;
        value ^= (value << 15) & 0xefc6_0000;
        value ^ (value >> 18)
    }

    /// A number from 0 to `most`, by drawing until the lowest bits that can hold it are small enough.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or_default();
        loop {
            let value = self.draw() & mask;
            if value <= most {
                return value;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_numpy() {
        // numpy.random.RandomState(42).permutation(n)
        assert_eq!(permutation(10, 42), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(permutation(7, 42), PERMUTATION_7);
        let order = permutation(1000, 42);
        assert_eq!((order[0], order[1], order[999]), PERMUTATION_1000);
    }

    const PERMUTATION_7: [usize; 7] = [0, 1, 5, 2, 4, 3, 6];
    const PERMUTATION_1000: (usize, usize, usize) = (521, 737, 102);

    #[test]
    fn files_stay_and_a_second_try_finds_the_same() {
        let home = tempfile::tempdir().unwrap();
        let input = home.path().join("node");
        fs::create_dir(&input).unwrap();
        for number in 0..5 {
            fs::write(input.join(format!("dl1_{number}.h5")), number.to_string()).unwrap();
        }
        fs::write(input.join("notes.txt"), "").unwrap();
        let (test, train) = shares(&input, 0.5).unwrap();
        assert_eq!((test.len(), train.len()), (3, 2));
        let target = input.join("test");
        for _ in 0..2 {
            link(&test, &target).unwrap();
        }
        assert_eq!(fs::read_dir(&target).unwrap().count(), 3);
        assert_eq!(shares(&input, 0.5).unwrap(), (test, train));
        assert_eq!(fs::read_dir(&input).unwrap().count(), 7);
        assert!(shares(&target, 0.01).is_ok_and(|(test, _)| test.len() == 1));
        assert!(shares(home.path(), 0.5).is_err());
    }
}
