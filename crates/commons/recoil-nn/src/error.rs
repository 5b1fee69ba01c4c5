//! What can be refused: descriptions that make no network, tensors that do not fit, files that are damaged.

use std::path::PathBuf;

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, NnError>;

/// Every message is a fragment that fits after "cannot …:".
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// YAML or JSON that cannot be read as a network.
    #[error("{name}: {message}")]
    Syntax {
        /// file or other origin of the text
        name: String,
        /// what the parser says, with the place
        message: String,
    },
    /// A layer that cannot stand where it stands.
    #[error("layer '{layer}': {message}")]
    Layer {
        /// name of the layer
        layer: String,
        /// what is wrong
        message: String,
    },
    /// A network that cannot be built although each layer is fine.
    #[error("{0}")]
    Network(String),
    /// A quantiser that is not written as one.
    #[error("'{text}' is no quantiser: {message}")]
    Quantiser {
        /// as given
        text: String,
        /// what is wrong
        message: String,
    },
    /// A tensor that is missing, superfluous or of another shape.
    #[error("tensor '{name}': {message}")]
    Tensor {
        /// name of the tensor
        name: String,
        /// what is wrong
        message: String,
    },
    /// Numbers of rows or columns that do not fit the network.
    #[error("{what}: {found} values, expected {expected}")]
    Length {
        /// which data
        what: String,
        /// number given
        found: usize,
        /// number that fits
        expected: usize,
    },
    /// A value that is not a finite number.
    #[error("{what}, row {row}, column {column}: {value} is not a finite number")]
    NotFinite {
        /// which data
        what: String,
        /// row from 0
        row: usize,
        /// column from 0
        column: usize,
        /// the value
        value: f32,
    },
    /// A training that left the domain of finite numbers.
    #[error(
        "the loss is not a finite number in epoch {epoch}, step {step}: lower the learning rate or scale the input"
    )]
    Diverged {
        /// epoch from 1
        epoch: usize,
        /// step in the epoch from 1
        step: usize,
    },
    /// A setting outside its domain.
    #[error("{key} = {value}: {message}")]
    Setting {
        /// name of the setting
        key: &'static str,
        /// as given
        value: String,
        /// what would be fine
        message: &'static str,
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
    /// An ONNX model that this crate cannot evaluate.
    #[error("node '{node}' ({operator}): {message}")]
    Onnx {
        /// name of the node
        node: String,
        /// its operator
        operator: String,
        /// what is wrong
        message: String,
    },
}

impl NnError {
    pub(crate) fn layer(layer: &str, message: impl Into<String>) -> Self {
        Self::Layer { layer: layer.to_owned(), message: message.into() }
    }

    pub(crate) fn tensor(name: &str, message: impl Into<String>) -> Self {
        Self::Tensor { name: name.to_owned(), message: message.into() }
    }

    pub(crate) fn format(path: &std::path::Path, message: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), message: message.into() }
    }
}
