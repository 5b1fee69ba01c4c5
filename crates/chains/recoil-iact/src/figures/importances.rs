//! Which features the forests look at.

use recoil_forest::Forest;
use recoil_plot::{Color, Figure, Panel, Patches};

/// Shares of the features in the decrease of the impurity, the largest on top: a panel per forest.
pub fn figure(forests: &[(&str, &Forest)]) -> Figure {
    let panels = forests.iter().map(|(name, forest)| panel(name, forest)).collect::<Vec<_>>();
    Figure::grid(if panels.len() > 1 { 2 } else { 1 }, panels).experiment("recoil", "Simulation")
}

fn panel(name: &str, forest: &Forest) -> Panel {
    let mut shares: Vec<(&str, f64)> = forest.features().iter().map(String::as_str).zip(forest.importances()).collect();
    // categories count from below, each one unit high
    shares.sort_by(|a, b| a.1.total_cmp(&b.1));
    let bar = |(place, (_, share)): (usize, &(&str, f64))| {
        let y = place as f64 + 0.5;
        vec![[0.0, y - 0.35], [*share, y - 0.35], [*share, y + 0.35], [0.0, y + 0.35]]
    };
    let bars = shares.iter().enumerate().map(bar).collect();
    let names: Vec<&str> = shares.iter().map(|(name, _)| *name).collect();
    let largest = shares.last().map_or(1.0, |(_, share)| *share).max(1e-3);
    Panel::new("Share of the decrease of impurity", "")
        .y_categories(&names)
        .x_range(0.0, 1.1 * largest)
        .add(Patches::new(bars).fill(Color::cycle(0, 1)).outline(None))
        .note(name)
}
