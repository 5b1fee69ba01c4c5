//! Figures of trainings: losses by epoch, distances by links and by bits.

use recoil_plot::{Color, Figure, Line, Panel, Points};

use super::{labelled, marker};
use crate::autoencoder::training::Epoch;

/// Losses of training and validation by epoch, a panel per phase.
pub fn history(sample: &str, history: &[Epoch]) -> Figure {
    let phases = history.iter().map(|epoch| epoch.phase).max().unwrap_or(1);
    let panels = (1..=phases).map(|phase| {
        let epochs: Vec<&Epoch> = history.iter().filter(|epoch| epoch.phase == phase).collect();
        let x: Vec<f64> = epochs.iter().map(|epoch| epoch.record.epoch as f64).collect();
        let training: Vec<f64> = epochs.iter().map(|epoch| epoch.record.loss).collect();
        let validation: Vec<f64> = epochs.iter().map(|epoch| epoch.record.validation.unwrap_or(f64::NAN)).collect();
        let title = if phase == 1 { "Loss" } else { "Loss of the refinement" };
        let mut panel = Panel::new("Epoch", title).log_y();
        panel = panel.add(Line::new(&x, &training).label("training").color(Color::cycle(0, 2)));
        if validation.iter().any(|loss| loss.is_finite()) {
            panel = panel.add(Line::new(&x, &validation).label("validation").color(Color::cycle(1, 2)));
        }
        panel
    });
    let panels: Vec<Panel> = panels.collect();
    let columns = panels.len().max(1);
    labelled(Figure::grid(columns, panels).size(620.0 * columns as f64, 520.0), sample)
}

/// One curve of a scan: points with errors.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Legend entry.
    pub label: String,
    /// Places on the x axis.
    pub x: Vec<f64>,
    /// Values.
    pub y: Vec<f64>,
    /// Their standard errors.
    pub errors: Vec<f64>,
}

/// Curves of a scan in one panel.
pub fn scan(x_title: &str, y_title: &str, sample: &str, curves: &[Curve]) -> Figure {
    labelled(Figure::new(scan_panel(x_title, y_title, curves)), sample)
}

/// Curves of scans side by side: a panel for each title of an x axis.
pub fn scans(y_title: &str, sample: &str, panels: &[(&str, Vec<Curve>)]) -> Figure {
    let all: Vec<Panel> = panels.iter().map(|(x_title, curves)| scan_panel(x_title, y_title, curves)).collect();
    let columns = all.len().max(1);
    labelled(Figure::grid(columns, all).size(520.0 * columns as f64, 500.0), sample)
}

fn scan_panel(x_title: &str, y_title: &str, curves: &[Curve]) -> Panel {
    let mut panel = Panel::new(x_title, y_title).y_from(0.0);
    for (i, curve) in curves.iter().enumerate() {
        let points = Points::new(&curve.x, &curve.y).y_errors(&curve.errors).color(Color::cycle(i, curves.len()));
        panel = panel.add(points.marker(marker(i)).joined().label(curve.label.clone()));
    }
    panel
}
