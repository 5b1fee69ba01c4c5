//! From the bytes of a basket to columns.

use super::{
    basket::View,
    reference::{reference, references},
    wire::{Class, Member, StrLength, Wire},
};
use crate::{
    bytes::{Cursor, Read},
    column::{Column, Prim, Values},
    error::Fault,
};

/// Version bit of a collection written member by member.
const MEMBER_WISE: i16 = 0x4000;
/// Status bit of an object that other objects refer to.
pub(super) const IS_REFERENCED: u32 = 0x10;

/// A number as it lies in a file.
pub(crate) trait Stored: Copy + Default + Send + Sync {
    const SIZE: usize;
    /// Decodes big-endian `src` to `dst`; as many values as both hold.
    fn swap(src: &[u8], dst: &mut [Self]);
    /// Decodes big-endian `src` to the end of `dst`.
    fn extend(src: &[u8], dst: &mut Vec<Self>);
}

/// Runs a loop over `bytes` bytes as compiled for the widest vectors of the machine, if that pays for looking them up.
pub(crate) fn in_wide_vectors<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < 1024 { work() } else { pulp::Arch::new().dispatch(work) }
}

macro_rules! stored {
    ($($ty:ty, $from:expr;)*) => { $(impl Stored for $ty {
        const SIZE: usize = size_of::<$ty>();

        fn swap(src: &[u8], dst: &mut [Self]) {
            let (chunks, _) = src.as_chunks::<{ size_of::<$ty>() }>();
            in_wide_vectors(src.len(), || {
                for (value, bytes) in dst.iter_mut().zip(chunks) {
                    *value = $from(*bytes);
                }
            });
        }

        fn extend(src: &[u8], dst: &mut Vec<Self>) {
            let (chunks, _) = src.as_chunks::<{ size_of::<$ty>() }>();
            in_wide_vectors(src.len(), || dst.extend(chunks.iter().map(|bytes| $from(*bytes))));
        }
    })* };
}

stored! {
    bool, |[b]: [u8; 1]| b != 0;
    i8, i8::from_be_bytes;
    u8, u8::from_be_bytes;
    i16, i16::from_be_bytes;
    u16, u16::from_be_bytes;
    i32, i32::from_be_bytes;
    u32, u32::from_be_bytes;
    i64, i64::from_be_bytes;
    u64, u64::from_be_bytes;
    f32, f32::from_be_bytes;
    f64, f64::from_be_bytes;
}

/// Runs `$body` with the vector inside of `$values` as `$v`.
macro_rules! with_vec {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            $crate::column::Values::Bool($v) => $body,
            $crate::column::Values::I8($v) => $body,
            $crate::column::Values::U8($v) => $body,
            $crate::column::Values::I16($v) => $body,
            $crate::column::Values::U16($v) => $body,
            $crate::column::Values::I32($v) => $body,
            $crate::column::Values::U32($v) => $body,
            $crate::column::Values::I64($v) => $body,
            $crate::column::Values::U64($v) => $body,
            $crate::column::Values::F32($v) => $body,
            $crate::column::Values::F64($v) => $body,
        }
    };
}
pub(crate) use with_vec;

fn extend(values: &mut Values, src: &[u8]) {
    with_vec!(values, v => Stored::extend(src, v));
}

