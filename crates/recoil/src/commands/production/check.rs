//! `recoil production validate` and `recoil production plan`.

use super::{blame, file_argument, state_option};
use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::engine::fresh;
use recoil_production::finding::Finding;
use recoil_production::journal::Memory;
use recoil_production::lstmcpipe::{analysis, trial};
use recoil_production::model::Production;
use recoil_production::plan::Plan;
use recoil_production::read::{has_errors, read};
use recoil_production::state::StateDir;
use recoil_production::yaml;
use recoil_stage::{ErrorKind, StageError};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

pub(super) fn validate_command() -> Command {
    let files = file_argument().num_args(1..).action(ArgAction::Append);
    Command::new("validate")
        .about("Say everything that is wrong with files of productions")
        .arg(files)
        .arg(
            Arg::new("lstchain-config")
                .long("lstchain-config")
                .visible_alias("lc")
                .value_name("JSON")
                .value_parser(value_parser!(PathBuf))
                .help("Configuration of the analysis to check as well"),
        )
        .arg(
            Arg::new("trial")
                .long("trial")
                .value_name("SIMTEL")
                .value_parser(value_parser!(PathBuf))
                .help("Run the first stage on this small file; its failure is an error"),
        )
        .arg(options::json())
}

pub(super) fn validate(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let mut all: Vec<Finding> = Vec::new();
    let as_json = matches.get_flag("json");
    let mut text = String::new();
    for file in options::all::<PathBuf>(matches, "file") {
        let (production, mut found) = read(&file, context.registry);
        let trial = matches.get_one::<PathBuf>("trial").filter(|_| production.is_some() && !has_errors(&found));
        if let (Some(simulation), Ok(root)) = (trial, yaml::read(&file)) {
            found.extend(trial::trial(&file, &root, simulation));
        }
        if !as_json {
            found.iter().for_each(|finding| text.push_str(&format!("{finding}\n")));
            if let Some(production) = production.filter(|_| !has_errors(&found)) {
                let (steps, tasks) = size(&production);
                text.push_str(&format!("{}: valid: {steps} steps, {tasks} tasks\n", file.display()));
            }
        }
        all.extend(found);
    }
    if let Some(config) = matches.get_one::<PathBuf>("lstchain-config") {
        let found = analysis::check(config);
        found.iter().for_each(|finding| text.push_str(&format!("{finding}\n")));
        if found.is_empty() {
            text.push_str(&format!("{}: valid\n", config.display()));
        }
        all.extend(found);
    }
    match as_json {
        true => print::json(&serde_json::json!(all))?,
        false => print::data(&text)?,
    }
    Ok(if has_errors(&all) { ErrorKind::Usage.exit_code() } else { 0 })
}

fn size(production: &Production) -> (usize, usize) {
    (production.steps.len(), production.steps.iter().map(|step| step.tasks.len()).sum())
}

/// The production of a file; findings go to standard error.
pub(super) fn read_valid(file: &Path, context: &Context<'_>) -> Result<Production, StageError> {
    let (production, found) = read(file, context.registry);
    tell(&found);
    production.filter(|_| !has_errors(&found)).ok_or_else(|| not_valid(file))
}

fn not_valid(file: &Path) -> StageError {
    StageError::usage(format!("{} is not valid", file.display()))
}

/// Findings on standard error.
fn tell(found: &[Finding]) {
    let text: String = found.iter().map(|finding| format!("{finding}\n")).collect();
    if !text.is_empty() {
        print::error(&text);
    }
}

pub(super) fn plan_command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json", "graphviz", "mermaid"])
        .default_value("text")
        .help("What to print");
    let hash = Arg::new("inputs")
        .long("inputs")
        .value_name("HOW")
        .value_parser(["time", "content"])
        .default_value("time")
        .help("Tell inputs apart by size and time of change, or by their content");
    Command::new("plan").about("Show what would be run, in which order and why").arg(file_argument()).args([
        format,
        hash,
        options::json(),
        state_option(),
    ])
}

pub(super) fn plan(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(0) };
    let (production, found) = read(file, context.registry);
    tell(&found);
    // what would be run is shown even if it may not be run yet
    let Some(production) = production else { return Err(not_valid(file)) };
    let code = if has_errors(&found) { ErrorKind::Usage.exit_code() } else { 0 };
    let plan = Plan::new(production);
    let state = state_for(matches, &plan.production);
    let format = match matches.get_flag("json") {
        true => "json",
        false => matches.get_one::<String>("format").map_or("text", String::as_str),
    };
    match format {
        "graphviz" => print::data(&plan.graphviz())?,
        "mermaid" => print::data(&plan.mermaid())?,
        other => {
            let memory = Memory::read(&state).map_err(blame)?;
            let content = matches.get_one::<String>("inputs").is_some_and(|how| how == "content");
            let reasons = fresh::by_step(&plan, &fresh::tasks(&plan, &memory, content));
            if other == "json" {
                let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
                print::done(plan.write_json(Some(&reasons), &mut out).and_then(|()| out.flush()))?;
            } else {
                print::data(&plan.text(Some(&reasons)))?;
            }
        }
    }
    Ok(code)
}

/// The state directory of a production.
pub(super) fn state_for(matches: &ArgMatches, production: &Production) -> StateDir {
    match matches.get_one::<PathBuf>("state") {
        Some(state) => StateDir::new(state),
        None => StateDir::beside(&production.source, &production.name),
    }
}
