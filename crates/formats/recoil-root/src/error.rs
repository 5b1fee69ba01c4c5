//! What can go wrong, and where.

use std::{fmt, io, path::PathBuf, sync::Arc};

use crate::write::WriteFault;

/// Result of every operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with the file and, where known, the object, branch, basket and byte.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system could not open, read or write the file.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file does not begin as a ROOT file does.
    #[error("{}: not a ROOT file: {reason}", file.display())]
    NotRoot {
        /// The file.
        file: PathBuf,
        /// What was expected.
        reason: String,
    },
    /// Bytes that contradict the format: a damaged, truncated or hostile file.
    #[error("{place}: {fault}")]
    Corrupt {
        /// Where.
        place: Box<Place>,
        /// What.
        fault: Fault,
    },
    /// The file has no object of this name.
    #[error("{}: no object named \"{name}\"{hint}", file.display())]
    NotFound {
        /// The file.
        file: PathBuf,
        /// The path that was asked for, `dir/name;cycle`.
        name: String,
        /// A near name, as `, did you mean "x"?`, or nothing.
        hint: String,
    },
    /// The object is there and is something else.
    #[error("{}: \"{name}\" is a {class}, not a {wanted}", file.display())]
    WrongClass {
        /// The file.
        file: PathBuf,
        /// Path of the object.
        name: String,
        /// Its class.
        class: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The tree has no branch of this name.
    #[error("{}: tree \"{tree}\" has no branch \"{branch}\"{hint}", file.display())]
    NoBranch {
        /// The file.
        file: PathBuf,
        /// Path of the tree.
        tree: String,
        /// The branch that was asked for.
        branch: String,
        /// A near name, as `, did you mean "x"?`, or nothing.
        hint: String,
    },
    /// A branch type that this crate cannot turn into columns.
    #[error("{place}: cannot read the type {type_name}")]
    Unsupported {
        /// Where.
        place: Box<Place>,
        /// The C++ type, or why it was not understood.
        type_name: String,
    },
    /// Entries outside the tree, or an empty or reversed range.
    #[error("{place}: entries {start}..{end} asked of {entries}")]
    Range {
        /// Where.
        place: Box<Place>,
        /// First entry asked for.
        start: u64,
        /// One past the last entry asked for.
        end: u64,
        /// Entries that there are.
        entries: u64,
    },
    /// Files of a chain whose trees do not agree, or columns that do not fit together.
    #[error("{}: {reason}", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Something that cannot be written as it is.
    #[error("{}: \"{object}\": {fault}", file.display())]
    Write {
        /// The file that was being written.
        file: PathBuf,
        /// Path of the tree, histogram or text.
        object: String,
        /// Why not.
        fault: Box<WriteFault>,
    },
}

impl Error {
    /// The same fault at a better known place.
    pub(crate) fn relocate(self, place: impl FnOnce() -> Place) -> Self {
        match self {
            Self::Corrupt { fault, .. } => fault.at(place()),
            other => other,
        }
    }
}

/// Where in a file a failure happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Tree, histogram or directory.
    pub object: Option<String>,
    /// Branch of the tree.
    pub branch: Option<String>,
    /// Number of the basket in the branch, from 0.
    pub basket: Option<usize>,
    /// Part of an RNTuple's description: anchor, header, footer or page list.
    pub envelope: Option<&'static str>,
    /// Number of the cluster in an RNTuple, from 0.
    pub cluster: Option<usize>,
    /// Number of the page of a column in the cluster, from 0.
    pub page: Option<usize>,
    /// Byte of the file at which the record that holds the fault begins.
    pub byte: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(object) = &self.object {
            write!(f, ": \"{object}\"")?;
        }
        if let Some(branch) = &self.branch {
            write!(f, " branch \"{branch}\"")?;
        }
        if let Some(basket) = self.basket {
            write!(f, " basket {basket}")?;
        }
        if let Some(envelope) = self.envelope {
            write!(f, " {envelope}")?;
        }
        if let Some(cluster) = self.cluster {
            write!(f, " cluster {cluster}")?;
        }
        if let Some(page) = self.page {
            write!(f, " page {page}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, " at byte {byte}")?;
        }
        Ok(())
    }
}

/// What is wrong with the bytes, and how far into their (decompressed) record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A read past the end.
    #[error("needs {need} bytes at {at} of a record of {len}")]
    Short {
        /// Offset in the record.
        at: usize,
        /// Bytes wanted.
        need: usize,
        /// Bytes in the record.
        len: usize,
    },
    /// A record that reaches past the end of the file.
    #[error("the record reaches past the end of the file, which has {len} bytes: cut short?")]
    CutShort {
        /// Bytes in the file.
        len: u64,
    },
    /// A value that cannot be.
    #[error("{what} at {at} of the record")]
    Bad {
        /// Offset in the record.
        at: usize,
        /// What cannot be.
        what: Arc<str>,
    },
    /// Bytes that are not those that were written.
    #[error("the bytes from {at} on have the checksum {found:016x}, not {stored:016x}")]
    Checksum {
        /// Offset in the record.
        at: usize,
        /// What the file says.
        stored: u64,
        /// What its bytes give.
        found: u64,
    },
    /// A compressed block that does not decompress to what its header says.
    #[error("{codec} block at {at} of the record: {what}")]
    Codec {
        /// Offset of the block in the record.
        at: usize,
        /// Compression algorithm.
        codec: &'static str,
        /// What its decoder said.
        what: Arc<str>,
    },
}

impl Fault {
    pub(crate) fn bad(at: usize, what: impl Into<Arc<str>>) -> Self {
        Self::Bad { at, what: what.into() }
    }

    pub(crate) fn at(self, place: Place) -> Error {
        Error::Corrupt { place: Box::new(place), fault: self }
    }
}

/// The nearest of `names` to `wanted`, as a phrase to end a message with, or nothing.
pub(crate) fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (distance(wanted, name), name)).min();
    match near {
        Some((far, name)) if far <= 2.max(wanted.len() / 4) => format!(", did you mean \"{name}\"?"),
        _ => String::new(),
    }
}

/// Levenshtein distance over characters, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let here = (diagonal + usize::from(x != *y)).min(left + 1).min(*slot + 1);
            diagonal = std::mem::replace(slot, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_names_the_nearest() {
        assert_eq!(hint("muon_pt", ["Muon_pt", "Muon_eta"].into_iter()), ", did you mean \"Muon_pt\"?");
        assert_eq!(hint("jet", ["Electron_pt"].into_iter()), "");
    }

    #[test]
    fn place_reads_from_file_to_byte() {
        let place = Place {
            file: "a.root".into(),
            object: Some("t".into()),
            branch: Some("x".into()),
            basket: Some(3),
            byte: Some(400),
            ..Place::default()
        };
        assert_eq!(place.to_string(), "a.root: \"t\" branch \"x\" basket 3 at byte 400");
        let page = Place { basket: None, cluster: Some(1), page: Some(2), ..place };
        assert_eq!(page.to_string(), "a.root: \"t\" branch \"x\" cluster 1 page 2 at byte 400");
    }
}
