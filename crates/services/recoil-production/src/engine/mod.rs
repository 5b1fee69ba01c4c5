//! Running a production: releases tasks when what they read is there, watches them, tries them again, and stops in an
//! orderly way. Everything it knows is in the journal; it can be killed at any moment and continue.

mod control;
mod end;
pub mod fresh;
mod resume;
mod submit;

pub use control::{cancel_all, reset_failed};

use crate::error::{ProductionError, Result};
use crate::executors::{Capabilities, Executor, JobId, Watched};
use crate::journal::{Event, Journal, Memory, TaskStatus};
use crate::key::{PROGRAM, file_hash};
use crate::model::{OutputKind, Step};
use crate::plan::Plan;
use crate::state::{StateDir, write_atomic};
use crate::task::run::{host, now};
use recoil_stage::progress::{Level, Observer};
use recoil_stage::{Cancel, Progress};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How to run.
#[derive(Clone)]
pub struct Options {
    /// Whether steps that do not depend on a failed one go on.
    pub keep_going: bool,
    /// At most so many tasks at once.
    pub jobs: Option<usize>,
    /// Memory of the next try after a failure for lack of it, relative to that of the last.
    pub memory_factor: f64,
    /// Never ask for more memory than this, in bytes.
    pub memory_cap: Option<u64>,
    /// Whether tasks are cancelled when the manager is interrupted; otherwise they are left to end.
    pub cancel_on_interrupt: bool,
    /// Whether files that other programs made may be replaced.
    pub overwrite: bool,
    /// Whether inputs are told apart by their content.
    pub hash_inputs: bool,
    /// The command before `--dir`, such as `recoil production run-task`.
    pub runner: Vec<OsString>,
    /// The words as typed.
    pub argv: Vec<String>,
    /// Who is told about progress.
    pub observer: Arc<dyn Observer>,
}

/// What became of a production.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tasks that ran and succeeded.
    pub done: usize,
    /// Tasks that were up to date.
    pub up_to_date: usize,
    /// Tasks that failed for good, as `step.task: message`.
    pub failed: Vec<String>,
    /// Tasks that failed in steps that accept some failures.
    pub accepted: usize,
    /// Tasks that were not run because of failures or an interruption.
    pub left: usize,
    /// Whether someone interrupted.
    pub interrupted: bool,
}

/// Where a task stands in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Waiting,
    Ready,
    InFlight,
    Done,
    Failed,
}

/// A task that was submitted.
struct Flight {
    task: usize,
    attempt: u32,
    /// Since when the batch system says it is over although there is no result.
    gone: Option<Instant>,
}

/// The lock of a manager.
struct Lock(#[allow(dead_code, reason = "held, not read")] File);

fn take_lock(state: &StateDir) -> Result<Lock> {
    let path = state.lock();
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(ProductionError::file("write", &path))?;
    // a program that a killed manager was about to start holds its lock for a moment longer
    let since = Instant::now();
    while file.try_lock().is_err() {
        if since.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        return Err(ProductionError::Usage(format!(
            "another manager runs this production ({}); its lock is {}",
            holder.trim(),
            path.display()
        )));
    }
    let text = format!("host {} process {}\n", host(), std::process::id());
    file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(ProductionError::file("write", &path))?;
    Ok(Lock(file))
}

/// A production that is being run.
struct Engine<'a> {
    plan: &'a Plan,
    state: &'a StateDir,
    executor: &'a mut dyn Executor,
    able: Capabilities,
    options: &'a Options,
    journal: Journal,
    memory: Memory,
    status: Vec<Status>,
    /// Gates that a task still waits for.
    waits: Vec<usize>,
    /// Tasks that a gate still waits for.
    gate_waits: Vec<usize>,
    /// Tasks behind each gate, and gates behind each task.
    behind_gate: Vec<Vec<usize>>,
    behind_task: Vec<Vec<usize>>,
    /// Tasks that can run, by step.
    ready: BTreeMap<usize, BTreeSet<usize>>,
    /// Tasks of a step that are submitted, that have not ended, and that failed.
    running: Vec<usize>,
    left: Vec<usize>,
    failed: Vec<usize>,
    flights: HashMap<(JobId, usize), Flight>,
    watched: BTreeMap<JobId, Watched>,
    /// Files that failed tasks of accepted steps did not write.
    dropped: HashSet<PathBuf>,
    stopping: bool,
    /// Until when the batch system takes nothing, and how long that wait is.
    held: Option<(Instant, Duration)>,
    flushed: Instant,
    submissions: u64,
    summary: Summary,
}

