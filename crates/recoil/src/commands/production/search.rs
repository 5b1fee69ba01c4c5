//! What the tasks of a search run.

use super::blame;
use crate::{options, print};
use clap::{Arg, ArgMatches, Command, value_parser};
use recoil_production::search::{self, Files, Objective, Parameters, Trial, collect, conclude};
use recoil_stage::{Blame as _, ErrorKind, StageError};
use std::path::PathBuf;

fn text(name: &'static str) -> Arg {
    Arg::new(name).long(name)
}

fn path(name: &'static str) -> Arg {
    text(name).value_name("PATH").value_parser(value_parser!(PathBuf))
}

fn number(name: &'static str) -> Arg {
    text(name).value_name("N").value_parser(value_parser!(usize)).required(true)
}

fn objective_option() -> Arg {
    text("objective").value_name("JSON").required(true).help("What is wanted")
}

pub(super) fn trial_command() -> Command {
    Command::new("trial").about("Run a trial of a search (started by task runners)").hide(true).args([
        number("place").help("Number of the task"),
        path("directory").required(true).help("Directory of the trial"),
        path("ranking").help("Ranking of the rung before"),
        text("parameters").value_name("JSON").default_value("{}").help("Parameters in the first rung"),
        text("budget").value_name("KEY=AMOUNT").help("Budget of the rung"),
        text("checkpoint").value_name("KEY").help("Key that names the checkpoint"),
        objective_option(),
        path("reads").action(clap::ArgAction::Append).help("A file that the stage reads"),
        Arg::new("words").num_args(1..).last(true).required(true).help("The words of the stage"),
    ])
}

fn json<T: serde::de::DeserializeOwned>(matches: &ArgMatches, name: &str) -> Result<T, StageError> {
    let word = matches.get_one::<String>(name).map_or("null", String::as_str);
    serde_json::from_str(word).usage_error(format!("--{name} cannot be read"))
}

fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Result<T, StageError> {
    matches.get_one::<T>(name).cloned().ok_or_else(|| StageError::usage(format!("--{name} is missing")))
}

pub(super) fn trial(matches: &ArgMatches) -> Result<u8, StageError> {
    let budget = matches.get_one::<String>("budget").map(|word| {
        let parts = word.split_once('=').and_then(|(key, amount)| Some((key.to_owned(), amount.parse::<f64>().ok()?)));
        parts.ok_or_else(|| StageError::usage("--budget is of the form KEY=AMOUNT"))
    });
    let trial = Trial {
        place: required(matches, "place")?,
        directory: required(matches, "directory")?,
        ranking: matches.get_one("ranking").cloned(),
        parameters: json::<Parameters>(matches, "parameters")?,
        budget: budget.transpose()?,
        checkpoint: matches.get_one("checkpoint").cloned(),
        objective: json::<Objective>(matches, "objective")?,
        reads: options::all(matches, "reads"),
        words: options::all(matches, "words"),
    };
    let code = search::run(&trial).map_err(blame)?;
    Ok(u8::try_from(code).unwrap_or(ErrorKind::Internal.exit_code()))
}

pub(super) fn rank_command() -> Command {
    Command::new("rank").about("Rank the trials of a search (started by task runners)").hide(true).args([
        number("rung").help("Number of the rung"),
        number("places").help("Number of its trials"),
        path("directory").required(true).help("Directory of the rung"),
        objective_option(),
        path("output").required(true).help("The ranking"),
        Arg::new("ended").num_args(0..).value_parser(value_parser!(PathBuf)).help("Outcomes of trials that ended"),
    ])
}

pub(super) fn rank(matches: &ArgMatches) -> Result<u8, StageError> {
    let outcomes = options::all::<PathBuf>(matches, "ended");
    let ended: Vec<PathBuf> = outcomes.iter().filter_map(|path| path.parent()).map(Into::into).collect();
    let rung: PathBuf = required(matches, "directory")?;
    let objective = json::<Objective>(matches, "objective")?;
    let (number, places) = (required(matches, "rung")?, required(matches, "places")?);
    let ranking = collect(number, &rung, places, &ended, &objective).map_err(blame)?;
    for (rank, trial) in ranking.trials.iter().enumerate() {
        let value = trial.value().map_or_else(|| trial.failure().to_owned(), |value| value.to_string());
        print::data(&format!("{} trial {}: {value}\n", rank + 1, trial.trial))?;
    }
    ranking.write(&required::<PathBuf>(matches, "output")?).map_err(blame)?;
    Ok(0)
}

pub(super) fn conclude_command() -> Command {
    Command::new("conclude").about("Write the result of a search (started by task runners)").hide(true).args([
        path("ranking").required(true).action(clap::ArgAction::Append).help("Ranking of a rung, the first rung first"),
        path("output").required(true).help("The result of the best trial"),
        text("file").value_name("NAME").help("The file that the stage writes"),
        path("table").required(true).help("Table of all trials"),
        path("parameters").required(true).help("Figure of the objective against the parameters"),
        path("curves").help("Figure of the objective during the trainings"),
        text("logarithmic").value_name("KEY").action(clap::ArgAction::Append).help("Key with a logarithmic scale"),
    ])
}

pub(super) fn finish(matches: &ArgMatches) -> Result<u8, StageError> {
    let files = Files {
        output: required(matches, "output")?,
        file: matches.get_one("file").cloned(),
        table: required(matches, "table")?,
        parameters: required(matches, "parameters")?,
        curves: matches.get_one("curves").cloned(),
    };
    let logarithmic = options::all::<String>(matches, "logarithmic").into_iter().collect();
    let told = conclude(&options::all::<PathBuf>(matches, "ranking"), &files, &logarithmic).map_err(blame)?;
    print::data(&told)?;
    Ok(0)
}
