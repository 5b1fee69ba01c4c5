//! Comparisons of blocks.

use super::eval::{Block, convert, map, zip_with};
use super::lanes::LaneValues;
use super::program::{Comparison, Float, FloatMap, From, Int, Load};

/// The right-hand side of a block operation: a block or one value for all.
pub(super) trait Right<T: Copy> {
    fn apply<L: Copy, O>(self, left: &[L], out: &mut [O], f: impl Fn(L, T) -> O);
    fn update(self, out: &mut [T], f: impl Fn(T, T) -> T);
}

pub(super) struct Repeat<T>(pub T);

impl<T: Copy> Right<T> for Repeat<T> {
    fn apply<L: Copy, O>(self, left: &[L], out: &mut [O], f: impl Fn(L, T) -> O) {
        convert(out, left, |l| f(l, self.0));
    }
    fn update(self, out: &mut [T], f: impl Fn(T, T) -> T) {
        map(out, |l| f(l, self.0));
    }
}

impl<T: Copy> Right<T> for &[T] {
    fn apply<L: Copy, O>(self, left: &[L], out: &mut [O], f: impl Fn(L, T) -> O) {
        for ((x, l), r) in out.iter_mut().zip(left).zip(self) {
            *x = f(*l, *r);
        }
    }
    fn update(self, out: &mut [T], f: impl Fn(T, T) -> T) {
        zip_with(out, self, f);
    }
}

pub(super) fn compare<T: Copy + PartialOrd>(
    comparison: Comparison,
    left: &[T],
    right: impl Right<T>,
    out: &mut [bool],
) {
    match comparison {
        Comparison::Less => right.apply(left, out, |a, b| a < b),
        Comparison::LessEqual => right.apply(left, out, |a, b| a <= b),
        Comparison::Greater => right.apply(left, out, |a, b| a > b),
        Comparison::GreaterEqual => right.apply(left, out, |a, b| a >= b),
        Comparison::Equal => right.apply(left, out, |a, b| a == b),
        Comparison::NotEqual => right.apply(left, out, |a, b| a != b),
    }
}

/// The `f32` with which any `f32` compares as with the `f64` `bound`; `None` when there is none.
fn single(comparison: Comparison, bound: f64) -> Option<f32> {
    let near = bound as f32;
    if f64::from(near) == bound {
        return Some(near);
    }
    let (below, above) = if f64::from(near) < bound { (near, near.next_up()) } else { (near.next_down(), near) };
    match comparison {
        Comparison::Greater | Comparison::LessEqual => Some(below),
        Comparison::Less | Comparison::GreaterEqual => Some(above),
        Comparison::Equal | Comparison::NotEqual => None,
    }
}

impl Block<'_> {
    /// Compares a column of `f32`, or its absolute value, with a constant without the way through `f64`; `false` when
    /// `a` is something else.
    pub(super) fn compare_singles(&self, comparison: Comparison, a: &Float, bound: f64, out: &mut [bool]) -> bool {
        let (load, is_absolute) = match a {
            Float::Load(load) => (load, false),
            Float::Map(FloatMap::Abs, inner) => match &**inner {
                Float::Load(load) => (load, true),
                _ => return false,
            },
            _ => return false,
        };
        let (Some(LaneValues::F32(values)), Some(bound)) = (self.plain(*load), single(comparison, bound)) else {
            return false;
        };
        let values = values.get(self.start..).unwrap_or_default();
        if is_absolute {
            match comparison {
                Comparison::Less => convert(out, values, |v: f32| v.abs() < bound),
                Comparison::LessEqual => convert(out, values, |v: f32| v.abs() <= bound),
                Comparison::Greater => convert(out, values, |v: f32| v.abs() > bound),
                Comparison::GreaterEqual => convert(out, values, |v: f32| v.abs() >= bound),
                Comparison::Equal => convert(out, values, |v: f32| v.abs() == bound),
                Comparison::NotEqual => convert(out, values, |v: f32| v.abs() != bound),
            }
        } else {
            compare(comparison, values, Repeat(bound), out);
        }
        true
    }

    /// Compares a column of 32-bit integers with a constant of their range; `false` when `a` is something else.
    pub(super) fn compare_shorts(&self, comparison: Comparison, a: &Int, bound: i64, out: &mut [bool]) -> bool {
        let Int::Load(load) = a else { return false };
        match self.plain(*load) {
            Some(LaneValues::I32(values)) => match i32::try_from(bound) {
                Ok(bound) => compare(comparison, values.get(self.start..).unwrap_or_default(), Repeat(bound), out),
                Err(_) => return false,
            },
            Some(LaneValues::U32(values)) => match u32::try_from(bound) {
                Ok(bound) => compare(comparison, values.get(self.start..).unwrap_or_default(), Repeat(bound), out),
                Err(_) => return false,
            },
            _ => return false,
        }
        true
    }

    /// The values of a column that needs no repeating and has no gaps.
    fn plain(&self, load: Load) -> Option<&LaneValues<'_>> {
        match load.from {
            From::Input(input) if !load.broadcast => {
                self.lanes.get(input).filter(|lane| lane.nulls.is_none()).map(|lane| &lane.values)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_bounds_divide_the_same_numbers() {
        let numbers = [-1.0_f32, -0.1, 0.0, 0.1, 0.099_999_99, 0.100_000_01, 1e-40, 3.4e38, f32::INFINITY, f32::NAN];
        let bounds = [0.1, -0.1, 0.0, 0.1_f32.into(), 1e-41, 1e300, -1e300, f64::NAN, f64::INFINITY];
        for bound in bounds {
            for v in numbers {
                let wide = f64::from(v);
                for (comparison, expected) in [
                    (Comparison::Less, wide < bound),
                    (Comparison::LessEqual, wide <= bound),
                    (Comparison::Greater, wide > bound),
                    (Comparison::GreaterEqual, wide >= bound),
                    (Comparison::Equal, wide == bound),
                    (Comparison::NotEqual, wide != bound),
                ] {
                    let Some(bound) = single(comparison, bound) else { continue };
                    let mut out = [false];
                    compare(comparison, &[v], Repeat(bound), &mut out);
                    assert_eq!(out, [expected], "{v} {comparison:?} {bound}");
                }
            }
        }
    }
}
