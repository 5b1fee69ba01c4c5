//! `recoil production run-task`: what executors start.

use super::blame;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::state::StateDir;
use recoil_production::task::Outcome;
use recoil_production::task::run::run_one;
use recoil_production::task::supervise::Limits;
use recoil_production::task::worker::serve;
use recoil_stage::{ErrorKind, StageError};
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn command() -> Command {
    let own = |name: &'static str| Arg::new(name).long(name);
    Command::new("run-task").about("Run a task of a production (started by executors)").hide(true).args([
        own("dir").value_name("DIR").required(true).value_parser(value_parser!(PathBuf)).help("State directory"),
        own("worker").action(ArgAction::SetTrue).help("Take tasks from standard input"),
        own("step").value_name("ID").required_unless_present("worker").help("The step"),
        own("task").value_name("N").value_parser(value_parser!(usize)).default_value("0").help("Number of the task"),
        own("first").value_name("N").value_parser(value_parser!(usize)).default_value("0").help("Added to --task"),
        own("attempt").value_name("N").value_parser(value_parser!(u32)).default_value("1").help("Which try"),
        own("memory").value_name("BYTES").value_parser(value_parser!(u64)).help("Limit of memory"),
        own("seconds").value_name("N").value_parser(value_parser!(u64)).help("Limit of time"),
        own("stop-file").value_name("FILE").value_parser(value_parser!(PathBuf)).help("Stop when this file exists"),
    ])
}

pub(super) fn run(matches: &ArgMatches) -> Result<u8, StageError> {
    let Some(directory) = matches.get_one::<PathBuf>("dir") else { return Ok(0) };
    let state = StateDir::new(directory);
    if matches.get_flag("worker") {
        return serve(&state).map_err(blame).map(|()| 0);
    }
    let Some(step) = matches.get_one::<String>("step") else { return Ok(0) };
    let task = matches.get_one::<usize>("task").copied().unwrap_or_default();
    let attempt = matches.get_one::<u32>("attempt").copied().unwrap_or(1);
    let task = task + matches.get_one::<usize>("first").copied().unwrap_or_default();
    let limits = Limits {
        memory_bytes: matches.get_one("memory").copied(),
        time: matches.get_one("seconds").copied().map(Duration::from_secs),
    };
    let stop_file = matches.get_one::<PathBuf>("stop-file").cloned();
    let result = run_one(&state, step, task, attempt, limits, stop_file).map_err(blame)?;
    match result.outcome {
        Outcome::Done => Ok(0),
        _ => Err(StageError::new(ErrorKind::Partial, format!("task {task} of step {step}: {}", result.message))),
    }
}
