//! `recoil man`: manual pages of all commands.

use crate::cli::{self, Context, Detail};
use crate::options;
use clap::{ArgMatches, Command};
use recoil_stage::{Blame as _, StageError};
use std::path::PathBuf;

pub(crate) fn command() -> Command {
    let output = options::output("DIR", "Directory for the pages").required(true);
    Command::new("man").about("Write the manual pages of all commands").arg(output)
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    let doing = format!("cannot write manual pages in {}", directory.display());
    std::fs::create_dir_all(directory).output_error(&doing)?;
    clap_mangen::generate_to(cli::command(context.registry, Detail::Full), directory).output_error(doing)?;
    Ok(0)
}
