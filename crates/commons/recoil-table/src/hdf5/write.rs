//! Writing a table batch after batch, in the layout of PyTables.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use hdf5_pure::{
    AttrValue, CharacterSet, CompoundTypeBuilder, Dataset, Datatype, EnumTypeBuilder, File, FileAccessProperties,
    FileCreateProperties, MaxExtent, StringPadding, SyncPolicy, make_f32_type, make_f64_type, make_i8_type,
    make_i16_type, make_i32_type, make_i64_type, make_u8_type, make_u16_type, make_u32_type, make_u64_type,
};

use super::{COLUMNS, DEFAULT_TABLE, failed, malformed};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::filled::filled;
use crate::record::{bytes_of, interleave};
use crate::stream::BatchWriter;
use crate::types::{DOC, PROVENANCE, UNIT, doc, type_name, unit};

/// About so many bytes in one chunk.
const CHUNK_BYTES: usize = 256 << 10;
/// Strings get at least so many bytes.
const SHORTEST_TEXT: usize = 32;

/// A table that grows batch after batch, in an HDF5 file of its own.
///
/// A missing floating-point value is written as NaN; any other missing value is an error. Strings have a fixed width:
/// twice what the first batch needs, at least 32 bytes; longer ones in later batches are an error. Lists of varying
/// length have no place in such a table.
pub struct Hdf5Writer {
    place: String,
    file: File,
    path: String,
    schema: SchemaRef,
    /// The data set, from the first batch on, and the widths of strings (0 for other columns).
    started: Option<(Dataset, Vec<usize>)>,
    /// Rows that do not fill a chunk yet.
    waiting: Vec<u8>,
    rows: u64,
}

impl Hdf5Writer {
    /// Creates the file with the table that `address` names ([`DEFAULT_TABLE`] without a name).
    pub fn create(address: &Address, schema: &SchemaRef) -> Result<Self> {
        let place = address.to_string();
        for field in schema.fields() {
            if *field.data_type() != DataType::Utf8 && member_type(field.data_type(), 0).is_none() {
                let message = format!(
                    "column '{}' of type {} has no form in an HDF5 table: write .parquet or .root",
                    field.name(),
                    type_name(field.data_type())
                );
                return Err(Error::Unsupported { file: place, message });
            }
        }
        let create = FileCreateProperties::new();
        let access = FileAccessProperties::new().with_sync_policy(SyncPolicy::OnClose);
        let file = File::create_with_options(&address.path, create, access).map_err(|error| failed(&place, &error))?;
        let path = address.member.as_deref().unwrap_or(DEFAULT_TABLE).trim_matches('/').to_owned();
        Ok(Self { place, file, path, schema: schema.clone(), started: None, waiting: Vec::new(), rows: 0 })
    }

    /// Makes the data set, with strings as wide as `records` needs them.
    fn start(&mut self, records: &RecordBatch) -> Result<()> {
        let widths: Vec<usize> = records.columns().iter().map(text_width).collect();
        let mut record = CompoundTypeBuilder::new();
        for (field, width) in self.schema.fields().iter().zip(&widths) {
            let member = member_type(field.data_type(), *width);
            let member = member.ok_or_else(|| malformed(&self.place, "a column without a form in HDF5"))?;
            record = record.field(field.name(), member);
        }
        let record = record.build().map_err(|error| malformed(&self.place, error.to_string()))?;
        let row_bytes = record.type_size() as usize;
        let chunk = (CHUNK_BYTES / row_bytes.max(1)).clamp(1, 65_536) as u64;
        let wrong = |error| failed(&self.place, &error);
        let root = self.file.root();
        for (name, value) in group_attributes(true) {
            root.set_attr(name, value).map_err(wrong)?;
        }
        let mut parent = String::new();
        for name in self.path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
            parent = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
            let group = root.create_group(&parent).map_err(wrong)?;
            for (name, value) in group_attributes(false) {
                group.set_attr(name, value).map_err(wrong)?;
            }
        }
        let text = |text: &str| AttrValue::AsciiString(text.to_owned());
        root.create_dataset(&self.path, |dataset| {
            dataset
                .with_raw_data(record, Vec::new(), 0)
                .with_shape(&[0])
                .with_maxshape(&[MaxExtent::Unlimited])
                .with_chunks(&[chunk])
                .with_shuffle()
                .with_deflate(3)
                .set_attr("CLASS", text("TABLE"))
                .set_attr("VERSION", text("2.7"))
                .set_attr("TITLE", text(""));
            for (index, field) in self.schema.fields().iter().enumerate() {
                dataset.set_attr(&format!("FIELD_{index}_NAME"), AttrValue::String(field.name().clone()));
            }
            if let Some(columns) = described(&self.schema) {
                dataset.set_attr(COLUMNS, AttrValue::VarLenString(columns));
            }
        })
        .map_err(wrong)?;
        self.file.commit().map_err(wrong)?;
        let dataset = self.file.dataset(&self.path).map_err(wrong)?;
        self.started = Some((dataset, widths));
        Ok(())
    }

    /// Appends what is waiting: whole chunks, or all of it at the end.
    fn flush(&mut self, row_bytes: usize, all: bool) -> Result<()> {
        let Some((dataset, _)) = &mut self.started else { return Ok(()) };
        let chunk = (CHUNK_BYTES / row_bytes.max(1)).clamp(1, 65_536) * row_bytes;
        let ready = if all { self.waiting.len() } else { self.waiting.len() / chunk.max(1) * chunk };
        if ready > 0 {
            let bytes = self.waiting.get(..ready).unwrap_or_default();
            dataset.append_raw(bytes).map_err(|error| failed(&self.place, &error))?;
            self.waiting.drain(..ready);
        }
        Ok(())
    }

    fn row_bytes(&self) -> usize {
        let widths = self.started.as_ref().map(|(_, widths)| widths.as_slice()).unwrap_or_default();
        let types = self.schema.fields().iter().zip(widths);
        types.filter_map(|(field, width)| member_type(field.data_type(), *width)).map(|t| t.type_size() as usize).sum()
    }
}

