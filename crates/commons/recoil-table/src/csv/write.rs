//! Writing text, row after row.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};
use crate::stream::BatchWriter;
use crate::text::{Cells, is_list};
use crate::types::type_name;

/// A text table that grows batch after batch.
///
/// Numbers are written so that they read back as the same ones; lists as `[1, 2.5]`; a missing value as an empty cell.
pub struct CsvWriter {
    file: String,
    out: Out,
    line: String,
}

enum Out {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl CsvWriter {
    /// Creates the file at `path` for rows of `schema`, gzip-compressed if `gzip`.
    pub fn create(path: &Path, gzip: bool, schema: &SchemaRef) -> Result<Self> {
        let file = path.display().to_string();
        for field in schema.fields() {
            if is_list(field.data_type()) && holds_text(field.data_type()) {
                let kind = type_name(field.data_type());
                let message =
                    format!("column '{}' of type {kind} has no form in CSV: write .parquet or .root", field.name());
                return Err(Error::Unsupported { file, message });
            }
        }
        let created = BufWriter::new(File::create(path).map_err(|error| Error::io(&file, error))?);
        let out = if gzip {
            Out::Gzip(Box::new(GzEncoder::new(created, Compression::default())))
        } else {
            Out::Plain(created)
        };
        let mut writer = Self { file, out, line: String::new() };
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for (index, name) in names.iter().enumerate() {
            writer.separate(index);
            quote(&mut writer.line, name);
        }
        writer.line.push('\n');
        writer.flush_line()?;
        Ok(writer)
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.line.push(',');
        }
    }

    fn flush_line(&mut self) -> Result<()> {
        let written = match &mut self.out {
            Out::Plain(out) => out.write_all(self.line.as_bytes()),
            Out::Gzip(out) => out.write_all(self.line.as_bytes()),
        };
        self.line.clear();
        written.map_err(|error| Error::io(&self.file, error))
    }
}

fn holds_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(inner) | DataType::FixedSizeList(inner, _) => holds_text(inner.data_type()),
        other => *other == DataType::Utf8,
    }
}

/// A cell as it stands in the file: in quotes when it holds a separator, a quote or a line end.
fn quote(line: &mut String, cell: &str) {
    if cell.contains([',', '"', '\n', '\r']) || cell.trim() != cell {
        let _ = write!(line, "\"{}\"", cell.replace('"', "\"\""));
    } else {
        line.push_str(cell);
    }
}

impl BatchWriter for CsvWriter {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        let columns: Vec<Cells> = records.columns().iter().map(Cells::exact).collect();
        let mut cell = String::new();
        for row in 0..records.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                self.separate(index);
                cell.clear();
                column.append(row, &mut cell);
                quote(&mut self.line, &cell);
            }
            self.line.push('\n');
            if self.line.len() > 64 << 10 {
                self.flush_line()?;
            }
        }
        self.flush_line()
    }

    fn finish(self: Box<Self>, _provenance: Option<&str>) -> Result<()> {
        let Self { file, out, .. } = *self;
        let close = || -> std::io::Result<()> {
            let buffered = match out {
                Out::Plain(out) => out,
                Out::Gzip(out) => out.finish()?,
            };
            buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
        };
        close().map_err(|error| Error::io(file, error))
    }
}
