//! Trees and RNTuples in ROOT files.
//!
//! Every branch that recoil-root can read becomes a column. Members of structures become columns of their own
//! (`track.pt`, also inside lists), and the counter branch `nX` that belongs to the one list branch `X` is not repeated
//! as a column. A branch title that is more than a leaf list becomes the column's `doc`. Units
//! and meanings of trees that recoil has written stand in a text beside them.

mod flat;
mod read;
mod write;

use std::path::Path;

pub use flat::data_type;
pub use read::RootReader;
pub use write::RootWriter;

use crate::address::Address;
use crate::contents::Object;
use crate::error::{Error, Result};

/// Name of the tree that is written when the address names none.
pub const DEFAULT_TREE: &str = "events";

/// Name of the text in a file that tells units and meanings of the columns, as JSON:
/// `{"column": {"unit": "cm", "doc": "..."}}`.
const COLUMNS: &str = "recoil.columns";

const TREES: [&str; 4] = ["TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple"];

/// The objects in the file at `path`, of all directories.
pub(crate) fn contents(path: &Path) -> Result<Vec<Object>> {
    let file = recoil_root::RootFile::open(path)?;
    let mut objects = Vec::new();
    for entry in file.ls()? {
        let tree = if TREES.contains(&entry.class.as_str()) { file.tree(&entry.path).ok() } else { None };
        objects.push(Object {
            name: entry.path,
            class: entry.class,
            rows: tree.as_ref().map(recoil_root::Tree::entries),
            columns: tree.as_ref().map(|tree| tree.branches().len()),
            title: entry.title,
        });
    }
    Ok(objects)
}

/// The tree that `address` names, or the only one of the file.
fn tree_of(address: &Address) -> Result<(recoil_root::RootFile, recoil_root::Tree, String)> {
    let file = recoil_root::RootFile::open(&address.path)?;
    let name = match &address.member {
        Some(name) => name.clone(),
        None => {
            let entries = file.ls()?;
            let mut trees: Vec<String> =
                entries.into_iter().filter(|e| TREES.contains(&e.class.as_str())).map(|e| e.path).collect();
            trees.sort();
            trees.dedup();
            match (trees.pop(), trees.as_slice()) {
                (Some(only), []) => only,
                (last, others) => {
                    let available = others.iter().cloned().chain(last).collect::<Vec<_>>().join(", ");
                    let available = if available.is_empty() { "none".to_owned() } else { available };
                    return Err(Error::WhichMember {
                        file: address.path.display().to_string(),
                        what: "tree",
                        available,
                    });
                }
            }
        }
    };
    let tree = file.tree(&name)?;
    Ok((file, tree, name))
}
