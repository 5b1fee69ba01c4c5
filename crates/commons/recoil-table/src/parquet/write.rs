//! Writing Parquet: the same rows give the same bytes.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};
use crate::stream::BatchWriter;
use crate::types::PROVENANCE;

/// Rows that one row group holds at most.
const GROUP_ROWS: usize = 1 << 20;
/// Encoded bytes at which a row group is closed; bounds the memory of writer and reader.
const GROUP_BYTES: usize = 32 << 20;

/// A Parquet file that grows batch after batch: zstd-compressed, in row groups of bounded size.
pub struct ParquetWriter {
    file: String,
    inner: ArrowWriter<BufWriter<File>>,
}

impl ParquetWriter {
    /// Creates the file at `path` for rows of `schema`.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let file = path.display().to_string();
        let created = File::create(path).map_err(|error| Error::io(&file, error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by(concat!("recoil version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let inner = ArrowWriter::try_new(BufWriter::new(created), schema.clone(), Some(properties));
        let inner = inner.map_err(|error| refused(&file, &error))?;
        Ok(Self { file, inner })
    }
}

impl BatchWriter for ParquetWriter {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        self.inner.write(records).map_err(|error| refused(&self.file, &error))?;
        if self.inner.in_progress_size() > GROUP_BYTES {
            self.inner.flush().map_err(|error| refused(&self.file, &error))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, provenance: Option<&str>) -> Result<()> {
        let Self { file, mut inner } = *self;
        if let Some(record) = provenance {
            inner.append_key_value_metadata(KeyValue::new(PROVENANCE.to_owned(), record.to_owned()));
        }
        let buffered = inner.into_inner().map_err(|error| refused(&file, &error))?;
        let written = buffered.into_inner().map_err(|error| Error::io(&file, error.into_error()))?;
        written.sync_all().map_err(|error| Error::io(&file, error))
    }
}

fn refused(file: &str, error: &parquet::errors::ParquetError) -> Error {
    match error {
        parquet::errors::ParquetError::External(source) => Error::io(file, std::io::Error::other(source.to_string())),
        other => Error::Unsupported { file: file.to_owned(), message: other.to_string() },
    }
}
