//! Trees: their branches and the reading of columns.

pub(crate) mod basket;
mod branch;
mod decode;
mod leaf;
mod read;
mod reference;
mod typename;
mod wire;

use std::{collections::HashMap, sync::Arc};

use basket::Scratch;
pub use branch::Branch;
use branch::{Baskets, Content, baskets};
use leaf::{BranchNode, wire_of_branch};
pub(crate) use read::Order;

use crate::{
    column::Type,
    error::{Error, Fault, Place, Result, hint},
    kept::Kept,
    ntuple::{FieldBranch, Ntuple},
    source::Source,
    streamer::{
        info::Infos,
        object::{Object, Value},
    },
};

/// A `TTree`, `TNtuple` or what derives from them, or an RNTuple; cheap to clone.
///
/// The fields of an RNTuple are its branches: one for each field that holds values, named with the fields above as
/// `muons.pt`. Records are groups of them, as `muons`.
#[derive(Debug, Clone)]
pub struct Tree {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Arc<Source>,
    path: String,
    name: String,
    title: String,
    entries: u64,
    branches: Vec<Branch>,
    /// Index of each branch by its full name, and by its own name where that is unique.
    by_name: HashMap<String, usize>,
    /// Ends of the groups of entries that were flushed together; negative or empty when not known.
    auto_flush: i64,
    /// Baskets that were read in part, by the number of their branch.
    kept: Kept<usize, Scratch>,
}

impl Tree {
    pub(crate) fn new(source: Arc<Source>, path: &str, object: &Object, infos: &Infos) -> Result<Self> {
        let place = Place { object: Some(path.to_owned()), ..source.place() };
        if !object.has("fBranches") {
            return Err(Fault::bad(0, "a tree without branches").at(place));
        }
        let mut found = Vec::new();
        flatten(object.get("fBranches"), None, "", &mut found);
        let leaf_owner = leaf_owners(&found);
        let mut branches = Vec::with_capacity(found.len());
        for (name, object, parent) in &found {
            let counter = counter_of(object).and_then(|leaf| leaf_owner.get(&Arc::as_ptr(leaf)).copied());
            let counter_name = counter.and_then(|i| found.get(i)).map(|(_, object, _)| object.text("fName"));
            let node = BranchNode { object, parent: parent.as_deref(), counter: counter_name.as_deref(), infos };
            let (ty, wire) = match wire_of_branch(&node) {
                Ok(wire) => (wire.ty(), Some(wire)),
                Err(reason) => (Type::Unsupported(reason), None),
            };
            let (places, starts) = baskets(object);
            let starts = known_starts(starts)
                .map_err(|fault| fault.at(Place { branch: Some(name.clone()), ..place.clone() }))?;
            branches.push(Branch {
                name: name.clone(),
                own_name: object.text("fName").to_string(),
                title: object.text("fTitle").to_string(),
                ty,
                starts: starts.into(),
                content: Content::Baskets(Baskets { index: branches.len(), wire, places, counter }),
            });
        }
        let entries = u64::try_from(object.int("fEntries"))
            .map_err(|_| Fault::bad(0, "a negative number of entries").at(place))?;
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                path: path.to_owned(),
                name: object.text("fName").to_string(),
                title: object.text("fTitle").to_string(),
                entries,
                by_name: names(&branches),
                branches,
                auto_flush: object.int("fAutoFlush"),
                kept: Kept::default(),
            }),
        })
    }

    /// The RNTuple whose anchor is the payload of the key at `place`.
    pub(crate) fn of_ntuple(source: Arc<Source>, path: &str, place: &Place, anchor: &[u8]) -> Result<Self> {
        let (ntuple, found) = Ntuple::open(source.clone(), place, anchor)?;
        let ntuple = Arc::new(ntuple);
        let starts: Arc<[u64]> = ntuple.starts().into();
        let branch = |found: FieldBranch| Branch {
            name: found.name,
            own_name: found.own_name,
            title: found.description,
            ty: found.ty,
            starts: starts.clone(),
            content: Content::Pages { ntuple: ntuple.clone(), layout: found.layout },
        };
        let branches: Vec<Branch> = found.into_iter().map(branch).collect();
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                path: path.to_owned(),
                name: ntuple.name().to_owned(),
                title: ntuple.description().to_owned(),
                entries: ntuple.entries(),
                by_name: names(&branches),
                branches,
                auto_flush: 0,
                kept: Kept::default(),
            }),
        })
    }

    /// Name without directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.inner.title
    }

    /// Number of entries (rows).
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.inner.entries
    }

    /// All branches in the order of the file, each before its sub-branches.
    #[must_use]
    pub fn branches(&self) -> &[Branch] {
        &self.inner.branches
    }

    /// The branch with this full name, or with this own name if no other has it.
    ///
    /// # Errors
    /// [`Error::NoBranch`], with a near name where there is one.
    pub fn branch(&self, name: &str) -> Result<&Branch> {
        let inner = &*self.inner;
        inner.by_name.get(name).and_then(|i| inner.branches.get(*i)).ok_or_else(|| Error::NoBranch {
            file: inner.source.path().to_path_buf(),
            tree: inner.path.clone(),
            branch: name.to_owned(),
            hint: hint(name, inner.branches.iter().map(Branch::name)),
        })
    }

    fn place(&self, branch: &Branch) -> Place {
        Place { object: Some(self.inner.path.clone()), branch: Some(branch.name.clone()), ..self.inner.source.place() }
    }

    /// Entries at which every one of `branches` begins a basket (or cluster): 0, ..., the number of entries.
    ///
    /// Reading between two of them decodes no basket twice. Where the branches have no common boundary the largest
    /// gap is the whole tree; see [`Tree::batches`] for bounded pieces.
    #[must_use]
    pub fn clusters(&self, branches: &[&Branch]) -> Vec<u64> {
        let entries = self.entries();
        let mut common: Vec<u64> = match branches.split_first() {
            None => Vec::new(),
            Some((first, rest)) => first
                .starts
                .iter()
                .copied()
                .filter(|start| *start > 0 && *start < entries)
                .filter(|start| rest.iter().all(|branch| branch.starts.binary_search(start).is_ok()))
                .collect(),
        };
        common.insert(0, 0);
        common.push(entries);
        common.dedup();
        common
    }

    /// Ranges of about `size` entries that cover the tree, cut where the baskets of `branches` end where possible.
    #[must_use]
    pub fn batches(&self, branches: &[&Branch], size: u64) -> Vec<std::ops::Range<u64>> {
        let (clusters, size) = (self.clusters(branches), size.max(1));
        let mut out = Vec::new();
        let mut start = 0;
        while start < self.entries() {
            let limit = start.saturating_add(size).min(self.entries());
            let cut = clusters.iter().copied().filter(|at| *at > start && *at <= limit).max();
            // a boundary that would make a small batch is not worth it
            let end = cut.filter(|at| *at - start >= size / 2 || *at == self.entries()).unwrap_or(limit);
            out.push(start..end);
            start = end;
        }
        out
    }

    /// Entries per flush that the writer asked for, when it counted entries.
    #[must_use]
    pub fn flush_entries(&self) -> Option<u64> {
        u64::try_from(self.inner.auto_flush).ok().filter(|n| *n > 0)
    }
}

