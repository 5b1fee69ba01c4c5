//! Image parameters by name, in double precision.

use crate::error::{IactError, Result};
use recoil_forest::FeatureTable;
use recoil_table::Batch;
use std::collections::BTreeMap;

/// Columns of the same length, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// What errors call the table.
    file: String,
    rows: usize,
    columns: BTreeMap<String, Vec<f64>>,
}

impl Columns {
    /// A table without columns.
    pub fn new(file: impl Into<String>, rows: usize) -> Self {
        Self { file: file.into(), rows, columns: BTreeMap::new() }
    }

    /// The columns of a batch that are among `names`; those that it does not have are left out.
    ///
    /// # Errors
    /// A column that holds other than numbers, or has gaps.
    pub fn of_batch<'a>(batch: &Batch, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut table = Self::new(batch.file().as_ref(), batch.rows());
        for name in names.into_iter().filter(|name| batch.has(name)) {
            table.columns.insert(name.to_owned(), batch.scalar_as::<f64>(name)?.into_owned());
        }
        Ok(table)
    }

    /// What errors call the table.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// The column of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&[f64]> {
        let found = self.columns.get(name).map(Vec::as_slice);
        found.ok_or_else(|| IactError::Column {
            file: self.file.clone(),
            column: name.to_owned(),
            reason: "is missing".into(),
        })
    }

    /// Adds a column or replaces it; its length must be the number of rows.
    pub fn set(&mut self, name: &str, values: Vec<f64>) {
        debug_assert_eq!(values.len(), self.rows);
        self.columns.insert(name.to_owned(), values);
    }

    /// Adds or replaces several columns, as [`Columns::set`].
    pub fn set_all<const N: usize>(&mut self, names: [&str; N], columns: [Vec<f64>; N]) {
        for (name, values) in names.into_iter().zip(columns) {
            self.set(name, values);
        }
    }

    /// The rows with these numbers.
    #[must_use]
    pub fn pick(&self, rows: &[usize]) -> Self {
        let pick = |values: &Vec<f64>| rows.iter().map(|row| values[*row]).collect();
        let columns = self.columns.iter().map(|(name, values)| (name.clone(), pick(values))).collect();
        Self { file: self.file.clone(), rows: rows.len(), columns }
    }

    /// Appends another table's rows. Columns that only one of both has are dropped.
    pub fn append(&mut self, other: Self) {
        if self.columns.is_empty() && self.rows == 0 {
            *self = other;
            return;
        }
        self.columns.retain(|name, _| other.columns.contains_key(name));
        for (name, values) in other.columns {
            if let Some(own) = self.columns.get_mut(&name) {
                own.extend(values);
            }
        }
        self.rows += other.rows;
    }

    /// The features for a forest.
    ///
    /// # Errors
    /// A feature that is missing or not finite, and no rows.
    pub fn features(&self, names: &[String]) -> Result<FeatureTable> {
        let columns: Result<Vec<Vec<f32>>> =
            names.iter().map(|name| Ok(self.get(name)?.iter().map(|value| *value as f32).collect())).collect();
        FeatureTable::new(names.to_vec(), columns?).map_err(|error| self.wrong(&error))
    }

    /// The features of all rows, row after row.
    ///
    /// # Errors
    /// A feature that is missing.
    pub fn feature_rows(&self, names: &[String]) -> Result<Vec<f32>> {
        let columns: Result<Vec<&[f64]>> = names.iter().map(|name| self.get(name)).collect();
        let columns = columns?;
        let mut rows = vec![0.0; self.rows * names.len()];
        for (feature, column) in columns.into_iter().enumerate() {
            for (row, value) in rows.chunks_exact_mut(names.len()).zip(column) {
                row[feature] = *value as f32;
            }
        }
        Ok(rows)
    }

    /// A forest's error about this table.
    pub(crate) fn wrong(&self, error: &recoil_forest::ForestError) -> IactError {
        IactError::content(&self.file, error.to_string())
    }
}

/// Columns of values that come row by row.
pub(crate) fn columns_of<const N: usize>(rows: impl Iterator<Item = [f64; N]>) -> [Vec<f64>; N] {
    let mut columns = std::array::from_fn(|_| Vec::with_capacity(rows.size_hint().0));
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns
}
