//! Distributions of cluster shapes, one histogram per kind of particle.

use recoil_plot::{Figure, Hist, Panel};
use recoil_stats::{Axis, Hist1};

use super::{color, labelled};

/// One shape variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Axis title with unit.
    pub title: String,
    /// Legend entry and values, one per kind of particle.
    pub values: Vec<(String, Vec<f64>)>,
    /// Bin width 1 for counts and layers.
    pub whole: bool,
}

/// A panel per variable, each histogram normalised to 1.
pub fn distributions(sample: &str, shapes: &[Shape]) -> Figure {
    let panels: Vec<Panel> = shapes.iter().filter_map(panel).collect();
    labelled(Figure::grid(2, panels), sample)
}

fn panel(shape: &Shape) -> Option<Panel> {
    let all: Vec<f64> = shape.values.iter().flat_map(|(_, v)| v).copied().filter(|v| v.is_finite()).collect();
    let (low, high) = (recoil_stats::quantile::quantile(&all, 0.002)?, recoil_stats::quantile::quantile(&all, 0.998)?);
    let axis = match shape.whole {
        true => {
            let (low, high) = (low.floor() - 0.5, high.ceil() + 0.5);
            let width = ((high - low) / 50.0).ceil().max(1.0);
            let bins = ((high - low) / width).ceil().clamp(1.0, 50.0);
            Axis::uniform(bins as usize, low, low + bins * width)
        }
        false if high > low => Axis::uniform(40, low, high),
        false => Axis::uniform(1, low - 0.5, low + 0.5),
    }
    .ok()?;
    let mut panel = Panel::new(shape.title.clone(), "Fraction of clusters");
    for (i, (label, values)) in shape.values.iter().enumerate() {
        let mut hist = Hist1::new(axis.clone());
        hist.fill_slice(values);
        let hist = hist.normalised();
        let mut series =
            Hist::new(&axis.edges(), hist.values()).label(label.clone()).color(color(i, shape.values.len()));
        if i == 0 {
            series = series.filled();
        }
        panel = panel.add(series);
    }
    Some(panel)
}
