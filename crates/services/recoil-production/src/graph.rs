//! Who waits for whom, found from the files that tasks read and write.
//!
//! A task waits for another one if it reads a file that the other writes, a file inside a directory that the other
//! writes, or a directory into which the other writes. A step that writes into a directory which it reads itself does
//! not count for that last rule (merged files often lie beside the files they were merged from). Steps with a place in a
//! fixed order of stages wait only for steps of earlier places.
//!
//! Names are looked up in a sorted index, so the work grows with the number of files and not with its square.

use crate::model::{OutputKind, Production};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

/// Number of a task among all tasks of a production, step by step.
pub type TaskIndex = usize;

/// The graph of a production.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Number of the first task of each step, and the number of all tasks at the end.
    pub first_task: Vec<TaskIndex>,
    /// Names that are waited for: each is complete when all its tasks are done.
    pub gates: Vec<Gate>,
    /// For each task the gates that must be complete.
    pub task_gates: Vec<Vec<usize>>,
    /// For each step the steps that it waits for, ascending.
    pub depends_on: Vec<Vec<usize>>,
    /// Inputs that no step writes: task and path.
    pub external: Vec<(TaskIndex, PathBuf)>,
    /// Outputs that several tasks write.
    pub duplicates: Vec<Duplicate>,
    /// Steps that wait for each other.
    pub cycles: Vec<Cycle>,
    /// Ids in `after` that are no steps: step and id.
    pub unknown_after: Vec<(usize, String)>,
}

/// A name that tasks read, and the tasks that write it.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The name as it is read; empty for steps that come first without a file.
    pub path: PathBuf,
    /// The tasks that write it.
    pub tasks: Vec<TaskIndex>,
}

/// An output that several tasks write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its name.
    pub path: PathBuf,
    /// The steps, in order; the same one twice if two of its tasks write it.
    pub steps: Vec<usize>,
    /// Whether all of them write files of their own choice into it as a directory, which is often meant so.
    pub directory: bool,
}

/// Steps that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The steps in the order of waiting: each waits for the next, the last for the first.
    pub steps: Vec<usize>,
    /// For each of them what it reads from the next; empty if it waits without a file.
    pub files: Vec<PathBuf>,
}

/// A path without `.`, `..` and doubled slashes, absolute if `base` is.
pub fn normal(base: &Path, path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            // above the root is the root
            Component::ParentDir if out.has_root() => {}
            other => out.push(other),
        }
    }
    out
}

/// A path as the index knows it: without needless parts, and with the separator before every other byte, so that what
/// lies in a directory follows it directly.
fn key(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let tidy = !bytes.ends_with(b"/") && !contains(bytes, b"//") && !contains(bytes, b"/.") && !bytes.starts_with(b".");
    let mut key = if tidy { bytes.to_vec() } else { normal(Path::new(""), path).into_os_string().into_vec() };
    key.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = 0);
    key
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn path_of(mut key: Vec<u8>) -> PathBuf {
    key.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'/');
    OsString::from_vec(key).into()
}

/// An output name with those who write it.
struct Written {
    key: Vec<u8>,
    tasks: Vec<TaskIndex>,
    directory: bool,
}

impl Graph {
    /// The graph of a production.
    pub fn new(production: &Production) -> Self {
        let mut graph = Self::default();
        let mut step_of = Vec::new();
        for (index, step) in production.steps.iter().enumerate() {
            graph.first_task.push(step_of.len());
            step_of.resize(step_of.len() + step.tasks.len(), index);
        }
        graph.first_task.push(step_of.len());
        let written = written(production);
        graph.duplicates = duplicates(&written, &step_of);
        let by_key: HashMap<&[u8], usize> =
            written.iter().enumerate().map(|(index, output)| (output.key.as_slice(), index)).collect();
        graph.connect(production, &written, &by_key, &step_of);
        graph.add_after(production);
        graph.collect_steps(&step_of);
        graph.cycles = crate::cycles::cycles(&graph, &step_of);
        graph
    }

