//! A branch: its type and where its baskets lie.

use std::sync::Arc;

use super::{basket::Embedded, wire::Wire};
use crate::{
    column::Type,
    ntuple::{Layout, Ntuple},
    streamer::object::{Object, Value},
};

/// A column of a tree: a branch of a `TTree`, or a field of an RNTuple that holds values.
#[derive(Debug)]
pub struct Branch {
    pub(crate) name: String,
    pub(crate) own_name: String,
    pub(crate) title: String,
    pub(crate) ty: Type,
    /// First entry of each basket or cluster, and the end of the last.
    pub(crate) starts: Arc<[u64]>,
    pub(crate) content: Content,
}

/// Where the values of a branch are, and how they are laid out.
#[derive(Debug)]
pub(crate) enum Content {
    Baskets(Baskets),
    /// Pages of an RNTuple; without a layout for what cannot be read.
    Pages {
        ntuple: Arc<Ntuple>,
        layout: Option<Layout>,
    },
}

/// Baskets of a branch.
#[derive(Debug)]
pub(crate) struct Baskets {
    /// Number of the branch in its tree.
    pub index: usize,
    /// `None` for a type that cannot be read.
    pub wire: Option<Wire>,
    pub places: Vec<BasketPlace>,
    /// Index of the branch that counts the items of this one.
    pub counter: Option<usize>,
}

/// Where the bytes of a basket are.
#[derive(Debug, Clone)]
pub(crate) enum BasketPlace {
    /// A record of the file.
    Stored { seek: u64, nbytes: usize },
    /// Within the object of the tree.
    Embedded(Arc<Embedded>),
}

impl Branch {
    /// Name with the names above, as uproot lists it: `event/event.fTracks` of branches, `event.tracks` of fields.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name without the names above.
    #[must_use]
    pub fn own_name(&self) -> &str {
        &self.own_name
    }

    /// Title; often the leaf list or what the quantity is. The description of a field.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Type of an entry; [`Type::Unsupported`] for groups of branches or fields and classes that cannot be read.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// What the quantity is, where the title tells that and not the leaves.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        let title = self.title.as_str();
        let is_leaf_list = || title.starts_with(&self.own_name) || !title.contains(' ') || title.contains('/');
        let tells = match &self.content {
            Content::Baskets(_) => !is_leaf_list(),
            Content::Pages { .. } => true,
        };
        (tells && !title.is_empty()).then_some(title)
    }

    /// Whether this is a branch or field above others, which hold what it consists of.
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        let below = other.name.strip_prefix(&self.name);
        below.is_some_and(|below| match &self.content {
            Content::Baskets(_) => below.starts_with('/'),
            Content::Pages { .. } => below.starts_with('.'),
        })
    }

    /// Number of entries in its baskets or clusters.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// First entry of each basket, or cluster of an RNTuple, and the end of the last.
    #[must_use]
    pub fn basket_starts(&self) -> &[u64] {
        &self.starts
    }

    pub(super) fn basket(&self, number: usize) -> Option<&BasketPlace> {
        match &self.content {
            Content::Baskets(baskets) => baskets.places.get(number),
            Content::Pages { .. } => None,
        }
    }

    /// Number of a branch of baskets in its tree.
    pub(super) fn index(&self) -> Option<usize> {
        match &self.content {
            Content::Baskets(baskets) => Some(baskets.index),
            Content::Pages { .. } => None,
        }
    }

    pub(super) fn counter(&self) -> Option<usize> {
        match &self.content {
            Content::Baskets(baskets) => baskets.counter,
            Content::Pages { .. } => None,
        }
    }
}

/// Baskets of a branch object, and the first entry of each with the end of the last.
///
/// The entries of the last stored basket may not be known from the branch; then `None` stands for its end.
pub(crate) fn baskets(branch: &Object) -> (Vec<BasketPlace>, Vec<Option<u64>>) {
    let (seeks, sizes, entries) =
        (branch.ints("fBasketSeek"), branch.ints("fBasketBytes"), branch.ints("fBasketEntry"));
    let written = usize::try_from(branch.int("fWriteBasket")).unwrap_or(0);
    let mut places = Vec::new();
    let mut starts = Vec::new();
    let stored = seeks.iter().zip(sizes.iter()).take(written).take_while(|(seek, _)| **seek != 0);
    for (i, (seek, size)) in stored.enumerate() {
        // sizes and positions below 0 fail when they are read
        places.push(BasketPlace::Stored { seek: *seek as u64, nbytes: *size as usize });
        starts.push(entries.get(i).and_then(|entry| u64::try_from(*entry).ok()));
    }
    let total = u64::try_from(branch.int("fEntries")).unwrap_or(0);
    let embedded: Vec<&Arc<Embedded>> = branch
        .get("fBaskets")
        .list()
        .iter()
        .filter_map(|value| if let Value::Basket(basket) = value { Some(basket) } else { None })
        .filter(|basket| basket.entries() > 0)
        .collect();
    let mut end = match entries.get(places.len()).and_then(|entry| u64::try_from(*entry).ok()) {
        Some(end) => Some(end),
        None if places.is_empty() => Some(0),
        None if embedded.is_empty() => Some(total),
        None => None,
    };
    starts.push(end);
    if end != Some(total) {
        for basket in embedded {
            end = end.and_then(|end| end.checked_add(basket.entries() as u64));
            places.push(BasketPlace::Embedded(basket.clone()));
            starts.push(end);
        }
    }
    (places, starts)
}
