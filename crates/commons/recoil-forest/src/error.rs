//! What can be refused: parameters, tables, files.

use std::path::{Path, PathBuf};

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, ForestError>;

/// Every message is a fragment that fits after "cannot …:".
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// A parameter outside its domain.
    #[error("{key} = {value}: {message}")]
    Parameter {
        /// name of the parameter
        key: &'static str,
        /// as given
        value: String,
        /// what would be fine
        message: String,
    },
    /// A feature that is not a finite number.
    #[error("feature '{feature}', row {row}: {value} is not a finite number")]
    NotFinite {
        /// name of the feature
        feature: String,
        /// row from 0
        row: usize,
        /// the value
        value: f64,
    },
    /// A number of rows, columns or values that does not fit.
    #[error("{what}: {found}, expected {expected}")]
    Length {
        /// which data
        what: String,
        /// number given
        found: usize,
        /// number that fits
        expected: usize,
    },
    /// Data that no forest can be grown on.
    #[error("{0}")]
    Data(String),
    /// A tree that is no tree.
    #[error("tree {tree}, node {node}: {message}")]
    Tree {
        /// tree from 0
        tree: usize,
        /// node from 0
        node: usize,
        /// what is wrong
        message: String,
    },
    /// The caller asked to stop.
    #[error("stopped after {trees} trees")]
    Stopped {
        /// trees grown
        trees: usize,
    },
    /// A file that cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// its name
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// A file that is damaged or of another kind.
    #[error("{path}: {message}", path = path.display())]
    Format {
        /// its name
        path: PathBuf,
        /// what is wrong, and at which byte
        message: String,
    },
}

impl ForestError {
    pub(crate) fn parameter(key: &'static str, value: impl ToString, message: impl Into<String>) -> Self {
        Self::Parameter { key, value: value.to_string(), message: message.into() }
    }

    pub(crate) fn format(path: &Path, message: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), message: message.into() }
    }

    pub(crate) fn length(what: impl Into<String>, found: usize, expected: usize) -> Self {
        Self::Length { what: what.into(), found, expected }
    }
}
