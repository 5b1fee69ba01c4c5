//! A run of table rows together with where it comes from, and typed access to its columns.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use crate::error::{Error, Result};
use crate::jagged::{Jagged, Nested, local_offsets};
use crate::number::Number;
use crate::types::{fixed_of, list_of, position, type_name};

/// Consecutive rows of a table.
///
/// Columns come out as slices: `scalar` and `list` borrow a column of exactly the asked type, `scalar_as` and
/// `list_as` convert and refuse to change a value. Every error names file, column and row.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// let event: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
/// let batch = recoil_table::Batch::from(RecordBatch::try_from_iter([("event", event)])?);
/// assert_eq!(batch.scalar::<i64>("event")?, [7, 8]);
/// assert_eq!(*batch.scalar_as::<u32>("event")?, [7, 8]);
/// assert_eq!(
///     batch.scalar::<f32>("event").unwrap_err().to_string(),
///     "memory: column 'event' is int64, expected float32"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    records: RecordBatch,
    file: Arc<str>,
    first_row: u64,
}

impl From<RecordBatch> for Batch {
    fn from(records: RecordBatch) -> Self {
        Self::new(records, "memory", 0)
    }
}

impl Batch {
    /// Rows `first_row..` of `file`.
    pub fn new(records: RecordBatch, file: impl Into<Arc<str>>, first_row: u64) -> Self {
        Self { records, file: file.into(), first_row }
    }

    /// The same place in the file with other records.
    pub fn with_records(&self, records: RecordBatch) -> Self {
        Self { records, file: self.file.clone(), first_row: self.first_row }
    }

    /// The Arrow batch.
    pub fn records(&self) -> &RecordBatch {
        &self.records
    }

    /// The Arrow batch, by value.
    pub fn into_records(self) -> RecordBatch {
        self.records
    }

