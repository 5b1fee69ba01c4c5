//! The end of a search: the result of the best trial, a table and figures of all.

use super::outcome::Outcome;
use super::{CHECKPOINT, OUTCOME_FILE, Ranking, budget_value, figures};
use crate::error::{ProductionError, Result};
use recoil_stage::config::flow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the end of a search writes.
#[derive(Clone, Debug)]
pub struct Files {
    /// The result of the best trial: a directory, or a file.
    pub output: PathBuf,
    /// Name of the file that the stage writes, if it writes one.
    pub file: Option<String>,
    /// Table of all trials.
    pub table: PathBuf,
    /// Figure of the objective against the parameters.
    pub parameters: PathBuf,
    /// Figure of the objective during the trainings.
    pub curves: Option<PathBuf>,
}

/// Writes the result of a search with these rankings, that of the first rung first. `logarithmic` are keys whose values
/// are drawn on a logarithmic scale.
///
/// # Errors
/// No trial that ended well; files that cannot be read or written.
pub fn conclude(rankings: &[PathBuf], files: &Files, logarithmic: &BTreeSet<String>) -> Result<String> {
    let all: Vec<Ranking> = rankings.iter().map(|path| Ranking::read(path)).collect::<Result<_>>()?;
    // where nothing of a rung ended well, the rung before has the best
    let best = all.iter().zip(rankings).rev().find_map(|(ranking, path)| Some((ranking, path, ranking.at(0)?)));
    let Some((ranking, path, best)) = best else {
        return Err(ProductionError::Usage("no trial of the search ended well".into()));
    };
    let from = path.with_extension("").join(best.place.to_string());
    match &files.file {
        Some(name) => {
            copy(&from.join(name), &files.output)?;
            let record = |path: &Path| PathBuf::from(format!("{}.prov.json", path.display()));
            copy(&record(&from.join(name)), &record(&files.output))?;
        }
        None => copy_results(&from, &files.output)?,
    }
    let ranks = ranks(&all);
    write(&files.table, table(&all, &ranks).as_bytes())?;
    let figure = |path: &Path, figure: recoil_plot::Figure| {
        let format = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = figure.render(&format).map_err(|error| ProductionError::Usage(error.to_string()))?;
        write(path, &bytes)
    };
    figure(&files.parameters, figures::parameters(&all, &ranks, logarithmic))?;
    if let Some(path) = &files.curves {
        figure(path, figures::curves(&all, &ranks))?;
    }
    let value = best.value().unwrap_or(f64::NAN);
    let words: Vec<String> = best.parameters.iter().map(|(key, value)| super::word(key, value)).collect();
    Ok(format!("trial {} is the best: {} = {value}, {}\n", best.trial, ranking.objective, words.join(" ")))
}

/// Final ranks by the numbers of trials, from one: first those that got furthest, and of them those that were best there;
/// those that failed come last.
fn ranks(rankings: &[Ranking]) -> BTreeMap<usize, usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut failed: Vec<usize> = Vec::new();
    for ranking in rankings.iter().rev() {
        for outcome in &ranking.trials {
            let is_known = order.contains(&outcome.trial) || failed.contains(&outcome.trial);
            if !is_known && !outcome.is_empty() {
                if outcome.value().is_some() { &mut order } else { &mut failed }.push(outcome.trial);
            }
        }
    }
    order.into_iter().chain(failed).zip(1..).collect()
}

/// One row for each trial and rung, ordered by the final rank.
fn table(rankings: &[Ranking], ranks: &BTreeMap<usize, usize>) -> String {
    let keys: BTreeSet<&String> =
        rankings.iter().flat_map(|ranking| &ranking.trials).flat_map(|outcome| outcome.parameters.keys()).collect();
    let mut rows: Vec<(usize, usize, String)> = Vec::new();
    for ranking in rankings {
        for (place, outcome) in ranking.trials.iter().enumerate().filter(|(_, outcome)| !outcome.is_empty()) {
            let rank = ranks.get(&outcome.trial).copied().unwrap_or_default();
            let budget = outcome.budget.map(|budget| budget_value(budget).to_string()).unwrap_or_default();
            let value = outcome.value().map(|value| value.to_string()).unwrap_or_default();
            let mut cells =
                vec![rank.to_string(), outcome.trial.to_string(), ranking.rung.to_string(), (place + 1).to_string()];
            cells.extend([budget, value]);
            cells.extend(keys.iter().map(|key| outcome.parameters.get(*key).map(cell).unwrap_or_default()));
            cells.push(quoted(outcome.failure()));
            rows.push((rank, ranking.rung, cells.join(",")));
        }
    }
    rows.sort();
    let objective = rankings.first().map_or("", |ranking| ranking.objective.as_str());
    let mut names = vec!["rank", "trial", "rung", "rung_rank", "budget", objective];
    names.extend(keys.iter().map(|key| key.as_str()));
    names.push("failure");
    let lines = rows.into_iter().map(|(.., line)| line);
    std::iter::once(names.join(",")).chain(lines).map(|line| line + "\n").collect()
}

fn cell(value: &serde_json::Value) -> String {
    quoted(&value.as_str().map_or_else(|| flow(value), str::to_owned))
}

/// A cell of a text table.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

impl Outcome {
    fn is_empty(&self) -> bool {
        matches!(self.ending, super::Ending::Empty)
    }
}

/// Copies what a stage wrote, without what belongs to the search.
fn copy_results(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(ProductionError::file("create the directory", to))?;
    let entries = fs::read_dir(from).map_err(ProductionError::file("list", from))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        if text == OUTCOME_FILE || text.starts_with(CHECKPOINT) || text.starts_with('.') {
            continue;
        }
        match path.is_dir() {
            true => copy_results(&path, &to.join(name))?,
            false => copy(&path, &to.join(name))?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(|_| ()).map_err(ProductionError::file("copy", from))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(ProductionError::file("write", path))
}
