//! How far a production is, from its plan and its journal.

use crate::error::{ProductionError, Result};
use crate::journal::{Memory, TaskStatus};
use crate::state::StateDir;
use crate::units::{memory_text, time_text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The parts of `plan.json` that the status needs.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedPlan {
    /// Name of the production.
    pub name: String,
    /// The steps.
    pub steps: Vec<SavedStep>,
}

/// A step of `plan.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedStep {
    /// Its id.
    pub id: String,
    /// Its stage.
    pub stage: String,
    /// Number of its tasks.
    pub tasks: usize,
    /// The steps that it waits for.
    pub depends_on: Vec<String>,
}

impl SavedPlan {
    /// Reads the plan of the last run.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn read(state: &StateDir) -> Result<Self> {
        let path = state.plan();
        let text = std::fs::read(&path).map_err(ProductionError::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| ProductionError::State { path, message: error.to_string() })
    }
}

/// Numbers of tasks by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Succeeded.
    pub done: usize,
    /// With the executor.
    pub submitted: usize,
    /// Failed.
    pub failed: usize,
    /// Not submitted yet.
    pub waiting: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.done += other.done;
        self.submitted += other.submitted;
        self.failed += other.failed;
        self.waiting += other.waiting;
    }

    fn text(&self) -> String {
        let mut parts = vec![format!("{}/{} done", self.done, self.total)];
        for (count, word) in [(self.submitted, "submitted"), (self.failed, "failed"), (self.waiting, "waiting")] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        parts.join(", ")
    }
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepStatus {
    /// Its id.
    pub id: String,
    /// Its stage.
    pub stage: String,
    /// `done`, `running`, `failed`, `waiting` or `blocked`.
    pub state: &'static str,
    /// Its tasks.
    pub tasks: Counts,
    /// Wall-clock seconds of its ended tasks together.
    pub seconds: f64,
    /// Largest resident memory of a task, in bytes.
    pub max_rss_bytes: u64,
    /// The failed tasks with what they said, at most 20.
    pub failures: Vec<Failure>,
}

/// A failed task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Its number.
    pub task: usize,
    /// Tries so far.
    pub attempts: u32,
    /// What went wrong.
    pub message: String,
}

/// Where a production stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// `running`, `done`, `failed`, `interrupted`, `stopped` (the manager died) or `planned`.
    pub state: String,
    /// All tasks.
    pub tasks: Counts,
    /// Tasks ended per second, over the last run.
    pub rate: f64,
    /// Seconds until the end at that rate.
    pub eta_seconds: Option<f64>,
    /// Where tasks run.
    pub executor: Option<String>,
    /// The steps.
    pub steps: Vec<StepStatus>,
}

/// Whether a manager runs the production now.
pub fn is_running(state: &StateDir) -> bool {
    let file = std::fs::File::open(state.lock());
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// The state directory that a person means: the directory itself, one with a single production in its `.recoil`, or the
/// file of a production named `name`.
///
/// # Errors
/// When there is none, or several.
pub fn find(path: &Path, name: Option<&str>) -> Result<StateDir> {
    if let (Some(name), true) = (name, path.is_file()) {
        return Ok(StateDir::beside(path, name));
    }
    if path.join("journal.jsonl").exists() || path.join("plan.json").exists() {
        return Ok(StateDir::new(path));
    }
    let inner = if path.ends_with(".recoil") { path.to_path_buf() } else { path.join(".recoil") };
    let mut found: Vec<_> = std::fs::read_dir(&inner)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("journal.jsonl").exists())
        .collect();
    found.sort();
    match found.as_slice() {
        [only] => Ok(StateDir::new(only)),
        [] => Err(ProductionError::Usage(format!("{} holds no state of a production", path.display()))),
        several => {
            let names: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
            Err(ProductionError::Usage(format!("there are several productions, name one: {}", names.join(", "))))
        }
    }
}

