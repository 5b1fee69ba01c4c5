//! Trees: batches of columns in, compressed baskets out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::branch::{Branch, Layout, Source, Stored, count};
use super::fault::WriteFault;
use super::record::{Tree, classes};
use super::sink::{Basket, Sink, basket_key_bytes};
use super::values::{check_offsets, span, weight};
use super::{Compression, lock, schema};
use crate::{Column, Error, Result, Type};

/// Upper bound of the bytes of all branches that wait for their baskets.
const CLUSTER_LIMIT: u64 = 64 << 20;

/// A tree that is being written.
///
/// Rows are collected until all branches together hold about one basket each (at most 64 MiB), then go out as one
/// cluster: every branch begins a new basket at the same row. Memory is bounded by that and by the batch. The bytes of
/// the file depend on the rows alone, not on how they were batched or on the number of threads.
pub struct TreeWriter {
    sink: Arc<Mutex<Sink>>,
    file: PathBuf,
    path: String,
    directory: usize,
    name: String,
    title: String,
    compression: Compression,
    basket_bytes: usize,
    columns: Vec<(String, Type)>,
    branches: Vec<Branch>,
    rows: u64,
    /// Rows and bytes that wait.
    waiting_rows: usize,
    waiting_bytes: u64,
    /// Rows of each cluster.
    clusters: Vec<u64>,
}

impl TreeWriter {
    pub(super) fn new(sink: &Arc<Mutex<Sink>>, path: &str, title: &str, columns: Vec<(String, Type)>) -> Result<Self> {
        let mut locked = lock(sink);
        let (share, vectors) = (locked.options().share_counters, locked.options().vectors);
        let branches = schema::branches(&columns, share, vectors).map_err(|fault| locked.refuse(path, fault))?;
        let (directory, name) = locked.place(path)?;
        locked.open_tree(path);
        for class in branches.iter().flat_map(classes) {
            locked.describe(class);
        }
        let options = locked.options().clone();
        Ok(Self {
            sink: Arc::clone(sink),
            file: locked.path().clone(),
            path: path.into(),
            directory,
            name,
            title: title.into(),
            compression: options.compression,
            basket_bytes: options.basket_bytes.max(1),
            columns,
            branches,
            rows: 0,
            waiting_rows: 0,
            waiting_bytes: 0,
            clusters: Vec::new(),
        })
    }

    /// Rows given so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends a batch: the declared columns in their order, all with the same number of rows.
    ///
    /// # Errors
    /// Columns that differ from the declaration, or lists whose lengths differ from their counter (then nothing of the
    /// batch is taken); failures to write to the file.
    pub fn extend(&mut self, batch: &[Column]) -> Result<()> {
        self.check(batch).map_err(|fault| self.refuse(fault))?;
        let rows = batch.first().map_or(0, Column::len);
        let mut start = 0;
        while start < rows {
            let (end, bytes, full) = self.fill(batch, start, rows);
            self.branches.par_iter_mut().for_each(|branch| branch.take(batch, start..end));
            self.waiting_rows += end - start;
            self.waiting_bytes += bytes;
            self.rows += (end - start) as u64;
            if full {
                self.flush()?;
            }
            start = end;
        }
        Ok(())
    }

    /// Writes the rows that wait and the tree itself. Returns the number of rows.
    ///
    /// # Errors
    /// Failures to write to the file.
    pub fn finish(mut self) -> Result<u64> {
        if self.waiting_rows > 0 {
            self.flush()?;
        }
        let tree = Tree {
            name: &self.name,
            title: &self.title,
            rows: self.rows,
            branches: &self.branches,
            clusters: &self.clusters,
            compression: self.compression,
        };
        let mut sink = lock(&self.sink);
        sink.object(self.directory, "TTree", &self.name, &self.title, |key| tree.record(key))?;
        sink.close_tree(&self.path);
        Ok(self.rows)
    }

    fn refuse(&self, fault: WriteFault) -> Error {
        Error::Write { file: self.file.clone(), object: self.path.clone(), fault: Box::new(fault) }
    }

