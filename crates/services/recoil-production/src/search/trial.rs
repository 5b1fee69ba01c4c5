//! What the task of a trial does.

use super::outcome::{Ending, Outcome};
use super::{CHECKPOINT, OUTCOME_FILE, Objective, Parameters, Ranking, budget_value, word};
use crate::error::{ProductionError, Result};
use crate::key::{PROGRAM, hash, identity};
use crate::program;
use serde_json::Value as Json;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A task of a rung.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Number of the task, which is the rank in the rung before.
    pub place: usize,
    /// Where it writes.
    pub directory: PathBuf,
    /// The ranking of the rung before; in the first rung, the place is the number of the trial.
    pub ranking: Option<PathBuf>,
    /// Parameters in the first rung.
    pub parameters: Parameters,
    /// Key and amount of the budget.
    pub budget: Option<(String, f64)>,
    /// Key of the configuration that names the checkpoint.
    pub checkpoint: Option<String>,
    /// What is wanted.
    pub objective: Objective,
    /// What the stage reads.
    pub reads: Vec<PathBuf>,
    /// The words of the stage, with the directory behind `-o`.
    pub words: Vec<String>,
}

/// Exit codes of the stage that are no judgement on the parameters: outputs that cannot be written, and interruptions.
const NO_JUDGEMENT: [i32; 2] = [4, 130];

/// Runs a trial and leaves its outcome; returns the exit code of the task. A stage that fails is an outcome and no failure
/// of the task, unless it was stopped from outside or could not write.
///
/// # Errors
/// When the ranking or the outcome cannot be read or written.
pub fn run(trial: &Trial) -> Result<i32> {
    fs::create_dir_all(&trial.directory).map_err(ProductionError::file("create the directory", &trial.directory))?;
    // drafts of an attempt that was killed while it wrote
    remove(&files(&trial.directory, |name| name.starts_with(OUTCOME_FILE) && name != OUTCOME_FILE)?)?;
    let budget = trial.budget.as_ref().map(|(_, amount)| *amount);
    let mut outcome = Outcome {
        trial: trial.place,
        place: trial.place,
        parameters: trial.parameters.clone(),
        budget,
        course: String::new(),
        ending: Ending::Begun,
        curve: None,
    };
    let mut before = None;
    if let Some(path) = &trial.ranking {
        let ranking = Ranking::read(path)?;
        let Some(chosen) = ranking.at(trial.place) else {
            outcome.ending = Ending::Empty;
            return outcome.write(&trial.directory).map(|()| 0);
        };
        outcome.trial = chosen.trial;
        outcome.parameters = chosen.parameters.clone();
        before = Some((path.with_extension("").join(chosen.place.to_string()), chosen.course.clone()));
    }
    outcome.course = course(trial, &outcome.parameters)?;
    if trial.checkpoint.is_some() {
        let known = Outcome::read(&trial.directory).unwrap_or(None);
        let own = known.is_some_and(|own| own.course == outcome.course && own.budget == outcome.budget);
        if !own {
            let from = before.filter(|(_, course)| *course == outcome.course).map(|(directory, _)| directory);
            take_checkpoint(from.as_deref(), &trial.directory)?;
        }
    }
    outcome.write(&trial.directory)?;
    let (status, report, last) = stage(trial, &outcome.parameters)?;
    match (status.code(), status.signal()) {
        (Some(0 | 5), _) => match trial.objective.read(&report, &trial.directory) {
            Ok((value, curve)) => (outcome.ending, outcome.curve) = (Ending::Objective(value), curve),
            Err(reason) => outcome.ending = Ending::Failed(reason),
        },
        (Some(code), _) if NO_JUDGEMENT.contains(&code) => return Ok(code),
        (Some(_), _) => outcome.ending = Ending::Failed(last.trim_start_matches("error: ").to_owned()),
        // the kernel's when memory runs out: passed on as shells do, so that the next try gets more
        (None, signal) => return Ok(128 + signal.unwrap_or_default()),
    }
    outcome.write(&trial.directory)?;
    Ok(0)
}