impl BatchWriter for Hdf5Writer {
    fn write(&mut self, records: &RecordBatch) -> Result<()> {
        let records = filled(&self.place, self.rows, records)?;
        if self.started.is_none() {
            self.start(&records)?;
        }
        let widths = self.started.as_ref().map(|(_, widths)| widths.clone()).unwrap_or_default();
        let mut columns = Vec::with_capacity(records.num_columns());
        for ((field, array), width) in self.schema.fields().iter().zip(records.columns()).zip(widths) {
            let padded = if width == 0 { Ok(bytes_of(array)) } else { padded(array, width) };
            columns.push(padded.map_err(|(row, text)| Error::Lossy {
                file: self.place.clone(),
                column: field.name().clone(),
                row: self.rows + row as u64,
                value: format!("'{:.60}'", text),
                expected: format!("a string of {width} bytes, as the rows before have"),
            })?);
        }
        self.rows += records.num_rows() as u64;
        self.waiting.extend(interleave(&columns, records.num_rows()));
        self.flush(self.row_bytes(), false)
    }

    fn finish(mut self: Box<Self>, provenance: Option<&str>) -> Result<()> {
        if self.started.is_none() {
            self.start(&RecordBatch::new_empty(self.schema.clone()))?;
        }
        self.flush(self.row_bytes(), true)?;
        let Self { place, file, started, rows, .. } = *self;
        let wrong = |error| failed(&place, &error);
        if let Some((mut dataset, _)) = started {
            dataset.set_attr("NROWS", AttrValue::I64(rows as i64)).map_err(wrong)?;
            if let Some(record) = provenance {
                dataset.set_attr(PROVENANCE, AttrValue::VarLenString(record.to_owned())).map_err(wrong)?;
            }
        }
        file.commit().map_err(wrong)?;
        file.close().map_err(wrong)
    }
}

/// Attributes by which PyTables knows a group, of the file's own with the version of the format.
pub(super) fn group_attributes(root: bool) -> Vec<(&'static str, AttrValue)> {
    let text = |text: &str| AttrValue::AsciiString(text.to_owned());
    let mut all = vec![("CLASS", text("GROUP")), ("TITLE", text("")), ("VERSION", text("1.0"))];
    if root {
        all.push(("PYTABLES_FORMAT_VERSION", text("2.1")));
    }
    all
}

/// Type of a number or truth value (h5py's).
pub(super) fn element_type(data_type: &DataType) -> Option<Datatype> {
    Some(match data_type {
        DataType::Boolean => {
            EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build().ok()?
        }
        DataType::Int8 => make_i8_type(),
        DataType::UInt8 => make_u8_type(),
        DataType::Int16 => make_i16_type(),
        DataType::UInt16 => make_u16_type(),
        DataType::Int32 => make_i32_type(),
        DataType::UInt32 => make_u32_type(),
        DataType::Int64 => make_i64_type(),
        DataType::UInt64 => make_u64_type(),
        DataType::Float32 => make_f32_type(),
        DataType::Float64 => make_f64_type(),
        _ => return None,
    })
}

/// Type of a record's member; `width` is that of strings.
fn member_type(data_type: &DataType, width: usize) -> Option<Datatype> {
    match data_type {
        DataType::Utf8 if width > 0 => Some(Datatype::String {
            size: u32::try_from(width).ok()?,
            padding: StringPadding::NullPad,
            charset: CharacterSet::Utf8,
        }),
        DataType::FixedSizeList(..) => {
            let (mut inner, mut axes) = (data_type, Vec::new());
            while let DataType::FixedSizeList(element, size) = inner {
                axes.push(u32::try_from(*size).ok().filter(|size| *size > 0)?);
                inner = element.data_type();
            }
            Some(Datatype::Array { base_type: Box::new(element_type(inner)?), dimensions: axes })
        }
        other => element_type(other),
    }
}

/// Bytes that the strings of a column get, 0 for other columns.
fn text_width(array: &ArrayRef) -> usize {
    if *array.data_type() != DataType::Utf8 {
        return 0;
    }
    let longest = array.as_string::<i32>().iter().flatten().map(str::len).max().unwrap_or(0);
    (2 * longest).max(SHORTEST_TEXT)
}

/// Strings filled with zeros up to `width` bytes, or the place of one that is longer.
fn padded(array: &ArrayRef, width: usize) -> std::result::Result<Vec<u8>, (usize, String)> {
    let mut bytes = Vec::with_capacity(array.len() * width);
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        let text = text.unwrap_or_default();
        if text.len() > width {
            return Err((row, text.to_owned()));
        }
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize((row + 1) * width, 0);
    }
    Ok(bytes)
}

fn described(schema: &SchemaRef) -> Option<String> {
    let columns: BTreeMap<&str, BTreeMap<&str, &str>> = schema
        .fields()
        .iter()
        .map(|field| {
            let known = [(UNIT, unit(field)), (DOC, doc(field))];
            (field.name().as_str(), known.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
        })
        .filter(|(_, known): &(_, BTreeMap<_, _>)| !known.is_empty())
        .collect();
    if columns.is_empty() { None } else { serde_json::to_string(&columns).ok() }
}
