//! Headers of NumPy arrays: element type, shape and order.

use std::io::Read;

use super::literal::{Literal, parse};
use super::malformed;
use crate::error::{Error, Result};
use crate::record::{Element, FieldLayout};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Headers longer than this are refused.
const LONGEST: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub fields: Vec<FieldLayout>,
    /// Bytes per row.
    pub stride: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub layout: Layout,
    pub rows: u64,
    pub shape: Vec<u64>,
    /// First axis fastest; only set for arrays of two or more axes.
    pub fortran: bool,
    /// Bytes of the header.
    pub length: u64,
}

impl Header {
    /// Reads the header at the start of an array.
    pub fn read(file: &str, reader: &mut impl Read) -> Result<Self> {
        let mut read = |bytes: &mut [u8]| {
            reader.read_exact(bytes).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => malformed(file, "the header is cut off"),
                _ => Error::io(file, error),
            })
        };
        let mut start = [0; 8];
        read(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(malformed(file, "the first bytes are not \\x93NUMPY"));
        }
        let (before, length) = if start[6] == 1 {
            let mut bytes = [0; 2];
            read(&mut bytes)?;
            (10, usize::from(u16::from_le_bytes(bytes)))
        } else {
            let mut bytes = [0; 4];
            read(&mut bytes)?;
            (12, usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX))
        };
        if length > LONGEST {
            return Err(malformed(file, format!("a header of {length} bytes")));
        }
        let mut text = vec![0; length];
        read(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let mut header = Self::parse(file, &text)?;
        header.length = before + length as u64;
        Ok(header)
    }

    fn parse(file: &str, text: &str) -> Result<Self> {
        let Some(Literal::Dict(pairs)) = parse(text) else {
            return Err(malformed(file, format!("the header '{:.60}' is not understood", text.trim())));
        };
        let find = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        let missing = |key: &str| malformed(file, format!("the header lacks '{key}'"));
        let descr = find("descr").ok_or_else(|| missing("descr"))?;
        let shape = find("shape").and_then(sizes).ok_or_else(|| missing("shape"))?;
        let fortran = find("fortran_order") == Some(&Literal::Bool(true)) && shape.len() > 1;
        let rows = shape.first().copied().unwrap_or(1);
        let inner: Option<Vec<usize>> = shape.iter().skip(1).map(|n| usize::try_from(*n).ok()).collect();
        let inner = inner.ok_or_else(|| malformed(file, "a shape beyond all memory"))?;
        let layout = layout(file, descr, &inner)?;
        Ok(Self { layout, rows, shape, fortran, length: 0 })
    }

    /// Bytes of the array behind the header.
    pub fn payload(&self, file: &str) -> Result<u64> {
        let bytes = self.rows.checked_mul(self.layout.stride as u64);
        bytes.ok_or_else(|| malformed(file, "a shape beyond all memory"))
    }

    /// Element type and shape in words.
    pub fn describe(&self) -> String {
        let kind = match self.layout.fields.as_slice() {
            [only] if only.name.is_empty() => kind_name(only),
            fields => {
                let fields = fields.iter().map(|field| format!("{}: {}", field.name, kind_name(field)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        };
        let shape: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        format!("array of {kind}, shape ({})", shape.join(", "))
    }
}

fn kind_name(field: &FieldLayout) -> String {
    match field.element {
        Element::Bool => "bool".to_owned(),
        Element::Int(size) => format!("int{}", size * 8),
        Element::Uint(size) => format!("uint{}", size * 8),
        Element::Float(size) => format!("float{}", size * 8),
        Element::Bytes(_) | Element::Text(_) => "string".to_owned(),
        Element::Time => "time".to_owned(),
        Element::Void(size) => format!("{size} bytes"),
    }
}

fn sizes(literal: &Literal) -> Option<Vec<u64>> {
    match literal {
        Literal::Sequence(items) => {
            items.iter().map(|item| if let Literal::Int(size) = item { Some(*size) } else { None }).collect()
        }
        Literal::Int(size) => Some(vec![*size]),
        _ => None,
    }
}

fn layout(file: &str, descr: &Literal, inner: &[usize]) -> Result<Layout> {
    let mut fields = Vec::new();
    let size = place(file, descr, "", 0, inner, &mut fields)?;
    fields.retain(|field| !matches!(field.element, Element::Void(_)));
    Ok(Layout { fields, stride: size })
}

/// Adds the fields of `descr`, which begins at the byte `offset` of the row, and gives its size with all its axes.
fn place(
    file: &str,
    descr: &Literal,
    name: &str,
    offset: usize,
    shape: &[usize],
    fields: &mut Vec<FieldLayout>,
) -> Result<usize> {
    let too_large = || malformed(file, "a row beyond all memory");
    let count = shape.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis)).ok_or_else(too_large)?;
    let item = match descr {
        Literal::Text(code) => {
            let (element, big_endian, unit) = element(file, code)?;
            fields.push(FieldLayout {
                name: name.to_owned(),
                offset,
                element,
                big_endian,
                shape: shape.to_vec(),
                unit,
            });
            element.size()
        }
        Literal::Sequence(members) => {
            if !shape.is_empty() {
                let message = format!("array '{name}' of structures with more than one axis");
                return Err(Error::Unsupported { file: file.to_owned(), message });
            }
            let mut size = 0_usize;
            for member in members {
                let (own, descr, shape) = member_of(member).ok_or_else(|| malformed(file, "a field without a type"))?;
                let full = if name.is_empty() { own.to_owned() } else { format!("{name}.{own}") };
                let at = offset.checked_add(size).ok_or_else(too_large)?;
                let added = place(file, descr, &full, at, &shape, fields)?;
                size = size.checked_add(added).ok_or_else(too_large)?;
            }
            size
        }
        _ => return Err(malformed(file, "an element type that is not understood")),
    };
    let bytes = item.checked_mul(count).filter(|bytes| *bytes < 1 << 40);
    bytes.ok_or_else(too_large)
}

