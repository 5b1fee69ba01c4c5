//! What can go wrong in the Cherenkov telescope chain.

/// Error of the Cherenkov telescope chain. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum IactError {
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
    /// A file with the right format whose content does not make sense.
    #[error("{file}: {reason}")]
    Content {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// An event that cannot be reduced.
    #[error("{file}: event {event}, telescope {telescope}: {reason}")]
    Event {
        /// File.
        file: String,
        /// Number of the event.
        event: i64,
        /// Number of the telescope.
        telescope: i32,
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
    /// An EventIO file that cannot be read or written.
    #[error(transparent)]
    EventIo(#[from] recoil_eventio::Error),
    /// A table that cannot be read or written.
    #[error(transparent)]
    Table(#[from] recoil_table::Error),
    /// A FITS file that cannot be read or written.
    #[error(transparent)]
    Fits(#[from] recoil_fits::FitsError),
    /// The wish to stop.
    #[error("stopped")]
    Stopped,
    /// Columns that do not make a table.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl IactError {
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

/// Result of the Cherenkov telescope chain.
pub type Result<T, E = IactError> = std::result::Result<T, E>;
