//! The executors by their names.

use super::blame;
use clap::{Arg, ArgMatches, value_parser};
use recoil_production::ProductionError;
use recoil_production::executors::Executor;
use recoil_production::executors::htcondor::HtCondor;
use recoil_production::executors::hyperqueue::HyperQueue;
use recoil_production::executors::local::{Local, Size};
use recoil_production::executors::slurm::Slurm;
use recoil_production::state::StateDir;
use recoil_production::units::memory_bytes;
use recoil_stage::{Blame as _, StageError};
use std::ffi::OsString;

/// Options that choose where tasks run.
pub(super) fn options() -> [Arg; 3] {
    [
        Arg::new("executor")
            .long("executor")
            .value_name("NAME")
            .value_parser(["local", "slurm", "hyperqueue", "htcondor"])
            .default_value("local")
            .help("Where tasks run"),
        Arg::new("cpus")
            .long("cpus")
            .value_name("N")
            .value_parser(value_parser!(u32).range(1..))
            .help("Processors of this machine to use [default: all]"),
        Arg::new("memory")
            .long("memory")
            .value_name("SIZE")
            .value_parser(|text: &str| memory_bytes(text).ok_or("expected an amount such as 4GB"))
            .help("Memory of this machine to use [default: all]"),
    ]
}

/// The part of this machine that may be used.
pub(super) fn size(matches: &ArgMatches) -> Size {
    let all = Size::all();
    Size {
        cpus: matches.get_one::<u32>("cpus").copied().unwrap_or(all.cpus),
        memory_bytes: matches.get_one::<u64>("memory").copied().unwrap_or(all.memory_bytes),
    }
}

/// The command that runs tasks.
pub(super) fn runner() -> Result<Vec<OsString>, StageError> {
    let program = std::env::current_exe().internal_error("cannot find the program itself")?;
    Ok(vec![program.into(), "production".into(), "run-task".into()])
}

/// The executor that the words ask for.
pub(super) fn executor(matches: &ArgMatches, state: &StateDir) -> Result<Box<dyn Executor>, StageError> {
    let name = matches.get_one::<String>("executor").map_or("local", String::as_str);
    let mut command = runner()?;
    command.extend(["--worker".into(), "--dir".into(), state.path().into()]);
    named(name, state, size(matches), command).map_err(blame)
}

/// The executor of a name.
pub(super) fn named(
    name: &str,
    state: &StateDir,
    size: Size,
    worker: Vec<OsString>,
) -> Result<Box<dyn Executor>, ProductionError> {
    match name {
        "local" => Ok(Box::new(Local::new(state, size, worker))),
        "slurm" => Ok(Box::new(Slurm::new(state)?)),
        "hyperqueue" => Ok(Box::new(HyperQueue::new(state, size.cpus)?)),
        "htcondor" => Ok(Box::new(HtCondor::new(state)?)),
        other => Err(ProductionError::Usage(format!("there is no executor '{other}'"))),
    }
}
