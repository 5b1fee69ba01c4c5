//! Writing arrays batch after batch.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, SchemaRef};

use super::OFFSETS;
use super::header::written;
use super::zip::Archive;
use crate::error::{Error, Result};
use crate::filled::filled;
use crate::record::{bytes_of, rows_of};
use crate::stream::BatchWriter;
use crate::types::type_name;

/// One `.npy` file: a plain array for a table of one column, a structured array otherwise. A missing floating-point
/// value becomes NaN; there are no other missing values, no lists and no strings.
pub struct NpyWriter {
    file: String,
    out: BufWriter<File>,
    descr: String,
    inner: Vec<usize>,
    rows: u64,
}

impl NpyWriter {
    /// Creates the file at `path` for rows of `schema`.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let file = path.display().to_string();
        let codes: Result<Vec<(String, Vec<usize>)>> = schema
            .fields()
            .iter()
            .map(|field| {
                fixed_code(field.data_type()).ok_or_else(|| {
                    let kind = type_name(field.data_type());
                    let message = format!(
                        "column '{}' of type {kind} does not fit into one array: write .npz or .parquet",
                        field.name()
                    );
                    Error::Unsupported { file: file.clone(), message }
                })
            })
            .collect();
        let codes = codes?;
        let (descr, inner) = match codes.as_slice() {
            [(code, shape)] => (format!("'{code}'"), shape.clone()),
            codes => {
                let fields = schema.fields().iter().zip(codes).map(|(field, (code, shape))| {
                    let name = quoted(field.name());
                    if shape.is_empty() {
                        format!("({name}, '{code}')")
                    } else {
                        format!("({name}, '{code}', {})", tuple(shape))
                    }
                });
                (format!("[{}]", fields.collect::<Vec<_>>().join(", ")), Vec::new())
            }
        };
        let created = File::create(path).map_err(|error| Error::io(&file, error))?;
        let mut out = BufWriter::new(created);
        out.write_all(&written(&descr, 0, &inner)).map_err(|error| Error::io(&file, error))?;
        Ok(Self { file, out, descr, inner, rows: 0 })
    }
}

impl BatchWriter for NpyWriter {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        let records = filled(&self.file, self.rows, records)?;
        let rows = records.num_rows();
        let all = rows_of(records.columns(), rows);
        self.rows += rows as u64;
        self.out.write_all(&all).map_err(|error| Error::io(&self.file, error))
    }

    fn finish(mut self: Box<Self>, _provenance: Option<&str>) -> Result<()> {
        let header = written(&self.descr, self.rows, &self.inner);
        let mut close = || -> std::io::Result<()> {
            self.out.seek(SeekFrom::Start(0))?;
            self.out.write_all(&header)?;
            self.out.flush()?;
            self.out.get_ref().sync_all()
        };
        close().map_err(|error| Error::io(&self.file, error))
    }
}

/// One `.npz` file with an array per column. Columns wait in temporary files until the archive is written at the end.
pub struct NpzWriter {
    file: String,
    archive: Archive,
    columns: Vec<Spool>,
    rows: u64,
}

/// A column that waits to be written.
struct Spool {
    name: String,
    kind: Kind,
    values: BufWriter<File>,
    /// Elements in `values`, or characters of the longest string.
    count: u64,
    /// For lists: where rows end. For strings: the length of each in bytes.
    ends: Option<BufWriter<File>>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Element code and the axes behind the first one.
    Fixed(String, Vec<usize>),
    List(String, Vec<usize>),
    Text,
}

impl NpzWriter {
    /// Creates the file at `path` for rows of `schema`.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let file = path.display().to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let spool = || tempfile::tempfile_in(folder).map(BufWriter::new).map_err(|error| Error::io(&file, error));
        let mut columns = Vec::new();
        for field in schema.fields() {
            let kind = kind(field).ok_or_else(|| Error::UnsupportedType {
                file: file.clone(),
                column: field.name().clone(),
                found: type_name(field.data_type()),
            })?;
            let ends = if matches!(kind, Kind::Fixed(..)) { None } else { Some(spool()?) };
            columns.push(Spool { name: field.name().clone(), kind, values: spool()?, count: 0, ends });
        }
        let archive = Archive::create(path)?;
        Ok(Self { file, archive, columns, rows: 0 })
    }
}

impl BatchWriter for NpzWriter {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        let records = filled(&self.file, self.rows, records)?;
        for (column, array) in self.columns.iter_mut().zip(records.columns()) {
            column.append(array).map_err(|error| Error::io(&self.file, error))?;
        }
        self.rows += records.num_rows() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, _provenance: Option<&str>) -> Result<()> {
        let Self { mut archive, columns, rows, .. } = *self;
        for column in columns {
            column.store(&mut archive, rows)?;
        }
        archive.finish()
    }
}

