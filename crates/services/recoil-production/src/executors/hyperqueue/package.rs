//! The Python package `hyperqueue`: a small program in Python between it and the manager.

use super::super::batch::{limits, stop_file};
use super::super::command::call;
use super::super::{Ending, JobId, StepSubmission, TaskReport, TaskState, Watched};
use super::{Door, NAME, failed};
use crate::error::{ProductionError, Result};
use crate::state::{StateDir, write_atomic};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const BRIDGE: &str = include_str!("bridge.py");
/// The start of a server takes some seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The way through the package.
pub(super) struct Package {
    python: OsString,
    home: PathBuf,
    /// Directory of a server that others started.
    server: Option<PathBuf>,
    cores: u32,
    bridge: Option<(Child, ChildStdin, Receiver<String>)>,
}

impl Package {
    /// Looks for a Python that has the package: `RECOIL_PYTHON`, that of the active virtual environment, `python3`.
    pub fn find(state: &StateDir, server: Option<PathBuf>, cores: u32) -> Result<Self> {
        let own = std::env::var_os("RECOIL_PYTHON");
        let venv = std::env::var_os("VIRTUAL_ENV").map(|venv| PathBuf::from(venv).join("bin/python").into_os_string());
        let candidates = own.into_iter().chain(venv).chain(["python3".into(), "python".into()]);
        let words = ["-c".into(), "import hyperqueue.ffi.client".into()];
        let works = |python: &OsString| call(NAME, python, &words, PATIENCE).is_ok_and(|answer| answer.ok);
        let Some(python) = candidates.into_iter().find(works) else {
            let message = "neither `hq` with a running server nor the Python package `hyperqueue` can be found (pip \
                           install hyperqueue; RECOIL_PYTHON names the Python that has it)";
            return Err(failed(message));
        };
        Ok(Self { python, home: state.path().join("hyperqueue"), server, cores, bridge: None })
    }

    fn start(&self) -> Result<(Child, ChildStdin, Receiver<String>)> {
        fs::create_dir_all(&self.home).map_err(ProductionError::file("create the directory", &self.home))?;
        let script = self.home.join("bridge.py");
        write_atomic(&script, BRIDGE.as_bytes(), false)?;
        let log_path = self.home.join("bridge.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(ProductionError::file("write", &log_path))?;
        let mut child = Command::new(&self.python)
            .arg(&script)
            .arg("client")
            .arg(self.server.as_ref().unwrap_or(&self.home))
            .arg(self.cores.to_string())
            .arg(self.home.join("jobs"))
            .arg(if self.server.is_some() { "given" } else { "own" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(ProductionError::file("start", self.python.as_ref()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("its bridge has no pipes"));
        };
        let (sender, receiver) = channel();
        let read = move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("hyperqueue".into()).spawn(read);
        thread.map_err(ProductionError::file("start a thread for", self.python.as_ref()))?;
        Ok((child, input, receiver))
    }

    fn request(&mut self, request: &Value) -> Result<Value> {
        let (child, mut input, answers) = match self.bridge.take() {
            Some(bridge) => bridge,
            None => self.start()?,
        };
        let log = self.home.join("bridge.log");
        let gone = |_| failed(format!("its bridge does not answer; see {}", log.display()));
        writeln!(input, "{request}").and_then(|()| input.flush()).map_err(|error| failed(error.to_string()))?;
        let answer = answers.recv_timeout(PATIENCE).map_err(gone)?;
        self.bridge = Some((child, input, answers));
        let answer: Value = serde_json::from_str(&answer).map_err(|error| failed(error.to_string()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(words) => Err(failed(words)),
            None => Ok(answer),
        }
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        if let Some((mut child, input, _)) = self.bridge.take() {
            drop(input);
            // it ends with its input
            let _ = child.wait();
        }
    }
}

impl Door for Package {
    fn submit(&mut self, given: &StepSubmission, state: &StateDir) -> Result<JobId> {
        let mut words = given.runner.clone();
        words.extend(["--stop-file".into(), stop_file(state, &given.token).into()]);
        words.extend(limits(&given.resources, true));
        let text = |word: &OsString| word.to_str().map(str::to_string);
        let runner: Option<Vec<String>> = words.iter().map(text).collect();
        let Some(runner) = runner else {
            return Err(super::super::refused(NAME, "a path is not valid UTF-8".into()));
        };
        // one worker of this machine would wait for ever for more than it has
        let cpus = given.resources.cpus.unwrap_or(1);
        let cpus = if self.server.is_some() { cpus } else { cpus.min(self.cores) };
        let request =
            json!({"do": "submit", "token": given.token, "tasks": given.tasks, "runner": runner, "cpus": cpus});
        job_of(&self.request(&request)?).ok_or_else(|| failed("it gave no number"))
    }

    fn find(&mut self, token: &str) -> Result<Option<JobId>> {
        Ok(job_of(&self.request(&json!({"do": "find", "token": token}))?))
    }

    fn ask(&mut self, jobs: &[Watched]) -> Result<Vec<TaskReport>> {
        let names: Vec<&str> = jobs.iter().map(|own| own.job.0.as_str()).collect();
        let answer = self.request(&json!({"do": "poll", "jobs": names}))?;
        let mut news = Vec::new();
        for own in jobs {
            let known = answer.pointer("/jobs").and_then(|jobs| jobs.get(&own.job.0));
            for &task in &own.tasks {
                let ending = match known {
                    None => Ending::Vanished,
                    Some(job) if job["failed"].get(task.to_string()).is_some() => Ending::Exited,
                    Some(job) if job["over"] == true && job["whole"] == true => Ending::Succeeded,
                    // others cancelled some of it; the package does not say which
                    Some(job) if job["over"] == true => Ending::Exited,
                    Some(_) => continue,
                };
                news.push(TaskReport { job: own.job.clone(), task, state: TaskState::Ended(ending) });
            }
        }
        Ok(news)
    }

    fn cancel(&mut self, _jobs: &[Watched]) -> Result<()> {
        // the package cannot cancel; the file that stops the tasks does it
        Ok(())
    }
}

fn job_of(answer: &Value) -> Option<JobId> {
    Some(JobId(answer.get("job")?.as_str()?.to_string()))
}