    /// File (and tree) that the rows are from.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Row number in the file of the batch's first row.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.records.num_rows()
    }

    /// Columns and their metadata.
    pub fn schema(&self) -> SchemaRef {
        self.records.schema()
    }

    /// Whether there is a column `name`.
    pub fn has(&self, name: &str) -> bool {
        self.records.schema_ref().column_with_name(name).is_some()
    }

    /// The column `name` as Arrow array.
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        let index = position(&self.file, self.records.schema_ref(), name)?;
        Ok(self.records.column(index))
    }

    /// One number per row, the column being exactly of type `T` and free of nulls.
    pub fn scalar<T: Number>(&self, name: &str) -> Result<&[T]> {
        let column = self.column(name)?;
        self.exact::<T>(&Elements { name, array: column, range: 0..column.len(), wrap: &|kind| kind, row: &|row| row })
    }

    /// One number per row, converted to `T` where every value allows it.
    pub fn scalar_as<T: Number>(&self, name: &str) -> Result<Cow<'_, [T]>> {
        let column = self.column(name)?;
        self.convert::<T>(&Elements {
            name,
            array: column,
            range: 0..column.len(),
            wrap: &|kind| kind,
            row: &|row| row,
        })
    }

    /// A list of numbers per row, the elements being exactly of type `T` and free of nulls.
    pub fn list<T: Number>(&self, name: &str) -> Result<Jagged<'_, T>> {
        let list = self.list_column(name, list_of(T::Arrow::DATA_TYPE))?;
        let (offsets, range) = local_offsets(list, 0..list.len());
        let row = |index: usize| row_of(&offsets, index);
        let values = self.exact::<T>(&Elements { name, array: list.values(), range, wrap: &list_of, row: &row })?;
        Ok(Jagged::new(offsets, Cow::Borrowed(values)))
    }

    /// A list of numbers per row, the elements converted to `T` where every value allows it.
    pub fn list_as<T: Number>(&self, name: &str) -> Result<Jagged<'_, T>> {
        let list = self.list_column(name, list_of(T::Arrow::DATA_TYPE))?;
        let (offsets, range) = local_offsets(list, 0..list.len());
        let row = |index: usize| row_of(&offsets, index);
        let values = self.convert::<T>(&Elements { name, array: list.values(), range, wrap: &list_of, row: &row })?;
        Ok(Jagged::new(offsets, values))
    }

    /// A list of lists of numbers per row, the numbers converted to `T` where every value allows it.
    pub fn nested_as<T: Number>(&self, name: &str) -> Result<Nested<'_, T>> {
        let wrap = |kind| list_of(list_of(kind));
        let list = self.list_column(name, wrap(T::Arrow::DATA_TYPE))?;
        let (outer, range) = local_offsets(list, 0..list.len());
        let Some(lists) = list.values().as_list_opt::<i32>() else {
            return Err(self.unexpected(name, wrap(T::Arrow::DATA_TYPE)));
        };
        self.no_nulls(name, lists, &range, &|index| row_of(&outer, index))?;
        let (inner, range) = local_offsets(lists, range);
        let row = |index: usize| row_of(&outer, row_of(&inner, index));
        let values = self.convert::<T>(&Elements { name, array: lists.values(), range, wrap: &wrap, row: &row })?;
        Ok(Nested { outer, inner: Jagged::new(inner, values) })
    }

    /// `size` numbers per row, one row after the other, the elements being exactly of type `T`.
    pub fn fixed<T: Number>(&self, name: &str) -> Result<(usize, &[T])> {
        let column = self.column(name)?;
        let Some(list) = column.as_fixed_size_list_opt() else {
            return Err(self.unexpected(name, fixed_of(T::Arrow::DATA_TYPE, 0)));
        };
        self.no_nulls(name, list, &(0..list.len()), &|row| row)?;
        let size = usize::try_from(list.value_length()).unwrap_or(0);
        let start = list.offset() * size;
        let range = start..start + size * list.len();
        let wrap = |kind| fixed_of(kind, list.value_length());
        let row = |index: usize| index.checked_div(size).unwrap_or(0);
        let values = self.exact::<T>(&Elements { name, array: list.values(), range, wrap: &wrap, row: &row })?;
        Ok((size, values))
    }

    /// One string per row, free of nulls.
    pub fn strings(&self, name: &str) -> Result<&StringArray> {
        let column = self.column(name)?;
        let strings = column.as_string_opt::<i32>().ok_or_else(|| self.unexpected(name, DataType::Utf8))?;
        self.no_nulls(name, strings, &(0..strings.len()), &|row| row)?;
        Ok(strings)
    }

    /// One boolean per row, free of nulls.
    pub fn bools(&self, name: &str) -> Result<&BooleanArray> {
        let column = self.column(name)?;
        let bools = column.as_boolean_opt().ok_or_else(|| self.unexpected(name, DataType::Boolean))?;
        self.no_nulls(name, bools, &(0..bools.len()), &|row| row)?;
        Ok(bools)
    }

    /// Refuses NaN and infinity in the number or list column `name`.
    pub fn require_finite(&self, name: &str) -> Result<()> {
        let is_list = self.column(name)?.data_type().is_list();
        let (offsets, values) = if is_list {
            let lists = self.list_as::<f64>(name)?;
            (Some(lists.offsets), lists.values)
        } else {
            (None, self.scalar_as::<f64>(name)?)
        };
        let Some(index) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
        let row = offsets.map_or(index, |offsets| row_of(&offsets, index));
        let value = values.get(index).copied().unwrap_or(f64::NAN);
        Err(Error::NotFinite { file: self.file.to_string(), column: name.to_owned(), row: self.place(row), value })
    }

    /// Refuses list columns that differ in length anywhere: the columns of one collection.
    pub fn require_same_lengths(&self, names: &[&str]) -> Result<()> {
        let Some((first, others)) = names.split_first() else { return Ok(()) };
        let expected = self.any_list(first)?;
        let expected = local_offsets(expected, 0..expected.len()).0;
        for name in others {
            let found = self.any_list(name)?;
            let found = local_offsets(found, 0..found.len()).0;
            if found == expected {
                continue;
            }
            let pairs = found.windows(2).zip(expected.windows(2)).enumerate();
            for (row, (a, b)) in pairs {
                let (a, b) = (span(a), span(b));
                if a != b {
                    return Err(Error::Lengths {
                        file: self.file.to_string(),
                        column: (*name).to_owned(),
                        other: (*first).to_owned(),
                        row: self.place(row),
                        found: a,
                        expected: b,
                    });
                }
            }
        }
        Ok(())
    }

    /// The list column `name`, whatever its elements.
    pub(crate) fn any_list(&self, name: &str) -> Result<&ListArray> {
        self.list_column(name, list_of(DataType::Null))
    }

    fn list_column(&self, name: &str, expected: DataType) -> Result<&ListArray> {
        let list = self.column(name)?.as_list_opt::<i32>().ok_or_else(|| self.unexpected(name, expected))?;
        self.no_nulls(name, list, &(0..list.len()), &|row| row)?;
        Ok(list)
    }

    fn exact<'a, T: Number>(&self, elements: &Elements<'a, '_>) -> Result<&'a [T]> {
        let Elements { name, array, range, wrap, row } = elements;
        let Some(array) = array.as_primitive_opt::<T::Arrow>() else {
            return Err(self.unexpected(name, wrap(T::Arrow::DATA_TYPE)));
        };
        self.no_nulls(name, array, range, row)?;
        Ok(array.values().get(range.clone()).unwrap_or_default())
    }

    fn convert<'a, T: Number>(&self, elements: &Elements<'a, '_>) -> Result<Cow<'a, [T]>> {
        let Elements { name, array, range, wrap, row } = elements;
        if *array.data_type() == T::Arrow::DATA_TYPE {
            return self.exact(elements).map(Cow::Borrowed);
        }
        self.no_nulls(name, array, range, row)?;
        macro_rules! from {
            ($($arrow:ident),*) => {
                match array.data_type() {
                    $(kind if *kind == $arrow::DATA_TYPE => {
                        let values = array.as_primitive::<$arrow>().values();
                        self.convert_slice(name, values.get(range.clone()).unwrap_or_default(), row)
                    })*
                    DataType::Boolean => {
                        let values = array.as_boolean().values();
                        let values: Vec<u8> = range.clone().map(|index| u8::from(values.value(index))).collect();
                        self.convert_slice(name, &values, row)
                    }
                    _ => Err(self.unexpected(name, wrap(T::Arrow::DATA_TYPE))),
                }
            };
        }
        let values = from!(
            Int8Type,
            Int16Type,
            Int32Type,
            Int64Type,
            UInt8Type,
            UInt16Type,
            UInt32Type,
            UInt64Type,
            Float32Type,
            Float64Type
        )?;
        Ok(Cow::Owned(values))
    }

    fn convert_slice<S: Number, T: Number>(
        &self,
        name: &str,
        values: &[S],
        row: &dyn Fn(usize) -> usize,
    ) -> Result<Vec<T>> {
        let convert = |(index, value): (usize, &S)| {
            T::exactly(value.value()).ok_or_else(|| Error::Lossy {
                file: self.file.to_string(),
                column: name.to_owned(),
                row: self.place(row(index)),
                value: value.value().to_string(),
                expected: type_name(&T::Arrow::DATA_TYPE),
            })
        };
        values.iter().enumerate().map(convert).collect()
    }

    fn no_nulls(
        &self,
        name: &str,
        array: &dyn Array,
        range: &Range<usize>,
        row: &dyn Fn(usize) -> usize,
    ) -> Result<()> {
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(()) };
        let Some(index) = range.clone().position(|index| nulls.is_null(index)) else { return Ok(()) };
        Err(Error::Null { file: self.file.to_string(), column: name.to_owned(), row: self.place(row(index)) })
    }

    fn unexpected(&self, name: &str, expected: DataType) -> Error {
        let found = self.column(name).map_or_else(|_| "absent".to_owned(), |column| type_name(column.data_type()));
        let expected = match &expected {
            DataType::FixedSizeList(inner, 0) => format!("{}[N]", type_name(inner.data_type())),
            DataType::List(inner) if *inner.data_type() == DataType::Null => "a list".to_owned(),
            other => type_name(other),
        };
        Error::ColumnType { file: self.file.to_string(), column: name.to_owned(), expected, found }
    }

    /// Row number in the file of the batch's row `row`.
    pub(crate) fn place(&self, row: usize) -> u64 {
        self.first_row + row as u64
    }
}

/// Elements of a column: part of an array, how their type becomes the column's, and which row an element is in.
struct Elements<'a, 'c> {
    name: &'c str,
    array: &'a ArrayRef,
    range: Range<usize>,
    wrap: &'c dyn Fn(DataType) -> DataType,
    row: &'c dyn Fn(usize) -> usize,
}

/// The row whose list holds the element `index`.
fn row_of(offsets: &[i32], index: usize) -> usize {
    offsets.partition_point(|offset| *offset as usize <= index).saturating_sub(1)
}

fn span(window: &[i32]) -> usize {
    match window {
        [start, end] => (end - start) as usize,
        _ => 0,
    }
}

/// All `batches` as one; their schemas must be the same.
pub fn concat(batches: &[Batch]) -> Result<Option<Batch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    let records = arrow_select::concat::concat_batches(&first.schema(), batches.iter().map(Batch::records));
    let records = records.map_err(|error| Error::Unsupported {
        file: first.file.to_string(),
        message: format!("rows that do not fit together: {error}"),
    })?;
    Ok(Some(first.with_records(records)))
}
