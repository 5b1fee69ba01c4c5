//! Commands that are no stages, one file each.

mod completions;
mod config;
mod forest;
mod man;
mod nn;
mod production;
mod reference;
mod table;
mod track;

use crate::cli::Context;
use clap::{ArgMatches, Command};
use recoil_stage::StageError;

/// A hand-written command: its definition and what it does; returns the exit code.
pub(crate) struct Builtin {
    pub command: fn() -> Command,
    pub run: fn(&ArgMatches, &Context<'_>) -> Result<u8, StageError>,
}

/// All of them in the order of the help.
pub(crate) const BUILTINS: &[Builtin] = &[
    Builtin { command: production::demo_command, run: production::demo },
    Builtin { command: table::command, run: table::run },
    Builtin { command: nn::command, run: nn::run },
    Builtin { command: forest::command, run: forest::run },
    Builtin { command: track::command, run: track::run },
    Builtin { command: production::command, run: production::run },
    Builtin { command: config::config_command, run: config::config },
    Builtin { command: config::schema_command, run: config::schema },
    Builtin { command: completions::command, run: completions::run },
    Builtin { command: man::command, run: man::run },
    Builtin { command: reference::command, run: reference::run },
];
