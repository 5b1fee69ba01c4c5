//! Detector maps: Stage-1 truncation, towers, the longitudinal profile.

use recoil_plot::{Figure, HeatMap, Hist, Panel, Points};

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

/// Fraction of the cells that Stage 1 keeps in each of its R/z bins, one curve per configuration of links.
pub fn truncation(sample: &str, kept: &[(String, Vec<f64>)]) -> Figure {
    let bins = kept.iter().map(|(_, fractions)| fractions.len()).max().unwrap_or(1);
    let rz_edges: Vec<f64> = (0..=bins).map(|i| i as f64).collect();
    let mut panel = Panel::new(r"Stage-1 bin in \it{R}/\it{z} (0: next to the beam)", "Fraction of trigger cells kept")
        .x_range(0.0, bins as f64)
        .y_from(0.0);
    for (i, (label, fractions)) in kept.iter().enumerate() {
        panel = panel.add(Hist::new(&rz_edges, fractions).label(label.clone()).color(color(i, kept.len())));
    }
    single(panel, sample)
}

/// Transverse energy in the trigger towers of one endcap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TowerEnergies {
    /// What the energies are, such as `mean of 200 events`.
    pub note: String,
    /// |eta| edges.
    pub eta_edges: Vec<f64>,
    /// phi edges \[rad\].
    pub phi_edges: Vec<f64>,
    /// Energies, phi running fastest \[GeV\].
    pub values: Vec<f64>,
}

/// Map of the towers.
pub fn towers(sample: &str, towers: &TowerEnergies) -> Figure {
    let TowerEnergies { note, eta_edges, phi_edges, values } = towers;
    let map = HeatMap::new(phi_edges, eta_edges, values).color_title(r"\it{E}_{T} [GeV]").log_color();
    let top = eta_edges.iter().copied().fold(0.0, |a: f64, b| a.max(b.abs()));
    let bottom = eta_edges.iter().copied().fold(f64::INFINITY, |a: f64, b| a.min(b.abs()));
    let panel =
        Panel::new(r"\phi [rad]", r"|\eta|").y_range(bottom, top + 0.2 * (top - bottom)).add(map).note(note.clone());
    single(panel, sample)
}
