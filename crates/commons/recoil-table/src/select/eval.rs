//! Evaluation of typed expressions, a block of values at a time.

use std::cell::OnceCell;

use arrow_array::Array;

use super::compare::{Repeat, Right, compare};

use super::lanes::{Lane, LaneValues};
use super::program::{Bool, Float, FloatMap, FloatZip, From, Int, IntMap, IntZip, Load, TextOperand};
use super::segments::{row_of, segments};

/// Values per block: small enough that the blocks of an expression stay in the first-level cache.
pub(crate) const BLOCK: usize = 1024;

/// One value per row or element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

/// An integer result beyond 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

type Checked = Result<(), Overflow>;

/// The block under evaluation.
pub(crate) struct Block<'a> {
    pub lanes: &'a [Lane<'a>],
    pub slots: &'a [Values],
    /// Place of the block's first value in the lanes.
    pub start: usize,
    /// For a block of elements: where the lists of all rows begin and end.
    pub offsets: Option<&'a [i32]>,
    /// Number of values.
    pub len: usize,
    /// Row of each value, found when it is first needed.
    pub rows: OnceCell<Vec<u32>>,
}

/// Blocks that are not in use.
#[derive(Default)]
pub(crate) struct Pool {
    floats: Vec<Vec<f64>>,
    ints: Vec<Vec<i64>>,
    bools: Vec<Vec<bool>>,
}

impl Pool {
    fn with_floats<T>(&mut self, call: impl FnOnce(&mut Self, &mut [f64]) -> T) -> T {
        let mut block = self.floats.pop().unwrap_or_else(|| vec![0.0; BLOCK]);
        let result = call(self, &mut block);
        self.floats.push(block);
        result
    }

    fn with_ints<T>(&mut self, call: impl FnOnce(&mut Self, &mut [i64]) -> T) -> T {
        let mut block = self.ints.pop().unwrap_or_else(|| vec![0; BLOCK]);
        let result = call(self, &mut block);
        self.ints.push(block);
        result
    }

    fn with_bools<T>(&mut self, call: impl FnOnce(&mut Self, &mut [bool]) -> T) -> T {
        let mut block = self.bools.pop().unwrap_or_else(|| vec![false; BLOCK]);
        let result = call(self, &mut block);
        self.bools.push(block);
        result
    }
}

pub(super) fn zip_with<T: Copy, U: Copy>(out: &mut [T], other: &[U], f: impl Fn(T, U) -> T) {
    for (x, y) in out.iter_mut().zip(other) {
        *x = f(*x, *y);
    }
}

pub(super) fn map<T: Copy>(out: &mut [T], f: impl Fn(T) -> T) {
    for x in out {
        *x = f(*x);
    }
}

pub(super) fn convert<S: Copy, T>(out: &mut [T], from: &[S], f: impl Fn(S) -> T) {
    for (x, y) in out.iter_mut().zip(from) {
        *x = f(*y);
    }
}

