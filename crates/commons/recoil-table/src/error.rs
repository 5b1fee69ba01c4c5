//! What can go wrong with a table, always naming the file and, where known, column and row.

use std::fmt;

/// Result of table operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// "; did you mean 'x'?" at the end of a message, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hint(pub Option<String>);

impl Hint {
    /// The candidate nearest to `word`, if one is near enough to be a slip of the keyboard.
    pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        let allowed = (word.chars().count() / 3).clamp(1, 3);
        let best = candidates
            .into_iter()
            .map(|c| (edit_distance(word, c), c))
            .filter(|(d, _)| *d <= allowed)
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(b.1)));
        Self(best.map(|(_, c)| c.to_owned()))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, ", did you mean '{name}'?"),
            None => Ok(()),
        }
    }
}

/// Levenshtein distance in characters; upper and lower case of one letter differ by one.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Everything that can go wrong with a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("{file}: {source}")]
    Io {
        /// File.
        file: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The file's extension names no table format.
    #[error("{file}: no table format has this extension (known: .parquet, .csv, .csv.gz, .npy, .npz, .h5, .root)")]
    UnknownFormat {
        /// File.
        file: String,
    },
    /// The bytes are not what the format promises.
    #[error("{file}: damaged or not {format}: {message}")]
    Malformed {
        /// File.
        file: String,
        /// Format that the file should have.
        format: &'static str,
        /// What is wrong and where.
        message: String,
    },
    /// The format cannot hold or deliver what was asked for.
    #[error("{file}: {message}")]
    Unsupported {
        /// File.
        file: String,
        /// What is asked for in vain.
        message: String,
    },
    /// A column's type is outside of what recoil's tables hold.
    #[error("{file}: column '{column}' has type {found}, which tables do not hold; name the columns to read")]
    UnsupportedType {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Type found.
        found: String,
    },
    /// A file with several objects needs the name of one.
    #[error("{file}: name the {what} to read as FILE:NAME, there is {available}")]
    WhichMember {
        /// File.
        file: String,
        /// "tree", "array" or "table".
        what: &'static str,
        /// Names to choose from.
        available: String,
    },
    /// No such column.
    #[error("{file}: no column '{column}'{hint}")]
    UnknownColumn {
        /// File.
        file: String,
        /// Column asked for.
        column: String,
        /// A similar name.
        hint: Hint,
    },
    /// A column has another type than the caller needs.
    #[error("{file}: column '{column}' is {found}, expected {expected}")]
    ColumnType {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Type needed.
        expected: String,
        /// Type found.
        found: String,
    },
    /// A value is absent where one is needed.
    #[error("{file}: column '{column}' is null at row {row}")]
    Null {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Row, from 0.
        row: u64,
    },
    /// A value does not survive the conversion to another type.
    #[error("{file}: column '{column}': {value} at row {row} does not fit {expected}")]
    Lossy {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Row, from 0.
        row: u64,
        /// The value.
        value: String,
        /// Type asked for.
        expected: String,
    },
    /// A value that enters a computation is NaN or infinite.
    #[error("{file}: column '{column}' is {value} at row {row}")]
    NotFinite {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Row, from 0.
        row: u64,
        /// The value.
        value: f64,
    },
    /// Two list columns of one collection differ in length.
    #[error("{file}: columns '{column}' ({found} elements) and '{other}' ({expected}) differ in length at row {row}")]
    Lengths {
        /// File.
        file: String,
        /// Column.
        column: String,
        /// Column compared with.
        other: String,
        /// Row, from 0.
        row: u64,
        /// Elements found.
        found: usize,
        /// Elements of `other`.
        expected: usize,
    },
    /// Rows of one event contradict each other, or are not together.
    #[error("{file}: event {event} at row {row}: {message}")]
    Event {
        /// File.
        file: String,
        /// Event number.
        event: String,
        /// Row, from 0.
        row: u64,
        /// What is wrong.
        message: String,
    },
    /// An integer result of a selection needs more than 64 bits.
    #[error("{file}: integer overflow in the selection, at or shortly behind row {row}")]
    Overflow {
        /// File.
        file: String,
        /// First row of the block of rows that overflows, from 0.
        row: u64,
    },
    /// A selection that cannot be understood.
    #[error(transparent)]
    Selection(#[from] crate::select::SelectError),
    /// A ROOT file that cannot be read or written.
    #[error(transparent)]
    Root(#[from] recoil_root::Error),
    /// Files that should form one table do not agree.
    #[error("{file}: column '{column}' {message} (first file: {first})")]
    Disagreement {
        /// The file that differs.
        file: String,
        /// The file that sets the schema.
        first: String,
        /// Column.
        column: String,
        /// How it differs.
        message: String,
    },
}

impl Error {
    /// An I/O error of `file`.
    pub fn io(file: impl fmt::Display, source: std::io::Error) -> Self {
        Self::Io { file: file.to_string(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["tau_eta", "tau_phi", "tc_mipPt"];
        assert_eq!(Hint::nearest("tau_etaa", names).to_string(), ", did you mean 'tau_eta'?");
        assert_eq!(Hint::nearest("tc_mippt", names).to_string(), ", did you mean 'tc_mipPt'?");
        assert_eq!(Hint::nearest("energy", names), Hint(None));
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