impl Spool {
    fn append(&mut self, array: &ArrayRef) -> std::io::Result<()> {
        match &self.kind {
            Kind::Fixed(..) => self.values.write_all(&bytes_of(array)),
            Kind::Text => {
                for text in array.as_string::<i32>().iter() {
                    let text = text.unwrap_or_default();
                    self.count = self.count.max(text.chars().count() as u64);
                    self.values.write_all(text.as_bytes())?;
                    if let Some(ends) = &mut self.ends {
                        ends.write_all(&(text.len() as u64).to_le_bytes())?;
                    }
                }
                Ok(())
            }
            Kind::List(..) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                let first = offsets.first().copied().unwrap_or(0);
                let end = offsets.last().copied().unwrap_or(first);
                if let Some(ends) = &mut self.ends {
                    for offset in offsets.iter().skip(1) {
                        ends.write_all(&(self.count as i64 + i64::from(offset - first)).to_le_bytes())?;
                    }
                }
                self.count += (end - first) as u64;
                self.values.write_all(&bytes_of(&list.values().slice(first as usize, (end - first) as usize)))
            }
        }
    }

    fn store(self, archive: &mut Archive, rows: u64) -> Result<()> {
        let Self { name, kind, values, count, ends } = self;
        match kind {
            Kind::Fixed(code, shape) => archive.add(&name, |out| {
                out.write_all(&written(&format!("'{code}'"), rows, &shape))?;
                std::io::copy(&mut rewound(values)?, out).map(|_| ())
            }),
            Kind::List(code, shape) => {
                archive.add(&name, |out| {
                    out.write_all(&written(&format!("'{code}'"), count, &shape))?;
                    std::io::copy(&mut rewound(values)?, out).map(|_| ())
                })?;
                archive.add(&format!("{name}{OFFSETS}"), |out| {
                    out.write_all(&written("'<i8'", rows + 1, &[]))?;
                    out.write_all(&0_i64.to_le_bytes())?;
                    match ends {
                        Some(ends) => std::io::copy(&mut rewound(ends)?, out).map(|_| ()),
                        None => Ok(()),
                    }
                })
            }
            Kind::Text => archive.add(&name, |out| {
                let width = count.max(1);
                out.write_all(&written(&format!("'<U{width}'"), rows, &[]))?;
                let mut values = rewound(values)?;
                let Some(ends) = ends else { return Ok(()) };
                let mut ends = rewound(ends)?;
                for _ in 0..rows {
                    let mut length = [0; 8];
                    ends.read_exact(&mut length)?;
                    let mut text = Vec::new();
                    values.by_ref().take(u64::from_le_bytes(length)).read_to_end(&mut text)?;
                    let text = String::from_utf8_lossy(&text);
                    let codes = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width as usize);
                    let bytes: Vec<u8> = codes.flat_map(u32::to_le_bytes).collect();
                    out.write_all(&bytes)?;
                }
                Ok(())
            }),
        }
    }
}

fn rewound(spool: BufWriter<File>) -> std::io::Result<BufReader<File>> {
    let mut file = spool.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::with_capacity(64 << 10, file))
}

fn kind(field: &Field) -> Option<Kind> {
    match field.data_type() {
        DataType::Utf8 => Some(Kind::Text),
        DataType::List(inner) => fixed_code(inner.data_type()).map(|(code, shape)| Kind::List(code, shape)),
        other => fixed_code(other).map(|(code, shape)| Kind::Fixed(code, shape)),
    }
}

/// Element code and axes of a type that has the same size in every row.
fn fixed_code(data_type: &DataType) -> Option<(String, Vec<usize>)> {
    let code = match data_type {
        DataType::Boolean => "|b1",
        DataType::Int8 => "|i1",
        DataType::UInt8 => "|u1",
        DataType::Int16 => "<i2",
        DataType::UInt16 => "<u2",
        DataType::Int32 => "<i4",
        DataType::UInt32 => "<u4",
        DataType::Int64 => "<i8",
        DataType::UInt64 => "<u8",
        DataType::Float32 => "<f4",
        DataType::Float64 => "<f8",
        DataType::FixedSizeList(inner, size) => {
            let (code, mut shape) = fixed_code(inner.data_type())?;
            shape.insert(0, usize::try_from(*size).ok()?);
            return Some((code, shape));
        }
        _ => return None,
    };
    Some((code.to_owned(), Vec::new()))
}

fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn tuple(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    format!("({},)", axes.join(", "))
}
