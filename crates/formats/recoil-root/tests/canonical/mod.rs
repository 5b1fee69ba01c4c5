//! Columns as bytes that an independent program can build too.

use recoil_root::Column;

/// Puts the canonical bytes of a column behind `out`: little-endian values, and counts before the content of lists
/// and strings.
pub fn bytes(column: &Column, out: &mut Vec<u8>) {
    match column {
        Column::Prim(values) => out.extend(values.to_le_bytes()),
        Column::Fixed { inner, .. } => bytes(inner, out),
        Column::List { offsets, inner } => {
            counts(offsets, out);
            bytes(inner, out);
        }
        Column::Str { offsets, bytes } => {
            counts(offsets, out);
            out.extend_from_slice(bytes);
        }
        Column::Struct { fields, .. } => fields.iter().for_each(|(_, column)| bytes(column, out)),
    }
}

fn counts(offsets: &[i64], out: &mut Vec<u8>) {
    out.extend(offsets.iter().zip(offsets.iter().skip(1)).flat_map(|(a, b)| (b - a).to_le_bytes()));
}
