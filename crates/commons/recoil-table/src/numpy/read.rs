//! Reading arrays batch after batch.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, SchemaRef};

use super::header::Header;
use super::zip::{Member, members};
use super::{OFFSETS, VALUE, malformed};
use crate::address::{Address, Format};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::record::{Element, FieldLayout};
use crate::stream::{BatchReader, ReadOptions};
use crate::types::{UNIT, element, list_of, project, schema_of};

/// The arrays of a `.npy` or `.npz` file read batch after batch.
pub struct NumpyReader {
    file: Arc<str>,
    schema: SchemaRef,
    streams: Vec<Stream>,
    /// For each column, the stream and the field in it.
    columns: Vec<(usize, usize)>,
    next_row: u64,
    end: u64,
    batch_rows: u64,
}

/// An array whose rows are read in turn.
struct Stream {
    place: String,
    header: Header,
    reader: Box<dyn Read + Send>,
    /// For a list column: the array of its offsets, and the offset that was read last.
    lists: Option<(Box<Stream>, i64)>,
}

impl NumpyReader {
    /// Opens the arrays at `address`: the one that it names, or all.
    pub fn open(address: &Address, options: &ReadOptions) -> Result<Self> {
        let file: Arc<str> = address.to_string().into();
        let named = match address.format {
            Format::Npz => archive(address)?,
            _ => vec![(VALUE.to_owned(), Stream::of_file(address)?)],
        };
        let rows = common_rows(&file, &named)?;
        let first = options.rows.start.min(rows);
        let end = options.rows.end.min(rows).max(first);

        let single = named.len() == 1 && address.format == Format::Npy;
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (index, (name, stream)) in named.iter().enumerate() {
            for (place, layout) in stream.header.layout.fields.iter().enumerate() {
                let name = match (layout.name.as_str(), single) {
                    ("", _) => name.clone(),
                    (own, true) => own.to_owned(),
                    (own, false) => format!("{name}.{own}"),
                };
                fields.push(stream.field(&name, layout)?);
                columns.push((index, place));
            }
        }
        let whole = schema_of(fields);
        let wanted = project(&file, &whole, options.columns.as_deref())?;
        let schema = schema_of(wanted.iter().map(|index| whole.field(*index).clone()));
        let columns: Vec<_> = wanted.iter().filter_map(|index| columns.get(*index).copied()).collect();
        let mut streams: Vec<Stream> = named.into_iter().map(|(_, stream)| stream).collect();
        let used = |index: usize| columns.iter().any(|(stream, _)| *stream == index);
        let mut row_bytes = 0_u64;
        for (_, stream) in streams.iter_mut().enumerate().filter(|(index, _)| used(*index)) {
            stream.skip_rows(first)?;
            row_bytes += stream.row_bytes();
        }
        let batch_rows = options.rows_of_size(row_bytes) as u64;
        Ok(Self { file, schema, streams, columns, next_row: first, end, batch_rows })
    }
}

impl BatchReader for NumpyReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.end - self.next_row)
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let count = self.batch_rows.min(self.end - self.next_row);
        if count == 0 {
            return Ok(None);
        }
        let mut arrays: Vec<Vec<ArrayRef>> = Vec::with_capacity(self.streams.len());
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let used = self.columns.iter().any(|(stream, _)| *stream == index);
            arrays.push(if used { stream.rows(count)? } else { Vec::new() });
        }
        let columns = self.columns.iter().filter_map(|(stream, field)| arrays.get(*stream)?.get(*field).cloned());
        let options = RecordBatchOptions::new().with_row_count(usize::try_from(count).ok());
        let records = RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options);
        let records = records.map_err(|error| malformed(&self.file, error.to_string()))?;
        let batch = Batch::new(records, self.file.clone(), self.next_row);
        self.next_row += count;
        Ok(Some(batch))
    }
}

/// The columns of an archive, arrays of offsets put together with their elements.
fn archive(address: &Address) -> Result<Vec<(String, Stream)>> {
    let all = members(&address.path)?;
    let offsets_of = |name: &str| all.iter().find(|member| member.name.strip_suffix(OFFSETS) == Some(name));
    let elements_of = |member: &Member| {
        let name = member.name.strip_suffix(OFFSETS)?;
        all.iter().find(|other| other.name == name)
    };
    let wanted = |member: &&Member| match &address.member {
        Some(name) => member.name == *name,
        None => elements_of(member).is_none(),
    };
    let mut named = Vec::new();
    for member in all.iter().filter(wanted) {
        let stream = Stream::of_member(address, member, offsets_of(&member.name))?;
        named.push((member.name.clone(), stream));
    }
    if named.is_empty() {
        let names: Vec<&str> = all.iter().map(|member| member.name.as_str()).collect();
        return Err(Error::WhichMember {
            file: address.path.display().to_string(),
            what: "array",
            available: if names.is_empty() { "none".to_owned() } else { names.join(", ") },
        });
    }
    Ok(named)
}

