//! Reading the entries of a branch: cluster by cluster, in parallel over clusters and pages on the current rayon pool.

use std::{cell::RefCell, ops::Range, sync::Arc};

use rayon::prelude::*;

use super::{
    Ntuple,
    clusters::{Cluster, Page},
    layout::{Columns, Layout, Leaf, Step},
};
use crate::{
    column::{Column, Prim, Values},
    error::{Fault, Place, Result},
    kept::Size,
    tree::Order,
};

/// Values above this many times the file's size are not allocated before their pages were seen.
const TRUSTED_RATIO: u64 = 64;

thread_local! {
    /// Bytes of a page as they are stored, and decompressed.
    static SCRATCH: RefCell<(Vec<u8>, Vec<u8>)> = RefCell::default();
}

/// A branch that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub layout: &'a Layout,
    /// Of the branch, for errors.
    pub place: &'a Place,
    pub order: Order,
}

/// Elements of one column in one cluster.
struct Wanted<'a> {
    cluster: usize,
    columns: &'a Columns,
    /// Which of the columns of the representation.
    which: usize,
    range: Range<u64>,
    /// Elements that the cluster must have, where that follows from its entries.
    total: Option<u64>,
    prim: Prim,
}

/// What was stepped through on the way to the values.
enum Wrap {
    List(Vec<i64>),
    Fixed(usize),
}

impl Ntuple {
    /// Values of the entries `range`, which lies within the ntuple.
    pub(crate) fn read(&self, reading: Reading<'_>, range: &Range<u64>) -> Result<Column> {
        let clusters = &self.pages.clusters;
        let first = clusters.partition_point(|cluster| cluster.first_entry + cluster.entries <= range.start);
        let parts: Vec<(usize, &Cluster)> = clusters
            .iter()
            .enumerate()
            .skip(first)
            .take_while(|(_, cluster)| cluster.first_entry < range.end)
            .filter(|(_, cluster)| cluster.entries > 0)
            .collect();
        let read = |(i, cluster): &(usize, &Cluster)| {
            let from = range.start.max(cluster.first_entry) - cluster.first_entry;
            let to = (range.end - cluster.first_entry).min(cluster.entries);
            self.read_cluster(reading, *i, cluster.entries, from..to.max(from))
        };
        let columns: Vec<Column> = match reading.order {
            Order::OneByOne => parts.iter().map(read).collect::<Result<_>>()?,
            Order::Parallel => parts.par_iter().map(read).collect::<Result<_>>()?,
        };
        let ty = reading.layout.ty();
        Column::concat(&ty, columns)
            .ok_or_else(|| Fault::bad(0, "clusters of different types").at(reading.place.clone()))
    }

    fn read_cluster(&self, reading: Reading<'_>, cluster: usize, entries: u64, range: Range<u64>) -> Result<Column> {
        let (mut range, mut total) = (range, Some(entries));
        let mut wraps = Vec::with_capacity(reading.layout.steps.len());
        for step in &reading.layout.steps {
            match step {
                Step::Fixed(size) => {
                    let times = |n: u64| {
                        let product = n.checked_mul(*size as u64);
                        product.ok_or_else(|| Fault::bad(0, format!("{n} arrays of {size} items")))
                    };
                    let multiplied = || Ok((times(range.start)?, times(range.end)?, total.map(times).transpose()?));
                    let (start, end, all) = multiplied().map_err(|fault: Fault| fault.at(reading.place.clone()))?;
                    (range, total) = (start..end, all);
                    wraps.push(Wrap::Fixed(*size));
                }
                Step::List(columns) => {
                    let offsets;
                    (offsets, range) = self.ends(reading, cluster, columns, range, total)?;
                    total = None;
                    wraps.push(Wrap::List(offsets));
                }
            }
        }
        let wanted = |columns, which, range, prim, total| Wanted { cluster, columns, which, range, total, prim };
        let values = match &reading.layout.leaf {
            Leaf::Numbers { prim, columns } => {
                Column::Prim(self.elements(reading, &wanted(columns, 0, range, *prim, total))?)
            }
            Leaf::Text(columns) => {
                let (offsets, range) = self.ends(reading, cluster, columns, range, total)?;
                match self.elements(reading, &wanted(columns, 1, range, Prim::U8, None))? {
                    Values::U8(bytes) => Column::Str { offsets, bytes },
                    _ => return Err(Fault::bad(0, "characters that are not bytes").at(reading.place.clone())),
                }
            }
            Leaf::Sizes { prim, columns } => {
                let (offsets, _) = self.ends(reading, cluster, columns, range, total)?;
                let sizes = offsets.iter().zip(offsets.iter().skip(1)).map(|(a, b)| b.abs_diff(*a));
                Column::Prim(match prim {
                    Prim::U32 => Values::U32(sizes.map(|n| n as u32).collect()),
                    _ => Values::U64(sizes.collect()),
                })
            }
        };
        Ok(wraps.into_iter().rev().fold(values, |inner, wrap| match wrap {
            Wrap::List(offsets) => Column::List { offsets, inner: Box::new(inner) },
            Wrap::Fixed(size) => Column::Fixed { size, inner: Box::new(inner) },
        }))
    }

