//! One task: what it is to do, how it is done, how it ended.

mod outputs;
pub mod run;
pub mod supervise;
pub mod worker;

use crate::model::{Environment, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that the task runner needs to know, as a line of `steps/ID.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Name of the production.
    pub production: String,
    /// Id of the step.
    pub step: String,
    /// The stage.
    pub stage: String,
    /// Number of the task in its step, from 0.
    pub task: usize,
    /// Commands, inputs and outputs.
    pub work: Task,
    /// Where the commands run.
    pub environment: Environment,
    /// Directory in which the commands run: that of the production's file.
    pub directory: PathBuf,
    /// Whether inputs are told apart by their content, or by size and time of change.
    pub hash_inputs: bool,
}

/// What determines the result of a task: if nothing of this changed, a finished task need not run again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Program and version.
    pub program: String,
    /// SHA-256 of the commands with the names of their outputs.
    pub commands: String,
    /// SHA-256 of the environment.
    pub environment: String,
    /// Path of each input and what tells it apart: `sha256:...`, or `SIZE@NANOSECONDS`.
    pub inputs: BTreeMap<String, String>,
}

/// How an attempt ended; the content of `results/ID.N.A.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Id of the step.
    pub step: String,
    /// Number of the task.
    pub task: usize,
    /// Which try, from 1.
    pub attempt: u32,
    /// The short form.
    pub outcome: Outcome,
    /// Exit code of the last command.
    pub exit_code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// One line for people.
    pub message: String,
    /// Start, in seconds since 1970.
    pub started: f64,
    /// End, in seconds since 1970.
    pub finished: f64,
    /// User and system time of all commands, in seconds.
    pub cpu_seconds: f64,
    /// Largest resident memory of a command, in bytes.
    pub max_rss_bytes: u64,
    /// Machine.
    pub host: String,
    /// The key; empty unless the outcome is `done`.
    pub key: Key,
    /// The files that were written.
    pub outputs: Vec<WrittenFile>,
}

/// A file that a task wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its final name.
    pub path: PathBuf,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
}

/// How an attempt ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All outputs are in place.
    Done,
    /// A command failed, or an output was not written.
    Failed,
    /// More memory was needed than there was.
    OutOfMemory,
    /// The time limit was reached.
    TimedOut,
    /// It was asked to stop.
    Cancelled,
    /// The machine failed or the task vanished without a word; tried again without being counted.
    Lost,
}
