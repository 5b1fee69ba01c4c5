//! Slurm: one `sbatch` for each array, `squeue` and where it exists `sacct` for news.
//!
//! What Slurm says is taken with care. A controller that does not answer is asked again, for as long as it takes. A
//! submission without an answer is looked for by its name; if it cannot be found it is made void by a file that the task
//! runner looks for, so that it does no harm should it turn up later. A finished job that `squeue` has forgotten is no
//! failure: its result file says how it ended. Dependencies are not given to Slurm at all, since a dependency on a job
//! that it has forgotten counts as fulfilled.

mod states;
mod submission;

use super::batch::{ResultFiles, stop};
use super::command::{Answer, BackOff, call};
use super::{Capabilities, Ending, Executor, JobId, StepSubmission, TaskReport, TaskState, Watched, refused};
use crate::error::{ProductionError, Result};
use crate::executors::batch::ranges;
use crate::state::{StateDir, write_atomic};
use crate::task::TaskResult;
use states::{SACCT, SQUEUE, States, from_sacct, from_squeue};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use submission::{SCRIPT, SCRIPT_NAME, words};

/// How long a command of Slurm may take. Its own limit is that of the controller (`MessageTimeout`), some tries long.
const PATIENCE: Duration = Duration::from_secs(90);
/// Jobs in one question.
const ASKED_AT_ONCE: usize = 400;
/// `MaxArraySize` of a Slurm where nobody has set it.
const DEFAULT_ARRAY: usize = 1001;
const NAME: &str = "slurm";

/// Whether there is an accounting data base.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accounting {
    Unknown,
    Works,
    Missing,
}

/// The executor of Slurm.
pub struct Slurm {
    state: StateDir,
    /// Directory of the commands of Slurm; empty if they are on the path.
    programs: PathBuf,
    files: ResultFiles,
    results: Vec<TaskResult>,
    warnings: Vec<String>,
    accounting: Accounting,
    /// Numbers of array elements are below this.
    max_array: usize,
    /// Whether the task runner is to watch over memory, because Slurm does not.
    limit_memory: bool,
    /// When Slurm is asked next.
    next: Instant,
    back_off: BackOff,
    /// Whether Slurm did not answer when it was asked last.
    silent: bool,
    has_script: bool,
}

impl Slurm {
    /// An executor for the production with this state directory, which all nodes must see under the same name.
    ///
    /// # Errors
    /// When the commands of Slurm are not there.
    pub fn new(state: &StateDir) -> Result<Self> {
        Self::with_programs(state, Path::new(""))
    }

    /// Like [`Self::new`], with the commands of Slurm from this directory.
    ///
    /// # Errors
    /// When they are not there.
    pub fn with_programs(state: &StateDir, programs: &Path) -> Result<Self> {
        let mut own = Self {
            state: state.clone(),
            programs: programs.into(),
            files: ResultFiles::new(state),
            results: Vec::new(),
            warnings: Vec::new(),
            accounting: Accounting::Unknown,
            max_array: DEFAULT_ARRAY,
            limit_memory: true,
            next: Instant::now(),
            back_off: BackOff::new(Duration::from_secs(1), Duration::from_secs(60)),
            silent: false,
            has_script: false,
        };
        for program in ["sbatch", "squeue", "scancel"] {
            own.call(program, &["--version".into()])?;
        }
        let config = own.call("scontrol", &["show".into(), "config".into()])?;
        if config.ok {
            own.configure(&config.out);
        } else {
            own.warnings.push(format!("slurm: its configuration cannot be read ({})", config.words()));
        }
        Ok(own)
    }

