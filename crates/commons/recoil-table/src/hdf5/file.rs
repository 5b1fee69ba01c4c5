//! Files with many tables, as PyTables lays them out: what programs for Cherenkov telescopes exchange.
//!
//! [`TableFile`] writes such a file, rows of several tables in turn; [`StoredTable`] reads the rows of one as bytes, with
//! the layout of its columns and all attributes, so that tables can be copied, joined and changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use hdf5_pure::{
    CharacterSet, CompoundTypeBuilder, Dataset, Datatype, DatatypeByteOrder, File, FileAccessProperties,
    FileCreateProperties, Group, MaxExtent, StringPadding, SyncPolicy, make_f32_type, make_f64_type, make_i8_type,
    make_i16_type, make_i32_type, make_i64_type, make_u8_type, make_u16_type, make_u32_type, make_u64_type,
};

pub use hdf5_pure::AttrValue as Attribute;

use super::large;
use super::layout::{Walk, place, text};
use super::rows::RowReader;
use super::write::group_attributes;
use super::{failed, malformed};
use crate::error::{Error, Result};
use crate::filled::filled;
use crate::record::rows_of;

/// About so many bytes in one chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// What a column of a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Value {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// Text of so many bytes, filled with zeros.
    Text(u32),
}

impl Value {
    /// Bytes of a value.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::Text(size) => size as usize,
        }
    }

    fn datatype(self) -> Datatype {
        match self {
            Self::Bool => Datatype::BitField {
                size: 1,
                byte_order: DatatypeByteOrder::LittleEndian,
                bit_offset: 0,
                bit_precision: 8,
            },
            Self::I8 => make_i8_type(),
            Self::U8 => make_u8_type(),
            Self::I16 => make_i16_type(),
            Self::U16 => make_u16_type(),
            Self::I32 => make_i32_type(),
            Self::U32 => make_u32_type(),
            Self::I64 => make_i64_type(),
            Self::U64 => make_u64_type(),
            Self::F32 => make_f32_type(),
            Self::F64 => make_f64_type(),
            Self::Text(size) => Datatype::String {
                size: size.max(1),
                padding: StringPadding::NullTerminate,
                charset: CharacterSet::Ascii,
            },
        }
    }

    /// The type of a column in memory, as a column of a table.
    fn of_arrow(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Boolean => Self::Bool,
            DataType::Int8 => Self::I8,
            DataType::UInt8 => Self::U8,
            DataType::Int16 => Self::I16,
            DataType::UInt16 => Self::U16,
            DataType::Int32 => Self::I32,
            DataType::UInt32 => Self::U32,
            DataType::Int64 => Self::I64,
            DataType::UInt64 => Self::U64,
            DataType::Float32 => Self::F32,
            DataType::Float64 => Self::F64,
            _ => return None,
        })
    }

    fn of(datatype: &Datatype) -> Option<Self> {
        let little = |order: &DatatypeByteOrder| *order == DatatypeByteOrder::LittleEndian;
        match datatype {
            Datatype::FixedPoint { size, byte_order, layout } if *size == 1 || little(byte_order) => {
                match (*size, layout.signed) {
                    (1, true) => Some(Self::I8),
                    (1, false) => Some(Self::U8),
                    (2, true) => Some(Self::I16),
                    (2, false) => Some(Self::U16),
                    (4, true) => Some(Self::I32),
                    (4, false) => Some(Self::U32),
                    (8, true) => Some(Self::I64),
                    (8, false) => Some(Self::U64),
                    _ => None,
                }
            }
            Datatype::FloatingPoint { size: 4, byte_order, .. } if little(byte_order) => Some(Self::F32),
            Datatype::FloatingPoint { size: 8, byte_order, .. } if little(byte_order) => Some(Self::F64),
            Datatype::BitField { size: 1, .. } => Some(Self::Bool),
            Datatype::Enumeration { size: 1, .. } => Some(Self::Bool),
            Datatype::Enumeration { base_type, .. } => Self::of(base_type),
            Datatype::String { size, .. } => Some(Self::Text(*size)),
            _ => None,
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// What it holds.
    pub value: Value,
    /// Axes of an array in each row; none for a scalar.
    pub shape: Vec<u32>,
}

impl Member {
    /// A column of scalars.
    pub fn scalar(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), value, shape: Vec::new() }
    }

    /// A column of arrays.
    pub fn array(name: &str, value: Value, shape: &[u32]) -> Self {
        Self { name: name.to_owned(), value, shape: shape.to_vec() }
    }

    /// Bytes of the column in a row.
    pub fn size(&self) -> usize {
        self.shape.iter().fold(self.value.size(), |size, axis| size.saturating_mul(*axis as usize))
    }
}