    /// The step that a task belongs to.
    pub fn step_of(&self, task: TaskIndex) -> usize {
        self.first_task.partition_point(|&first| first <= task).saturating_sub(1)
    }

    /// Number of pairs of steps of which one waits for the other.
    pub fn edges(&self) -> usize {
        self.depends_on.iter().map(Vec::len).sum()
    }

    fn connect(
        &mut self,
        production: &Production,
        written: &[Written],
        by_key: &HashMap<&[u8], usize>,
        step_of: &[usize],
    ) {
        // which steps read a directory that others write into, to leave out those that do both
        let mut gates: HashMap<(Vec<u8>, Option<u32>), Option<usize>> = HashMap::new();
        let mut readers: HashMap<Vec<u8>, BTreeSet<usize>> = HashMap::new();
        let inner = |name: &[u8]| {
            let mut start = name.to_vec();
            start.push(0);
            let first = written.partition_point(|output| output.key < start);
            let rest = written.get(first..).unwrap_or_default();
            first..first + rest.partition_point(|output| output.key.starts_with(&start))
        };
        for (step_index, step) in production.steps.iter().enumerate() {
            for input in step.tasks.iter().flat_map(|task| &task.inputs) {
                let name = key(input);
                if !inner(&name).is_empty() {
                    readers.entry(name).or_default().insert(step_index);
                }
            }
        }
        let phases: Vec<Option<u32>> = production.steps.iter().map(|step| step.phase).collect();
        let phase_of = |task: TaskIndex| step_of.get(task).and_then(|step| phases.get(*step).copied().flatten());
        let mut task_index = 0;
        for step in &production.steps {
            let earlier = |task: TaskIndex| match (step.phase, phase_of(task)) {
                (Some(own), Some(other)) => other < own,
                _ => true,
            };
            for task in &step.tasks {
                let mut own = Vec::with_capacity(task.inputs.len());
                for input in &task.inputs {
                    let name = key(input);
                    let gate = *gates.entry((name.clone(), step.phase)).or_insert_with(|| {
                        let mut tasks = Vec::new();
                        // the name itself and the directories above it
                        let mut end = Some(name.len());
                        // a file that is written by its name is not looked for in the directories above it
                        let is_file = by_key.get(name.as_slice()).and_then(|&index| written.get(index));
                        let is_file = is_file.is_some_and(|output| !output.directory);
                        while let Some(part) = end.and_then(|end| name.get(..end)) {
                            let output = by_key.get(part).and_then(|&index| written.get(index));
                            let holds = |output: &&Written| part.len() == name.len() || output.directory;
                            tasks.extend(output.filter(holds).into_iter().flat_map(|output| &output.tasks));
                            end = part.iter().rposition(|&byte| byte == 0).filter(|&end| end > 0 && !is_file);
                        }
                        let both = readers.get(&name).filter(|_| step.phase.is_none());
                        for output in written.get(inner(&name)).unwrap_or_default() {
                            let outside = |task: &&TaskIndex| {
                                step_of.get(**task).is_some_and(|step| !both.is_some_and(|both| both.contains(step)))
                            };
                            tasks.extend(output.tasks.iter().filter(outside));
                        }
                        tasks.retain(|&task| earlier(task));
                        tasks.sort_unstable();
                        tasks.dedup();
                        (!tasks.is_empty()).then(|| {
                            self.gates.push(Gate { path: input.clone(), tasks });
                            self.gates.len() - 1
                        })
                    });
                    match gate {
                        Some(gate) => own.push(gate),
                        None => self.external.push((task_index, input.clone())),
                    }
                }
                own.sort_unstable();
                own.dedup();
                self.task_gates.push(own);
                task_index += 1;
            }
        }
    }

