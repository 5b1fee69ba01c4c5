//! The 711 columns of the candidate tuple.

use std::collections::HashMap;
use std::sync::LazyLock;

use recoil_root::{Prim, Type};

/// Name of the tree that holds the candidates, one entry per candidate.
pub const TREE: &str = "taus";

/// A column of the candidate tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Name, the same in ROOT and Parquet.
    pub name: &'static str,
    /// Type of its numbers.
    pub prim: Prim,
    /// Whether a candidate has any number of them.
    pub list: bool,
}

impl ColumnDef {
    /// Type of an entry.
    pub fn ty(&self) -> Type {
        if self.list { Type::list(Type::Prim(self.prim)) } else { Type::Prim(self.prim) }
    }

    /// What stands for a number that is missing: the lowest of its type, and all bits set for identifiers.
    pub fn missing(&self) -> f64 {
        match self.prim {
            Prim::F32 => f64::from(f32::MIN),
            Prim::F64 => f64::MIN,
            Prim::I32 => f64::from(i32::MIN),
            _ => 0.0,
        }
    }
}

/// All columns in the order of the tuple.
pub fn tuple() -> &'static [ColumnDef] {
    static COLUMNS: LazyLock<Vec<ColumnDef>> = LazyLock::new(|| {
        let lines = include_str!("tautuple.csv").lines().skip(1);
        lines.filter_map(|line| line.split_once(',')).filter_map(|(name, ty)| definition(name, ty)).collect()
    });
    &COLUMNS
}

/// The column called `name`.
pub fn column(name: &str) -> Option<&'static ColumnDef> {
    static BY_NAME: LazyLock<HashMap<&'static str, usize>> =
        LazyLock::new(|| tuple().iter().enumerate().map(|(i, column)| (column.name, i)).collect());
    tuple().get(*BY_NAME.get(name)?)
}

fn definition(name: &'static str, ty: &str) -> Option<ColumnDef> {
    let inner = ty.strip_prefix("vector<").and_then(|rest| rest.strip_suffix('>'));
    let prim = match inner.unwrap_or(ty) {
        "Float_t" | "float" => Prim::F32,
        "Double_t" => Prim::F64,
        "Int_t" | "int" => Prim::I32,
        "UInt_t" | "unsigned int" => Prim::U32,
        "ULong64_t" => Prim::U64,
        "Long64_t" => Prim::I64,
        "UShort_t" => Prim::U16,
        "bool" => Prim::Bool,
        _ => return None,
    };
    Some(ColumnDef { name, prim, list: inner.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_711_columns() {
        let count = |prim, list| tuple().iter().filter(|c| c.prim == prim && c.list == list).count();
        assert_eq!(tuple().len(), 711);
        assert_eq!((count(Prim::F32, false), count(Prim::F32, true)), (178, 293));
        assert_eq!((count(Prim::I32, false), count(Prim::I32, true)), (59, 145));
        assert_eq!((count(Prim::U16, false), count(Prim::Bool, true), count(Prim::I64, true)), (22, 2, 1));
        assert_eq!(column("pfCand_pt").map(ColumnDef::ty), Some(Type::list(Type::Prim(Prim::F32))));
        assert_eq!(column("nothing"), None);
    }
}
