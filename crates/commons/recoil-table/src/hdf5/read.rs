//! Reading a table batch after batch.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{Field, SchemaRef};

use super::layout::{Part, Table, listed, place, tables, text};
use super::{COLUMNS, failed, malformed};
use crate::address::Address;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::record::FieldLayout;
use crate::stream::{BatchReader, ReadOptions};
use crate::types::{DOC, PROVENANCE, UNIT, project, schema_of};

/// A table of an HDF5 file read batch after batch.
pub struct Hdf5Reader {
    file: Arc<str>,
    schema: SchemaRef,
    parts: Vec<Part>,
    /// For each column, its part and the place in it.
    columns: Vec<(usize, FieldLayout)>,
    next_row: u64,
    end: u64,
    batch_rows: u64,
    provenance: Option<String>,
    skipped: Vec<String>,
}

impl Hdf5Reader {
    /// Opens the table at `address`.
    pub fn open(address: &Address, options: &ReadOptions) -> Result<Self> {
        let path = address.path.display().to_string();
        let opened = super::open(&address.path)?;
        let name = match &address.member {
            Some(name) => name.trim_matches('/').to_owned(),
            None => only(&path, tables(&path, &opened)?)?,
        };
        let mut table = Table::find(&path, &opened, &name)?;
        table.unpack(&address.path, &path)?;
        let file: Arc<str> = place(&path, &name).into();
        let attributes = match table.parts.as_slice() {
            [only] => only.dataset.attrs().map_err(|error| failed(&file, &error))?,
            _ => HashMap::new(),
        };
        let known = text(attributes.get(COLUMNS)).and_then(|text| serde_json::from_str(text).ok());
        let known: BTreeMap<String, HashMap<String, String>> = known.unwrap_or_default();
        let provenance = text(attributes.get(PROVENANCE)).map(str::to_owned).or_else(|| {
            let attributes = opened.root().attrs().ok()?;
            text(attributes.get(PROVENANCE)).map(str::to_owned)
        });
        let mut fields = Vec::with_capacity(table.columns.len());
        for (name, part, layout) in &table.columns {
            let is_text = table.parts.get(*part).is_some_and(|part| part.text);
            let data_type = if is_text { Ok(arrow_schema::DataType::Utf8) } else { layout.data_type() };
            let field = Field::new(name, data_type.map_err(|message| malformed(&file, message))?, false);
            let metadata = known.get(name).into_iter().flatten().filter(|(key, _)| *key == UNIT || *key == DOC);
            fields.push(field.with_metadata(metadata.map(|(key, text)| (key.clone(), text.clone())).collect()));
        }
        let whole = schema_of(fields);
        let wanted = project(&file, &whole, options.columns.as_deref())?;
        let schema = schema_of(wanted.iter().map(|index| whole.field(*index).clone()));
        let columns: Vec<(usize, FieldLayout)> =
            wanted.iter().filter_map(|index| table.columns.get(*index)).map(|(_, p, f)| (*p, f.clone())).collect();
        let used = |index: usize| columns.iter().any(|(part, _)| *part == index);
        let row_bytes: usize =
            table.parts.iter().enumerate().filter(|(index, _)| used(*index)).map(|(_, part)| part.stride).sum();
        let batch_rows = options.rows_of_size(row_bytes as u64) as u64;
        let next_row = options.rows.start.min(table.rows);
        let end = options.rows.end.min(table.rows).max(next_row);
        let skipped = if options.columns.is_some() { Vec::new() } else { table.skipped };
        Ok(Self { file, schema, parts: table.parts, columns, next_row, end, batch_rows, provenance, skipped })
    }

    fn column(&self, raw: &BTreeMap<usize, Vec<u8>>, part: usize, field: &FieldLayout, count: u64) -> Result<ArrayRef> {
        let rows = usize::try_from(count).unwrap_or(usize::MAX);
        let Some(source) = self.parts.get(part) else { return Err(malformed(&self.file, "a column of no data set")) };
        if source.text {
            let texts = source.dataset.read_string_rows(self.next_row, count);
            let texts = texts.map_err(|error| failed(&self.file, &error))?;
            return Ok(Arc::new(StringArray::from(texts)));
        }
        let data = raw.get(&part).map(Vec::as_slice).unwrap_or_default();
        field.column(data, source.stride, rows).map_err(|message| malformed(&self.file, message))
    }
}

/// The table that is meant when none is named: the one that there is, or the columns that stand in the file's own group.
fn only(path: &str, names: Vec<String>) -> Result<String> {
    match names.as_slice() {
        [one] => Ok(one.clone()),
        several if several.iter().any(String::is_empty) => Ok(String::new()),
        _ => Err(Error::WhichMember { file: path.to_owned(), what: "table", available: listed(&names) }),
    }
}

impl BatchReader for Hdf5Reader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.end - self.next_row)
    }

    fn provenance(&self) -> Option<&str> {
        self.provenance.as_deref()
    }

    fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let count = self.batch_rows.min(self.end - self.next_row);
        if count == 0 {
            return Ok(None);
        }
        let rows = usize::try_from(count).unwrap_or(usize::MAX);
        let mut raw: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for (part, _) in &self.columns {
            let Some(source) = self.parts.get_mut(*part).filter(|source| !source.text && !raw.contains_key(part))
            else {
                continue;
            };
            let bytes = match &mut source.packed {
                Some(packed) => packed.read(&self.file, self.next_row, count, source.stride)?,
                None => {
                    let bytes = source.dataset.read_raw_rows(self.next_row, count);
                    bytes.map_err(|error| failed(&self.file, &error))?
                }
            };
            if bytes.len() != rows.saturating_mul(source.stride) {
                let message = format!("{} bytes of {count} rows are there, {} promised", bytes.len(), source.stride);
                return Err(malformed(&self.file, message));
            }
            raw.insert(*part, bytes);
        }
        let columns: Result<Vec<ArrayRef>> =
            self.columns.iter().map(|(part, field)| self.column(&raw, *part, field, count)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let records = RecordBatch::try_new_with_options(self.schema.clone(), columns?, &options);
        let records = records.map_err(|error| malformed(&self.file, error.to_string()))?;
        let batch = Batch::new(records, self.file.clone(), self.next_row);
        self.next_row += count;
        Ok(Some(batch))
    }
}