    /// Whether the columns of `batch` are those that were declared.
    fn check(&self, batch: &[Column]) -> Result<(), WriteFault> {
        if batch.len() != self.columns.len() {
            return Err(WriteFault::Columns { want: self.columns.len(), got: batch.len() });
        }
        let rows = batch.first().map_or(0, Column::len);
        for ((name, ty), column) in self.columns.iter().zip(batch) {
            let got = column.ty();
            if got != *ty {
                return Err(WriteFault::ColumnType { column: name.clone(), want: ty.clone(), got });
            }
            if column.len() != rows {
                return Err(WriteFault::Rows { column: name.clone(), want: rows, got: column.len() });
            }
            check_offsets(name, column, self.rows)?;
        }
        self.branches.iter().try_for_each(|branch| self.check_counter(branch, batch))
    }

    /// Whether the declared counter of `branch`, if it has one, says the lengths of its lists.
    fn check_counter(&self, branch: &Branch, batch: &[Column]) -> Result<(), WriteFault> {
        let (Layout::Jagged { counter, counter_name, .. }, Source::Column(index)) = (&branch.layout, branch.source)
        else {
            return Ok(());
        };
        let Some(Source::Column(counter)) = self.branches.get(*counter).map(|branch| branch.source) else {
            return Ok(());
        };
        let (Some(Column::List { offsets, .. }), Some(Column::Prim(counts))) = (batch.get(index), batch.get(counter))
        else {
            return Ok(());
        };
        let differs = |row: &usize| span(offsets, *row).len() as i64 != count(counts, *row);
        match (0..counts.len()).find(differs) {
            None => Ok(()),
            Some(row) => Err(WriteFault::Counter {
                column: branch.name.clone(),
                counter: counter_name.clone(),
                row: self.rows + row as u64,
                length: span(offsets, row).len() as i64,
                count: count(counts, row),
            }),
        }
    }

    /// How far rows from `start` go before the cluster is full, how many bytes they add, and whether it is full then.
    fn fill(&self, batch: &[Column], start: usize, rows: usize) -> (usize, u64, bool) {
        let target = (self.basket_bytes as u64).saturating_mul(self.branches.len() as u64);
        let target = target.min(CLUSTER_LIMIT).max(self.basket_bytes as u64);
        let mut same = 0;
        let mut varying = Vec::new();
        for column in batch {
            match column {
                Column::List { .. } | Column::Str { .. } => varying.push(column),
                _ => same += weight(column, 0..1),
            }
        }
        let mut bytes = 0;
        for row in start..rows {
            bytes += same + varying.iter().map(|column| weight(column, row..row + 1)).sum::<u64>();
            if self.waiting_bytes + bytes >= target {
                return (row + 1, bytes, true);
            }
        }
        (rows, bytes, false)
    }

    /// Writes the rows that wait as one cluster. Baskets are compressed in parallel and written in order.
    fn flush(&mut self) -> Result<()> {
        let entries = self.waiting_rows;
        let jobs: Vec<_> = self
            .branches
            .iter()
            .enumerate()
            .flat_map(|(index, branch)| {
                branch.cuts(entries, self.basket_bytes).into_iter().map(move |cut| (index, branch, cut))
            })
            .collect();
        let packed = jobs.into_par_iter().map(|(index, branch, cut)| {
            let first = cut.start;
            let payload = branch.payload(cut, &self.name);
            let stored = self.compression.compress(&payload.bytes)?;
            Ok((index, branch, first, payload, stored))
        });
        let packed: Vec<_> =
            packed.collect::<std::io::Result<_>>().map_err(|source| Error::Io { file: self.file.clone(), source })?;
        let first_row = self.rows - entries as u64;
        let mut written = Vec::with_capacity(packed.len());
        let mut sink = lock(&self.sink);
        for (index, branch, first, payload, stored) in packed {
            let (seek, bytes) = sink.basket(&Basket {
                directory: self.directory,
                branch: &branch.name,
                tree: &self.name,
                entries: payload.entries,
                entry_bytes: payload.entry_bytes,
                last: payload.last,
                object_bytes: payload.bytes.len(),
                payload: stored.as_deref().unwrap_or(&payload.bytes),
            })?;
            let raw = basket_key_bytes(&branch.name, &self.name) + payload.bytes.len();
            written.push((index, Stored { first_entry: first_row + first as u64, seek, bytes }, raw));
        }
        drop(sink);
        for (index, basket, raw) in written {
            if let Some(branch) = self.branches.get_mut(index) {
                branch.remember(basket, raw);
            }
        }
        self.branches.iter_mut().for_each(Branch::clear);
        self.clusters.push(entries as u64);
        self.waiting_rows = 0;
        self.waiting_bytes = 0;
        Ok(())
    }
}