    fn add_after(&mut self, production: &Production) {
        let by_id: HashMap<&str, usize> =
            production.steps.iter().enumerate().map(|(index, step)| (step.id.as_str(), index)).collect();
        let mut gates: HashMap<usize, usize> = HashMap::new();
        for (index, step) in production.steps.iter().enumerate() {
            for id in &step.after {
                let Some(&before) = by_id.get(id.as_str()) else {
                    self.unknown_after.push((index, id.clone()));
                    continue;
                };
                let gate = *gates.entry(before).or_insert_with(|| {
                    self.gates.push(Gate { path: PathBuf::new(), tasks: self.tasks(before).collect() });
                    self.gates.len() - 1
                });
                for task in self.tasks(index) {
                    if let Some(own) = self.task_gates.get_mut(task) {
                        own.push(gate);
                    }
                }
            }
        }
    }

    /// Numbers of the tasks of a step.
    pub fn tasks(&self, step: usize) -> std::ops::Range<TaskIndex> {
        let at = |index: usize| self.first_task.get(index).copied().unwrap_or_default();
        at(step)..at(step + 1)
    }

    fn collect_steps(&mut self, step_of: &[usize]) {
        let gate_steps: Vec<Vec<usize>> = self
            .gates
            .iter()
            .map(|gate| {
                let mut steps: Vec<usize> = gate.tasks.iter().filter_map(|task| step_of.get(*task).copied()).collect();
                steps.dedup();
                steps
            })
            .collect();
        for step in 0..self.first_task.len().saturating_sub(1) {
            let mut gates: Vec<usize> =
                self.tasks(step).filter_map(|task| self.task_gates.get(task)).flatten().copied().collect();
            gates.sort_unstable();
            gates.dedup();
            let mut before: Vec<usize> =
                gates.iter().filter_map(|gate| gate_steps.get(*gate)).flatten().copied().collect();
            before.sort_unstable();
            before.dedup();
            // a step whose tasks read what other tasks of it write is found as a cycle of one
            before.retain(|&other| other != step || self.waits_for_itself(step));
            self.depends_on.push(before);
        }
    }

    /// Whether a task of the step reads what a task of the step writes (not merely into the same directory).
    fn waits_for_itself(&self, step: usize) -> bool {
        let tasks = self.tasks(step);
        tasks.clone().any(|task| {
            let gates = self.task_gates.get(task).into_iter().flatten().filter_map(|gate| self.gates.get(*gate));
            gates.into_iter().any(|gate| gate.tasks.iter().any(|other| tasks.contains(other)))
        })
    }
}

fn written(production: &Production) -> Vec<Written> {
    let mut all: Vec<(Vec<u8>, TaskIndex, bool)> = Vec::new();
    for (task_index, task) in production.steps.iter().flat_map(|step| &step.tasks).enumerate() {
        all.extend(task.outputs.iter().map(|out| (key(&out.path), task_index, out.kind == OutputKind::Directory)));
    }
    all.sort_unstable();
    let mut written: Vec<Written> = Vec::with_capacity(all.len());
    for (key, task, directory) in all {
        match written.last_mut().filter(|last| last.key == key) {
            Some(last) => {
                last.tasks.push(task);
                last.directory &= directory;
            }
            None => written.push(Written { key, tasks: vec![task], directory }),
        }
    }
    written
}

fn duplicates(written: &[Written], step_of: &[usize]) -> Vec<Duplicate> {
    let several = written.iter().filter(|output| output.tasks.len() > 1);
    several
        .filter_map(|output| {
            let mut steps: Vec<usize> = output.tasks.iter().filter_map(|task| step_of.get(*task).copied()).collect();
            if output.directory {
                // the tasks of one step may share a directory
                steps.dedup();
            }
            let found = Duplicate { path: path_of(output.key.clone()), steps, directory: output.directory };
            (found.steps.len() > 1).then_some(found)
        })
        .collect()
}
