//! Submitting what can run.

use super::end::without_result;
use super::{Engine, fresh};
use crate::error::{ProductionError, Result};
use crate::executors::{Ending, StepSubmission};
use crate::journal::Event;
use crate::model::Resources;
use crate::task::run::now;
use crate::task::{Outcome, TaskResult, TaskSpec};
use recoil_stage::progress::Level;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Engine<'_> {
    /// Whether the batch system was found to take nothing a short while ago.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some_and(|(until, _)| Instant::now() < until)
    }

    /// Submits tasks that can run, as far as the limits allow.
    pub(super) fn submit_ready(&mut self) -> Result<()> {
        let room = match (self.able.slots, self.options.jobs.filter(|_| !self.able.limits)) {
            (Some(slots), Some(jobs)) => slots.min(jobs),
            (one, other) => one.or(other).unwrap_or(usize::MAX),
        };
        let mut free = room.saturating_sub(self.flights.len());
        let mut chosen: Vec<(usize, Vec<usize>)> = Vec::new();
        for (&step_index, tasks) in &self.ready {
            if free == 0 {
                break;
            }
            let Some(step) = self.plan.production.steps.get(step_index) else { continue };
            let running = self.running.get(step_index).copied().unwrap_or_default();
            // one call for the whole step: not before all of it can run
            let left = self.left.get(step_index).copied().unwrap_or_default();
            if self.able.arrays && tasks.len() + running < left {
                continue;
            }
            let limit = step.concurrent.filter(|_| !self.able.limits);
            let own = limit.map_or(free, |limit| limit.saturating_sub(running).min(free));
            let tasks: Vec<usize> = tasks.iter().copied().take(own).collect();
            free -= tasks.len();
            if !tasks.is_empty() {
                chosen.push((step_index, tasks));
            }
        }
        for (step, tasks) in chosen {
            if self.is_held() {
                break;
            }
            self.submit_step(step, &tasks)?;
        }
        Ok(())
    }

    fn submit_step(&mut self, index: usize, tasks: &[usize]) -> Result<()> {
        let Some(step) = self.plan.production.steps.get(index) else { return Ok(()) };
        let start = self.plan.graph.tasks(index).start;
        // tasks of different tries or sizes are different submissions
        let mut groups: BTreeMap<(u32, Option<u64>, usize), Vec<usize>> = BTreeMap::new();
        for task in tasks {
            let attempt = self.memory.task(&step.id, task - start).map_or(1, |own| own.attempt + 1);
            let memory = self.memory_of(index, task - start);
            let part = self.able.array_limit.map_or(0, |limit| (task - start) / limit.max(1));
            let group = groups.entry((attempt, memory, part)).or_default();
            group.push(task - start);
        }
        if self.able.arrays {
            fresh::write_specs(self.plan, self.state, index, self.options.hash_inputs, &self.dropped)?;
        }
        for ((attempt, memory_bytes, _), numbers) in groups {
            let whole: Vec<Vec<usize>> =
                if self.able.arrays { vec![numbers] } else { numbers.into_iter().map(|number| vec![number]).collect() };
            for numbers in whole {
                if self.is_held() {
                    return Ok(());
                }
                self.submit_group(index, numbers, attempt, memory_bytes)?;
            }
        }
        Ok(())
    }

    fn submit_group(
        &mut self,
        index: usize,
        numbers: Vec<usize>,
        attempt: u32,
        memory_bytes: Option<u64>,
    ) -> Result<()> {
        let Some(step) = self.plan.production.steps.get(index) else { return Ok(()) };
        self.submissions += 1;
        let short: String = step.id.chars().take(60).collect();
        let token = format!("{short}.{attempt}.{}.{:x}.{}", std::process::id(), (now() * 1e3) as u64, self.submissions);
        let specs = if self.able.arrays {
            Vec::new()
        } else {
            numbers.iter().filter_map(|number| self.spec(index, *number)).map(Arc::new).collect()
        };
        // arrays of one step share its limit
        let arrays = self.able.array_limit.map_or(1, |limit| step.tasks.len().div_ceil(limit.max(1)).max(1));
        let limit = match (step.concurrent.map(|own| (own / arrays).max(1)), self.options.jobs) {
            (Some(own), Some(all)) => Some(own.min(all)),
            (own, all) => own.or(all),
        };
        let mut runner = self.options.runner.clone();
        runner.extend(["--dir".into(), self.state.path().into(), "--step".into(), step.id.clone().into()]);
        runner.extend(["--attempt".into(), attempt.to_string().into()]);
        let submission = StepSubmission {
            production: self.plan.production.name.clone(),
            step: step.id.clone(),
            tasks: numbers.clone(),
            attempt,
            token: token.clone(),
            runner,
            resources: Resources { memory_bytes, ..step.resources.clone() },
            concurrent: limit,
            scheduler: step.scheduler.clone(),
            environment: step.environment.clone(),
            scripts: self.state.scripts(),
            directory: fresh::directory(&self.plan.production),
            specs,
        };
        let (step_id, tasks) = (step.id.clone(), numbers.clone());
        let event = Event::Submit { time: now(), step: step_id, tasks, attempt, token: token.clone(), memory_bytes };
        self.journal.add(std::slice::from_ref(&event))?;
        if self.able.arrays {
            // a reply that is lost with this machine must not lead to a second job
            self.journal.flush()?;
        }
        self.memory.apply(event);
        let job = match self.executor.submit(&submission) {
            Ok(job) => job,
            Err(error @ ProductionError::Refused { .. }) => {
                return self.refused(index, &submission, &error.to_string());
            }
            Err(error @ ProductionError::Busy { .. }) => {
                self.hold(&error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.held = None;
        if self.able.arrays {
            let event = Event::Job { token, job: job.0.clone() };
            self.journal.add(std::slice::from_ref(&event))?;
            self.memory.apply(event);
        }
        let start = self.plan.graph.tasks(index).start;
        for number in numbers {
            self.leave_ready(start + number);
            self.watch(job.clone(), &submission.step, index, number, start + number, attempt);
        }
        Ok(())
    }

    /// The batch system does not want tasks: they have failed.
    fn refused(&mut self, index: usize, given: &StepSubmission, words: &str) -> Result<()> {
        let start = self.plan.graph.tasks(index).start;
        let end = |task: &usize| {
            let ending = Ending::Other(words.to_string());
            (start + task, without_result(&given.step, *task, given.attempt, ending))
        };
        let ended: Vec<(usize, TaskResult)> = given.tasks.iter().map(end).collect();
        self.held = None;
        ended.iter().for_each(|(task, _)| self.leave_ready(*task));
        self.note_ends(ended).map(|_| ())
    }

    /// The batch system takes nothing for a while.
    fn hold(&mut self, words: &str) {
        const FIRST: Duration = Duration::from_secs(2);
        const LAST: Duration = Duration::from_secs(60);
        let wait = self.held.map_or(FIRST, |(_, wait)| (wait * 2).min(LAST));
        if self.held.is_none() {
            self.options.observer.message(Level::Warning, &format!("{words}; trying again until it does"));
        }
        self.held = Some((Instant::now() + wait, wait));
    }

    /// Memory for the next try: that of the last one, raised if that was not enough.
    fn memory_of(&self, index: usize, number: usize) -> Option<u64> {
        let step = self.plan.production.steps.get(index)?;
        let base = step.resources.memory_bytes?;
        let Some(own) = self.memory.task(&step.id, number) else { return Some(base) };
        let last = own.memory_bytes.unwrap_or(base).max(base);
        let short = own.last.as_ref().is_some_and(|last| last.outcome == Outcome::OutOfMemory);
        let next = if short { (last as f64 * self.options.memory_factor) as u64 } else { last };
        Some(self.options.memory_cap.map_or(next, |cap| next.min(cap.max(base))))
    }

    fn spec(&self, index: usize, number: usize) -> Option<TaskSpec> {
        fresh::spec(&self.plan.production, index, number, self.options.hash_inputs, &self.dropped)
    }
}
