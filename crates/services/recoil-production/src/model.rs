//! What a production is: steps, tasks, commands, and the files between them.

use crate::finding::Location;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A production, ready to be planned and run.
#[derive(Clone, Debug)]
pub struct Production {
    /// Its name, such as an lstmcpipe `prod_id`.
    pub name: String,
    /// The file that it was read from.
    pub source: PathBuf,
    /// The steps in the order of the file.
    pub steps: Vec<Step>,
}

/// One step: what a batch system gets as one job, or as one job array if it has several tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Unique and stable for the same file, made of letters, digits, `-`, `_` and `.`, such as `merge_dl1-3`.
    pub id: String,
    /// The stage, such as `merge_dl1` or `hgcal run`.
    pub stage: String,
    /// What is done, in pieces that may run at the same time.
    pub tasks: Vec<Task>,
    /// What one task needs.
    pub resources: Resources,
    /// Further options for the scheduler, by their long names without dashes (`partition`, `nice`, `account`).
    pub scheduler: BTreeMap<String, String>,
    /// Where the commands run.
    pub environment: Environment,
    /// At most so many tasks of the step at once.
    pub concurrent: Option<usize>,
    /// How often a failed task is tried again.
    pub retries: u32,
    /// Fraction of tasks that must succeed for the step to count as done, in (0, 1].
    pub acceptance: f64,
    /// Ids of steps that must be done first although no file says so.
    pub after: Vec<String>,
    /// Place in a fixed order of stages, if the form of the file has one: the step never waits for steps of its own or
    /// a later place, whatever they write where it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<u32>,
    /// Where the file speaks of it.
    #[serde(skip)]
    pub location: Option<Location>,
}

/// A piece of a step that runs as one process tree and succeeds or fails as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Commands, run in order until one fails.
    pub commands: Vec<Command>,
    /// Files and directories that are read. An edge of the graph exists where one of these is, or lies inside, or
    /// contains an output of another step.
    pub inputs: Vec<PathBuf>,
    /// Files and directories that are written.
    pub outputs: Vec<Output>,
    /// Names inside of input directories that are no inputs: what later steps write there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<PathBuf>,
}

/// A file or directory that a task writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its final name.
    pub path: PathBuf,
    /// File, or directory into which the task writes files of names that it chooses.
    pub kind: OutputKind,
}

/// File or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// One file; the command gets a temporary name in the same directory, and the file is renamed on success.
    File,
    /// A directory; the command gets a temporary directory inside of it, and the files are moved up on success.
    Directory,
}

/// A program and its arguments. No shell reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<Argument>,
    /// Environment variables that are set for it.
    pub variables: BTreeMap<String, String>,
}

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Argument {
    /// Words that stay as they are.
    Text(String),
    /// A word with the path of an output in it: `prefix`, the path (while running: its temporary stand-in), `suffix`.
    Output {
        /// Index into [`Task::outputs`].
        output: usize,
        /// Words before the path, such as `--output-dir=`.
        prefix: String,
        /// Words after the path, such as `/dl1_run1.h5`.
        suffix: String,
    },
}

/// What one task needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Processor cores; nothing means one.
    pub cpus: Option<u32>,
    /// Memory in bytes; nothing means what the scheduler gives.
    pub memory_bytes: Option<u64>,
    /// Wall-clock limit in seconds.
    pub time_seconds: Option<u64>,
}

/// Where commands run: what is sourced and activated first, and what wraps each command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// A shell file to source, such as that of Conda.
    pub source_file: Option<PathBuf>,
    /// Conda environment to activate.
    pub conda_env: Option<String>,
    /// Python virtual environment to activate.
    pub venv: Option<PathBuf>,
    /// Words before every command, such as `apptainer exec IMAGE`.
    pub container: Vec<String>,
}
