//! How an entry lies in the bytes of a basket.

use std::sync::Arc;

use crate::{
    column::{Prim, Type},
    streamer::packing::Packed,
};

/// Layout of a value in the file; nests as [`Type`] does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wire {
    /// A big-endian number.
    Prim(Prim),
    /// A `Float16_t` or `Double32_t`.
    Packed(Packed),
    /// Status bits of an object; two bytes follow where they say that other objects refer to it.
    StatusBits,
    /// A `TRef`: the number of the object that it leads to.
    Reference,
    /// A `TRefArray`: such numbers.
    References,
    /// Items one after another, always as many.
    Fixed(usize, Box<Wire>),
    /// Items up to the end of the entry, or of the byte count where `header`, after `skip` bytes.
    Rest { header: bool, skip: usize, item: Box<Wire> },
    /// A count and that many items, as an STL sequence is written.
    Sequence { header: bool, item: Box<Wire> },
    /// A count and that many pairs.
    Map { header: bool, key: Box<Wire>, value: Box<Wire> },
    /// Text after its length.
    Str { header: bool, length: StrLength },
    /// Members one after another without a header: the leaves of a leaf list.
    Record(Vec<(String, Wire)>),
    /// A value after the name of its class: objects that may be of a derived class.
    Named(Box<Wire>),
    /// A class written by its description, with a header before its members.
    Class(Arc<Class>),
}

/// How the length of a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrLength {
    /// One byte, or 255 and four bytes.
    OneOrFive,
    /// Four bytes.
    Four,
}

/// Members of a class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Class {
    pub name: Arc<str>,
    pub members: Vec<Member>,
}

/// One step in reading an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Member {
    /// A value, kept under its name.
    Value(String, Wire),
    /// Items counted by an earlier member; one byte before them tells whether they are there.
    Counted { name: String, counter: usize, item: Wire },
    /// The common base class: identifiers that are of no use here.
    TObject,
}

impl Wire {
    pub fn fixed(size: usize, inner: Wire) -> Self {
        Self::Fixed(size, Box::new(inner))
    }

    /// `inner` in arrays of the dimensions `dims`, the last one innermost.
    pub fn with_dims(self, dims: &[usize]) -> Self {
        dims.iter().rev().fold(self, |inner, size| Self::fixed(*size, inner))
    }

    /// Type in memory.
    pub fn ty(&self) -> Type {
        match self {
            Self::Prim(prim) => Type::Prim(*prim),
            Self::Packed(packed) => Type::Prim(packed.prim()),
            Self::StatusBits | Self::Reference => Type::Prim(Prim::U32),
            Self::References => Type::list(Type::Prim(Prim::U32)),
            Self::Fixed(size, inner) => Type::fixed(*size, inner.ty()),
            Self::Rest { item, .. } | Self::Sequence { item, .. } => Type::list(item.ty()),
            Self::Map { key, value, .. } => {
                Type::list(Type::Struct(vec![("key".into(), key.ty()), ("value".into(), value.ty())]))
            }
            Self::Str { .. } => Type::Str,
            Self::Named(inner) => inner.ty(),
            Self::Record(fields) => Type::Struct(fields.iter().map(|(name, wire)| (name.clone(), wire.ty())).collect()),
            Self::Class(class) => {
                let field = |member: &Member| match member {
                    Member::Value(name, wire) => Some((name.clone(), wire.ty())),
                    Member::Counted { name, item, .. } => Some((name.clone(), Type::list(item.ty()))),
                    Member::TObject => None,
                };
                Type::Struct(class.members.iter().filter_map(field).collect())
            }
        }
    }

    /// Number type and count, when a value is only plain numbers, always as many.
    pub fn flat(&self) -> Option<(Prim, usize)> {
        match self {
            Self::Prim(prim) => Some((*prim, 1)),
            Self::Fixed(size, inner) => {
                let (prim, n) = inner.flat()?;
                Some((prim, n.checked_mul(*size)?))
            }
            _ => None,
        }
    }

    /// Bytes of a value, when they are always as many.
    pub fn fixed_size(&self) -> Option<usize> {
        match self {
            Self::Prim(prim) => Some(prim.size()),
            Self::Packed(packed) => Some(packed.size()),
            Self::Fixed(size, inner) => inner.fixed_size()?.checked_mul(*size),
            Self::Record(fields) => fields.iter().map(|(_, wire)| wire.fixed_size()).sum(),
            _ => None,
        }
    }

    pub fn has_header(&self) -> bool {
        matches!(
            self,
            Self::Sequence { header: true, .. } | Self::Map { header: true, .. } | Self::Str { header: true, .. }
        )
    }

    /// The same layout without its header.
    pub fn without_header(self) -> Self {
        match self {
            Self::Sequence { item, .. } => Self::Sequence { header: false, item },
            Self::Map { key, value, .. } => Self::Map { header: false, key, value },
            Self::Str { length, .. } => Self::Str { header: false, length },
            other => other,
        }
    }
}
