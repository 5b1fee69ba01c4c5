//! Inputs that nothing writes: what comes from elsewhere, and what was meant to be another step's output.

use super::stage::Stage;
use crate::check::{similar, without};
use crate::finding::{Finding, Location};
use crate::graph::Graph;
use crate::model::{Production, Step};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Findings about inputs that do not exist and that no step writes. If a step writes a name that nobody reads and that
/// differs in one part only, the two were meant to meet: an error if the numbers in both are the same (the same pointing
/// spelled in two ways), else a warning, since a restart of a production has such pairs too.
pub(super) fn check(production: &Production, graph: &Graph, configs: [&Path; 2]) -> Vec<Finding> {
    // configurations have findings of their own
    let mut seen: HashSet<&Path> = HashSet::from(configs);
    let absent: Vec<(&Step, &Path)> = graph
        .external
        .iter()
        .filter(|(_, path)| seen.insert(path))
        .filter_map(|(task, path)| Some((production.steps.get(graph.step_of(*task))?, path.as_path())))
        .filter(|(_, path)| std::fs::symlink_metadata(path).is_err())
        .collect();
    if absent.is_empty() {
        return Vec::new();
    }
    let unread = Unread::new(production, graph);
    let mut roots = Roots::default();
    let mut found = Vec::new();
    let mut elsewhere: BTreeMap<(u32, &str, PathBuf), (usize, &Step, &Path)> = BTreeMap::new();
    for (step, path) in absent {
        if let Some((writer, output, certain)) = unread.near(step, path) {
            let message = format!("step {} reads {}, which does not exist and no step writes", step.id, path.display());
            let hint = format!("step {writer} writes {}, which no step reads", output.display());
            let place = place(production, step);
            let finding = match certain {
                true => Finding::error(place, "missed-output", message),
                false => Finding::warning(place, "missed-output", message),
            };
            found.push(finding.hint(Some(hint)));
            continue;
        }
        let group = (step.phase.unwrap_or_default(), step.stage.as_str(), roots.missing(path));
        elsewhere.entry(group).or_insert((0, step, path)).0 += 1;
    }
    for ((_, stage, root), (count, step, path)) in elsewhere {
        let before = Stage::of(stage).and_then(Stage::before);
        let writes = match before {
            Some(before) => format!("neither exist nor are written by {before} of this file"),
            None => "do not exist".into(),
        };
        let message = match count {
            1 => format!("step {} reads {}, which does not exist and no step writes", step.id, path.display()),
            _ if root == path => format!("{count} steps of {stage} read {}, which does not exist", path.display()),
            _ => {
                let (root, path) = (root.display(), path.display());
                format!("{count} inputs of {stage} below {root} {writes}; the first is {path} (step {})", step.id)
            }
        };
        found.push(Finding::warning(place(production, step), "missing-input", message));
    }
    found
}

fn place(production: &Production, step: &Step) -> Location {
    step.location.clone().unwrap_or_else(|| Location { file: production.source.clone(), line: 1, column: 1 })
}

/// The topmost directories that are missing.
#[derive(Default)]
struct Roots {
    exists: HashMap<PathBuf, bool>,
}

impl Roots {
    fn missing(&mut self, path: &Path) -> PathBuf {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for own in above {
            if !*self.exists.entry(own.into()).or_insert_with_key(|own| own.symlink_metadata().is_ok()) {
                return own.into();
            }
        }
        path.into()
    }
}

/// Outputs that nobody reads, by all ways of leaving out one part of their names.
struct Unread<'a> {
    by_rest: HashMap<(usize, PathBuf), Vec<(&'a Step, &'a Path)>>,
}

impl<'a> Unread<'a> {
    /// Names differ in one of their last parts.
    const PARTS: usize = 8;
    /// Outputs kept for one pattern.
    const KEPT: usize = 64;

    fn new(production: &'a Production, graph: &Graph) -> Self {
        let read: HashSet<usize> = graph
            .task_gates
            .iter()
            .flatten()
            .filter_map(|gate| graph.gates.get(*gate))
            .flat_map(|gate| gate.tasks.iter().map(|task| graph.step_of(*task)))
            .collect();
        let mut by_rest: HashMap<(usize, PathBuf), Vec<(&Step, &Path)>> = HashMap::new();
        for (_, step) in production.steps.iter().enumerate().filter(|(index, _)| !read.contains(index)) {
            // the tasks of an array share their output
            for output in step.tasks.first().into_iter().flat_map(|task| &task.outputs) {
                for at in 0..output.path.components().count().min(Self::PARTS) {
                    let list = by_rest.entry((at, without(&output.path, at).0)).or_default();
                    if list.len() < Self::KEPT {
                        list.push((step, &output.path));
                    }
                }
            }
        }
        Self { by_rest }
    }

    /// The step and its output that an input was meant to be, and whether that is certain.
    fn near(&self, reader: &Step, path: &Path) -> Option<(&'a str, &'a Path, bool)> {
        let parts = path.components().count().min(Self::PARTS);
        let mut best = None;
        for at in 0..parts {
            let (rest, part) = without(path, at);
            for (writer, output) in self.by_rest.get(&(at, rest)).into_iter().flatten() {
                if writer.phase >= reader.phase {
                    continue;
                }
                let other = without(output, at).1;
                if !similar(&part, &other) {
                    continue;
                }
                let certain = numbers(&part) == numbers(&other);
                if certain {
                    return Some((&writer.id, output, true));
                }
                best = best.or(Some((writer.id.as_str(), *output, false)));
            }
        }
        best
    }
}

/// The digits of a name, number by number.
fn numbers(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()).collect()
}
