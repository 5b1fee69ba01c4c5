//! What can be refused.

use std::path::PathBuf;

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, FitsError>;

/// Every message is a fragment that fits after "cannot …:".
#[derive(Debug, thiserror::Error)]
pub enum FitsError {
    /// A file that cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// its name
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// A file that is damaged or uses what is not supported.
    #[error("{file}, byte {byte}: {message}")]
    Format {
        /// its name
        file: String,
        /// where, in the uncompressed file
        byte: usize,
        /// what is wrong
        message: String,
    },
    /// A table or column that is not there.
    #[error("there is no {what} '{name}' (there are: {known})")]
    Missing {
        /// kind of thing
        what: &'static str,
        /// name asked for
        name: String,
        /// names that are there
        known: String,
    },
    /// A column of another type.
    #[error("column '{column}' holds {found}, expected {expected}")]
    Type {
        /// name of the column
        column: String,
        /// type found
        found: &'static str,
        /// type wanted
        expected: &'static str,
    },
    /// A table that cannot be written.
    #[error("table '{table}': {message}")]
    Table {
        /// name of the table
        table: String,
        /// what is wrong
        message: String,
    },
    /// A card that cannot be written.
    #[error("card '{key}': {message}")]
    Card {
        /// its keyword
        key: String,
        /// what is wrong
        message: String,
    },
}
