//! Distributions of responses: reconstructed over generated, one histogram per configuration.

use recoil_plot::{Figure, Hist, Line, Panel, Points};
use recoil_stats::{Axis, Hist1};

use super::{Outcome, color, digits, fixed, labelled, marker};
use crate::validate::{Kinematics, Spread};

/// What is compared with the particle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Energy.
    Energy,
    /// Transverse momentum.
    Pt,
    /// Pseudorapidity.
    Eta,
    /// Azimuth.
    Phi,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Energy, Self::Pt, Self::Eta, Self::Phi];

    /// Short name for files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Pt => "pt",
            Self::Eta => "eta",
            Self::Phi => "phi",
        }
    }

    /// Axis title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Energy => "\\it{E}^{cluster} / \\it{E}^{gen} \u{2212} 1",
            Self::Pt => "\\it{p}_{T}^{cluster} / \\it{p}_{T}^{gen} \u{2212} 1",
            Self::Eta => "\\eta^{cluster} \u{2212} \\eta^{gen}",
            Self::Phi => "\\phi^{cluster} \u{2212} \\phi^{gen} [rad]",
        }
    }

    pub(crate) fn of(self, response: &Kinematics) -> f64 {
        match self {
            Self::Energy => response.energy,
            Self::Pt => response.pt,
            Self::Eta => response.eta,
            Self::Phi => response.phi,
        }
    }
}

/// The distribution of a response for every configuration, with median and effective sigma in the legend, and the ratio to
/// the first configuration below it.
pub fn distribution(quantity: Quantity, sample: &str, outcomes: &[Outcome]) -> Figure {
    let values: Vec<Vec<f64>> =
        outcomes.iter().map(|o| o.seen().map(|row| quantity.of(&row.cluster_response)).collect()).collect();
    let axis = range(quantity, &values);
    let unit = if quantity == Quantity::Phi { " rad" } else { "" };
    let width = axis.as_ref().map_or(0.0, |a| a.width(0));
    let mut main = Panel::new(quantity.title(), format!("Clusters / {}{unit}", digits(width, 2))).log_y().y_from(0.5);
    let mut ratio = Panel::new("", "Ratio").y_range(0.0, 2.0).add(Line::horizontal(1.0));
    let hists: Vec<Hist1> = match axis {
        Some(axis) => values
            .iter()
            .map(|v| {
                let mut h = Hist1::new(axis.clone());
                h.fill_slice(v);
                h
            })
            .collect(),
        None => Vec::new(),
    };
    for (i, ((hist, own), outcome)) in hists.iter().zip(&values).zip(outcomes).enumerate() {
        let spread = Spread::of(own);
        // residuals in angle are a few thousandths
        let angular = matches!(quantity, Quantity::Eta | Quantity::Phi);
        let (scale, power) = if angular { (1e3, r" \times 10^{-3}") } else { (1.0, "") };
        let decimals = if angular { (2, 2) } else { (3, 4) };
        let label = format!(
            r"{}: median {}{power}, \sigma_{{eff}} = {}{power}",
            outcome.label,
            fixed(scale * spread.median, decimals.0),
            fixed(scale * spread.effective, decimals.1)
        );
        let mut series = Hist::new(&hist.axis().edges(), hist.values()).label(label).color(color(i, hists.len()));
        if i == 0 {
            series = series.filled();
        }
        main = main.add(series);
    }
    let Some((first, others)) = hists.split_first().filter(|(_, others)| !others.is_empty()) else {
        return labelled(Figure::new(main), sample);
    };
    for (i, hist) in others.iter().enumerate() {
        let (mut y, mut error) = (Vec::new(), Vec::new());
        for (&top, &bottom) in hist.values().iter().zip(first.values()) {
            let r = if top > 0.0 && bottom > 0.0 { top / bottom } else { f64::NAN };
            y.push(r);
            // both are made of the same events: this is an upper limit of the statistical error
            error.push(r * (1.0 / top + 1.0 / bottom).sqrt());
        }
        let points = Points::in_bins(&first.axis().edges(), &y).y_errors(&error).no_x_errors();
        ratio = ratio.add(points.color(color(i + 1, hists.len())).marker(marker(i + 1)).size(3.0));
    }
    labelled(Figure::with_ratio(main, ratio), sample)
}

/// Bins that hold nearly all values: the central 99 % and as much again as margin, in round numbers.
fn range(quantity: Quantity, values: &[Vec<f64>]) -> Option<Axis> {
    let all: Vec<f64> = values.iter().flatten().copied().filter(|v| v.is_finite()).collect();
    let at = |p| recoil_stats::quantile::quantile(&all, p);
    let (low, high) = (at(0.005)?, at(0.995)?);
    let symmetric = matches!(quantity, Quantity::Eta | Quantity::Phi);
    let reach = 1.3 * low.abs().max(high.abs());
    let (low, high) = if symmetric { (-reach, reach) } else { (low.max(-1.0) - 0.1, high + 0.1) };
    let step = 10f64.powf((high - low).max(1e-6).log10().floor()) / 10.0;
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let bins = ((high - low) / step).round() as usize;
    // 40 to 120 bins, a whole number of them in every round interval
    let bins = match bins {
        0..=15 => bins * 5,
        16..=39 => bins * 2,
        _ => bins,
    };
    Axis::uniform(bins.max(1), low, high).ok()
}
