//! A branch: its type and where its baskets lie.

use std::sync::Arc;

use super::{basket::Embedded, wire::Wire};
use crate::{
    column::Type,
    streamer::object::{Object, Value},
};

/// A column of a tree.
#[derive(Debug)]
pub struct Branch {
    pub(crate) name: String,
    pub(crate) own_name: String,
    pub(crate) title: String,
    pub(crate) ty: Type,
    /// `None` for a type that cannot be read.
    pub(crate) wire: Option<Wire>,
    pub(crate) baskets: Vec<BasketPlace>,
    /// First entry of each basket, and the end of the last.
    pub(crate) starts: Vec<u64>,
    /// Index of the branch that counts the items of this one.
    pub(crate) counter: Option<usize>,
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
    /// Name with the names of the branches above, as `event/event.fTracks`: what uproot lists.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name without the branches above.
    #[must_use]
    pub fn own_name(&self) -> &str {
        &self.own_name
    }

    /// Title; often the leaf list or what the quantity is.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Type of an entry; [`Type::Unsupported`] for groups of branches and classes that cannot be read.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Number of entries in its baskets.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// First entry of each basket, and the end of the last.
    #[must_use]
    pub fn basket_starts(&self) -> &[u64] {
        &self.starts
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
