//! `recoil production run`, `retry` and `cancel`.

use super::check::{read_valid, state_for};
use super::{blame, executors, file_argument, place_argument, state_of, state_option};
use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::ProductionError;
use recoil_production::engine::{self, Summary};
use recoil_production::executors::local::Size;
use recoil_production::plan::Plan;
use recoil_production::state::write_atomic;
use recoil_production::units::memory_bytes;
use recoil_stage::progress::{Level, Terminal};
use recoil_stage::{Blame as _, Cancel, ErrorKind, StageError};
use serde_json::json;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn running_options(command: Command) -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    command.args(executors::options()).args([
        switch("yes").short('y').help("Replace outputs that exist without asking"),
        switch("overwrite").help("Replace outputs that exist"),
        switch("keep-going").short('k').help("After a failure, go on with everything that does not need its outputs"),
        Arg::new("jobs")
            .short('j')
            .long("jobs")
            .value_name("N")
            .value_parser(value_parser!(u32).range(1..))
            .help("At most so many tasks at once"),
        Arg::new("memory-factor")
            .long("memory-factor")
            .value_name("X")
            .value_parser(|text: &str| text.parse::<f64>().ok().filter(|x| (1.0..=16.0).contains(x)).ok_or("1 to 16"))
            .default_value("2")
            .help("Memory of the next try after a failure for lack of it, relative to the last"),
        Arg::new("memory-cap")
            .long("memory-cap")
            .value_name("SIZE")
            .value_parser(|text: &str| memory_bytes(text).ok_or("expected an amount such as 100GB"))
            .help("Never ask for more memory"),
        Arg::new("interrupt")
            .long("on-interrupt")
            .value_name("WHAT")
            .value_parser(["leave", "cancel"])
            .default_value("leave")
            .help("On Ctrl-C, leave the tasks that run to end by themselves, or cancel them"),
        Arg::new("inputs")
            .long("inputs")
            .value_name("HOW")
            .value_parser(["time", "content"])
            .default_value("time")
            .help("Tell inputs apart by size and time of change, or by their content"),
        state_option(),
        options::json(),
        switch("no-progress").help("Draw no progress bars"),
        switch("quiet").short('q').conflicts_with("verbose").help("Print no messages but errors"),
        switch("verbose").short('v').help("Print more messages"),
    ])
}

pub(super) fn run_command() -> Command {
    running_options(Command::new("run").about("Run everything that is not up to date")).arg(file_argument())
}

pub(super) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(0) };
    run_file(file, matches, context)
}

/// The production that `recoil demo` runs.
const DEMO: &str = include_str!("../../../../../workflows/demo.yaml");

pub(crate) fn demo_command() -> Command {
    running_options(Command::new("demo").about("Run the demonstration: from simulated events to a report with figures"))
        .arg(options::output("DIR", "Directory for the production's file and the outputs of all steps").required(true))
}

/// Writes the file of the production into the directory and runs it.
pub(crate) fn demo(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    let file = directory.join("demo.yaml");
    std::fs::create_dir_all(directory).output_error(format!("cannot create {}", directory.display()))?;
    write_atomic(&file, DEMO.as_bytes(), true).map_err(blame)?;
    let code = run_file(&file, matches, context)?;
    if code == 0 && !matches.get_flag("json") && !matches.get_flag("quiet") {
        print::error(&format!("the report is {}", directory.join("report.html").display()));
    }
    Ok(code)
}