    /// Offsets, from 0, of the collections `range`, and the range of items that they hold in the cluster.
    fn ends(
        &self,
        reading: Reading<'_>,
        cluster: usize,
        columns: &Columns,
        range: Range<u64>,
        total: Option<u64>,
    ) -> Result<(Vec<i64>, Range<u64>)> {
        // a collection begins where the one before it ends, and the first at 0
        let before = range.start.saturating_sub(1);
        let wanted = Wanted { cluster, columns, which: 0, range: before..range.end, total, prim: Prim::U64 };
        let Values::U64(mut ends) = self.elements(reading, &wanted)? else { return Ok((vec![0], 0..0)) };
        if range.start == 0 {
            ends.insert(0, 0);
        } else if range.is_empty() {
            ends.truncate(1);
        }
        let (first, last) = (ends.first().copied().unwrap_or(0), ends.last().copied().unwrap_or(0));
        let rise = ends.is_sorted() && i64::try_from(last).is_ok();
        if !rise {
            let place = Place { cluster: Some(cluster), ..reading.place.clone() };
            return Err(Fault::bad(0, "ends of collections that do not rise").at(place));
        }
        let offsets = ends.iter().map(|end| (end - first).cast_signed()).collect();
        Ok((offsets, first..last))
    }

    fn elements(&self, reading: Reading<'_>, wanted: &Wanted<'_>) -> Result<Values> {
        let fault =
            |what: String| Fault::bad(0, what).at(Place { cluster: Some(wanted.cluster), ..reading.place.clone() });
        let active = wanted.columns.iter().find_map(|representation| {
            let principal = self.pages.pages(wanted.cluster, *representation.first()?, &self.schema)?;
            let id = *representation.get(wanted.which)?;
            let pages =
                if wanted.which == 0 { principal } else { self.pages.pages(wanted.cluster, id, &self.schema)? };
            Some((id, pages))
        });
        let (id, pages) = active.ok_or_else(|| fault("no columns with its values".into()))?;
        let stored = pages.last().map_or(0, |page| page.first + u64::from(page.elements));
        let range = &wanted.range;
        // a column that was added later has no pages for the entries before: they are zero
        let deferred = self.schema.columns.get(id).is_some_and(|column| column.deferred);
        let missing = match wanted.total {
            Some(total) if deferred && stored < total => total - stored,
            Some(total) if stored != total => {
                return Err(fault(format!("{stored} elements stored where the entries need {total}")));
            }
            _ => 0,
        };
        if range.end > missing.saturating_add(stored) {
            return Err(fault(format!("elements {}..{} of {stored} stored", range.start, range.end)));
        }
        let trusted = self.source.len().saturating_mul(TRUSTED_RATIO).max(1 << 16) / wanted.prim.size() as u64;
        let zeros = range.end.min(missing).saturating_sub(range.start);
        if zeros > trusted {
            return Err(fault(format!("{zeros} values that were never written")));
        }
        let room = if range.end - range.start <= trusted { (range.end - range.start) as usize } else { zeros as usize };
        let mut out = Values::with_capacity(wanted.prim, room);
        out.extend_zeros(zeros as usize);
        let range = range.start.saturating_sub(missing)..range.end.saturating_sub(missing);
        self.pages_of(reading, wanted.cluster, id, pages, &range, &mut out)?;
        Ok(out)
    }

