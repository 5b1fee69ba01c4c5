//! How scaling parameters converge, and where values lie with respect to the cuts.

use recoil_plot::{Band, Color, Dash, Figure, LegendAt, Line, Marker, Panel, Points};
use recoil_stats::quantile::{sorted, sorted_quantile};

use super::labelled;
use crate::features::Block;
use crate::scaling::convergence::changes;
use crate::scaling::parameters::Key;
use crate::scaling::quantiles::suspicions;
use crate::scaling::{Quantiles, ScalingTable};

/// Relative changes of mean and width between successive snapshots, and from the first to the last.
///
/// One panel per block and quantity: the median of all features, the central half as a band, 5 % to 95 % as bars. `title`
/// says what a step is; without two snapshots there is nothing to compare, and the panels say so.
pub fn convergence(blocks: &[Block], snapshots: &[ScalingTable], last: &ScalingTable, title: &str) -> Figure {
    let steps: Vec<(&ScalingTable, &ScalingTable)> = snapshots
        .windows(2)
        .filter_map(|pair| Some((pair.first()?, pair.last()?)))
        // the whole way has a place of its own behind the last step
        .chain(snapshots.first().filter(|_| snapshots.len() > 1).map(|first| (first, last)))
        .collect();
    let mut panels = Vec::new();
    // some blocks have only features whose parameters are given
    let measured = |block: &&Block| last.entries.iter().any(|((b, ..), found)| *b == block.name && found.num.is_some());
    for block in blocks.iter().filter(measured) {
        for (quantity, mean) in [("mean", true), ("width", false)] {
            let mut panel =
                Panel::new(format!("{title} (last: from first to last)"), format!("Relative change of the {quantity}"))
                    .log_y()
                    .y_range(1e-6, 100.0)
                    .x_range(0.5, steps.len().max(1) as f64 + 0.5);
            let name = block.name.replace('_', r"\_");
            let note = if steps.is_empty() { format!("{name}: one snapshot, no change") } else { name };
            panel = panel.note(note).add(Line::horizontal(0.1).color(Color::hex(0x88_8888)).dash(Dash::Dashed));
            for (index, cone) in block.cones().iter().enumerate() {
                let color = Color::cycle(index, 2);
                let mut columns = [const { Vec::new() }; 6];
                for (step, (before, after)) in steps.iter().enumerate() {
                    let found = changes(before, after, &block.name, cone.name());
                    let values = sorted(&if mean { found.mean } else { found.std });
                    let at = |p: f64| sorted_quantile(&values, p).map_or(f64::NAN, |value| value.max(1e-6));
                    let numbers = [step as f64 + 1.0, at(0.5), at(0.25), at(0.75), at(0.05), at(0.95)];
                    columns.iter_mut().zip(numbers).for_each(|(column, value)| column.push(value));
                }
                let [x, middle, low, high, least, most] = &columns;
                let down: Vec<f64> = middle.iter().zip(least).map(|(m, l)| m - l).collect();
                let up: Vec<f64> = middle.iter().zip(most).map(|(m, h)| h - m).collect();
                if x.len() > 1 {
                    panel = panel.add(Band::new(x, low, high).color(color).opacity(0.2));
                }
                let points = Points::new(x, middle).y_errors_asym(&down, &up).no_x_errors().color(color);
                panel = panel.add(points.label(cone.name()));
            }
            panels.push(panel);
        }
    }
    let rows = panels.len().div_ceil(2).max(1) as f64;
    let panels =
        if panels.is_empty() { vec![Panel::new(title, "Relative change").note("no measured feature")] } else { panels };
    labelled(Figure::grid(2, panels).size(1100.0, 320.0 * rows), "")
}

/// Where the values of each feature lie, in its own widths around its mean, and where they are cut.
///
/// Features whose cut range looks wrong are red. With `only_suspicious` there are no others.
pub fn ranges(table: &ScalingTable, quantiles: &[(Key, Vec<(String, Quantiles)>)], only_suspicious: bool) -> Figure {
    let mut rows: Vec<(String, [f64; 2], Quantiles, bool)> = Vec::new();
    for (key, files) in quantiles {
        let Some((_, parameters)) = table.entries.iter().find(|(known, _)| known == key) else { continue };
        let (Some(range), Some((_, found))) = (parameters.range(), files.first()) else { continue };
        let Some((mean, std)) = parameters.mean.zip(parameters.std).filter(|(_, std)| *std > 0.0) else { continue };
        if found.median.is_none() {
            continue;
        }
        let is_suspicious = files.iter().any(|(_, quantiles)| !suspicions(range, quantiles).is_empty());
        if only_suspicious && !is_suspicious {
            continue;
        }
        let reduced = |value: Option<f64>| value.map(|value| (value - mean) / std);
        let mut scaled = *found;
        for value in [&mut scaled.median, &mut scaled.min, &mut scaled.max] {
            *value = reduced(*value);
        }
        for interval in [&mut scaled.one_sigma, &mut scaled.two_sigma, &mut scaled.three_sigma, &mut scaled.five_sigma]
        {
            (interval.left, interval.right) = (reduced(interval.left), reduced(interval.right));
        }
        let name = format!("{} ({})", key.1, key.2);
        rows.push((name, [parameters.lim_min, parameters.lim_max], scaled, is_suspicious));
    }
    let panels: Vec<Panel> = rows.chunks(ROWS_PER_PANEL).map(range_panel).collect();
    let panels = if panels.is_empty() { vec![Panel::new("(value - mean) / width", "")] } else { panels };
    let (columns, lines) = (panels.len().min(2), panels.len().div_ceil(2));
    // wide enough for the longest names and as much again
    labelled(Figure::grid(columns, panels).size(1200.0 * columns as f64, 600.0 * lines as f64), "")
}

/// Names of this many features stand one above the other without touching.
const ROWS_PER_PANEL: usize = 17;

fn range_panel(rows: &[(String, [f64; 2], Quantiles, bool)]) -> Panel {
    let bound = |value: f64| value.clamp(-12.0, 12.0);
    let names: Vec<String> = rows.iter().rev().map(|(name, ..)| name.replace('_', r"\_")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut panel = Panel::new("(value - mean) / width", "").x_range(-12.0, 12.0).y_categories(&names);
    for (index, (_, limits, quantiles, suspicious)) in rows.iter().enumerate() {
        let y = (rows.len() - 1 - index) as f64 + 0.5;
        let color = if *suspicious { Color::hex(0xc0_1f2e) } else { Color::hex(0x1f_6fb2) };
        let one = |interval: crate::scaling::quantiles::Interval, width: f64| {
            let ends = [interval.left, interval.right].map(|end| bound(end.unwrap_or(0.0)));
            Line::new(&ends, &[y, y]).color(color).width(width)
        };
        panel = panel.add(one(quantiles.five_sigma, 0.8)).add(one(quantiles.two_sigma, 2.0));
        panel = panel.add(one(quantiles.one_sigma, 4.0));
        let middle = bound(quantiles.median.unwrap_or(0.0));
        panel = panel.add(Points::new(&[middle], &[y]).color(color).size(2.0).no_x_errors());
        let cuts: Vec<f64> = limits.iter().copied().filter(|limit| limit.is_finite()).map(bound).collect();
        let heights = vec![y; cuts.len()];
        panel =
            panel.add(Points::new(&cuts, &heights).color(Color::hex(0x33_3333)).marker(Marker::Diamond).no_x_errors());
    }
    panel.legend(LegendAt::Hidden)
}
