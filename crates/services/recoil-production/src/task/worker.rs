//! A process that runs tasks for the local executor: it reads one request per line and writes one answer per line.
//!
//! It is a process of its own so that a manager that dies takes no task with it: when its input ends, the worker notes
//! which tasks still run, ends them in order (results and all), and exits. It holds a lock for as long as it lives.

use super::run::execute;
use super::supervise::{Limits, Supervisor};
use super::{TaskResult, TaskSpec};
use crate::error::{ProductionError, Result};
use crate::state::{StateDir, write_atomic};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Step, number and try of a task.
pub type Attempt = (String, usize, u32);

/// A line to the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Run a task.
    Run {
        /// Number chosen by the manager.
        id: u64,
        /// The task.
        spec: Box<TaskSpec>,
        /// Which try.
        attempt: u32,
        /// Memory limit.
        memory_bytes: Option<u64>,
        /// Time limit.
        time_seconds: Option<u64>,
    },
    /// Stop a task.
    Cancel(u64),
}

/// A line from the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The commands have ended; processors and memory are free.
    Ran(u64),
    /// Everything has ended.
    Ended(u64, Box<TaskResult>),
}

/// The lock of a worker.
pub fn lock_path(state: &StateDir, process: u32) -> PathBuf {
    state.path().join(format!("worker-{process}.lock"))
}

/// The list of tasks that a worker without a manager still runs.
pub fn list_path(state: &StateDir, process: u32) -> PathBuf {
    state.path().join(format!("worker-{process}.left"))
}

/// Serves requests from standard input until it ends.
///
/// # Errors
/// When the lock cannot be taken or no thread can be made.
pub fn serve(state: &StateDir) -> Result<()> {
    let process = std::process::id();
    let lock_path = lock_path(state, process);
    let lock = File::create(&lock_path).map_err(ProductionError::file("write", &lock_path))?;
    lock.lock().map_err(ProductionError::file("lock", &lock_path))?;
    let supervisor =
        Supervisor::start(Arc::default()).map_err(ProductionError::file("start a thread for", state.path()))?;
    // the manager waits for this line before it relies on the lock
    answer("ready");
    let running: Arc<Mutex<HashMap<u64, Attempt>>> = Arc::default();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str::<Request>(&line) {
            Ok(Request::Run { id, spec, attempt, memory_bytes, time_seconds }) => {
                lock_of(&running).insert(id, (spec.step.clone(), spec.task, attempt));
                let (home, supervisor, all) = (state.clone(), supervisor.clone(), Arc::clone(&running));
                let limits = Limits { memory_bytes, time: time_seconds.map(Duration::from_secs) };
                let work = move || {
                    let ran = execute(&home, &spec, attempt, limits, &supervisor, id);
                    say(&Answer::Ran(id));
                    let result = ran.finish();
                    lock_of(&all).remove(&id);
                    say(&Answer::Ended(id, Box::new(result)));
                };
                let thread = std::thread::Builder::new().name("task".into()).stack_size(256 << 10).spawn(work);
                thread.map_err(ProductionError::file("start a thread for", state.path()))?;
            }
            Ok(Request::Cancel(id)) => supervisor.cancel(id),
            // half a line of a manager that died
            Err(_) => {}
        }
    }
    let mut left: Vec<Attempt> = lock_of(&running).values().cloned().collect();
    left.sort();
    let list = list_path(state, process);
    write_atomic(&list, &serde_json::to_vec(&left).unwrap_or_default(), false)?;
    while !lock_of(&running).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // the lock ends with the process
    for path in [list, lock_path] {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn lock_of<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(words: &Answer) {
    if let Ok(line) = serde_json::to_string(words) {
        answer(&line);
    }
}

fn answer(line: &str) {
    // a manager that is gone reads the result files
    let _ = writeln!(io::stdout().lock(), "{line}");
}
