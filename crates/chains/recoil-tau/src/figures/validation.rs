//! Distributions of the pieces of a shuffled sample.

use recoil_plot::{Band, Color, Figure, Hist, LegendAt, Line, Panel, Points};
use recoil_stats::{Axis, Hist1};

use super::labelled;
use crate::validation::{Distribution, EMPTY};

/// The shape of a quantity: mean of all chunks, their range, and the first one; below the p-value of each chunk.
pub fn chunks(distribution: &Distribution, p_values: &[f64], test: &str) -> Figure {
    let bins = distribution.bins;
    let edges: Vec<f64> =
        (0..=bins.bins).map(|i| bins.low + (bins.high - bins.low) * i as f64 / bins.bins as f64).collect();
    let shapes: Vec<Vec<f64>> = distribution
        .chunks
        .iter()
        .map(|chunk| {
            let total: f64 = chunk.sum_w.iter().sum();
            chunk.sum_w.iter().map(|w| if total > 0.0 { w / total } else { 0.0 }).collect()
        })
        .collect();
    let over = |of: &dyn Fn(&mut dyn Iterator<Item = f64>) -> f64| -> Vec<f64> {
        (0..bins.bins).map(|i| of(&mut shapes.iter().filter_map(|shape| shape.get(i).copied()))).collect()
    };
    let low = over(&|values| values.fold(f64::INFINITY, f64::min));
    let high = over(&|values| values.fold(0.0, f64::max));
    let mean = over(&|values| values.sum::<f64>() / distribution.chunks.len().max(1) as f64);
    let first = shapes.first().cloned().unwrap_or_default();
    let main = Panel::new(distribution.title.clone(), "Share of the candidates")
        .note(distribution.name().replace('_', r"\_"))
        .add(Band::in_bins(&edges, &low, &high).color(Color::cycle(0, 3)).opacity(0.25).label("all chunks"))
        .add(Hist::new(&edges, &mean).color(Color::cycle(0, 3)).label("mean"))
        .add(Hist::new(&edges, &first).color(Color::cycle(1, 3)).label("first chunk"));
    let known: Vec<(f64, f64)> =
        (0..).zip(p_values).filter(|(_, p)| **p != EMPTY).map(|(i, p)| (f64::from(i), p.max(1e-12))).collect();
    let (x, y): (Vec<f64>, Vec<f64>) = known.into_iter().unzip();
    let below = Panel::new("Chunk", format!("p-value ({test})"))
        .log_y()
        .y_range(1e-6, 2.0)
        .add(Line::horizontal(0.05).color(Color::hex(0xc0_1f2e)))
        .add(Points::new(&x, &y).no_x_errors().color(Color::cycle(0, 3)))
        .legend(LegendAt::Hidden);
    labelled(Figure::column(vec![main, below]), "")
}

/// Distribution of all p-values, which is flat for a sample that is well shuffled.
pub fn p_values(all: &[f64], test: &str) -> Figure {
    let mut panel = Panel::new(format!("p-value ({test})"), "Comparisons").y_from(0.0).legend(LegendAt::Hidden);
    if let Ok(axis) = Axis::uniform(20, 0.0, 1.0 + 1e-9) {
        let mut hist = Hist1::new(axis.clone());
        hist.fill_slice(all);
        panel = panel.add(Hist::new(&axis.edges(), hist.values()).filled());
        panel = panel.add(Line::horizontal(all.len() as f64 / 20.0).color(Color::hex(0x88_8888)));
    }
    labelled(Figure::new(panel), "")
}
