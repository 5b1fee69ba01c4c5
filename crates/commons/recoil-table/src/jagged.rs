//! Collections of varying length as offsets and values.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::ListArray;

/// One list of numbers per row: row `i` is `values[offsets[i]..offsets[i + 1]]`. The first offset is 0 and the last
/// one is `values.len()`.
#[derive(Debug, Clone, PartialEq)]
pub struct Jagged<'a, T: Clone> {
    /// Rows + 1 ascending positions.
    pub offsets: Cow<'a, [i32]>,
    /// The elements of all rows, one row after the other.
    pub values: Cow<'a, [T]>,
}

impl<'a, T: Clone> Jagged<'a, T> {
    pub(crate) fn new(offsets: Cow<'a, [i32]>, values: Cow<'a, [T]>) -> Self {
        Self { offsets, values }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list of one row; empty behind the last row.
    pub fn row(&self, row: usize) -> &[T] {
        match self.offsets.get(row..row + 2) {
            Some(&[start, end]) => self.values.get(start as usize..end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The lists of all rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[T]> {
        (0..self.len()).map(|row| self.row(row))
    }
}

/// One list of lists of numbers per row: row `i` holds the lists `outer[i]..outer[i + 1]` of `inner`.
#[derive(Debug, Clone, PartialEq)]
pub struct Nested<'a, T: Clone> {
    /// Rows + 1 ascending positions in `inner`.
    pub outer: Cow<'a, [i32]>,
    /// The lists of all rows, one row after the other.
    pub inner: Jagged<'a, T>,
}

impl<T: Clone> Nested<'_, T> {
    /// The lists of one row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &[T]> {
        let range = match self.outer.get(row..row + 2) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        };
        range.map(|list| self.inner.row(list))
    }
}

/// The lists `rows` of an array: offsets counted from 0, and which elements of `list.values()` they count.
pub(crate) fn local_offsets(list: &ListArray, rows: Range<usize>) -> (Cow<'_, [i32]>, Range<usize>) {
    let offsets = list.value_offsets().get(rows.start..=rows.end).unwrap_or_default();
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return (Cow::Borrowed(&[0]), 0..0) };
    let elements = first as usize..last as usize;
    match first {
        0 => (Cow::Borrowed(offsets), elements),
        _ => (Cow::Owned(offsets.iter().map(|offset| offset - first).collect()), elements),
    }
}
