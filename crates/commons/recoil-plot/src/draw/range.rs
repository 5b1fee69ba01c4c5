//! Axis limits from the data.

use crate::panel::{AxisSpec, Panel};
use crate::scale::{distinct, reachable};
use crate::series::{Course, Series};

/// What the data of a panel span in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    lo: f64,
    hi: f64,
    /// smallest positive value, for log axes
    positive: f64,
    /// limits are edges of bins: no margin beyond them
    exact: bool,
    /// bars stand on zero
    from_zero: bool,
}

impl Span {
    const EMPTY: Self =
        Self { lo: f64::INFINITY, hi: f64::NEG_INFINITY, positive: f64::INFINITY, exact: false, from_zero: false };

    fn see(&mut self, values: impl IntoIterator<Item = f64>) {
        for v in values.into_iter().filter(|v| reachable(*v)) {
            self.lo = self.lo.min(v);
            self.hi = self.hi.max(v);
            if v > 0.0 {
                self.positive = self.positive.min(v);
            }
        }
    }

    /// Whether anything can be shown on the axis.
    pub(crate) fn is_empty(&self, log: bool) -> bool {
        if log { !self.positive.is_finite() } else { self.lo > self.hi }
    }

    /// Limits that show everything, with a margin where a frame on the data would hide them.
    fn limits(&self, log: bool) -> (f64, f64) {
        if self.is_empty(log) {
            return if log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        let widened = |(lo, hi): (f64, f64)| match (distinct(lo, hi), log) {
            (true, _) => (lo, hi),
            (false, true) => (lo / 2.0, hi * 2.0),
            (false, false) => {
                let half = if lo == 0.0 { 1.0 } else { 0.5 * lo.abs() };
                (lo - half, hi + half)
            }
        };
        if self.exact {
            return widened((if log { self.positive } else { self.lo }, self.hi));
        }
        if log {
            // a single tiny weight must not stretch the axis over empty decades
            return widened((self.positive.max(self.hi * 1e-9) / 2.0, self.hi * 2.0));
        }
        let margin = 0.08 * (self.hi - self.lo);
        let lo = match self.lo {
            lo if self.from_zero && lo >= 0.0 => 0.0,
            lo if lo >= 0.0 && lo < 0.3 * self.hi => 0.0,
            lo => lo - margin,
        };
        widened((lo, if self.hi <= 0.0 && self.from_zero { 0.0 } else { self.hi + margin }))
    }
}

fn with_errors(values: &[f64], errors: Option<&(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut all = values.to_vec();
    if let Some((down, up)) = errors {
        all.extend(values.iter().zip(down).map(|(v, e)| v - e));
        all.extend(values.iter().zip(up).map(|(v, e)| v + e));
    }
    all
}

/// Sums of the layers of a stack, lowest first. NaN counts as nothing.
pub(crate) fn cumulated(bins: usize, layers: &[(String, Vec<f64>, Option<crate::Color>)]) -> Vec<Vec<f64>> {
    let mut sum = vec![0.0; bins];
    let add = |(_, values, _): &(String, Vec<f64>, Option<crate::Color>)| {
        for (total, v) in sum.iter_mut().zip(values).filter(|(_, v)| v.is_finite()) {
            *total += v;
        }
        sum.clone()
    };
    layers.iter().map(add).collect()
}

/// What the series of a panel span in x and y.
pub(crate) fn spans(panel: &Panel) -> (Span, Span) {
    let (mut x, mut y) = (Span::EMPTY, Span::EMPTY);
    for series in &panel.series {
        match series {
            Series::Hist(h) => {
                if h.values.iter().any(|v| v.is_finite()) {
                    x.see(h.edges.iter().copied());
                    y.from_zero = true;
                }
                x.exact = true;
                let errors = (!h.errors.is_empty()).then(|| (Vec::new(), h.errors.clone()));
                y.see(with_errors(&h.values, errors.as_ref()));
            }
            Series::Stack(s) => {
                x.see(s.edges.iter().copied());
                (x.exact, y.from_zero) = (true, true);
                let sums = cumulated(s.edges.len().saturating_sub(1), &s.layers);
                y.see(sums.first().into_iter().chain(sums.last()).flatten().copied());
            }
            Series::Points(p) => {
                let shown = |v: &[f64]| -> Vec<f64> {
                    let pairs = v.iter().zip(p.x.iter().zip(&p.y));
                    pairs.map(|(v, (x, y))| if x.is_finite() && y.is_finite() { *v } else { f64::NAN }).collect()
                };
                // with bars the bins are known, also those without a point
                x.exact |= p.x_errors.is_some();
                let at = if p.x_errors.is_some() { p.x.clone() } else { shown(&p.x) };
                x.see(with_errors(&at, p.x_errors.as_ref()));
                y.see(with_errors(&shown(&p.y), p.y_errors.as_ref()));
            }
            Series::Band(b) => {
                x.see(b.x.iter().copied());
                x.exact = true;
                y.see(b.low.iter().chain(&b.high).copied());
            }
            Series::Line(l) => match &l.course {
                Course::Curve(xs, ys) => {
                    x.see(xs.iter().copied());
                    x.exact = true;
                    y.see(ys.iter().copied());
                }
                Course::Horizontal(at) => y.see([*at]),
                Course::Vertical(at) => x.see([*at]),
            },
            Series::Scatter(s) => {
                x.see(s.x.iter().copied());
                y.see(s.y.iter().copied());
            }
            Series::HeatMap(m) => {
                x.see(m.x_edges.iter().copied());
                y.see(m.y_edges.iter().copied());
                (x.exact, y.exact) = (true, true);
            }
            Series::Patches(p) => {
                x.see(p.polygons.iter().flatten().map(|[x, _]| *x));
                y.see(p.polygons.iter().flatten().map(|[_, y]| *y));
            }
            Series::Annotations(a) => {
                x.see(a.arrows.iter().flat_map(|[x0, _, x1, _]| [*x0, *x1]));
                y.see(a.arrows.iter().flat_map(|[_, y0, _, y1]| [*y0, *y1]));
            }
        }
    }
    (x, y)
}

/// Limits of an axis: what was asked for where it makes sense, else what the data say.
pub(crate) fn limits(axis: &AxisSpec, span: &Span) -> (f64, f64) {
    let usable = |v: &f64| reachable(*v) && (!axis.log || *v > 0.0);
    let (auto_lo, auto_hi) =
        if axis.categories.is_empty() { span.limits(axis.log) } else { (0.0, axis.categories.len() as f64) };
    let (lo, hi) = (axis.lo.filter(usable), axis.hi.filter(usable));
    match (lo.unwrap_or(auto_lo), hi.unwrap_or(auto_hi)) {
        (lo, hi) if distinct(lo, hi) => (lo, hi),
        (lo, _) if hi.is_none() && axis.log => (lo, lo * 10.0),
        (lo, _) if hi.is_none() => (lo, lo + lo.abs().max(1.0)),
        _ if distinct(auto_lo, auto_hi) => (auto_lo, auto_hi),
        _ if axis.log => (1.0, 10.0),
        _ => (0.0, 1.0),
    }
}
