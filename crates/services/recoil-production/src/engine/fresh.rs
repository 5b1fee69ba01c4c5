//! Which tasks are up to date, and why the others would run.

use crate::error::{ProductionError, Result};
use crate::graph::TaskIndex;
use crate::journal::{Memory, TaskMemory, TaskStatus};
use crate::key::key;
use crate::model::{Argument, OutputKind, Production, Step};
use crate::plan::{Plan, Reasons};
use crate::state::{StateDir, write_atomic};
use crate::task::{Outcome, TaskSpec};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Directory of a production's file, in which commands run.
pub fn directory(production: &Production) -> PathBuf {
    let source = std::path::absolute(&production.source).unwrap_or_else(|_| production.source.clone());
    source.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Failures that are settled: all tasks of their step have ended, and enough of them well.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// The failed tasks.
    pub tasks: HashSet<TaskIndex>,
    /// What they did not write.
    pub files: HashSet<PathBuf>,
}

impl Accepted {
    /// The settled failures of a production.
    pub fn of(plan: &Plan, memory: &Memory) -> Self {
        let mut accepted = Self::default();
        for (index, step) in plan.production.steps.iter().enumerate().filter(|(_, step)| step.acceptance < 1.0) {
            let known = || (0..step.tasks.len()).map(|task| memory.task(&step.id, task));
            let ended = known().flatten().filter(|own| match own.status {
                TaskStatus::Done => true,
                // what somebody cancelled is not over: the next run does it
                TaskStatus::Failed => !is_cancelled(own) && !tries_left(step, own, None),
                TaskStatus::Waiting | TaskStatus::Submitted => false,
            });
            let done = known().flatten().filter(|own| own.status == TaskStatus::Done).count();
            if ended.count() < step.tasks.len() || !is_enough(step, done) {
                continue;
            }
            for ((known, task), work) in known().zip(plan.graph.tasks(index)).zip(&step.tasks) {
                if known.is_some_and(|own| own.status == TaskStatus::Failed) {
                    accepted.tasks.insert(task);
                    accepted.files.extend(work.outputs.iter().map(|output| output.path.clone()));
                }
            }
        }
        accepted
    }
}

/// Whether the last try was cancelled.
pub(super) fn is_cancelled(own: &TaskMemory) -> bool {
    own.last.as_ref().is_some_and(|last| last.outcome == Outcome::Cancelled)
}

/// Whether so many successes are enough for a step.
pub(super) fn is_enough(step: &Step, done: usize) -> bool {
    done as f64 / step.tasks.len().max(1) as f64 + 1e-9 >= step.acceptance
}

/// Whether a task that did not succeed may be tried again. Tries without an answer do not count unless there are many,
/// and a lack of memory is met with more of it some times whatever `retries` says.
pub(super) fn tries_left(step: &Step, own: &TaskMemory, memory_cap: Option<u64>) -> bool {
    const LOST: u32 = 10;
    const MEMORY_RETRIES: u32 = 2;
    let growing = own.memory_bytes.is_some_and(|now| memory_cap.is_none_or(|cap| now < cap));
    match own.last.as_ref().map(|last| last.outcome) {
        None | Some(Outcome::Done) => true,
        Some(Outcome::Cancelled) => false,
        Some(Outcome::Lost) => own.lost <= LOST,
        Some(Outcome::OutOfMemory) if growing => own.failures <= step.retries.max(MEMORY_RETRIES),
        Some(Outcome::OutOfMemory | Outcome::Failed | Outcome::TimedOut) => own.failures <= step.retries,
    }
}

/// What the task runner is told about a task, without the files that failed tasks did not write.
pub fn spec(
    production: &Production,
    step: usize,
    task: usize,
    hash_inputs: bool,
    gone: &HashSet<PathBuf>,
) -> Option<TaskSpec> {
    let mut spec = whole_spec(production, step, task, hash_inputs)?;
    if !gone.is_empty() {
        let is_gone = |text: &String| gone.contains(Path::new(text));
        for command in &mut spec.work.commands {
            command.argv.retain(|word| !matches!(word, Argument::Text(text) if is_gone(text)));
        }
        spec.work.inputs.retain(|path| !gone.contains(path));
    }
    Some(spec)
}

/// Writes what the tasks of a step do, for task runners that a batch system starts.
///
/// # Errors
/// When it cannot be written.
pub fn write_specs(
    plan: &Plan,
    state: &StateDir,
    step: usize,
    hash_inputs: bool,
    gone: &HashSet<PathBuf>,
) -> Result<()> {
    let Some(own) = plan.production.steps.get(step) else { return Ok(()) };
    let path = state.step(&own.id);
    let mut text = Vec::new();
    for number in 0..own.tasks.len() {
        if let Some(spec) = spec(&plan.production, step, number, hash_inputs, gone) {
            serde_json::to_writer(&mut text, &spec)
                .map_err(|error| ProductionError::State { path: path.clone(), message: error.to_string() })?;
            text.push(b'\n');
        }
    }
    write_atomic(&path, &text, true)
}

