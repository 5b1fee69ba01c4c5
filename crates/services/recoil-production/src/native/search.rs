//! `search`: a step whose configuration is looked for.

mod steps;

use super::fields::Fields;
use crate::search::{Dimension, Goal, Halving, Objective, Source};
use crate::yaml::Node;
use std::path::Path;

/// More trials than this are a mistake.
const SAMPLES: usize = 100_000;

/// A search as written.
pub(super) struct Search<'a> {
    node: &'a Node,
    samples: usize,
    seed: Option<u64>,
    space: Vec<(String, Dimension)>,
    /// Where the keys of the space stand.
    places: Vec<&'a Node>,
    objective: Objective,
    objective_node: &'a Node,
    halving: Option<(Halving, &'a Node)>,
}

impl<'a> Search<'a> {
    /// Reads `search` of a step; nothing if it is not there or cannot be used.
    pub fn read(file: &Path, step: &'a Node, fields: &mut Fields<'_>) -> Option<Self> {
        let node = step.get("search").filter(|node| !node.is_null())?;
        for key in ["for", "batch", "overrides", "command", "commands"] {
            if let Some(other) = fields.node(key) {
                fields.wrong(other, "conflict", format!("a step with 'search' cannot have '{key}'"));
            }
        }
        let mut own = Fields::new(file, node, "'search'");
        own.known(&["samples", "seed", "space", "objective", "halving"]);
        let count = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=SAMPLES).contains(n));
        let samples = own.parsed("samples", "a number of trials above 0", count);
        let seed = own.number("seed");
        let (space, places) = node.get("space").map(|node| space(file, node, &mut own)).unwrap_or_default();
        let objective_node = node.get("objective").unwrap_or(node);
        let objective = objective(file, &mut own);
        let halving = node.get("halving").map(|node| (halving(file, node, &mut own), node));
        for key in ["samples", "space", "objective"] {
            if own.node(key).is_none() && node.map().is_some() {
                own.wrong(node, "missing-key", format!("'search' has no '{key}'"));
            }
        }
        let is_good = own.found.is_empty();
        fields.found.append(&mut own.found);
        let objective = objective?;
        let halving = match halving {
            Some((Some(halving), node)) => Some((halving, node)),
            Some((None, _)) => return None,
            None => None,
        };
        let samples = samples.filter(|_| is_good)?;
        Some(Self { node, samples, seed, space, places, objective, objective_node, halving })
    }
}

fn space<'a>(file: &Path, node: &'a Node, fields: &mut Fields<'_>) -> (Vec<(String, Dimension)>, Vec<&'a Node>) {
    let Some(entries) = node.map().filter(|entries| !entries.is_empty()) else {
        let message = format!("'space' is {}, expected a mapping of keys of the configuration", node.kind());
        fields.wrong(node, "wrong-type", message);
        return Default::default();
    };
    let mut space = Vec::new();
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if let Some(dimension) = dimension(file, name, value, fields) {
            space.push((name.to_owned(), dimension));
        }
    }
    (space, entries.iter().map(|(key, _)| key).collect())
}

