//! Types and values of a branch, in memory.

use std::fmt;

/// Element type of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is its own description")]
pub enum Prim {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Prim {
    /// Bytes of one value, in memory and in the file.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// Type of one entry of a branch; nests freely.
///
/// A map is a `List` of a `Struct` with the fields `key` and `value`. `Float16_t` is `F32` and `Double32_t` is `F64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// One number or truth value.
    Prim(Prim),
    /// An array whose length is the same in every entry.
    Fixed {
        /// Number of items.
        size: usize,
        /// Type of an item.
        inner: Box<Type>,
    },
    /// A vector or counted array.
    List(Box<Type>),
    /// A string of bytes, usually UTF-8.
    Str,
    /// Members in the order of the file.
    Struct(Vec<(String, Type)>),
    /// A type that cannot be read, with the C++ name or the reason.
    Unsupported(String),
}

impl Type {
    /// A list of `inner`.
    #[must_use]
    pub fn list(inner: Type) -> Self {
        Self::List(Box::new(inner))
    }

    /// An array of `size` items of `inner`.
    #[must_use]
    pub fn fixed(size: usize, inner: Type) -> Self {
        Self::Fixed { size, inner: Box::new(inner) }
    }

    /// Whether nothing in it is [`Type::Unsupported`].
    #[must_use]
    pub fn is_supported(&self) -> bool {
        match self {
            Self::Prim(_) | Self::Str => true,
            Self::Fixed { inner, .. } | Self::List(inner) => inner.is_supported(),
            Self::Struct(fields) => fields.iter().all(|(_, ty)| ty.is_supported()),
            Self::Unsupported(_) => false,
        }
    }
}

impl fmt::Display for Type {
    /// As `f32`, `[f32; 3]`, `list<list<i32>>`, `struct{x: f32, y: f32}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prim(prim) => write!(f, "{prim}"),
            Self::Fixed { size, inner } => write!(f, "[{inner}; {size}]"),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Str => f.write_str("string"),
            Self::Struct(fields) => {
                f.write_str("struct{")?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}: {ty}")?;
                }
                f.write_str("}")
            }
            Self::Unsupported(what) => write!(f, "unsupported({what})"),
        }
    }
}

macro_rules! per_prim {
    ($($variant:ident $ty:ty, $name:literal;)*) => {
        impl fmt::Display for Prim {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name,)* })
            }
        }

        /// Numbers of one type, in memory order.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each name is its own description")]
        pub enum Values { $($variant(Vec<$ty>),)* }

        impl Values {
            /// No values, with room for `capacity`.
            #[must_use]
            pub fn with_capacity(prim: Prim, capacity: usize) -> Self {
                match prim { $(Prim::$variant => Self::$variant(Vec::with_capacity(capacity)),)* }
            }

            /// Number of values.
            #[must_use]
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(v) => v.len(),)* }
            }

            /// Type of the values.
            #[must_use]
            pub fn prim(&self) -> Prim {
                match self { $(Self::$variant(_) => Prim::$variant,)* }
            }

            /// Puts `other` behind; `false` (and nothing done) when the types differ.
            #[must_use]
            pub fn append(&mut self, other: &Values) -> bool {
                match (self, other) {
                    $((Self::$variant(a), Self::$variant(b)) => a.extend_from_slice(b),)*
                    _ => return false,
                }
                true
            }

            /// Makes room for `n` more values.
            pub(crate) fn reserve(&mut self, n: usize) {
                match self { $(Self::$variant(v) => v.reserve_exact(n),)* }
            }

            /// Puts `n` zeros behind.
            pub(crate) fn extend_zeros(&mut self, n: usize) {
                match self { $(Self::$variant(v) => v.resize(v.len() + n, <$ty>::default()),)* }
            }

            /// Puts the values `start..end` of `other`, of the same type, behind.
            pub(crate) fn append_range(&mut self, other: &Values, start: usize, end: usize) {
                match (self, other) {
                    $((Self::$variant(a), Self::$variant(b)) => a.extend_from_slice(cut(b, start, end)),)*
                    _ => {}
                }
            }

            /// Values `start..end`, both cut to the length.
            #[must_use]
            pub fn slice(&self, start: usize, end: usize) -> Self {
                match self { $(Self::$variant(v) => Self::$variant(cut(v, start, end).to_vec()),)* }
            }

            /// The values as little-endian bytes.
            #[must_use]
            pub fn to_le_bytes(&self) -> Vec<u8> {
                match self { $(Self::$variant(v) => v.iter().flat_map(|x| LeBytes::le(*x)).collect(),)* }
            }
        }

        $(impl From<Vec<$ty>> for Values {
            fn from(v: Vec<$ty>) -> Self { Self::$variant(v) }
        })*
    };
}