impl Block<'_> {
    /// Row of each value of a block of elements.
    fn rows(&self) -> &[u32] {
        self.rows.get_or_init(|| {
            let offsets = self.offsets.unwrap_or_default();
            let mut rows = Vec::with_capacity(self.len);
            let mut row = row_of(offsets, self.start);
            segments(offsets, &mut row, self.start..self.start + self.len, |row, range| {
                rows.extend(std::iter::repeat_n(row as u32, range.len()));
            });
            rows
        })
    }

    /// Copies values of `source` into `out`, per element when `load` is broadcast.
    fn fill<S: Copy + Default, T>(&self, load: Load, source: &[S], out: &mut [T], f: impl Fn(S) -> T) {
        if load.broadcast {
            convert(out, self.rows(), |row| f(source.get(row as usize).copied().unwrap_or_default()));
        } else {
            convert(out, source.get(self.start..).unwrap_or_default(), f);
        }
    }

    /// Place in the lane of the block's value `index`.
    fn place(&self, load: Load, index: usize) -> usize {
        if load.broadcast { self.rows().get(index).map_or(0, |row| *row as usize) } else { self.start + index }
    }

    pub fn float(&self, e: &Float, out: &mut [f64], pool: &mut Pool) -> Checked {
        let n = out.len();
        match e {
            Float::Const(value) => out.fill(*value),
            Float::Load(load) => self.load_floats(*load, out),
            Float::FromInt(int) => pool.with_ints(|pool, ints| {
                let ints = &mut ints[..n];
                self.int(int, ints, pool)?;
                convert(out, ints, |v| v as f64);
                Ok(())
            })?,
            Float::Map(function, a) => {
                self.float(a, out, pool)?;
                map_floats(*function, out);
            }
            Float::Zip(function, a, b) => {
                self.float(a, out, pool)?;
                if let Float::Const(b) = **b {
                    zip_floats(*function, out, Repeat(b));
                } else {
                    pool.with_floats(|pool, other| {
                        self.float(b, &mut other[..n], pool)?;
                        zip_floats(*function, out, &other[..n]);
                        Ok(())
                    })?;
                }
            }
            Float::Where(condition, a, b) => {
                self.float(b, out, pool)?;
                pool.with_floats(|pool, other| {
                    self.float(a, &mut other[..n], pool)?;
                    self.choose(condition, out, &other[..n], pool)
                })?;
            }
        }
        Ok(())
    }

    pub fn int(&self, e: &Int, out: &mut [i64], pool: &mut Pool) -> Checked {
        let n = out.len();
        match e {
            Int::Const(value) => out.fill(*value),
            Int::Load(load) => self.load_ints(*load, out),
            Int::FromBool(bool) => pool.with_bools(|pool, bools| {
                let bools = &mut bools[..n];
                self.bool(bool, bools, pool)?;
                convert(out, bools, i64::from);
                Ok(())
            })?,
            Int::Map(function, a) => {
                self.int(a, out, pool)?;
                match function {
                    IntMap::BitNot => map(out, |v| !v),
                    IntMap::Negate => checked(out, |v| v.overflowing_neg())?,
                    IntMap::Abs => checked(out, |v| v.overflowing_abs())?,
                }
            }
            Int::Zip(function, a, b) => {
                self.int(a, out, pool)?;
                if let (IntZip::Remainder, Int::Const(divisor)) = (function, &**b)
                    && divisor.count_ones() == 1
                    && *divisor > 0
                {
                    map(out, |v| v & (divisor - 1));
                    return Ok(());
                }
                pool.with_ints(|pool, other| {
                    let other = &mut other[..n];
                    self.int(b, other, pool)?;
                    match function {
                        IntZip::Add => checked_zip(out, other, i64::overflowing_add),
                        IntZip::Subtract => checked_zip(out, other, i64::overflowing_sub),
                        IntZip::Multiply => checked_zip(out, other, i64::overflowing_mul),
                        IntZip::Remainder => {
                            zip_with(out, other, floored_remainder);
                            Ok(())
                        }
                        IntZip::BitAnd => {
                            zip_with(out, other, |a, b| a & b);
                            Ok(())
                        }
                        IntZip::BitOr => {
                            zip_with(out, other, |a, b| a | b);
                            Ok(())
                        }
                        IntZip::Min => {
                            zip_with(out, other, i64::min);
                            Ok(())
                        }
                        IntZip::Max => {
                            zip_with(out, other, i64::max);
                            Ok(())
                        }
                    }
                })?;
            }
            Int::Where(condition, a, b) => {
                self.int(b, out, pool)?;
                pool.with_ints(|pool, other| {
                    self.int(a, &mut other[..n], pool)?;
                    self.choose(condition, out, &other[..n], pool)
                })?;
            }
        }
        Ok(())
    }

    pub fn bool(&self, e: &Bool, out: &mut [bool], pool: &mut Pool) -> Checked {
        let n = out.len();
        match e {
            Bool::Const(value) => out.fill(*value),
            Bool::Load(load) => self.load_bools(*load, out),
            Bool::CompareFloat(comparison, a, b) => pool.with_floats(|pool, left| {
                let left = &mut left[..n];
                if let Float::Const(b) = **b {
                    if !self.compare_singles(*comparison, a, b, out) {
                        self.float(a, left, pool)?;
                        compare(*comparison, left, Repeat(b), out);
                    }
                    return Ok(());
                }
                self.float(a, left, pool)?;
                pool.with_floats(|pool, right| {
                    self.float(b, &mut right[..n], pool)?;
                    compare(*comparison, left, &right[..n], out);
                    Ok(())
                })
            })?,
            Bool::CompareInt(comparison, a, b) => pool.with_ints(|pool, left| {
                let left = &mut left[..n];
                if let Int::Const(b) = **b {
                    if !self.compare_shorts(*comparison, a, b, out) {
                        self.int(a, left, pool)?;
                        compare(*comparison, left, Repeat(b), out);
                    }
                    return Ok(());
                }
                self.int(a, left, pool)?;
                pool.with_ints(|pool, right| {
                    self.int(b, &mut right[..n], pool)?;
                    compare(*comparison, left, &right[..n], out);
                    Ok(())
                })
            })?,
            Bool::SameText(load, other) => self.same_text(*load, other, out),
            Bool::IsNan(a) => self.test(a, out, pool, f64::is_nan)?,
            Bool::IsFinite(a) => self.test(a, out, pool, f64::is_finite)?,
            Bool::Not(a) => {
                self.bool(a, out, pool)?;
                map(out, |v| !v);
            }
            Bool::And(a, b) => {
                self.bool(a, out, pool)?;
                pool.with_bools(|pool, other| {
                    self.bool(b, &mut other[..n], pool)?;
                    zip_with(out, &other[..n], |a, b| a & b);
                    Ok(())
                })?;
            }
            Bool::Or(a, b) => {
                self.bool(a, out, pool)?;
                pool.with_bools(|pool, other| {
                    self.bool(b, &mut other[..n], pool)?;
                    zip_with(out, &other[..n], |a, b| a | b);
                    Ok(())
                })?;
            }
            Bool::Where(condition, a, b) => {
                self.bool(b, out, pool)?;
                pool.with_bools(|pool, other| {
                    self.bool(a, &mut other[..n], pool)?;
                    self.choose(condition, out, &other[..n], pool)
                })?;
            }
        }
        Ok(())
    }

    /// Puts `chosen` into `out` where the condition holds.
    fn choose<T: Copy>(&self, condition: &Bool, out: &mut [T], chosen: &[T], pool: &mut Pool) -> Checked {
        let n = out.len();
        pool.with_bools(|pool, truth| {
            self.bool(condition, &mut truth[..n], pool)?;
            for ((x, y), holds) in out.iter_mut().zip(chosen).zip(truth.iter()) {
                *x = if *holds { *y } else { *x };
            }
            Ok(())
        })
    }

    fn test(&self, a: &Float, out: &mut [bool], pool: &mut Pool, f: impl Fn(f64) -> bool) -> Checked {
        let n = out.len();
        pool.with_floats(|pool, values| {
            self.float(a, &mut values[..n], pool)?;
            convert(out, &values[..n], f);
            Ok(())
        })
    }

    fn load_floats(&self, load: Load, out: &mut [f64]) {
        match load.from {
            From::Slot(slot) => {
                if let Some(Values::Float(values)) = self.slots.get(slot) {
                    self.fill(load, values, out, |v| v);
                }
            }
            From::Input(input) => {
                let Some(lane) = self.lanes.get(input) else { return };
                match &lane.values {
                    LaneValues::F32(values) => self.fill(load, values, out, f64::from),
                    LaneValues::F64(values) => self.fill(load, values, out, |v| v),
                    _ => out.fill(f64::NAN),
                }
                if let Some(nulls) = &lane.nulls {
                    for (index, x) in out.iter_mut().enumerate() {
                        let place = self.place(load, index);
                        if place < nulls.len() && nulls.is_null(place) {
                            *x = f64::NAN;
                        }
                    }
                }
            }
        }
    }

    fn load_ints(&self, load: Load, out: &mut [i64]) {
        match load.from {
            From::Slot(slot) => {
                if let Some(Values::Int(values)) = self.slots.get(slot) {
                    self.fill(load, values, out, |v| v);
                }
            }
            From::Input(input) => match self.lanes.get(input).map(|lane| &lane.values) {
                Some(LaneValues::I8(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::I16(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::I32(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::I64(values)) => self.fill(load, values, out, |v| v),
                Some(LaneValues::U8(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::U16(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::U32(values)) => self.fill(load, values, out, i64::from),
                Some(LaneValues::U64(values)) => self.fill(load, values, out, |v| v as i64),
                _ => out.fill(0),
            },
        }
    }

    fn load_bools(&self, load: Load, out: &mut [bool]) {
        match load.from {
            From::Slot(slot) => {
                if let Some(Values::Bool(values)) = self.slots.get(slot) {
                    self.fill(load, values, out, |v| v);
                }
            }
            From::Input(input) => {
                if let Some(LaneValues::Bool(values)) = self.lanes.get(input).map(|lane| &lane.values) {
                    for (index, x) in out.iter_mut().enumerate() {
                        let place = self.place(load, index);
                        *x = place < values.values().len() && values.value(place);
                    }
                }
            }
        }
    }

    fn text(&self, load: Load, index: usize) -> Option<&str> {
        match (load.from, self.place(load, index)) {
            (From::Input(input), place) => match self.lanes.get(input).map(|lane| &lane.values) {
                Some(LaneValues::Text(texts)) => (place < texts.len()).then(|| texts.value(place)),
                _ => None,
            },
            (From::Slot(_), _) => None,
        }
    }

    fn same_text(&self, load: Load, other: &TextOperand, out: &mut [bool]) {
        for (index, x) in out.iter_mut().enumerate() {
            let text = self.text(load, index);
            *x = match other {
                TextOperand::Const(other) => text == Some(other),
                TextOperand::Load(other) => text == self.text(*other, index),
            };
        }
    }
}

fn map_floats(function: FloatMap, out: &mut [f64]) {
    match function {
        FloatMap::Negate => map(out, |v| -v),
        FloatMap::Abs => map(out, f64::abs),
        FloatMap::Sqrt => map(out, f64::sqrt),
        FloatMap::Exp => map(out, f64::exp),
        FloatMap::Log => map(out, f64::ln),
        FloatMap::Log2 => map(out, f64::log2),
        FloatMap::Log10 => map(out, f64::log10),
        FloatMap::Sin => map(out, f64::sin),
        FloatMap::Cos => map(out, f64::cos),
        FloatMap::Tan => map(out, f64::tan),
        FloatMap::Asin => map(out, f64::asin),
        FloatMap::Acos => map(out, f64::acos),
        FloatMap::Atan => map(out, f64::atan),
        FloatMap::Sinh => map(out, f64::sinh),
        FloatMap::Cosh => map(out, f64::cosh),
        FloatMap::Tanh => map(out, f64::tanh),
        FloatMap::Asinh => map(out, f64::asinh),
        FloatMap::Acosh => map(out, f64::acosh),
        FloatMap::Atanh => map(out, f64::atanh),
        FloatMap::Floor => map(out, f64::floor),
        FloatMap::Ceil => map(out, f64::ceil),
        FloatMap::Round => map(out, f64::round_ties_even),
    }
}

fn zip_floats(function: FloatZip, out: &mut [f64], right: impl Right<f64>) {
    match function {
        FloatZip::Add => right.update(out, |a, b| a + b),
        FloatZip::Subtract => right.update(out, |a, b| a - b),
        FloatZip::Multiply => right.update(out, |a, b| a * b),
        FloatZip::Divide => right.update(out, |a, b| a / b),
        FloatZip::Remainder => right.update(out, remainder),
        FloatZip::Power => right.update(out, f64::powf),
        FloatZip::Atan2 => right.update(out, f64::atan2),
        FloatZip::Hypot => right.update(out, f64::hypot),
        FloatZip::Min => right.update(out, |a, b| if a.is_nan() || a < b { a } else { b }),
        FloatZip::Max => right.update(out, |a, b| if a.is_nan() || a > b { a } else { b }),
        FloatZip::DeltaPhi => right.update(out, delta_phi),
    }
}

/// Remainder with the sign of the divisor, as in Python; NaN for a divisor of 0.
fn remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
}

fn floored_remainder(a: i64, b: i64) -> i64 {
    let r = a.checked_rem(b).unwrap_or(0);
    if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
}

/// a - b in (-pi, pi].
fn delta_phi(a: f64, b: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let d = a - b;
    d - TAU * ((d - PI) / TAU).ceil()
}

fn checked(out: &mut [i64], f: impl Fn(i64) -> (i64, bool)) -> Checked {
    let mut overflow = false;
    for x in out {
        let (value, over) = f(*x);
        *x = value;
        overflow |= over;
    }
    if overflow { Err(Overflow) } else { Ok(()) }
}

fn checked_zip(out: &mut [i64], other: &[i64], f: impl Fn(i64, i64) -> (i64, bool)) -> Checked {
    let mut overflow = false;
    for (x, y) in out.iter_mut().zip(other) {
        let (value, over) = f(*x, *y);
        *x = value;
        overflow |= over;
    }
    if overflow { Err(Overflow) } else { Ok(()) }
}
