//! pandas' `fixed` format: a group with the names of the columns, labels of the rows, and a matrix per type.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder, Group, GroupBuilder};

use super::layout::{Table, text};
use super::write::{element_type, group_attributes};
use super::{failed, malformed};
use crate::error::{Error, Result};
use crate::filled::filled;
use crate::record::{FieldLayout, bytes_of, interleave};
use crate::types::{PROVENANCE, type_name};

/// Rows of a chunk.
const CHUNK_ROWS: u64 = 16_384;

/// A table that is in memory, with the key under which pandas finds it.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Key, such as `predictions`.
    pub key: &'a str,
    /// Rows; columns are numbers or truth values.
    pub records: &'a RecordBatch,
}

/// Writes `frames` to a file at `path` in the format that `pandas.DataFrame.to_hdf` writes (`fixed`, packed by zlib),
/// with a provenance record as an attribute. A missing floating-point value becomes NaN.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{ArrayRef, Float64Array, RecordBatch};
/// use recoil_table::hdf5::{Frame, write_frames};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("scores.h5");
/// let node_tau: ArrayRef = Arc::new(Float64Array::from(vec![0.9, 0.2]));
/// let records = RecordBatch::try_from_iter([("node_tau", node_tau)])?;
/// write_frames(&path, &[Frame { key: "predictions", records: &records }], None)?;
///
/// let address = format!("{}:predictions", path.display());
/// let read = recoil_table::open(&address, &Default::default())?.read_all()?;
/// assert_eq!(read.scalar::<f64>("node_tau")?, [0.9, 0.2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_frames(path: &Path, frames: &[Frame<'_>], provenance: Option<&str>) -> Result<()> {
    let file = path.display().to_string();
    let mut builder = FileBuilder::new();
    for (name, value) in group_attributes(true) {
        builder.set_attr(name, value);
    }
    if let Some(record) = provenance {
        builder.set_attr(PROVENANCE, AttrValue::VarLenString(record.to_owned()));
    }
    for frame in frames {
        let mut group = builder.create_group(frame.key);
        fill(&format!("{file}:{}", frame.key), &mut group, frame.records)?;
        builder.add_group(group.finish());
    }
    builder.write(path).map_err(|error| failed(&file, &error))?;
    let written = std::fs::File::open(path).and_then(|file| file.sync_all());
    written.map_err(|error| Error::io(&file, error))
}

fn fill(place: &str, group: &mut GroupBuilder, records: &RecordBatch) -> Result<()> {
    let records = filled(place, 0, records)?;
    let rows = records.num_rows();
    let schema = records.schema();
    // columns of one type stand together, types in the order in which they are met
    let mut blocks: Vec<(DataType, Vec<usize>)> = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        match blocks.iter_mut().find(|(data_type, _)| data_type == field.data_type()) {
            Some((_, columns)) => columns.push(index),
            None => blocks.push((field.data_type().clone(), vec![index])),
        }
    }
    let text = |text: &str| AttrValue::AsciiString(text.to_owned());
    for (name, value) in group_attributes(false) {
        group.set_attr(name, value);
    }
    group.set_attr("pandas_type", text("frame"));
    group.set_attr("encoding", text("UTF-8"));
    group.set_attr("errors", text("strict"));
    group.set_attr("ndim", AttrValue::I64(2));
    group.set_attr("nblocks", AttrValue::I64(blocks.len() as i64));
    group.set_attr("axis0_variety", text("regular"));
    group.set_attr("axis1_variety", text("regular"));
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    labels(place, group.create_dataset("axis0"), &names)?;
    let index: Vec<i64> = (0..rows as i64).collect();
    let axis1 = array(group.create_dataset("axis1").with_i64_data(&index), "CARRAY");
    axis1.set_attr("kind", text("integer")).set_attr("name", text("N."));
    packed(axis1, rows, &[]);
    for (number, (data_type, columns)) in blocks.iter().enumerate() {
        group.set_attr(&format!("block{number}_items_variety"), text("regular"));
        let items: Vec<&str> = columns.iter().filter_map(|index| names.get(*index).copied()).collect();
        labels(place, group.create_dataset(&format!("block{number}_items")), &items)?;
        let element = element_type(data_type).ok_or_else(|| Error::UnsupportedType {
            file: place.to_owned(),
            column: items.first().copied().unwrap_or_default().to_owned(),
            found: type_name(data_type),
        })?;
        let values: Vec<Vec<u8>> = columns.iter().map(|index| bytes_of(records.column(*index))).collect();
        let width = columns.len() as u64;
        let block = group.create_dataset(&format!("block{number}_values"));
        block.with_raw_data(element, interleave(&values, rows), rows as u64 * width).with_shape(&[rows as u64, width]);
        packed(array(block, "CARRAY"), rows, &[width]);
    }
    Ok(())
}

