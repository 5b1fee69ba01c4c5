//! The command line: built from the stages and the hand-written commands, taken apart and carried out.

use crate::commands::BUILTINS;
use crate::{GROUPS, print, snippet, stage_command};
use clap::{ArgMatches, Command};
use recoil_stage::{ErrorKind, Registry, StageError};
use std::ffi::OsString;

/// What every command gets besides its own arguments.
pub(crate) struct Context<'a> {
    /// The stages.
    pub registry: &'a Registry,
    /// The words as typed.
    pub argv: Vec<String>,
}

/// How much help text to make; the keys of a stage's configuration take a while to gather.
#[derive(Clone, Copy)]
pub(crate) enum Detail<'a> {
    /// For all stages.
    Full,
    /// For the stage with this name.
    Only(&'a str),
}

/// The whole command line.
pub(crate) fn command(registry: &Registry, detail: Detail<'_>) -> Command {
    let mut program = Command::new("recoil")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Detector-level data to physics results: one program, one configuration, one provenance")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .infer_long_args(false)
        .max_term_width(120);
    for group in GROUPS {
        let mut own =
            Command::new(group.name).about(group.about).subcommand_required(true).arg_required_else_help(true);
        for stage in registry.iter() {
            let name = stage.describe().name;
            if let Some(word) = name.strip_prefix(group.name).and_then(|rest| rest.strip_prefix(' ')) {
                let full = match detail {
                    Detail::Full => true,
                    Detail::Only(wanted) => wanted == name,
                };
                own = own.subcommand(stage_command::command(stage, word, full));
            }
        }
        program = program.subcommand(own);
    }
    for builtin in BUILTINS {
        program = program.subcommand((builtin.command)());
    }
    program
}

/// Carries out the command that the words ask for; returns the exit code.
pub(crate) fn run(registry: &Registry, words: &[OsString]) -> u8 {
    let argv: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // `recoil hgcal run` and `recoil help hgcal run`
    let named: Vec<&str> = argv.iter().skip(1).map(String::as_str).filter(|word| *word != "help").take(2).collect();
    let matches = match command(registry, Detail::Only(&named.join(" "))).try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            // a closed pipe is no reason to complain
            let _ = error.print();
            return if error.use_stderr() { ErrorKind::Usage.exit_code() } else { 0 };
        }
    };
    match dispatch(&matches, &Context { registry, argv }) {
        Ok(code) => code,
        Err(error) => {
            print::error(&snippet::render(&error));
            error.kind().exit_code()
        }
    }
}

fn dispatch(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some((word, own)) = matches.subcommand() else { return Ok(0) };
    if let Some(builtin) = BUILTINS.iter().find(|builtin| (builtin.command)().get_name() == word) {
        return (builtin.run)(own, context);
    }
    match own.subcommand() {
        Some((second, own)) => stage_command::run(context.registry.find(&format!("{word} {second}"))?, own, context),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command(&crate::registry(), Detail::Full).debug_assert();
    }

    #[test]
    fn every_stage_belongs_to_a_group() {
        for stage in crate::registry().iter() {
            let name = stage.describe().name;
            assert!(GROUPS.iter().any(|group| name.split(' ').next() == Some(group.name)), "{name}");
        }
    }
}
