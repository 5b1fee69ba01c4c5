//! Tables as streams of batches, bounded in rows and bytes.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::batch::{Batch, concat};
use crate::error::Result;

/// What to read of a table, and in pieces of which size.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOptions {
    /// Columns to read, in this order; all of them without a list.
    pub columns: Option<Vec<String>>,
    /// Rows to read; a range that goes beyond the end stops there.
    pub rows: Range<u64>,
    /// At most so many rows in one batch.
    pub batch_rows: usize,
    /// About so many bytes in one batch, unless a single row is larger.
    pub batch_bytes: usize,
    /// For CSV without a header line: the names of the columns.
    pub csv_names: Option<Vec<String>>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { columns: None, rows: 0..u64::MAX, batch_rows: 65_536, batch_bytes: 16 << 20, csv_names: None }
    }
}

impl ReadOptions {
    /// Reads the columns `names` only, in this order.
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads the rows `rows` only.
    pub fn rows(mut self, rows: Range<u64>) -> Self {
        self.rows = rows;
        self
    }

    /// Rows per batch when a row takes `row_bytes` bytes.
    pub(crate) fn rows_of_size(&self, row_bytes: u64) -> usize {
        let rows = (self.batch_bytes as u64).checked_div(row_bytes).unwrap_or(u64::MAX);
        usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, self.batch_rows.max(1))
    }
}

/// A table that is read batch after batch.
pub trait BatchReader: Send {
    /// Columns (after projection) with their metadata.
    fn schema(&self) -> SchemaRef;

    /// File (and tree) that the rows are from, as errors name it.
    fn file(&self) -> &Arc<str>;

    /// Number of rows that the reader will deliver, when the format knows before reading.
    fn total_rows(&self) -> Option<u64>;

    /// The provenance record (JSON) stored in the file.
    fn provenance(&self) -> Option<&str> {
        None
    }

    /// What the file holds beside the columns that are read, and why it is left out.
    fn skipped(&self) -> &[String] {
        &[]
    }

    /// The next rows, or `None` behind the last one.
    fn next_batch(&mut self) -> Result<Option<Batch>>;

    /// All rows that are left as one batch (of no rows when none is left).
    fn read_all(&mut self) -> Result<Batch> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch()? {
            batches.push(batch);
        }
        let empty = || Batch::new(RecordBatch::new_empty(self.schema()), self.file().clone(), 0);
        Ok(concat(&batches)?.unwrap_or_else(empty))
    }
}

impl Iterator for dyn BatchReader {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// A table that is written batch after batch.
pub trait BatchWriter: Send {
    /// Appends rows; their schema must be the one that the writer was made for.
    fn write(&mut self, records: &RecordBatch) -> Result<()>;

    /// Completes the file, storing a provenance record (JSON) in it where the format has room for one, and flushes it
    /// to the disk. A file that is not finished is not a table.
    fn finish(self: Box<Self>, provenance: Option<&str>) -> Result<()>;
}

/// Batches that are in memory already, as a reader.
#[derive(Debug)]
pub struct MemoryReader {
    file: Arc<str>,
    schema: SchemaRef,
    rows: u64,
    batches: std::vec::IntoIter<Batch>,
}

impl MemoryReader {
    /// A reader of `batches`, which all have the schema `schema`.
    pub fn new(schema: SchemaRef, batches: Vec<Batch>) -> Self {
        let file = batches.first().map_or_else(|| Arc::from("memory"), |batch| batch.file().clone());
        let rows = batches.iter().map(|batch| batch.rows() as u64).sum();
        Self { file, schema, rows, batches: batches.into_iter() }
    }
}

impl BatchReader for MemoryReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        Ok(self.batches.next())
    }
}