/// Puts the entries `from..to` of a basket at the end of `out`, a column of the type of `wire`.
///
/// `counts` are the items of each of these entries, for a counted array in a basket without offsets.
pub(crate) fn decode(
    wire: &Wire,
    view: View<'_>,
    from: usize,
    to: usize,
    counts: Option<&[usize]>,
    out: &mut Column,
) -> Read<()> {
    if let Some(size) = wire.fixed_size() {
        return fixed_entries(wire, size, view, from, to, out);
    }
    let generated;
    let (offsets, from, to) = match (view.offsets, counts, wire) {
        (Some(offsets), ..) => (Some(offsets), from, to),
        (None, Some(counts), Wire::Rest { item, .. }) => {
            let missing = || Fault::bad(view.data.len(), "items of unequal size without offsets");
            let size = if **item == Wire::StatusBits { Some(4) } else { item.fixed_size() };
            let size = size.ok_or_else(missing)?;
            generated = generate_offsets(counts, size, view.data.len())?;
            (Some(generated.as_slice()), from, to)
        }
        _ => (None, from, to),
    };
    let Some(offsets) = offsets else {
        return sequential(wire, view, from, to, out);
    };
    let offsets = offsets
        .get(from..=to)
        .ok_or_else(|| Fault::bad(view.data.len(), format!("{} entries where {to} are wanted", view.entries)))?;
    if let Some(lists) = FlatLists::of(wire) {
        return lists.decode(view.data, offsets, out);
    }
    let mut cursor = Cursor::new(view.data);
    for pair in offsets.windows(2) {
        let [start, end] = *pair else { continue };
        cursor.widen(view.data.len());
        cursor.seek(start as usize)?;
        cursor.narrow(end as usize)?;
        if start == end {
            push_empty(out).ok_or_else(|| Fault::bad(start as usize, "an entry without bytes"))?;
        } else {
            value(wire, &mut cursor, out)?;
        }
    }
    Ok(())
}

/// Offsets of entries of `counts` items with `size` bytes each.
fn generate_offsets(counts: &[usize], size: usize, len: usize) -> Read<Vec<u32>> {
    let mut offsets = vec![0_u32];
    let mut end = 0_usize;
    for count in counts {
        end = count.checked_mul(size).and_then(|bytes| end.checked_add(bytes)).filter(|end| *end <= len).ok_or_else(
            || Fault::bad(end, format!("a count of {count} items, which the {len} bytes of the basket do not hold")),
        )?;
        offsets.push(end as u32);
    }
    Ok(offsets)
}

/// Entries that all take `size` bytes.
fn fixed_entries(wire: &Wire, size: usize, view: View<'_>, from: usize, to: usize, out: &mut Column) -> Read<()> {
    let range = from.checked_mul(size).zip(to.checked_mul(size));
    let bytes = range.and_then(|(start, end)| view.data.get(start..end)).ok_or(Fault::Short {
        at: from.saturating_mul(size),
        need: (to - from).saturating_mul(size),
        len: view.data.len(),
    })?;
    many(wire, to - from, &mut Cursor::new(bytes), out)
}

/// Numbers in the arrays of `wire`.
pub(crate) fn in_arrays(values: Values, wire: &Wire) -> Column {
    match wire {
        Wire::Fixed(size, inner) => Column::Fixed { size: *size, inner: Box::new(in_arrays(values, inner)) },
        _ => Column::Prim(values),
    }
}

/// Entries whose ends only show while reading them, from the first one on.
fn sequential(wire: &Wire, view: View<'_>, from: usize, to: usize, out: &mut Column) -> Read<()> {
    let mut cursor = Cursor::new(view.data);
    if matches!(wire, Wire::Rest { .. }) {
        return Err(Fault::bad(view.data.len(), "a counted array without offsets or counts"));
    }
    let mut passed = Column::empty(&wire.ty());
    for _ in 0..from {
        value(wire, &mut cursor, &mut passed)?;
    }
    for _ in from..to {
        value(wire, &mut cursor, out)?;
    }
    Ok(())
}

/// Lists of plain numbers: the layouts that carry most of the data, read without a look at each item.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FlatLists {
    /// Counted arrays: the bytes between offsets, less `skip` before each.
    Rest { skip: usize, prim: Prim, per_item: usize },
    /// STL sequences: a header, a count, the numbers.
    Sequence { header: bool, prim: Prim, per_item: usize },
}

