//! Cells of text: their types, and their values.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, ListArray, new_null_array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};

/// What the cells of a column have been so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but empty cells.
    Empty,
    Bool,
    Int,
    /// Integers of which some are above 2^63 - 1 and none is negative.
    Uint,
    Float,
    Text,
    List(Box<Kind>),
}

/// Nesting of lists beyond which a cell is text.
const DEEPEST: usize = 8;

impl Kind {
    pub fn of(cell: &str) -> Self {
        let cell = cell.trim();
        if cell.is_empty() {
            Self::Empty
        } else if cell.starts_with('[') {
            items(cell).and_then(|items| Self::of_list(&items, 1)).unwrap_or(Self::Text)
        } else if truth(cell).is_some() {
            Self::Bool
        } else if cell.parse::<i64>().is_ok() {
            Self::Int
        } else if cell.parse::<u64>().is_ok() {
            Self::Uint
        } else if cell.parse::<f64>().is_ok() {
            Self::Float
        } else {
            Self::Text
        }
    }

    /// A list of `items`, which must be numbers, truth values or lists of them.
    fn of_list(list: &[&str], depth: usize) -> Option<Self> {
        let mut kind = Self::Empty;
        for item in list {
            let item = if item.starts_with('[') {
                if depth == DEEPEST {
                    return None;
                }
                Self::of_list(&items(item)?, depth + 1)?
            } else {
                Self::of(item)
            };
            if matches!(item, Self::Text | Self::Empty) {
                return None;
            }
            kind = kind.join(item);
        }
        (kind != Self::Text).then(|| Self::List(Box::new(kind)))
    }

    /// The type that holds the cells of both.
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Empty, a) | (a, Self::Empty) => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            (Self::Uint, Self::Float | Self::Int) | (Self::Float | Self::Int, Self::Uint) => Self::Uint.widened(),
            (Self::List(a), Self::List(b)) => match a.join(*b) {
                Self::Text => Self::Text,
                kind => Self::List(Box::new(kind)),
            },
            _ => Self::Text,
        }
    }

    /// For a column of which no cell tells more.
    fn widened(self) -> Self {
        match self {
            Self::Uint => Self::Float,
            other => other,
        }
    }

    pub fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Uint => DataType::UInt64,
            Self::Float => DataType::Float64,
            Self::Text | Self::Empty => DataType::Utf8,
            Self::List(inner) => {
                let inner = if **inner == Self::Empty { DataType::Float64 } else { inner.data_type() };
                DataType::List(Arc::new(Field::new("item", inner, false)))
            }
        }
    }
}

fn truth(cell: &str) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The items of a list in brackets, at its top level.
fn items(cell: &str) -> Option<Vec<&str>> {
    let inside = cell.trim().strip_prefix('[')?.strip_suffix(']')?;
    if inside.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut items = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                items.push(inside.get(start..at)?.trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(inside.get(start..)?.trim());
    (depth == 0).then_some(items)
}

/// The cells as an array of `data_type`, or the place of one that is not of this type.
pub(super) fn array(cells: &[&str], data_type: &DataType) -> Result<ArrayRef, usize> {
    macro_rules! parsed {
        ($builder:ident, $parse:expr) => {{
            let mut builder = $builder::with_capacity(cells.len());
            for (place, cell) in cells.iter().enumerate() {
                match cell.trim() {
                    "" => builder.append_null(),
                    cell => builder.append_value($parse(cell).ok_or(place)?),
                }
            }
            Ok(Arc::new(builder.finish()))
        }};
    }
    match data_type {
        DataType::Boolean => parsed!(BooleanBuilder, truth),
        DataType::Int64 => parsed!(Int64Builder, |cell: &str| cell.parse().ok()),
        DataType::UInt64 => parsed!(UInt64Builder, |cell: &str| cell.parse().ok()),
        DataType::Float64 => parsed!(Float64Builder, |cell: &str| cell.parse().ok()),
        DataType::List(element) => lists(cells, element),
        DataType::Utf8 => {
            let mut builder = StringBuilder::with_capacity(cells.len(), cells.iter().map(|cell| cell.len()).sum());
            cells.iter().for_each(|cell| builder.append_value(cell));
            Ok(Arc::new(builder.finish()))
        }
        other => Ok(new_null_array(other, cells.len())),
    }
}

fn lists(cells: &[&str], element: &Arc<Field>) -> Result<ArrayRef, usize> {
    let mut all = Vec::new();
    let mut place_of = Vec::new();
    let mut lengths = Vec::with_capacity(cells.len());
    let mut valid = Vec::with_capacity(cells.len());
    for (place, cell) in cells.iter().enumerate() {
        let items = if cell.trim().is_empty() { Vec::new() } else { items(cell).ok_or(place)? };
        valid.push(!cell.trim().is_empty());
        lengths.push(items.len());
        place_of.extend(std::iter::repeat_n(place, items.len()));
        all.extend(items);
    }
    let of = |index: usize| place_of.get(index).copied().unwrap_or(0);
    if let Some(index) = all.iter().position(|item| item.is_empty()) {
        return Err(of(index));
    }
    let values = array(&all, element.data_type()).map_err(of)?;
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let list = ListArray::try_new(element.clone(), OffsetBuffer::from_lengths(lengths), values, nulls);
    Ok(Arc::new(list.map_err(|_| 0_usize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_tell_their_type() {
        let column = |cells: &[&str]| cells.iter().map(|cell| Kind::of(cell)).fold(Kind::Empty, Kind::join);
        assert_eq!(column(&["1", "", "-3"]), Kind::Int);
        assert_eq!(column(&["1", "2.5", "nan"]), Kind::Float);
        assert_eq!(column(&["18446744073709551615"]), Kind::Uint);
        assert_eq!(column(&["true", "False"]), Kind::Bool);
        assert_eq!(column(&["1", "x"]), Kind::Text);
        assert_eq!(column(&["[1, 2]", "[]", "[0.5]"]), Kind::List(Box::new(Kind::Float)));
        assert_eq!(column(&["[[1], []]"]), Kind::List(Box::new(Kind::List(Box::new(Kind::Int)))));
        assert_eq!(column(&["[1, a]"]), Kind::Text);
        assert_eq!(column(&["[1, [2]]"]), Kind::Text);
        assert_eq!(Kind::of(&"[".repeat(100_000)), Kind::Text);
        assert_eq!(Kind::of(&format!("{}{}", "[".repeat(1000), "]".repeat(1000))), Kind::Text);
    }
}
