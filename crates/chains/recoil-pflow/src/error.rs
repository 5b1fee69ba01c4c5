//! What can go wrong in the particle-flow chain.

/// Error of the particle-flow chain. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum PflowError {
    /// A configuration value that no algorithm can work with.
    #[error("`{key}`: {reason}")]
    Config {
        /// Dotted key of the value.
        key: String,
        /// What is wrong, and what is allowed.
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
    /// A column or branch that is missing or of the wrong type.
    #[error("{file}: column '{column}' {reason}")]
    Column {
        /// File, and the tree in it.
        file: String,
        /// Column or branch.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in an event that cannot be used.
    #[error("{file}: event {event} (row {row}): {reason}")]
    Event {
        /// File.
        file: String,
        /// Number of the event.
        event: i64,
        /// Row in the file, from 0.
        row: u64,
        /// What is wrong.
        reason: String,
    },
    /// A device for networks that is not there or fails.
    #[error("the device '{device}' cannot be used: {reason}")]
    Device {
        /// Its name.
        device: &'static str,
        /// What its library says.
        reason: String,
    },
    /// A process among those that train together, and why the training cannot go on.
    #[error("{process}: {reason}")]
    Group {
        /// Which process.
        process: String,
        /// What happened to it.
        reason: String,
    },
    /// A ROOT file that cannot be read.
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
    /// A network that cannot be built, computed, read or written.
    #[error(transparent)]
    Network(#[from] recoil_nn::NnError),
    /// Numbers that a formula cannot work with.
    #[error(transparent)]
    Physics(#[from] recoil_physics::Error),
}

impl PflowError {
    /// An error about a configuration key.
    pub fn config(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { key: key.into(), reason: reason.into() }
    }

    /// The same, if it is about an event, with the row in the file.
    pub fn at_row(self, row: u64) -> Self {
        match self {
            Self::Event { file, event, reason, .. } => Self::Event { file, event, row, reason },
            other => other,
        }
    }

    /// An error about the content of `file`.
    pub fn content(file: impl std::fmt::Display, reason: impl Into<String>) -> Self {
        Self::Content { file: file.to_string(), reason: reason.into() }
    }

    /// An error about the column `column` of `file`.
    pub fn column(file: impl std::fmt::Display, column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Column { file: file.to_string(), column: column.into(), reason: reason.into() }
    }
}

/// Result of the particle-flow chain.
pub type Result<T, E = PflowError> = std::result::Result<T, E>;
