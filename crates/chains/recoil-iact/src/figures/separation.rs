//! How well gammas are told from protons.

use recoil_plot::{Color, Figure, Hist, Line, Panel};

/// A receiver operating characteristic.
#[derive(Clone, Debug, PartialEq)]
pub struct Roc {
    /// Shares of gammas kept, ascending.
    pub gammas: Vec<f64>,
    /// Shares of protons kept at the same cuts.
    pub protons: Vec<f64>,
    /// Area under the curve: the chance that a gamma has the higher gammaness.
    pub area: f64,
}

impl Roc {
    /// The characteristic of gammaness for gammas and protons, with their weights.
    pub fn new(gammas: &[(f64, f64)], protons: &[(f64, f64)]) -> Self {
        let mut all: Vec<(f64, f64, f64)> = gammas.iter().map(|(score, weight)| (*score, *weight, 0.0)).collect();
        all.extend(protons.iter().map(|(score, weight)| (*score, 0.0, *weight)));
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let totals = all.iter().fold((0.0, 0.0), |sums, event| (sums.0 + event.1, sums.1 + event.2));
        let (mut kept, mut area) = ((0.0, 0.0), 0.0);
        let mut found = Self { gammas: vec![0.0], protons: vec![0.0], area: f64::NAN };
        let mut place = 0;
        while let Some(score) = all.get(place).map(|event| event.0) {
            let before = kept;
            while let Some(event) = all.get(place).filter(|event| event.0 == score) {
                kept = (kept.0 + event.1, kept.1 + event.2);
                place += 1;
            }
            // events of the same gammaness are on a straight line
            area += (kept.1 - before.1) * (kept.0 + before.0) / 2.0;
            found.gammas.push(kept.0 / totals.0);
            found.protons.push(kept.1 / totals.1);
        }
        found.area = area / (totals.0 * totals.1);
        found
    }

    /// At most so many points of the curve.
    fn thinned(&self, most: usize) -> (Vec<f64>, Vec<f64>) {
        let step = self.gammas.len().div_ceil(most).max(1);
        let last = self.gammas.len().saturating_sub(1);
        let keep = |values: &[f64]| {
            values
                .iter()
                .enumerate()
                .filter(|(place, _)| place % step == 0 || *place == last)
                .map(|(_, v)| *v)
                .collect()
        };
        (keep(&self.gammas), keep(&self.protons))
    }
}

/// Share of gammas against share of protons for several productions.
pub fn roc(of: &[(&str, &Roc)], note: &str) -> Figure {
    let mut panel = Panel::new("Proton efficiency", "Gamma efficiency").x_range(0.0, 1.0).y_range(0.0, 1.05);
    for (place, (label, curve)) in of.iter().enumerate() {
        let (gammas, protons) = curve.thinned(1000);
        let line = Line::new(&protons, &gammas).color(Color::cycle(place, of.len()));
        panel = panel.add(line.label(format!("{label} (area {:.4})", curve.area)));
    }
    let panel = if note.is_empty() { panel } else { panel.note(note) };
    Figure::new(panel).experiment("recoil", "Simulation")
}

/// Distribution of gammaness of gammas and of protons, each of area one.
pub fn gammaness(gammas: &[f64], protons: &[f64], note: &str) -> Figure {
    let edges: Vec<f64> = (0..=50).map(|edge| f64::from(edge) / 50.0).collect();
    let density = |values: &[f64]| -> Vec<f64> {
        let counts = crate::irf::binning::histogram(&edges, values.iter().map(|value| (*value, 1.0)));
        counts.iter().map(|count| count / (values.len().max(1) as f64 * 0.02)).collect()
    };
    let panel = Panel::new("Gammaness", "Density")
        .x_range(0.0, 1.0)
        .y_from(0.0)
        .add(Hist::new(&edges, &density(gammas)).color(Color::cycle(0, 2)).label("Gammas"))
        .add(Hist::new(&edges, &density(protons)).color(Color::cycle(1, 2)).label("Protons"));
    let panel = if note.is_empty() { panel } else { panel.note(note) };
    Figure::new(panel).experiment("recoil", "Simulation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_by_hand() {
        let with_weight = |values: &[f64]| values.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>();
        let area = |gammas: &[f64], protons: &[f64]| Roc::new(&with_weight(gammas), &with_weight(protons)).area;
        assert_eq!(area(&[0.9, 0.8], &[0.1, 0.2]), 1.0);
        assert_eq!(area(&[0.5], &[0.5]), 0.5);
        assert_eq!(area(&[0.9, 0.3], &[0.5, 0.1]), 0.75);
        assert!((Roc::new(&[(0.9, 3.0), (0.3, 1.0)], &[(0.5, 2.0)]).area - 0.75).abs() < 1e-15);
    }
}
