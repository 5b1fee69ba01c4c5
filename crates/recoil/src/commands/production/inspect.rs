//! `recoil production status`, `explain`, `logs`, `report` and `clean`.

use super::check::read_valid;
use super::{blame, place_argument, state_of, state_option};
use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::journal::Memory;
use recoil_production::plan::Plan;
use recoil_production::state::StateDir;
use recoil_production::{clean as cleaning, explain as explaining, report as reporting, status as standing};
use recoil_stage::{Blame as _, StageError};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) fn status_command() -> Command {
    let depth = Arg::new("depth").long("depth").value_name("N").value_parser(value_parser!(usize)).default_value("2");
    Command::new("status").about("Show how far a production is").arg(place_argument()).args([
        depth.help("0: one line, 1: stages, 2: steps, 3: failures"),
        Arg::new("watch").short('w').long("watch").action(ArgAction::SetTrue).help("Show it anew every second"),
        options::json(),
        state_option(),
    ])
}

pub(super) fn status(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let depth = matches.get_one::<usize>("depth").copied().unwrap_or(2);
    loop {
        let status = standing::status(&state).map_err(blame)?;
        if matches.get_flag("json") {
            print::json(&serde_json::to_value(&status).internal_error("cannot write the status")?)?;
        } else {
            let screen = matches.get_flag("watch") && io::stdout().is_terminal();
            let start = if screen { "\x1b[H\x1b[2J" } else { "" };
            print::data(&format!("{start}{}", status.text(depth)))?;
        }
        if !matches.get_flag("watch") || status.state != "running" {
            return Ok(0);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn step_argument() -> Arg {
    Arg::new("step").value_name("STEP").required(true).help("Id of a step, or STEP.N for one of its tasks")
}

pub(super) fn explain_command() -> Command {
    Command::new("explain").about("Say why a step will run, waits or failed").args([
        step_argument(),
        place_argument(),
        state_option(),
    ])
}

/// The plan of the file that a state directory belongs to.
fn plan_of(matches: &ArgMatches, state: &StateDir, context: &Context<'_>) -> Result<Plan, StageError> {
    let place = matches.get_one::<PathBuf>("place").filter(|place| place.is_file()).cloned();
    let source = match place {
        Some(place) => place,
        None => {
            let known = Memory::read(state).map_err(blame)?.source;
            known.ok_or_else(|| StageError::usage(format!("{} does not name its file", state.path().display())))?
        }
    };
    Ok(Plan::new(read_valid(&source, context)?))
}

pub(super) fn explain(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let plan = plan_of(matches, &state, context)?;
    let Some(name) = matches.get_one::<String>("step") else { return Ok(0) };
    print::data(&explaining::explain(&plan, &state, name, false).map_err(blame)?)?;
    Ok(0)
}

pub(super) fn logs_command() -> Command {
    Command::new("logs").about("Print what a step printed").args([step_argument(), place_argument(), state_option()])
}

pub(super) fn logs(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let plan = plan_of(matches, &state, context)?;
    let Some(name) = matches.get_one::<String>("step") else { return Ok(0) };
    let (index, only) = explaining::find(&plan, name).map_err(blame)?;
    let memory = Memory::read(&state).map_err(blame)?;
    let Some(step) = plan.production.steps.get(index) else { return Ok(0) };
    for task in 0..step.tasks.len() {
        if only.is_some_and(|only| only != task) {
            continue;
        }
        let attempts = memory.task(&step.id, task).map_or(0, |own| own.attempt);
        for attempt in 1..=attempts {
            let path = state.log(&step.id, task, attempt);
            let Ok(text) = std::fs::read(&path) else { continue };
            print::data(&format!("==> {}.{task}, try {attempt} <==\n", step.id))?;
            print::data(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(0)
}

pub(super) fn report_command() -> Command {
    let output = options::output("FILE", "HTML file [default: report.html in the state directory]");
    Command::new("report").about("Write a page about a production: timeline, resources, failures, graph").args([
        place_argument(),
        output,
        state_option(),
    ])
}

pub(super) fn report(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let plan = plan_of(matches, &state, context)?;
    let path = matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| state.path().join("report.html"));
    let html = reporting::html(&plan, &state).map_err(blame)?;
    recoil_production::state::write_atomic(&path, html.as_bytes(), true).map_err(blame)?;
    print::data(&format!("{}\n", path.display()))?;
    Ok(0)
}

pub(super) fn clean_command() -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("clean").about("Remove temporary files, logs and results").arg(place_argument()).args([
        switch("outputs").help("Remove the outputs that the production made, too"),
        switch("all").help("Remove the state directory, too: the production is forgotten"),
        switch("dry-run").short('n').help("Show what would be removed"),
        switch("yes").short('y').help("Do not ask"),
        state_option(),
    ])
}

pub(super) fn clean(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let state = state_of(matches, context)?;
    let plan = plan_of(matches, &state, context)?;
    let what = cleaning::What { outputs: matches.get_flag("outputs"), state: matches.get_flag("all") };
    let names = cleaning::list(&plan, &state, what).map_err(blame)?;
    if matches.get_flag("dry-run") {
        let lines = names.iter().map(|path| format!("{}\n", path.display()));
        print::data(&lines.collect::<String>())?;
        return Ok(0);
    }
    if !matches.get_flag("yes") && !agreed(names.len(), state.path())? {
        return Err(StageError::usage("nothing was removed: say -y"));
    }
    cleaning::remove(&names).map_err(blame)?;
    print::data(&format!("{} files and directories removed\n", names.len()))?;
    Ok(0)
}

fn agreed(count: usize, state: &Path) -> Result<bool, StageError> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut answer = String::new();
    let ask = write!(io::stderr(), "Remove {count} files and directories of {}? [y/N] ", state.display());
    ask.and_then(|()| io::stdin().lock().read_line(&mut answer)).internal_error("cannot ask")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
