//! What can go wrong while a production is planned or run.

use std::io;
use std::path::{Path, PathBuf};

/// Why something about a production could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ProductionError {
    /// A file or directory cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, such as `write`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the state directory does not hold what it should.
    #[error("{}: {message}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A program of the batch system failed.
    #[error("{executor}: {message}")]
    Executor {
        /// Name of the executor.
        executor: &'static str,
        /// What went wrong, with the program's words.
        message: String,
    },
    /// A batch system does not want tasks, now or later.
    #[error("{executor} refuses: {message}")]
    Refused {
        /// Name of the executor.
        executor: &'static str,
        /// Its words.
        message: String,
    },
    /// A batch system cannot take tasks now.
    #[error("{executor} cannot take tasks now: {message}")]
    Busy {
        /// Name of the executor.
        executor: &'static str,
        /// Its words.
        message: String,
    },
    /// The production or the words about it are wrong.
    #[error("{0}")]
    Usage(String),
    /// Outputs exist that this production did not make.
    #[error("{0}")]
    Exists(String),
}

impl ProductionError {
    /// For `map_err` on file operations.
    pub fn file<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { doing, path: path.into(), source }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, ProductionError>;
