//! The program `hq`.

use super::super::batch::{limits, ranges, stop_file};
use super::super::command::call;
use super::super::{Ending, JobId, StepSubmission, TaskReport, TaskState, Watched};
use super::{Door, NAME, failed};
use crate::error::Result;
use crate::state::{StateDir, write_atomic};
use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// What every task runs; commands and names come as arguments.
const SCRIPT: &str = "#!/bin/sh\nexec \"$@\" --task \"$HQ_TASK_ID\"\n";

/// The way through the program.
pub(super) struct Program;

impl Program {
    /// The program, if it is there and reaches a server.
    pub fn find() -> Option<Self> {
        server().is_ok().then_some(Self)
    }
}

fn hq(words: &[OsString]) -> Result<Value> {
    let mut all: Vec<OsString> = vec!["--output-mode=json".into()];
    all.extend(words.iter().cloned());
    let answer = call(NAME, "hq".as_ref(), &all, PATIENCE)?;
    let value: Option<Value> = serde_json::from_str(&answer.out).ok();
    let error = value.as_ref().and_then(|value| value.get("error")?.as_str());
    match (&value, error) {
        (Some(value), None) if answer.ok => Ok(value.clone()),
        // cancelling prints nothing
        (None, _) if answer.ok => Ok(Value::Null),
        (_, Some(words)) => Err(failed(words.lines().next().unwrap_or_default())),
        _ => Err(failed(answer.words())),
    }
}

/// What tells this server from others.
fn server() -> Result<String> {
    let info = hq(&["server".into(), "info".into()])?;
    let uid = info.get("server_uid").and_then(Value::as_str);
    uid.map(str::to_string).ok_or_else(|| failed("its server has no name"))
}

/// Whether all workers say how much memory they have; otherwise a task that asks for memory would wait for ever.
fn knows_memory() -> bool {
    fn names_it(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                fields.get("name").is_some_and(|name| name == "mem") || fields.values().any(names_it)
            }
            Value::Array(items) => items.iter().any(names_it),
            _ => false,
        }
    }
    match hq(&["worker".into(), "list".into()]) {
        Ok(Value::Array(workers)) => !workers.is_empty() && workers.iter().all(names_it),
        _ => false,
    }
}

fn number_of<'a>(job: &'a JobId, server: &str) -> Option<&'a str> {
    job.0.split_once('@').filter(|(_, uid)| *uid == server).map(|(number, _)| number)
}

impl Door for Program {
    fn submit(&mut self, given: &StepSubmission, state: &StateDir) -> Result<JobId> {
        let script = given.scripts.join("hq-task.sh");
        write_atomic(&script, SCRIPT.as_bytes(), false)?;
        let resources = &given.resources;
        let array = ranges(given.tasks.iter().copied());
        let mut words: Vec<OsString> = vec!["submit".into(), format!("--name={}", given.token).into()];
        words.push(format!("--array={array}").into());
        words.push(format!("--cpus={}", resources.cpus.unwrap_or(1)).into());
        if let Some(bytes) = resources.memory_bytes.filter(|_| knows_memory()) {
            words.push(format!("--resource=mem={}", bytes.div_ceil(1 << 20)).into());
        }
        if let Some(seconds) = resources.time_seconds {
            // the task runner stops in time by itself
            words.push(format!("--time-limit={}s", seconds + 30).into());
            words.push(format!("--time-request={seconds}s").into());
        }
        for (name, value) in &given.scheduler {
            // the others are those of batch systems, which HyperQueue has not
            if ["priority", "pin", "crash-limit", "resource"].contains(&name.as_str()) {
                words.push(format!("--{name}={value}").into());
            }
        }
        words.extend(["--cwd=/", "--stdout=none", "--stderr=none", "--directives=off", "--", "sh"].map(Into::into));
        words.push(script.into());
        words.extend(given.runner.iter().cloned());
        words.extend(["--stop-file".into(), stop_file(state, &given.token).into()]);
        words.extend(limits(resources, true));
        let answer = hq(&words)?;
        let number = answer.get("id").and_then(Value::as_u64).ok_or_else(|| failed("it gave no number"))?;
        Ok(JobId(format!("{number}@{}", server()?)))
    }

    fn find(&mut self, token: &str) -> Result<Option<JobId>> {
        let server = server()?;
        let jobs = hq(&["job".into(), "list".into(), "--all".into()])?;
        let own = jobs.as_array().into_iter().flatten().find(|job| job["name"] == token);
        Ok(own.and_then(|job| job["id"].as_u64()).map(|number| JobId(format!("{number}@{server}"))))
    }

    fn ask(&mut self, jobs: &[Watched]) -> Result<Vec<TaskReport>> {
        let server = server()?;
        let numbers: Vec<&str> = jobs.iter().filter_map(|own| number_of(&own.job, &server)).collect();
        let mut known: HashMap<(String, usize), TaskState> = HashMap::new();
        for part in numbers.chunks(200) {
            let answer = hq(&["task".into(), "list".into(), part.join(",").into()])?;
            for (number, tasks) in answer.as_object().into_iter().flatten() {
                for task in tasks.as_array().into_iter().flatten() {
                    let Some(id) = task["id"].as_u64().and_then(|id| usize::try_from(id).ok()) else { continue };
                    let state = task["state"].as_str().unwrap_or_default();
                    known.insert((number.clone(), id), meaning(state));
                }
            }
        }
        let mut news = Vec::new();
        for own in jobs {
            let number = number_of(&own.job, &server).unwrap_or_default();
            for &task in &own.tasks {
                let state = known.get(&(number.to_string(), task)).cloned();
                let state = state.unwrap_or(TaskState::Ended(Ending::Vanished));
                news.push(TaskReport { job: own.job.clone(), task, state });
            }
        }
        Ok(news)
    }

    fn cancel(&mut self, jobs: &[Watched]) -> Result<()> {
        let server = server()?;
        let numbers: Vec<&str> = jobs.iter().filter_map(|own| number_of(&own.job, &server)).collect();
        for part in numbers.chunks(200) {
            hq(&["job".into(), "cancel".into(), part.join(",").into()])?;
        }
        Ok(())
    }
}

fn meaning(state: &str) -> TaskState {
    match state {
        "waiting" => TaskState::Waiting,
        "finished" => TaskState::Ended(Ending::Succeeded),
        "failed" => TaskState::Ended(Ending::Exited),
        "canceled" => TaskState::Ended(Ending::Cancelled),
        _ => TaskState::Running(None),
    }
}