per_prim! {
    Bool bool, "bool";
    I8 i8, "i8";
    U8 u8, "u8";
    I16 i16, "i16";
    U16 u16, "u16";
    I32 i32, "i32";
    U32 u32, "u32";
    I64 i64, "i64";
    U64 u64, "u64";
    F32 f32, "f32";
    F64 f64, "f64";
}

trait LeBytes {
    type Bytes: IntoIterator<Item = u8>;
    fn le(self) -> Self::Bytes;
}

macro_rules! le_bytes {
    ($($ty:ty)*) => { $(impl LeBytes for $ty {
        type Bytes = [u8; size_of::<$ty>()];
        fn le(self) -> Self::Bytes { self.to_le_bytes() }
    })* };
}
le_bytes!(i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);

impl LeBytes for bool {
    type Bytes = [u8; 1];
    fn le(self) -> [u8; 1] {
        [u8::from(self)]
    }
}

impl Values {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `i` as a float (64-bit integers lose their low bits).
    #[must_use]
    pub fn get_f64(&self, i: usize) -> Option<f64> {
        Some(match self {
            Self::Bool(v) => f64::from(u8::from(*v.get(i)?)),
            Self::I8(v) => f64::from(*v.get(i)?),
            Self::U8(v) => f64::from(*v.get(i)?),
            Self::I16(v) => f64::from(*v.get(i)?),
            Self::U16(v) => f64::from(*v.get(i)?),
            Self::I32(v) => f64::from(*v.get(i)?),
            Self::U32(v) => f64::from(*v.get(i)?),
            Self::I64(v) => *v.get(i)? as f64,
            Self::U64(v) => *v.get(i)? as f64,
            Self::F32(v) => f64::from(*v.get(i)?),
            Self::F64(v) => *v.get(i)?,
        })
    }
}

fn cut<T>(v: &[T], start: usize, end: usize) -> &[T] {
    let end = end.min(v.len());
    v.get(start.min(end)..end).unwrap_or(&[])
}

/// The values of a branch, entry by entry, in the manner of Arrow.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// One value per entry.
    Prim(Values),
    /// `size` items of `inner` per entry.
    Fixed {
        /// Items per entry, at least 1.
        size: usize,
        /// `size` times as many items as entries.
        inner: Box<Column>,
    },
    /// Entry `i` holds the items `offsets[i]..offsets[i + 1]` of `inner`.
    List {
        /// One more than there are entries; begins at 0, never falls.
        offsets: Vec<i64>,
        /// All items, end to end.
        inner: Box<Column>,
    },
    /// Entry `i` is the string `bytes[offsets[i]..offsets[i + 1]]`.
    Str {
        /// One more than there are entries; begins at 0, never falls.
        offsets: Vec<i64>,
        /// All strings, end to end; not always UTF-8.
        bytes: Vec<u8>,
    },
    /// One column per member.
    Struct {
        /// Number of entries.
        len: usize,
        /// Name and values of each member.
        fields: Vec<(String, Column)>,
    },
}

