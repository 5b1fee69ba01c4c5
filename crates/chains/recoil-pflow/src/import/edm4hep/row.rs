//! One event of a file.

use recoil_table::Batch;

use crate::error::{PflowError, Result};
use crate::import::branches::list;

/// The branches of one event.
pub(super) struct Row {
    batch: Batch,
    number: u64,
}

impl Row {
    pub(super) fn of(batch: &Batch, row: usize) -> Self {
        let number = batch.first_row() + row as u64;
        Self { batch: Batch::new(batch.records().slice(row, 1), batch.file().clone(), number), number }
    }

    /// Number of the event: its row in the file.
    pub(super) fn number(&self) -> i64 {
        self.number as i64
    }

    /// An error about this event.
    pub(super) fn fault(&self, reason: String) -> PflowError {
        PflowError::Event { file: self.batch.file().to_string(), event: self.number(), row: self.number, reason }
    }

    pub(super) fn column(&self, name: &str) -> Result<Vec<f64>> {
        Ok(list(&self.batch, name)?.row(0).to_vec())
    }

    /// Members of a collection.
    pub(super) fn members(&self, collection: &str, names: &[&str]) -> Result<Members> {
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
pub(super) struct Members(Vec<Vec<f64>>);

impl Members {
    /// Number of objects.
    pub(super) fn len(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Member `column` of object `index`; 0 for one that was not read.
    pub(super) fn at(&self, column: usize, index: usize) -> f64 {
        self.0.get(column).and_then(|list| list.get(index)).copied().unwrap_or(0.0)
    }
}