/// The number of rows that all arrays have.
fn common_rows(file: &str, named: &[(String, Stream)]) -> Result<u64> {
    let rows = |(_, stream): &(String, Stream)| stream.row_count();
    let Some(first) = named.first().map(rows) else { return Ok(0) };
    if named.iter().all(|stream| rows(stream) == first) {
        return Ok(first);
    }
    let available: Vec<String> = named.iter().map(|s| format!("{} ({} rows)", s.0, rows(s))).collect();
    Err(Error::WhichMember { file: file.to_owned(), what: "array", available: available.join(", ") })
}

impl Stream {
    fn of_file(address: &Address) -> Result<Self> {
        let place = address.path.display().to_string();
        let io = |error| Error::io(&place, error);
        let mut opened = File::open(&address.path).map_err(io)?;
        let header = Header::read(&place, &mut opened)?;
        let (found, expected) = (opened.metadata().map_err(io)?.len(), header.payload(&place)?);
        if found.saturating_sub(header.length) < expected {
            return Err(malformed(
                &place,
                format!("{expected} bytes of values promised, {} there", found.saturating_sub(header.length)),
            ));
        }
        opened.seek(SeekFrom::Start(header.length)).map_err(io)?;
        Self { place, header, reader: Box::new(BufReader::new(opened)), lists: None }.in_row_order()
    }

    fn of_member(address: &Address, member: &Member, offsets: Option<&Member>) -> Result<Self> {
        let place = format!("{}:{}", address.path.display(), member.name);
        let mut reader = member.open(&address.path)?;
        let header = Header::read(&place, &mut reader)?;
        let mut stream = Self { place, header, reader: Box::new(reader), lists: None }.in_row_order()?;
        if let Some(offsets) = offsets {
            let mut offsets = Self::of_member(address, offsets, None)?;
            let layout = &offsets.header.layout.fields;
            let is_integer = matches!(layout.as_slice(), [f] if f.shape.is_empty() && matches!(f.element, Element::Int(_) | Element::Uint(_)));
            let is_plain = matches!(stream.header.layout.fields.as_slice(), [f] if f.name.is_empty());
            if !is_integer || !is_plain || offsets.header.rows == 0 {
                return Err(malformed(&offsets.place, "offsets must be one axis of integers, one more than rows"));
            }
            let first = offsets.integers(1)?;
            if first != [0] {
                return Err(malformed(&offsets.place, "offsets must begin at 0"));
            }
            stream.lists = Some((Box::new(offsets), 0));
        }
        Ok(stream)
    }

    /// An array in Fortran order, read whole and turned to one row after the other.
    fn in_row_order(mut self) -> Result<Self> {
        if !self.header.fortran {
            return Ok(self);
        }
        let [field] = self.header.layout.fields.as_slice() else {
            let message = "a structured array in Fortran order is not read".to_owned();
            return Err(Error::Unsupported { file: self.place, message });
        };
        let size = field.element.size();
        let expected = self.header.payload(&self.place)?;
        let mut stored = Vec::new();
        self.reader.by_ref().take(expected).read_to_end(&mut stored).map_err(|error| Error::io(&self.place, error))?;
        if stored.len() as u64 != expected {
            return Err(malformed(&self.place, "the values are cut off"));
        }
        let axes: Vec<usize> = self.header.shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
        let mut turned = Vec::with_capacity(stored.len());
        let total = stored.len().checked_div(size).unwrap_or(0);
        for index in 0..total {
            // the place of the element with this row-major number when the first axis runs fastest
            let (mut rest, mut coordinates) = (index, Vec::with_capacity(axes.len()));
            for axis in axes.iter().rev() {
                coordinates.push(rest % axis);
                rest /= axis;
            }
            let place = axes.iter().rev().zip(&coordinates).fold(0, |place, (axis, at)| place * axis + at);
            turned.extend_from_slice(stored.get(place * size..(place + 1) * size).unwrap_or_default());
        }
        self.reader = Box::new(std::io::Cursor::new(turned));
        Ok(self)
    }

