//! Values, the tape, and the way back.

use super::weights::Weights;
use crate::error::{NnError, Result};
use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Memory that is used again: a value that nobody holds any more leaves its numbers here.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<Vec<Vec<f32>>>>);

impl Pool {
    /// So many numbers of any value.
    pub fn take(&self, len: usize) -> Buffer {
        let mut values = Vec::new();
        if let Ok(mut free) = self.0.lock() {
            let fits = |v: &Vec<f32>| v.capacity() >= len && v.capacity() <= 4 * len + 1024;
            let best = (0..free.len()).filter(|&at| fits(&free[at])).min_by_key(|&at| free[at].capacity());
            if let Some(at) = best {
                values = free.swap_remove(at);
            }
        }
        if values.capacity() < len {
            // in steps, so that events of similar sizes share memory
            let step = (len / 8).next_power_of_two().max(64);
            values.reserve_exact(len.div_ceil(step) * step);
        }
        values.resize(len, 0.0);
        Buffer { values, pool: self.clone() }
    }

    /// So many zeros.
    pub fn zeros(&self, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of these numbers.
    pub fn copy(&self, values: &[f32]) -> Buffer {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

/// A row of numbers that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    pool: Pool,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Ok(mut free) = self.pool.0.lock() {
            free.push(std::mem::take(&mut self.values));
        }
    }
}

/// A matrix; copies of the handle share the numbers.
#[derive(Clone, Debug)]
pub struct Value(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rows: usize,
    columns: usize,
    values: Buffer,
    /// Place of the gradient; none for what no gradient flows to.
    slot: Option<usize>,
}

impl Value {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.0.columns
    }

    /// The numbers, row after row.
    pub fn values(&self) -> &[f32] {
        &self.0.values
    }

    /// One row; empty beyond the last one.
    pub fn row(&self, row: usize) -> &[f32] {
        self.values().get(row * self.columns()..(row + 1) * self.columns()).unwrap_or_default()
    }

    /// Whether gradients flow to it.
    pub fn has_gradient(&self) -> bool {
        self.0.slot.is_some()
    }
}

/// What a tape is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Results only.
    Inference,
    /// Results without dropping, and gradients.
    Gradients,
    /// Gradients, with features dropped at random: the same seed drops the same.
    Training {
        /// of the features to drop
        seed: u64,
    },
}

type Rule<'w> = Box<dyn FnOnce(Buffer, &mut Sink<'_>) + 'w>;

struct Record<'w> {
    slot: usize,
    rule: Rule<'w>,
}

/// Computes values and remembers how.
pub struct Tape<'w> {
    weights: &'w Weights,
    pool: Pool,
    mode: Mode,
    records: RefCell<Vec<Record<'w>>>,
    slots: Cell<usize>,
    dropouts: Cell<u64>,
}

/// Gradients on the way back: those of values that wait for their rule, and those of weights.
pub struct Sink<'a> {
    slots: Vec<Option<Buffer>>,
    weights: &'a mut [f32],
    pool: Pool,
}

impl Sink<'_> {
    /// The gradient of a value, to add to, and whether it holds nothing yet (then its numbers are of any value and must be
    /// overwritten); `None` if no gradient flows there.
    pub fn open(&mut self, value: &Value) -> Option<(&mut [f32], bool)> {
        let slot = self.slots.get_mut(value.0.slot?)?;
        let is_new = slot.is_none();
        let buffer = slot.get_or_insert_with(|| self.pool.take(value.values().len()));
        Some((buffer, is_new))
    }

    /// The gradient of a value, to add to; `None` if no gradient flows there.
    pub fn to(&mut self, value: &Value) -> Option<&mut [f32]> {
        let (gradient, is_new) = self.open(value)?;
        if is_new {
            gradient.fill(0.0);
        }
        Some(gradient)
    }

    /// Adds all of this gradient to that of a value.
    pub fn give(&mut self, value: &Value, gradient: Buffer) {
        let Some(slot) = value.0.slot.and_then(|slot| self.slots.get_mut(slot)) else { return };
        match slot {
            Some(sum) => super::functions::each(sum, &gradient, |sum, g| sum + g),
            None => *slot = Some(gradient),
        }
    }

    /// The gradients of all weights, in their layout, to add to.
    pub fn weights(&mut self) -> &mut [f32] {
        self.weights
    }

    /// Memory for intermediate results.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// Gradients of values that were given as [leaves](Tape::leaf).
pub struct Gradients(Vec<Option<Buffer>>);

impl Gradients {
    /// The gradient of a leaf; `None` if none reached it.
    pub fn of(&self, leaf: &Value) -> Option<&[f32]> {
        self.0.get(leaf.0.slot?)?.as_deref()
    }
}

