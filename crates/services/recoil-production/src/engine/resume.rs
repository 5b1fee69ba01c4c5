//! Taking up what an earlier manager left.

use super::fresh::{Accepted, is_cancelled, tries_left};
use super::{Engine, Flight, Status};
use crate::error::{ProductionError, Result};
use crate::executors::{Executor, JobId, Watched};
use crate::journal::{Event, Journal, Memory, TaskStatus};
use crate::plan::Plan;
use crate::state::StateDir;
use crate::task::run::{now, read_result, stop_orphans};
use crate::task::{Outcome, TaskResult};
use std::collections::{HashMap, HashSet};

/// Tasks that were submitted and whose end is not in the journal: their results are read, their jobs looked for. Those
/// of which nothing is left are lost.
pub(super) fn settle(
    memory: &mut Memory,
    journal: &mut Journal,
    state: &StateDir,
    executor: &mut dyn Executor,
) -> Result<()> {
    let mut open: Vec<(String, usize, u32, String)> = Vec::new();
    for (step, tasks) in &memory.steps {
        let submitted = tasks.iter().filter(|(_, own)| own.status == TaskStatus::Submitted);
        open.extend(submitted.map(|(task, own)| (step.clone(), *task, own.attempt, own.token.clone())));
    }
    open.sort();
    let same_place = memory.executor.as_deref() == Some(executor.name());
    let mut asked: HashMap<String, bool> = HashMap::new();
    let mut events = Vec::new();
    for (step, task, attempt, token) in open {
        let batch = executor.capabilities().arrays;
        // the batch system knows why it stopped a task
        let asks = batch && same_place && memory.jobs.contains_key(&token);
        let result = read_result(state, &step, task, attempt);
        if let Some(result) = result.filter(|result| !asks || result.outcome != Outcome::Cancelled) {
            events.push(Event::End { result: Box::new(result) });
            continue;
        }
        if executor.find_task(&step, task, attempt)?.is_some() {
            continue;
        }
        let batch = executor.capabilities().arrays;
        if !same_place && memory.executor.as_deref() != Some("local") {
            let place = memory.executor.clone().unwrap_or_default();
            return Err(ProductionError::Usage(format!(
                "task {task} of step {step} was given to {place} and has not ended; continue there (--executor {place}) \
                 or cancel it first"
            )));
        }
        if batch && same_place {
            let known = match (memory.jobs.contains_key(&token), asked.get(&token)) {
                (true, _) => true,
                (_, Some(known)) => *known,
                _ => {
                    let job = executor.find(&token)?;
                    asked.insert(token.clone(), job.is_some());
                    if let Some(JobId(job)) = &job {
                        let event = Event::Job { token: token.clone(), job: job.clone() };
                        memory.apply(event.clone());
                        events.push(event);
                    }
                    job.is_some()
                }
            };
            if known {
                continue;
            }
        }
        stop_orphans(state, &step, task, attempt);
        let message = "its task runner is gone and left no result".to_string();
        let result = TaskResult::without_file(&step, task, attempt, Outcome::Lost, message);
        events.push(Event::End { result: Box::new(result) });
    }
    journal.add(&events)?;
    events.into_iter().for_each(|event| memory.apply(event));
    Ok(())
}

/// A new run after one that ended in order tries everything that failed again from the beginning, but for failures that
/// were accepted.
pub(super) fn forgive(plan: &Plan, memory: &Memory) -> Vec<Event> {
    if memory.finished.is_none() {
        return Vec::new();
    }
    let accepted = Accepted::of(plan, memory);
    let settled: HashSet<&str> = accepted
        .tasks
        .iter()
        .filter_map(|task| plan.production.steps.get(plan.graph.step_of(*task)))
        .map(|step| step.id.as_str())
        .collect();
    let mut steps: Vec<(String, Vec<usize>)> = Vec::new();
    for (step, tasks) in memory.steps.iter().filter(|(step, _)| !settled.contains(step.as_str())) {
        let failed = tasks.iter().filter(|(_, own)| own.failures > 0 || own.lost > 0);
        let mut failed: Vec<usize> = failed.map(|(task, _)| *task).collect();
        failed.sort_unstable();
        if !failed.is_empty() {
            steps.push((step.clone(), failed));
        }
    }
    steps.sort();
    steps.into_iter().map(|(step, tasks)| Event::Reset { time: now(), step, tasks }).collect()
}

impl Engine<'_> {
    /// Watches over tasks that are still with the batch system.
    pub(super) fn adopt(&mut self) -> Result<()> {
        for (index, step) in self.plan.production.steps.iter().enumerate() {
            for (number, task) in self.plan.graph.tasks(index).enumerate() {
                let Some(own) = self.memory.task(&step.id, number) else { continue };
                if own.status != TaskStatus::Submitted || self.status.get(task) == Some(&Status::Done) {
                    continue;
                }
                let attempt = own.attempt;
                let known = self.memory.jobs.get(&own.token).map(|job| JobId(job.clone()));
                if let Some(job) = self.executor.find_task(&step.id, number, attempt)?.or(known) {
                    self.leave_ready(task);
                    self.watch(job, &step.id, index, number, task, attempt);
                }
            }
        }
        Ok(())
    }

    /// Tasks that failed for good in a run that was not ended stay failed: its end comes first.
    pub(super) fn keep_failed(&mut self) {
        for (index, step) in self.plan.production.steps.iter().enumerate() {
            for (number, task) in self.plan.graph.tasks(index).enumerate() {
                let Some(own) = self.memory.task(&step.id, number) else { continue };
                let open = !matches!(self.status.get(task), Some(Status::Done | Status::Failed));
                if own.status == TaskStatus::Failed
                    && open
                    && !is_cancelled(own)
                    && !tries_left(step, own, self.options.memory_cap)
                {
                    let told = own.last.as_ref().map(|last| last.message.clone()).unwrap_or_default();
                    self.leave_ready(task);
                    self.fail(task, format!("{}.{number}: {told}", step.id));
                }
            }
        }
    }

    pub(super) fn watch(&mut self, job: JobId, step: &str, index: usize, number: usize, task: usize, attempt: u32) {
        self.set(task, Status::InFlight);
        self.running.get_mut(index).into_iter().for_each(|count| *count += 1);
        self.flights.insert((job.clone(), number), Flight { task, attempt, gone: None });
        let token = self.memory.task(step, number).map(|own| own.token.clone()).unwrap_or_default();
        let fresh = || Watched { job: job.clone(), token, step: step.into(), attempt, tasks: Vec::new() };
        self.watched.entry(job.clone()).or_insert_with(fresh).tasks.push(number);
    }
}
