//! Detector-level data to physics results: one program, one configuration, one provenance.
//!
//! This crate is the door: it parses words that a person typed, prints, and picks an exit code. The work is done by the
//! stages that the chain crates define; [`registry`] lists them all.
//!
//! ```
//! let registry = recoil::registry();
//! for stage in registry.iter() {
//!     assert_eq!(recoil_stage::verify(stage), Vec::<String>::new());
//! }
//! ```

mod cli;
mod commands;
mod options;
mod print;
mod reference;
mod snippet;
mod stage_command;

use recoil_stage::{AnyStage, ErrorKind, Registry};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

/// A group of commands: the first word of its stages' names.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The word.
    pub name: &'static str,
    /// What the group is, on one line.
    pub about: &'static str,
}

/// The groups in the order of the help.
pub const GROUPS: &[Group] = &[
    Group { name: "hgcal", about: "CMS HGCAL Level-1 trigger" },
    Group { name: "econt", about: "ECON-T front end of the HGCAL trigger" },
    Group { name: "tau", about: "Tau identification" },
    Group { name: "pflow", about: "Particle flow" },
    Group { name: "iact", about: "Cherenkov telescope: raw simulation to sensitivity" },
];

/// All stages of all chains.
pub fn stages() -> Vec<Box<dyn AnyStage>> {
    [
        recoil_hgcal::stages::all(),
        recoil_econt::stages::all(),
        recoil_tau::stages::all(),
        recoil_pflow::stages::all(),
        recoil_iact::stages::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All stages by name.
pub fn registry() -> Registry {
    Registry::new(stages())
}

/// The files of `docs/reference`, made from the same definitions as the command line: name and text.
///
/// # Errors
/// A stage whose definition is wrong.
pub fn reference_pages() -> Result<Vec<(String, String)>, recoil_stage::StageError> {
    reference::pages(&registry())
}

/// The program: runs the command that the words ask for and returns its exit code.
pub fn main(words: Vec<OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // a panic in the decoder of a damaged file becomes an error about that file
        if recoil_table::parquet::is_decoding() {
            return;
        }
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        print::error(&format!("internal error: {message}{place}\nThis is a mistake in recoil, please report it."));
    }));
    let code = std::panic::catch_unwind(|| cli::run(&registry(), &joined(&words)));
    ExitCode::from(code.unwrap_or(ErrorKind::Internal.exit_code()))
}

/// The words with `--name true` and `--name false` as `--name=true` and `--name=false`: a switch alone is on, so what follows
/// it would count as another word.
fn joined(words: &[OsString]) -> Vec<OsString> {
    let mut found: Vec<OsString> = Vec::with_capacity(words.len());
    for word in words {
        let is_value = word == "true" || word == "false";
        match found.last_mut().filter(|last| is_value && is_option(last.as_os_str())) {
            Some(option) => {
                option.push("=");
                option.push(word);
            }
            None => found.push(word.clone()),
        }
    }
    found
}

/// Whether a word is an option without a value.
fn is_option(word: &OsStr) -> bool {
    word.to_str().is_some_and(|text| text.starts_with("--") && text.len() > 2 && !text.contains('='))
}

#[cfg(test)]
mod tests {
    use super::joined;
    use std::ffi::OsString;

    #[test]
    fn a_switch_takes_its_value_with_or_without_an_equals_sign() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(joined(&words("x --a true --b=1 false -- true")), words("x --a=true --b=1 false -- true"));
    }
}
