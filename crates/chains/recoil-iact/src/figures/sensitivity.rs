//! The smallest detectable flux against that of the Crab nebula.

use crate::irf::spectra::Spectrum;
use recoil_plot::{Color, Dash, Figure, Line, Panel, Points};

/// Erg in a TeV.
const ERG_PER_TEV: f64 = 1.602_176_634;

/// A sensitivity with a name for the legend.
pub struct Curve<'a> {
    /// Name of the production.
    pub label: &'a str,
    /// Edges of bins of reconstructed energy \[TeV\].
    pub edges: &'a [f64],
    /// Just detected fluxes \[1/(TeV s cm²)\].
    pub flux: &'a [f64],
}

/// E² dN/dE \[erg/(s cm²)\] of productions, with the Crab nebula and its tenth and hundredth part.
pub fn figure(of: &[Curve<'_>], hours: f64, significance: f64) -> Figure {
    let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
    let mut panel = Panel::new("E_{reco} [TeV]", r"E^{2} dN/dE [erg cm^{-2} s^{-1}]").log_x().log_y();
    for (place, curve) in of.iter().enumerate() {
        // under- and overflow have no middle
        let bins = curve
            .edges
            .windows(2)
            .zip(curve.flux)
            .filter(|(pair, flux)| pair[0] > 0.0 && pair[1].is_finite() && flux.is_finite() && **flux > 0.0);
        let (mut x, mut y, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (pair, flux) in bins {
            let center = 0.5 * (pair[0] + pair[1]);
            x.push(center);
            y.push(flux * center * center * ERG_PER_TEV);
            left.push(center - pair[0]);
            right.push(pair[1] - center);
        }
        lowest = x.iter().copied().fold(lowest, f64::min);
        highest = x.iter().copied().fold(highest, f64::max);
        let points = Points::new(&x, &y).x_errors_asym(&left, &right).color(Color::cycle(place, of.len()));
        panel = panel.add(points.label(curve.label));
    }
    if lowest >= highest {
        (lowest, highest) = (0.02, 20.0);
    }
    let energies: Vec<f64> = (0..=60).map(|step| lowest * (highest / lowest).powf(f64::from(step) / 60.0)).collect();
    for (part, label, dash) in
        [(1.0, "Crab", Dash::Solid), (0.1, "10 % Crab", Dash::Dashed), (0.01, "1 % Crab", Dash::Dotted)]
    {
        let flux = |energy: &f64| part * Spectrum::CrabMagic.at(*energy) * energy * energy * ERG_PER_TEV;
        let line = Line::new(&energies, &energies.iter().map(flux).collect::<Vec<_>>());
        panel = panel.add(line.color(Color(110, 110, 110)).dash(dash).width(1.8).label(label));
    }
    Figure::new(panel.note(format!(r"{significance} \sigma in {hours} h"))).experiment("recoil", "Simulation")
}
