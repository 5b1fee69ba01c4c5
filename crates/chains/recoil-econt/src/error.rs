//! What can go wrong in the front-end chain.

/// Error of the front-end chain. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum EcontError {
    /// A configuration value that no algorithm can work with.
    #[error("`{key}`: {reason}")]
    Config {
        /// Dotted key of the value.
        key: &'static str,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// A table in which the 48 charges of a wafer cannot be found.
    #[error("{file}: {reason}")]
    Columns {
        /// File.
        file: String,
        /// What is there, and what is needed.
        reason: String,
    },
    /// A charge that no wafer can have.
    #[error("{file}: column '{column}', row {row}: the charge {value} {reason}")]
    Charge {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Row, from 0.
        row: u64,
        /// The value found.
        value: f64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value of another column that cannot be used.
    #[error("{file}: column '{column}', row {row}: {value} {reason}")]
    Value {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Row, from 0.
        row: u64,
        /// The value found.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A trigger cell of an event that no wafer can have.
    #[error("trigger cell {row} of its event: {reason}")]
    TriggerCell {
        /// Row of the cell in its event, from 0.
        row: usize,
        /// What is wrong.
        reason: String,
    },
    /// A table without any wafer.
    #[error("{file}: there is no wafer in it")]
    Empty {
        /// File or folder.
        file: String,
    },
    /// Two tables that should describe the same wafers.
    #[error("{first} has {first_rows} rows, but {second} has {second_rows}: they must describe the same wafers")]
    Rows {
        /// First file.
        first: String,
        /// Its rows.
        first_rows: u64,
        /// Second file.
        second: String,
        /// Its rows.
        second_rows: u64,
    },
    /// A folder that cannot be listed.
    #[error("{folder}: {source}")]
    Folder {
        /// Folder.
        folder: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A table that cannot be read.
    #[error(transparent)]
    Table(#[from] recoil_table::Error),
    /// Columns that do not make a table.
    #[error("{file}: the columns do not make a table")]
    Arrow {
        /// File.
        file: String,
        /// Cause.
        source: arrow_schema::ArrowError,
    },
    /// A network that cannot be built, read or trained.
    #[error(transparent)]
    Network(#[from] recoil_nn::NnError),
    /// The state of a training that cannot be kept.
    #[error("the checkpoint cannot be written: {0}")]
    Checkpoint(#[source] recoil_nn::NnError),
    /// A folder that holds no model that can be used.
    #[error("{folder}: {reason}")]
    Model {
        /// Folder.
        folder: String,
        /// What is wrong.
        reason: String,
    },
    /// A statistic that cannot be computed.
    #[error(transparent)]
    Stats(#[from] recoil_stats::StatsError),
    /// A quantity that cannot be computed.
    #[error(transparent)]
    Physics(#[from] recoil_physics::Error),
}

/// Result of the front-end chain.
pub type Result<T, E = EcontError> = std::result::Result<T, E>;
