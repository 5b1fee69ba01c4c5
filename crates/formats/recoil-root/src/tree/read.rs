//! Reading the entries of branches: in parallel over baskets, on the current rayon pool.

use std::{cell::RefCell, ops::Range, sync::Arc};

use rayon::prelude::*;

use super::{
    Branch, Tree,
    basket::{BasketHeader, Scratch, View},
    branch::{BasketPlace, Content},
    decode::{FlatLists, Stored, decode, in_arrays, with_vec},
    wire::Wire,
};
use crate::{
    column::{Column, Prim, Values},
    error::{Error, Fault, Place, Result},
    ntuple::Reading,
};

/// Columns above this many times the file's size are not allocated before their baskets were seen.
const TRUSTED_RATIO: u64 = 64;

/// Bytes that hold the key of a basket unless its names are very long.
const KEY_SIZE: usize = 256;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// How the baskets or pages of one branch are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    OneByOne,
    Parallel,
}

/// Entries of one basket that are wanted.
#[derive(Debug, Clone, Copy)]
struct Part {
    basket: usize,
    /// First and last (excluded), counted from the first entry of the basket.
    from: usize,
    to: usize,
    /// Whether these are the last entries of the basket.
    to_the_end: bool,
}

impl Tree {
    /// Reads the entries `range` of a branch.
    ///
    /// # Errors
    /// [`Error::Range`] beyond the entries of the branch, [`Error::Unsupported`] for a type that cannot be read,
    /// [`Error::Corrupt`] or [`Error::Io`] when the file is damaged.
    pub fn read(&self, branch: &Branch, range: Range<u64>) -> Result<Column> {
        let order = if rayon::current_num_threads() == 1 { Order::OneByOne } else { Order::Parallel };
        self.read_as(branch, range, order)
    }

    fn read_as(&self, branch: &Branch, range: Range<u64>, order: Order) -> Result<Column> {
        let place = || Box::new(self.place(branch));
        let unsupported = || Error::Unsupported { place: place(), type_name: branch.ty.to_string() };
        let in_range = || match branch.entries() {
            entries if range.start > range.end || range.end > entries => {
                Err(Error::Range { place: place(), start: range.start, end: range.end, entries })
            }
            _ => Ok(()),
        };
        let wire = match &branch.content {
            Content::Baskets(baskets) => baskets.wire.as_ref().ok_or_else(unsupported)?,
            Content::Pages { ntuple, layout } => {
                let layout = layout.as_ref().ok_or_else(unsupported)?;
                in_range()?;
                return ntuple.read(Reading { layout, place: &place(), order }, &range);
            }
        };
        in_range()?;
        let parts = parts(branch, &range);
        if order == Order::OneByOne || parts.len() == 1 {
            return self.read_in_order(branch, wire, &parts);
        }
        if let Some((prim, per_entry)) = wire.flat() {
            let total = (range.end - range.start).saturating_mul((per_entry * prim.size()) as u64);
            if total <= self.inner.source.len().saturating_mul(TRUSTED_RATIO) {
                return self.read_numbers(branch, wire, prim, per_entry, &parts);
            }
        }
        let read = |part: &Part| {
            let mut column = Column::empty(&branch.ty);
            self.read_part(branch, wire, part, &mut column).map(|()| column)
        };
        let columns: Vec<Column> = parts.par_iter().map(read).collect::<Result<_>>()?;
        Column::concat(&branch.ty, columns).ok_or_else(|| Fault::bad(0, "baskets of different types").at(*place()))
    }

    /// All baskets on this thread, each decoded to the end of the same column.
    fn read_in_order(&self, branch: &Branch, wire: &Wire, parts: &[Part]) -> Result<Column> {
        let mut column = Column::empty(&branch.ty);
        self.reserve(branch, wire, parts, &mut column);
        for part in parts {
            self.read_part(branch, wire, part, &mut column)?;
        }
        Ok(column)
    }

    /// Makes room in `column` for the entries of `parts`, as far as their number shows in the keys of the baskets.
    fn reserve(&self, branch: &Branch, wire: &Wire, parts: &[Part], column: &mut Column) {
        let entries: usize = parts.iter().map(|part| part.to - part.from).sum();
        let numbers = match (wire.flat(), FlatLists::of(wire)) {
            (Some((_, per_entry)), _) => Some(entries.saturating_mul(per_entry)),
            (None, Some(lists)) => parts
                .iter()
                .map(|part| {
                    let (bytes, entries) = self.basket_size(branch, part.basket)?;
                    Some(lists.numbers(bytes, entries))
                })
                .sum(),
            (None, None) => return,
        };
        let trusted = self.inner.source.len().saturating_mul(TRUSTED_RATIO) / 8;
        if let Some(numbers) = numbers.filter(|n| (*n as u64) <= trusted && (entries as u64) <= trusted) {
            column.reserve_flat(entries, numbers);
        }
    }

