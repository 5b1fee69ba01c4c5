//! Files of a directory, shared out over the tasks of an array.

use super::stage::{Kind, Stage};
use std::fs;
use std::path::{Path, PathBuf};

/// What lies at the input of a DL1 stage.
pub(super) enum Found {
    /// The files that the stage works on, sorted by name.
    Files(Vec<PathBuf>),
    /// The directory is there, without such files.
    Empty,
    /// Nothing is there.
    Missing,
    /// The directory cannot be read.
    Unreadable(std::io::Error),
}

/// The files of a directory (not below it), or the file itself. recoil's own stages read more forms of raw files than
/// lstmcpipe looks for.
pub(super) fn files(kind: Kind, stage: Stage, input: &Path) -> Found {
    let endings: &[&str] = match (stage, kind) {
        (Stage::R0ToDl1, Kind::Recoil) => &[".simtel.gz", ".simtel.zst", ".simtel"],
        (Stage::R0ToDl1, _) => &[".simtel.gz"],
        _ => &[".h5"],
    };
    if input.is_file() {
        return Found::Files(vec![input.into()]);
    }
    let entries = match fs::read_dir(input) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Missing,
        Err(error) => return Found::Unreadable(error),
    };
    let mut names: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            endings.iter().any(|ending| name.ends_with(ending.as_bytes())) && !name.starts_with(b".")
        })
        .map(|entry| input.join(entry.file_name()))
        .collect();
    names.sort();
    if names.is_empty() { Found::Empty } else { Found::Files(names) }
}

/// Files for one task: 20 if there are fewer than 50 raw files, else 50.
pub(super) fn size(stage: Stage, files: usize) -> usize {
    if stage == Stage::R0ToDl1 && files < 50 { 20 } else { 50 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_those_of_lstmcpipe() {
        let batches = |stage, files: usize| -> Vec<usize> {
            vec![0; files].chunks(size(stage, files)).map(<[i32]>::len).collect()
        };
        assert_eq!(batches(Stage::R0ToDl1, 49), [20, 20, 9]);
        assert_eq!(batches(Stage::R0ToDl1, 55), [50, 5]);
        assert_eq!(batches(Stage::R0ToDl1, 120), [50, 50, 20]);
        assert_eq!(batches(Stage::Dl1ab, 101), [50, 50, 1]);
        assert_eq!(batches(Stage::Dl1ab, 49), [49]);
    }
}
