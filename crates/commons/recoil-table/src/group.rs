//! Rows of flat tables brought together by event.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, UInt32Array};

use crate::batch::Batch;
use crate::error::{Error, Result};

/// The rows of each event of a flat table (one row per trigger cell, say).
///
/// Events stand in the order in which they first appear, and the rows of an event in the order of the table, or in
/// ascending order of a sub-index.
///
/// ```
/// let groups = recoil_table::Groups::of(&[7, 7, 3, 7], None);
/// assert_eq!(groups.keys, [7, 3]);
/// assert_eq!(groups.offsets, [0, 3, 4]);
/// assert_eq!(groups.order.as_deref(), Some(&[0, 1, 3, 2][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Event number of each event. Numbers of type `u64` above 2^63 - 1 wrap around to negative ones.
    pub keys: Vec<i64>,
    /// Rows of event `i` are `offsets[i]..offsets[i + 1]` of the ordered table.
    pub offsets: Vec<i32>,
    /// The table's row at each place of the ordered table; `None` when the table is in order already.
    pub order: Option<Vec<u32>>,
}

impl Groups {
    /// Groups rows by their event number; `sub_index`, as long as `events`, orders the rows inside of each event.
    pub fn of(events: &[i64], sub_index: Option<&[i64]>) -> Self {
        let mut index_of = HashMap::new();
        let mut keys = Vec::new();
        let mut counts: Vec<i32> = Vec::new();
        let mut event_of_row = Vec::with_capacity(events.len());
        let mut current: Option<(i64, usize)> = None;
        for &event in events {
            let index = match current {
                Some((key, index)) if key == event => index,
                _ => *index_of.entry(event).or_insert_with(|| {
                    keys.push(event);
                    counts.push(0);
                    keys.len() - 1
                }),
            };
            current = Some((event, index));
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
            event_of_row.push(index);
        }
        let offsets = std::iter::once(0).chain(counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end)
        }));
        let offsets = offsets.collect();

        let rank = |row: usize| {
            let sub = sub_index.and_then(|sub| sub.get(row)).copied().unwrap_or(0);
            (event_of_row.get(row).copied().unwrap_or(0), sub)
        };
        let in_order = (1..events.len()).all(|row| rank(row - 1) <= rank(row));
        let order = (!in_order).then(|| {
            let mut rows: Vec<u32> = (0..events.len() as u32).collect();
            rows.sort_by_key(|row| rank(*row as usize));
            rows
        });
        Self { keys, offsets, order }
    }

    /// Groups the rows of `batch` by the integer column `event`, ordering each event by the integer column
    /// `sub_index` when there is one.
    pub fn by_columns(batch: &Batch, event: &str, sub_index: Option<&str>) -> Result<Self> {
        let events = integer_keys(batch, event)?;
        if i32::try_from(events.len()).is_err() {
            let message = format!("{} rows are too many to group at once", events.len());
            return Err(Error::Unsupported { file: batch.file().to_string(), message });
        }
        let sub_index = sub_index.map(|name| integer_keys(batch, name)).transpose()?;
        Ok(Self::of(&events, sub_index.as_deref()))
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A column of the table in the order of the groups.
    pub fn ordered(&self, column: &ArrayRef) -> Result<ArrayRef> {
        match &self.order {
            None => Ok(column.clone()),
            Some(order) => take(column, order.clone()),
        }
    }

    /// The table's row that is the first of each event.
    pub(crate) fn first_rows(&self) -> Vec<u32> {
        let starts = self.offsets.iter().take(self.len());
        starts.map(|&start| self.row_at(start as usize)).collect()
    }

    /// The table's row at a place of the ordered table.
    pub(crate) fn row_at(&self, place: usize) -> u32 {
        self.order.as_ref().and_then(|order| order.get(place)).copied().unwrap_or(place as u32)
    }
}

/// The rows `rows` of a column.
pub(crate) fn take(column: &ArrayRef, rows: Vec<u32>) -> Result<ArrayRef> {
    arrow_select::take::take(column.as_ref(), &UInt32Array::from(rows), None)
        .map_err(|error| Error::Unsupported { file: "memory".to_owned(), message: error.to_string() })
}

/// An integer column as `i64`, `u64` numbers keeping their bits.
pub(crate) fn integer_keys<'a>(batch: &'a Batch, name: &str) -> Result<std::borrow::Cow<'a, [i64]>> {
    let column = batch.column(name)?;
    match column.as_primitive_opt::<UInt64Type>() {
        Some(keys) if keys.null_count() == 0 => Ok(keys.values().iter().map(|key| *key as i64).collect()),
        _ => batch.scalar_as::<i64>(name),
    }
}
