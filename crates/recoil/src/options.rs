//! Options that commands share, each defined once.

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use recoil_stage::progress::{Level, Terminal};
use recoil_stage::{Blame as _, Cancel, RunOptions, StageError};
use std::path::PathBuf;
use std::sync::Arc;

/// `--json`
pub(crate) fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON instead of text")
}

/// `-o`
pub(crate) fn output(value: &'static str, help: impl Into<clap::builder::StyledStr>) -> Arg {
    let arg = Arg::new("output").short('o').long("output").value_name(value).help(help);
    arg.value_parser(value_parser!(PathBuf))
}

/// Options of everything that runs stages.
pub(crate) fn running() -> [Arg; 7] {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    [
        switch("overwrite").help("Replace outputs that exist"),
        switch("dry-run").short('n').help("Show what would be done, and do nothing"),
        Arg::new("threads")
            .long("threads")
            .value_name("N")
            .value_parser(value_parser!(u16).range(1..=4096))
            .help("Threads to use [default: all processors]; results do not depend on it"),
        json(),
        switch("no-progress").help("Draw no progress bars"),
        switch("quiet").short('q').conflicts_with("verbose").help("Print no messages but errors"),
        switch("verbose").short('v').help("Print more messages"),
    ]
}

/// `--seed`
pub(crate) fn seed() -> Arg {
    let arg = Arg::new("seed").long("seed").value_name("N").value_parser(value_parser!(u64));
    arg.help(format!("Seed of all random numbers [default: {}]", recoil_stage::DEFAULT_SEED))
}

/// The values of [`running`], with the wish to stop bound to signals.
pub(crate) fn run_options(matches: &ArgMatches, argv: &[String]) -> Result<RunOptions, StageError> {
    let verbosity = match (matches.get_flag("quiet"), matches.get_flag("verbose")) {
        (true, _) => None,
        (_, true) => Some(Level::Detail),
        _ => Some(Level::Info),
    };
    let bars = !matches.get_flag("no-progress") && !matches.get_flag("quiet");
    Ok(RunOptions {
        threads: matches.get_one::<u16>("threads").map(|&threads| threads.into()),
        overwrite: matches.get_flag("overwrite"),
        cancel: Cancel::on_signals().internal_error("cannot listen to signals")?,
        observer: Arc::new(Terminal::new(verbosity, bars)),
        argv: argv.to_vec(),
    })
}

/// All values of an option that may be repeated.
pub(crate) fn all<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<T> {
    matches.get_many::<T>(name).into_iter().flatten().cloned().collect()
}