/// The columns of a schema as columns of a table; `place` is what errors name.
pub fn members_of(place: &str, schema: &Schema) -> Result<Vec<Member>> {
    let member = |field: &std::sync::Arc<arrow_schema::Field>| {
        let (mut kind, mut shape) = (field.data_type(), Vec::new());
        while let DataType::FixedSizeList(element, size) = kind {
            shape.push(u32::try_from(*size).unwrap_or(0));
            kind = element.data_type();
        }
        let value = Value::of_arrow(kind).filter(|_| !shape.contains(&0)).ok_or_else(|| {
            let message = format!("the column '{}' has no form in a table of a file with many", field.name());
            Error::Unsupported { file: place.to_owned(), message }
        })?;
        Ok(Member { name: field.name().clone(), value, shape })
    };
    schema.fields().iter().map(member).collect()
}

/// Bytes of a row of these columns, which stand without gaps.
pub fn row_bytes(members: &[Member]) -> usize {
    members.iter().map(Member::size).sum()
}

/// Place of a column in a row.
pub fn offset_of(members: &[Member], name: &str) -> Option<usize> {
    let at = members.iter().position(|member| member.name == name)?;
    Some(members.iter().take(at).map(Member::size).sum())
}

/// A file with many tables, being written.
pub struct TableFile {
    file: File,
    name: String,
    groups: BTreeSet<String>,
    path: PathBuf,
    large: Vec<large::Description>,
}

impl TableFile {
    /// Creates a file.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let access = FileAccessProperties::new().with_sync_policy(SyncPolicy::OnClose);
        let file = File::create_with_options(path, FileCreateProperties::new(), access);
        let file = file.map_err(|error| failed(&name, &error))?;
        let root = file.root();
        for (key, value) in group_attributes(true) {
            root.set_attr(key, value).map_err(|error| failed(&name, &error))?;
        }
        Ok(Self { file, name, groups: BTreeSet::new(), path: path.to_path_buf(), large: Vec::new() })
    }

    /// Sets an attribute of the file.
    pub fn attribute(&mut self, name: &str, value: Attribute) -> Result<()> {
        self.file.root().set_attr(name, value).map_err(|error| failed(&self.name, &error))
    }

    /// Makes a table at a path such as `dl1/event/table`, with attributes beyond those that PyTables needs.
    pub fn table(&mut self, path: &str, members: &[Member], attributes: &[(String, Attribute)]) -> Result<TableRows> {
        let path = path.trim_matches('/');
        let place = format!("{}:{path}", self.name);
        let wrong = |error| failed(&place, &error);
        self.parents(path)?;
        let row_bytes = row_bytes(members);
        let mut record = CompoundTypeBuilder::new();
        for member in members {
            let base = member.value.datatype();
            let full = match member.shape.as_slice() {
                [] => base,
                axes => Datatype::Array { base_type: Box::new(base), dimensions: axes.to_vec() },
            };
            record = match large::is_large(row_bytes) {
                true => record.field(&large::filled(&member.name), full),
                false => record.field(&member.name, full),
            };
        }
        let record = record.build().map_err(|error| malformed(&place, error.to_string()))?;
        let text = |text: &str| Attribute::AsciiString(text.to_owned());
        let mut all = vec![("CLASS".to_owned(), text("TABLE")), ("VERSION".to_owned(), text("2.7"))];
        if !attributes.iter().any(|(name, _)| name == "TITLE") {
            all.push(("TITLE".to_owned(), text("")));
        }
        let fields = members.iter().enumerate();
        all.extend(fields.map(|(index, member)| (format!("FIELD_{index}_NAME"), text(&member.name))));
        all.extend_from_slice(attributes);
        let root = self.file.root();
        if large::is_large(row_bytes) {
            self.large.push(large::Description::new(members, row_bytes));
            let target = Target::Piece { root, path: path.to_owned(), record, attributes: all };
            return Ok(TableRows { place, target, chunk: usize::MAX, row_bytes, waiting: Vec::new(), rows: 0 });
        }
        let chunk_rows = (CHUNK_BYTES / row_bytes.max(1)).clamp(1, 4096);
        root.create_dataset(path, |dataset| {
            dataset
                .with_raw_data(record, Vec::new(), 0)
                .with_shape(&[0])
                .with_maxshape(&[MaxExtent::Unlimited])
                .with_chunks(&[chunk_rows as u64])
                .with_shuffle()
                .with_deflate(1);
            all.iter().for_each(|(name, value)| {
                dataset.set_attr(name, value.clone());
            });
        })
        .map_err(wrong)?;
        self.file.commit().map_err(wrong)?;
        let target = Target::Growing(self.file.dataset(path).map_err(wrong)?);
        Ok(TableRows { place, target, chunk: chunk_rows * row_bytes, row_bytes, waiting: Vec::new(), rows: 0 })
    }

    /// Makes an array of texts, as PyTables' arrays of strings.
    pub fn texts(&mut self, path: &str, texts: &[String]) -> Result<()> {
        let path = path.trim_matches('/');
        let place = format!("{}:{path}", self.name);
        self.parents(path)?;
        let width = texts.iter().map(String::len).max().unwrap_or(1).max(1);
        let mut bytes = Vec::with_capacity(width * texts.len());
        for (row, text) in texts.iter().enumerate() {
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize((row + 1) * width, 0);
        }
        let text = |text: &str| Attribute::AsciiString(text.to_owned());
        let datatype = Value::Text(u32::try_from(width).unwrap_or(u32::MAX)).datatype();
        let root = self.file.root();
        root.create_dataset(path, |dataset| {
            dataset
                .with_raw_data(datatype, bytes, texts.len() as u64)
                .with_shape(&[texts.len() as u64])
                .set_attr("CLASS", text("ARRAY"))
                .set_attr("VERSION", text("2.4"))
                .set_attr("FLAVOR", text("python"))
                .set_attr("TITLE", text(""));
        })
        .map_err(|error| failed(&place, &error))?;
        Ok(())
    }

    /// Makes the groups above `path` that are not there.
    fn parents(&mut self, path: &str) -> Result<()> {
        let root = self.file.root();
        let names: Vec<&str> = path.split('/').collect();
        for depth in 1..names.len() {
            let group = names.get(..depth).unwrap_or_default().join("/");
            if self.groups.insert(group.clone()) {
                let made = root.create_group(&group).map_err(|error| failed(&self.name, &error))?;
                for (key, value) in group_attributes(false) {
                    made.set_attr(key, value).map_err(|error| failed(&self.name, &error))?;
                }
            }
        }
        Ok(())
    }

    /// Completes the file. All tables must be finished.
    pub fn close(self) -> Result<()> {
        let Self { file, name, path, large, .. } = self;
        file.commit().and_then(|_| file.close()).map_err(|error| failed(&name, &error))?;
        large::repair(&path, &large)
    }
}