/// Runs what is not up to date.
///
/// # Errors
/// When the production cannot begin (another manager, missing inputs, outputs that others made), when the journal cannot
/// be written, or when the batch system cannot be reached for long. Failed tasks are no error.
pub fn run(
    plan: &Plan,
    state: &StateDir,
    executor: &mut dyn Executor,
    options: &Options,
    cancel: &Cancel,
) -> Result<Summary> {
    state.create()?;
    let _lock = take_lock(state)?;
    let mut memory = Memory::read(state)?;
    if memory.torn > 0 {
        let message = format!("{} lines of the journal were not whole and do not count", memory.torn);
        options.observer.message(Level::Warning, &message);
    }
    let mut journal = Journal::open(&state.journal())?;
    let begin = Event::Begin {
        time: now(),
        host: host(),
        process: std::process::id(),
        program: PROGRAM.into(),
        source: plan.production.source.clone(),
        source_sha256: file_hash(&plan.production.source).map(|(hash, _)| hash).unwrap_or_default(),
        executor: executor.name().into(),
        argv: options.argv.clone(),
    };
    resume::settle(&mut memory, &mut journal, state, executor)?;
    let reasons = fresh::tasks(plan, &memory, options.hash_inputs);
    check_inputs(plan, &reasons)?;
    check_outputs(plan, &reasons, &memory, options)?;
    let mut events = resume::forgive(plan, &memory);
    events.push(begin);
    journal.add(&events)?;
    journal.flush()?;
    events.into_iter().for_each(|event| memory.apply(event));
    let mut text = Vec::new();
    plan.write_json(None, &mut text).map_err(ProductionError::file("write", &state.plan()))?;
    write_atomic(&state.plan(), &text, false)?;
    drop(text);
    let mut engine = Engine::new(plan, state, executor, options, journal, memory, &reasons);
    drop(reasons);
    engine.adopt()?;
    engine.keep_failed();
    let result = engine.work(cancel);
    engine.close(result)
}

impl<'a> Engine<'a> {
    fn new(
        plan: &'a Plan,
        state: &'a StateDir,
        executor: &'a mut dyn Executor,
        options: &'a Options,
        journal: Journal,
        memory: Memory,
        reasons: &[Vec<String>],
    ) -> Self {
        let (tasks, steps) = (reasons.len(), plan.production.steps.len());
        let mut engine = Self {
            plan,
            state,
            able: executor.capabilities(),
            executor,
            options,
            journal,
            memory,
            status: vec![Status::Waiting; tasks],
            waits: plan.graph.task_gates.iter().map(Vec::len).collect(),
            gate_waits: plan.graph.gates.iter().map(|gate| gate.tasks.len()).collect(),
            behind_gate: vec![Vec::new(); plan.graph.gates.len()],
            behind_task: vec![Vec::new(); tasks],
            ready: BTreeMap::new(),
            running: vec![0; steps],
            left: (0..steps).map(|step| plan.graph.tasks(step).len()).collect(),
            failed: vec![0; steps],
            flights: HashMap::new(),
            watched: BTreeMap::new(),
            dropped: HashSet::new(),
            stopping: false,
            held: None,
            flushed: Instant::now(),
            submissions: 0,
            summary: Summary::default(),
        };
        for (task, gates) in plan.graph.task_gates.iter().enumerate() {
            gates.iter().for_each(|gate| push(&mut engine.behind_gate, *gate, task));
        }
        for (number, gate) in plan.graph.gates.iter().enumerate() {
            gate.tasks.iter().for_each(|task| push(&mut engine.behind_task, *task, number));
        }
        for task in 0..tasks {
            if engine.waits.get(task) == Some(&0) {
                engine.make_ready(task);
            }
        }
        let accepted = fresh::Accepted::of(plan, &engine.memory);
        engine.dropped = accepted.files;
        for (task, reasons) in reasons.iter().enumerate() {
            if accepted.tasks.contains(&task) {
                engine.summary.accepted += 1;
                engine.leave_ready(task);
                let step = plan.graph.step_of(task);
                engine.left.get_mut(step).into_iter().for_each(|left| *left -= 1);
                engine.complete(task, Status::Failed);
            } else if reasons.is_empty() {
                engine.summary.up_to_date += 1;
                engine.leave_ready(task);
                engine.complete(task, Status::Done);
            }
        }
        engine
    }

    fn step(&self, task: usize) -> Option<(usize, &'a Step, usize)> {
        let index = self.plan.graph.step_of(task);
        let step = self.plan.production.steps.get(index)?;
        Some((index, step, task - self.plan.graph.tasks(index).start))
    }

    fn set(&mut self, task: usize, status: Status) {
        self.status.get_mut(task).into_iter().for_each(|own| *own = status);
    }

    fn make_ready(&mut self, task: usize) {
        if self.status.get(task) == Some(&Status::Waiting) {
            self.set(task, Status::Ready);
            self.ready.entry(self.plan.graph.step_of(task)).or_default().insert(task);
        }
    }

    fn leave_ready(&mut self, task: usize) {
        let step = self.plan.graph.step_of(task);
        if let Some(own) = self.ready.get_mut(&step) {
            own.remove(&task);
            if own.is_empty() {
                self.ready.remove(&step);
            }
        }
    }

