//! What a search looks like.

use super::{Outcome, Ranking, budget_value};
use recoil_plot::{Color, Figure, LegendAt, Marker, Panel, Points};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The last outcome of each trial that has a value, with its rung.
fn last(rankings: &[Ranking]) -> BTreeMap<usize, (usize, &Outcome)> {
    let outcomes = rankings.iter().flat_map(|ranking| ranking.trials.iter().map(|outcome| (ranking.rung, outcome)));
    outcomes.filter(|(_, outcome)| outcome.value().is_some()).map(|(rung, own)| (own.trial, (rung, own))).collect()
}

fn label(rung: usize, outcome: &Outcome) -> String {
    outcome.budget.map_or_else(String::new, |budget| format!("rung {rung}, budget {}", budget_value(budget)))
}

/// The objective of all trials against each parameter, the best marked.
pub(super) fn parameters(
    rankings: &[Ranking],
    ranks: &BTreeMap<usize, usize>,
    logarithmic: &BTreeSet<String>,
) -> Figure {
    let last = last(rankings);
    let objective = rankings.first().map_or("", |ranking| ranking.objective.as_str());
    let keys: BTreeSet<&String> = last.values().flat_map(|(_, outcome)| outcome.parameters.keys()).collect();
    let mut panels: Vec<Panel> = Vec::new();
    for key in keys {
        let names = categories(&last, key);
        let x = |outcome: &Outcome| -> f64 {
            let value = outcome.parameters.get(key).cloned().unwrap_or_default();
            match names.iter().position(|name| *name == text(&value)) {
                Some(index) => index as f64 + 0.5,
                None => value.as_f64().unwrap_or(f64::NAN),
            }
        };
        let mut panel = Panel::new(key.as_str(), objective);
        if !names.is_empty() {
            panel = panel.x_categories(&names.iter().map(String::as_str).collect::<Vec<_>>());
        } else if logarithmic.contains(key) {
            panel = panel.log_x();
        }
        if let Some((_, best)) = last.values().find(|(_, outcome)| ranks.get(&outcome.trial) == Some(&1)) {
            let point = [best.value().unwrap_or(f64::NAN)];
            let ring = Points::new(&[x(best)], &point).marker(Marker::OpenCircle).size(10.0).color(Color::hex(0));
            panel = panel.add(ring.label("best"));
        }
        for rung in 0..rankings.len() {
            let own: Vec<&Outcome> =
                last.values().filter(|(reached, _)| *reached == rung).map(|(_, outcome)| *outcome).collect();
            let Some(first) = own.first() else { continue };
            let xs: Vec<f64> = own.iter().map(|outcome| x(outcome)).collect();
            let ys: Vec<f64> = own.iter().filter_map(|outcome| outcome.value()).collect();
            let color = Color::cycle(rung, rankings.len().max(3));
            panel = panel.add(Points::new(&xs, &ys).color(color).label(label(rung, first)));
        }
        // one legend is enough
        panel = if panels.is_empty() { panel } else { panel.legend(LegendAt::Hidden) };
        panels.push(panel);
    }
    let columns = panels.len().clamp(1, 3);
    Figure::grid(columns, panels).experiment("recoil", "").title(format!("{objective} of all trials by parameter"))
}

/// Names of the values of a parameter whose values are no numbers.
fn categories(last: &BTreeMap<usize, (usize, &Outcome)>, key: &str) -> Vec<String> {
    let values: Vec<&Json> = last.values().filter_map(|(_, outcome)| outcome.parameters.get(key)).collect();
    match values.iter().all(|value| value.is_number()) {
        true => Vec::new(),
        false => values.into_iter().map(text).collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The objective of all trials during their trainings, coloured by the rung that they reached.
pub(super) fn curves(rankings: &[Ranking], ranks: &BTreeMap<usize, usize>) -> Figure {
    let last = last(rankings);
    let objective = rankings.first().map_or("", |ranking| ranking.objective.as_str());
    let x = last.values().find_map(|(_, outcome)| outcome.curve.as_ref()).map_or("", |curve| curve.x.as_str());
    let mut panel = Panel::new(x, objective);
    for rung in 0..rankings.len() {
        let mut is_first = true;
        for (_, outcome) in last.values().filter(|(reached, _)| *reached == rung) {
            let Some(curve) = &outcome.curve else { continue };
            let (xs, ys): (Vec<f64>, Vec<f64>) = curve.points.iter().map(|[x, y]| (*x, *y)).unzip();
            let is_best = ranks.get(&outcome.trial) == Some(&1);
            let size = if is_best { 5.0 } else { 2.5 };
            let mut line = Points::new(&xs, &ys).joined().size(size).color(Color::cycle(rung, rankings.len().max(3)));
            if std::mem::take(&mut is_first) {
                line = line.label(label(rung, outcome));
            }
            panel = panel.add(line);
        }
    }
    Figure::new(panel).experiment("recoil", "").title(format!("{objective} of all trials during the training"))
}
