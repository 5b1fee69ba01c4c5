//! Baskets and pages that were read in part: batches end within them, and none should be decompressed for every batch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes that are kept at most for one tree; what does not fit is decoded again.
const MOST: usize = 512 << 20;

/// What can be kept.
pub(crate) trait Size {
    /// Bytes in memory.
    fn size(&self) -> usize;
}

/// For each column the last piece that was not read to its end.
#[derive(Debug)]
pub(crate) struct Kept<K, V>(Mutex<Pieces<K, V>>);

#[derive(Debug)]
struct Pieces<K, V> {
    by_column: HashMap<usize, (K, Arc<V>)>,
    bytes: usize,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Pieces { by_column: HashMap::new(), bytes: 0 }))
    }
}

impl<K: PartialEq, V: Size> Kept<K, V> {
    fn lock(&self) -> MutexGuard<'_, Pieces<K, V>> {
        // a poisoned lock only means that another thread panicked: at worst the count of bytes is off
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The piece `key` of a column, if it is kept; it is given up with `forget`.
    pub fn get(&self, column: usize, key: &K, forget: bool) -> Option<Arc<V>> {
        let mut pieces = self.lock();
        let (kept, piece) = pieces.by_column.get(&column)?;
        if kept != key {
            return None;
        }
        let piece = piece.clone();
        if forget {
            pieces.by_column.remove(&column);
            pieces.bytes = pieces.bytes.saturating_sub(piece.size());
        }
        Some(piece)
    }

    /// Keeps a piece in place of another one of the column.
    pub fn put(&self, column: usize, key: K, piece: Arc<V>) {
        let mut pieces = self.lock();
        if let Some((_, old)) = pieces.by_column.remove(&column) {
            pieces.bytes = pieces.bytes.saturating_sub(old.size());
        }
        if pieces.bytes.saturating_add(piece.size()) <= MOST {
            pieces.bytes += piece.size();
            pieces.by_column.insert(column, (key, piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{Prim, Values};

    #[test]
    fn one_page_of_a_column_until_it_is_given_up() {
        let kept = Kept::<(usize, usize, Prim), Values>::default();
        kept.put(3, (0, 1, Prim::U8), Arc::new(vec![1_u8, 2].into()));
        assert!(kept.get(3, &(0, 2, Prim::U8), false).is_none());
        assert!(kept.get(3, &(0, 1, Prim::F32), false).is_none());
        assert_eq!(kept.get(3, &(0, 1, Prim::U8), false).as_deref(), Some(&vec![1_u8, 2].into()));
        kept.put(3, (0, 2, Prim::U8), Arc::new(vec![5_u8].into()));
        assert_eq!(kept.lock().bytes, 1);
        assert!(kept.get(3, &(0, 2, Prim::U8), true).is_some() && kept.get(3, &(0, 2, Prim::U8), false).is_none());
        assert_eq!(kept.lock().bytes, 0);
    }
}
