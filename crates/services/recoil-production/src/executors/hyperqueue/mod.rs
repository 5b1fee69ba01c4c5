//! HyperQueue: through the program `hq` where it is installed and a server runs, or else through the Python package of
//! that name, which brings an engine of its own.
//!
//! HyperQueue forgets everything when its server ends, and counts its jobs from 1 again afterwards. So the name of a job
//! has that of its server in it, and jobs of another server are unknown.

mod package;
mod program;

use super::batch::{ResultFiles, stop};
use super::{Capabilities, Executor, JobId, StepSubmission, TaskReport, Watched};
use crate::error::{ProductionError, Result};
use crate::state::StateDir;
use crate::task::TaskResult;
use package::Package;
use program::Program;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const NAME: &str = "hyperqueue";

/// A way to talk to HyperQueue.
trait Door {
    /// Submits the tasks as one job.
    fn submit(&mut self, given: &StepSubmission, state: &StateDir) -> Result<JobId>;
    /// The job of a token.
    fn find(&mut self, token: &str) -> Result<Option<JobId>>;
    /// What is known of tasks that have ended or that are gone.
    fn ask(&mut self, jobs: &[Watched]) -> Result<Vec<TaskReport>>;
    /// Cancels what can be; whether it can.
    fn cancel(&mut self, jobs: &[Watched]) -> Result<()>;
}

/// The executor of HyperQueue.
pub struct HyperQueue {
    state: StateDir,
    door: Box<dyn Door>,
    files: ResultFiles,
    results: Vec<TaskResult>,
    warnings: Vec<String>,
    /// Whether it did not answer when it was asked last.
    silent: bool,
    next: Instant,
}

impl HyperQueue {
    /// An executor that uses the server of the environment variable `HQ_SERVER_DIR` or a running server of `hq`. If there
    /// is none, it starts a server and a worker with `cores` processors on this machine.
    ///
    /// # Errors
    /// When neither `hq` with a server nor the Python package can be found.
    pub fn new(state: &StateDir, cores: u32) -> Result<Self> {
        let server = std::env::var_os("HQ_SERVER_DIR").map(PathBuf::from);
        let door: Box<dyn Door> = match Program::find() {
            Some(program) => Box::new(program),
            None => Box::new(Package::find(state, server, cores)?),
        };
        Ok(Self {
            state: state.clone(),
            door,
            files: ResultFiles::new(state),
            results: Vec::new(),
            warnings: Vec::new(),
            silent: false,
            next: Instant::now(),
        })
    }
}

fn failed(message: impl Into<String>) -> ProductionError {
    ProductionError::Executor { executor: NAME, message: message.into() }
}

impl Executor for HyperQueue {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            arrays: true,
            slots: None,
            array_limit: None,
            limits: false,
            poll_interval: Duration::from_millis(500),
        }
    }

    fn submit(&mut self, given: &StepSubmission) -> Result<JobId> {
        match self.door.submit(given, &self.state) {
            Err(ProductionError::Executor { executor, message }) => {
                // it may have come through
                match self.find(&given.token) {
                    Ok(Some(job)) => return Ok(job),
                    Ok(None) => {}
                    Err(_) => stop(&self.state, &given.token)?,
                }
                Err(ProductionError::Busy { executor, message })
            }
            other => other,
        }
    }

    fn find(&mut self, token: &str) -> Result<Option<JobId>> {
        let job = self.door.find(token)?;
        if job.is_none() {
            stop(&self.state, token)?;
        }
        Ok(job)
    }

    fn poll(&mut self, jobs: &[Watched], wait: Duration) -> Result<Vec<TaskReport>> {
        let until = Instant::now() + wait;
        loop {
            let (mut news, results) = self.files.news(jobs);
            self.results.extend(results);
            if news.is_empty() && Instant::now() >= self.next {
                let begin = Instant::now();
                news = match self.door.ask(jobs) {
                    Ok(news) => {
                        self.silent = false;
                        news
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut self.silent, true) {
                            self.warnings.push(format!("{error}; asking again until it answers"));
                        }
                        self.next = Instant::now() + Duration::from_secs(10);
                        continue;
                    }
                };
                self.next =
                    Instant::now() + (begin.elapsed() * 20).clamp(Duration::from_secs(1), Duration::from_secs(30));
            }
            if !news.is_empty() || Instant::now() >= until {
                return Ok(news);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn results(&mut self) -> Vec<TaskResult> {
        std::mem::take(&mut self.results)
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn cancel(&mut self, jobs: &[Watched]) -> Result<()> {
        for own in jobs {
            stop(&self.state, &own.token)?;
        }
        self.door.cancel(jobs)
    }
}
