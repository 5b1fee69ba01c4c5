//! HTCondor: a submit description for each array; news from the log that HTCondor writes beside it.

pub mod dag;
mod description;
pub mod log;

use super::batch::{ResultFiles, stop};
use super::command::{Answer, call};
use super::{Capabilities, Executor, JobId, StepSubmission, TaskReport, TaskState, Watched, refused};
use crate::error::{ProductionError, Result};
use crate::state::{StateDir, write_atomic};
use crate::task::TaskResult;
use description::{TOKEN, description, log_file};
use log::EventLog;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAME: &str = "htcondor";
const PATIENCE: Duration = Duration::from_secs(120);

/// The executor of HTCondor.
pub struct HtCondor {
    state: StateDir,
    /// Directory of the commands of HTCondor; empty if they are on the path.
    programs: PathBuf,
    files: ResultFiles,
    results: Vec<TaskResult>,
    /// Logs that were read, by token, with their sizes.
    logs: HashMap<String, (u64, EventLog)>,
}

impl HtCondor {
    /// An executor for the production with this state directory, which all machines must see under the same name.
    ///
    /// # Errors
    /// When `condor_submit` is not there.
    pub fn new(state: &StateDir) -> Result<Self> {
        Self::with_programs(state, Path::new(""))
    }

    /// Like [`Self::new`], with the commands of HTCondor from this directory.
    ///
    /// # Errors
    /// When `condor_submit` is not there.
    pub fn with_programs(state: &StateDir, programs: &Path) -> Result<Self> {
        let own = Self {
            state: state.clone(),
            programs: programs.into(),
            files: ResultFiles::new(state),
            results: Vec::new(),
            logs: HashMap::new(),
        };
        own.call("condor_submit", &["-version".into()])?;
        Ok(own)
    }

    fn call(&self, program: &str, words: &[OsString]) -> Result<Answer> {
        call(NAME, self.programs.join(program).as_os_str(), words, PATIENCE)
    }

    /// What the log of a token says.
    fn log(&mut self, token: &str) -> &EventLog {
        let path = log_file(&self.state.scripts(), token);
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        let own = self.logs.entry(token.to_string()).or_default();
        if own.0 != size {
            // a log that cannot be read now can be later
            if let Ok(bytes) = std::fs::read(&path) {
                *own = (bytes.len() as u64, EventLog::read(&String::from_utf8_lossy(&bytes)));
            }
        }
        &own.1
    }

    fn log_news(&mut self, jobs: &[Watched]) -> Vec<TaskReport> {
        let mut news = Vec::new();
        for own in jobs {
            let log = self.log(&own.token);
            for &task in &own.tasks {
                if let Some(state) = log.tasks.get(&task) {
                    news.push(TaskReport { job: own.job.clone(), task, state: state.clone() });
                }
            }
        }
        news
    }
}

impl Executor for HtCondor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            arrays: true,
            slots: None,
            array_limit: None,
            limits: true,
            poll_interval: Duration::from_secs(1),
        }
    }

    fn submit(&mut self, given: &StepSubmission) -> Result<JobId> {
        let path = given.scripts.join(format!("{}.sub", given.token));
        write_atomic(&path, description(given, &self.state)?.as_bytes(), false)?;
        let answer = self.call("condor_submit", &["-terse".into(), path.into()])?;
        // `123.0 - 123.4`
        let number = answer.out.split(['.', ' ', '\n']).next().unwrap_or_default();
        if answer.ok && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(JobId(number.into()));
        }
        let words = answer.words();
        let lower = words.to_lowercase();
        let passes = ["failed to connect", "can't find address", "timed out", "did not answer", "timeout", "max_jobs"];
        if !answer.ok && !passes.iter().any(|phrase| lower.contains(phrase)) {
            return Err(refused(NAME, words));
        }
        match self.find(&given.token)? {
            Some(job) => Ok(job),
            None => Err(ProductionError::Busy { executor: NAME, message: words }),
        }
    }

    fn find(&mut self, token: &str) -> Result<Option<JobId>> {
        if let Some(cluster) = self.log(token).cluster {
            return Ok(Some(JobId(cluster.to_string())));
        }
        let constraint = format!("{TOKEN} == \"{token}\"");
        let words = ["-constraint", &constraint, "-autoformat", "ClusterId"].map(OsString::from);
        let answer = self.call("condor_q", &words).ok().filter(|answer| answer.ok);
        let number = answer.and_then(|answer| answer.out.split_whitespace().next().map(str::to_string));
        if number.is_none() {
            stop(&self.state, token)?;
        }
        Ok(number.map(JobId))
    }

    fn poll(&mut self, jobs: &[Watched], wait: Duration) -> Result<Vec<TaskReport>> {
        let until = Instant::now() + wait;
        loop {
            let (mut news, results) = self.files.news(jobs);
            self.results.extend(results);
            if news.is_empty() {
                news = self.log_news(jobs);
                news.retain(|report| matches!(report.state, TaskState::Ended(_)));
            }
            if !news.is_empty() || Instant::now() >= until {
                return Ok(news);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn results(&mut self) -> Vec<TaskResult> {
        std::mem::take(&mut self.results)
    }

    fn cancel(&mut self, jobs: &[Watched]) -> Result<()> {
        for own in jobs {
            stop(&self.state, &own.token)?;
        }
        let numbers: Vec<OsString> = jobs.iter().map(|own| own.job.0.clone().into()).collect();
        for part in numbers.chunks(200) {
            let answer = self.call("condor_rm", part)?;
            // jobs that have ended meanwhile need no removing
            if !answer.ok && !answer.words().contains("Couldn't find") {
                return Err(ProductionError::Executor { executor: NAME, message: answer.words() });
            }
        }
        Ok(())
    }
}
