//! Relations between collections, and the numbers of collections that they lead to.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use recoil_table::ReadOptions;

use super::row::Row;
use crate::error::{PflowError, Result};
use crate::import::branches::{Branches, place};

/// A relation of a collection: places in other collections, and their numbers.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    index: String,
    collection: String,
}

impl Relation {
    /// The relation that older files call `X#old` and newer ones by one of `new`, as `_X_member`.
    pub(super) fn find(branches: &Branches, collection: &str, old: usize, new: &[&str]) -> Result<Self> {
        let mut names = vec![format!("{collection}#{old}")];
        names.extend(new.iter().map(|member| format!("_{collection}_{member}")));
        let found = names.iter().find(|name| branches.has(&format!("{name}.index")));
        let found = found.ok_or_else(|| {
            let member = new.first().copied().unwrap_or_default();
            let reason = format!("is missing: relation '{member}' of {collection} ({})", names.join(", "));
            PflowError::column(branches.file(), names.last().cloned().unwrap_or_default(), reason)
        })?;
        Ok(Self { index: format!("{found}.index"), collection: format!("{found}.collectionID") })
    }

    /// Names of the branches.
    pub(super) fn names(&self) -> [String; 2] {
        [self.index.clone(), self.collection.clone()]
    }

    /// Name of the branch with the numbers of collections.
    pub(super) fn collection(&self) -> &str {
        &self.collection
    }

    /// The relations of an event.
    pub(super) fn of(&self, row: &Row) -> Result<Ends> {
        Ok(Ends { index: row.column(&self.index)?, collection: row.column(&self.collection)? })
    }
}

/// The relations of a collection in an event.
pub(super) struct Ends {
    index: Vec<f64>,
    collection: Vec<f64>,
}

impl Ends {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Place that relation `index` leads to, if it is below `size`.
    pub(super) fn place(&self, index: usize, size: usize) -> Option<usize> {
        self.index.get(index).copied().and_then(place).filter(|place| *place < size)
    }

    /// Number of the collection that relation `index` leads to.
    pub(super) fn collection(&self, index: usize) -> f64 {
        self.collection.get(index).copied().unwrap_or(-1.0)
    }
}

/// A collection of links between two others.
pub(super) struct LinkCollection {
    weight: String,
    from: Relation,
    to: Relation,
}

/// One link.
pub(super) struct LinkOf {
    /// number of the collection that it comes from
    pub(super) collection: f64,
    /// place there
    pub(super) from: f64,
    /// place of the other end
    pub(super) to: f64,
    pub(super) weight: f64,
}

impl LinkCollection {
    pub(super) fn find(branches: &Branches, name: &str) -> Result<Self> {
        Ok(Self {
            weight: format!("{name}.weight"),
            from: Relation::find(branches, name, 0, &["from", "rec"])?,
            to: Relation::find(branches, name, 1, &["to", "sim"])?,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        [&self.from.names()[..], &self.to.names(), std::slice::from_ref(&self.weight)].concat()
    }

    pub(super) fn of(&self, row: &Row) -> Result<Vec<LinkOf>> {
        let (from, to, weights) = (self.from.of(row)?, self.to.of(row)?, row.column(&self.weight)?);
        let link = |index: usize| LinkOf {
            collection: from.collection(index),
            from: from.index.get(index).copied().unwrap_or(-1.0),
            to: to.index.get(index).copied().unwrap_or(-1.0),
            weight: weights.get(index).copied().unwrap_or(0.0),
        };
        Ok((0..from.len()).map(link).collect())
    }
}

/// Names of the tables of numbers: tree, branch with numbers, branch with names.
const TABLES: [(&str, &str, &str); 3] = [
    ("podio_metadata", "m_collectionIDs", "m_names"),
    ("podio_metadata", "events___CollectionTypeInfo.collectionID", "events___CollectionTypeInfo.name"),
    ("metadata", "m_collectionIDs", "m_names"),
];

/// Numbers of collections, by name, as the file's metadata tells.
///
/// # Errors
/// None: a file without such a table has no numbers.
pub(super) fn numbers(address: &str) -> BTreeMap<String, f64> {
    let Some((path, _)) = address.rsplit_once(':') else { return BTreeMap::new() };
    let read = |(tree, numbers, names): (&str, &str, &str)| -> Option<BTreeMap<String, f64>> {
        let options = ReadOptions::default().columns([numbers, names]);
        let batch = recoil_table::open(&format!("{path}:{tree}"), &options).ok()?.read_all().ok()?;
        let numbers = batch.list_as::<f64>(numbers).ok()?;
        let lists = batch.column(names).ok()?.as_list_opt::<i32>()?.clone();
        let names = lists.value(0);
        let names = names.as_string_opt::<i32>()?;
        Some(names.iter().flatten().map(str::to_owned).zip(numbers.row(0).iter().copied()).collect())
    };
    TABLES.into_iter().find_map(read).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_real_files() {
        let Ok(folder) = std::env::var("RECOIL_REALDATA") else {
            println!("SKIPPED: RECOIL_REALDATA does not name the folder with the real files");
            return;
        };
        let of = |file: &str| numbers(&format!("{folder}/mlpf/{file}:events"));
        let new = of("edm4hep.root");
        assert!(new.len() > 10 && new.contains_key("MCParticleCollection"), "{new:?}");
        assert_eq!(new.get("EventHeader"), Some(&3_616_779_153.0).filter(|_| new.contains_key("EventHeader")));
        let old = of("test_FCC_Spring2021.root");
        assert!(old.len() > 10, "{old:?}");
        // this one has no metadata
        assert!(of("test_FCC_Winter2023.root").is_empty());
    }
}
