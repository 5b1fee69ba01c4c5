//! From declared columns to branches: leaf types, names of counters, who shares one.

use std::collections::{BTreeMap, BTreeSet};

use super::branch::{Branch, Layout, Source};
use super::fault::WriteFault;
use super::sink::bad_name;
use crate::{Prim, Type};

/// The branches that hold `columns`, each counter before the branches that it counts.
///
/// With `vectors`, a jagged column of numbers is a branch of C++ vectors. Without it it is counted by another branch:
/// with `share`, a jagged column `X_y` is counted by a declared 32-bit integer column `nX_y` or `nX` where there is
/// one (the longest such name wins). Every other jagged column `X` gets a counter branch `nX`, or `nX_` if that name is
/// taken.
pub(super) fn branches(columns: &[(String, Type)], share: bool, vectors: bool) -> Result<Vec<Branch>, WriteFault> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for (name, _) in columns {
        let reason = match bad_name(name) {
            _ if name.contains(['[', ']']) => Some("holds a bracket"),
            None if !taken.insert(name) => Some("is given twice"),
            known => known,
        };
        if let Some(reason) = reason {
            return Err(WriteFault::Name { name: name.clone(), reason });
        }
    }
    let names = taken.iter().map(|name| (*name).to_owned()).collect();
    let mut plan = Plan { columns, names, vectors, ..Plan::default() };
    for index in 0..columns.len() {
        plan.add_column(index, share)?;
    }
    Ok(plan.branches)
}

#[derive(Default)]
struct Plan<'a> {
    columns: &'a [(String, Type)],
    /// Names of all columns and counters.
    names: BTreeSet<String>,
    /// Branch of each column that has one by now.
    placed: BTreeMap<usize, usize>,
    branches: Vec<Branch>,
    /// Whether lists of numbers are C++ vectors.
    vectors: bool,
}

impl Plan<'_> {
    /// Adds the branch of column `index`, and its counter before it, unless it is there already; gives its number.
    fn add_column(&mut self, index: usize, share: bool) -> Result<usize, WriteFault> {
        let columns = self.columns;
        let (Some((name, ty)), None) = (columns.get(index), self.placed.get(&index)) else {
            return Ok(self.placed.get(&index).copied().unwrap_or(0));
        };
        let layout =
            match shape(ty, self.vectors).ok_or_else(|| WriteFault::Type { column: name.clone(), ty: ty.clone() })? {
                Shape::Flat(prim, dims) => Layout::Flat { prim, dims },
                Shape::Text => Layout::Text,
                Shape::Nested(class) => Layout::Nested { class },
                Shape::Jagged(prim, dims) => {
                    let counter = match declared_counter(name, columns).filter(|_| share) {
                        Some(counter) => self.add_column(counter, share)?,
                        None => self.add_counter(name, index),
                    };
                    let counter_name = self.branches.get_mut(counter).map_or_else(String::new, |branch| {
                        branch.counts = true;
                        branch.name.clone()
                    });
                    Layout::Jagged { prim, dims, counter, counter_name }
                }
            };
        self.placed.insert(index, self.branches.len());
        self.branches.push(Branch::new(name.clone(), layout, Source::Column(index)));
        Ok(self.branches.len() - 1)
    }

    fn add_counter(&mut self, of: &str, column: usize) -> usize {
        let mut name = format!("n{of}");
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        let layout = Layout::Flat { prim: Prim::I32, dims: Vec::new() };
        self.branches.push(Branch::new(name, layout, Source::LengthsOf(column)));
        self.branches.len() - 1
    }
}

/// The declared column that counts the jagged column `name`.
fn declared_counter(name: &str, columns: &[(String, Type)]) -> Option<usize> {
    let stems = name.char_indices().rev().filter(|(_, letter)| matches!(letter, '_' | '.')).map(|(end, _)| end);
    std::iter::once(name.len()).chain(stems).filter_map(|end| name.get(..end)).find_map(|stem| {
        columns.iter().position(|(other, ty)| {
            other.strip_prefix('n') == Some(stem) && matches!(ty, Type::Prim(Prim::I32 | Prim::U32))
        })
    })
}

enum Shape {
    Flat(Prim, Vec<usize>),
    Jagged(Prim, Vec<usize>),
    Text,
    /// A C++ class of nested vectors.
    Nested(String),
}

fn shape(ty: &Type, vectors: bool) -> Option<Shape> {
    match ty {
        Type::Str => Some(Shape::Text),
        Type::List(inner) if vectors && matches!(**inner, Type::Prim(_)) => vector_class(ty).map(Shape::Nested),
        Type::List(inner) => match dimensions(inner) {
            Some((prim, dims)) => Some(Shape::Jagged(prim, dims)),
            None => vector_class(ty).map(Shape::Nested),
        },
        _ => dimensions(ty).map(|(prim, dims)| Shape::Flat(prim, dims)),
    }
}