impl FlatLists {
    pub fn of(wire: &Wire) -> Option<Self> {
        match wire {
            Wire::Rest { header: false, skip, item } => {
                item.flat().map(|(prim, per_item)| Self::Rest { skip: *skip, prim, per_item })
            }
            Wire::Sequence { header, item } => {
                item.flat().map(|(prim, per_item)| Self::Sequence { header: *header, prim, per_item })
            }
            _ => None,
        }
    }

    /// Numbers in `bytes` bytes that hold `entries` entries, if none of these lacks what stands before its items.
    pub fn numbers(self, bytes: usize, entries: usize) -> usize {
        let (before, prim) = match self {
            Self::Rest { skip, prim, .. } => (skip, prim),
            Self::Sequence { header, prim, .. } => (4 + if header { 6 } else { 0 }, prim),
        };
        bytes.saturating_sub(entries.saturating_mul(before)) / prim.size()
    }

    fn decode(self, data: &[u8], offsets: &[u32], out: &mut Column) -> Read<()> {
        let at = offsets.first().map_or(0, |at| *at as usize);
        let Column::List { offsets: ends, inner } = out else { return Err(mismatch(at)) };
        let values = innermost(inner).ok_or_else(|| mismatch(at))?;
        match self {
            Self::Rest { skip, prim, per_item } => {
                rest_of_numbers(data, offsets, skip, per_item * prim.size(), ends, values)
            }
            Self::Sequence { header, prim, per_item } => {
                with_vec!(values, v => sequences_of_numbers(data, offsets, header, per_item * prim.size(), ends, v))
            }
        }
    }
}

fn rest_of_numbers(
    data: &[u8],
    offsets: &[u32],
    skip: usize,
    size: usize,
    ends: &mut Vec<i64>,
    values: &mut Values,
) -> Read<()> {
    let bad = |at: usize| Fault::bad(at, format!("an entry whose size is no multiple of {size} bytes"));
    let mut items = ends.last().copied().unwrap_or(0);
    if skip == 0 && size.is_power_of_two() {
        let [first, ends_here @ ..] = offsets else { return Ok(()) };
        let shift = size.trailing_zeros();
        let bits = in_wide_vectors(4 * ends_here.len(), || {
            ends.extend(ends_here.iter().map(|at| items + i64::from((*at - first) >> shift)));
            ends_here.iter().fold(0, |all, at| all | (*at - first))
        });
        if bits as usize & (size - 1) != 0 {
            return Err(bad(*first as usize));
        }
        let last = ends_here.last().unwrap_or(first);
        extend(values, data.get(*first as usize..*last as usize).unwrap_or(&[]));
        return Ok(());
    }
    for pair in offsets.windows(2) {
        let [start, end] = [pair.first(), pair.last()].map(|at| at.map_or(0, |at| *at as usize));
        let bytes = if start == end { &[] } else { data.get(start + skip..end).ok_or_else(|| bad(start))? };
        if bytes.len() % size != 0 {
            return Err(bad(start));
        }
        items += (bytes.len() / size) as i64;
        ends.push(items);
        extend(values, bytes);
    }
    Ok(())
}

fn sequences_of_numbers<T: Stored>(
    data: &[u8],
    offsets: &[u32],
    header: bool,
    size: usize,
    ends: &mut Vec<i64>,
    values: &mut Vec<T>,
) -> Read<()> {
    let mut items = ends.last().copied().unwrap_or(0);
    let mut cursor = Cursor::new(data);
    for pair in offsets.windows(2) {
        let [start, end] = *pair else { continue };
        if start < end {
            cursor.widen(end as usize);
            cursor.seek(start as usize)?;
            if header {
                cursor.counted_header()?;
            }
            let n = cursor.count(size)?;
            T::extend(cursor.take(n * size)?, values);
            items += n as i64;
        }
        ends.push(items);
    }
    Ok(())
}

/// An empty list or string for an entry without bytes; `None` where there is no such thing.
fn push_empty(out: &mut Column) -> Option<()> {
    match out {
        Column::List { offsets, .. } | Column::Str { offsets, .. } => {
            offsets.push(offsets.last().copied().unwrap_or(0));
            Some(())
        }
        _ => None,
    }
}

