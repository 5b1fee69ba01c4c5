//! From the tree of fields to branches: each value field is one, named by the fields on the way to it.

use std::collections::HashMap;

use super::{
    convert::converts,
    encoding::Encoding,
    schema::{Field, Role, Schema},
};
use crate::{
    bytes::Read,
    column::{Prim, Type},
    error::Fault,
};

/// Deeper fields and longer names are refused.
const DEEPEST: usize = 64;
const LONGEST: usize = 1024;

/// The columns that hold a value, one list per representation.
pub(super) type Columns = Vec<Vec<usize>>;

/// How the values of a branch hang together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// From the entry to the value.
    pub(super) steps: Vec<Step>,
    pub(super) leaf: Leaf,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// A collection with its ends in these columns.
    List(Columns),
    /// An array of this many items.
    Fixed(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leaf {
    Numbers {
        prim: Prim,
        columns: Columns,
    },
    /// Ends and characters.
    Text(Columns),
    /// Sizes of a collection, from its ends.
    Sizes {
        prim: Prim,
        columns: Columns,
    },
}

impl Layout {
    pub(super) fn ty(&self) -> Type {
        let leaf = match &self.leaf {
            Leaf::Numbers { prim, .. } | Leaf::Sizes { prim, .. } => Type::Prim(*prim),
            Leaf::Text(_) => Type::Str,
        };
        self.steps.iter().rev().fold(leaf, |inner, step| match step {
            Step::List(_) => Type::list(inner),
            Step::Fixed(size) => Type::fixed(*size, inner),
        })
    }
}

/// A branch that fields make.
#[derive(Debug)]
pub(crate) struct FieldBranch {
    pub name: String,
    pub own_name: String,
    pub description: String,
    pub ty: Type,
    /// None for what cannot be read, and for a record: its members are branches.
    pub layout: Option<Layout>,
}

/// The branches of the fields `top`, each record before its members.
pub(super) fn branches(schema: &Schema, top: &[usize]) -> Read<Vec<FieldBranch>> {
    let mut walk = Walk { schema, out: Vec::new() };
    for field in top.iter().filter_map(|id| schema.fields.get(*id)) {
        let at = At {
            name: field.name.clone(),
            own_name: field.name.clone(),
            description: &field.description,
            steps: Vec::new(),
            depth: 0,
        };
        walk.field(field, &at)?;
    }
    Ok(walk.out)
}

/// Where in the tree of fields the walk is.
#[derive(Clone)]
struct At<'a> {
    name: String,
    own_name: String,
    description: &'a str,
    steps: Vec<Step>,
    depth: usize,
}

impl At<'_> {
    fn then(&self, step: Option<Step>) -> Self {
        let mut below = self.clone();
        below.depth += 1;
        below.steps.extend(step);
        below
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    out: Vec<FieldBranch>,
}

impl<'a> Walk<'a> {
    fn field(&mut self, field: &'a Field, at: &At<'a>) -> Read<()> {
        if at.depth > DEEPEST || at.name.len() > LONGEST {
            let start: String = at.name.chars().take(80).collect();
            return Err(Fault::bad(0, format!("field \"{start}\" lies too deep or has too long a name")));
        }
        let size = match field.repetition.map(usize::try_from) {
            None => None,
            Some(Ok(size)) if size > 0 => Some(Step::Fixed(size)),
            Some(_) => {
                self.add(at, Err(field.type_name.clone()));
                return Ok(());
            }
        };
        let children = field.children.as_slice();
        match (field.role, size, children) {
            (Role::Leaf, size, [item]) if field.columns.is_empty() => return self.item(*item, &at.then(size)),
            (Role::Leaf, size, []) => {
                let below = at.then(size);
                let leaf = self.leaf(field);
                self.add(&below, leaf);
            }
            (Role::Collection, None, [item]) => match self.ends(&field.columns, 1) {
                Ok(columns) => return self.item(*item, &at.then(Some(Step::List(columns)))),
                Err(reason) => self.add(at, Err(reason)),
            },
            (Role::Record, None, _) => {
                self.add(at, Err(format!("group of fields of {}", field.type_name)));
                return self.members(field, at);
            }
            (Role::Variant, ..) => self.add(at, Err(format!("alternatives {}", field.type_name))),
            (Role::Streamer, ..) => self.add(at, Err(format!("unsplit object {}", field.type_name))),
            (role, ..) => self.add(at, Err(format!("field of role {role:?} and type {}", field.type_name))),
        }
        Ok(())
    }

    /// What an array, a collection or an enumeration holds: without a name of its own.
    fn item(&mut self, item: usize, at: &At<'a>) -> Read<()> {
        self.schema.fields.get(item).map_or(Ok(()), |item| self.field(item, at))
    }