    fn row_count(&self) -> u64 {
        self.lists.as_ref().map_or(self.header.rows, |(offsets, _)| offsets.header.rows - 1)
    }

    /// Bytes that a row takes, on average for lists.
    fn row_bytes(&self) -> u64 {
        let element = self.header.layout.stride as u64;
        match &self.lists {
            None => element,
            Some(_) => 4 + (element.saturating_mul(self.header.rows)).div_ceil(self.row_count().max(1)),
        }
    }

    fn field(&self, name: &str, layout: &FieldLayout) -> Result<Field> {
        let mut data_type = layout.data_type().map_err(|message| malformed(&self.place, message))?;
        if self.lists.is_some() {
            data_type = list_of(data_type);
        }
        let field = Field::new(name, data_type, false);
        Ok(match &layout.unit {
            Some(unit) => field.with_metadata([(UNIT.to_owned(), unit.clone())].into()),
            None => field,
        })
    }

    fn skip_rows(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let some = left.min(65_536);
            if self.lists.is_some() {
                let (offsets, _) = self.offsets(some)?;
                let elements = offsets.last().copied().unwrap_or(0);
                self.skip_bytes(elements as u64 * self.header.layout.stride as u64)?;
            } else {
                self.skip_bytes(some * self.header.layout.stride as u64)?;
            }
            left -= some;
        }
        Ok(())
    }

    fn skip_bytes(&mut self, count: u64) -> Result<()> {
        let skipped = std::io::copy(&mut self.reader.by_ref().take(count), &mut std::io::sink());
        match skipped.map_err(|error| self.failed(error))? {
            all if all == count => Ok(()),
            _ => Err(malformed(&self.place, "the values are cut off")),
        }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                malformed(&self.place, format!("packed data: {error}"))
            }
            _ => Error::io(&self.place, error),
        }
    }

    /// The columns of the next `count` rows.
    fn rows(&mut self, count: u64) -> Result<Vec<ArrayRef>> {
        if self.lists.is_none() {
            return self.elements(count);
        }
        let (offsets, total) = self.offsets(count)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let mut lists: Vec<ArrayRef> = Vec::new();
        for values in self.elements(total)? {
            let list = ListArray::try_new(element(values.data_type().clone()), offsets.clone(), values, None);
            lists.push(Arc::new(list.map_err(|error| malformed(&self.place, error.to_string()))?));
        }
        Ok(lists)
    }

    /// Offsets from 0 of the next `count` lists, and how many elements they count.
    fn offsets(&mut self, count: u64) -> Result<(Vec<i32>, u64)> {
        let rows = self.header.rows;
        let Some((stream, last)) = &mut self.lists else { return Ok((vec![0], 0)) };
        let read = stream.integers(count)?;
        let base = *last;
        let mut offsets = Vec::with_capacity(read.len() + 1);
        offsets.push(0);
        for offset in read {
            let ascends = offset >= *last && u64::try_from(offset).is_ok_and(|offset| offset <= rows);
            let local = i32::try_from(offset - base).ok().filter(|_| ascends);
            offsets.push(local.ok_or_else(|| malformed(&stream.place, format!("offset {offset} is out of order")))?);
            *last = offset;
        }
        Ok((offsets, (*last - base) as u64))
    }

    /// The next `count` elements of an integer array.
    fn integers(&mut self, count: u64) -> Result<Vec<i64>> {
        let read = self.elements(count)?;
        let wide = read.first().and_then(|array| arrow_cast::cast(array, &DataType::Int64).ok());
        let wide = wide.ok_or_else(|| malformed(&self.place, "integers were expected"))?;
        Ok(wide.as_primitive::<Int64Type>().iter().map(|value| value.unwrap_or(-1)).collect())
    }

    fn elements(&mut self, count: u64) -> Result<Vec<ArrayRef>> {
        let stride = self.header.layout.stride;
        let bytes = count.checked_mul(stride as u64).ok_or_else(|| malformed(&self.place, "too many values"))?;
        let mut data = Vec::new();
        self.reader.by_ref().take(bytes).read_to_end(&mut data).map_err(|error| self.failed(error))?;
        if data.len() as u64 != bytes {
            return Err(malformed(&self.place, "the values are cut off"));
        }
        let rows = usize::try_from(count).unwrap_or(usize::MAX);
        let fields = self.header.layout.fields.iter();
        fields
            .map(|field| field.column(&data, stride, rows).map_err(|message| malformed(&self.place, message)))
            .collect()
    }
}
