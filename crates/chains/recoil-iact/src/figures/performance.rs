//! Effective area, angular resolution, energy bias and resolution, energy dispersion.

use crate::irf::resolution::EnergyResolution;
use crate::irf::response::Cube;
use recoil_plot::{Color, Figure, HeatMap, Line, Panel, Points};

/// Values per bin of true energy with a name for the legend.
pub struct Curve<'a> {
    /// Name of the production.
    pub label: &'a str,
    /// Edges of bins of energy \[TeV\].
    pub edges: &'a [f64],
    /// Values; those that are no number are left out.
    pub values: Vec<f64>,
}

const ENERGY: &str = "E_{true} [TeV]";

fn curves(mut panel: Panel, curves: &[Curve<'_>], positive: bool) -> Panel {
    for (place, curve) in curves.iter().enumerate() {
        let shown = |value: &f64| if value.is_finite() && (!positive || *value > 0.0) { *value } else { f64::NAN };
        let values: Vec<f64> = curve.values.iter().map(shown).collect();
        // bins without a value at both ends would widen the axis
        let first = values.iter().position(|value| !value.is_nan()).unwrap_or(0);
        let end = values.iter().rposition(|value| !value.is_nan()).map_or(values.len(), |last| last + 1);
        let (edges, values) = (curve.edges.get(first..=end), values.get(first..end));
        let (edges, values) = (edges.unwrap_or(curve.edges), values.unwrap_or_default());
        let points = Points::in_bins(edges, values).color(Color::cycle(place, curves.len())).size(4.0);
        panel = panel.add(if curves.len() > 1 { points.label(curve.label) } else { points });
    }
    panel
}

fn framed(panel: Panel, note: &str) -> Figure {
    Figure::new(if note.is_empty() { panel } else { panel.note(note) }).experiment("recoil", "Simulation")
}

/// Effective areas \[m²\].
pub fn effective_area(of: &[Curve<'_>], note: &str) -> Figure {
    framed(curves(Panel::new(ENERGY, "Effective area [m^{2}]").log_x().log_y(), of, true), note)
}

/// Angles \[deg\] that hold 68 % of the reconstructed directions.
pub fn angular_resolution(of: &[Curve<'_>], note: &str) -> Figure {
    framed(curves(Panel::new(ENERGY, "Angular resolution (68 %) [deg]").log_x().y_from(0.0), of, true), note)
}

/// Bias above resolution of the energy.
pub fn energy_resolution(of: &[(&str, &[f64], Vec<EnergyResolution>)], note: &str) -> Figure {
    let pick = |value: fn(&EnergyResolution) -> f64| -> Vec<Curve<'_>> {
        of.iter()
            .map(|(label, edges, found)| Curve { label, edges, values: found.iter().map(value).collect() })
            .collect()
    };
    let above = Panel::new(ENERGY, "Energy bias").log_x().add(Line::horizontal(0.0));
    let above = curves(above, &pick(|found| found.bias), false);
    let below = Panel::new(ENERGY, "Resolution (68 %)").log_x().y_from(0.0);
    let below = curves(below, &pick(|found| found.half_width), true);
    let above = if note.is_empty() { above } else { above.note(note) };
    Figure::column(vec![above, below]).experiment("recoil", "Simulation")
}

/// Density of reconstructed over true energy at the first offset.
pub fn energy_dispersion(dispersion: &Cube, energy_edges: &[f64], migration_edges: &[f64], note: &str) -> Figure {
    let [energies, migrations, _] = dispersion.shape;
    let mut values = Vec::with_capacity(energies * migrations);
    for migration in 0..migrations {
        values.extend((0..energies).map(|energy| dispersion.at(energy, migration, 0)));
    }
    let map = HeatMap::new(energy_edges, migration_edges, &values).color_title("Density");
    let mut panel = Panel::new(ENERGY, "E_{reco} / E_{true}").log_x().log_y().add(map);
    let filled = |energy: &usize| (0..migrations).any(|migration| dispersion.at(*energy, migration, 0) > 0.0);
    let (first, last) = ((0..energies).find(filled), (0..energies).rev().find(filled));
    if let (Some(low), Some(high)) =
        (first.and_then(|f| energy_edges.get(f)), last.and_then(|l| energy_edges.get(l + 1)))
    {
        panel = panel.x_range(*low, *high);
    }
    framed(panel.add(Line::horizontal(1.0)), note)
}
