//! Distances between points, in the exact floating-point form of the published library.
//!
//! Inside the algorithm a distance lives in *reduced* form: the sum of squares for Euclidean
//! metrics (no square root per pair), the length itself for the others. Every step of a reduced
//! distance (difference, fold over a period, product, sum, maximum) rounds monotonically, so the
//! same steps on the corners of a box bound the rounded distances of everything inside it: boxes
//! can be skipped or taken whole without any safety margin.

use crate::error::{Error, Result};

/// How the differences along the axes combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Norm {
    /// square root of the sum of squares
    #[default]
    Euclidean,
    /// sum of absolute differences
    Manhattan,
    /// largest absolute difference
    Chebyshev,
}

/// A metric: a norm, and per axis an optional weight and an optional period.
///
/// With weights w the Euclidean form is `sqrt(sum w d^2)`, the others use `w |d|`. On an axis with
/// period P the difference is the shorter way round, `min(|d|, P - |d|)`; a period of 0 means that
/// the axis is open. Coordinates may start anywhere (0 to 2 pi, or -pi to pi).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metric {
    norm: Norm,
    weights: Option<Vec<f32>>,
    periods: Option<Vec<f32>>,
}

impl Metric {
    /// The plain metric of a norm.
    pub fn new(norm: Norm) -> Self {
        Self { norm, weights: None, periods: None }
    }

    /// One positive weight per axis.
    pub fn weights(mut self, weights: &[f32]) -> Self {
        self.weights = Some(weights.to_vec());
        self
    }

    /// One period per axis, 0 for an open axis.
    pub fn periods(mut self, periods: &[f32]) -> Self {
        self.periods = Some(periods.to_vec());
        self
    }

    pub(super) fn norm(&self) -> Norm {
        self.norm
    }

    /// Whether every axis is open and has weight 1.
    pub(super) fn is_plain(&self) -> bool {
        let all = |list: &Option<Vec<f32>>, value: f32| list.as_ref().is_none_or(|l| l.iter().all(|&v| v == value));
        all(&self.weights, 1.0) && all(&self.periods, 0.0)
    }

    /// The checked axes: (weight, period), open axes with an infinite period.
    pub(super) fn axes(&self, count: usize) -> Result<Vec<Axis>> {
        let mut axes = vec![Axis { weight: 1.0, period: f32::INFINITY }; count];
        if let Some(weights) = &self.weights {
            check_list("weights", weights, count, |w| w.is_finite() && w > 0.0, "finite and above zero")?;
            axes.iter_mut().zip(weights).for_each(|(axis, &weight)| axis.weight = weight);
        }
        if let Some(periods) = &self.periods {
            check_list("periods", periods, count, |p| p.is_finite() && p >= 0.0, "finite, zero (open) or above")?;
            for (axis, &period) in axes.iter_mut().zip(periods).filter(|(_, period)| **period > 0.0) {
                axis.period = period;
            }
        }
        Ok(axes)
    }
}

fn check_list(
    name: &'static str,
    list: &[f32],
    count: usize,
    fits: impl Fn(f32) -> bool,
    wanted: &'static str,
) -> Result<()> {
    if list.len() != count {
        return Err(Error::Axes { name, expected: count, found: list.len() });
    }
    match list.iter().position(|&value| !fits(value)) {
        Some(axis) => {
            Err(Error::Parameter { name: format!("metric {name}[{axis}]"), value: f64::from(list[axis]), wanted })
        }
        None => Ok(()),
    }
}

/// Weight and period of one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub weight: f32,
    pub period: f32,
}