/// Name, type and shape of a field `(name, type[, shape])`; the name may be `(title, name)`.
fn member_of(member: &Literal) -> Option<(&str, &Literal, Vec<usize>)> {
    let Literal::Sequence(parts) = member else { return None };
    let name = match parts.first()? {
        Literal::Text(name) => name,
        Literal::Sequence(names) => match names.last()? {
            Literal::Text(name) => name,
            _ => return None,
        },
        _ => return None,
    };
    let shape = match parts.get(2) {
        None => Vec::new(),
        Some(shape) => sizes(shape)?.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<_>>()?,
    };
    Some((name, parts.get(1)?, shape))
}

fn element(file: &str, code: &str) -> Result<(Element, bool, Option<String>)> {
    let unsupported = || {
        let message = match code.trim_start_matches(['<', '>', '|', '=']).chars().next() {
            Some('O') => "arrays of Python objects are not read".to_owned(),
            _ => format!("elements of type '{code:.20}' are not read"),
        };
        Error::Unsupported { file: file.to_owned(), message }
    };
    let big_endian = code.starts_with('>');
    let code_only = code.trim_start_matches(['<', '>', '|', '=']);
    let mut chars = code_only.chars();
    let kind = chars.next().ok_or_else(unsupported)?;
    let (size, unit) = match chars.as_str().split_once('[') {
        Some((size, unit)) => (size, Some(unit.trim_end_matches(']').to_owned())),
        None => (chars.as_str(), None),
    };
    let size: usize = size.parse().map_err(|_| unsupported())?;
    let element = match (kind, size) {
        ('b', 1) | ('?', _) => Element::Bool,
        ('i', 1 | 2 | 4 | 8) => Element::Int(size),
        ('u', 1 | 2 | 4 | 8) => Element::Uint(size),
        ('f', 2 | 4 | 8) => Element::Float(size),
        ('S' | 'a', _) => Element::Bytes(size),
        ('U', _) => Element::Text(size),
        ('M' | 'm', 8) => Element::Time,
        ('V', _) => Element::Void(size),
        _ => return Err(unsupported()),
    };
    Ok((element, big_endian, unit))
}

/// The header of an array with the element type `descr` (as Python text) and the given shape, padded so that it keeps
/// its length whatever the number of rows.
pub(super) fn written(descr: &str, rows: u64, inner: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = std::iter::once(rows.to_string()).chain(inner.iter().map(usize::to_string)).collect();
    let comma = if inner.is_empty() { "," } else { "" };
    let shape = format!("({}{comma})", axes.join(", "));
    let mut text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    // room for every possible number of rows, then up to the alignment that the format asks for
    let padded = (text.len() - rows.to_string().len() + 20 + 1 + 12).next_multiple_of(64) - 12;
    while text.len() + 1 < padded {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([2, 0]);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}