    /// Puts the elements `range` of a column behind `out`.
    fn pages_of(
        &self,
        reading: Reading<'_>,
        cluster: usize,
        column: usize,
        pages: &[Page],
        range: &Range<u64>,
        out: &mut Values,
    ) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let first = pages.partition_point(|page| page.first + u64::from(page.elements) <= range.start);
        let parts: Vec<PagePart> = pages
            .iter()
            .enumerate()
            .skip(first)
            .take_while(|(_, page)| page.first < range.end)
            .map(|(number, page)| PagePart {
                cluster,
                column,
                number,
                page: *page,
                from: (range.start.max(page.first) - page.first) as usize,
                to: (range.end - page.first).min(page.elements.into()) as usize,
            })
            .filter(|part| part.from < part.to)
            .collect();
        if reading.order == Order::OneByOne || parts.len() == 1 {
            return parts.iter().try_for_each(|part| self.page(reading, part, out));
        }
        let prim = out.prim();
        let read = |part: &PagePart| {
            let mut values = Values::with_capacity(prim, 0);
            self.page(reading, part, &mut values).map(|()| values)
        };
        for values in parts.par_iter().map(read).collect::<Result<Vec<_>>>()? {
            let _same_type = out.append(&values);
        }
        Ok(())
    }

    /// Puts the elements of one page behind `out`; a page that is not read to its end is kept for the next batch.
    fn page(&self, reading: Reading<'_>, part: &PagePart, out: &mut Values) -> Result<()> {
        let key = (part.cluster, part.number, out.prim());
        let to_the_end = part.to == part.page.elements as usize;
        if let Some(kept) = self.kept.get(part.column, &key, to_the_end) {
            out.append_range(&kept, part.from, part.to);
            return Ok(());
        }
        if to_the_end {
            return self.decode(reading, part, part.from..part.to, out);
        }
        let mut whole = Values::with_capacity(out.prim(), 0);
        self.decode(reading, part, 0..part.page.elements as usize, &mut whole)?;
        let whole = Arc::new(whole);
        out.append_range(&whole, part.from, part.to);
        self.kept.put(part.column, key, whole);
        Ok(())
    }

    fn decode(&self, reading: Reading<'_>, part: &PagePart, range: Range<usize>, out: &mut Values) -> Result<()> {
        let place = || Place {
            cluster: Some(part.cluster),
            page: Some(part.number),
            byte: Some(part.page.at.seek),
            ..reading.place.clone()
        };
        let column = self.schema.columns.get(part.column).map(|column| (column.encoding.as_ref(), column.bits));
        let Some((Ok(encoding), bits)) = column else {
            return Err(Fault::bad(0, "a column of an unknown type").at(place()));
        };
        let len = (u64::from(part.page.elements) * u64::from(bits)).div_ceil(8);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        // taken, not borrowed: while this thread decodes, the pool may give it another page
        let (mut raw, mut unpacked) = SCRATCH.take();
        let result = self
            .store()
            .unpack(part.page.at, len, part.page.checksum, &mut raw, &mut unpacked, place)
            .and_then(|bytes| {
                encoding
                    .decode(bytes, part.page.elements as usize, range.start, range.end, out)
                    .map_err(|fault| fault.at(place()))
            });
        SCRATCH.set((raw, unpacked));
        result
    }
}

/// A cluster, the number of a page of a column in it, and what its elements were decoded to.
pub(super) type PageKey = (usize, usize, Prim);

impl Size for Values {
    fn size(&self) -> usize {
        self.len() * self.prim().size()
    }
}

/// Some elements of a page.
struct PagePart {
    cluster: usize,
    column: usize,
    number: usize,
    page: Page,
    from: usize,
    to: usize,
}
