//! Branches of a tree by their own names.

use std::collections::BTreeSet;

use recoil_table::{Batch, BatchReader, Jagged, ReadOptions};

use crate::error::{PflowError, Result};

/// Names of all branches of a tree, without those of the branches above them.
pub struct Branches {
    file: String,
    names: BTreeSet<String>,
}

impl Branches {
    /// Looks into the tree at `address`.
    ///
    /// # Errors
    /// A file or tree that cannot be read.
    pub fn of(address: &str) -> Result<Self> {
        // names only: no row is read
        let reader = recoil_table::open(address, &ReadOptions::default().rows(0..0))?;
        let schema = reader.schema();
        let own = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let names = schema.fields().iter().map(|field| own(field.name())).collect();
        Ok(Self { file: reader.file().to_string(), names })
    }

    /// File and tree.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether there is a branch `name`.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether there is a collection `name`, with branches `name.member`.
    pub fn has_collection(&self, name: &str) -> bool {
        let prefix = format!("{name}.");
        self.names.range(prefix.clone()..).next().is_some_and(|found| found.starts_with(&prefix))
    }

    /// The collection that was asked for by name, or the first of the usual ones that the file has.
    ///
    /// # Errors
    /// None of them.
    pub fn collection(&self, what: &str, wanted: &str, usual: &[&str]) -> Result<String> {
        let candidates: Vec<&str> = if wanted.is_empty() { usual.to_vec() } else { vec![wanted] };
        let found = candidates.iter().find(|name| self.has_collection(name));
        found.map(|name| (*name).to_owned()).ok_or_else(|| {
            let reason = format!("is missing: no collection of {what} ({})", candidates.join(", "));
            PflowError::column(&self.file, candidates.first().copied().unwrap_or(what), reason)
        })
    }

    /// The first of several names that there is.
    pub fn first<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().find(|name| self.has(name)).copied()
    }

    /// Opens the tree for these branches, which must be there.
    ///
    /// # Errors
    /// A branch that is missing or cannot be read.
    pub fn open(&self, address: &str, names: &[String], rows: usize) -> Result<Box<dyn BatchReader>> {
        if let Some(missing) = names.iter().find(|name| !self.names.contains(*name)) {
            return Err(PflowError::column(&self.file, missing, "is missing"));
        }
        let mut sorted = names.to_vec();
        sorted.sort();
        sorted.dedup();
        let options = ReadOptions { batch_rows: rows, ..ReadOptions::default() };
        Ok(recoil_table::open(address, &options.columns(sorted))?)
    }
}

/// Lists of numbers of a batch.
///
/// # Errors
/// A branch that holds no lists of numbers.
pub fn list<'a>(batch: &'a Batch, name: &str) -> Result<Jagged<'a, f64>> {
    Ok(batch.list_as::<f64>(name)?)
}

/// A number of a list as a place in another; `None` for negative ones.
pub fn place(value: f64) -> Option<usize> {
    (value >= 0.0).then_some(value as usize)
}

/// Replaces a number that is not finite by 0 and counts it.
pub fn mend(value: f64, mended: &mut u64) -> f64 {
    if value.is_finite() {
        value
    } else {
        *mended += 1;
        0.0
    }
}
