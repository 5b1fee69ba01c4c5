//! What executors of batch systems share: news from result files, and submissions that are not to run any more.

use super::{Ending, TaskReport, TaskState, Watched};
use crate::error::{ProductionError, Result};
use crate::model::Resources;
use crate::state::StateDir;
use crate::task::run::read_result;
use crate::task::{Outcome, TaskResult};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Looks for the result files of watched tasks. It knows of an end at once, whatever the batch system says and when.
pub(super) struct ResultFiles {
    state: StateDir,
    next: Instant,
}

impl ResultFiles {
    pub fn new(state: &StateDir) -> Self {
        Self { state: state.clone(), next: Instant::now() }
    }

    /// Results that have appeared; nothing if the directory was listed a short while ago, relative to what that costs.
    /// A task that was stopped on request is left to the batch system, which knows who asked and why.
    pub fn news(&mut self, jobs: &[Watched]) -> (Vec<TaskReport>, Vec<TaskResult>) {
        let begin = Instant::now();
        if begin < self.next {
            return Default::default();
        }
        let mut wanted: HashMap<String, (&Watched, usize)> = HashMap::new();
        for job in jobs {
            for &task in &job.tasks {
                let path = self.state.result(&job.step, task, job.attempt);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                wanted.insert(name, (job, task));
            }
        }
        let (mut news, mut results) = (Vec::new(), Vec::new());
        let directory = self.state.path().join("results");
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Some((job, task)) = wanted.get(&*entry.file_name().to_string_lossy()) else { continue };
            let Some(result) = read_result(&self.state, &job.step, *task, job.attempt) else { continue };
            if result.outcome != Outcome::Cancelled {
                let state = TaskState::Ended(Ending::Exited);
                news.push(TaskReport { job: job.job.clone(), task: *task, state });
                results.push(result);
            }
        }
        self.next = begin + (begin.elapsed() * 10).max(Duration::from_millis(150));
        (news, results)
    }
}

/// The file whose existence stops the tasks of a submission, before they begin or while they run.
pub(super) fn stop_file(state: &StateDir, token: &str) -> PathBuf {
    state.scripts().join(format!("{token}.stop"))
}

/// Makes the tasks of a submission stop, wherever they are.
pub(super) fn stop(state: &StateDir, token: &str) -> Result<()> {
    let path = stop_file(state, token);
    fs::write(&path, b"").map_err(ProductionError::file("write", &path))
}

/// Limits that the task runner is to keep, as its options.
pub(super) fn limits(resources: &Resources, memory: bool) -> Vec<OsString> {
    let mut words = Vec::new();
    if let Some(bytes) = resources.memory_bytes.filter(|_| memory) {
        words.extend(["--memory".into(), bytes.to_string().into()]);
    }
    if let Some(seconds) = resources.time_seconds {
        words.extend(["--seconds".into(), seconds.to_string().into()]);
    }
    words
}

/// `0-3,7`-like text of ascending numbers.
pub(super) fn ranges(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let one = |(first, last): (usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.into_iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_short() {
        assert_eq!(ranges([0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!((ranges([5]), ranges([])), ("5".into(), String::new()));
    }
}
