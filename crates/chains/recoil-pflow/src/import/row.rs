//! One event of a file.

use recoil_table::Batch;

use crate::error::{PflowError, Result};
use crate::import::branches::list;

/// The branches of one event.
pub(crate) struct Row {
    batch: Batch,
    number: u64,
}

impl Row {
    pub(crate) fn of(batch: &Batch, row: usize) -> Self {
        let number = batch.first_row() + row as u64;
        Self { batch: Batch::new(batch.records().slice(row, 1), batch.file().clone(), number), number }
    }

    /// Number of the event: its row in the file.
    pub(crate) fn number(&self) -> i64 {
        self.number as i64
    }

    /// An error about this event.
    pub(crate) fn fault(&self, reason: String) -> PflowError {
        PflowError::Event { file: self.batch.file().to_string(), event: self.number(), row: self.number, reason }
    }

    pub(crate) fn column(&self, name: &str) -> Result<Vec<f64>> {
        Ok(list(&self.batch, name)?.row(0).to_vec())
    }

    /// A list of numbers for each object.
    pub(crate) fn nested(&self, name: &str) -> Result<Vec<Vec<f64>>> {
        Ok(self.batch.nested_as::<f64>(name)?.row(0).map(<[f64]>::to_vec).collect())
    }

    /// Members of a collection.
    pub(crate) fn members(&self, collection: &str, names: &[&str]) -> Result<Members> {
        let columns = names.iter().map(|name| self.column(&format!("{collection}.{name}"))).collect::<Result<_>>()?;
        let members = Members(columns);
        match members.0.iter().find(|column| column.len() != members.len()) {
            Some(_) => Err(self.fault(format!("branches of {collection} differ in length"))),
            None => Ok(members),
        }
    }
}

/// Some members of all objects of a collection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members(Vec<Vec<f64>>);

impl Members {
    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Member `column` of object `index`; 0 for one that was not read.
    pub(crate) fn at(&self, column: usize, index: usize) -> f64 {
        self.0.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0)
    }
}
