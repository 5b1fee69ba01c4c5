//! Several files as one table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use crate::address::Address;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::stream::{BatchReader, ReadOptions};
use crate::types::type_name;

/// Tables of the same columns, one after the other. Row numbers and errors are those of each file; the files are
/// opened in turn.
pub struct ChainReader {
    addresses: std::vec::IntoIter<(Address, ReadOptions)>,
    current: Box<dyn BatchReader>,
    schema: SchemaRef,
    rows: Option<u64>,
    skipped: Vec<String>,
}

impl ChainReader {
    /// Opens the tables at `addresses`, of which all must have the columns of the first with the same types; a range
    /// of rows counts over all of them.
    pub fn open(addresses: &[Address], options: &ReadOptions) -> Result<Self> {
        let Some(first) = addresses.first() else {
            return Err(Error::Unsupported { file: "no file".to_owned(), message: "nothing to read".to_owned() });
        };
        let mut columns = options.columns.clone();
        let mut schema = None;
        let mut skipped = Vec::new();
        let mut total = 0_u64;
        let mut parts = Vec::with_capacity(addresses.len());
        for address in addresses {
            let whole = ReadOptions { rows: 0..u64::MAX, columns: columns.clone(), ..options.clone() };
            let reader = crate::open_at(address, &whole).map_err(|error| compared(error, first, address))?;
            match &schema {
                None => {
                    skipped = reader.skipped().to_vec();
                    schema = Some(reader.schema());
                    // the order of the columns may differ from file to file, the first one's counts
                    columns = Some(reader.schema().fields().iter().map(|field| field.name().clone()).collect());
                }
                Some(schema) => require_same(schema, &reader.schema(), first, address)?,
            }
            let rows = reader.total_rows().unwrap_or(0);
            let start = options.rows.start.saturating_sub(total);
            let end = options.rows.end.saturating_sub(total).min(rows);
            if start < end {
                parts.push((
                    address.clone(),
                    ReadOptions { rows: start..end, columns: columns.clone(), ..options.clone() },
                ));
            }
            total = total.saturating_add(rows);
        }
        let rows = parts.iter().map(|(_, options)| options.rows.end - options.rows.start).sum();
        let mut parts = parts.into_iter();
        let current = match parts.next() {
            Some((address, options)) => crate::open_at(&address, &options)?,
            None => crate::open_at(first, &ReadOptions { columns, rows: 0..0, ..options.clone() })?,
        };
        let schema = schema.unwrap_or_else(|| current.schema());
        Ok(Self { addresses: parts, current, schema, rows: Some(rows), skipped })
    }
}

impl BatchReader for ChainReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        self.current.file()
    }

    fn total_rows(&self) -> Option<u64> {
        self.rows
    }

    fn provenance(&self) -> Option<&str> {
        self.current.provenance()
    }

    fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(batch) = self.current.next_batch()? {
                let records = batch.records().clone().with_schema(self.schema.clone());
                let records = records.map_err(|error| Error::Unsupported {
                    file: batch.file().to_string(),
                    message: error.to_string(),
                })?;
                return Ok(Some(batch.with_records(records)));
            }
            let Some((address, options)) = self.addresses.next() else { return Ok(None) };
            self.current = crate::open_at(&address, &options)?;
        }
    }
}

/// A column that only some of the files have is a disagreement of files, not a wrong name.
fn compared(error: Error, first: &Address, address: &Address) -> Error {
    match error {
        Error::UnknownColumn { file, column, .. } if first != address => {
            Error::Disagreement { file, first: first.to_string(), column, message: "is missing".to_owned() }
        }
        other => other,
    }
}

fn require_same(expected: &Schema, found: &Schema, first: &Address, address: &Address) -> Result<()> {
    for (a, b) in expected.fields().iter().zip(found.fields()) {
        if a.data_type() != b.data_type() {
            let message = format!("is {}, not {}", type_name(b.data_type()), type_name(a.data_type()));
            return Err(Error::Disagreement {
                file: address.to_string(),
                first: first.to_string(),
                column: a.name().clone(),
                message,
            });
        }
    }
    Ok(())
}

/// The tables that `texts` name: each one `FILE` or `FILE:NAME`, where `*` and `?` in the last part of the path stand
/// for any characters and for one. Files that a pattern matches come in the order of their names.
pub fn addresses<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Address>> {
    let mut all = Vec::new();
    for text in texts {
        let address = Address::parse(text.as_ref())?;
        let name = address.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.contains(['*', '?']) || address.path.exists() {
            all.push(address);
            continue;
        }
        let matches = matching(&address.path, &name)?;
        all.extend(matches.iter().map(|path| address.at(path)));
    }
    Ok(all)
}

fn matching(path: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let failed = |error| Error::io(path.display(), error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new("."))).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if fits(pattern, &name.to_string_lossy()) {
            found.push(folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name)));
        }
    }
    if found.is_empty() {
        let message = "no file fits this pattern".to_owned();
        return Err(Error::Unsupported { file: path.display().to_string(), message });
    }
    found.sort();
    Ok(found)
}

/// Whether `name` fits a pattern of `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            // the last star takes one more character
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("*.root", "a.root", true),
            ("a?c*.csv", "abcd.csv", true),
            ("a?c.csv", "ac.csv", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