/// A table of a [`TableFile`] that grows. Rows of 64 KiB to 16 MiB are kept and written in one piece at the end.
pub struct TableRows {
    place: String,
    target: Target,
    chunk: usize,
    row_bytes: usize,
    waiting: Vec<u8>,
    rows: u64,
}

/// Where rows go.
enum Target {
    Growing(Dataset),
    Piece { root: Group, path: String, record: Datatype, attributes: Vec<(String, Attribute)> },
}

impl TableRows {
    /// Appends rows, given as bytes in the order of the columns.
    pub fn push(&mut self, rows: &[u8]) -> Result<()> {
        self.waiting.extend_from_slice(rows);
        let ready = self.waiting.len() / self.chunk.max(1) * self.chunk;
        self.flush(ready)
    }

    /// Appends the rows of a batch, whose schema gave the columns ([`members_of`]).
    pub fn push_batch(&mut self, records: &RecordBatch) -> Result<()> {
        let records = filled(&self.place, self.rows, records)?;
        self.push(&rows_of(records.columns(), records.num_rows()))
    }

    fn flush(&mut self, ready: usize) -> Result<()> {
        let Target::Growing(dataset) = &mut self.target else { return Ok(()) };
        if ready > 0 {
            let bytes = self.waiting.get(..ready).unwrap_or_default();
            dataset.append_raw(bytes).map_err(|error| failed(&self.place, &error))?;
            self.rows += (ready / self.row_bytes.max(1)) as u64;
            self.waiting.drain(..ready);
        }
        Ok(())
    }

    /// Completes the table; returns the number of rows.
    pub fn finish(mut self) -> Result<u64> {
        if !self.waiting.len().is_multiple_of(self.row_bytes.max(1)) {
            return Err(malformed(&self.place, "the last row is not whole"));
        }
        self.flush(self.waiting.len())?;
        let wrong = |error| failed(&self.place, &error);
        match self.target {
            Target::Growing(mut dataset) => {
                dataset.set_attr("NROWS", Attribute::I64(self.rows as i64)).map_err(wrong)?;
                Ok(self.rows)
            }
            Target::Piece { root, path, record, attributes } => {
                let rows = (self.waiting.len() / self.row_bytes.max(1)) as u64;
                let made = root.create_dataset(&path, |dataset| {
                    dataset.with_raw_data(record, self.waiting, rows).with_shape(&[rows]);
                    attributes.iter().for_each(|(name, value)| {
                        dataset.set_attr(name, value.clone());
                    });
                    dataset.set_attr("NROWS", Attribute::I64(rows as i64));
                });
                made.map(|_| rows).map_err(wrong)
            }
        }
    }
}

