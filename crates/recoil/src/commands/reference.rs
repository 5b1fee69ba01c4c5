//! `recoil reference`: the pages of `docs/reference`.

use crate::cli::Context;
use crate::{options, reference};
use clap::{ArgMatches, Command};
use recoil_stage::{Blame as _, StageError};
use std::path::PathBuf;

pub(crate) fn command() -> Command {
    let output = options::output("DIR", "Directory for the pages").required(true);
    Command::new("reference").about("Write the reference pages of the documentation").hide(true).arg(output)
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    std::fs::create_dir_all(directory).output_error(format!("cannot create {}", directory.display()))?;
    for (name, text) in reference::pages(context.registry)? {
        let path = directory.join(name);
        std::fs::write(&path, text).output_error(format!("cannot write {}", path.display()))?;
    }
    Ok(0)
}
