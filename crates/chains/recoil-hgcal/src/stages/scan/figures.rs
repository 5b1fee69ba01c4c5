//! The figures of a scan: each quantity against a key.

use recoil_plot::{Figure, Panel, Points};
use serde_json::Value as Json;

use super::points::Grid;
use super::table::label;
use crate::scan::ScanResult;

/// Errors of a value, down and up.
type Errors = fn(&ScanResult) -> (f64, f64);

/// What a quantity needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Particles,
    FrontEnd,
}

/// One figure: the value, and the errors down and up if there are any.
struct Quantity {
    name: &'static str,
    title: &'static str,
    needs: Needs,
    value: fn(&ScanResult) -> f64,
    errors: Option<Errors>,
}

const QUANTITIES: &[Quantity] = &[
    Quantity { name: "seeds", title: "Seeds / event", needs: Needs::Nothing, value: |r| r.seeds, errors: None },
    Quantity {
        name: "clusters",
        title: "Clusters / event",
        needs: Needs::Nothing,
        value: |r| r.clusters,
        errors: None,
    },
    Quantity {
        name: "splitting",
        title: "Split fraction",
        needs: Needs::Particles,
        value: |r| r.splitting.value,
        errors: Some(|r| r.splitting.errors()),
    },
    Quantity {
        name: "efficiency",
        title: "Efficiency",
        needs: Needs::Particles,
        value: |r| r.efficiency.value,
        errors: Some(|r| r.efficiency.errors()),
    },
    Quantity {
        name: "response",
        title: r"Mean E^{cluster} / E^{gen} - 1",
        needs: Needs::Particles,
        value: |r| r.energy.mean,
        errors: Some(|r| {
            let error = r.energy.rms / (r.efficiency.value * r.particles as f64).sqrt();
            (error, error)
        }),
    },
    Quantity {
        name: "response_median",
        title: r"Median E^{cluster} / E^{gen} - 1",
        needs: Needs::Particles,
        value: |r| r.energy.median,
        errors: None,
    },
    Quantity {
        name: "resolution",
        title: r"\sigma_{eff} / median of E^{cluster} / E^{gen}",
        needs: Needs::Particles,
        value: |r| r.energy.resolution(),
        errors: None,
    },
    Quantity {
        name: "bits",
        title: "Bits sent per wafer",
        needs: Needs::FrontEnd,
        value: |r| r.traffic.bits_per_wafer(),
        errors: None,
    },
    Quantity {
        name: "energy_kept",
        title: r"p_{T} kept by the front end",
        needs: Needs::FrontEnd,
        value: |r| r.traffic.pt_kept(),
        errors: None,
    },
    Quantity {
        name: "rms",
        title: "RMS of E^{cluster} / E^{gen}",
        needs: Needs::Particles,
        value: |r| r.energy.rms,
        errors: None,
    },
];

fn quantities(particles: bool, front_end: bool) -> impl Iterator<Item = &'static Quantity> {
    QUANTITIES.iter().filter(move |quantity| match quantity.needs {
        Needs::Nothing => true,
        Needs::Particles => particles,
        Needs::FrontEnd => front_end,
    })
}

/// Names of the figures.
pub(super) fn names(particles: bool, front_end: bool) -> impl Iterator<Item = &'static str> {
    quantities(particles, front_end).map(|quantity| quantity.name)
}

/// The key of the links.
const LINKS: &str = "frontend.links";

/// A key on an axis or in a legend.
fn title(key: &str) -> String {
    match key {
        LINKS => "Output links per wafer".to_owned(),
        _ => key.replace('_', r"\_"),
    }
}

/// A key with its value in a legend; algorithms speak for themselves.
fn named(key: &str, value: &Json) -> String {
    match key {
        "frontend.algorithm" => label(value).replace('_', " "),
        _ => format!("{key} = {}", label(value)).replace('_', r"\_"),
    }
}

/// Points that differ in the key of the x axis only.
struct Group {
    label: String,
    points: Vec<usize>,
}

/// The figures by name. The x axis is the first key that is a number, else the first key; values that are words, and numbers
/// of links, stand side by side on it.
pub(super) fn draw(grid: &Grid, results: &[ScanResult], particles: bool) -> Vec<(&'static str, Figure)> {
    let is_number = |key: usize| grid.values.iter().all(|point| point.get(key).is_some_and(Json::is_number));
    let numeric = (0..grid.keys.len()).find(|&key| is_number(key));
    let axis = numeric.unwrap_or(0);
    // there is nothing between two and three links
    let numeric = numeric.filter(|&key| grid.keys.get(key).is_none_or(|key| key != LINKS));
    let names = if numeric.is_some() { Vec::new() } else { different(grid, axis) };
    let place = |point: usize| {
        let value = grid.values.get(point).and_then(|values| values.get(axis));
        let named = || names.iter().position(|name| value.is_some_and(|v| label(v) == *name)).map(|i| i as f64 + 0.5);
        if numeric.is_some() { value.and_then(Json::as_f64) } else { named() }.unwrap_or(f64::NAN)
    };
    let groups = groups(grid, axis);
    let one = |quantity: &'static Quantity| {
        let x_title = grid.keys.get(axis).map(|key| title(key)).unwrap_or_default();
        let mut panel = Panel::new(x_title, quantity.title);
        if !names.is_empty() {
            panel = panel.x_categories(&names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for group in &groups {
            let of = |get: &dyn Fn(&ScanResult) -> f64| -> Vec<f64> {
                group.points.iter().filter_map(|&point| results.get(point)).map(get).collect()
            };
            let x: Vec<f64> = group.points.iter().map(|&point| place(point)).collect();
            let mut series = Points::new(&x, &of(&quantity.value)).joined();
            if let Some(errors) = quantity.errors {
                series = series.y_errors_asym(&of(&|r| errors(r).0), &of(&|r| errors(r).1));
            }
            if !group.label.is_empty() {
                series = series.label(&group.label);
            }
            panel = panel.add(series);
        }
        (quantity.name, Figure::new(panel))
    };
    quantities(particles, grid.has_front_end()).map(one).collect()
}

/// The different values of a key in words, in the order of the points.
fn different(grid: &Grid, key: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in grid.values.iter().filter_map(|point| point.get(key)).map(label) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The points by the values of all keys but that of the x axis.
fn groups(grid: &Grid, axis: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (point, values) in grid.values.iter().enumerate() {
        let others = grid.keys.iter().zip(values).enumerate().filter(|(key, _)| *key != axis);
        let words: Vec<String> = others.map(|(_, (key, value))| named(key, value)).collect();
        let name = words.join(", ");
        match groups.iter_mut().find(|group| group.label == name) {
            Some(group) => group.points.push(point),
            None => groups.push(Group { label: name, points: vec![point] }),
        }
    }
    groups
}