/// What determines the course of a training, whatever its budget: the program, its words and what it reads.
fn course(trial: &Trial, parameters: &Parameters) -> Result<String> {
    let mut text = PROGRAM.to_owned();
    let mut words = trial.words.iter();
    while let Some(word) = words.next() {
        // where files lie is of no importance: what is read counts by its content
        if ["-o", "--input"].contains(&word.as_str()) {
            let role = words.next().and_then(|file| file.split_once('='));
            text.push_str(role.map_or("", |(role, _)| role));
            continue;
        }
        text.push('\0');
        text.push_str(word);
    }
    for (key, value) in parameters {
        text.push('\0');
        text.push_str(&word(key, value));
    }
    for path in &trial.reads {
        text.push('\0');
        text.push_str(&identity(path, true, &HashSet::new())?);
    }
    Ok(hash(text.as_bytes()))
}

/// Removes the checkpoints in a directory and copies those of another one there. A stage may have several networks with a
/// checkpoint for each.
fn take_checkpoint(from: Option<&Path>, to: &Path) -> Result<()> {
    let is_checkpoint = |name: &str| name.starts_with(CHECKPOINT);
    remove(&files(to, is_checkpoint)?)?;
    let Some(from) = from else { return Ok(()) };
    for path in files(from, is_checkpoint)? {
        let target = to.join(path.file_name().unwrap_or_default());
        let draft = target.with_extension("draft");
        fs::copy(&path, &draft).map_err(ProductionError::file("copy the checkpoint", &path))?;
        fs::rename(&draft, &target).map_err(ProductionError::file("rename to", &target))?;
    }
    Ok(())
}

/// Files in a directory whose names are wanted, sorted.
fn files(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(ProductionError::file("list", directory))?;
    let is_one = |path: &PathBuf| wanted(&path.file_name().unwrap_or_default().to_string_lossy()) && path.is_file();
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    Ok(found)
}

fn remove(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| fs::remove_file(path).map_err(ProductionError::file("remove", path)))
}

/// Runs the stage; gives its end, what it reports, and the last line that it told.
fn stage(trial: &Trial, parameters: &Parameters) -> Result<(ExitStatus, Json, String)> {
    let mut command = Command::new(program::path());
    command.args(&trial.words).args(parameters.iter().map(|(key, value)| word(key, value)));
    if let Some((key, amount)) = &trial.budget {
        command.arg(word(key, &budget_value(*amount)));
    }
    if let Some(key) = &trial.checkpoint {
        let path = trial.directory.join(format!("{CHECKPOINT}.safetensors"));
        // relative to where the command runs, so that the record of the result is the same everywhere
        let here = std::env::current_dir().unwrap_or_default();
        let path = path.strip_prefix(&here).unwrap_or(&path);
        command.arg(word(key, &Json::from(path.to_string_lossy())));
    }
    command.args(["--overwrite", "--no-progress", "--json"]);
    let starting = || ProductionError::file("start", program::path().as_ref());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(starting())?;
    let (out, told) = (child.stdout.take(), child.stderr.take());
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        out.map(|mut out| out.read_to_end(&mut text)).transpose().map(|_| text)
    });
    let mut last = String::new();
    for line in told.into_iter().flat_map(|told| BufReader::new(told).split(b'\n')).map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line);
        pass_on(&line);
        if !line.trim().is_empty() {
            last = line.trim().to_owned();
        }
    }
    let status = child.wait().map_err(starting())?;
    let text = reader.join().ok().and_then(std::result::Result::ok).unwrap_or_default();
    Ok((status, serde_json::from_slice(&text).unwrap_or(Json::Null), last))
}

/// Passes a line on to the log of the task.
fn pass_on(line: &str) {
    use std::io::Write as _;
    // a log that cannot be written is no reason to stop a training
    let _ = writeln!(std::io::stderr(), "{line}");
}