/// A metric in reduced form (see the module's head).
pub(super) trait Reduced: Copy + Send + Sync {
    /// The effective difference along one axis, from the difference of two coordinates.
    fn along(&self, _axis: usize, delta: f32) -> f32 {
        delta
    }
    /// Adds the effective difference along one axis to a reduced distance.
    fn fold(&self, axis: usize, sum: f32, delta: f32) -> f32;
    /// The least and largest effective difference, when the absolute difference lies in a range.
    fn range(&self, _axis: usize, least: f32, largest: f32) -> (f32, f32) {
        (least, largest)
    }
    /// The distance that a reduced distance stands for.
    fn length(&self, reduced: f32) -> f32;
    /// The largest reduced distance whose length does not exceed `radius`.
    fn reach(&self, radius: f32) -> f32;
    /// Factor that makes extents of different axes comparable when boxes are cut.
    fn scale(&self, _axis: usize) -> f32 {
        1.0
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Euclidean;
#[derive(Debug, Clone, Copy)]
pub(super) struct Manhattan;
#[derive(Debug, Clone, Copy)]
pub(super) struct Chebyshev;

impl Reduced for Euclidean {
    #[inline(always)]
    fn fold(&self, _axis: usize, sum: f32, delta: f32) -> f32 {
        sum + delta * delta
    }
    #[inline(always)]
    fn length(&self, reduced: f32) -> f32 {
        reduced.sqrt()
    }
    fn reach(&self, radius: f32) -> f32 {
        // sqrt rounds, so the border of `sqrt(s) <= radius` can lie beside `radius * radius`
        let mut reach = (radius * radius).min(f32::MAX);
        while reach.sqrt() > radius {
            reach = reach.next_down();
        }
        while reach < f32::MAX && reach.next_up().sqrt() <= radius {
            reach = reach.next_up();
        }
        reach
    }
}

impl Reduced for Manhattan {
    #[inline(always)]
    fn fold(&self, _axis: usize, sum: f32, delta: f32) -> f32 {
        sum + delta.abs()
    }
    #[inline(always)]
    fn length(&self, reduced: f32) -> f32 {
        reduced
    }
    fn reach(&self, radius: f32) -> f32 {
        radius
    }
}

impl Reduced for Chebyshev {
    #[inline(always)]
    fn fold(&self, _axis: usize, sum: f32, delta: f32) -> f32 {
        if delta.abs() > sum || delta.is_nan() { delta.abs() } else { sum }
    }
    #[inline(always)]
    fn length(&self, reduced: f32) -> f32 {
        reduced
    }
    fn reach(&self, radius: f32) -> f32 {
        radius
    }
}

/// A norm on weighted or periodic axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled<'a, N> {
    pub norm: N,
    pub axes: &'a [Axis],
}

/// The shorter of the direct way and the way round; NaN (infinite minus infinite) counts as direct.
#[inline(always)]
fn shorter(direct: f32, round: f32) -> f32 {
    if round < direct { round } else { direct }
}

macro_rules! scaled {
    ($norm:ty, |$sum:ident, $weight:ident, $delta:ident| $fold:expr) => {
        impl Reduced for Scaled<'_, $norm> {
            #[inline(always)]
            fn along(&self, axis: usize, delta: f32) -> f32 {
                shorter(delta.abs(), self.axes[axis].period - delta.abs())
            }
            #[inline(always)]
            fn fold(&self, axis: usize, $sum: f32, $delta: f32) -> f32 {
                let $weight = self.axes[axis].weight;
                $fold
            }
            fn range(&self, axis: usize, least: f32, largest: f32) -> (f32, f32) {
                let period = self.axes[axis].period;
                (shorter(least, period - largest), shorter(largest, period - least))
            }
            fn length(&self, reduced: f32) -> f32 {
                self.norm.length(reduced)
            }
            fn reach(&self, radius: f32) -> f32 {
                self.norm.reach(radius)
            }
            fn scale(&self, axis: usize) -> f32 {
                self.axes[axis].weight
            }
        }
    };
}

scaled!(Euclidean, |sum, weight, delta| sum + weight * delta * delta);
scaled!(Manhattan, |sum, weight, delta| sum + weight * delta);
scaled!(Chebyshev, |sum, weight, delta| if weight * delta > sum || delta.is_nan() { weight * delta } else { sum });