impl Column {
    /// A column of `ty` with no entries. An unsupported type becomes a struct without members.
    #[must_use]
    pub fn empty(ty: &Type) -> Self {
        match ty {
            Type::Prim(prim) => Self::Prim(Values::with_capacity(*prim, 0)),
            Type::Fixed { size, inner } => Self::Fixed { size: *size, inner: Box::new(Self::empty(inner)) },
            Type::List(inner) => Self::List { offsets: vec![0], inner: Box::new(Self::empty(inner)) },
            Type::Str => Self::Str { offsets: vec![0], bytes: Vec::new() },
            Type::Struct(fields) => Self::Struct {
                len: 0,
                fields: fields.iter().map(|(name, ty)| (name.clone(), Self::empty(ty))).collect(),
            },
            Type::Unsupported(_) => Self::Struct { len: 0, fields: Vec::new() },
        }
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Prim(values) => values.len(),
            Self::Fixed { size, inner } => inner.len() / (*size).max(1),
            Self::List { offsets, .. } | Self::Str { offsets, .. } => offsets.len().saturating_sub(1),
            Self::Struct { len, .. } => *len,
        }
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type that this column has.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self {
            Self::Prim(values) => Type::Prim(values.prim()),
            Self::Fixed { size, inner } => Type::fixed(*size, inner.ty()),
            Self::List { inner, .. } => Type::list(inner.ty()),
            Self::Str { .. } => Type::Str,
            Self::Struct { fields, .. } => {
                Type::Struct(fields.iter().map(|(name, column)| (name.clone(), column.ty())).collect())
            }
        }
    }

    /// Bytes of the values and offsets.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        match self {
            Self::Prim(values) => values.len() * values.prim().size(),
            Self::Fixed { inner, .. } => inner.byte_size(),
            Self::List { offsets, inner } => offsets.len() * 8 + inner.byte_size(),
            Self::Str { offsets, bytes } => offsets.len() * 8 + bytes.len(),
            Self::Struct { fields, .. } => fields.iter().map(|(_, column)| column.byte_size()).sum(),
        }
    }

    /// Entries `start..end`, both cut to the length.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.len());
        let start = start.min(end);
        match self {
            Self::Prim(values) => Self::Prim(values.slice(start, end)),
            Self::Fixed { size, inner } => {
                Self::Fixed { size: *size, inner: Box::new(inner.slice(start * size, end * size)) }
            }
            Self::List { offsets, inner } => {
                let (offsets, first, last) = rebase(offsets, start, end);
                Self::List { offsets, inner: Box::new(inner.slice(first, last)) }
            }
            Self::Str { offsets, bytes } => {
                let (offsets, first, last) = rebase(offsets, start, end);
                Self::Str { offsets, bytes: cut(bytes, first, last).to_vec() }
            }
            Self::Struct { fields, .. } => Self::Struct {
                len: end - start,
                fields: fields.iter().map(|(name, column)| (name.clone(), column.slice(start, end))).collect(),
            },
        }
    }

    /// Puts the entries of `other` behind; `false` when the types differ (then `self` may be left with a part).
    #[must_use]
    pub fn append(&mut self, other: &Column) -> bool {
        match (self, other) {
            (Self::Prim(a), Self::Prim(b)) => a.append(b),
            (Self::Fixed { size: n, inner: a }, Self::Fixed { size: m, inner: b }) => n == m && a.append(b),
            (Self::List { offsets: a, inner: x }, Self::List { offsets: b, inner: y }) => {
                join(a, b);
                x.append(y)
            }
            (Self::Str { offsets: a, bytes: x }, Self::Str { offsets: b, bytes: y }) => {
                join(a, b);
                x.extend_from_slice(y);
                true
            }
            (Self::Struct { len: n, fields: a }, Self::Struct { len: m, fields: b }) => {
                *n += m;
                a.len() == b.len() && a.iter_mut().zip(b).all(|((_, x), (_, y))| x.append(y))
            }
            _ => false,
        }
    }
}

