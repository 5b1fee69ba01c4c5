//! What is done to a production from outside of its manager.

use super::take_lock;
use crate::error::{ProductionError, Result};
use crate::executors::{Executor, JobId, Watched};
use crate::journal::{Event, Journal, Memory, TaskStatus};
use crate::state::StateDir;
use crate::status::is_running;
use crate::task::run::{host, now, read_result, stop_orphans};
use crate::task::{Outcome, TaskResult};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Makes failed tasks count as never tried; returns how many.
///
/// # Errors
/// When a manager runs the production, or the journal cannot be written.
pub fn reset_failed(state: &StateDir) -> Result<usize> {
    state.create()?;
    let _lock = take_lock(state)?;
    let memory = Memory::read(state)?;
    let mut events = Vec::new();
    let mut count = 0;
    for (step, tasks) in memory.steps.iter().collect::<BTreeMap<_, _>>() {
        let failed = tasks.iter().filter(|(_, own)| own.status == TaskStatus::Failed);
        let mut tasks: Vec<usize> = failed.map(|(task, _)| *task).collect();
        tasks.sort_unstable();
        count += tasks.len();
        if !tasks.is_empty() {
            events.push(Event::Reset { time: now(), step: step.clone(), tasks });
        }
    }
    let mut journal = Journal::open(&state.journal())?;
    journal.add(&events)?;
    journal.flush()?;
    Ok(count)
}

/// Ends the manager if there is one, and cancels all tasks that have not ended; returns how many.
///
/// # Errors
/// When the manager is on another machine or does not end, or the batch system refuses.
pub fn cancel_all(state: &StateDir, executor: impl FnOnce(&str) -> Result<Box<dyn Executor>>) -> Result<usize> {
    stop_manager(state)?;
    let _lock = take_lock(state)?;
    let memory = Memory::read(state)?;
    let mut open: Vec<(String, usize, u32)> = Vec::new();
    // tasks that were submitted together, by the token of their submission
    let mut submissions: BTreeMap<&str, Watched> = BTreeMap::new();
    for (step, tasks) in memory.steps.iter().collect::<BTreeMap<_, _>>() {
        for (&task, own) in tasks.iter().filter(|(_, own)| own.status == TaskStatus::Submitted) {
            open.push((step.clone(), task, own.attempt));
            let fresh = || Watched {
                job: JobId(memory.jobs.get(&own.token).cloned().unwrap_or_default()),
                token: own.token.clone(),
                step: step.clone(),
                attempt: own.attempt,
                tasks: Vec::new(),
            };
            submissions.entry(&own.token).or_insert_with(fresh).tasks.push(task);
        }
    }
    let name = memory.executor.clone().unwrap_or_default();
    if !open.is_empty() && name != "local" {
        let mut executor = executor(&name)?;
        let mut jobs = Vec::new();
        for mut own in submissions.into_values() {
            own.tasks.sort_unstable();
            // a submission whose reply was lost: its job is found, or made void
            if own.job.0.is_empty() {
                let Some(job) = executor.find(&own.token)? else { continue };
                own.job = job;
            }
            jobs.push(own);
        }
        executor.cancel(&jobs)?;
    }
    let mut events = Vec::new();
    for (step, task, attempt) in &open {
        let result = match read_result(state, step, *task, *attempt) {
            Some(result) => result,
            None => {
                stop_orphans(state, step, *task, *attempt);
                TaskResult::without_file(step, *task, *attempt, Outcome::Cancelled, "cancelled".into())
            }
        };
        events.push(Event::End { result: Box::new(result) });
    }
    let mut journal = Journal::open(&state.journal())?;
    journal.add(&events)?;
    journal.flush()?;
    Ok(open.len())
}

fn stop_manager(state: &StateDir) -> Result<()> {
    if !is_running(state) {
        return Ok(());
    }
    let path = state.lock();
    let text = std::fs::read_to_string(&path).map_err(ProductionError::file("read", &path))?;
    let mut words = text.split_whitespace().skip(1).step_by(2);
    let (machine, process) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if machine != host() {
        return Err(ProductionError::Usage(format!("the manager runs on {machine}; cancel there")));
    }
    if let Some(pid) = process.parse().ok().and_then(Pid::from_raw) {
        // gone already is as good
        let _ = kill_process(pid, Signal::TERM);
    }
    let since = Instant::now();
    while is_running(state) {
        if since.elapsed() > Duration::from_secs(40) {
            return Err(ProductionError::Usage(format!("the manager (process {process}) does not end")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