impl<'w> Tape<'w> {
    /// A tape for operations with these weights.
    pub fn new(weights: &'w Weights, pool: &Pool, mode: Mode) -> Self {
        Self {
            weights,
            pool: pool.clone(),
            mode,
            records: RefCell::default(),
            slots: Cell::default(),
            dropouts: Cell::default(),
        }
    }

    /// The weights.
    pub fn weights(&self) -> &'w Weights {
        self.weights
    }

    /// Memory for results.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What the tape is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the way back is remembered.
    pub fn records(&self) -> bool {
        self.mode != Mode::Inference
    }

    /// A matrix that no gradient flows to.
    ///
    /// # Errors
    /// Another number of values than rows times columns.
    pub fn input(&self, rows: usize, columns: usize, values: &[f32]) -> Result<Value> {
        self.constant(rows, columns, self.pool.copy(values))
    }

    /// As [`Tape::input`], from a buffer.
    ///
    /// # Errors
    /// Another number of values than rows times columns.
    pub fn constant(&self, rows: usize, columns: usize, values: Buffer) -> Result<Value> {
        self.value(rows, columns, values, None)
    }

    /// A matrix whose gradient [`Tape::backward`] gives.
    ///
    /// # Errors
    /// Another number of values than rows times columns.
    pub fn leaf(&self, rows: usize, columns: usize, values: &[f32]) -> Result<Value> {
        let slot = self.records().then(|| self.new_slot());
        self.value(rows, columns, self.pool.copy(values), slot)
    }

    fn value(&self, rows: usize, columns: usize, values: Buffer, slot: Option<usize>) -> Result<Value> {
        if values.len() != rows * columns {
            let what = format!("a matrix of {rows} rows and {columns} columns");
            return Err(NnError::Length { what, found: values.len(), expected: rows * columns });
        }
        Ok(Value(Arc::new(Inner { rows, columns, values, slot })))
    }

    fn new_slot(&self) -> usize {
        let slot = self.slots.get();
        self.slots.set(slot + 1);
        slot
    }

    /// An operation of one's own: its result, what it was made of, and the rule of the way back, which is told the
    /// gradient of the result and adds to those of its origins in the [`Sink`]. The rule is dropped at once if no
    /// gradient flows to any origin; `of_weights` says that it adds to gradients of weights also.
    ///
    /// # Errors
    /// Another number of values than rows times columns.
    pub fn record(
        &self,
        [rows, columns]: [usize; 2],
        values: Buffer,
        origins: &[&Value],
        of_weights: bool,
        rule: impl FnOnce(Buffer, &mut Sink<'_>) + 'w,
    ) -> Result<Value> {
        let wanted = self.records() && (of_weights || origins.iter().any(|origin| origin.has_gradient()));
        if !wanted {
            return self.value(rows, columns, values, None);
        }
        let slot = self.new_slot();
        self.records.borrow_mut().push(Record { slot, rule: Box::new(rule) });
        self.value(rows, columns, values, Some(slot))
    }

    /// Goes back from the 1 x 1 value `loss`: adds the derivatives by all weights to `gradient`, which has the layout of
    /// the weights, and returns those by the leaves. The tape is empty afterwards.
    ///
    /// # Errors
    /// A loss that is no single number, or a gradient of another length.
    pub fn backward(&self, loss: &Value, gradient: &mut [f32]) -> Result<Gradients> {
        if loss.values().len() != 1 {
            let what = "the loss to go back from".to_owned();
            return Err(NnError::Length { what, found: loss.values().len(), expected: 1 });
        }
        if gradient.len() != self.weights.len() {
            let what = "the gradient of the weights".to_owned();
            return Err(NnError::Length { what, found: gradient.len(), expected: self.weights.len() });
        }
        let mut slots = Vec::new();
        slots.resize_with(self.slots.get(), || None);
        let mut sink = Sink { slots, weights: gradient, pool: self.pool.clone() };
        if let Some(own) = sink.to(loss) {
            own.fill(1.0);
        }
        let mut records = self.records.take();
        while let Some(record) = records.pop() {
            if let Some(gradient) = sink.slots.get_mut(record.slot).and_then(Option::take) {
                (record.rule)(gradient, &mut sink);
            }
        }
        Ok(Gradients(sink.slots))
    }

    /// Number of the next operation that drops at random.
    pub(super) fn next_dropout(&self) -> u64 {
        let number = self.dropouts.get();
        self.dropouts.set(number + 1);
        number
    }
}

/// Refuses matrices that do not fit together.
pub(super) fn same_shape(what: &str, a: &Value, b: &Value) -> Result<()> {
    expect(format!("rows of {what}"), b.rows(), a.rows())?;
    expect(format!("columns of {what}"), b.columns(), a.columns())
}

/// Refuses a number that is not the expected one.
pub(super) fn expect(what: impl Into<String>, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(NnError::Length { what: what.into(), found, expected }) }
}