    fn configure(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match key.trim() {
                "MaxArraySize" => self.max_array = value.parse().unwrap_or(DEFAULT_ARRAY).max(1),
                "ConstrainRAMSpace" if value == "yes" => self.limit_memory = false,
                "JobAcctGatherParams" if value.contains("OverMemoryKill") => self.limit_memory = false,
                _ => {}
            }
        }
    }

    /// The state of array elements of these jobs, or `None` if Slurm does not answer. Elements that it does not know
    /// are left out.
    fn ask(&mut self, jobs: &[String]) -> Result<Option<States>> {
        let mut all = States::new();
        for part in jobs.chunks(ASKED_AT_ONCE) {
            let mut words: Vec<OsString> = SQUEUE.map(Into::into).into();
            words.push(part.join(",").into());
            let answer = self.call("squeue", &words)?;
            // a question about one job that is forgotten is an error, but an answer
            if !answer.ok && !answer.err.contains("Invalid job id") {
                self.went_silent("squeue", &answer);
                return Ok(None);
            }
            all.extend(from_squeue(&answer.out));
        }
        Ok(Some(all))
    }

    /// What accounting knows of jobs that `squeue` has forgotten; `None` if there is accounting that does not answer.
    fn ask_accounting(&mut self, jobs: &[String]) -> Result<Option<States>> {
        let mut all = States::new();
        if self.accounting == Accounting::Missing {
            return Ok(Some(all));
        }
        for part in jobs.chunks(ASKED_AT_ONCE) {
            let mut words: Vec<OsString> = SACCT.map(Into::into).into();
            words.push(part.join(",").into());
            let Ok(answer) = self.call("sacct", &words) else {
                self.accounting = Accounting::Missing;
                return Ok(Some(all));
            };
            match answer.ok {
                true => self.accounting = Accounting::Works,
                false if answer.err.contains("disabled") => self.accounting = Accounting::Missing,
                false if self.accounting == Accounting::Works => {
                    self.went_silent("sacct", &answer);
                    return Ok(None);
                }
                // it never worked: no help is to be had from it
                false => return Ok(Some(all)),
            }
            all.extend(from_sacct(&answer.out));
        }
        Ok(Some(all))
    }

    fn went_silent(&mut self, program: &str, answer: &Answer) {
        if !self.silent {
            self.warnings.push(format!("slurm: {program}: {}; asking again until it answers", answer.words()));
        }
        self.silent = true;
        self.next = Instant::now() + self.back_off.wait();
    }

    /// News from Slurm, if it is time to ask.
    fn slurm_news(&mut self, watched: &[Watched]) -> Result<Vec<TaskReport>> {
        let begin = Instant::now();
        if watched.is_empty() || begin < self.next {
            return Ok(Vec::new());
        }
        let mut jobs: Vec<String> = watched.iter().map(|own| own.job.0.clone()).collect();
        jobs.sort();
        jobs.dedup();
        let Some(mut states) = self.ask(&jobs)? else { return Ok(Vec::new()) };
        let unknown = |states: &States| {
            let all = watched.iter().flat_map(|own| {
                let first = self.first(&own.tasks);
                own.tasks.iter().map(move |task| (own.job.0.clone(), task.saturating_sub(first)))
            });
            let mut jobs: Vec<String> = all.filter(|key| !states.contains_key(key)).map(|(job, _)| job).collect();
            jobs.dedup();
            jobs
        };
        let forgotten = unknown(&states);
        if !forgotten.is_empty() {
            let Some(more) = self.ask_accounting(&forgotten)? else { return Ok(Vec::new()) };
            states.extend(more.into_iter().filter(|(key, _)| forgotten.contains(&key.0)).collect::<States>());
        }
        let mut news = Vec::new();
        for own in watched {
            let first = self.first(&own.tasks);
            for &task in &own.tasks {
                let known = states.get(&(own.job.0.clone(), task.saturating_sub(first))).cloned();
                let state = known.unwrap_or(TaskState::Ended(Ending::Vanished));
                news.push(TaskReport { job: own.job.clone(), task, state });
            }
        }
        if std::mem::take(&mut self.silent) {
            self.warnings.push("slurm: it answers again".into());
        }
        self.back_off.reset();
        // a slow controller is asked seldom
        let wait = (begin.elapsed() * 20).clamp(Duration::from_secs(2), Duration::from_secs(60));
        self.next = Instant::now() + wait;
        Ok(news)
    }

    fn call(&self, program: &str, words: &[OsString]) -> Result<Answer> {
        call(NAME, self.programs.join(program).as_os_str(), words, PATIENCE)
    }

    /// The task that is element 0 of the array with these tasks. Arrays must not be too long, and numbers of elements not
    /// too large.
    fn first(&self, tasks: &[usize]) -> usize {
        tasks.first().map_or(0, |task| task / self.max_array * self.max_array)
    }

    /// The number of the job with this token as name or comment.
    fn look(&self, token: &str) -> Result<Option<String>> {
        let user = rustix::process::getuid().as_raw().to_string();
        let words = ["--noheader", "--states=all", "--format", "%F|%j|%k", "--user", &user].map(OsString::from);
        let answer = self.call("squeue", &words)?;
        if !answer.ok {
            return Err(unreachable(format!("squeue: {}", answer.words())));
        }
        let of_line = |line: &str| {
            let (job, marks) = line.trim().split_once('|')?;
            marks.split('|').any(|mark| mark == token).then(|| job.to_string())
        };
        if let Some(job) = answer.out.lines().find_map(of_line) {
            return Ok(Some(job));
        }
        let words = ["--noheader", "--parsable2", "--allocations", "--starttime=now-30days", "--format=JobID"];
        let mut words = words.map(OsString::from).to_vec();
        words.push(format!("--name={token}").into());
        let known = self.call("sacct", &words).ok().filter(|answer| answer.ok).and_then(|answer| {
            let line = answer.out.lines().next()?;
            Some(line.split(['_', '.']).next()?.to_string()).filter(|job| !job.is_empty())
        });
        Ok(known)
    }
}