    /// Members of a record and of its bases, as its own; `_0` of a pair or tuple is called `0`.
    fn members(&mut self, record: &'a Field, at: &At<'a>) -> Read<()> {
        let mut members = Vec::new();
        self.collect(record, None, 0, &mut members);
        let mut times = HashMap::<&str, usize>::new();
        for (member, _) in &members {
            *times.entry(&member.name).or_default() += 1;
        }
        for (member, base) in members {
            let mut own_name = numbered(&member.name, "_").unwrap_or(&member.name).to_owned();
            if let Some(base) = base.filter(|_| times.get(member.name.as_str()).is_some_and(|n| *n > 1)) {
                own_name = format!("{base}::{own_name}");
            }
            let mut below = at.then(None);
            below.name = format!("{}.{own_name}", at.name);
            below.own_name = own_name;
            below.description = &member.description;
            self.field(member, &below)?;
        }
        Ok(())
    }

    /// Members of a record, and those of its bases with the name of the base.
    fn collect(
        &self,
        record: &'a Field,
        base: Option<&'a str>,
        depth: usize,
        out: &mut Vec<(&'a Field, Option<&'a str>)>,
    ) {
        for member in record.children.iter().filter_map(|id| self.schema.fields.get(*id)) {
            let is_base = member.role == Role::Record && numbered(&member.name, ":_").is_some();
            if is_base && depth < DEEPEST {
                self.collect(member, Some(&member.type_name), depth + 1, out);
            } else {
                out.push((member, base));
            }
        }
    }

    fn add(&mut self, at: &At<'_>, leaf: Result<Leaf, String>) {
        let (ty, layout) = match leaf {
            Ok(leaf) => {
                let layout = Layout { steps: at.steps.clone(), leaf };
                (layout.ty(), Some(layout))
            }
            Err(reason) => (Type::Unsupported(reason), None),
        };
        let (name, own_name, description) = (at.name.clone(), at.own_name.clone(), at.description.to_owned());
        self.out.push(FieldBranch { name, own_name, description, ty, layout });
    }

    fn leaf(&self, field: &Field) -> Result<Leaf, String> {
        if field.type_name == "std::string" {
            return self.ends(&field.columns, 2).map(Leaf::Text);
        }
        if field.type_name.starts_with("ROOT::RNTupleCardinality<") {
            let prim = if field.type_name.contains("int32") { Prim::U32 } else { Prim::U64 };
            return self.ends(&field.columns, 1).map(|columns| Leaf::Sizes { prim, columns });
        }
        let encodings = self.encodings(&field.columns, 1)?;
        let stored = encodings.first().and_then(|encodings| encodings.first());
        let stored = stored.ok_or_else(|| format!("{} without columns", field.type_name))?.prim();
        let prim = prim_of(&field.type_name).unwrap_or(stored);
        match encodings.iter().flatten().find(|found| found.is_index() || !converts(found.prim(), prim)) {
            Some(other) => Err(format!("{} stored as {}", field.type_name, other.prim())),
            None => Ok(Leaf::Numbers { prim, columns: field.columns.clone() }),
        }
    }

    /// The same columns, if the first of each representation holds the ends of collections and the second characters.
    fn ends(&self, columns: &Columns, n: usize) -> Result<Columns, String> {
        for encodings in self.encodings(columns, n)? {
            match encodings.as_slice() {
                [ends] if ends.is_index() => {}
                [ends, Encoding::Plain(Prim::U8)] if ends.is_index() => {}
                _ => return Err("collection without columns that count".into()),
            }
        }
        Ok(columns.clone())
    }

    /// Encodings of the columns, `n` in each representation.
    fn encodings(&self, columns: &Columns, n: usize) -> Result<Vec<Vec<Encoding>>, String> {
        let encoding = |id: &usize| match self.schema.columns.get(*id) {
            Some(column) => column.encoding.clone(),
            None => Err(format!("no column {id}")),
        };
        if columns.is_empty() || columns.iter().any(|representation| representation.len() != n) {
            return Err(format!("{columns:?} as columns where {n} in each representation are needed"));
        }
        columns.iter().map(|representation| representation.iter().map(encoding).collect()).collect()
    }
}

/// The digits behind `prefix` when there is nothing else.
fn numbered<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn prim_of(type_name: &str) -> Option<Prim> {
    Some(match type_name {
        "bool" => Prim::Bool,
        "char" | "std::int8_t" => Prim::I8,
        "std::byte" | "std::uint8_t" => Prim::U8,
        "std::int16_t" => Prim::I16,
        "std::uint16_t" => Prim::U16,
        "std::int32_t" => Prim::I32,
        "std::uint32_t" => Prim::U32,
        "std::int64_t" => Prim::I64,
        "std::uint64_t" => Prim::U64,
        "float" => Prim::F32,
        "double" => Prim::F64,
        _ => return None,
    })
}