    /// Bytes of the entries of a basket and their number, without decompressing it.
    fn basket_size(&self, branch: &Branch, basket: usize) -> Option<(usize, usize)> {
        match branch.basket(basket)? {
            BasketPlace::Embedded(embedded) => Some((embedded.view().data.len(), embedded.entries())),
            BasketPlace::Stored { seek, nbytes } => {
                let key = self.inner.source.read_up_to(*seek, KEY_SIZE.min(*nbytes)).ok()?;
                let header = BasketHeader::read(&key).ok()?;
                Some((header.border, header.entries))
            }
        }
    }

    /// Reads the same entries of several branches, in parallel over branches and baskets.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_many(&self, branches: &[&Branch], range: Range<u64>) -> Result<Vec<Column>> {
        // with enough branches for all threads, each is read in order: its baskets then need no second copy
        let order = if branches.len() >= 2 * rayon::current_num_threads() { Order::OneByOne } else { Order::Parallel };
        branches.par_iter().map(|branch| self.read_as(branch, range.clone(), order)).collect()
    }

    /// Reads single entries of several branches, whose numbers `rows` rise: each basket that holds any of them is
    /// unpacked once, and nothing else of it is decoded. In parallel over branches.
    ///
    /// # Errors
    /// As [`Tree::read`]; [`Error::Range`] as well for entries that do not rise.
    pub fn take(&self, branches: &[&Branch], rows: &[u64]) -> Result<Vec<Column>> {
        let runs = runs(rows);
        branches.par_iter().map(|branch| self.take_one(branch, rows, &runs)).collect()
    }

    fn take_one(&self, branch: &Branch, rows: &[u64], runs: &[Range<u64>]) -> Result<Column> {
        let place = || Box::new(self.place(branch));
        let unsupported = || Error::Unsupported { place: place(), type_name: branch.ty.to_string() };
        let entries = branch.entries();
        let falls = rows.windows(2).find(|pair| matches!(pair, [a, b] if a >= b));
        let beyond = rows.last().filter(|last| **last >= entries).map(|last| (*last, last.saturating_add(1)));
        if let Some((start, end)) = falls.and_then(|pair| Some((*pair.first()?, *pair.last()?))).or(beyond) {
            return Err(Error::Range { place: place(), start, end, entries });
        }
        let mut column = Column::empty(&branch.ty);
        let Content::Baskets(baskets) = &branch.content else {
            for run in runs {
                let part = self.read_as(branch, run.clone(), Order::OneByOne)?;
                if !column.append(&part) {
                    return Err(Fault::bad(0, "pages of different types").at(*place()));
                }
            }
            return Ok(column);
        };
        let wire = baskets.wire.as_ref().ok_or_else(unsupported)?;
        let wanted: Vec<Part> = runs.iter().flat_map(|run| parts(branch, run)).collect();
        for same in wanted.chunk_by(|a, b| a.basket == b.basket) {
            let Some(first) = same.first() else { continue };
            // entries whose number another branch tells are rare: one after the other
            if matches!(wire, Wire::Rest { .. }) {
                same.iter().try_for_each(|part| self.read_part(branch, wire, part, &mut column))?;
                continue;
            }
            // rows of many files are taken in turn: what is left of the basket is not worth its memory
            let part = Part { to_the_end: true, ..*first };
            self.with_basket(branch, &part, |view| {
                same.iter().try_for_each(|part| decode(wire, view, part.from, part.to, None, &mut column))
            })?;
        }
        Ok(column)
    }

    /// Numbers, always as many per entry: every basket decodes to its place in one allocation.
    fn read_numbers(
        &self,
        branch: &Branch,
        wire: &Wire,
        prim: Prim,
        per_entry: usize,
        parts: &[Part],
    ) -> Result<Column> {
        let mut values = Values::with_capacity(prim, 0);
        with_vec!(&mut values, v => self.fill(branch, per_entry, parts, v)?);
        Ok(in_arrays(values, wire))
    }

    fn fill<T: Stored>(&self, branch: &Branch, per_entry: usize, parts: &[Part], out: &mut Vec<T>) -> Result<()> {
        let total = parts.iter().map(|part| (part.to - part.from) * per_entry).sum();
        *out = vec![T::default(); total];
        let mut rest = out.as_mut_slice();
        let mut jobs = Vec::with_capacity(parts.len());
        for part in parts {
            let (here, after) = rest.split_at_mut((part.to - part.from) * per_entry);
            jobs.push((part, here));
            rest = after;
        }
        jobs.into_par_iter().try_for_each(|(part, here)| {
            self.with_basket(branch, part, |view| {
                let (start, end) = (part.from * per_entry * T::SIZE, part.to * per_entry * T::SIZE);
                let len = view.data.len();
                let bytes = view.data.get(start..end).ok_or(Fault::Short { at: start, need: end - start, len })?;
                T::swap(bytes, here);
                Ok(())
            })
        })
    }

    fn read_part(&self, branch: &Branch, wire: &Wire, part: &Part, out: &mut Column) -> Result<()> {
        let needs_counts = matches!(wire, Wire::Rest { .. });
        let decoded = self.with_basket(branch, part, |view| {
            if needs_counts && view.offsets.is_none() {
                return Ok(false);
            }
            decode(wire, view, part.from, part.to, None, out).map(|()| true)
        })?;
        if decoded {
            return Ok(());
        }
        // offsets that were not stored follow from the branch that counts
        let first = branch.starts.get(part.basket).copied().unwrap_or(0);
        let counts = self.counts(branch, first..first + part.to as u64)?;
        self.with_basket(branch, part, |view| decode(wire, view, part.from, part.to, Some(&counts), out))
    }

    /// Values of the branch that counts the items of `branch`.
    fn counts(&self, branch: &Branch, range: Range<u64>) -> Result<Vec<usize>> {
        let counter = branch.counter().and_then(|i| self.inner.branches.get(i));
        let missing = || Fault::bad(0, "a basket without offsets and no branch that counts").at(self.place(branch));
        let Column::Prim(values) = self.read(counter.ok_or_else(missing)?, range)? else { return Err(missing()) };
        Ok((0..values.len()).map(|i| values.get_f64(i).map_or(0, |n| n.max(0.0) as usize)).collect())
    }

    /// Runs `decode` on a basket of `branch`; faults get their place. A basket that is not read to its end is kept for the
    /// next batch.
    fn with_basket<T>(
        &self,
        branch: &Branch,
        part: &Part,
        decode: impl FnOnce(View<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let basket = part.basket;
        let place = |byte| Place { basket: Some(basket), byte, ..self.place(branch) };
        let (seek, nbytes) = match branch.basket(basket) {
            Some(BasketPlace::Embedded(embedded)) => {
                return decode(embedded.view()).map_err(|fault| fault.at(place(None)));
            }
            Some(BasketPlace::Stored { seek, nbytes }) => (*seek, *nbytes),
            None => return Err(Fault::bad(0, "no such basket").at(place(None))),
        };
        let index = branch.index();
        if let Some(kept) = index.and_then(|index| self.inner.kept.get(index, &basket, part.to_the_end)) {
            return decode(kept.view()).map_err(|fault| fault.at(place(Some(seek))));
        }
        // taken, not borrowed: while this thread decodes, the pool may give it another basket
        let mut scratch = SCRATCH.take();
        let read = self.inner.source.read_into(seek, nbytes, &mut scratch.raw);
        let result = read.map_err(|error| error.relocate(|| place(Some(seek)))).and_then(|()| {
            scratch.load().and_then(|()| decode(scratch.view())).map_err(|fault| fault.at(place(Some(seek))))
        });
        match index.filter(|_| result.is_ok() && !part.to_the_end) {
            Some(index) => {
                scratch.shrink();
                self.inner.kept.put(index, basket, Arc::new(scratch));
            }
            None => SCRATCH.set(scratch),
        }
        result
    }
}

/// Rising numbers as ranges of neighbours.
fn runs(rows: &[u64]) -> Vec<Range<u64>> {
    let neighbours = rows.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    neighbours.filter_map(|run| Some(*run.first()?..run.last()?.saturating_add(1))).collect()
}

/// Baskets that hold the entries `range`.
fn parts(branch: &Branch, range: &Range<u64>) -> Vec<Part> {
    let first = branch.starts.partition_point(|start| *start <= range.start).saturating_sub(1);
    let bounds = branch.starts.iter().zip(branch.starts.iter().skip(1)).enumerate().skip(first);
    bounds
        .take_while(|(_, (start, _))| **start < range.end)
        .map(|(basket, (start, end))| Part {
            basket,
            from: (range.start.max(*start) - start) as usize,
            to: (range.end.min(*end).max(*start) - start) as usize,
            to_the_end: range.end >= *end,
        })
        .filter(|part| part.from < part.to)
        .collect()
}
