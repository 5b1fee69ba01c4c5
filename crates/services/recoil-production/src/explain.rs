//! Why a step runs, waits, failed or is done.

use crate::engine::fresh;
use crate::error::{ProductionError, Result};
use crate::journal::{Memory, TaskStatus};
use crate::plan::{Plan, command_lines, resources_text};
use crate::state::StateDir;
use crate::units::{memory_text, time_text};
use recoil_stage::config::did_you_mean;
use std::fmt::Write as _;

/// Splits `STEP` or `STEP.TASK`; the longest id that is a step wins.
///
/// # Errors
/// When there is no such step or task.
pub fn find(plan: &Plan, name: &str) -> Result<(usize, Option<usize>)> {
    let steps = &plan.production.steps;
    if let Some(step) = steps.iter().position(|step| step.id == name) {
        return Ok((step, None));
    }
    if let Some((id, task)) = name.rsplit_once('.') {
        let found = steps.iter().position(|step| step.id == id);
        if let (Some(step), Ok(task)) = (found, task.parse::<usize>()) {
            let count = steps.get(step).map_or(0, |step| step.tasks.len());
            return match task < count {
                true => Ok((step, Some(task))),
                false => Err(ProductionError::Usage(format!("step {id} has {count} tasks, numbered from 0"))),
            };
        }
    }
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let help = did_you_mean(name, &ids).map(|help| format!(" ({help})")).unwrap_or_default();
    Err(ProductionError::Usage(format!("there is no step '{name}'{help}")))
}

/// What is known of a step or one of its tasks, in prose.
///
/// # Errors
/// When there is no such step, or the journal cannot be read.
pub fn explain(plan: &Plan, state: &StateDir, name: &str, hash_inputs: bool) -> Result<String> {
    let (index, only) = find(plan, name)?;
    let memory = Memory::read(state)?;
    let reasons = fresh::tasks(plan, &memory, hash_inputs);
    let Some(step) = plan.production.steps.get(index) else { return Ok(String::new()) };
    let mut text = format!("{} [{}], {} tasks\n", step.id, step.stage, step.tasks.len());
    let needs = resources_text(&step.resources);
    if !needs.is_empty() {
        let _ = writeln!(text, "needs {needs}; {} retries", step.retries);
    }
    for other in plan.graph.depends_on.get(index).into_iter().flatten() {
        let Some(before) = plan.production.steps.get(*other) else { continue };
        let open =
            plan.graph.tasks(*other).filter(|task| reasons.get(*task).is_some_and(|own| !own.is_empty())).count();
        let word = if open == 0 { "is done".to_string() } else { format!("has {open} tasks to do: waits for it") };
        let _ = writeln!(text, "after {}, which {word}", before.id);
    }
    let mut shown = 0;
    for (number, task) in plan.graph.tasks(index).enumerate() {
        let own = reasons.get(task).map(Vec::as_slice).unwrap_or_default();
        let known = memory.task(&step.id, number);
        let wanted = match only {
            Some(only) => only == number,
            // of large arrays the first ones that are not done
            None => step.tasks.len() == 1 || !own.is_empty(),
        };
        if !wanted {
            continue;
        }
        shown += 1;
        if shown > 20 {
            let _ = writeln!(text, "... and more; ask for one as {}.N", step.id);
            break;
        }
        let _ = match own {
            [] => writeln!(text, "\ntask {number}: up to date"),
            own => writeln!(text, "\ntask {number} will run: {}", own.join("; ")),
        };
        if let Some(known) = known {
            let word = match known.status {
                TaskStatus::Waiting => "waits",
                TaskStatus::Submitted => "is with the executor",
                TaskStatus::Done => "succeeded",
                TaskStatus::Failed => "failed",
            };
            let _ = writeln!(text, "  try {} {word} ({} failures, {} lost)", known.attempt, known.failures, known.lost);
            if let Some(last) = &known.last {
                let _ = writeln!(
                    text,
                    "  last try on {}: {}, {} CPU, {} memory{}{}",
                    last.host,
                    time_text(last.duration().as_secs_f64()),
                    time_text(last.cpu_seconds),
                    memory_text(last.max_rss_bytes),
                    if last.message.is_empty() { "" } else { ": " },
                    last.message
                );
                let _ = writeln!(text, "  log {}", state.log(&step.id, number, last.attempt).display());
            }
        }
        for line in step.tasks.get(number).map(command_lines).unwrap_or_default() {
            let _ = writeln!(text, "  runs {line}");
        }
    }
    if shown == 0 {
        text.push_str("all tasks are up to date\n");
    }
    Ok(text)
}