/// Primitive type and fixed dimensions, outermost first, of an array of nothing else.
fn dimensions(ty: &Type) -> Option<(Prim, Vec<usize>)> {
    match ty {
        Type::Prim(prim) => Some((*prim, Vec::new())),
        Type::Fixed { size, inner } if *size > 0 => {
            let (prim, mut dims) = dimensions(inner)?;
            dims.insert(0, *size);
            // ROOT counts the values of an entry in 31 bits
            let values = dims.iter().try_fold(prim.size(), |product, size| product.checked_mul(*size))?;
            (values <= 0x3fff_ffff).then_some((prim, dims))
        }
        _ => None,
    }
}

/// The C++ class of vectors of vectors, strings or numbers, spelled as ROOT spells it.
fn vector_class(ty: &Type) -> Option<String> {
    match ty {
        Type::List(inner) => {
            let inner = vector_class(inner)?;
            let gap = if inner.ends_with('>') { " " } else { "" };
            Some(format!("vector<{inner}{gap}>"))
        }
        Type::Str => Some("string".into()),
        Type::Prim(prim) => Some(
            match prim {
                Prim::Bool => "bool",
                Prim::I8 => "char",
                Prim::U8 => "unsigned char",
                Prim::I16 => "short",
                Prim::U16 => "unsigned short",
                Prim::I32 => "int",
                Prim::U32 => "unsigned int",
                Prim::I64 => "Long64_t",
                Prim::U64 => "ULong64_t",
                Prim::F32 => "float",
                Prim::F64 => "double",
            }
            .into(),
        ),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn jagged() -> Type {
        Type::list(Type::Prim(Prim::F32))
    }

    fn names(columns: &[(&str, Type)], share: bool) -> Vec<String> {
        let columns: Vec<_> = columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
        branches(&columns, share, false).unwrap().into_iter().map(|branch| branch.name).collect()
    }

    #[test]
    fn vectors_need_no_counter() {
        let columns = [("a".to_owned(), jagged()), ("b".to_owned(), Type::fixed(2, Type::Prim(Prim::I32)))];
        let branches = branches(&columns, true, true).unwrap();
        let layouts: Vec<_> = branches.iter().map(|branch| (branch.name.as_str(), &branch.layout)).collect();
        assert!(
            matches!(&layouts[..], [("a", Layout::Nested { class }), ("b", Layout::Flat { .. })] if class == "vector<float>")
        );
    }

    #[test]
    fn each_jagged_column_has_its_counter() {
        assert_eq!(names(&[("a", jagged()), ("b", jagged())], true), ["na", "a", "nb", "b"]);
    }

    #[test]
    fn declared_counter_is_shared_and_comes_first() {
        let columns = [("Mu_pt", jagged()), ("Mu_eta", jagged()), ("nMu", Type::Prim(Prim::U32))];
        assert_eq!(names(&columns, true), ["nMu", "Mu_pt", "Mu_eta"]);
        assert_eq!(names(&columns, false), ["nMu_pt", "Mu_pt", "nMu_eta", "Mu_eta", "nMu"]);
    }

    #[test]
    fn longest_stem_wins() {
        let columns = [("nMu", Type::Prim(Prim::I32)), ("nMu_hit", Type::Prim(Prim::I32)), ("Mu_hit_x", jagged())];
        let columns: Vec<_> = columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
        assert_eq!(declared_counter("Mu_hit_x", &columns), Some(1));
    }

    #[test]
    fn column_that_cannot_count_keeps_its_name() {
        assert_eq!(names(&[("nX", Type::Prim(Prim::F64)), ("X", jagged())], true), ["nX", "nX_", "X"]);
    }

    #[test]
    fn nested_vectors_have_root_class_names() {
        assert_eq!(vector_class(&Type::list(Type::list(jagged()))).unwrap(), "vector<vector<vector<float> > >");
        assert_eq!(vector_class(&Type::list(Type::Str)).unwrap(), "vector<string>");
    }

    #[test]
    fn refused_columns() {
        let one = |name: &str, ty: Type| branches(&[(name.to_owned(), ty)], true, false).unwrap_err();
        assert!(matches!(one("", Type::Str), WriteFault::Name { .. }));
        assert!(matches!(one("a[2]", Type::Str), WriteFault::Name { .. }));
        assert!(matches!(one("a", Type::fixed(3, Type::Str)), WriteFault::Type { .. }));
        assert!(matches!(one("a", Type::list(Type::fixed(3, jagged()))), WriteFault::Type { .. }));
    }
}
