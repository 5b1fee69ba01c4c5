//! What can go wrong in the trigger chain.

/// Error of the trigger chain. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum HgcalError {
    /// A configuration value that no algorithm can work with.
    #[error("`{key}`: {reason}")]
    Config {
        /// Dotted key of the value.
        key: &'static str,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// Columns of one table with different lengths.
    #[error("trigger-cell columns have different lengths")]
    ColumnLengths,
    /// A layer outside the radius table.
    #[error("trigger cell {cell} of event {event}: layer {layer} is outside the radius table (1 to {layers})")]
    Layer {
        /// Event number.
        event: i64,
        /// Row of the cell in its event.
        cell: usize,
        /// The layer.
        layer: i32,
        /// Number of layers in the table.
        layers: usize,
    },
    /// Cells that density clustering cannot work with.
    #[error("density clustering of event {event}: {source}")]
    Density {
        /// Event number.
        event: i64,
        /// What is wrong.
        source: recoil_physics::Error,
    },
    /// Trigger cells of an event that the front end cannot take.
    #[error("front end, event {event}: {source}")]
    FrontEnd {
        /// Event number.
        event: i64,
        /// What is wrong.
        source: recoil_econt::EcontError,
    },
    /// A front end that cannot be set up.
    #[error("front end: {0}")]
    FrontEndSetUp(recoil_econt::EcontError),
    /// A fit of layer weights that has no answer.
    #[error("layer-weight fit: {0}")]
    LayerFit(String),
    /// Rows of one event that other events separate.
    #[error("{file}: the rows of event {event} are not together")]
    ScatteredEvent {
        /// File.
        file: String,
        /// Event number.
        event: i64,
    },
    /// A table that cannot be read.
    #[error(transparent)]
    Table(#[from] recoil_table::Error),
    /// A bin that the histogram does not have.
    #[error("bin ({rz}, {phi}) is outside of the histogram ({rows} by {columns})")]
    Bin {
        /// R/z row.
        rz: usize,
        /// phi column.
        phi: usize,
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// Columns of the ntuple that do not fit together.
    #[error("{file}: the columns do not make a table")]
    Skim {
        /// File.
        file: String,
        /// Cause.
        source: arrow_schema::ArrowError,
    },
    /// A statistic that cannot be computed.
    #[error(transparent)]
    Stats(#[from] recoil_stats::StatsError),
}

/// Result of the trigger chain.
pub type Result<T> = std::result::Result<T, HgcalError>;
