//! Choosing and joining rows and columns.

use super::functions::each;
use super::values::{Tape, Value, expect};
use crate::error::{NnError, Result};
use std::ops::Range;
use std::sync::Arc;

/// A row number that stands for no row.
pub const NO_ROW: u32 = u32::MAX;

fn check_rows(rows: &[u32], of: usize) -> Result<()> {
    match rows.iter().find(|row| **row != NO_ROW && **row as usize >= of) {
        Some(row) => Err(NnError::Network(format!("row {row} of a matrix of {of} rows"))),
        None => Ok(()),
    }
}

impl Tape<'_> {
    /// The rows of these numbers, in this order; zeros for [`NO_ROW`]. Rows may come more than once.
    ///
    /// # Errors
    /// A row that does not exist.
    pub fn gather(&self, x: &Value, rows: &Arc<[u32]>) -> Result<Value> {
        check_rows(rows, x.rows())?;
        let columns = x.columns();
        let mut y = self.pool().take(rows.len() * columns);
        for (y, row) in y.chunks_exact_mut(columns.max(1)).zip(rows.iter()) {
            match *row {
                NO_ROW => y.fill(0.0),
                row => y.copy_from_slice(x.row(row as usize)),
            }
        }
        let (own, rows) = (x.clone(), Arc::clone(rows));
        self.record([rows.len(), columns], y, &[x], false, move |g, sink| {
            let Some(to) = sink.to(&own) else { return };
            for (g, row) in g.chunks_exact(columns.max(1)).zip(rows.iter()).filter(|(_, row)| **row != NO_ROW) {
                let at = *row as usize * columns;
                each(&mut to[at..at + columns], g, |to, g| to + g);
            }
        })
    }

    /// A matrix of so many rows, zero but for the rows of these numbers, to which those of x are added; [`NO_ROW`] drops
    /// one.
    ///
    /// # Errors
    /// A row that does not exist.
    pub fn scatter(&self, x: &Value, rows: &Arc<[u32]>, of: usize) -> Result<Value> {
        expect("rows to scatter", rows.len(), x.rows())?;
        check_rows(rows, of)?;
        let columns = x.columns();
        let mut y = self.pool().zeros(of * columns);
        for (x, row) in x.values().chunks_exact(columns.max(1)).zip(rows.iter()).filter(|(_, row)| **row != NO_ROW) {
            let at = *row as usize * columns;
            each(&mut y[at..at + columns], x, |y, x| y + x);
        }
        let (own, rows) = (x.clone(), Arc::clone(rows));
        self.record([of, columns], y, &[x], false, move |g, sink| {
            let Some(to) = sink.to(&own) else { return };
            for (to, row) in to.chunks_exact_mut(columns.max(1)).zip(rows.iter()).filter(|(_, row)| **row != NO_ROW) {
                let at = *row as usize * columns;
                each(to, &g[at..at + columns], |to, g| to + g);
            }
        })
    }

    /// Rows of several matrices, put in their places: each row of the result comes from one of them. (The joint of
    /// [`Tape::scatter`]s without sums.)
    ///
    /// # Errors
    /// Different widths, or a row that does not exist.
    pub fn place(&self, parts: &[(Value, Arc<[u32]>)], of: usize) -> Result<Value> {
        let columns = parts.first().map_or(0, |(x, _)| x.columns());
        let mut y = self.pool().zeros(of * columns);
        for (x, rows) in parts {
            expect("columns of a part", x.columns(), columns)?;
            expect("rows of a part", rows.len(), x.rows())?;
            check_rows(rows, of)?;
            for (x, row) in x.values().chunks_exact(columns.max(1)).zip(rows.iter()).filter(|(_, row)| **row != NO_ROW)
            {
                let at = *row as usize * columns;
                y[at..at + columns].copy_from_slice(x);
            }
        }
        let own = parts.to_vec();
        let origins: Vec<&Value> = parts.iter().map(|(x, _)| x).collect();
        self.record([of, columns], y, &origins, false, move |g, sink| {
            for (x, rows) in &own {
                let Some(to) = sink.to(x) else { continue };
                for (to, row) in to.chunks_exact_mut(columns.max(1)).zip(rows.iter()).filter(|(_, row)| **row != NO_ROW)
                {
                    let at = *row as usize * columns;
                    each(to, &g[at..at + columns], |to, g| to + g);
                }
            }
        })
    }

    /// Some columns of a matrix.
    ///
    /// # Errors
    /// Columns that do not exist.
    pub fn columns(&self, x: &Value, columns: Range<usize>) -> Result<Value> {
        if columns.end > x.columns() || columns.start > columns.end {
            return Err(NnError::Network(format!("columns {columns:?} of a matrix of {} columns", x.columns())));
        }
        let (all, count) = (x.columns(), columns.len());
        let mut y = self.pool().take(x.rows() * count);
        for (y, x) in y.chunks_exact_mut(count.max(1)).zip(x.values().chunks_exact(all.max(1))) {
            y.copy_from_slice(&x[columns.clone()]);
        }
        let own = x.clone();
        self.record([x.rows(), count], y, &[x], false, move |g, sink| {
            let Some(to) = sink.to(&own) else { return };
            for (to, g) in to.chunks_exact_mut(all.max(1)).zip(g.chunks_exact(count.max(1))) {
                each(&mut to[columns.clone()], g, |to, g| to + g);
            }
        })
    }

    /// Matrices side by side.
    ///
    /// # Errors
    /// Different numbers of rows.
    pub fn concat(&self, parts: &[&Value]) -> Result<Value> {
        let rows = parts.first().map_or(0, |x| x.rows());
        let all: usize = parts.iter().map(|x| x.columns()).sum();
        let mut y = self.pool().take(rows * all);
        let mut first = 0;
        for x in parts {
            expect("rows of a part", x.rows(), rows)?;
            let count = x.columns();
            for (y, x) in y.chunks_exact_mut(all.max(1)).zip(x.values().chunks_exact(count.max(1))) {
                y[first..first + count].copy_from_slice(x);
            }
            first += count;
        }
        let own: Vec<Value> = parts.iter().map(|x| (*x).clone()).collect();
        self.record([rows, all], y, parts, false, move |g, sink| {
            let mut first = 0;
            for x in own {
                let count = x.columns();
                if let Some(to) = sink.to(&x) {
                    for (to, g) in to.chunks_exact_mut(count.max(1)).zip(g.chunks_exact(all.max(1))) {
                        each(to, &g[first..first + count], |to, g| to + g);
                    }
                }
                first += count;
            }
        })
    }
}
