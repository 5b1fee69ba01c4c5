//! The phi optimisation: what moving trigger cells to neighbouring bins costs and brings.

use recoil_plot::{Figure, Line, Panel, Points};
use recoil_stats::interval::Interval;

use super::labelled;

/// One value of the optimisation's parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The parameter: 0 flattens the occupancy, 1 moves nothing.
    pub parameter: f64,
    /// Fraction of trigger cells that move.
    pub moved: f64,
    /// Splitting fraction.
    pub split: Interval,
}

const PARAMETER: &str = "Optimisation parameter";

/// Splitting fraction (above, with that of the unmoved cells as a line) and fraction of moved cells (below).
pub fn scan(sample: &str, points: &[Point], unmoved: Option<f64>) -> Figure {
    let column = |f: fn(&Point) -> f64| points.iter().map(f).collect::<Vec<_>>();
    let x = column(|p| p.parameter);
    let down = column(|p| 100.0 * (p.split.value - p.split.low));
    let up = column(|p| 100.0 * (p.split.high - p.split.value));
    let mut split =
        Panel::new(PARAMETER, "Split showers [%]").x_range(-0.05, 1.05).y_from(0.0).note("bars: 95% Clopper-Pearson");
    if let Some(value) = unmoved {
        split = split.add(Line::horizontal(100.0 * value).label("cells where they are"));
    }
    let after = Points::new(&x, &column(|p| 100.0 * p.split.value)).y_errors_asym(&down, &up);
    split = split.add(after.label("cells moved"));
    let moved = Panel::new(PARAMETER, "Moved cells [%]")
        .y_from(0.0)
        .add(Points::new(&x, &column(|p| 100.0 * p.moved)).joined());
    labelled(Figure::column(vec![split, moved]), sample)
}
