//! The features that trees may split on.

use crate::error::{ForestError, Result};

/// Named columns of finite single-precision numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    names: Vec<String>,
    columns: Vec<Vec<f32>>,
}

impl FeatureTable {
    /// A table of these columns.
    ///
    /// # Errors
    /// No column or row, names that are not as many as columns or that repeat, columns of different lengths, and values
    /// that are not finite.
    pub fn new(names: Vec<String>, columns: Vec<Vec<f32>>) -> Result<Self> {
        if names.len() != columns.len() {
            return Err(ForestError::length("names of features", names.len(), columns.len()));
        }
        let Some(rows) = columns.first().map(Vec::len).filter(|rows| *rows > 0) else {
            return Err(ForestError::Data("there are no rows to learn from".into()));
        };
        for (name, column) in names.iter().zip(&columns) {
            if column.len() != rows {
                return Err(ForestError::length(format!("rows of feature '{name}'"), column.len(), rows));
            }
            if let Some(row) = column.iter().position(|value| !value.is_finite()) {
                let value = column.get(row).map_or(f64::NAN, |value| f64::from(*value));
                return Err(ForestError::NotFinite { feature: name.clone(), row, value });
            }
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(ForestError::Data(format!("the feature '{}' is named twice", pair[0])));
        }
        Ok(Self { names, columns })
    }

    /// Names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns, in the order of the names.
    pub fn columns(&self) -> &[Vec<f32>] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// All rows one after the other, as a [`Predictor`](crate::Predictor) takes them.
    pub fn row_major(&self) -> Vec<f32> {
        let mut all = vec![0.0; self.rows() * self.columns.len()];
        for (feature, column) in self.columns.iter().enumerate() {
            for (row, value) in all.chunks_exact_mut(self.columns.len()).zip(column) {
                row[feature] = *value;
            }
        }
        all
    }
}
