//! Inputs that nothing writes: what comes from elsewhere, and what was meant to be another step's output.

use super::stage::Stage;
use crate::check::{similar, without};
use crate::finding::{Finding, Location};
use crate::graph::Graph;
use crate::model::{Production, Step, Task};
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
    let later = Later::new(production);
    let mut roots = Roots::default();
    let mut found = Vec::new();
    let mut elsewhere: BTreeMap<(u32, &str, PathBuf), (usize, &Step, &Path)> = BTreeMap::new();
    for (step, path) in absent {
        if let Some(writer) = later.writer(step, path) {
            found.push(too_late(production, graph, step, writer, path));
            continue;
        }
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

/// The outputs by their names.
struct Later<'a> {
    written: HashMap<&'a Path, &'a Step>,
}

impl<'a> Later<'a> {
    fn new(production: &'a Production) -> Self {
        let mut written = HashMap::new();
        for step in &production.steps {
            for output in step.tasks.first().into_iter().flat_map(|task| &task.outputs) {
                written.insert(output.path.as_path(), step);
            }
        }
        Self { written }
    }

    /// A step of the same or a later stage that writes what a step reads.
    fn writer(&self, reader: &Step, path: &Path) -> Option<&'a Step> {
        let writer = path.ancestors().find_map(|path| self.written.get(path))?;
        (writer.id != reader.id && writer.phase >= reader.phase).then_some(writer)
    }
}

/// An input that is written too late: by a step that itself waits for its reader, or by one of a later stage.
fn too_late(production: &Production, graph: &Graph, reader: &Step, writer: &Step, path: &Path) -> Finding {
    let index = |step: &Step| production.steps.iter().position(|other| other.id == step.id).unwrap_or_default();
    let (reader_index, writer_index) = (index(reader), index(writer));
    let mut seen = HashSet::from([writer_index]);
    let mut left = vec![writer_index];
    while let Some(step) = left.pop() {
        let before = graph.depends_on.get(step).into_iter().flatten();
        left.extend(before.filter(|other| seen.insert(**other)));
    }
    let (place, path) = (place(production, reader), path.display());
    match seen.contains(&reader_index) {
        true => {
            let message =
                format!("steps wait for each other: {} reads {path} of {}, which waits for it", reader.id, writer.id);
            Finding::error(place, "cycle", message)
        }
        false => {
            let message = format!("step {} reads {path}, which {} writes, and that runs later", reader.id, writer.id);
            Finding::error(place, "wrong-order", message)
        }
    }
}

fn place(production: &Production, step: &Step) -> Location {
    step.location.clone().unwrap_or_else(|| Location { file: production.source.clone(), line: 1, column: 1 })
}

/// Warnings about files that a step of dl1_to_dl2 does not write although they would lie in its directory, and about steps
/// that write into the directory that they read.
pub(super) fn check_names(production: &Production) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut written: HashMap<&Path, Vec<(&Step, String)>> = HashMap::new();
    for step in &production.steps {
        let Some(task) = step.tasks.first() else { continue };
        let Some(output) = task.outputs.first() else { continue };
        if step.phase == Some(Stage::Dl1ToDl2.phase()) {
            let name = task.inputs.first().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy();
            written.entry(&output.path).or_default().push((step, name.replacen("dl1", "dl2", 1)));
        }
        let reads_it = |task: &Task| {
            task.inputs.iter().any(|input| *input == output.path || input.parent() == Some(output.path.as_path()))
        };
        if step.phase == Some(Stage::Dl1ab.phase()) && step.tasks.iter().any(reads_it) {
            let path = output.path.display();
            let message =
                format!("step {} replaces the files in {path} that it reads: they are gone when it runs", step.id);
            let hint = "run again, it would work on its own results; write into another directory";
            found.push(Finding::warning(place(production, step), "in-place", message).hint(Some(hint)));
        }
    }
    for step in production.steps.iter().filter(|step| step.phase == Some(Stage::Dl2ToIrfs.phase())) {
        for input in step.tasks.iter().flat_map(|task| &task.inputs) {
            let (Some(parent), Some(name)) = (input.parent(), input.file_name()) else { continue };
            let Some(writers) = written.get(parent) else { continue };
            if !writers.iter().any(|(_, own)| *own == name.to_string_lossy()) {
                let message = format!("step {} reads {}, which no step writes", step.id, input.display());
                let own: Vec<String> =
                    writers.iter().take(3).map(|(step, own)| format!("{} writes {own}", step.id)).collect();
                found.push(
                    Finding::warning(place(production, step), "missed-output", message).hint(Some(own.join(", "))),
                );
            }
        }
    }
    found
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
        // dl1_to_dl2 writes directories, of which the next stages read files
        let inside = path.parent().filter(|_| reader.phase >= Some(Stage::Dl2ToIrfs.phase()));
        self.like(reader, path).or_else(|| self.like(reader, inside?))
    }

    fn like(&self, reader: &Step, path: &Path) -> Option<(&'a str, &'a Path, bool)> {
        let parts = path.components().count().min(Self::PARTS);
        let mut best = None;
        for at in 0..parts {
            let (rest, part) = without(path, at);
            for (writer, output) in self.by_rest.get(&(at, rest)).into_iter().flatten() {
                if writer.phase >= reader.phase || is_file(output) != is_file(path) {
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

/// Whether a name is that of a file of the stages.
fn is_file(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "h5" || end == "gz")
}

/// The digits of a name, number by number.
fn numbers(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()).collect()
}
