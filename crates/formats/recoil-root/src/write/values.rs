//! Columns as big-endian bytes.

use std::ops::Range;

use super::buffer::string_into;
use super::fault::WriteFault;
use crate::{Column, Values};

/// Appends values `range` in ROOT's byte order.
pub(super) fn put(values: &Values, range: Range<usize>, out: &mut Vec<u8>) {
    macro_rules! put_as {
        ($values:expr) => {
            put_slice($values.get(range).unwrap_or(&[]), out, |value| value.to_be_bytes())
        };
    }
    match values {
        Values::Bool(values) => out.extend(values.get(range).unwrap_or(&[]).iter().map(|value| u8::from(*value))),
        Values::I8(values) => put_as!(values),
        Values::U8(values) => out.extend_from_slice(values.get(range).unwrap_or(&[])),
        Values::I16(values) => put_as!(values),
        Values::U16(values) => put_as!(values),
        Values::I32(values) => put_as!(values),
        Values::U32(values) => put_as!(values),
        Values::I64(values) => put_as!(values),
        Values::U64(values) => put_as!(values),
        Values::F32(values) => put_as!(values),
        Values::F64(values) => put_as!(values),
    }
}

fn put_slice<T: Copy, const N: usize>(values: &[T], out: &mut Vec<u8>, bytes: impl Fn(T) -> [u8; N]) {
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<N>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

/// Appends items `range` of a column as the elements of a C++ vector.
pub(super) fn put_items(column: &Column, range: Range<usize>, out: &mut Vec<u8>) {
    match column {
        Column::Prim(values) => put(values, range, out),
        Column::Fixed { size, inner } => put_items(inner, range.start * size..range.end * size, out),
        Column::Str { offsets, bytes } => {
            for item in range {
                string_into(out, bytes.get(span(offsets, item)).unwrap_or(&[]));
            }
        }
        Column::List { offsets, inner } => {
            for item in range {
                let items = span(offsets, item);
                out.extend_from_slice(&u32::try_from(items.len()).unwrap_or(u32::MAX).to_be_bytes());
                put_items(inner, items, out);
            }
        }
        // no branch holds a struct
        Column::Struct { .. } => {}
    }
}

/// What the list or string `row` spans. Offsets were checked when the column was given.
pub(super) fn span(offsets: &[i64], row: usize) -> Range<usize> {
    let at = |index: usize| offsets.get(index).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

/// About how many bytes items `range` take in a basket: exact for numbers, and a function of the items alone.
pub(super) fn weight(column: &Column, range: Range<usize>) -> u64 {
    let items = range.len() as u64;
    let across = |offsets: &[i64]| span(offsets, range.start).start..span(offsets, range.end).start;
    match column {
        Column::Prim(values) => items * values.prim().size() as u64,
        Column::Fixed { size, inner } => weight(inner, range.start * size..range.end * size),
        Column::Str { offsets, .. } => items * 5 + across(offsets).len() as u64,
        Column::List { offsets, inner } => items * 4 + weight(inner, across(offsets)),
        Column::Struct { .. } => 0,
    }
}

/// Makes sure that all offsets of column `name` rise and stay inside its values. `row` is the number of its first row.
pub(super) fn check_offsets(name: &str, column: &Column, row: u64) -> Result<(), WriteFault> {
    let rising = |offsets: &[i64], values: usize| {
        let end = i64::try_from(values).unwrap_or(i64::MAX);
        let bad = offsets.windows(2).position(|pair| !matches!(pair, [a, b] if 0 <= *a && a <= b && *b <= end));
        match bad {
            None => Ok(()),
            Some(index) => Err(WriteFault::Offsets {
                column: name.into(),
                row: row + index as u64,
                start: offsets.get(index).copied().unwrap_or(0),
                end: offsets.get(index + 1).copied().unwrap_or(0),
                values,
            }),
        }
    };
    match column {
        Column::Prim(_) | Column::Struct { .. } => Ok(()),
        Column::Fixed { inner, .. } => check_offsets(name, inner, row),
        Column::Str { offsets, bytes } => rising(offsets, bytes.len()),
        Column::List { offsets, inner } => {
            rising(offsets, inner.len())?;
            check_offsets(name, inner, row)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> Column {
        let inner = Column::List { offsets: vec![0, 1, 3], inner: Box::new(Column::Prim(vec![1_i16, 2, 3].into())) };
        Column::List { offsets: vec![0, 0, 2], inner: Box::new(inner) }
    }

    #[test]
    fn nested_lists_are_counted_at_each_level() {
        let mut out = Vec::new();
        put_items(&nested(), 0..2, &mut out);
        let by_hand = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 2, 0, 3];
        assert_eq!(out, by_hand);
        assert_eq!(weight(&nested(), 0..2), by_hand.len() as u64);
    }

    #[test]
    fn long_strings_have_a_long_count() {
        let column = Column::Str { offsets: vec![0, 1, 301], bytes: vec![b'x'; 301] };
        let mut out = Vec::new();
        put_items(&column, 0..2, &mut out);
        assert_eq!(out.get(..7), Some([1, b'x', 255, 0, 0, 1, 44].as_slice()));
        assert_eq!(out.len(), 2 + 5 + 300);
    }

    #[test]
    fn falling_offsets_are_refused() {
        let column = Column::Str { offsets: vec![0, 3, 2], bytes: vec![0; 3] };
        let fault = check_offsets("s", &column, 10).err();
        assert_eq!(
            fault.map(|fault| fault.to_string()).unwrap_or_default(),
            "column \"s\" row 11: offsets 3 to 2 of 3 values"
        );
    }
}
