//! `recoil workflow run` and `recoil demo`: several stages in a row.

use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_stage::progress::Level;
use recoil_stage::workflow::{Plan, StepResult, Workflow};
use recoil_stage::{ErrorKind, Report, StageError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The workflow that `recoil demo` runs.
const DEMO: &str = include_str!("../../../../workflows/demo.yaml");

fn common(command: Command) -> Command {
    command
        .arg(options::output("DIR", "Directory for the outputs of all steps").required(true))
        .arg(
            Arg::new("words")
                .value_name("STEP.KEY=VALUE")
                .action(ArgAction::Append)
                .num_args(0..)
                .help("Configuration of a step that wins over the file"),
        )
        .args(options::running())
}

pub(crate) fn command() -> Command {
    let file =
        Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help("YAML file");
    let about = "Run the steps of a workflow; those whose outputs are up to date are skipped";
    Command::new("workflow")
        .about("Run several stages in a row")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(common(Command::new("run").about(about).arg(file)))
}

pub(crate) fn demo_command() -> Command {
    common(Command::new("demo").about("Run the demonstration: from simulated events to a report with figures"))
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some((_, own)) = matches.subcommand() else { return Ok(0) };
    let Some(file) = own.get_one::<PathBuf>("file") else { return Ok(0) };
    run_workflow(&Workflow::read(file)?, own, context)
}

pub(crate) fn demo(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    run_workflow(&Workflow::parse(Path::new("workflows/demo.yaml"), DEMO)?, matches, context)
}

fn run_workflow(workflow: &Workflow, matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    let words = options::all::<String>(matches, "words");
    let plan = workflow.plan(context.registry, directory, &words)?;
    let as_json = matches.get_flag("json");
    if matches.get_flag("dry-run") {
        return foresee(&plan, as_json).map(|()| 0);
    }
    let run_options = options::run_options(matches, &context.argv)?;
    let results = plan.run(context.registry, &run_options)?;
    run_options.observer.message(Level::Info, &format!("outputs are in {}", directory.display()));
    summarise(workflow, &results, as_json)?;
    let partial = results.iter().any(|result| !result.report.failed.is_empty());
    Ok(if partial { ErrorKind::Partial.exit_code() } else { 0 })
}

fn foresee(plan: &Plan, as_json: bool) -> Result<(), StageError> {
    let reasons = plan.reasons()?;
    if as_json {
        let steps = plan.steps.iter().zip(&reasons).map(|(step, reasons)| {
            let outputs: Vec<PathBuf> = step.prepared.output_paths().collect();
            let command = &step.prepared.command_line;
            json!({"id": step.id, "stage": step.prepared.stage, "runs": !reasons.is_empty(), "reasons": reasons,
                   "outputs": outputs, "command": command})
        });
        return print::json(&json!({"steps": steps.collect::<Vec<_>>()}));
    }
    let lines = plan.steps.iter().zip(&reasons).map(|(step, reasons)| match reasons.is_empty() {
        true => format!("# {}: up to date\n", step.id),
        false => format!("# {}: {}\n{}\n", step.id, reasons.join(", "), step.prepared.command_line),
    });
    print::data(&lines.collect::<String>())
}

fn summarise(workflow: &Workflow, results: &[StepResult], as_json: bool) -> Result<(), StageError> {
    if as_json {
        let steps = results.iter().map(|result| {
            json!({"id": result.id, "stage": result.stage, "ran": !result.reasons.is_empty(),
                   "reasons": result.reasons, "seconds": result.seconds, "report": result.report.to_json()})
        });
        return print::json(&json!({"workflow": workflow.name, "steps": steps.collect::<Vec<_>>()}));
    }
    let rows = results.iter().map(|result| {
        let what = if result.reasons.is_empty() { "up to date" } else { "done" };
        let seconds = (result.seconds * 100.0).round() / 100.0;
        vec![result.id.clone().into(), result.stage.into(), what.into(), seconds.into()]
    });
    print::data(
        &Report::new().table(&workflow.name, &["step", "stage", "result", "time [s]"], rows.collect()).to_text(),
    )
}