    /// A task is done, or its failure is accepted: opens what waits for it.
    fn complete(&mut self, task: usize, status: Status) {
        self.set(task, status);
        let step = self.plan.graph.step_of(task);
        if status == Status::Done {
            self.left.get_mut(step).into_iter().for_each(|left| *left -= 1);
        }
        for gate in self.behind_task.get(task).cloned().unwrap_or_default() {
            let Some(waits) = self.gate_waits.get_mut(gate) else { continue };
            *waits -= 1;
            if *waits > 0 {
                continue;
            }
            for follower in self.behind_gate.get(gate).cloned().unwrap_or_default() {
                let Some(waits) = self.waits.get_mut(follower) else { continue };
                *waits -= 1;
                if *waits == 0 {
                    self.make_ready(follower);
                }
            }
        }
    }

    fn work(&mut self, cancel: &Cancel) -> Result<()> {
        let total = self.status.iter().filter(|status| **status != Status::Done).count();
        let progress = Progress::new(&self.options.observer, "tasks", "tasks", Some(total as u64));
        let mut errors = 0;
        let mut cancelled: Option<Instant> = None;
        loop {
            if cancel.is_cancelled() && !self.summary.interrupted {
                self.summary.interrupted = true;
                self.stopping = true;
                if !self.options.cancel_on_interrupt {
                    return Ok(());
                }
                let watched: Vec<Watched> = self.watched.values().cloned().collect();
                self.executor.cancel(&watched)?;
                cancelled = Some(Instant::now());
            }
            if !self.stopping && !self.is_held() {
                self.submit_ready()?;
            }
            if self.flights.is_empty() {
                if self.held.is_none() || self.stopping {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            if cancelled.is_some_and(|since| since.elapsed() > Duration::from_secs(30)) {
                return Ok(());
            }
            let watched: Vec<Watched> =
                if self.able.arrays { self.watched.values().cloned().collect() } else { Vec::new() };
            match self.executor.poll(&watched, self.able.poll_interval) {
                Ok(news) => {
                    errors = 0;
                    let ended = self.take_news(news)?;
                    progress.add(ended);
                }
                Err(error) => {
                    errors += 1;
                    if errors >= 20 {
                        return Err(error);
                    }
                    self.options.observer.message(Level::Warning, &format!("{error}; trying again"));
                    std::thread::sleep(self.able.poll_interval.max(Duration::from_millis(100)) * errors);
                }
            }
            for warning in self.executor.warnings() {
                self.options.observer.message(Level::Warning, &warning);
            }
            if self.flushed.elapsed() > Duration::from_secs(1) {
                self.journal.flush()?;
                self.flushed = Instant::now();
            }
        }
    }

    /// Notes the end of the run, whatever it was.
    fn close(mut self, result: Result<()>) -> Result<Summary> {
        let open = |status: &&Status| matches!(status, Status::Waiting | Status::Ready | Status::InFlight);
        self.summary.left = self.status.iter().filter(open).count();
        let status = match (&result, self.summary.interrupted) {
            (Err(_), _) => "error",
            (_, true) => "interrupted",
            _ if self.summary.failed.is_empty() && self.summary.left == 0 => "done",
            _ => "failed",
        };
        let noted = self
            .journal
            .add(&[Event::Finish { time: now(), status: status.into() }])
            .and_then(|()| self.journal.flush());
        result?;
        noted?;
        Ok(self.summary)
    }
}

fn push(lists: &mut [Vec<usize>], at: usize, value: usize) {
    lists.get_mut(at).into_iter().for_each(|list| list.push(value));
}

/// All inputs that no step writes must be there before anything is submitted.
fn check_inputs(plan: &Plan, reasons: &[Vec<String>]) -> Result<()> {
    let needed = plan.graph.external.iter().filter(|(task, _)| reasons.get(*task).is_some_and(|own| !own.is_empty()));
    let mut missing: Vec<String> = needed
        .filter(|(_, path)| std::fs::metadata(path).is_err())
        .map(|(_, path)| path.display().to_string())
        .collect();
    missing.sort();
    missing.dedup();
    match missing.len() {
        0 => Ok(()),
        count => Err(ProductionError::Usage(format!("{count} inputs do not exist: {}", some(&missing)))),
    }
}

/// Files in the way that this production did not make.
fn check_outputs(plan: &Plan, reasons: &[Vec<String>], memory: &Memory, options: &Options) -> Result<()> {
    if options.overwrite {
        return Ok(());
    }
    let mut foreign = Vec::new();
    for (index, step) in plan.production.steps.iter().enumerate() {
        for (number, (task, own)) in step.tasks.iter().zip(plan.graph.tasks(index)).enumerate() {
            let ours =
                memory.task(&step.id, number).is_some_and(|own| own.status != TaskStatus::Waiting || own.attempt > 0);
            if ours || reasons.get(own).is_none_or(Vec::is_empty) {
                continue;
            }
            let files = task.outputs.iter().filter(|output| output.kind == OutputKind::File);
            foreign.extend(files.filter(|output| output.path.exists()).map(|output| output.path.display().to_string()));
        }
    }
    match foreign.len() {
        0 => Ok(()),
        count => Err(ProductionError::Exists(format!(
            "{count} outputs exist that this production did not make: {} (--overwrite replaces them)",
            some(&foreign)
        ))),
    }
}

fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.get(..SHOWN.min(names.len())).unwrap_or_default().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