fn push_end(offsets: &mut Vec<i64>, items: usize) {
    offsets.push(offsets.last().copied().unwrap_or(0) + items as i64);
}

/// Reads `n` values to the end of `out`.
fn many(wire: &Wire, n: usize, cursor: &mut Cursor<'_>, out: &mut Column) -> Read<()> {
    if let Some((prim, per_item)) = wire.flat() {
        let at = cursor.pos();
        let bytes = n.checked_mul(per_item * prim.size()).ok_or_else(|| Fault::bad(at, "a count beyond all bounds"))?;
        extend(innermost(out).ok_or_else(|| mismatch(at))?, cursor.take(bytes)?);
        return Ok(());
    }
    for _ in 0..n {
        value(wire, cursor, out)?;
    }
    Ok(())
}

fn innermost(column: &mut Column) -> Option<&mut Values> {
    match column {
        Column::Prim(values) => Some(values),
        Column::Fixed { inner, .. } => innermost(inner),
        _ => None,
    }
}

/// The column and the layout come from the same place, so this does not happen.
fn mismatch(at: usize) -> Fault {
    Fault::bad(at, "a layout that does not fit its column")
}

/// Reads one value to the end of `out`.
fn value(wire: &Wire, cursor: &mut Cursor<'_>, out: &mut Column) -> Read<()> {
    let at = cursor.pos();
    match (wire, out) {
        (Wire::Prim(prim), Column::Prim(values)) => extend(values, cursor.take(prim.size())?),
        (Wire::Packed(packed), Column::Prim(values)) => {
            let x = packed.packing.value(cursor.take(packed.size())?);
            match values {
                Values::F32(v) => v.push(x as f32),
                Values::F64(v) => v.push(x),
                _ => return Err(mismatch(at)),
            }
        }
        (Wire::StatusBits, Column::Prim(Values::U32(values))) => {
            let bits = cursor.u32()?;
            if bits & IS_REFERENCED != 0 {
                cursor.skip(2)?;
            }
            values.push(bits);
        }
        (Wire::Reference, Column::Prim(Values::U32(values))) => values.push(reference(cursor)?),
        (Wire::References, Column::List { offsets, inner }) => {
            let Some(Values::U32(numbers)) = innermost(inner) else { return Err(mismatch(at)) };
            push_end(offsets, references(cursor, numbers)?);
        }
        (Wire::Fixed(size, inner), Column::Fixed { inner: out, .. }) => many(inner, *size, cursor, out)?,
        (Wire::Rest { header, skip, item }, Column::List { offsets, inner }) => {
            let outer = open(cursor, *header)?.map(|(_, end)| cursor.narrow(end)).transpose()?;
            cursor.skip(*skip)?;
            let mut n = 0;
            while cursor.left() > 0 {
                let before = cursor.pos();
                value(item, cursor, inner)?;
                if cursor.pos() == before {
                    return Err(Fault::bad(at, "items without bytes"));
                }
                n += 1;
            }
            if let Some(outer) = outer {
                cursor.widen(outer);
            }
            push_end(offsets, n);
        }
        (Wire::Sequence { header, item }, Column::List { offsets, inner }) => {
            let member_wise = matches!(open(cursor, *header)?, Some((version, _)) if version & MEMBER_WISE != 0);
            let n = if member_wise { by_member(item, cursor, inner)? } else { by_item(item, cursor, inner)? };
            push_end(offsets, n);
        }
        (Wire::Map { header, key, value: item }, Column::List { offsets, inner }) => {
            let member_wise = matches!(open(cursor, *header)?, Some((version, _)) if version & MEMBER_WISE != 0);
            let n = map(key, item, member_wise, cursor, inner)?;
            push_end(offsets, n);
        }
        (Wire::Str { header, length }, Column::Str { offsets, bytes }) => {
            open(cursor, *header)?;
            let text = match length {
                StrLength::OneOrFive => cursor.string_bytes()?,
                StrLength::Four => {
                    let n = cursor.count(1)?;
                    cursor.take(n)?
                }
            };
            bytes.extend_from_slice(text);
            push_end(offsets, text.len());
        }
        (Wire::Record(members), Column::Struct { len, fields }) => {
            for ((_, wire), (_, column)) in members.iter().zip(fields) {
                value(wire, cursor, column)?;
            }
            *len += 1;
        }
        (Wire::Named(inner), out) => {
            let name = cursor.string_bytes()?;
            if let Wire::Class(class) = &**inner
                && name != class.name.as_bytes()
            {
                let name = String::from_utf8_lossy(name);
                return Err(Fault::bad(at, format!("an object of {name} in a column of {}", class.name)));
            }
            cursor.skip(1)?;
            value(inner, cursor, out)?;
        }
        (Wire::Class(class), Column::Struct { len, fields }) => {
            object(class, cursor, fields)?;
            *len += 1;
        }
        _ => return Err(mismatch(at)),
    }
    Ok(())
}

