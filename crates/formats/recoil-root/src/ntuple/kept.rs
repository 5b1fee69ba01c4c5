//! Pages that were read in part: batches end within pages, and no page should be decompressed for every batch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::column::{Prim, Values};

/// Bytes of values that are kept at most; what does not fit is decoded again.
const MOST: usize = 512 << 20;

/// A cluster and the number of a page of a column in it.
type PageKey = (usize, usize);

/// The last page of each column that was not read to its end.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    by_column: HashMap<usize, (PageKey, Arc<Values>)>,
    bytes: usize,
}

fn size(values: &Values) -> usize {
    values.len() * values.prim().size()
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        // a poisoned lock only means that another thread panicked: at worst the count of bytes is off
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of a page, if they are kept as `prim`; they are given up with `forget`.
    pub fn get(&self, column: usize, key: PageKey, prim: Prim, forget: bool) -> Option<Arc<Values>> {
        let mut pages = self.lock();
        let (kept, values) = pages.by_column.get(&column)?;
        if *kept != key || values.prim() != prim {
            return None;
        }
        let values = values.clone();
        if forget {
            pages.by_column.remove(&column);
            pages.bytes = pages.bytes.saturating_sub(size(&values));
        }
        Some(values)
    }

    /// Keeps the values of a page in place of those of another page of the column.
    pub fn put(&self, column: usize, key: PageKey, values: Arc<Values>) {
        let mut pages = self.lock();
        if let Some((_, old)) = pages.by_column.remove(&column) {
            pages.bytes = pages.bytes.saturating_sub(size(&old));
        }
        if pages.bytes.saturating_add(size(&values)) <= MOST {
            pages.bytes += size(&values);
            pages.by_column.insert(column, (key, values));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_of_a_column_until_it_is_given_up() {
        let kept = Kept::default();
        kept.put(3, (0, 1), Arc::new(vec![1_u8, 2].into()));
        assert!(kept.get(3, (0, 2), Prim::U8, false).is_none());
        assert!(kept.get(3, (0, 1), Prim::F32, false).is_none());
        assert_eq!(kept.get(3, (0, 1), Prim::U8, false).as_deref(), Some(&vec![1_u8, 2].into()));
        kept.put(3, (0, 2), Arc::new(vec![5_u8].into()));
        assert_eq!(kept.lock().bytes, 1);
        assert!(kept.get(3, (0, 2), Prim::U8, true).is_some() && kept.get(3, (0, 2), Prim::U8, false).is_none());
        assert_eq!(kept.lock().bytes, 0);
    }
}
