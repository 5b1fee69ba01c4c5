//! Detector maps: Stage-1 truncation, towers, the longitudinal profile.

use recoil_plot::{Figure, HeatMap, Hist, Line, Panel, Points};

use super::{color, single};

/// Sums of one endcap's layers, for one kind of particle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerProfile {
    /// Legend entry.
    pub label: String,
    /// Share of the transverse energy per layer, layer 1 first; layers that do not read out have NaN.
    pub share: Vec<f64>,
}

/// Mean share of the transverse energy (mipT) in each layer.
pub fn layer_profile(sample: &str, profiles: &[LayerProfile]) -> Figure {
    let layers = profiles.iter().map(|p| p.share.len()).max().unwrap_or(0);
    let mut panel =
        Panel::new("Layer", r"Mean share of transverse energy").x_range(0.0, layers as f64 + 1.0).y_from(0.0);
    for (i, profile) in profiles.iter().enumerate() {
        let layer: Vec<f64> = (1..=profile.share.len()).map(|l| l as f64).collect();
        let read: (Vec<f64>, Vec<f64>) =
            layer.iter().copied().zip(profile.share.iter().copied()).filter(|(_, s)| s.is_finite()).unzip();
        let points = Points::new(&read.0, &read.1).joined().size(4.0);
        panel = panel.add(points.color(color(i, profiles.len())).marker(super::marker(i)).label(profile.label.clone()));
    }
    single(panel, sample)
}

/// Fraction of the cells that Stage 1 keeps in each R/z bin, one curve per configuration of links.
pub fn truncation(sample: &str, rz_edges: &[f64], kept: &[(String, Vec<f64>)]) -> Figure {
    let mut panel =
        Panel::new(r"\it{R}/\it{z}", "Fraction of trigger cells kept").y_range(0.0, 1.3).add(Line::horizontal(1.0));
    for (i, (label, fractions)) in kept.iter().enumerate() {
        panel = panel.add(Hist::new(rz_edges, fractions).label(label.clone()).color(color(i, kept.len())));
    }
    single(panel, sample)
}

/// Transverse energy in trigger towers; `values` has phi running fastest \[GeV\].
pub fn towers(sample: &str, note: &str, eta_edges: &[f64], phi_edges: &[f64], values: &[f64]) -> Figure {
    let map = HeatMap::new(phi_edges, eta_edges, values).color_title(r"\it{E}_{T} [GeV]").log_color();
    let top = eta_edges.iter().copied().fold(0.0, |a: f64, b| a.max(b.abs()));
    let bottom = eta_edges.iter().copied().fold(f64::INFINITY, |a: f64, b| a.min(b.abs()));
    let panel = Panel::new(r"\phi [rad]", r"|\eta|").y_range(bottom, top + 0.2 * (top - bottom)).add(map).note(note);
    single(panel, sample)
}
