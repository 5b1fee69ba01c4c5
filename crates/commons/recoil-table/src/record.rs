//! Rows of fixed size as bytes: what NumPy arrays and HDF5 tables are made of.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, PrimitiveArray, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;

use crate::types::{element, fixed_of};

/// Kind of one element, with its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    Int(usize),
    Uint(usize),
    Float(usize),
    /// Bytes, padded with zeros.
    Bytes(usize),
    /// Characters of four bytes each, padded with zeros.
    Text(usize),
    /// A time in whole units as `i64`.
    Time,
    /// Padding.
    Void(usize),
}

impl Element {
    pub fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Int(size) | Self::Uint(size) | Self::Float(size) | Self::Bytes(size) | Self::Void(size) => size,
            Self::Text(length) => length.saturating_mul(4),
            Self::Time => 8,
        }
    }
}

/// A column inside of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldLayout {
    /// Empty for an array that is not structured.
    pub name: String,
    /// First byte in the row.
    pub offset: usize,
    pub element: Element,
    pub big_endian: bool,
    /// Lengths of the axes behind the first one.
    pub shape: Vec<usize>,
    /// Unit of a time.
    pub unit: Option<String>,
}

impl FieldLayout {
    /// Elements per row.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The type of the column.
    pub fn data_type(&self) -> Result<DataType, String> {
        let mut data_type = match self.element {
            Element::Bool => DataType::Boolean,
            Element::Int(1) => DataType::Int8,
            Element::Int(2) => DataType::Int16,
            Element::Int(4) => DataType::Int32,
            Element::Int(_) | Element::Time => DataType::Int64,
            Element::Uint(1) => DataType::UInt8,
            Element::Uint(2) => DataType::UInt16,
            Element::Uint(4) => DataType::UInt32,
            Element::Uint(_) => DataType::UInt64,
            Element::Float(2 | 4) => DataType::Float32,
            Element::Float(_) => DataType::Float64,
            Element::Bytes(_) | Element::Text(_) | Element::Void(_) => DataType::Utf8,
        };
        for axis in self.shape.iter().rev() {
            data_type = fixed_of(data_type, axis_of(*axis)?);
        }
        Ok(data_type)
    }

