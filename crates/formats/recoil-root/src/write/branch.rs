//! One branch of a tree that is being written: the entries that wait for a basket, and the baskets so far.

use std::borrow::Cow;
use std::ops::Range;

use super::buffer::string_into;
use super::sink::basket_key_bytes;
use super::values::{put, put_items, span};
use crate::{Column, Prim};

/// What a branch stores for each entry.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// The same number of values in each entry.
    Flat { prim: Prim, dims: Vec<usize> },
    /// As many arrays of `dims` as the branch number `counter` says.
    Jagged { prim: Prim, dims: Vec<usize>, counter: usize, counter_name: String },
    /// A string.
    Text,
    /// A C++ object of nested vectors.
    Nested { class: String },
}

/// Where the values of a branch come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The column of this number.
    Column(usize),
    /// The lengths of the lists of the column of this number.
    LengthsOf(usize),
}

/// What the tree has to remember of a basket.
#[derive(Debug)]
pub(super) struct Stored {
    pub first_entry: u64,
    pub seek: u64,
    pub bytes: u32,
}

/// A basket's payload before compression.
pub(super) struct Payload<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub entries: usize,
    /// Bytes per entry, or length of the array of offsets.
    pub entry_bytes: usize,
    /// Bytes of key and values.
    pub last: usize,
}

/// A branch while its tree is written.
#[derive(Debug)]
pub(super) struct Branch {
    pub name: String,
    pub layout: Layout,
    pub source: Source,
    /// Whether other branches are counted by this one.
    pub counts: bool,
    pub baskets: Vec<Stored>,
    /// Bytes of all baskets with keys, before and after compression.
    pub raw_bytes: u64,
    pub stored_bytes: u64,
    pub largest_basket: usize,
    /// Highest value of a counter.
    pub highest: i64,
    waiting: Vec<u8>,
    /// Where each waiting entry ends, for entries that differ in length.
    ends: Vec<usize>,
}

/// In front of each vector object: a byte count and the version of the class that describes vectors.
const VECTOR_VERSION: u16 = 9;
const BYTE_COUNT: u32 = 0x4000_0000;

impl Branch {
    pub fn new(name: String, layout: Layout, source: Source) -> Self {
        Self {
            name,
            layout,
            source,
            counts: false,
            baskets: Vec::new(),
            raw_bytes: 0,
            stored_bytes: 0,
            largest_basket: 0,
            highest: 0,
            waiting: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Bytes of an entry where all have the same.
    fn entry_bytes(&self) -> Option<usize> {
        match &self.layout {
            Layout::Flat { prim, dims } => Some(prim.size() * dims.iter().product::<usize>()),
            Layout::Jagged { .. } | Layout::Text | Layout::Nested { .. } => None,
        }
    }

    /// Takes rows `rows` of this branch's column into the entries that wait.
    pub fn take(&mut self, columns: &[Column], rows: Range<usize>) {
        match self.source {
            Source::Column(index) => {
                if let Some(column) = columns.get(index) {
                    self.take_column(column, rows);
                }
            }
            Source::LengthsOf(index) => {
                if let Some(Column::List { offsets, .. }) = columns.get(index) {
                    for row in rows {
                        let length = span(offsets, row).len();
                        self.highest = self.highest.max(length as i64);
                        self.waiting.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
                    }
                }
            }
        }
    }

    fn take_column(&mut self, column: &Column, rows: Range<usize>) {
        match (&self.layout, column) {
            (Layout::Text, Column::Str { offsets, bytes }) => {
                for row in rows {
                    let text = bytes.get(span(offsets, row)).unwrap_or(&[]);
                    string_into(&mut self.waiting, text);
                    self.ends.push(self.waiting.len());
                }
            }
            (Layout::Jagged { prim, dims, .. }, Column::List { offsets, inner }) => {
                let item = prim.size() * dims.iter().product::<usize>();
                let mut end = self.waiting.len();
                self.ends.extend(rows.clone().map(|row| {
                    end += span(offsets, row).len() * item;
                    end
                }));
                put_items(inner, span(offsets, rows.start).start..span(offsets, rows.end).start, &mut self.waiting);
            }
            (Layout::Nested { .. }, Column::List { .. }) => {
                for row in rows {
                    let start = self.waiting.len();
                    self.waiting.extend_from_slice(&[0; 4]);
                    self.waiting.extend_from_slice(&VECTOR_VERSION.to_be_bytes());
                    put_items(column, row..row + 1, &mut self.waiting);
                    let counted = self.waiting.len() - start - 4;
                    let word = u32::try_from(counted).unwrap_or(0) | BYTE_COUNT;
                    if let Some(place) = self.waiting.get_mut(start..start + 4) {
                        place.copy_from_slice(&word.to_be_bytes());
                    }
                    self.ends.push(self.waiting.len());
                }
            }
            (_, Column::Prim(values)) => {
                if self.counts {
                    let counts = rows.clone().map(|row| count(values, row));
                    self.highest = counts.fold(self.highest, i64::max);
                }
                put(values, rows, &mut self.waiting);
            }
            _ => put_items(column, rows, &mut self.waiting),
        }
    }

    /// Cuts `entries` waiting entries into baskets of about `basket_bytes`.
    pub fn cuts(&self, entries: usize, basket_bytes: usize) -> Vec<Range<usize>> {
        let baskets = self.waiting.len().div_ceil(basket_bytes.max(1)).clamp(1, entries.max(1));
        (0..baskets).map(|basket| entries * basket / baskets..entries * (basket + 1) / baskets).collect()
    }

    /// The payload of a basket of the waiting entries `entries`: the values, and where each entry begins if the entries
    /// differ in length.
    pub fn payload(&self, entries: Range<usize>, tree: &str) -> Payload<'_> {
        let key = basket_key_bytes(&self.name, tree);
        let count = entries.len();
        if let Some(size) = self.entry_bytes() {
            let bytes = self.waiting.get(entries.start * size..entries.end * size).unwrap_or(&[]);
            return Payload { last: key + bytes.len(), bytes: Cow::Borrowed(bytes), entries: count, entry_bytes: size };
        }
        let end_before = |entry: usize| entry.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let start = end_before(entries.start);
        let values = self.waiting.get(start..end_before(entries.end)).unwrap_or(&[]);
        let mut bytes = Vec::with_capacity(values.len() + 4 * count + 8);
        bytes.extend_from_slice(values);
        let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
        bytes.extend_from_slice(&word(count + 1));
        for entry in entries {
            bytes.extend_from_slice(&word(key + end_before(entry) - start));
        }
        // ROOT keeps one place more than there are entries and leaves it at zero
        bytes.extend_from_slice(&word(0));
        Payload { last: key + values.len(), bytes: Cow::Owned(bytes), entries: count, entry_bytes: count + 1 }
    }

    /// Takes note of a basket of this branch, of `raw` bytes with its key before compression.
    pub fn remember(&mut self, basket: Stored, raw: usize) {
        self.raw_bytes += raw as u64;
        self.stored_bytes += u64::from(basket.bytes);
        self.largest_basket = self.largest_basket.max(raw);
        self.baskets.push(basket);
    }

    /// Forgets the waiting entries, which are in baskets now.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.ends.clear();
    }
}

/// Value `row` of a column that counts.
pub(super) fn count(values: &crate::Values, row: usize) -> i64 {
    match values {
        crate::Values::I32(values) => values.get(row).map_or(0, |count| i64::from(*count)),
        crate::Values::U32(values) => values.get(row).map_or(0, |count| i64::from(*count)),
        _ => 0,
    }
}
