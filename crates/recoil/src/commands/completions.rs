//! `recoil completions`: what shells need to complete words.

use crate::cli::{self, Context, Detail};
use crate::print;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use recoil_stage::StageError;

pub(crate) fn command() -> Command {
    let shell =
        Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("The shell");
    Command::new("completions").about("Print the completions for a shell").arg(shell)
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(&shell) = matches.get_one::<Shell>("shell") else { return Ok(0) };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut cli::command(context.registry, Detail::Full), "recoil", &mut text);
    print::data(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
