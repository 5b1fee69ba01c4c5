//! The journal: one line for each change, only ever added to, and the state that its lines add up to.

mod memory;

pub use memory::{Memory, TaskMemory, TaskStatus};

use crate::error::{ProductionError, Result};
use crate::task::TaskResult;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A manager began.
    Begin {
        /// Seconds since 1970.
        time: f64,
        /// Its machine.
        host: String,
        /// Its process.
        process: u32,
        /// Version of the program.
        program: String,
        /// The file.
        source: PathBuf,
        /// SHA-256 of the file.
        source_sha256: String,
        /// Where tasks run.
        executor: String,
        /// The words as typed.
        argv: Vec<String>,
    },
    /// Tasks are about to be submitted.
    Submit {
        /// Seconds since 1970.
        time: f64,
        /// Id of the step.
        step: String,
        /// The tasks.
        tasks: Vec<usize>,
        /// Which try.
        attempt: u32,
        /// Name of the submission.
        token: String,
        /// Memory asked for.
        memory_bytes: Option<u64>,
    },
    /// The batch system took them.
    Job {
        /// Name of the submission.
        token: String,
        /// Number of the job.
        job: String,
    },
    /// A task ended.
    End {
        /// How.
        result: Box<TaskResult>,
    },
    /// Failed tasks are to be tried again from the beginning.
    Reset {
        /// Seconds since 1970.
        time: f64,
        /// Id of the step.
        step: String,
        /// The tasks.
        tasks: Vec<usize>,
    },
    /// The manager ended.
    Finish {
        /// Seconds since 1970.
        time: f64,
        /// `done`, `failed` or `interrupted`.
        status: String,
    },
}

/// The journal, open for adding lines.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Lines that are in the file but perhaps not on the disk.
    unflushed: bool,
}

impl Journal {
    /// Opens the journal; a torn last line is closed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = |error| ProductionError::File { doing: "write the journal", path: path.into(), source: error };
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(doing)?;
        if file.metadata().map_err(doing)?.len() > 0 {
            file.seek(SeekFrom::End(-1)).map_err(doing)?;
            let mut last = [0];
            file.read_exact(&mut last).map_err(doing)?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(doing)?;
            }
        }
        Ok(Self { path: path.into(), file, unflushed: false })
    }

    /// Adds lines, in one piece.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn add(&mut self, events: &[Event]) -> Result<()> {
        let mut text = Vec::new();
        for event in events {
            serde_json::to_writer(&mut text, event)
                .map_err(|error| ProductionError::State { path: self.path.clone(), message: error.to_string() })?;
            text.push(b'\n');
        }
        self.file.write_all(&text).map_err(ProductionError::file("write the journal", &self.path))?;
        self.unflushed |= !events.is_empty();
        Ok(())
    }

    /// Makes sure that all lines are on the disk.
    ///
    /// # Errors
    /// When they cannot be.
    pub fn flush(&mut self) -> Result<()> {
        if self.unflushed {
            self.file.sync_data().map_err(ProductionError::file("flush the journal", &self.path))?;
            self.unflushed = false;
        }
        Ok(())
    }
}

/// Reads a journal line by line. Lines that are not whole are passed over; their number is returned.
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read(path: &Path, mut each: impl FnMut(Event)) -> Result<usize> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).map_err(ProductionError::file("read the journal", path)),
    };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    let mut torn = 0;
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line).map_err(ProductionError::file("read the journal", path))?;
        if count == 0 {
            return Ok(torn);
        }
        match serde_json::from_slice(&line) {
            Ok(event) => each(event),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => torn += 1,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn job(number: usize) -> Event {
        Event::Job { token: format!("t{number}"), job: number.to_string() }
    }

    #[test]
    fn a_journal_cut_anywhere_loses_only_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        Journal::open(&path).unwrap().add(&[job(1), job(2), job(3)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            journal.add(&[job(9)]).unwrap();
            journal.flush().unwrap();
            let mut events = Vec::new();
            read(&path, |event| events.push(event)).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            // a line that lacks only its end is whole
            let almost = whole.get(cut) == Some(&b'\n');
            assert_eq!(events.len(), lines + usize::from(almost) + 1, "cut at {cut}");
            assert_eq!(events.last(), Some(&job(9)));
        }
    }

    #[test]
    fn a_disk_without_room_is_an_error() {
        let mut journal = Journal::open(Path::new("/dev/full")).unwrap();
        let error = journal.add(&[job(1)]).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the journal /dev/full: No space left"), "{error}");
    }
}
