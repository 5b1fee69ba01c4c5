//! Clusters: ranges of entries, and where the pages of every column of them lie.

use std::ops::Range;

use super::{
    envelope::content,
    little::{Link, Little, Locator},
    schema::Schema,
};
use crate::{bytes::Read, error::Fault};

/// Some elements of a column, packed together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// Number of the first element, counted in the column from the begin of the cluster.
    pub first: u64,
    pub elements: u32,
    /// Whether a checksum stands behind it.
    pub checksum: bool,
    pub at: Locator,
}

/// Elements of a column in a cluster.
#[derive(Debug, Clone)]
struct ColumnRange {
    pages: Range<usize>,
    suppressed: bool,
}

/// A range of entries.
#[derive(Debug)]
pub(super) struct Cluster {
    pub first_entry: u64,
    pub entries: u64,
    columns: Vec<ColumnRange>,
}

/// The clusters of one page list.
#[derive(Debug, Default)]
pub(super) struct PageList {
    pub clusters: Vec<Cluster>,
    pages: Vec<Page>,
}

/// What a footer says of the pages: the page list of each group of clusters.
pub(super) fn groups(footer: &[u8], header_sum: u64, schema: &mut Schema) -> Read<Vec<Link>> {
    let mut cursor = content(footer)?;
    cursor.feature_flags()?;
    same_header(&mut cursor, header_sum)?;
    let mut extension = cursor.record()?;
    schema.extend(&mut extension)?;
    let (mut list, n) = cursor.list()?;
    let mut links = Vec::new();
    for _ in 0..n {
        let mut group = list.record()?;
        let (_first, _span, _clusters) = (group.u64()?, group.u64()?, group.u32()?);
        links.push(group.link()?);
    }
    Ok(links)
}

fn same_header(cursor: &mut Little<'_>, header_sum: u64) -> Read<()> {
    let at = cursor.pos();
    if cursor.u64()? == header_sum { Ok(()) } else { Err(Fault::bad(at, "the checksum of another header")) }
}

impl PageList {
    pub fn read(envelope: &[u8], header_sum: u64) -> Read<Self> {
        let mut cursor = content(envelope)?;
        same_header(&mut cursor, header_sum)?;
        let mut out = Self::default();
        let (mut list, n) = cursor.list()?;
        for _ in 0..n {
            let mut summary = list.record()?;
            let at = summary.pos();
            let (first_entry, word) = (summary.u64()?, summary.u64()?);
            if word >> 56 & 1 != 0 {
                return Err(Fault::bad(at, "a sharded cluster, of a newer format"));
            }
            let entries = word & ((1 << 56) - 1);
            out.clusters.push(Cluster { first_entry, entries, columns: Vec::new() });
        }
        let at = cursor.pos();
        let (mut list, n) = cursor.list()?;
        if n != out.clusters.len() {
            return Err(Fault::bad(at, format!("pages of {n} clusters where there are {}", out.clusters.len())));
        }
        for cluster in &mut out.clusters {
            let (mut columns, n) = list.list()?;
            for _ in 0..n {
                cluster.columns.push(column(&mut columns, &mut out.pages)?);
            }
        }
        Ok(out)
    }

    /// Puts the clusters of another page list behind.
    pub fn append(&mut self, mut other: Self) {
        let base = self.pages.len();
        for range in other.clusters.iter_mut().flat_map(|cluster| &mut cluster.columns) {
            range.pages = range.pages.start + base..range.pages.end + base;
        }
        self.pages.append(&mut other.pages);
        self.clusters.append(&mut other.clusters);
    }

    /// Pages of a column in a cluster; `None` when another representation holds its values there.
    ///
    /// A page list that was written before the column was added does not name it: then there are none.
    pub fn pages(&self, cluster: usize, column: usize, schema: &Schema) -> Option<&[Page]> {
        match self.clusters.get(cluster)?.columns.get(column) {
            Some(range) if range.suppressed => None,
            Some(range) => self.pages.get(range.pages.clone()),
            None if schema.columns.get(column).is_some_and(|column| column.suppressed_before) => None,
            None => Some(&[]),
        }
    }

    /// Most elements that any column has, over all clusters: no fewer than there can be entries in columns with pages.
    pub fn most_elements(&self) -> u64 {
        let of_range = |range: &ColumnRange| {
            let last = self.pages.get(range.pages.clone()).and_then(<[Page]>::last);
            last.map_or(0, |page| page.first.saturating_add(page.elements.into()))
        };
        let of_cluster = |cluster: &Cluster| cluster.columns.iter().map(of_range).max().unwrap_or(0);
        self.clusters.iter().map(of_cluster).fold(0, u64::saturating_add)
    }
}

fn column(cursor: &mut Little<'_>, pages: &mut Vec<Page>) -> Read<ColumnRange> {
    let (mut list, n) = cursor.list()?;
    let begin = pages.len();
    let mut first = 0_u64;
    for _ in 0..n {
        let at = list.pos();
        let elements = list.i32()?;
        let page = Page { first, elements: elements.unsigned_abs(), checksum: elements < 0, at: list.locator()? };
        first = first
            .checked_add(page.elements.into())
            .ok_or_else(|| Fault::bad(at, "more elements in a column than can be counted"))?;
        pages.push(page);
    }
    let suppressed = list.i64()? < 0;
    Ok(ColumnRange { pages: begin..pages.len(), suppressed })
}
