//! Values as text, for CSV files and for people.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

/// The values of a column, ready to be written as text.
pub struct Cells {
    values: Values,
    nulls: Option<NullBuffer>,
    style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Reads back as the same value.
    Exact,
    /// Six digits, long lists cut.
    Short,
    /// JSON, with `null` for missing values, NaN and infinity.
    Json,
}

/// Elements of a list that are shown to people.
const SHOWN: usize = 4;

enum Values {
    Bool(BooleanArray),
    I8(PrimitiveArray<Int8Type>),
    I16(PrimitiveArray<Int16Type>),
    I32(PrimitiveArray<Int32Type>),
    I64(PrimitiveArray<Int64Type>),
    U8(PrimitiveArray<UInt8Type>),
    U16(PrimitiveArray<UInt16Type>),
    U32(PrimitiveArray<UInt32Type>),
    U64(PrimitiveArray<UInt64Type>),
    F32(PrimitiveArray<Float32Type>),
    F64(PrimitiveArray<Float64Type>),
    Text(StringArray),
    /// Where rows begin and end in the elements.
    List(Vec<usize>, Box<Cells>),
    Other,
}

impl Cells {
    /// Text from which the same values can be read.
    pub fn exact(array: &ArrayRef) -> Self {
        Self::new(array, Style::Exact)
    }

    /// Text of six digits for people; of a list, the first elements and how many more there are.
    pub fn short(array: &ArrayRef) -> Self {
        Self::new(array, Style::Short)
    }

    /// JSON values.
    pub fn json(array: &ArrayRef) -> Self {
        Self::new(array, Style::Json)
    }

    fn new(array: &ArrayRef, style: Style) -> Self {
        let values = match array.data_type() {
            DataType::Boolean => Values::Bool(array.as_boolean().clone()),
            DataType::Int8 => Values::I8(array.as_primitive().clone()),
            DataType::Int16 => Values::I16(array.as_primitive().clone()),
            DataType::Int32 => Values::I32(array.as_primitive().clone()),
            DataType::Int64 => Values::I64(array.as_primitive().clone()),
            DataType::UInt8 => Values::U8(array.as_primitive().clone()),
            DataType::UInt16 => Values::U16(array.as_primitive().clone()),
            DataType::UInt32 => Values::U32(array.as_primitive().clone()),
            DataType::UInt64 => Values::U64(array.as_primitive().clone()),
            DataType::Float32 => Values::F32(array.as_primitive().clone()),
            DataType::Float64 => Values::F64(array.as_primitive().clone()),
            DataType::Utf8 => Values::Text(array.as_string::<i32>().clone()),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets().iter().map(|offset| *offset as usize).collect();
                Values::List(offsets, Box::new(Self::new(list.values(), style)))
            }
            DataType::FixedSizeList(_, size) => {
                let list = array.as_fixed_size_list();
                let size = usize::try_from(*size).unwrap_or(0);
                let offsets = (0..=list.len()).map(|row| (list.offset() + row) * size).collect();
                Values::List(offsets, Box::new(Self::new(list.values(), style)))
            }
            _ => Values::Other,
        };
        Self { values, nulls: array.nulls().cloned(), style }
    }

    /// Appends the text of a row; nothing for a missing value.
    pub fn append(&self, row: usize, out: &mut String) {
        if self.nulls.as_ref().is_some_and(|nulls| row < nulls.len() && nulls.is_null(row)) {
            out.push_str(if self.style == Style::Json { "null" } else { "" });
            return;
        }
        // writing into a string cannot fail
        let _ = match &self.values {
            Values::Bool(v) => write!(out, "{}", v.value(row)),
            Values::I8(v) => write!(out, "{}", v.value(row)),
            Values::I16(v) => write!(out, "{}", v.value(row)),
            Values::I32(v) => write!(out, "{}", v.value(row)),
            Values::I64(v) => write!(out, "{}", v.value(row)),
            Values::U8(v) => write!(out, "{}", v.value(row)),
            Values::U16(v) => write!(out, "{}", v.value(row)),
            Values::U32(v) => write!(out, "{}", v.value(row)),
            Values::U64(v) => write!(out, "{}", v.value(row)),
            Values::F32(v) if self.style == Style::Json && !v.value(row).is_finite() => out.write_str("null"),
            Values::F64(v) if self.style == Style::Json && !v.value(row).is_finite() => out.write_str("null"),
            Values::F32(v) if self.style != Style::Short => write!(out, "{:?}", v.value(row)),
            Values::F64(v) if self.style != Style::Short => write!(out, "{:?}", v.value(row)),
            Values::F32(v) => rounded(f64::from(v.value(row)), out),
            Values::F64(v) => rounded(v.value(row), out),
            Values::Text(v) if self.style == Style::Json => json_text(v.value(row), out),
            Values::Text(v) => out.write_str(v.value(row)),
            Values::List(offsets, elements) => self.append_list(offsets.get(row..row + 2), elements, out),
            Values::Other if self.style == Style::Json => out.write_str("null"),
            Values::Other => Ok(()),
        };
    }

    fn append_list(&self, range: Option<&[usize]>, elements: &Cells, out: &mut String) -> std::fmt::Result {
        let range = match range {
            Some(&[start, end]) => start..end,
            _ => 0..0,
        };
        let shown = if self.style == Style::Short { SHOWN } else { usize::MAX };
        out.push('[');
        for (index, element) in range.clone().take(shown).enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            elements.append(element, out);
        }
        if range.len() > shown {
            write!(out, ", … {} more", range.len() - shown)?;
        }
        out.push(']');
        Ok(())
    }
}

/// A text in quotes with what JSON wants escaped.
fn json_text(text: &str, out: &mut String) -> std::fmt::Result {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

/// Six significant digits without trailing zeros.
fn rounded(value: f64, out: &mut String) -> std::fmt::Result {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() {
        return write!(out, "{value}");
    }
    if !(1e-4..1e9).contains(&magnitude) {
        let text = format!("{value:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return write!(out, "{}e{exponent}", trimmed(digits));
    }
    let decimals = (5 - magnitude.log10().floor() as i32).clamp(0, 9) as usize;
    write!(out, "{}", trimmed(&format!("{value:.decimals$}")))
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Whether a type has elements.
pub(crate) fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::FixedSizeList(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_for_people() {
        let short = |value: f64| {
            let mut text = String::new();
            let _ = rounded(value, &mut text);
            text
        };
        let cases = [
            (0.1 + 0.2, "0.3"),
            (1.234_567_89, "1.23457"),
            (123_456.7, "123457"),
            (-2.5, "-2.5"),
            (0.000_123_4, "0.0001234"),
            (1.5e-9, "1.5e-9"),
            (6.022e23, "6.022e23"),
            (f64::NAN, "NaN"),
            (0.0, "0"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
