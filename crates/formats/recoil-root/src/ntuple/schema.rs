//! Fields and columns, as the header describes them and the footer extends them.

use std::collections::BTreeMap;

use super::{encoding::Encoding, envelope::content, little::Little};
use crate::{bytes::Read, error::Fault};

/// What a field is in the tree of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Leaf,
    Collection,
    Record,
    Variant,
    Streamer,
    Unknown(u16),
}

#[derive(Debug)]
pub(super) struct Field {
    pub role: Role,
    pub name: String,
    pub type_name: String,
    pub description: String,
    /// Items per entry of an array.
    pub repetition: Option<u64>,
    /// Its columns, one list per representation.
    pub columns: Vec<Vec<usize>>,
    pub children: Vec<usize>,
    parent: usize,
}

#[derive(Debug)]
pub(super) struct Column {
    /// The error names a type that is not known.
    pub encoding: Result<Encoding, String>,
    pub bits: u16,
    /// Whether the column was added while the ntuple was written: clusters before that have no pages of it.
    pub deferred: bool,
    /// Whether it is suppressed in the clusters before it was added.
    pub suppressed_before: bool,
    field: usize,
    representation: u16,
}

/// All that is known of an ntuple before its pages.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub name: String,
    pub description: String,
    pub fields: Vec<Field>,
    pub columns: Vec<Column>,
    /// Physical columns of projected fields: `(column, field)`.
    aliases: Vec<(usize, usize)>,
}

impl Schema {
    /// The schema in a header.
    pub fn of_header(envelope: &[u8]) -> Read<Self> {
        let mut cursor = content(envelope)?;
        cursor.feature_flags()?;
        let (name, description, _writer) = (cursor.string()?, cursor.string()?, cursor.string()?);
        let mut schema = Self { name, description, ..Self::default() };
        schema.extend(&mut cursor)?;
        Ok(schema)
    }

    /// Adds the fields and columns that are described at `cursor`.
    pub fn extend(&mut self, cursor: &mut Little<'_>) -> Read<()> {
        let (mut list, n) = cursor.list()?;
        for _ in 0..n {
            let field = field(&mut list.record()?, self.fields.len())?;
            self.fields.push(field);
        }
        let (mut list, n) = cursor.list()?;
        for _ in 0..n {
            let column = column(&mut list.record()?)?;
            self.columns.push(column);
        }
        let (mut list, n) = cursor.list()?;
        for _ in 0..n {
            let mut alias = list.record()?;
            self.aliases.push((alias.u32()? as usize, alias.u32()? as usize));
        }
        // what ROOT tells about its own classes
        cursor.list()?;
        Ok(())
    }

    /// Gives the fields their children and columns; gives the fields without parents.
    pub fn link(&mut self) -> Read<Vec<usize>> {
        let mut top = Vec::new();
        for id in 0..self.fields.len() {
            let Some(parent) = self.fields.get(id).map(|field| field.parent) else { break };
            if parent == id {
                top.push(id);
            } else if let Some(parent) = self.fields.get_mut(parent) {
                parent.children.push(id);
            }
        }
        let own = self.columns.iter().enumerate().map(|(id, column)| (column.field, id));
        let aliases = self.aliases.iter().map(|(column, field)| (*field, *column));
        let mut by_field: BTreeMap<usize, BTreeMap<u16, Vec<usize>>> = BTreeMap::new();
        for (field, id) in own.chain(aliases) {
            let column = self.columns.get(id).ok_or_else(|| Fault::bad(0, format!("an alias of column {id}")))?;
            by_field.entry(field).or_default().entry(column.representation).or_default().push(id);
        }
        for (id, representations) in by_field {
            let field = self.fields.get_mut(id).ok_or_else(|| Fault::bad(0, format!("a column of the field {id}")))?;
            field.columns = representations.into_values().collect();
        }
        Ok(top)
    }
}

fn field(cursor: &mut Little<'_>, id: usize) -> Read<Field> {
    let at = cursor.pos();
    let _versions = cursor.u64()?;
    let parent = cursor.u32()? as usize;
    if parent > id {
        return Err(Fault::bad(at, format!("field {id} stands before its parent {parent}")));
    }
    let role = match cursor.u16()? {
        0 => Role::Leaf,
        1 => Role::Collection,
        2 => Role::Record,
        3 => Role::Variant,
        4 => Role::Streamer,
        other => Role::Unknown(other),
    };
    let flags = cursor.u16()?;
    let (name, type_name, _alias, description) =
        (cursor.string()?, cursor.string()?, cursor.string()?, cursor.string()?);
    let repetition = if flags & 1 != 0 { Some(cursor.u64()?) } else { None };
    Ok(Field { role, name, type_name, description, repetition, columns: Vec::new(), children: Vec::new(), parent })
}

fn column(cursor: &mut Little<'_>) -> Read<Column> {
    let (kind, bits) = (cursor.u16()?, cursor.u16()?);
    let field = cursor.u32()? as usize;
    let (flags, representation) = (cursor.u16()?, cursor.u16()?);
    let first = if flags & 1 != 0 { cursor.i64()? } else { 0 };
    let range = if flags & 2 != 0 { Some((cursor.f64()?, cursor.f64()?)) } else { None };
    Ok(Column {
        encoding: Encoding::of(kind, bits, range),
        bits,
        deferred: flags & 1 != 0,
        suppressed_before: first < 0,
        field,
        representation,
    })
}