/// Reads a header where there is one: version, and end by its byte count.
///
/// Some values that have a header as a rule are written without, as strings within pairs: what is no byte count is
/// left for the value.
fn open(cursor: &mut Cursor<'_>, header: bool) -> Read<Option<(i16, usize)>> {
    if !header {
        return Ok(None);
    }
    Ok(cursor.counted_header()?.map(|header| (header.version, header.end.unwrap_or(cursor.end()))))
}

fn by_item(item: &Wire, cursor: &mut Cursor<'_>, out: &mut Column) -> Read<usize> {
    let n = cursor.count(item.fixed_size().unwrap_or(1).max(1))?;
    many(item, n, cursor, out)?;
    Ok(n)
}

/// A sequence of objects written one member after another: first that member of all objects, then the next.
fn by_member(item: &Wire, cursor: &mut Cursor<'_>, out: &mut Column) -> Read<usize> {
    let at = cursor.pos();
    let (Wire::Class(class), Column::Struct { len, fields }) = (item, out) else {
        return Err(Fault::bad(at, "a sequence of numbers written member by member"));
    };
    class_version(cursor)?;
    let n = cursor.count(1)?;
    members(class, n, cursor, fields)?;
    *len += n;
    Ok(n)
}

/// The version of a class, and its checksum when the version is 0.
fn class_version(cursor: &mut Cursor<'_>) -> Read<()> {
    if cursor.i16()? <= 0 {
        cursor.skip(4)?;
    }
    Ok(())
}

fn map(key: &Wire, item: &Wire, member_wise: bool, cursor: &mut Cursor<'_>, out: &mut Column) -> Read<usize> {
    let at = cursor.pos();
    let Column::Struct { len, fields } = out else { return Err(mismatch(at)) };
    let [(_, keys), (_, values)] = fields.as_mut_slice() else { return Err(mismatch(at)) };
    if member_wise {
        class_version(cursor)?;
    }
    let n = cursor.count(1)?;
    if n == 0 {
        return Ok(0);
    }
    if member_wise {
        for (wire, column) in [(key, keys), (item, values)] {
            open(cursor, wire.has_header())?;
            many(&wire.clone().without_header(), n, cursor, column)?;
        }
    } else {
        for _ in 0..n {
            value(key, cursor, keys)?;
            value(item, cursor, values)?;
        }
    }
    *len += n;
    Ok(n)
}

/// Reads one object, header first, into the columns of its members.
///
/// Classes that do not derive from `TObject` and stand alone in a branch are written without a header.
fn object(class: &Class, cursor: &mut Cursor<'_>, fields: &mut [(String, Column)]) -> Read<()> {
    let Some(header) = cursor.counted_header()? else {
        return members(class, 1, cursor, fields);
    };
    let end = header.end.unwrap_or(cursor.end());
    let outer = cursor.narrow(end)?;
    if header.version <= 0 {
        cursor.skip(4)?;
    }
    members(class, 1, cursor, fields)?;
    cursor.seek(end)?;
    cursor.widen(outer);
    Ok(())
}