fn unreachable(message: String) -> ProductionError {
    ProductionError::Executor { executor: NAME, message }
}

/// Whether a failure of `sbatch` may pass. The job may even have been taken.
fn passes(words: &str) -> bool {
    let words = words.to_lowercase();
    let phrases = [
        "unable to contact",
        "timed out",
        "did not answer",
        "zero bytes were transmitted",
        "connection refused",
        "connection reset",
        "not connected",
        "communication",
        "temporarily",
        "try again",
        "retry",
        "unexpected message received",
        "submit limit",
        "maxjobcount",
        "slurm_persist_conn",
        "protocol authentication",
    ];
    phrases.iter().any(|phrase| words.contains(phrase))
}

impl Executor for Slurm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            arrays: true,
            slots: None,
            array_limit: Some(self.max_array),
            limits: true,
            poll_interval: Duration::from_secs(1),
        }
    }

    fn submit(&mut self, given: &StepSubmission) -> Result<JobId> {
        if !self.has_script {
            write_atomic(&given.scripts.join(SCRIPT_NAME), SCRIPT.as_bytes(), false)?;
            self.has_script = true;
        }
        let first = self.first(&given.tasks);
        let concurrent = given.concurrent.map(|limit| limit.max(1));
        let words = words(given, &self.state, first, self.limit_memory, concurrent)?;
        let answer = self.call("sbatch", &words)?;
        let number = answer.out.trim().split(';').next().unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if answer.ok && is_number {
            // a job that was just taken is news soon
            self.next = self.next.min(Instant::now() + Duration::from_secs(1));
            return Ok(JobId(number.into()));
        }
        let words = answer.words();
        if !answer.ok && !passes(&words) {
            return Err(refused(NAME, words));
        }
        match self.find(&given.token) {
            Ok(Some(job)) => Ok(job),
            Ok(None) => Err(ProductionError::Busy { executor: NAME, message: words }),
            Err(error) => {
                stop(&self.state, &given.token)?;
                Err(ProductionError::Busy { executor: NAME, message: format!("{words}; {error}") })
            }
        }
    }

    fn find(&mut self, token: &str) -> Result<Option<JobId>> {
        let mut waits = BackOff::new(Duration::from_millis(500), Duration::from_secs(4));
        for _ in 0..5 {
            match self.look(token) {
                Ok(Some(number)) => return Ok(Some(JobId(number))),
                Ok(None) => {
                    stop(&self.state, token)?;
                    return Ok(None);
                }
                Err(_) => std::thread::sleep(waits.wait()),
            }
        }
        Err(unreachable("it does not answer; nothing is lost, run again later".into()))
    }

    fn poll(&mut self, jobs: &[Watched], wait: Duration) -> Result<Vec<TaskReport>> {
        let until = Instant::now() + wait;
        loop {
            let (mut news, results) = self.files.news(jobs);
            self.results.extend(results);
            if news.is_empty() {
                news = self.slurm_news(jobs)?;
            }
            if !news.is_empty() || Instant::now() >= until {
                return Ok(news);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn results(&mut self) -> Vec<TaskResult> {
        std::mem::take(&mut self.results)
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn cancel(&mut self, jobs: &[Watched]) -> Result<()> {
        let mut elements: Vec<OsString> = Vec::new();
        for own in jobs {
            let first = self.first(&own.tasks);
            let tasks = ranges(own.tasks.iter().map(|task| task.saturating_sub(first)));
            elements.push(format!("{}_[{tasks}]", own.job.0).into());
        }
        let mut waits = BackOff::new(Duration::from_millis(500), Duration::from_secs(4));
        for part in elements.chunks(ASKED_AT_ONCE) {
            let mut tries = 0;
            loop {
                let answer = self.call("scancel", part)?;
                tries += 1;
                // jobs that have ended meanwhile need no cancelling
                if answer.ok || answer.err.contains("Invalid job id") || answer.err.contains("already") {
                    break;
                }
                if tries == 5 {
                    return Err(unreachable(format!("scancel: {}", answer.words())));
                }
                std::thread::sleep(waits.wait());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_failures_that_pass() {
        let failed = "sbatch: error: Batch job submission failed: ";
        for words in ["Unable to contact slurm controller (connect failure)", "Socket timed out on send/recv operation"]
        {
            assert!(passes(&format!("{failed}{words}")), "{words}");
        }
        for words in
            ["Invalid account or account/partition combination specified", "Memory specification can not be satisfied"]
        {
            assert!(!passes(&format!("{failed}{words}")), "{words}");
        }
        assert!(!passes("sbatch: error: invalid partition specified: nope"));
    }
}
