//! What follows when tasks end.

use super::fresh::{is_enough, tries_left};
use super::{Engine, Status};
use crate::error::Result;
use crate::executors::{Ending, TaskReport, TaskState};
use crate::journal::Event;
use crate::task::run::{read_result, stop_orphans};
use crate::task::{Outcome, TaskResult};
use recoil_stage::progress::Level;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Failures that are told one by one.
const TOLD: usize = 20;
/// How long a result file may take to become visible on a shared file system: one that may be there, and one that must.
const GRACE: Duration = Duration::from_secs(10);
const LONG_GRACE: Duration = Duration::from_secs(90);

impl Engine<'_> {
    /// Takes news from the executor; returns how many tasks have ended for good.
    pub(super) fn take_news(&mut self, news: Vec<TaskReport>) -> Result<u64> {
        let mut results: HashMap<(String, usize), TaskResult> =
            self.executor.results().into_iter().map(|result| ((result.step.clone(), result.task), result)).collect();
        let mut ended: Vec<(usize, TaskResult)> = Vec::new();
        for report in news {
            let key = (report.job.clone(), report.task);
            let Some(flight) = self.flights.get_mut(&key) else { continue };
            let TaskState::Ended(ending) = report.state else {
                flight.gone = None;
                continue;
            };
            let (task, attempt) = (flight.task, flight.attempt);
            let index = self.plan.graph.step_of(task);
            let Some(step) = self.plan.production.steps.get(index) else { continue };
            let own = results.remove(&(step.id.clone(), report.task));
            let result = match own.or_else(|| read_result(self.state, &step.id, report.task, attempt)) {
                // the batch system knows better than the task runner why it stopped it
                Some(result) if result.outcome == Outcome::Cancelled && explains(&ending) => {
                    without_result(&step.id, report.task, attempt, ending)
                }
                Some(result) => result,
                None => {
                    let grace = match ending {
                        Ending::Exited | Ending::Vanished if self.able.arrays => GRACE,
                        Ending::Succeeded if self.able.arrays => LONG_GRACE,
                        _ => Duration::ZERO,
                    };
                    if flight.gone.get_or_insert_with(Instant::now).elapsed() < grace {
                        continue;
                    }
                    stop_orphans(self.state, &step.id, report.task, attempt);
                    without_result(&step.id, report.task, attempt, ending)
                }
            };
            self.flights.remove(&key);
            if let Some(watched) = self.watched.get_mut(&report.job) {
                watched.tasks.retain(|number| *number != report.task);
                if watched.tasks.is_empty() {
                    self.watched.remove(&report.job);
                }
            }
            self.running.get_mut(index).into_iter().for_each(|count| *count -= 1);
            ended.push((task, result));
        }
        self.note_ends(ended)
    }

    /// Notes the ends of tasks and does what follows; returns how many are final.
    pub(super) fn note_ends(&mut self, ended: Vec<(usize, TaskResult)>) -> Result<u64> {
        let events: Vec<Event> =
            ended.iter().map(|(_, result)| Event::End { result: Box::new(result.clone()) }).collect();
        self.journal.add(&events)?;
        events.into_iter().for_each(|event| self.memory.apply(event));
        let mut over = 0;
        for (task, result) in ended {
            over += u64::from(self.after(task, &result));
        }
        Ok(over)
    }

    /// What follows from one end; whether it is final.
    fn after(&mut self, task: usize, result: &TaskResult) -> bool {
        let Some((index, step, number)) = self.step(task) else { return true };
        if result.outcome == Outcome::Done {
            self.summary.done += 1;
            self.complete(task, Status::Done);
            self.check_step(index);
            return true;
        }
        let name = if step.tasks.len() == 1 { step.id.clone() } else { format!("{}.{number}", step.id) };
        let told = format!("{name}: {}", result.message);
        let known = self.memory.task(&step.id, number);
        let again = known.is_some_and(|own| tries_left(step, own, self.options.memory_cap));
        if again {
            self.options.observer.message(Level::Detail, &format!("{told}; trying again"));
            self.set(task, Status::Waiting);
            self.make_ready(task);
            return false;
        }
        match self.summary.failed.len() {
            ..TOLD => self.options.observer.message(Level::Warning, &told),
            TOLD => {
                self.options.observer.message(Level::Warning, "there are more failures: see `recoil production status`")
            }
            _ => {}
        }
        self.fail(task, told);
        true
    }

    /// A task failed for good.
    pub(super) fn fail(&mut self, task: usize, told: String) {
        let Some((index, step, _)) = self.step(task) else { return };
        self.set(task, Status::Failed);
        self.left.get_mut(index).into_iter().for_each(|left| *left -= 1);
        self.failed.get_mut(index).into_iter().for_each(|failed| *failed += 1);
        self.summary.failed.push(told);
        let failed = self.failed.get(index).copied().unwrap_or_default();
        if !is_enough(step, step.tasks.len() - failed) && !self.options.keep_going {
            self.stopping = true;
        }
        self.check_step(index);
    }

    /// When all tasks of a step have ended and enough of them well, what waits for the others need not wait any longer.
    fn check_step(&mut self, index: usize) {
        let (Some(step), Some(0)) = (self.plan.production.steps.get(index), self.left.get(index)) else { return };
        let failed = self.failed.get(index).copied().unwrap_or_default();
        if failed == 0 || !is_enough(step, step.tasks.len() - failed) {
            return;
        }
        for (number, task) in self.plan.graph.tasks(index).enumerate() {
            if self.status.get(task) == Some(&Status::Failed) {
                let outputs = step.tasks.get(number).into_iter().flat_map(|task| &task.outputs);
                self.dropped.extend(outputs.map(|output| output.path.clone()));
                self.complete(task, Status::Failed);
            }
        }
        let name =
            |told: &String| told.split(':').next() == Some(&step.id) || told.starts_with(&format!("{}.", step.id));
        let before = self.summary.failed.len();
        self.summary.failed.retain(|told| !name(told));
        self.summary.accepted += before - self.summary.failed.len();
    }
}

/// Whether an end is the batch system's doing.
fn explains(ending: &Ending) -> bool {
    matches!(ending, Ending::OutOfMemory | Ending::TimeLimit | Ending::NodeFailure)
}

pub(super) fn without_result(step: &str, task: usize, attempt: u32, ending: Ending) -> TaskResult {
    let (outcome, message) = match ending {
        Ending::OutOfMemory => (Outcome::OutOfMemory, "stopped by the batch system for lack of memory".into()),
        Ending::TimeLimit => (Outcome::TimedOut, "stopped by the batch system at its time limit".into()),
        Ending::NodeFailure => (Outcome::Lost, "its machine or task runner failed".into()),
        Ending::Cancelled => (Outcome::Cancelled, "cancelled".into()),
        Ending::Exited | Ending::Succeeded => (Outcome::Lost, "its task runner ended without a result".into()),
        Ending::Vanished => (Outcome::Lost, "the batch system does not know it any more".into()),
        Ending::Other(words) => (Outcome::Failed, words),
    };
    TaskResult::without_file(step, task, attempt, outcome, message)
}