fn run_file(file: &Path, matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let plan = Plan::new(read_valid(file, context)?);
    let state = state_for(matches, &plan.production);
    state.create().map_err(blame)?;
    let verbosity = match (matches.get_flag("quiet"), matches.get_flag("verbose")) {
        (true, _) => None,
        (_, true) => Some(Level::Detail),
        _ => Some(Level::Info),
    };
    let bars = !matches.get_flag("no-progress") && !matches.get_flag("quiet");
    let word = |name: &str, value: &str| matches.get_one::<String>(name).is_some_and(|given| given == value);
    let size = executors::size(matches);
    let cap = matches.get_one::<u64>("memory-cap").copied();
    let mut how = engine::Options {
        keep_going: matches.get_flag("keep-going"),
        jobs: matches.get_one::<u32>("jobs").map(|jobs| *jobs as usize),
        memory_factor: matches.get_one::<f64>("memory-factor").copied().unwrap_or(2.0),
        memory_cap: cap.or(word("executor", "local").then_some(size.memory_bytes)),
        cancel_on_interrupt: word("interrupt", "cancel"),
        overwrite: matches.get_flag("overwrite") || matches.get_flag("yes"),
        hash_inputs: word("inputs", "content"),
        runner: executors::runner()?,
        argv: context.argv.clone(),
        observer: Arc::new(Terminal::new(verbosity, bars)),
    };
    let cancel = Cancel::on_signals().internal_error("cannot listen to signals")?;
    let mut attempt = || {
        let mut executor = executors::executor(matches, &state)?;
        match engine::run(&plan, &state, executor.as_mut(), &how, &cancel) {
            Err(ProductionError::Exists(what)) if confirmed(&what)? => {
                how.overwrite = true;
                engine::run(&plan, &state, executor.as_mut(), &how, &cancel).map_err(blame)
            }
            other => other.map_err(blame),
        }
    };
    let summary = attempt()?;
    tell(&summary, matches.get_flag("json"))?;
    Ok(match &summary {
        Summary { interrupted: true, .. } => ErrorKind::Interrupted.exit_code(),
        Summary { failed, left: 0, .. } if failed.is_empty() => 0,
        _ => ErrorKind::Partial.exit_code(),
    })
}

fn tell(summary: &Summary, as_json: bool) -> Result<(), StageError> {
    let Summary { done, up_to_date, failed, accepted, left, interrupted } = summary;
    if as_json {
        return print::json(&json!({"done": done, "up_to_date": up_to_date, "failed": failed, "accepted": accepted,
                                   "left": left, "interrupted": interrupted}));
    }
    let mut text = format!("{done} tasks done, {up_to_date} up to date");
    for (count, words) in [(failed.len(), "failed"), (*accepted, "failed as accepted"), (*left, "not run")] {
        if count > 0 {
            text.push_str(&format!(", {count} {words}"));
        }
    }
    text.push('\n');
    for failure in failed.iter().take(20) {
        text.push_str(&format!("  {failure}\n"));
    }
    print::data(&text)
}

/// Asks a person, if there is one.
fn confirmed(what: &str) -> Result<bool, StageError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let mut answer = String::new();
    let ask =
        write!(io::stderr(), "{what}\nReplace them? [y/N] ").and_then(|()| io::stdin().lock().read_line(&mut answer));
    ask.internal_error("cannot ask")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(super) fn retry_command() -> Command {
    let failed = Arg::new("failed").long("failed").action(ArgAction::SetTrue).help("The failed tasks (the default)");
    running_options(Command::new("retry").about("Try failed tasks again, with fresh retries"))
        .arg(file_argument())
        .arg(failed)
}

pub(super) fn retry(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(0) };
    let production = read_valid(file, context)?;
    let state = state_for(matches, &production);
    let count = engine::reset_failed(&state).map_err(blame)?;
    print::error(&format!("{count} failed tasks are tried again"));
    run(matches, context)
}

pub(super) fn cancel_command() -> Command {
    Command::new("cancel")
        .about("Stop the manager of a production and cancel its tasks")
        .arg(place_argument())
        .arg(state_option())
}

pub(super) fn cancel(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let batch = |name: &str| executors::named(name, &state, Size::all(), Vec::new());
    let count = engine::cancel_all(&state, batch).map_err(blame)?;
    print::data(&format!("{count} tasks cancelled\n"))?;
    Ok(0)
}
