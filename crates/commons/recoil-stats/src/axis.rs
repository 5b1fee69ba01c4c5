//! Axes: uniform or variable bins.

use serde::{Deserialize, Serialize};

use crate::{Result, StatsError};

/// Where a value falls on an [`Axis`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bin {
    /// below the first edge
    Under,
    /// in the bin with this index, from 0
    In(usize),
    /// at or above the last edge
    Over,
    /// not a number
    Nan,
}

/// Bins along one variable. Bin `i` covers `[edge(i), edge(i + 1))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AxisRecord", into = "AxisRecord")]
pub struct Axis {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Uniform { bins: usize, lo: f64, hi: f64 },
    Variable { edges: Vec<f64> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum AxisRecord {
    Uniform { bins: usize, lo: f64, hi: f64 },
    Variable { edges: Vec<f64> },
}

impl TryFrom<AxisRecord> for Axis {
    type Error = StatsError;

    fn try_from(record: AxisRecord) -> Result<Self> {
        match record {
            AxisRecord::Uniform { bins, lo, hi } => Self::uniform(bins, lo, hi),
            AxisRecord::Variable { edges } => Self::variable(edges),
        }
    }
}

impl From<Axis> for AxisRecord {
    fn from(axis: Axis) -> Self {
        match axis.kind {
            Kind::Uniform { bins, lo, hi } => Self::Uniform { bins, lo, hi },
            Kind::Variable { edges } => Self::Variable { edges },
        }
    }
}

impl Axis {
    /// `bins` bins of equal width from `lo` to `hi`.
    ///
    /// # Errors
    /// No bins, or limits that are not finite and increasing.
    pub fn uniform(bins: usize, lo: f64, hi: f64) -> Result<Self> {
        if bins == 0 {
            return Err(StatsError::NoBins);
        }
        if !(lo.is_finite() && hi.is_finite() && (hi - lo).is_finite() && lo < hi) {
            return Err(StatsError::BadRange { lo, hi });
        }
        Ok(Self { kind: Kind::Uniform { bins, lo, hi } })
    }

    /// Bins between increasing, finite `edges` (one more than bins).
    ///
    /// # Errors
    /// Fewer than two edges, or an edge that is not above the one before it.
    pub fn variable(edges: impl Into<Vec<f64>>) -> Result<Self> {
        let edges = edges.into();
        if edges.len() < 2 {
            return Err(StatsError::NoBins);
        }
        let mut before = f64::NEG_INFINITY;
        for (index, &value) in edges.iter().enumerate() {
            if !(value.is_finite() && value > before) {
                return Err(StatsError::BadEdge { index, value });
            }
            before = value;
        }
        Ok(Self { kind: Kind::Variable { edges } })
    }

    /// `bins` bins of equal width in the logarithm, from `lo` to `hi`, both positive.
    ///
    /// # Errors
    /// No bins, or limits that are not positive, finite and increasing.
    pub fn log(bins: usize, lo: f64, hi: f64) -> Result<Self> {
        if bins == 0 {
            return Err(StatsError::NoBins);
        }
        if !(lo > 0.0 && hi.is_finite() && lo < hi) {
            return Err(StatsError::BadRange { lo, hi });
        }
        let step = (hi / lo).ln() / bins as f64;
        let mut edges: Vec<f64> = (0..=bins).map(|i| lo * (step * i as f64).exp()).collect();
        if let Some(last) = edges.last_mut() {
            *last = hi;
        }
        Self::variable(edges)
    }

    /// Number of bins, without the flow bins.
    pub fn bins(&self) -> usize {
        match &self.kind {
            Kind::Uniform { bins, .. } => *bins,
            Kind::Variable { edges } => edges.len() - 1,
        }
    }

    /// First edge.
    pub fn lo(&self) -> f64 {
        self.edge(0)
    }

    /// Last edge.
    pub fn hi(&self) -> f64 {
        self.edge(self.bins())
    }

    /// Edge `i` of `bins() + 1`; indices beyond the last edge give the last edge.
    pub fn edge(&self, i: usize) -> f64 {
        match &self.kind {
            Kind::Uniform { bins, lo, hi } if i < *bins => lo + (hi - lo) * (i as f64 / *bins as f64),
            Kind::Uniform { hi, .. } => *hi,
            Kind::Variable { edges } => edges.get(i).or(edges.last()).copied().unwrap_or(f64::NAN),
        }
    }

    /// All `bins() + 1` edges.
    pub fn edges(&self) -> Vec<f64> {
        (0..=self.bins()).map(|i| self.edge(i)).collect()
    }

    /// Middle of bin `i`.
    pub fn center(&self, i: usize) -> f64 {
        0.5 * (self.edge(i) + self.edge(i + 1))
    }

    /// The middle of every bin.
    pub fn centers(&self) -> Vec<f64> {
        (0..self.bins()).map(|i| self.center(i)).collect()
    }

    /// Width of bin `i`.
    pub fn width(&self, i: usize) -> f64 {
        self.edge(i + 1) - self.edge(i)
    }

    /// The bin that holds `x`. Uniform axes use `floor(bins (x - lo) / (hi - lo))`, as ROOT does.
    pub fn find(&self, x: f64) -> Bin {
        if x.is_nan() {
            return Bin::Nan;
        }
        if x < self.lo() {
            return Bin::Under;
        }
        if x >= self.hi() {
            return Bin::Over;
        }
        match &self.kind {
            // the quotient may round up to `bins` for the last float below `hi`
            Kind::Uniform { bins, lo, hi } => Bin::In(((*bins as f64 * ((x - lo) / (hi - lo))) as usize).min(bins - 1)),
            Kind::Variable { edges } => Bin::In(edges.partition_point(|&edge| edge <= x) - 1),
        }
    }

    /// Position in storage with flow bins: 0 underflow, `1..=bins` inside, `bins + 1` overflow.
    pub(crate) fn slot(&self, x: f64) -> Option<usize> {
        match self.find(x) {
            Bin::Under => Some(0),
            Bin::In(i) => Some(i + 1),
            Bin::Over => Some(self.bins() + 1),
            Bin::Nan => None,
        }
    }

    /// The axis with each `group` neighbouring bins put together.
    pub(crate) fn grouped(&self, group: usize) -> Result<Self> {
        let bins = self.bins();
        if group == 0 || !bins.is_multiple_of(group) {
            return Err(StatsError::Rebin { bins, group });
        }
        match &self.kind {
            Kind::Uniform { lo, hi, .. } => Self::uniform(bins / group, *lo, *hi),
            Kind::Variable { edges } => Self::variable(edges.iter().step_by(group).copied().collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_bin_above() {
        let uniform = Axis::uniform(4, 0.0, 2.0).unwrap();
        let variable = Axis::variable([0.0, 0.5, 1.0, 1.5, 2.0]).unwrap();
        for axis in [uniform, variable] {
            assert_eq!(axis.find(-1e-300), Bin::Under);
            assert_eq!(axis.find(0.0), Bin::In(0));
            assert_eq!(axis.find(0.5), Bin::In(1));
            assert_eq!(axis.find(2.0f64.next_down()), Bin::In(3));
            assert_eq!(axis.find(2.0), Bin::Over);
            assert_eq!(axis.find(f64::INFINITY), Bin::Over);
            assert_eq!(axis.find(f64::NEG_INFINITY), Bin::Under);
            assert_eq!(axis.find(f64::NAN), Bin::Nan);
            assert_eq!(axis.edges(), [0.0, 0.5, 1.0, 1.5, 2.0]);
            assert_eq!(axis.centers(), [0.25, 0.75, 1.25, 1.75]);
            assert_eq!(axis.width(1), 0.5);
        }
    }

    #[test]
    fn log_axis_has_equal_ratios() {
        let axis = Axis::log(3, 1.0, 1000.0).unwrap();
        for (edge, expected) in axis.edges().iter().zip([1.0, 10.0, 100.0, 1000.0]) {
            assert!((edge / expected - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn impossible_axes_are_refused() {
        assert_eq!(Axis::uniform(0, 0.0, 1.0), Err(StatsError::NoBins));
        assert!(Axis::uniform(1, 1.0, 1.0).is_err());
        assert!(Axis::uniform(1, f64::NAN, 1.0).is_err());
        assert!(Axis::uniform(1, -f64::MAX, f64::MAX).is_err());
        assert_eq!(Axis::variable([0.0, 1.0, 1.0]), Err(StatsError::BadEdge { index: 2, value: 1.0 }));
        assert!(Axis::variable([0.0]).is_err());
        assert!(Axis::log(3, 0.0, 1.0).is_err());
        assert!(serde_json::from_str::<Axis>(r#"{"uniform":{"bins":0,"lo":0.0,"hi":1.0}}"#).is_err());
        let axis: Axis = serde_json::from_str(r#"{"variable":{"edges":[0.0,1.0,5.0]}}"#).unwrap();
        assert_eq!(axis, Axis::variable([0.0, 1.0, 5.0]).unwrap());
    }
}
