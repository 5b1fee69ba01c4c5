//! The directory in which a production keeps its memory, and the names of the files in it.
//!
//! ```text
//! STATE/plan.json              the plan of the last run
//! STATE/journal.jsonl          one line for each change of state
//! STATE/lock                   host and process of the manager
//! STATE/steps/ID.jsonl         what the tasks of a step do, one line each
//! STATE/results/ID.N.A.json    how attempt A of task N of step ID ended
//! STATE/results/ID.N.A.run     process that runs it
//! STATE/logs/ID.N.A.log        what it printed
//! STATE/scripts/               what was given to the batch system and what it printed
//! ```

use crate::error::{ProductionError, Result};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The state directory at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        // task runners start in other directories
        Self(std::path::absolute(&path).unwrap_or(path))
    }

    /// Where the state of the production `name` of the file `source` lies if nothing else is said: in
    /// `.recoil/NAME` beside the file.
    pub fn beside(source: &Path, name: &str) -> Self {
        let legal = |c: char| if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '_' };
        let name: String = name.chars().map(legal).collect();
        let name = if name.trim_matches('.').is_empty() { "production".to_string() } else { name };
        let parent = source.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::new(parent.join(".recoil").join(name))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the directory and those in it.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn create(&self) -> Result<()> {
        for name in ["steps", "results", "logs", "scripts"] {
            let path = self.0.join(name);
            fs::create_dir_all(&path).map_err(ProductionError::file("create the directory", &path))?;
        }
        Ok(())
    }

    /// The plan.
    pub fn plan(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// The manager's lock.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// What the tasks of a step do.
    pub fn step(&self, step: &str) -> PathBuf {
        self.0.join("steps").join(format!("{step}.jsonl"))
    }

    /// How an attempt ended.
    pub fn result(&self, step: &str, task: usize, attempt: u32) -> PathBuf {
        self.0.join("results").join(format!("{step}.{task}.{attempt}.json"))
    }

    /// Which process runs an attempt.
    pub fn running(&self, step: &str, task: usize, attempt: u32) -> PathBuf {
        self.0.join("results").join(format!("{step}.{task}.{attempt}.run"))
    }

    /// What an attempt printed.
    pub fn log(&self, step: &str, task: usize, attempt: u32) -> PathBuf {
        self.0.join("logs").join(format!("{step}.{task}.{attempt}.log"))
    }

    /// What was given to the batch system.
    pub fn scripts(&self) -> PathBuf {
        self.0.join("scripts")
    }
}

/// Writes a file under a temporary name, flushes it if `durable`, and gives it its name.
///
/// # Errors
/// When it cannot be written; the file of that name is as it was then.
pub fn write_atomic(path: &Path, content: &[u8], durable: bool) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = path.with_file_name(name);
    let write = || {
        let mut file = fs::File::create(&draft)?;
        file.write_all(content)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&draft, path)
    };
    write().map_err(|source| {
        // nothing more can be done about a draft that cannot be removed
        let _ = fs::remove_file(&draft);
        ProductionError::File { doing: "write", path: path.into(), source }
    })
}
