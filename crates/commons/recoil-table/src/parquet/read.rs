//! Reading Parquet in batches of bounded size.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type;
use parquet::file::metadata::ParquetMetaData;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::stream::{BatchReader, ReadOptions};
use crate::types::{PROVENANCE, plain_array, plain_field, project, schema_of};

/// A Parquet file read batch after batch.
pub struct ParquetReader {
    file: Arc<str>,
    schema: SchemaRef,
    /// For each column of `schema`, its position in what the inner reader delivers (which is in file order).
    order: Vec<usize>,
    inner: ParquetRecordBatchReader,
    rows: u64,
    next_row: u64,
    provenance: Option<String>,
}

/// The text that a file keeps under a name in the metadata of its schema.
pub fn file_text(path: &Path, name: &str) -> Result<Option<String>> {
    let file = path.display().to_string();
    let opened = File::open(path).map_err(|error| Error::io(&file, error))?;
    guarded(&file, || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| malformed(&file, error))?;
        Ok(builder.schema().metadata().get(name).cloned())
    })
}

impl ParquetReader {
    /// Opens the file at `path`.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self> {
        let file: Arc<str> = path.display().to_string().into();
        let opened = File::open(path).map_err(|error| Error::io(&file, error))?;
        guarded(&file, || Self::new(file.clone(), opened, options))
    }

    fn new(file: Arc<str>, opened: File, options: &ReadOptions) -> Result<Self> {
        let malformed = |error| malformed(&file, error);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened, ArrowReaderOptions::new());
        let builder = builder.map_err(malformed)?;
        let columns = project(&file, builder.schema(), options.columns.as_deref())?;
        let fields: Result<Vec<_>> =
            columns.iter().map(|&index| plain_field(&file, builder.schema().field(index))).collect();
        let schema = schema_of(fields?);

        let mut in_file_order = columns.clone();
        in_file_order.sort_unstable();
        in_file_order.dedup();
        let order = columns.iter().map(|column| in_file_order.partition_point(|other| other < column)).collect();

        let metadata = builder.metadata().clone();
        let total = metadata.row_groups().iter().map(|group| group.num_rows().max(0) as u64).sum();
        let first_row = options.rows.start.min(total);
        let rows = options.rows.end.min(total).saturating_sub(first_row);
        let provenance = metadata
            .file_metadata()
            .key_value_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == PROVENANCE))
            .and_then(|pair| pair.value.clone());

        let mask = ProjectionMask::roots(builder.parquet_schema(), in_file_order);
        let row_bytes = row_bytes(&metadata, &mask);
        let mut builder = builder.with_projection(mask).with_batch_size(options.rows_of_size(row_bytes));
        if options.rows.start > 0 || rows < total {
            builder = builder
                .with_offset(usize::try_from(first_row).unwrap_or(usize::MAX))
                .with_limit(usize::try_from(rows).unwrap_or(usize::MAX));
        }
        let inner = builder.build().map_err(malformed)?;
        Ok(Self { file, schema, order, inner, rows, next_row: first_row, provenance })
    }

    fn to_table(&self, records: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.order.iter().zip(self.schema.fields());
        let columns: Result<Vec<_>> =
            columns.map(|(&index, field)| plain_array(&self.file, field, records.column(index))).collect();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(records.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns?, &options)
            .map_err(|error| malformed(&self.file, error))
    }
}

impl BatchReader for ParquetReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn provenance(&self) -> Option<&str> {
        self.provenance.as_deref()
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let file = self.file.clone();
        guarded(&file, || {
            let Some(records) = self.inner.next() else { return Ok(None) };
            let records = records.map_err(|error| malformed(&self.file, format!("row {}: {error}", self.next_row)))?;
            let batch = Batch::new(self.to_table(&records)?, self.file.clone(), self.next_row);
            self.next_row += records.num_rows() as u64;
            Ok(Some(batch))
        })
    }
}

fn malformed(file: &str, error: impl std::fmt::Display) -> Error {
    Error::Malformed { file: file.to_owned(), format: "Parquet", message: error.to_string() }
}

/// Bytes that a row of the wanted columns takes in memory, in the row group where it takes most.
fn row_bytes(metadata: &ParquetMetaData, mask: &ProjectionMask) -> u64 {
    let group_bytes = |group: &parquet::file::metadata::RowGroupMetaData| {
        let leaves = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
        let bytes: u64 = leaves
            .map(|(_, chunk)| {
                let values = chunk.num_values().max(0) as u64;
                match chunk.column_descr().physical_type() {
                    Type::BOOLEAN | Type::INT32 | Type::FLOAT => values.saturating_mul(4),
                    Type::INT64 | Type::DOUBLE => values.saturating_mul(8),
                    _ => values.saturating_mul(4).saturating_add(chunk.uncompressed_size().max(0) as u64),
                }
            })
            .fold(0, u64::saturating_add);
        bytes.div_ceil((group.num_rows().max(1)) as u64)
    };
    metadata.row_groups().iter().map(group_bytes).max().unwrap_or(0)
}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside of the decoder, where a panic becomes an error. A panic hook can ask for it before it
/// tells anybody.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a call into the decoder of foreign bytes, turning a panic in it into an error.
///
/// The `parquet` and `arrow-ipc` crates check most of what they read, but damaged files reach panics in them (such as
/// "Int type with bit width of 51 and signed of false not supported" for a damaged schema). Nothing of ours is left
/// half-changed when that happens: a reader that has failed is only dropped.
fn guarded<T>(file: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    DECODING.set(true);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    DECODING.set(false);
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(malformed(file, text.unwrap_or("the decoder cannot make sense of it")))
    })
}
