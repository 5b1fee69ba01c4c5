//! What can be said about a production as a whole, whatever form it was written in.

use crate::finding::{Finding, Location};
use crate::graph::Graph;
use crate::model::Production;
use recoil_stage::config::did_you_mean;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Repeated ids, circles, files written twice, unknown steps in `after`, tasks without commands.
pub fn structure(production: &Production, graph: &Graph) -> Vec<Finding> {
    let mut found = Vec::new();
    let place = |step: usize| place(production, step);
    let id = |step: usize| production.steps.get(step).map_or("", |step| step.id.as_str());
    let mut seen: HashSet<&str> = HashSet::new();
    for (index, step) in production.steps.iter().enumerate() {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if step.id.is_empty() || step.id.len() > 200 || step.id.starts_with(['.', '-']) || !step.id.chars().all(legal) {
            let message = format!("'{}' is no id: letters, digits, '-', '_' and '.'", step.id.escape_debug());
            found.push(Finding::error(place(index), "bad-id", message));
        }
        if !seen.insert(&step.id) {
            found.push(Finding::error(place(index), "duplicate-id", format!("two steps are called '{}'", step.id)));
        }
        if step.tasks.iter().any(|task| task.commands.iter().all(|command| command.argv.is_empty())) {
            found.push(Finding::error(place(index), "no-command", format!("step {} has nothing to run", step.id)));
        }
    }
    for duplicate in &graph.duplicates {
        let mut names: Vec<&str> = duplicate.steps.iter().map(|&step| id(step)).collect();
        names.dedup();
        let last = place(duplicate.steps.last().copied().unwrap_or_default());
        let path = duplicate.path.display();
        found.push(match (duplicate.directory, names.as_slice()) {
            (true, names) => {
                let message = format!("steps {} write into the same directory {path}", names.join(", "));
                Finding::warning(last, "shared-output", message)
            }
            (false, [only]) => {
                Finding::error(last, "duplicate-output", format!("several tasks of step {only} write {path}"))
            }
            (false, names) => {
                Finding::error(last, "duplicate-output", format!("steps {} write {path}", names.join(", ")))
            }
        });
    }
    for cycle in &graph.cycles {
        let next = cycle.steps.iter().skip(1).chain(cycle.steps.first());
        let parts = cycle.steps.iter().zip(next).zip(&cycle.files).map(|((&step, &next), file)| {
            match file.as_os_str().is_empty() {
                true => format!("{} comes after {}", id(step), id(next)),
                false => format!("{} reads {} of {}", id(step), file.display(), id(next)),
            }
        });
        let message = format!("steps wait for each other: {}", parts.collect::<Vec<_>>().join("; "));
        found.push(Finding::error(place(cycle.steps.first().copied().unwrap_or_default()), "cycle", message));
    }
    if !graph.unknown_after.is_empty() {
        let ids: Vec<&str> = production.steps.iter().map(|step| step.id.as_str()).collect();
        for (step, name) in &graph.unknown_after {
            let message = format!("step {} comes after '{name}', which is no step", id(*step));
            found.push(Finding::error(place(*step), "unknown-step", message).hint(did_you_mean(name, &ids)));
        }
    }
    found
}

/// Inputs that no step writes and that do not exist. Where a step writes a file whose name differs in one part only,
/// and that part is similar, that is said and the finding is an error.
pub fn missing(production: &Production, graph: &Graph) -> Vec<Finding> {
    let mut seen: HashSet<&Path> = HashSet::new();
    let absent: Vec<(usize, &Path)> = graph
        .external
        .iter()
        .map(|(task, path)| (graph.step_of(*task), path.as_path()))
        .filter(|(step, path)| seen.insert(path) || *step == usize::MAX)
        .filter(|(_, path)| std::fs::symlink_metadata(path).is_err())
        .collect();
    if absent.is_empty() {
        return Vec::new();
    }
    let near = Near::new(production);
    absent
        .into_iter()
        .map(|(step, path)| {
            let id = production.steps.get(step).map_or("", |step| step.id.as_str());
            let message = format!("step {id} reads {}, which does not exist and no step writes", path.display());
            match near.find(path) {
                Some((writer, output)) => Finding::error(place(production, step), "missed-output", message)
                    .hint(Some(format!("did you mean {}, written by step {writer}?", output.display()))),
                None => Finding::warning(place(production, step), "missing-input", message),
            }
        })
        .collect()
}

fn place(production: &Production, step: usize) -> Location {
    let own = production.steps.get(step).and_then(|step| step.location.clone());
    own.unwrap_or_else(|| Location { file: production.source.clone(), line: 1, column: 1 })
}

/// Outputs by all ways of leaving out one part of their names.
struct Near<'a> {
    by_rest: HashMap<(usize, PathBuf), Vec<(&'a str, &'a Path)>>,
}

impl<'a> Near<'a> {
    /// Names of more parts than this are compared by their last parts only.
    const PARTS: usize = 8;
    /// Outputs kept for one pattern.
    const KEPT: usize = 64;

    fn new(production: &'a Production) -> Self {
        let mut by_rest: HashMap<(usize, PathBuf), Vec<(&str, &Path)>> = HashMap::new();
        for step in &production.steps {
            for output in step.tasks.iter().flat_map(|task| &task.outputs) {
                for at in 0..parts(&output.path) {
                    let list = by_rest.entry((at, without(&output.path, at).0)).or_default();
                    if list.len() < Self::KEPT {
                        list.push((&step.id, &output.path));
                    }
                }
            }
        }
        Self { by_rest }
    }

    fn find(&self, path: &Path) -> Option<(&'a str, &'a Path)> {
        (0..parts(path)).find_map(|at| {
            let (rest, part) = without(path, at);
            let outputs = self.by_rest.get(&(at, rest))?;
            let names: Vec<String> = outputs.iter().map(|(_, output)| without(output, at).1).collect();
            let near = recoil_stage::config::nearest(&part, &names);
            let alike = |name: &String| near.is_some_and(|near| near == name) || one_word_apart(name, &part);
            names.iter().position(alike).and_then(|index| outputs.get(index)).copied()
        })
    }
}

/// Whether one name is the other with one more word, as `node_corsika_theta_10` is of `node_theta_10`.
fn one_word_apart(a: &str, b: &str) -> bool {
    let words = |name: &str| name.split(['_', '-', '.']).map(str::to_owned).collect::<Vec<_>>();
    let (mut long, short) = if a.len() > b.len() { (words(a), words(b)) } else { (words(b), words(a)) };
    if long.len() != short.len() + 1 || short.len() < 2 {
        return false;
    }
    let first = short.iter().zip(&long).take_while(|(s, l)| s == l).count();
    long.remove(first);
    long == short
}

fn parts(path: &Path) -> usize {
    path.components().count().min(Near::PARTS)
}

/// Whether two names differ in at most a third of the longer one, or by one word.
pub(crate) fn similar(one: &str, other: &str) -> bool {
    let near = |word: &str, known: &str| recoil_stage::config::nearest(word, &[known]).is_some();
    near(one, other) || near(other, one) || one_word_apart(one, other)
}

/// The path without the part that is `at` from its end, and that part.
pub(crate) fn without(path: &Path, at: usize) -> (PathBuf, String) {
    let parts: Vec<_> = path.components().collect();
    let drop = parts.len().saturating_sub(at + 1);
    let rest = parts.iter().enumerate().filter(|(index, _)| *index != drop).map(|(_, part)| part);
    let part = parts.get(drop).map(|part| part.as_os_str().to_string_lossy().into_owned());
    (rest.collect(), part.unwrap_or_default())
}