/// Where the production of a state directory stands.
///
/// # Errors
/// When plan or journal cannot be read.
pub fn status(state: &StateDir) -> Result<Status> {
    let plan = SavedPlan::read(state)?;
    let memory = Memory::read(state)?;
    let running = is_running(state);
    let mut all = Counts::default();
    let mut steps: Vec<StepStatus> = Vec::with_capacity(plan.steps.len());
    let mut ended_now = 0;
    let began = memory.began.map_or(0.0, |(_, last)| last);
    let mut bad: std::collections::HashSet<&str> = std::collections::HashSet::new();
    for step in &plan.steps {
        let mut counts = Counts { total: step.tasks, ..Counts::default() };
        let (mut seconds, mut rss) = (0.0, 0);
        let mut failures = Vec::new();
        let own: BTreeMap<usize, _> = memory
            .steps
            .get(&step.id)
            .map(|tasks| tasks.iter().map(|(n, own)| (*n, own)).collect())
            .unwrap_or_default();
        for (&task, known) in own.range(..step.tasks) {
            if let Some(last) = &known.last {
                seconds += last.duration().as_secs_f64();
                rss = rss.max(last.max_rss_bytes);
                ended_now += usize::from(last.finished >= began);
            }
            match known.status {
                TaskStatus::Done => counts.done += 1,
                TaskStatus::Submitted => counts.submitted += 1,
                TaskStatus::Waiting => {}
                TaskStatus::Failed => {
                    counts.failed += 1;
                    if failures.len() < 20 {
                        let message = known.last.as_ref().map(|last| last.message.clone()).unwrap_or_default();
                        failures.push(Failure { task, attempts: known.attempt, message });
                    }
                }
            }
        }
        counts.waiting = counts.total - counts.done - counts.failed - counts.submitted;
        let state = match counts {
            Counts { total, done, .. } if done == total => "done",
            Counts { failed: 1.., .. } => "failed",
            Counts { submitted: 1.., .. } if running => "running",
            Counts { done: 1.., .. } => "partial",
            _ if step.depends_on.iter().any(|id| bad.contains(id.as_str())) => "blocked",
            _ => "waiting",
        };
        if matches!(state, "failed" | "blocked") {
            bad.insert(&step.id);
        }
        all.add(&counts);
        steps.push(StepStatus {
            id: step.id.clone(),
            stage: step.stage.clone(),
            state,
            tasks: counts,
            seconds,
            max_rss_bytes: rss,
            failures,
        });
    }
    let until = memory.finished.as_ref().map_or_else(crate::task::run::now, |(time, _)| *time);
    let rate = if until > began && ended_now > 0 { ended_now as f64 / (until - began) } else { 0.0 };
    let open = all.waiting + all.submitted;
    let eta_seconds = (running && rate > 0.0).then(|| open as f64 / rate);
    let state = match (&memory.finished, running) {
        (_, true) => "running".to_string(),
        (Some((_, word)), _) => word.clone(),
        (None, false) if memory.began.is_some() => "stopped".into(),
        (None, false) => "planned".into(),
    };
    Ok(Status { name: plan.name, state, tasks: all, rate, eta_seconds, executor: memory.executor, steps })
}

impl Status {
    /// For people: 1 line at depth 0, stages at depth 1, steps at depth 2, failures from depth 3.
    pub fn text(&self, depth: usize) -> String {
        let mut text = format!("{} [{}]: {}", self.name, self.state, self.tasks.text());
        if self.rate > 0.0 {
            let _ = write!(text, ", {:.3} tasks/s", self.rate);
        }
        if let Some(eta) = self.eta_seconds {
            let _ = write!(text, ", {} left", time_text(eta));
        }
        text.push('\n');
        let mut stages: Vec<(&str, Counts, Vec<&StepStatus>)> = Vec::new();
        for step in &self.steps {
            match stages.iter_mut().find(|(name, ..)| *name == step.stage) {
                Some((_, counts, own)) => {
                    counts.add(&step.tasks);
                    own.push(step);
                }
                None => stages.push((&step.stage, step.tasks, vec![step])),
            }
        }
        let last_stage = stages.len().saturating_sub(1);
        for (at, (name, counts, own)) in stages.iter().enumerate().filter(|_| depth > 0) {
            let (branch, trunk) = if at == last_stage { ("└─", "  ") } else { ("├─", "│ ") };
            let _ = writeln!(text, "{branch} {name} {} {}", bar(counts), counts.text());
            let last = own.len().saturating_sub(1);
            for (at, step) in own.iter().enumerate().filter(|_| depth > 1) {
                let (branch, inner) = if at == last { ("└─", "  ") } else { ("├─", "│ ") };
                let mut line = format!("{trunk} {branch} {} [{}] {}", step.id, step.state, step.tasks.text());
                if step.seconds > 0.0 {
                    let _ = write!(line, ", {}, at most {}", time_text(step.seconds), memory_text(step.max_rss_bytes));
                }
                let _ = writeln!(text, "{line}");
                for failure in step.failures.iter().filter(|_| depth > 2) {
                    let Failure { task, attempts, message } = failure;
                    let _ = writeln!(text, "{trunk} {inner}    task {task}, {attempts} tries: {message}");
                }
            }
        }
        text
    }
}

fn bar(counts: &Counts) -> String {
    const WIDTH: usize = 20;
    let done = (counts.done * WIDTH).checked_div(counts.total).unwrap_or(0);
    format!("{}{}", "█".repeat(done), "░".repeat(WIDTH - done))
}
