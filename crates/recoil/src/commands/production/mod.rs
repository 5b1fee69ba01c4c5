//! `recoil production`: productions from validation to report.

mod check;
mod executors;
mod export;
mod inspect;
mod lst;
mod running;
mod search;
mod task;

pub(crate) use running::{demo, demo_command};

use crate::cli::Context;
use clap::{Arg, ArgMatches, Command, value_parser};
use recoil_production::ProductionError;
use recoil_production::state::StateDir;
use recoil_stage::{ErrorKind, StageError};
use std::path::{Path, PathBuf};

/// The group with its commands.
pub(crate) fn command() -> Command {
    Command::new("production")
        .about("Run many steps: on this machine, on Slurm, on HyperQueue")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            check::validate_command(),
            check::plan_command(),
            running::run_command(),
            running::retry_command(),
            running::cancel_command(),
            inspect::status_command(),
            inspect::explain_command(),
            inspect::logs_command(),
            inspect::report_command(),
            inspect::clean_command(),
            export::command(),
            lst::generate_command(),
            lst::nsb_command(),
            lst::import_command(),
            lst::register_command(),
            lst::split_command(),
            lst::tune_command(),
            search::trial_command(),
            search::rank_command(),
            search::conclude_command(),
            task::command(),
        ])
}

/// Carries out the command of the group that the words ask for.
pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    match matches.subcommand() {
        Some(("validate", own)) => check::validate(own, context),
        Some(("plan", own)) => check::plan(own, context),
        Some(("run", own)) => running::run(own, context),
        Some(("retry", own)) => running::retry(own, context),
        Some(("cancel", own)) => running::cancel(own, context),
        Some(("status", own)) => inspect::status(own, context),
        Some(("explain", own)) => inspect::explain(own, context),
        Some(("logs", own)) => inspect::logs(own, context),
        Some(("report", own)) => inspect::report(own, context),
        Some(("clean", own)) => inspect::clean(own, context),
        Some(("export", own)) => export::run(own, context),
        Some(("generate", own)) => lst::generate(own),
        Some(("nsb-levels", own)) => lst::nsb_levels(own),
        Some(("import", own)) => lst::import(own),
        Some(("register", own)) => lst::register(own, context),
        Some(("train_test_split", own)) => lst::train_test_split(own),
        Some(("tune_nsb", own)) => lst::tune_nsb(own),
        Some(("trial", own)) => search::trial(own),
        Some(("rank", own)) => search::rank(own),
        Some(("conclude", own)) => search::finish(own),
        Some(("run-task", own)) => task::run(own),
        _ => Ok(0),
    }
}

/// The file of a production.
fn file_argument() -> Arg {
    Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help("YAML file")
}

/// A production's file or state directory.
fn place_argument() -> Arg {
    let help = "Production: its YAML file, its state directory, or the directory of its file [default: .]";
    Arg::new("place")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .default_value(".")
        .help(help)
        .hide_default_value(true)
}

/// `--state`
fn state_option() -> Arg {
    let help = "Directory that remembers what was done [default: .recoil/NAME beside the file]";
    Arg::new("state").long("state").value_name("DIR").value_parser(value_parser!(PathBuf)).help(help)
}

/// The state directory that `place` or `--state` means.
fn state_of(matches: &ArgMatches, context: &Context<'_>) -> Result<StateDir, StageError> {
    if let Some(state) = matches.get_one::<PathBuf>("state") {
        return Ok(StateDir::new(state));
    }
    let place = matches.get_one::<PathBuf>("place").map_or(Path::new("."), PathBuf::as_path);
    let name = match place.is_file() {
        true => Some(check::read_valid(place, context)?.name),
        false => None,
    };
    recoil_production::status::find(place, name.as_deref()).map_err(blame)
}

/// Whose fault an error is.
fn blame(error: ProductionError) -> StageError {
    let kind = match &error {
        ProductionError::Usage(_) => ErrorKind::Usage,
        ProductionError::Exists(_) => ErrorKind::Output,
        ProductionError::State { .. } => ErrorKind::Input,
        ProductionError::Executor { .. } | ProductionError::Refused { .. } | ProductionError::Busy { .. } => {
            ErrorKind::Partial
        }
        ProductionError::File { doing, .. } if doing.starts_with("read") || doing.starts_with("list") => {
            ErrorKind::Input
        }
        ProductionError::File { .. } => ErrorKind::Output,
    };
    StageError::new(kind, error.to_string())
}