impl Column {
    /// All `parts` end to end, as a column of `ty`; `None` when their types differ.
    #[must_use]
    pub fn concat(ty: &Type, parts: Vec<Column>) -> Option<Self> {
        let mut rest = parts.into_iter();
        let Some(mut whole) = rest.next() else { return Some(Self::empty(ty)) };
        let rest: Vec<Column> = rest.collect();
        whole.reserve(&rest.iter().collect::<Vec<_>>());
        rest.iter().all(|part| whole.append(part)).then_some(whole)
    }

    /// Makes room for `entries` entries with `numbers` numbers in all, where the column is made of plain numbers.
    pub(crate) fn reserve_flat(&mut self, entries: usize, numbers: usize) {
        match self {
            Self::Prim(values) => values.reserve(numbers),
            Self::Fixed { inner, .. } => inner.reserve_flat(entries, numbers),
            Self::List { offsets, inner } => {
                offsets.reserve_exact(entries);
                inner.reserve_flat(entries, numbers);
            }
            Self::Str { .. } | Self::Struct { .. } => {}
        }
    }

    /// Makes room for `parts` behind, so that they are copied once.
    fn reserve(&mut self, parts: &[&Column]) {
        match self {
            Self::Prim(values) => values.reserve(parts.iter().map(|part| part.len()).sum()),
            Self::Fixed { inner, .. } => inner.reserve(&inner_of(parts)),
            Self::List { offsets, inner } => {
                offsets.reserve(parts.iter().map(|part| part.len()).sum());
                inner.reserve(&inner_of(parts));
            }
            Self::Str { offsets, bytes } => {
                offsets.reserve(parts.iter().map(|part| part.len()).sum());
                bytes.reserve(parts.iter().map(|part| part.byte_size()).sum());
            }
            Self::Struct { .. } => {}
        }
    }
}

fn inner_of<'a>(parts: &[&'a Column]) -> Vec<&'a Column> {
    let inner = |part: &&'a Column| match part {
        Column::Fixed { inner, .. } | Column::List { inner, .. } => Some(&**inner),
        _ => None,
    };
    parts.iter().filter_map(inner).collect()
}

/// Offsets of the entries `start..end` from 0, and the items that they span.
fn rebase(offsets: &[i64], start: usize, end: usize) -> (Vec<i64>, usize, usize) {
    let part = cut(offsets, start, end + 1);
    let first = part.first().copied().unwrap_or(0);
    let last = part.last().copied().unwrap_or(first);
    let mut moved: Vec<i64> = part.iter().map(|x| x - first).collect();
    if moved.is_empty() {
        moved.push(0);
    }
    (moved, first as usize, last as usize)
}

/// Puts the lists with the offsets `b` behind those with the offsets `a`.
fn join(a: &mut Vec<i64>, b: &[i64]) {
    let base = a.last().copied().unwrap_or(0);
    if a.is_empty() {
        a.push(0);
    }
    a.extend(b.iter().skip(1).map(|x| x + base));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lists() -> Column {
        Column::List { offsets: vec![0, 2, 2, 5], inner: Box::new(Column::Prim(vec![1_i32, 2, 3, 4, 5].into())) }
    }

    #[test]
    fn slice_then_append_gives_back() {
        let whole = lists();
        let mut front = whole.slice(0, 1);
        assert_eq!(front.len(), 1);
        let back = whole.slice(1, 99);
        assert_eq!(back, Column::List { offsets: vec![0, 0, 3], inner: Box::new(Column::Prim(vec![3, 4, 5].into())) });
        assert!(front.append(&back));
        assert_eq!(front, whole);
    }

    #[test]
    fn append_refuses_another_type() {
        let mut column = lists();
        assert!(!column.append(&Column::Prim(vec![1_u8].into())));
    }

    #[test]
    fn types_print() {
        let ty = Type::list(Type::fixed(3, Type::Prim(Prim::F32)));
        assert_eq!(ty.to_string(), "list<[f32; 3]>");
        assert_eq!(Column::empty(&ty).ty(), ty);
    }
}
