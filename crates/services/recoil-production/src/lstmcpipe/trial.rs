//! A trial run of the first stage on one small file, before thousands are submitted.

use super::commands::Shared;
use super::notes::Notes;
use super::stage::Stage;
use super::{header, shared};
use crate::finding::{Finding, Location};
use crate::plan::word;
use crate::yaml::Node;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the command of the DL1 stage of a production on a file, in the environment of the production, into a directory
/// that is removed afterwards. Nothing is found if the command ends well and writes something; also if the production has
/// no DL1 stage.
pub fn trial(file: &Path, root: &Node, simulation: &Path) -> Vec<Finding> {
    let mut notes = Notes::new(file);
    let header = header::Header::read(&mut notes, root);
    let Some((stage, place)) = header.stages.iter().find(|(stage, _)| stage.is_dl1()) else { return Vec::new() };
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let base = whole.parent().map(Path::to_path_buf).unwrap_or_default();
    let shared = shared(&mut notes, root, &header, base);
    match run(&shared, *stage, simulation) {
        Ok(()) => Vec::new(),
        Err(message) => {
            let Location { line, column, .. } = place.location(file);
            let location = Location { file: file.into(), line, column };
            let message = format!("the trial of {} on {} failed: {message}", stage.name(), simulation.display());
            vec![Finding::error(location, "trial-failed", message)]
        }
    }
}

fn run(shared: &Shared, stage: Stage, simulation: &Path) -> Result<(), String> {
    let simulation = std::path::absolute(simulation).map_err(|error| error.to_string())?;
    let directory = std::env::temp_dir().join(format!("recoil-trial-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let task = shared.dl1_task(stage, &[simulation], &directory, &directory.to_string_lossy());
    let words = task.commands.first().map(|command| command.argv.iter().map(|argument| word(argument, &task)));
    let words: Vec<String> = words.into_iter().flatten().collect();
    let ended = in_environment(shared, &words);
    let wrote = std::fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some());
    // what a trial wrote is of no use
    let _ = std::fs::remove_dir_all(&directory);
    match ended {
        Ok(()) if wrote => Ok(()),
        Ok(()) => Err("the command ended well, but wrote nothing".into()),
        Err(message) => Err(message),
    }
}

/// Runs words in the environment of a production; names are never read by the shell that sources its file.
fn in_environment(shared: &Shared, words: &[String]) -> Result<(), String> {
    let environment = &shared.environment;
    let source = environment.source_file.as_deref().map(Path::as_os_str).unwrap_or_default();
    let conda = environment.conda_env.as_deref().unwrap_or_default();
    let script = "file=$1 name=$2; shift 2; [ -z \"$file\" ] || source \"$file\" || exit; \
                  [ -z \"$name\" ] || conda activate \"$name\" || exit; exec \"$@\"";
    let done = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(source)
        .arg(conda)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start bash: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{} ({})", said.trim().lines().next_back().unwrap_or("no message"), done.status)),
    }
}
