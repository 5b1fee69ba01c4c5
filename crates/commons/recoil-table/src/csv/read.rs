//! Reading text in two passes: the first finds the types, the second the values.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_csv::reader::{BufReader as Rows, Format as CsvFormat, ReaderBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use flate2::read::MultiGzDecoder;

use super::cell::{Kind, array};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::stream::{BatchReader, ReadOptions};
use crate::types::{project, schema_of};

type Text = BufReader<Box<dyn Read + Send>>;

/// A text table read batch after batch.
pub struct CsvReader {
    file: Arc<str>,
    schema: SchemaRef,
    /// For each column, its place in the file.
    columns: Vec<usize>,
    inner: Rows<Text>,
    next_row: u64,
    /// Rows to deliver.
    rows: Range<u64>,
    total: u64,
}

impl CsvReader {
    /// Opens the file at `path`, gzip-compressed if `gzip`.
    pub fn open(path: &Path, gzip: bool, options: &ReadOptions) -> Result<Self> {
        let file: Arc<str> = path.display().to_string().into();
        let (names, has_header) = match &options.csv_names {
            Some(names) => (names.clone(), false),
            None => header(path, gzip, &file)?,
        };
        let whole: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let texts: SchemaRef = Arc::new(Schema::new(whole));
        let columns = project(&file, &texts, options.columns.as_deref())?;
        let batch_rows = options.batch_rows.clamp(1, 8192);
        let start = || -> Result<Rows<Text>> {
            let text = text(path, gzip, &file)?;
            let builder = ReaderBuilder::new(texts.clone()).with_header(has_header).with_batch_size(batch_rows);
            builder.build_buffered(text).map_err(|error| malformed(&file, 0, &error))
        };

        let mut kinds = vec![Kind::Empty; columns.len()];
        let mut has_gap = vec![false; columns.len()];
        let mut rows = 0;
        for records in start()? {
            let records = records.map_err(|error| malformed(&file, rows, &error))?;
            for ((kind, gap), column) in kinds.iter_mut().zip(&mut has_gap).zip(&columns) {
                for cell in records.column(*column).as_string::<i32>().iter() {
                    let cell = cell.unwrap_or_default();
                    *gap |= cell.trim().is_empty();
                    if *kind != Kind::Text {
                        *kind = std::mem::replace(kind, Kind::Empty).join(Kind::of(cell));
                    }
                }
            }
            rows += records.num_rows() as u64;
        }
        let fields = columns.iter().zip(kinds.iter().zip(&has_gap)).map(|(column, (kind, gap))| {
            let data_type = kind.data_type();
            let nullable = *gap && data_type != DataType::Utf8;
            Field::new(texts.field(*column).name(), data_type, nullable)
        });
        let schema = schema_of(fields);
        let end = options.rows.end.min(rows);
        let rows = options.rows.start.min(end)..end;
        let total = rows.end - rows.start;
        let inner = start()?;
        Ok(Self { file, schema, columns, inner, next_row: 0, rows, total })
    }

    /// The columns of a batch of cells, of which the first is in the row `first_row`.
    fn typed(&self, records: &RecordBatch, first_row: u64) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter().zip(self.schema.fields()) {
            let cells: Vec<&str> =
                records.column(*column).as_string::<i32>().iter().map(Option::unwrap_or_default).collect();
            let made = array(&cells, field.data_type()).map_err(|place| Error::Lossy {
                file: self.file.to_string(),
                column: field.name().clone(),
                row: first_row + place as u64,
                value: cells.get(place).copied().unwrap_or_default().to_owned(),
                expected: crate::type_name(field.data_type()),
            })?;
            arrays.push(made);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(records.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| malformed(&self.file, first_row, &error))
    }
}

impl BatchReader for CsvReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.total)
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        while self.next_row < self.rows.end {
            let Some(records) = self.inner.next() else { return Ok(None) };
            let records = records.map_err(|error| malformed(&self.file, self.next_row, &error))?;
            let here = self.next_row..self.next_row + records.num_rows() as u64;
            self.next_row = here.end;
            let (start, end) = (self.rows.start.max(here.start), self.rows.end.min(here.end));
            if start < end {
                let records = records.slice((start - here.start) as usize, (end - start) as usize);
                return Ok(Some(Batch::new(self.typed(&records, start)?, self.file.clone(), start)));
            }
        }
        Ok(None)
    }
}

fn text(path: &Path, gzip: bool, file: &str) -> Result<Text> {
    let opened = BufReader::new(File::open(path).map_err(|error| Error::io(file, error))?);
    let reader: Box<dyn Read + Send> = if gzip { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    Ok(BufReader::with_capacity(64 << 10, reader))
}

/// Names in the first line, and `true`; a name that stands twice is an error. A line of nothing but numbers is no line
/// of names: then the columns are called `c0`, `c1`, ...
fn header(path: &Path, gzip: bool, file: &str) -> Result<(Vec<String>, bool)> {
    let format = CsvFormat::default().with_header(true);
    let (schema, _) = format.infer_schema(text(path, gzip, file)?, Some(0)).map_err(|e| malformed(file, 0, &e))?;
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().trim().to_owned()).collect();
    if !names.is_empty() && names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Ok(((0..names.len()).map(|column| format!("c{column}")).collect(), false));
    }
    let twice = names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|other| other == *name));
    match twice {
        Some((_, name)) => {
            let message = format!("the header names column '{name}' twice");
            Err(Error::Malformed { file: file.to_owned(), format: "CSV", message })
        }
        None => Ok((names, true)),
    }
}

fn malformed(file: &str, row: u64, error: &ArrowError) -> Error {
    let message = match error {
        ArrowError::CsvError(message) | ArrowError::IoError(message, _) | ArrowError::ParseError(message) => {
            message.clone()
        }
        other => other.to_string(),
    };
    Error::Malformed { file: file.to_owned(), format: "CSV", message: format!("at or behind row {row}: {message}") }
}
