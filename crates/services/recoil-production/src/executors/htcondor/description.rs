//! Submit descriptions: what HTCondor is told about an array of tasks.

use super::super::batch::{limits, stop_file};
use super::super::{StepSubmission, refused};
use super::NAME;
use crate::error::Result;
use crate::state::StateDir;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Attribute of a job by which it is found again.
pub(super) const TOKEN: &str = "RecoilToken";
/// What the notes of a submission in the log begin with; the number of the task follows.
pub(super) const NOTES: &str = "recoil task ";
/// Commands that the production sets itself.
const RESERVED: [&str; 12] = [
    "arguments",
    "batch_name",
    "error",
    "executable",
    "log",
    "max_materialize",
    "output",
    "periodic_remove",
    "queue",
    "request_cpus",
    "submit_event_notes",
    "universe",
];
/// Numbers of reasons to hold a job: too much memory, and limits of time.
pub(super) const HELD_FOR_MEMORY: u32 = 34;
pub(super) const HELD_FOR_TIME: [u32; 2] = [46, 47];

/// The log that HTCondor writes about the jobs of a token.
pub(super) fn log_file(scripts: &Path, token: &str) -> PathBuf {
    scripts.join(format!("{token}.log"))
}

/// The submit description of an array.
///
/// # Errors
/// When a name has a line end in it, which a submit description cannot hold.
pub(super) fn description(given: &StepSubmission, state: &StateDir) -> Result<String> {
    let Some((program, arguments)) = given.runner.split_first() else {
        return Err(refused(NAME, "there is no command".into()));
    };
    let mut words: Vec<OsString> = arguments.to_vec();
    words.extend(["--stop-file".into(), stop_file(state, &given.token).into()]);
    words.extend(limits(&given.resources, true));
    let mut lines = vec![
        "universe = vanilla".to_string(),
        format!("executable = {}", line(program)?),
        format!("arguments = \"{} --task $(task)\"", quoted(&words)?),
        "getenv = true".into(),
        format!("initialdir = {}", line(given.scripts.as_os_str())?),
        format!("log = {}", line(log_file(&given.scripts, &given.token).as_os_str())?),
        format!("error = {}.$(task).err", given.token),
        format!("batch_name = {}", given.token),
        format!("submit_event_notes = {NOTES}$(task)"),
        format!("My.{TOKEN} = \"{}\"", given.token),
        "should_transfer_files = NO".into(),
    ];
    let resources = &given.resources;
    lines.push(format!("request_cpus = {}", resources.cpus.unwrap_or(1)));
    if let Some(bytes) = resources.memory_bytes {
        lines.push(format!("request_memory = {}MB", bytes.div_ceil(1 << 20)));
    }
    if let Some(seconds) = resources.time_seconds {
        // the task runner stops in time by itself
        lines.push(format!("allowed_execute_duration = {}", seconds + 60));
    }
    // a job that was held for its limits is over
    let codes: Vec<String> =
        [HELD_FOR_MEMORY].iter().chain(&HELD_FOR_TIME).map(|code| format!("HoldReasonCode == {code}")).collect();
    lines.push(format!("periodic_remove = JobStatus == 5 && ({})", codes.join(" || ")));
    if let Some(limit) = given.concurrent {
        lines.push(format!("max_materialize = {}", limit.max(1)));
    }
    for (name, value) in &given.scheduler {
        lines.push(format!("{} = {}", command(name)?, line(value.as_ref())?));
    }
    let tasks: Vec<String> = given.tasks.iter().map(usize::to_string).collect();
    lines.push(format!("queue task in ({})", tasks.join(", ")));
    Ok(lines.join("\n") + "\n")
}

/// The name of a further command.
fn command(name: &str) -> Result<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-');
    let known = name.to_lowercase().replace('-', "_");
    if name.is_empty() || !name.bytes().all(legal) || RESERVED.contains(&known.as_str()) {
        return Err(refused(NAME, format!("'{name}' cannot be a command of a submit description")));
    }
    Ok(name.replace('-', "_"))
}

/// Text to the end of a line, in which `$` has no meaning.
fn line(text: &OsStr) -> Result<String> {
    let text = text.to_str().ok_or_else(|| refused(NAME, format!("{} is not UTF-8", text.to_string_lossy())))?;
    if text.contains(['\n', '\r']) {
        return Err(refused(NAME, format!("a submit description cannot hold a name with a line end in it: {text:?}")));
    }
    Ok(text.replace('$', "$(DOLLAR)"))
}

/// Arguments for between double quotes: each between single quotes, quotes doubled.
fn quoted(words: &[OsString]) -> Result<String> {
    let one = |word: &OsString| Ok(format!("'{}'", line(word)?.replace('\'', "''").replace('"', "\"\"")));
    Ok(words.iter().map(one).collect::<Result<Vec<String>>>()?.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Environment, Resources};
    use std::collections::BTreeMap;

    fn submission(directory: &str) -> StepSubmission {
        StepSubmission {
            production: "p".into(),
            step: "s".into(),
            tasks: vec![3, 4, 7],
            attempt: 1,
            token: "s.1.7".into(),
            runner: ["/bin/recoil", "--dir", directory].map(Into::into).into(),
            resources: Resources { cpus: Some(2), memory_bytes: Some(1 << 30), time_seconds: Some(60) },
            concurrent: Some(2),
            scheduler: BTreeMap::from([("+Group".to_string(), "\"lst\"".to_string())]),
            environment: Environment::default(),
            scripts: "/s".into(),
            directory: "/".into(),
            specs: Vec::new(),
        }
    }

    #[test]
    fn names_stay_what_they_are() {
        let state = StateDir::new("/s");
        let text = description(&submission("/a 'b' \"c\" $(id)"), &state).unwrap();
        for expected in [
            "arguments = \"'--dir' '/a ''b'' \"\"c\"\" $(DOLLAR)(id)' ",
            "request_memory = 1024MB\n",
            "max_materialize = 2\n",
            "+Group = \"lst\"\n",
            "queue task in (3, 4, 7)\n",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(description(&submission("/a\nqueue"), &state).is_err());
        let mut given = submission("/a");
        for name in ["queue", "Log", "max-materialize", "a b", "a\nb", ""] {
            given.scheduler = BTreeMap::from([(name.to_string(), "1".to_string())]);
            assert!(description(&given, &state).is_err(), "{name}");
        }
    }
}
