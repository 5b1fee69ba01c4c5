//! Reading the entries of branches: in parallel over baskets, on the current rayon pool.

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::{
    Branch, Tree,
    basket::{Scratch, View},
    branch::BasketPlace,
    decode::{Stored, decode, in_arrays, with_vec},
    wire::Wire,
};
use crate::{
    column::{Column, Prim, Values},
    error::{Error, Fault, Place, Result},
};

/// Columns above this many times the file's size are not allocated before their baskets were seen.
const TRUSTED_RATIO: u64 = 64;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Entries of one basket that are wanted.
#[derive(Debug, Clone, Copy)]
struct Part {
    basket: usize,
    /// First and last (excluded), counted from the first entry of the basket.
    from: usize,
    to: usize,
}

impl Tree {
    /// Reads the entries `range` of a branch.
    ///
    /// # Errors
    /// [`Error::Range`] beyond the entries of the branch, [`Error::Unsupported`] for a type that cannot be read,
    /// [`Error::Corrupt`] or [`Error::Io`] when the file is damaged.
    pub fn read(&self, branch: &Branch, range: Range<u64>) -> Result<Column> {
        let place = || Box::new(self.place(branch));
        let Some(wire) = &branch.wire else {
            return Err(Error::Unsupported { place: place(), type_name: branch.ty.to_string() });
        };
        let entries = branch.entries();
        if range.start > range.end || range.end > entries {
            return Err(Error::Range { place: place(), start: range.start, end: range.end, entries });
        }
        let parts = parts(branch, &range);
        if let Some((prim, per_entry)) = wire.flat() {
            let total = (range.end - range.start).saturating_mul((per_entry * prim.size()) as u64);
            if total <= self.inner.source.len().saturating_mul(TRUSTED_RATIO) {
                return self.read_numbers(branch, wire, prim, per_entry, &parts);
            }
        }
        let columns: Vec<Column> =
            parts.par_iter().map(|part| self.read_part(branch, wire, *part)).collect::<Result<_>>()?;
        Column::concat(&branch.ty, columns).ok_or_else(|| Fault::bad(0, "baskets of different types").at(*place()))
    }

    /// Reads the same entries of several branches, in parallel over branches and baskets.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_many(&self, branches: &[&Branch], range: Range<u64>) -> Result<Vec<Column>> {
        branches.par_iter().map(|branch| self.read(branch, range.clone())).collect()
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
            self.with_basket(branch, part.basket, |view| {
                let (start, end) = (part.from * per_entry * T::SIZE, part.to * per_entry * T::SIZE);
                let len = view.data.len();
                let bytes = view.data.get(start..end).ok_or(Fault::Short { at: start, need: end - start, len })?;
                T::swap(bytes, here);
                Ok(())
            })
        })
    }

    fn read_part(&self, branch: &Branch, wire: &Wire, part: Part) -> Result<Column> {
        let needs_counts = matches!(wire, Wire::Rest { .. });
        let decoded = self.with_basket(branch, part.basket, |view| {
            if needs_counts && view.offsets.is_none() {
                return Ok(None);
            }
            decode(wire, view, part.from, part.to, None).map(Some)
        })?;
        if let Some(column) = decoded {
            return Ok(column);
        }
        // offsets that were not stored follow from the branch that counts
        let first = branch.starts.get(part.basket).copied().unwrap_or(0);
        let counts = self.counts(branch, first..first + part.to as u64)?;
        self.with_basket(branch, part.basket, |view| decode(wire, view, part.from, part.to, Some(&counts)))
    }

    /// Values of the branch that counts the items of `branch`.
    fn counts(&self, branch: &Branch, range: Range<u64>) -> Result<Vec<usize>> {
        let counter = branch.counter.and_then(|i| self.inner.branches.get(i));
        let missing = || Fault::bad(0, "a basket without offsets and no branch that counts").at(self.place(branch));
        let Column::Prim(values) = self.read(counter.ok_or_else(missing)?, range)? else { return Err(missing()) };
        Ok((0..values.len()).map(|i| values.get_f64(i).map_or(0, |n| n.max(0.0) as usize)).collect())
    }

    /// Runs `decode` on a basket of `branch`; faults get their place.
    fn with_basket<T>(
        &self,
        branch: &Branch,
        basket: usize,
        decode: impl FnOnce(View<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let place = |byte| Place { basket: Some(basket), byte, ..self.place(branch) };
        match branch.baskets.get(basket) {
            Some(BasketPlace::Embedded(embedded)) => decode(embedded.view()).map_err(|fault| fault.at(place(None))),
            Some(BasketPlace::Stored { seek, nbytes }) => {
                // taken, not borrowed: while this thread decodes, the pool may give it another basket
                let mut scratch = SCRATCH.take();
                let result = self
                    .inner
                    .source
                    .read_into(*seek, *nbytes, &mut scratch.raw)
                    .map_err(|error| relocate(error, place(Some(*seek))))
                    .and_then(|()| scratch.view().and_then(decode).map_err(|fault| fault.at(place(Some(*seek)))));
                SCRATCH.set(scratch);
                result
            }
            None => Err(Fault::bad(0, "no such basket").at(place(None))),
        }
    }
}

/// The same fault at a better known place.
fn relocate(error: Error, place: Place) -> Error {
    match error {
        Error::Corrupt { fault, .. } => fault.at(place),
        other => other,
    }
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
        })
        .filter(|part| part.from < part.to)
        .collect()
}
