//! Where tasks run: the interface that every batch system is driven through.
//!
//! The engine releases the tasks of a step when their inputs are there, so that an executor needs no dependencies of its
//! own: those of Slurm count a forgotten parent as fulfilled and cannot follow a parent that is tried again under a new
//! number. What an executor starts is always the program's own task runner (`recoil production run-task`), which leaves
//! a result file; what the batch system says about a job matters only when there is none.
//!
//! Before a submission the engine notes its token in the journal, afterwards the job's number. If the number is missing
//! when the journal is read again (the manager died, the reply was lost), [`Executor::find`] looks for the token.

mod batch;
mod command;
pub mod htcondor;
pub mod hyperqueue;
pub mod local;
pub mod slurm;

use crate::error::{ProductionError, Result};
use crate::model::{Environment, Resources};
use crate::task::{TaskResult, TaskSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The batch system's name for a job, such as `1234`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(pub String);

/// Some or all tasks of one step, submitted together: a job, or a job array if there are several.
#[derive(Clone, Debug)]
pub struct StepSubmission {
    /// Name of the production.
    pub production: String,
    /// Id of the step: letters, digits, `-`, `_` and `.`.
    pub step: String,
    /// The tasks, ascending. The number of an array element is the number of the task.
    pub tasks: Vec<usize>,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Unique name of this submission, made of letters, digits, `-`, `_` and `.`, at most 120 characters. The job is to
    /// carry it (name or comment), so that [`Executor::find`] can find the job by it.
    pub token: String,
    /// The command that runs a task, to be followed by `--task` and the number of the task.
    pub runner: Vec<OsString>,
    /// What one task needs; memory is already raised after a failure for lack of it.
    pub resources: Resources,
    /// At most so many of the tasks at once.
    pub concurrent: Option<usize>,
    /// Further options for the scheduler, by their long names without dashes.
    pub scheduler: BTreeMap<String, String>,
    /// Where commands run. The task runner sets it up; executors may use it to name it.
    pub environment: Environment,
    /// Directory for what the scheduler itself prints and for scripts; it exists.
    pub scripts: PathBuf,
    /// Directory in which the job starts: that of the production's file.
    pub directory: PathBuf,
    /// What the tasks do, in the order of `tasks`; for executors that run them without the file in `steps/`.
    pub specs: Vec<Arc<TaskSpec>>,
}

/// A job with those of its tasks that have not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The job.
    pub job: JobId,
    /// Token of its submission.
    pub token: String,
    /// Its step.
    pub step: String,
    /// Which try.
    pub attempt: u32,
    /// Numbers of the tasks.
    pub tasks: Vec<usize>,
}

/// News of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskReport {
    /// The job.
    pub job: JobId,
    /// Number of the task.
    pub task: usize,
    /// What it does.
    pub state: TaskState,
}

/// What a task does, as far as the batch system knows.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// It waits for its turn, or is held or requeued.
    Waiting,
    /// It runs, on this machine if known.
    Running(Option<String>),
    /// It is over.
    Ended(Ending),
}

/// How a task ended, as far as the batch system knows. A result file wins over this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The task runner ended, or was ended, by itself.
    Exited,
    /// The task runner ended well: there is a result file, although it may take a while to be seen.
    Succeeded,
    /// It was stopped for using more memory than asked for.
    OutOfMemory,
    /// It was stopped at its time limit.
    TimeLimit,
    /// Its machine failed or it was pushed out by another job; it is tried again without being counted.
    NodeFailure,
    /// Someone cancelled it.
    Cancelled,
    /// The batch system does not know the job (any more).
    Vanished,
    /// Something else, in the batch system's words.
    Other(String),
}

/// What an executor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether the tasks of a step should be submitted in one call, once all of them can run. If not, each task is
    /// submitted as soon as it can run.
    pub arrays: bool,
    /// At most so many tasks submitted and not ended.
    pub slots: Option<usize>,
    /// Tasks of one submission have numbers in the same multiple of this, so that their numbers within it are smaller.
    pub array_limit: Option<usize>,
    /// Whether a submission may be given whole, and at most [`StepSubmission::concurrent`] of its tasks run at once.
    pub limits: bool,
    /// How often it makes sense to ask.
    pub poll_interval: Duration,
}

/// A place where tasks run.
pub trait Executor {
    /// Its name, such as `slurm`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Submits tasks; one call to the batch system.
    ///
    /// # Errors
    /// [`ProductionError::Refused`] when the batch system does not want them, with its words: they fail.
    /// [`ProductionError::Busy`] when it cannot take them now; should it have taken them after all, they do nothing: they
    /// are submitted again later. Anything else ends the run.
    fn submit(&mut self, submission: &StepSubmission) -> Result<JobId>;

    /// The job that carries this token, if the batch system knows one. Asked once after a restart for submissions whose
    /// reply was lost. If there is none, none of its tasks begins any more.
    ///
    /// # Errors
    /// When the batch system cannot be asked.
    fn find(&mut self, token: &str) -> Result<Option<JobId>>;

    /// The job under which a task of a dead manager still runs, for executors that know single tasks.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn find_task(&mut self, _step: &str, _task: usize, _attempt: u32) -> Result<Option<JobId>> {
        Ok(None)
    }

    /// News of these jobs. Returns after `wait` at the latest, earlier if there is news. Tasks without news may be left
    /// out.
    ///
    /// # Errors
    /// When the batch system cannot be asked; the engine tries again some times.
    fn poll(&mut self, jobs: &[Watched], wait: Duration) -> Result<Vec<TaskReport>>;

    /// Full results that came with the news, so that the engine need not read the files.
    fn results(&mut self) -> Vec<TaskResult> {
        Vec::new()
    }

    /// What people should know about the batch system, one line each.
    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Asks for an end of these tasks.
    ///
    /// # Errors
    /// When the batch system refuses.
    fn cancel(&mut self, jobs: &[Watched]) -> Result<()>;
}

/// The batch system does not want tasks.
fn refused(executor: &'static str, message: String) -> ProductionError {
    ProductionError::Refused { executor, message }
}
