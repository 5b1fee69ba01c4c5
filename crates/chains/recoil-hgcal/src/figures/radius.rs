//! The cluster-size study: what the clustering radius does.

use recoil_plot::{Dash, Figure, LegendAt, Line, Panel, Points};

use super::{color, labelled, marker};
use crate::study::ScanPoint;

/// The scan of one sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// Legend entry, such as `PU 200`.
    pub label: String,
    /// One point per radius, radii increasing.
    pub points: Vec<ScanPoint>,
}

impl Scan {
    fn column(&self, f: fn(&ScanPoint) -> f64) -> Vec<f64> {
        self.points.iter().map(f).collect()
    }
}

const RADIUS: &str = r"Clustering radius in (\it{x}/\it{z}, \it{y}/\it{z})";

/// Mean energy of the leading cluster over that of the particle, against the radius.
pub fn energy(sample: &str, scans: &[Scan]) -> Figure {
    let mut panel = Panel::new(RADIUS, r"Mean \it{E}^{cluster} / \it{E}^{gen}").y_from(0.0);
    for (i, scan) in scans.iter().enumerate() {
        let points = Points::new(&scan.column(|p| p.radius), &scan.column(|p| p.energy.mean)).joined();
        panel = panel.add(points.size(3.5).label(scan.label.clone()).color(color(i, scans.len())).marker(marker(i)));
    }
    labelled(Figure::new(panel.add(Line::horizontal(1.0))), sample)
}

/// Relative width of the energy response against the radius: standard deviation and effective width.
pub fn resolution(sample: &str, scans: &[Scan]) -> Figure {
    let mut panel = Panel::new(RADIUS, "Relative width of the energy response").y_from(0.0);
    for (i, scan) in scans.iter().enumerate() {
        let (radius, own) = (scan.column(|p| p.radius), color(i, scans.len()));
        panel = panel
            .add(
                Line::new(&radius, &scan.column(|p| p.energy.rms))
                    .color(own)
                    .dash(Dash::Dashed)
                    .label(format!("{}: rms / mean", scan.label)),
            )
            .add(
                Points::new(&radius, &scan.column(|p| p.energy.effective_rms))
                    .joined()
                    .size(3.5)
                    .color(own)
                    .marker(marker(i))
                    .label(format!(r"{}: \sigma_{{eff}} / mean", scan.label)),
            );
    }
    labelled(Figure::new(panel), sample)
}

/// Efficiency and the number of clusters from pile-up, against the radius.
pub fn efficiency(sample: &str, scans: &[Scan]) -> Figure {
    let mut found = Panel::new(RADIUS, "Efficiency").note("bars: 95% Clopper-Pearson").add(Line::horizontal(1.0));
    let mut others = Panel::new(RADIUS, "Other clusters / event").y_from(0.0).legend(LegendAt::Hidden);
    for (i, scan) in scans.iter().enumerate() {
        let radius = scan.column(|p| p.radius);
        let down = scan.column(|p| p.efficiency.value - p.efficiency.low);
        let up = scan.column(|p| p.efficiency.high - p.efficiency.value);
        let (own, mark) = (color(i, scans.len()), marker(i));
        let points = Points::new(&radius, &scan.column(|p| p.efficiency.value)).y_errors_asym(&down, &up);
        found = found.add(points.size(3.5).color(own).marker(mark).label(scan.label.clone()));
        let points = Points::new(&radius, &scan.column(|p| p.other_clusters)).joined();
        others = others.add(points.size(3.5).color(own).marker(mark).label(scan.label.clone()));
    }
    labelled(Figure::column(vec![found, others]), sample)
}