/// One entry of the space, such as `{log: [1e-4, 1e-2]}`.
fn dimension(file: &Path, name: &str, node: &Node, fields: &mut Fields<'_>) -> Option<Dimension> {
    const KINDS: [&str; 5] = ["uniform", "log", "integer", "log_integer", "choice"];
    let mut own = Fields::new(file, node, format!("'{name}'"));
    own.known(&KINDS);
    let entries = node.map().unwrap_or_default();
    if let (true, [] | [_, _, ..]) = (own.found.is_empty(), entries) {
        own.wrong(node, "bad-space", format!("'{name}' has one of {}", KINDS.join(", ")));
    }
    let is_known = own.found.is_empty();
    fields.found.append(&mut own.found);
    let (kind, values) = entries.first().filter(|_| is_known)?;
    let kind = kind.text().unwrap_or_default();
    let items = values.list().unwrap_or_default();
    let numbers: Vec<f64> = items.iter().filter_map(|item| item.text()?.parse().ok()).collect();
    let whole: Vec<i64> = items.iter().filter_map(|item| item.text()?.parse().ok()).collect();
    let found = match (kind, numbers.as_slice(), whole.as_slice()) {
        ("uniform", &[low, high], _) if items.len() == 2 && low < high && (high - low).is_finite() => {
            Some(Dimension::Uniform(low, high))
        }
        ("log", &[low, high], _) if items.len() == 2 && 0.0 < low && low < high && high.is_finite() => {
            Some(Dimension::Log(low, high))
        }
        ("integer", _, &[low, high]) if items.len() == 2 && low < high => Some(Dimension::Integer(low, high)),
        ("log_integer", _, &[low, high]) if items.len() == 2 && 0 < low && low < high => {
            Some(Dimension::LogInteger(low, high))
        }
        ("choice", ..) if !items.is_empty() => Some(Dimension::Choice(items.iter().map(Node::to_json).collect())),
        _ => None,
    };
    if found.is_none() {
        let expected = match kind {
            "uniform" => "two numbers, the lower one first",
            "log" => "two positive numbers, the lower one first",
            "integer" => "two whole numbers, the lower one first",
            "log_integer" => "two positive whole numbers, the lower one first",
            _ => "a list of values",
        };
        fields.wrong(values, "bad-space", format!("'{kind}' of '{name}' is {expected}"));
    }
    found
}

fn objective(file: &Path, fields: &mut Fields<'_>) -> Option<Objective> {
    let node = fields.node("objective")?;
    let mut own = Fields::new(file, node, "'objective'");
    own.known(&["value", "file", "column", "goal"]);
    let goal = own.parsed("goal", "min or max", |text| match text {
        "min" => Some(Goal::Min),
        "max" => Some(Goal::Max),
        _ => None,
    });
    let source = match (own.word("value"), own.word("file"), own.word("column")) {
        (Some(name), None, None) => Some(Source::Report(name)),
        (None, Some(file), Some(column)) => Some(Source::Column { file, column }),
        _ => {
            let message = "'objective' has either 'value', a number that the stage reports, or 'file' and 'column'";
            own.wrong(node, "bad-objective", message);
            None
        }
    };
    fields.found.append(&mut own.found);
    Some(Objective { source: source?, goal: goal.unwrap_or_default() })
}

fn halving(file: &Path, node: &Node, fields: &mut Fields<'_>) -> Option<Halving> {
    let mut own = Fields::new(file, node, "'halving'");
    own.known(&["rungs", "factor", "keep", "budget", "first", "checkpoint"]);
    let number = |low: f64, high: f64| {
        move |text: &str| text.parse::<f64>().ok().filter(|number| low < *number && *number < high)
    };
    let rungs = own.parsed("rungs", "a number from 1 to 20", |text| {
        text.parse::<u32>().ok().filter(|rungs| (1..=20).contains(rungs))
    });
    let factor = own.parsed("factor", "a number above 1", number(1.0, 1e6));
    let keep = own.parsed("keep", "a share between 0 and 1", number(0.0, 1.0));
    let first = own.parsed("first", "a positive number", number(0.0, 1e15));
    let (budget, checkpoint) = (own.word("budget"), own.word("checkpoint"));
    for key in ["budget", "first"] {
        if own.node(key).is_none() && node.map().is_some() {
            own.wrong(node, "missing-key", format!("'halving' has no '{key}'"));
        }
    }
    let is_good = own.found.is_empty();
    fields.found.append(&mut own.found);
    let factor = factor.unwrap_or(3.0);
    Some(Halving {
        rungs: rungs.unwrap_or(3),
        factor,
        keep: keep.unwrap_or(1.0 / factor),
        budget: budget.filter(|_| is_good)?,
        first: first?,
        checkpoint,
    })
}