/// Reads each member `n` times over: `n` is 1 but in collections that are written member by member.
fn members(class: &Class, n: usize, cursor: &mut Cursor<'_>, fields: &mut [(String, Column)]) -> Read<()> {
    let mut next = 0;
    for member in &class.members {
        let at = cursor.pos();
        if *member == Member::TObject {
            for _ in 0..n {
                let header = cursor.header()?;
                cursor.skip(4)?;
                if cursor.u32()? & IS_REFERENCED != 0 {
                    cursor.skip(2)?;
                }
                if let Some(end) = header.end {
                    cursor.seek(end)?;
                }
            }
            continue;
        }
        match member {
            Member::TObject => {}
            Member::Value(_, wire) => {
                let (_, column) = fields.get_mut(next).ok_or_else(|| mismatch(at))?;
                many(wire, n, cursor, column)?;
            }
            Member::Counted { counter, item, .. } => {
                // columns leave out what comes of the common base class
                let skipped = class.members.iter().take(*counter).filter(|m| **m == Member::TObject).count();
                let (_, counts) = fields.get(counter - skipped).ok_or_else(|| mismatch(at))?;
                let Column::Prim(counts) = counts else { return Err(mismatch(at)) };
                let first = counts.len().saturating_sub(n);
                let counts: Vec<f64> = (first..counts.len()).filter_map(|i| counts.get_f64(i)).collect();
                let (_, column) = fields.get_mut(next).ok_or_else(|| mismatch(at))?;
                let Column::List { offsets, inner } = column else { return Err(mismatch(at)) };
                for count in counts {
                    let present = cursor.u8()? != 0;
                    let least = item.fixed_size().unwrap_or(1).max(1);
                    let n = cursor.checked_count(if present { count as i64 } else { 0 }, least, at)?;
                    many(item, n, cursor, inner)?;
                    push_end(offsets, n);
                }
            }
        }
        next += 1;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn read(wire: &Wire, data: &[u8], offsets: &[u32]) -> Read<Column> {
        let mut out = Column::empty(&wire.ty());
        let entries = offsets.len() - 1;
        decode(wire, View { data, offsets: Some(offsets), entries }, 0, entries, None, &mut out).map(|()| out)
    }

    #[test]
    fn status_bits_of_referenced_objects_carry_two_more_bytes() {
        let wire = Wire::Rest { header: false, skip: 0, item: Box::new(Wire::StatusBits) };
        let data = [3, 0, 0, 0x10, 0, 7, 3, 0, 0, 0, 3, 0, 0, 0];
        let expected = Column::List {
            offsets: vec![0, 2, 3],
            inner: Box::new(Column::Prim(vec![0x0300_0010_u32, 0x0300_0000, 0x0300_0000].into())),
        };
        assert_eq!(read(&wire, &data, &[0, 10, 14]).unwrap(), expected);
    }

    #[test]
    fn objects_after_the_name_of_their_class() {
        let members = vec![Member::Value("x".into(), Wire::Prim(Prim::I16))];
        let class = Wire::Class(Arc::new(Class { name: "P".into(), members }));
        let wire = Wire::Named(Box::new(class));
        let data = *b"\x01P\0\x40\0\0\x04\0\x01\0\x2a";
        let expected = Column::Struct { len: 1, fields: vec![("x".into(), Column::Prim(vec![42_i16].into()))] };
        assert_eq!(read(&wire, &data, &[0, data.len() as u32]).unwrap(), expected);
        let derived = *b"\x01Q\0\x40\0\0\x04\0\x01\0\x2a";
        let fault = read(&wire, &derived, &[0, derived.len() as u32]).unwrap_err();
        assert_eq!(fault.to_string(), "an object of Q in a column of P at 0 of the record");
    }
}
