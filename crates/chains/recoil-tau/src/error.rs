//! What can go wrong in the tau chain.

/// Error of the tau chain. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum TauError {
    /// A configuration value that no algorithm can work with.
    #[error("`{key}`: {reason}")]
    Config {
        /// Dotted key of the value.
        key: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// A column that is missing or of the wrong type.
    #[error("{file}: column '{column}' {reason}")]
    Column {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("{file}: row {row}: {reason}")]
    Value {
        /// File.
        file: String,
        /// Row, from 0.
        row: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file with the right format whose content does not make sense.
    #[error("{file}: {reason}")]
    Content {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A line of a text file that cannot be understood.
    #[error("{file}: line {line}: {reason}")]
    Line {
        /// File.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A file that cannot be opened or written.
    #[error("{file}: {source}")]
    Io {
        /// File.
        file: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A ROOT file that cannot be read or written.
    #[error(transparent)]
    Root(#[from] recoil_root::Error),
    /// A table that cannot be read or written.
    #[error(transparent)]
    Table(#[from] recoil_table::Error),
    /// A statistic that cannot be computed.
    #[error(transparent)]
    Stats(#[from] recoil_stats::StatsError),
    /// A figure that cannot be drawn.
    #[error(transparent)]
    Plot(#[from] recoil_plot::PlotError),
    /// A network that cannot be built, trained or applied.
    #[error(transparent)]
    Network(#[from] recoil_nn::NnError),
    /// JSON that cannot be read.
    #[error("{file}: {source}")]
    Json {
        /// File.
        file: String,
        /// Cause.
        source: serde_json::Error,
    },
}

impl TauError {
    /// An error about a configuration key.
    pub fn config(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { key: key.into(), reason: reason.into() }
    }

    /// An error about the content of `file`.
    pub fn content(file: impl std::fmt::Display, reason: impl Into<String>) -> Self {
        Self::Content { file: file.to_string(), reason: reason.into() }
    }

    /// An error of reading or writing `file`.
    pub fn io(file: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { file: file.display().to_string(), source }
    }
}

/// Result of the tau chain.
pub type Result<T, E = TauError> = std::result::Result<T, E>;
