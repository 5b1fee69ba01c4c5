//! What can go wrong with an EventIO file.

/// Error of reading or writing EventIO. Messages are fragments that fit after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be opened, read or written.
    #[error("{file}: {source}")]
    Io {
        /// File.
        file: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A compressed file of which the compressed bytes are damaged.
    #[error("{file}: cannot decompress after byte {byte} of the content: {reason}")]
    Compression {
        /// File.
        file: String,
        /// Number of bytes of content that came before.
        byte: u64,
        /// What is wrong.
        reason: String,
    },
    /// Bytes where an object should begin that do not begin one.
    #[error("{file}: byte {byte}: {reason}")]
    Sync {
        /// File.
        file: String,
        /// Place in the content (after decompression).
        byte: u64,
        /// What was found.
        reason: String,
    },
    /// A file that ends inside an object.
    #[error("{file}: byte {byte}: the file ends inside {object}")]
    Truncated {
        /// File.
        file: String,
        /// Place in the content where it ends.
        byte: u64,
        /// The object that is not whole.
        object: String,
    },
    /// An object whose content does not make sense.
    #[error("{file}: byte {byte}: {object}: {reason}")]
    Object {
        /// File.
        file: String,
        /// Place in the content.
        byte: u64,
        /// The object.
        object: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Place in the content (after decompression) that the error is about, if it is about one.
    pub fn byte(&self) -> Option<u64> {
        match self {
            Self::Io { .. } => None,
            Self::Compression { byte, .. }
            | Self::Sync { byte, .. }
            | Self::Truncated { byte, .. }
            | Self::Object { byte, .. } => Some(*byte),
        }
    }
}

/// Result of reading or writing EventIO.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A fault inside an object, before the file's name is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Place in the content (after decompression).
    pub byte: u64,
    /// What is wrong.
    pub reason: String,
}

impl Fault {
    /// A fault at `byte`.
    pub fn new(byte: u64, reason: impl Into<String>) -> Self {
        Self { byte, reason: reason.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}: {}", self.byte, self.reason)
    }
}

impl std::error::Error for Fault {}

/// Result of decoding the content of an object.
pub type Decoded<T> = std::result::Result<T, Fault>;
