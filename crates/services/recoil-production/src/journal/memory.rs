//! What a journal adds up to.

use super::Event;
use crate::error::Result;
use crate::state::StateDir;
use crate::task::{Key, Outcome, TaskResult};
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// What is known of a production.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Tasks by step and number.
    pub steps: HashMap<String, HashMap<usize, TaskMemory>>,
    /// The job of each submission that has one.
    pub jobs: HashMap<String, String>,
    /// Where tasks ran last.
    pub executor: Option<String>,
    /// The file.
    pub source: Option<PathBuf>,
    /// SHA-256 of the file.
    pub source_sha256: String,
    /// Beginning of the first and the last run.
    pub began: Option<(f64, f64)>,
    /// How the last run ended; nothing while it lasts, and after a manager that died.
    pub finished: Option<(f64, String)>,
    /// The words of the last run.
    pub argv: Vec<String>,
    /// Lines that were not whole.
    pub torn: usize,
}

/// What is known of a task.
#[derive(Clone, Debug, Default)]
pub struct TaskMemory {
    /// Where it stands.
    pub status: TaskStatus,
    /// The last try, from 1.
    pub attempt: u32,
    /// Tries that count as failures since the beginning or the last reset.
    pub failures: u32,
    /// Tries that ended without a word.
    pub lost: u32,
    /// Token of the last submission.
    pub token: String,
    /// Memory asked for at the last submission.
    pub memory_bytes: Option<u64>,
    /// When it was submitted last.
    pub submitted: f64,
    /// The key of the last success.
    pub key: Option<Box<Key>>,
    /// Names and sizes of the files of the last success.
    pub outputs: Vec<(PathBuf, u64)>,
    /// The last end, without key and outputs.
    pub last: Option<Box<TaskResult>>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It was never submitted.
    #[default]
    Waiting,
    /// It was submitted and has not ended.
    Submitted,
    /// It succeeded.
    Done,
    /// Its last try failed.
    Failed,
}

impl Memory {
    /// Reads the journal of a state directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(state: &StateDir) -> Result<Self> {
        let mut memory = Self::default();
        let torn = super::read(&state.journal(), |event| memory.apply(event))?;
        memory.torn = torn;
        Ok(memory)
    }

    /// What is known of a task.
    pub fn task(&self, step: &str, task: usize) -> Option<&TaskMemory> {
        self.steps.get(step)?.get(&task)
    }

    fn task_mut(&mut self, step: &str, task: usize) -> &mut TaskMemory {
        if !self.steps.contains_key(step) {
            self.steps.insert(step.into(), HashMap::new());
        }
        self.steps.entry(step.into()).or_default().entry(task).or_default()
    }

    /// Adds an event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Begin { time, source, source_sha256, executor, argv, .. } => {
                self.began = Some((self.began.map_or(time, |(first, _)| first), time));
                (self.source, self.source_sha256) = (Some(source), source_sha256);
                (self.executor, self.argv, self.finished) = (Some(executor), argv, None);
            }
            Event::Submit { time, step, tasks, attempt, token, memory_bytes } => {
                for task in tasks {
                    let own = self.task_mut(&step, task);
                    own.status = TaskStatus::Submitted;
                    own.token.clone_from(&token);
                    (own.attempt, own.memory_bytes, own.submitted) = (attempt, memory_bytes, time);
                }
            }
            Event::Job { token, job } => {
                self.jobs.insert(token, job);
            }
            Event::End { mut result } => {
                let own = self.task_mut(&result.step, result.task);
                match result.outcome {
                    Outcome::Done => {
                        (own.status, own.failures, own.lost) = (TaskStatus::Done, 0, 0);
                        own.key = Some(Box::new(std::mem::take(&mut result.key)));
                        own.outputs = std::mem::take(&mut result.outputs)
                            .into_iter()
                            .map(|file| (file.path, file.bytes))
                            .collect();
                    }
                    Outcome::Lost => (own.status, own.lost) = (TaskStatus::Failed, own.lost + 1),
                    Outcome::Cancelled => own.status = TaskStatus::Failed,
                    _ => (own.status, own.failures) = (TaskStatus::Failed, own.failures + 1),
                }
                own.attempt = own.attempt.max(result.attempt);
                result.outputs = Vec::new();
                result.key = Key::default();
                own.last = Some(result);
            }
            Event::Reset { step, tasks, .. } => {
                for task in tasks {
                    let own = self.task_mut(&step, task);
                    (own.failures, own.lost) = (0, 0);
                    if own.status == TaskStatus::Failed {
                        own.status = TaskStatus::Waiting;
                    }
                }
            }
            Event::Finish { time, status } => self.finished = Some((time, status)),
        }
    }
}