/// A table of records in a file.
pub struct StoredTable {
    /// Its path, without a slash in front.
    pub path: String,
    /// Its columns, which stand without gaps.
    pub members: Vec<Member>,
    /// Its attributes by name, but those that tell the columns' names and the number of rows.
    pub attributes: Vec<(String, Attribute)>,
    rows: RowReader,
}

impl StoredTable {
    /// All tables of records in the file at `path`, sorted by their paths.
    pub fn all(path: &Path) -> Result<Vec<Self>> {
        let file = path.display().to_string();
        let opened = super::open(path)?;
        let mut paths = Vec::new();
        search(&file, &opened.root(), "", &mut Walk::default(), &mut paths)?;
        paths.sort();
        paths.iter().map(|table| Self::of(path, &opened, table)).collect()
    }

    /// The table at `table` in the file at `path`.
    pub fn open(path: &Path, table: &str) -> Result<Self> {
        Self::of(path, &super::open(path)?, table.trim_matches('/'))
    }

    fn of(path: &Path, opened: &File, table: &str) -> Result<Self> {
        let place = format!("{}:{table}", path.display());
        let wrong = |error| failed(&place, &error);
        let dataset = opened.dataset(table).map_err(wrong)?;
        let Datatype::Compound { members: stored, .. } = dataset.datatype().map_err(wrong)? else {
            return Err(malformed(&place, "is no table of records"));
        };
        let mut members: Vec<Member> = Vec::with_capacity(stored.len());
        for member in &stored {
            let (mut base, mut shape) = (&member.datatype, Vec::new());
            while let Datatype::Array { base_type, dimensions } = base {
                shape.extend(dimensions.iter().copied());
                base = base_type;
            }
            let gap = member.byte_offset != row_bytes(&members) as u64;
            let value = Value::of(base).filter(|_| !gap).ok_or_else(|| {
                let message = format!("the column '{}' has a form that is not read", member.name);
                Error::Unsupported { file: place.clone(), message }
            })?;
            members.push(Member { name: member.name.clone(), value, shape });
        }
        let mut attributes: Vec<(String, Attribute)> = dataset.attrs().map_err(wrong)?.into_iter().collect();
        let structural = |name: &str| {
            let numbered = name.strip_prefix("FIELD_").and_then(|rest| rest.split_once('_'));
            ["CLASS", "VERSION", "NROWS"].contains(&name)
                || numbered
                    .is_some_and(|(number, kind)| number.parse::<u32>().is_ok() && ["NAME", "FILL"].contains(&kind))
        };
        attributes.retain(|(name, _)| !structural(name));
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        let rows = RowReader::new(path, &place, dataset)?;
        if rows.row_bytes() != row_bytes(&members) {
            return Err(malformed(&place, "its records have gaps"));
        }
        Ok(Self { path: table.to_owned(), members, attributes, rows })
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows.rows()
    }

    /// The bytes of `count` rows from row `start` on.
    pub fn read(&mut self, start: u64, count: u64) -> Result<Vec<u8>> {
        self.rows.read(start, count)
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.rows.row_bytes()
    }

    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        text(value)
    }
}

/// The texts of an attribute of the file itself, by name.
pub fn file_texts(path: &Path) -> Result<Vec<(String, String)>> {
    let file = path.display().to_string();
    let attributes = super::open(path)?.root().attrs().map_err(|error| failed(&file, &error))?;
    let mut found: Vec<(String, String)> =
        attributes.iter().filter_map(|(name, value)| Some((name.clone(), text(Some(value))?.to_owned()))).collect();
    found.sort();
    Ok(found)
}

fn search(file: &str, group: &Group, path: &str, walk: &mut Walk, found: &mut Vec<String>) -> Result<()> {
    let here = place(file, path);
    let wrong = |error| failed(&here, &error);
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    let (datasets, groups) = walk.children(&here, group)?;
    for name in datasets {
        let dataset = group.dataset(&name).map_err(wrong)?;
        if matches!(dataset.datatype(), Ok(Datatype::Compound { .. })) {
            found.push(join(&name));
        }
    }
    for name in &groups {
        let inner = group.group(name).map_err(wrong)?;
        walk.deeper(|walk| search(file, &inner, &join(name), walk, found))?;
    }
    Ok(())
}