type Found = (String, Arc<Object>, Option<Arc<Object>>);

/// Branches with their full names and parents, each before its sub-branches.
fn flatten(list: &Value, parent: Option<&Arc<Object>>, above: &str, out: &mut Vec<Found>) {
    for branch in list.objects() {
        let own = branch.text("fName");
        let name = if above.is_empty() { own.to_string() } else { format!("{above}/{own}") };
        out.push((name.clone(), branch.clone(), parent.cloned()));
        flatten(branch.get("fBranches"), Some(branch), &name, out);
    }
}

/// The leaf that counts the items of a branch.
fn counter_of(branch: &Object) -> Option<&Arc<Object>> {
    branch.get("fLeaves").objects().find_map(|leaf| leaf.object("fLeafCount"))
}

/// Index of the branch that owns each leaf.
fn leaf_owners(found: &[Found]) -> HashMap<*const Object, usize> {
    let leaves = |branch: &Object| -> Vec<*const Object> { branch.get("fLeaves").objects().map(Arc::as_ptr).collect() };
    found
        .iter()
        .enumerate()
        .flat_map(|(i, (_, branch, _))| leaves(branch).into_iter().map(move |leaf| (leaf, i)))
        .collect()
}

fn names(branches: &[Branch]) -> HashMap<String, usize> {
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut own: HashMap<&str, Option<usize>> = HashMap::new();
    for (i, branch) in branches.iter().enumerate() {
        own.entry(&branch.own_name).and_modify(|slot| *slot = None).or_insert(Some(i));
    }
    for (name, i) in own {
        if let Some(i) = i {
            by_name.insert(name.to_owned(), i);
        }
    }
    for (i, branch) in branches.iter().enumerate().rev() {
        by_name.insert(branch.name.clone(), i);
    }
    by_name
}

/// Checks that the first entries of baskets rise from 0.
fn known_starts(starts: Vec<Option<u64>>) -> Result<Vec<u64>, Fault> {
    let n = starts.len();
    let starts: Vec<u64> = starts.into_iter().flatten().collect();
    if starts.len() < n || starts.windows(2).any(|pair| matches!(pair, [a, b] if a > b)) {
        return Err(Fault::bad(0, "baskets whose first entries are unknown or do not rise"));
    }
    Ok(starts)
}
