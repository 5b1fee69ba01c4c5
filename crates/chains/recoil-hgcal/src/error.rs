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
    /// A fit of layer weights that has no answer.
    #[error("layer-weight fit: {0}")]
    LayerFit(String),
}

/// Result of the trigger chain.
pub type Result<T> = std::result::Result<T, HgcalError>;
