//! `recoil production export`.

use super::check::{read_valid, state_for};
use super::{blame, executors, file_argument, state_option};
use crate::cli::Context;
use crate::print;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::executors::htcondor::dag;
use recoil_production::plan::Plan;
use recoil_stage::{ErrorKind, StageError};
use std::path::PathBuf;

pub(super) fn command() -> Command {
    let directory = Arg::new("output")
        .short('o')
        .long("output")
        .value_name("DIR")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Directory for the files");
    let overwrite = Arg::new("overwrite").long("overwrite").action(ArgAction::SetTrue).help("Replace files that exist");
    Command::new("export")
        .about("Write a production as submit files and a graph for HTCondor's DAGMan")
        .arg(file_argument())
        .args([directory, overwrite, state_option()])
}

pub(super) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(0) };
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    if directory.exists() && !matches.get_flag("overwrite") {
        let message = format!("{} exists (--overwrite replaces files in it)", directory.display());
        return Err(StageError::new(ErrorKind::Output, message));
    }
    let plan = Plan::new(read_valid(file, context)?);
    let state = state_for(matches, &plan.production);
    let graph = dag::write(&plan, &state, &executors::runner()?, directory).map_err(blame)?;
    print::data(&format!("{}\n", graph.display()))?;
    Ok(0)
}
