//! Which tasks are up to date, and why the others would run.

use crate::journal::{Memory, TaskMemory, TaskStatus};
use crate::key::key;
use crate::model::{OutputKind, Production};
use crate::plan::{Plan, Reasons};
use crate::task::TaskSpec;
use std::path::{Path, PathBuf};

/// Directory of a production's file, in which commands run.
pub fn directory(production: &Production) -> PathBuf {
    std::path::absolute(production.source.parent().unwrap_or(Path::new(""))).unwrap_or_default()
}

/// What the task runner is told about a task.
pub fn spec(production: &Production, step: usize, task: usize, hash_inputs: bool) -> Option<TaskSpec> {
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
    for step_index in plan.order() {
        let Some(step) = plan.production.steps.get(step_index) else { continue };
        for (number, index) in plan.graph.tasks(step_index).enumerate() {
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
                    let spec = spec(&plan.production, step_index, number, hash_inputs);
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