    /// The column of `rows` rows of `stride` bytes each.
    pub fn column(&self, data: &[u8], stride: usize, rows: usize) -> Result<ArrayRef, String> {
        let size = self.element.size();
        let width = size * self.count();
        let elements = || {
            (0..rows).flat_map(move |row| {
                let part = data.get(row * stride + self.offset..row * stride + self.offset + width).unwrap_or_default();
                part.chunks_exact(size.max(1))
            })
        };
        macro_rules! numbers {
            ($arrow:ident, $native:ty) => {{
                let little = |bytes: &[u8]| bytes.try_into().map(<$native>::from_le_bytes).unwrap_or_default();
                let big = |bytes: &[u8]| bytes.try_into().map(<$native>::from_be_bytes).unwrap_or_default();
                let values: Vec<$native> =
                    if self.big_endian { elements().map(big).collect() } else { elements().map(little).collect() };
                Arc::new(PrimitiveArray::<$arrow>::from(values))
            }};
        }
        let values: ArrayRef = match self.element {
            Element::Bool => {
                let bits: Vec<bool> = elements().map(|bytes| bytes != [0]).collect();
                Arc::new(BooleanArray::new(BooleanBuffer::from(bits), None))
            }
            Element::Int(1) => numbers!(Int8Type, i8),
            Element::Int(2) => numbers!(Int16Type, i16),
            Element::Int(4) => numbers!(Int32Type, i32),
            Element::Int(_) | Element::Time => numbers!(Int64Type, i64),
            Element::Uint(1) => numbers!(UInt8Type, u8),
            Element::Uint(2) => numbers!(UInt16Type, u16),
            Element::Uint(4) => numbers!(UInt32Type, u32),
            Element::Uint(_) => numbers!(UInt64Type, u64),
            Element::Float(2) => {
                let half = |bytes: &[u8]| {
                    let bytes = bytes.try_into().unwrap_or_default();
                    from_half(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
                };
                Arc::new(PrimitiveArray::<Float32Type>::from(elements().map(half).collect::<Vec<f32>>()))
            }
            Element::Float(4) => numbers!(Float32Type, f32),
            Element::Float(_) => numbers!(Float64Type, f64),
            Element::Bytes(0) | Element::Text(0) => {
                Arc::new(StringArray::from_iter_values(vec![""; rows * self.count()]))
            }
            Element::Bytes(_) | Element::Void(_) => {
                let text = |bytes: &[u8]| {
                    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
                };
                Arc::new(StringArray::from(elements().map(text).collect::<Vec<String>>()))
            }
            Element::Text(_) => {
                let text = |bytes: &[u8]| {
                    let codes = bytes.chunks_exact(4).map(|code| {
                        let code = code.try_into().unwrap_or_default();
                        if self.big_endian { u32::from_be_bytes(code) } else { u32::from_le_bytes(code) }
                    });
                    let text: String = codes.map(|code| char::from_u32(code).unwrap_or('\u{fffd}')).collect();
                    text.trim_end_matches('\0').to_owned()
                };
                Arc::new(StringArray::from(elements().map(text).collect::<Vec<String>>()))
            }
        };
        let mut array = values;
        for axis in self.shape.iter().rev() {
            let list = FixedSizeListArray::try_new(element(array.data_type().clone()), axis_of(*axis)?, array, None);
            array = Arc::new(list.map_err(|error| error.to_string())?);
        }
        Ok(array)
    }
}

fn axis_of(axis: usize) -> Result<i32, String> {
    i32::try_from(axis).map_err(|_| "an axis beyond all memory".to_owned())
}

/// A half-precision number (1 sign, 5 exponent and 10 fraction bits).
fn from_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}

/// The values one after the other in little-endian order; nothing for strings and lists.
pub(crate) fn bytes_of(array: &ArrayRef) -> Vec<u8> {
    macro_rules! numbers {
        ($arrow:ident) => {
            array.as_primitive::<$arrow>().values().iter().flat_map(|value| value.to_le_bytes()).collect()
        };
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().values().iter().map(u8::from).collect(),
        DataType::Int8 => numbers!(Int8Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float32 => numbers!(Float32Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            bytes_of(&list.values().slice(list.offset() * size, list.len() * size))
        }
        _ => Vec::new(),
    }
}

/// The rows of `columns` one after the other, as [`bytes_of`] writes each value.
pub(crate) fn rows_of(columns: &[ArrayRef], rows: usize) -> Vec<u8> {
    let columns: Vec<Vec<u8>> = columns.iter().map(bytes_of).collect();
    interleave(&columns, rows)
}

/// The rows of columns that are bytes already, all of them of `rows` rows.
pub(crate) fn interleave(columns: &[Vec<u8>], rows: usize) -> Vec<u8> {
    let widths: Vec<usize> = columns.iter().map(|bytes| bytes.len().checked_div(rows).unwrap_or(0)).collect();
    let mut all = Vec::with_capacity(columns.iter().map(Vec::len).sum());
    for row in 0..rows {
        for (bytes, width) in columns.iter().zip(&widths) {
            all.extend_from_slice(bytes.get(row * width..(row + 1) * width).unwrap_or_default());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::from_half;

    #[test]
    #[allow(clippy::float_cmp)]
    fn half_precision_numbers_are_exact() {
        assert_eq!(from_half(0x3c00), 1.0);
        assert_eq!(from_half(0xc000), -2.0);
        assert_eq!(from_half(0x7bff), 65504.0);
        assert_eq!(from_half(0x0001), 5.960_464_5e-8);
        assert!(from_half(0x7e00).is_nan());
    }
}
