//! Where a table is: a file, its format, and an object inside.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// File formats of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
    /// Comma-separated values, gzip-compressed.
    CsvGz,
    /// One NumPy array.
    Npy,
    /// Several NumPy arrays, one per column.
    Npz,
    /// A table in an HDF5 file.
    Hdf5,
    /// A tree in a ROOT file.
    Root,
}

impl Format {
    const EXTENSIONS: [(&'static str, Self); 10] = [
        (".parquet", Self::Parquet),
        (".pq", Self::Parquet),
        (".csv", Self::Csv),
        (".csv.gz", Self::CsvGz),
        (".npy", Self::Npy),
        (".npz", Self::Npz),
        (".h5", Self::Hdf5),
        (".hdf5", Self::Hdf5),
        (".hdf", Self::Hdf5),
        (".root", Self::Root),
    ];

    /// The format that the file's extension names.
    pub fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let found = Self::EXTENSIONS.iter().find(|(extension, _)| name.ends_with(extension));
        found.map(|(_, format)| *format).ok_or_else(|| Error::UnknownFormat { file: path.display().to_string() })
    }

    /// Whether files of this format hold several tables by name.
    pub fn has_members(self) -> bool {
        matches!(self, Self::Root | Self::Npz | Self::Hdf5)
    }
}

/// A table: a file and, for formats with several of them, the name inside. Written `FILE` or `FILE:NAME`.
///
/// ```
/// use recoil_table::{Address, Format};
/// let tree = Address::parse("runs/a.root:dir/events;2")?;
/// assert_eq!(tree.path.to_str(), Some("runs/a.root"));
/// assert_eq!(tree.member.as_deref(), Some("dir/events;2"));
/// assert_eq!(tree.format, Format::Root);
/// # Ok::<(), recoil_table::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// File.
    pub path: PathBuf,
    /// Tree, array or table inside the file.
    pub member: Option<String>,
    /// How the bytes are to be read or written.
    pub format: Format,
}

impl Address {
    /// The table that `text` names; the format follows from the extension.
    pub fn parse(text: &str) -> Result<Self> {
        let (path, member) = split(text);
        let format = Format::of(Path::new(path))?;
        if let (Some(member), false) = (member, format.has_members()) {
            let message = format!("this format holds one table, so there is no '{member}' inside");
            return Err(Error::Unsupported { file: path.to_owned(), message });
        }
        let member = member.map(|member| member.trim_start_matches('/').to_owned()).filter(|member| !member.is_empty());
        Ok(Self { path: path.into(), member, format })
    }

    /// The file at `path`, without a name inside.
    pub fn of_path(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), member: None, format: Format::of(path)? })
    }

    /// The same table in another place, such as a temporary file.
    pub fn at(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => write!(f, "{}:{member}", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

/// Splits `FILE:NAME` at the first colon behind a known extension, so that colons in folder names do no harm.
fn split(text: &str) -> (&str, Option<&str>) {
    for (at, _) in text.match_indices(':') {
        let (path, member) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if Format::of(Path::new(path)).is_ok() {
            return (path, Some(member));
        }
    }
    (text, None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_file_and_object() {
        let plain = Address::parse("out:2/t.parquet").unwrap();
        assert_eq!((plain.path.to_str(), plain.member), (Some("out:2/t.parquet"), None));
        assert_eq!(Address::parse("a.ROOT:").unwrap().member, None);
        assert_eq!(Address::parse("a.npz:/pt").unwrap().to_string(), "a.npz:pt");
        assert!(Address::parse("a.csv:pt").is_err());
        assert!(Address::parse("a.fits").is_err());
    }
}
