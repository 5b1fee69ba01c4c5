//! What can go wrong with records.

use std::io;
use std::path::{Path, PathBuf};

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, TrackError>;

/// Every message is a fragment that fits after "cannot …:".
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// A file or directory that cannot be read or written.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// what was tried
        doing: &'static str,
        /// the file
        path: PathBuf,
        /// why not
        source: io::Error,
    },
    /// A file of a store that does not hold what it should.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// the file
        path: PathBuf,
        /// what is wrong
        message: String,
    },
    /// A name that MLflow does not take.
    #[error("{kind} '{name}': {message}")]
    Name {
        /// parameter, metric, tag or experiment
        kind: &'static str,
        /// as given
        name: String,
        /// what is wrong
        message: String,
    },
    /// A parameter that has another value already.
    #[error("run {run}: parameter '{name}' is '{old}' and cannot become '{new}'")]
    Parameter {
        /// id of the run
        run: String,
        /// the parameter
        name: String,
        /// its value
        old: String,
        /// the value that was refused
        new: String,
    },
    /// A place of a store that cannot be used.
    #[error("store '{store}': {message}")]
    Store {
        /// as given
        store: String,
        /// what is wrong
        message: String,
    },
    /// Something that is not in the store.
    #[error("{0}")]
    Missing(String),
    /// A condition on runs that cannot be understood.
    #[error("condition '{text}', position {position}: {message}")]
    Condition {
        /// as given
        text: String,
        /// byte, from 0
        position: usize,
        /// what is wrong
        message: String,
    },
    /// A server that cannot be reached or refuses.
    #[error("{url}: {message}")]
    Server {
        /// address of the call
        url: String,
        /// what it says
        message: String,
        /// the HTTP status, if it answered
        status: Option<u16>,
    },
    /// Stores that contradict each other.
    #[error("{} of the runs are in several stores with different content: {}", runs.len(), runs.join(", "))]
    Conflict {
        /// ids of the runs
        runs: Vec<String>,
    },
}

impl TrackError {
    /// Whether a user's word is wrong, rather than data.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Condition { .. } | Self::Name { .. })
    }

    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), message: message.into() }
    }
}

/// Names the file of an I/O error.
pub(crate) trait At<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| TrackError::Io { doing, path: path.to_path_buf(), source })
    }
}
