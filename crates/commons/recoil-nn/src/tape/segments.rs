//! Operations on the rows of each event: sums, means, one row for all.

use super::functions::each;
use super::values::{Tape, Value, expect};
use crate::error::{NnError, Result};
use std::sync::Arc;

/// Refuses offsets that do not rise from 0 to this number of rows.
pub(super) fn check_offsets(what: &str, offsets: &[u32], rows: usize) -> Result<()> {
    if offsets.first() != Some(&0) || !offsets.is_sorted() {
        return Err(NnError::Network(format!("offsets of {what} do not rise from 0")));
    }
    expect(format!("rows that the offsets of {what} cover"), offsets.last().map_or(0, |last| *last as usize), rows)
}

/// Rows of each event.
pub(super) fn events(offsets: &[u32]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
}

impl Tape<'_> {
    /// Sums over the rows of each event: a row per event.
    ///
    /// # Errors
    /// Offsets that do not fit.
    pub fn segment_sum(&self, x: &Value, offsets: &Arc<[u32]>) -> Result<Value> {
        self.segment(x, offsets, |_| 1.0)
    }

    /// Means over the rows of each event: a row per event, zero for one without rows.
    ///
    /// # Errors
    /// Offsets that do not fit.
    pub fn segment_mean(&self, x: &Value, offsets: &Arc<[u32]>) -> Result<Value> {
        self.segment(x, offsets, |count| 1.0 / count.max(1) as f32)
    }

    fn segment(&self, x: &Value, offsets: &Arc<[u32]>, factor: fn(usize) -> f32) -> Result<Value> {
        check_offsets("events", offsets, x.rows())?;
        let columns = x.columns().max(1);
        let count = offsets.len() - 1;
        let mut y = self.pool().zeros(count * x.columns());
        for (y, rows) in y.chunks_exact_mut(columns).zip(events(offsets)) {
            let factor = factor(rows.len());
            for x in x.values()[rows.start * columns..rows.end * columns].chunks_exact(columns) {
                each(y, x, |y, x| y + factor * x);
            }
        }
        let (own, offsets) = (x.clone(), Arc::clone(offsets));
        self.record([count, x.columns()], y, &[x], false, move |g, sink| {
            let Some(to) = sink.to(&own) else { return };
            for (g, rows) in g.chunks_exact(columns).zip(events(&offsets)) {
                let factor = factor(rows.len());
                for to in to[rows.start * columns..rows.end * columns].chunks_exact_mut(columns) {
                    each(to, g, |to, g| to + factor * g);
                }
            }
        })
    }

    /// x plus the row of its event.
    ///
    /// # Errors
    /// Offsets or widths that do not fit.
    pub fn add_to_segments(&self, x: &Value, of_events: &Value, offsets: &Arc<[u32]>) -> Result<Value> {
        check_offsets("events", offsets, x.rows())?;
        expect("rows of events", of_events.rows(), offsets.len() - 1)?;
        expect("columns of events", of_events.columns(), x.columns())?;
        let columns = x.columns().max(1);
        let mut y = self.pool().copy(x.values());
        for (event, rows) in events(offsets).enumerate() {
            for y in y[rows.start * columns..rows.end * columns].chunks_exact_mut(columns) {
                each(y, of_events.row(event), |y, e| y + e);
            }
        }
        let (own, other, offsets) = (x.clone(), of_events.clone(), Arc::clone(offsets));
        self.record([x.rows(), x.columns()], y, &[x, of_events], false, move |g, sink| {
            if let Some(to) = sink.to(&other) {
                for (to, rows) in to.chunks_exact_mut(columns).zip(events(&offsets)) {
                    for g in g[rows.start * columns..rows.end * columns].chunks_exact(columns) {
                        each(to, g, |to, g| to + g);
                    }
                }
            }
            sink.give(&own, g);
        })
    }

    /// The same row (1 x columns) for each event.
    ///
    /// # Errors
    /// More than one row.
    pub fn repeat_row(&self, row: &Value, times: usize) -> Result<Value> {
        expect("rows to repeat", row.rows(), 1)?;
        self.gather(row, &std::iter::repeat_n(0, times).collect())
    }
}