/// Marks a data set as an array of PyTables, as pandas lays it out: first axis of the matrix counts rows.
fn array<'a>(dataset: &'a mut DatasetBuilder, class: &str) -> &'a mut DatasetBuilder {
    let text = |text: &str| AttrValue::AsciiString(text.to_owned());
    dataset
        .set_attr("CLASS", text(class))
        .set_attr("VERSION", text("1.1"))
        .set_attr("TITLE", text(""))
        .set_attr("transposed", AttrValue::U8(1))
}

fn packed(dataset: &mut DatasetBuilder, rows: usize, inner: &[u64]) {
    if rows > 0 {
        let chunk: Vec<u64> = std::iter::once(CHUNK_ROWS.min(rows as u64)).chain(inner.iter().copied()).collect();
        dataset.with_chunks(&chunk).with_shuffle().with_deflate(1);
    }
}

fn labels(place: &str, dataset: &mut DatasetBuilder, names: &[&str]) -> Result<()> {
    let text = |text: &str| AttrValue::AsciiString(text.to_owned());
    let width = names.iter().map(|name| name.len()).max().unwrap_or(1).max(1);
    let width = u32::try_from(width).map_err(|_| malformed(place, "a name beyond all memory"))?;
    let written = if names.iter().all(|name| name.is_ascii()) {
        dataset.with_ascii_strings_sized(names, width)
    } else {
        dataset.with_strings_sized(names, width)
    };
    written.map_err(|error| malformed(place, error.to_string()))?;
    array(dataset, "ARRAY").set_attr("kind", text("string")).set_attr("name", text("N.")).set_attr("nan_rep", text(""));
    Ok(())
}

/// The table of a pandas group, columns in the order of the frame.
pub(super) fn frame(here: &str, group: &Group) -> Result<Table> {
    let wrong = |error| failed(here, &error);
    let attributes = group.attrs().map_err(wrong)?;
    let blocks = attributes.get("nblocks").and_then(AttrValue::as_i64);
    let blocks = blocks.ok_or_else(|| malformed(here, "the frame does not tell its number of blocks"))?;
    let order = names(here, group, "axis0")?;
    let rows = group.dataset("axis1").and_then(|axis| axis.shape()).map_err(wrong)?.first().copied().unwrap_or(0);
    let mut table = Table { kind: "pandas frame", rows, parts: Vec::new(), columns: Vec::new(), skipped: Vec::new() };
    let mut found: HashMap<String, (usize, FieldLayout)> = HashMap::new();
    for block in 0..blocks {
        let items = names(here, group, &format!("block{block}_items"))?;
        let values = group.dataset(&format!("block{block}_values")).map_err(wrong)?;
        let attributes = values.attrs().map_err(wrong)?;
        let shape = values.shape().map_err(wrong)?;
        if attributes.contains_key("shape") {
            // pandas stores something else in place of an array without elements
            table.rows = 0;
            table.skipped.extend(items.iter().map(|name| format!("{name} (no rows)")));
            continue;
        }
        if text(attributes.get("CLASS")) == Some("VLARRAY") {
            table.skipped.extend(items.iter().map(|name| format!("{name} (Python objects)")));
            continue;
        }
        if shape != [rows, items.len() as u64] {
            let message =
                format!("block {block} has the shape {shape:?}, {rows} rows of {} columns named", items.len());
            return Err(malformed(here, message));
        }
        table.add(here, values, "")?;
        if let Some((_, part, field)) = table.columns.pop() {
            for (index, name) in items.into_iter().enumerate() {
                let offset = index * field.element.size();
                found.insert(name.clone(), (part, FieldLayout { name, offset, shape: Vec::new(), ..field.clone() }));
            }
        }
    }
    for name in order {
        if let Some((part, field)) = found.remove(&name) {
            table.columns.push((name, part, field));
        }
    }
    Ok(table)
}

fn names(here: &str, group: &Group, dataset: &str) -> Result<Vec<String>> {
    let found = group.dataset(dataset).map_err(|error| failed(here, &error))?;
    if let Ok(numbers) = found.read_i64() {
        return Ok(numbers.iter().map(i64::to_string).collect());
    }
    let names = found.read_string().map_err(|error| failed(here, &error))?;
    Ok(names.into_iter().map(|name| name.trim_end_matches('\0').to_owned()).collect())
}