fn whole_spec(production: &Production, step: usize, task: usize, hash_inputs: bool) -> Option<TaskSpec> {
    let step = production.steps.get(step)?;
    Some(TaskSpec {
        production: production.name.clone(),
        step: step.id.clone(),
        stage: step.stage.clone(),
        task,
        work: step.tasks.get(task)?.clone(),
        environment: step.environment.clone(),
        directory: directory(production),
        hash_inputs,
    })
}

/// For each task of a plan why it would run; nothing if it is up to date.
pub fn tasks(plan: &Plan, memory: &Memory, hash_inputs: bool) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new(); plan.graph.task_gates.len()];
    let accepted = Accepted::of(plan, memory);
    for step_index in plan.order() {
        let Some(step) = plan.production.steps.get(step_index) else { continue };
        for (number, index) in plan.graph.tasks(step_index).enumerate() {
            if accepted.tasks.contains(&index) {
                continue;
            }
            let gates = plan.graph.task_gates.get(index).into_iter().flatten();
            let before = gates.filter_map(|gate| plan.graph.gates.get(*gate)).flat_map(|gate| &gate.tasks);
            let waits = before.into_iter().find(|task| all.get(**task).is_some_and(|reasons| !reasons.is_empty()));
            let reasons = match waits {
                Some(&other) => {
                    let step = plan.production.steps.get(plan.graph.step_of(other));
                    let mut reasons = own_reason(memory.task(&step_id(plan, step_index), number));
                    reasons.push(format!("step {} runs before it", step.map_or("", |step| &step.id)));
                    reasons
                }
                None => {
                    let spec = spec(&plan.production, step_index, number, hash_inputs, &accepted.files);
                    spec.map(|spec| reasons(&spec, memory.task(&step.id, number))).unwrap_or_default()
                }
            };
            if let Some(own) = all.get_mut(index) {
                *own = reasons;
            }
        }
    }
    all
}

fn step_id(plan: &Plan, step: usize) -> String {
    plan.production.steps.get(step).map(|step| step.id.clone()).unwrap_or_default()
}

fn own_reason(memory: Option<&TaskMemory>) -> Vec<String> {
    match memory.map(|own| own.status) {
        None | Some(TaskStatus::Waiting) => vec!["it was not run before".into()],
        Some(TaskStatus::Submitted) => vec!["it was begun and has not ended".into()],
        Some(TaskStatus::Failed) => vec!["it failed".into()],
        Some(TaskStatus::Done) => Vec::new(),
    }
}

/// Why a task would run, apart from tasks before it.
pub fn reasons(spec: &TaskSpec, memory: Option<&TaskMemory>) -> Vec<String> {
    let mut found = own_reason(memory);
    let Some(memory) = memory.filter(|own| own.status == TaskStatus::Done) else { return found };
    for (path, bytes) in &memory.outputs {
        match std::fs::metadata(path) {
            Err(_) => found.push(format!("output {} is missing", path.display())),
            Ok(meta) if meta.len() != *bytes => found.push(format!("output {} has another size", path.display())),
            Ok(_) => {}
        }
    }
    for output in spec.work.outputs.iter().filter(|output| output.kind == OutputKind::Directory) {
        if !output.path.is_dir() {
            found.push(format!("output {} is missing", output.path.display()));
        }
    }
    match (&memory.key, key(spec)) {
        (Some(old), Ok(new)) => found.extend(old.differences(&new)),
        (None, _) => found.push("its key is unknown".into()),
        (_, Err(error)) => found.push(error.to_string()),
    }
    found
}

/// The reasons of tasks put together for each step.
pub fn by_step(plan: &Plan, tasks: &[Vec<String>]) -> Reasons {
    let one = |step: usize| {
        let own = tasks.get(plan.graph.tasks(step)).unwrap_or_default();
        let stale = own.iter().filter(|reasons| !reasons.is_empty()).count();
        let mut reasons: Vec<String> = Vec::new();
        for reason in own.iter().flatten() {
            if reasons.len() < 5 && !reasons.contains(reason) {
                reasons.push(reason.clone());
            }
        }
        if stale > 0 && stale < own.len() {
            reasons.insert(0, format!("{stale} of {} tasks", own.len()));
        }
        reasons
    };
    (0..plan.production.steps.len()).map(one).collect()
}
