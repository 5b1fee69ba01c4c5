//! Figures of the chain's results: pure functions from numbers to a [`Figure`].
//!
//! Every function takes what one figure shows and returns it finished: labels, units, ranges. Several configurations of the
//! chain on the same events are drawn over each other as [`Outcome`]s; the first one is the reference of ratio panels.
//!
//! ```
//! use recoil_hgcal::figures::{Outcome, efficiency};
//!
//! let none = Outcome { label: "default kernel".into(), rows: vec![] };
//! let figure = efficiency::against_pt("Photons, PU 0", &[none]);
//! assert!(figure.svg().starts_with("<svg"));
//! ```

pub mod counts;
pub mod detector;
pub mod display;
pub mod efficiency;
pub mod occupancy;
pub mod phi_moves;
pub mod radius;
pub mod resolution;
pub mod response;
pub mod shapes;

use recoil_plot::{Color, Figure, Marker, Panel};
use recoil_stats::Axis;

use crate::validate::{Comparison, Kinematics};

/// What one configuration of the chain made of the particles of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Legend entry, such as `default kernel`.
    pub label: String,
    /// One row per particle.
    pub rows: Vec<Comparison>,
}

impl Outcome {
    /// Rows of the particles that became clusters.
    pub fn seen(&self) -> impl Iterator<Item = &Comparison> {
        self.rows.iter().filter(|row| row.clusters > 0)
    }
}

/// A quantity of a particle on the x axis, with its binning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Against {
    /// Axis title.
    pub title: &'static str,
    /// Lower end, upper end, bins.
    pub range: (f64, f64, usize),
    /// The quantity.
    pub of: fn(&Kinematics) -> f64,
}

/// Transverse momentum of the particle.
pub(crate) const PT: Against = Against { title: r"\it{p}_{T}^{gen} [GeV]", range: (0.0, 100.0, 20), of: |k| k.pt };
/// Absolute pseudorapidity of the particle.
pub(crate) const ETA: Against = Against { title: r"|\eta^{gen}|", range: (1.6, 2.8, 12), of: |k| k.eta.abs() };

impl Against {
    /// The binning for `entries` particles: twice as wide for a small sample.
    pub(crate) fn axis(&self, entries: usize) -> Option<Axis> {
        let (low, high, bins) = self.range;
        Axis::uniform(if entries < 1000 { bins.div_ceil(2) } else { bins }, low, high).ok()
    }
}

/// The figure's labels: program and status on the left, the sample on the right.
pub(crate) fn labelled(figure: Figure, sample: &str) -> Figure {
    figure.experiment("recoil", "Phase-2 Simulation").sample(sample)
}

/// One panel with these labels.
pub(crate) fn single(panel: Panel, sample: &str) -> Figure {
    labelled(Figure::new(panel), sample)
}

/// Colour of configuration `i` of `count`, the same in all figures.
pub(crate) fn color(i: usize, count: usize) -> Color {
    Color::cycle(i, count)
}

/// Marker of configuration `i`, so that figures also read in grey.
pub(crate) fn marker(i: usize) -> Marker {
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::OpenCircle, Marker::OpenSquare]
        .get(i % 6)
        .copied()
        .unwrap_or_default()
}

/// A number with `decimals` digits behind the point.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}").replace('-', "\u{2212}") } else { "n/a".to_owned() }
}

/// A bin width or number with as few digits as it needs.
pub(crate) fn digits(value: f64, significant: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { "n/a".to_owned() };
    }
    let decimals = (significant as i64 - 1 - value.abs().log10().floor() as i64).clamp(0, 9) as usize;
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests;
