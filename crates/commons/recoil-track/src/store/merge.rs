//! One store from several.
//!
//! Experiments of the same name become one; runs keep their ids. A run that is in several stores with the same content
//! is taken once. Addresses of artifacts that lie in a store are changed to the new place.

use super::files::{self, Place};
use super::read::{folders, walk};
use super::{FileStore, META, REGISTRY, RESERVED, TAGS, TRASH, artifact_uri, experiment_id, fresh_id, meta};
use crate::error::{At as _, Result, TrackError};
use crate::name;
use crate::record::{Experiment, RunInfo};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PARENT: &str = "mlflow.parentRunId";

/// What to do with a run that is in several stores with different content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Refuse to merge.
    #[default]
    Stop,
    /// Take that of the store named first.
    First,
    /// Take that of the store named last.
    Last,
    /// Take all; the later ones get new ids and the tag `recoil.merged_from`.
    Both,
}

/// What a merge has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// Experiments of the new store.
    pub experiments: usize,
    /// Runs of the new store.
    pub runs: usize,
    /// Runs that were in several stores with the same content.
    pub same: usize,
    /// Runs that were in several stores with different content, by id.
    pub conflicts: Vec<String>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

/// A run that is to be taken.
struct Taken {
    source: PathBuf,
    store: usize,
    info: RunInfo,
    /// Experiment of the new store, by place.
    experiment: usize,
    /// Its id in the new store.
    id: String,
}

/// Merges stores into a new one at `output`. Files are written to `folder`, which is to be renamed to `output`.
///
/// # Errors
/// Stores that cannot be read, conflicts if they are to stop, files that cannot be written.
pub fn merge(stores: &[FileStore], folder: &Path, output: &Path, on_conflict: OnConflict) -> Result<MergeReport> {
    let output = std::path::absolute(output).at("find the directory", output)?;
    let mut report = MergeReport::default();
    let mut experiments: Vec<(Experiment, Vec<PathBuf>)> = Vec::new();
    let mut runs: Vec<Taken> = Vec::new();
    let mut conflicts = BTreeSet::new();
    for (store, source) in stores.iter().enumerate() {
        for (path, found) in source.experiment_folders()? {
            let place = joined(&mut experiments, &found, &path);
            for id in folders(&path)?.into_iter().filter(|id| !RESERVED.contains(&id.as_str())) {
                let run = path.join(&id);
                let described = run.join(META);
                let read = files::text(&described).and_then(|text| meta::parse_run(&described, &text));
                match read {
                    Ok(info) if info.id == id => {
                        let taken = Taken { source: run, store, info, experiment: place, id };
                        add(&mut runs, taken, on_conflict, &mut report, &mut conflicts)?;
                    }
                    Ok(_) => report.left_out.push(format!("{}: not named as its run", run.display())),
                    Err(error) => report.left_out.push(error.to_string()),
                }
            }
        }
    }
    report.conflicts = conflicts.into_iter().collect();
    if on_conflict == OnConflict::Stop && !report.conflicts.is_empty() {
        return Err(TrackError::Conflict { runs: report.conflicts });
    }
    let trash = folder.join(TRASH);
    std::fs::create_dir_all(&trash).at("create the directory", &trash)?;
    for (experiment, sources) in &mut experiments {
        experiment.artifact_location = match is_inside(&experiment.artifact_location, stores) {
            true => name::file_uri(&output.join(&experiment.id)),
            false => experiment.artifact_location.clone(),
        };
        let own = place_of(folder, experiment);
        write(&own, META, meta::write_experiment(experiment).as_bytes())?;
        for source in sources {
            for part in RESERVED {
                copy(&source.join(part), &own.join(part), &mut report)?;
            }
        }
    }
    for (source, left) in stores.iter().map(|store| (store.root.join(REGISTRY), folder.join(REGISTRY))) {
        copy(&source, &left, &mut report)?;
    }
    // ids that changed, by store
    let changed: BTreeMap<(usize, &str), &str> = (runs.iter())
        .filter(|run| run.id != run.info.id)
        .map(|run| ((run.store, run.info.id.as_str()), run.id.as_str()))
        .collect();
    for run in &runs {
        let Some((experiment, _)) = experiments.get(run.experiment) else { continue };
        copy_run(run, experiment, folder, &output, stores, &changed, &mut report)?;
    }
    report.experiments = experiments.len();
    report.runs = runs.len();
    Ok(report)
}

fn place_of(folder: &Path, experiment: &Experiment) -> PathBuf {
    let parent = if experiment.deleted { folder.join(TRASH) } else { folder.to_path_buf() };
    parent.join(&experiment.id)
}

/// The place of an experiment in the new store: that of the same name, or a new one.
fn joined(experiments: &mut Vec<(Experiment, Vec<PathBuf>)>, found: &Experiment, path: &Path) -> usize {
    if let Some(place) = experiments.iter().position(|(known, _)| known.name == found.name) {
        if let Some((known, sources)) = experiments.get_mut(place) {
            known.deleted &= found.deleted;
            known.created_ms = known.created_ms.min(found.created_ms);
            sources.push(path.to_path_buf());
        }
        return place;
    }
    let mut own = found.clone();
    let mut turn = 0;
    while experiments.iter().any(|(known, _)| known.id == own.id) {
        own.id = experiment_id(&found.name, turn);
        turn += 1;
    }
    experiments.push((own, vec![path.to_path_buf()]));
    experiments.len() - 1
}

fn add(
    runs: &mut Vec<Taken>,
    mut new: Taken,
    on_conflict: OnConflict,
    report: &mut MergeReport,
    conflicts: &mut BTreeSet<String>,
) -> Result<()> {
    let same_id = runs.iter().position(|run| run.info.id == new.info.id);
    if let Some(known) = same_id.and_then(|place| runs.get_mut(place)) {
        if fingerprint(known)? == fingerprint(&new)? {
            report.same += 1;
            return Ok(());
        }
        conflicts.insert(new.info.id.clone());
        match on_conflict {
            OnConflict::Stop | OnConflict::First => return Ok(()),
            OnConflict::Last => {
                *known = new;
                return Ok(());
            }
            OnConflict::Both => new.id = fresh_id(),
        }
    }
    runs.push(new);
    Ok(())
}

/// Hash of what a run holds, without what changes with its place.
fn fingerprint(run: &Taken) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let RunInfo { name, status, start_ms, end_ms, deleted, .. } = &run.info;
    hash.update(format!("{name}\0{status:?}\0{start_ms}\0{end_ms:?}\0{deleted}"));
    walk(&run.source, String::new(), &mut |path, full| {
        if path != META {
            let content = std::fs::read(full).at("read", full)?;
            hash.update(format!("\0{path}\0{}\0", content.len()));
            hash.update(content);
        }
        Ok(())
    })?;
    Ok(hash.finalize().to_vec())
}

/// Whether an address lies in one of the stores, so that what is there moves along.
fn is_inside(uri: &str, stores: &[FileStore]) -> bool {
    let Some(path) = name::local_path(uri) else { return false };
    stores.iter().any(|store| {
        let root = std::path::absolute(&store.root).unwrap_or_else(|_| store.root.clone());
        path.starts_with(&root)
    }) || !path.exists()
}

fn copy_run(
    run: &Taken,
    experiment: &Experiment,
    folder: &Path,
    output: &Path,
    stores: &[FileStore],
    changed: &BTreeMap<(usize, &str), &str>,
    report: &mut MergeReport,
) -> Result<()> {
    let own = place_of(folder, experiment).join(&run.id);
    copy(&run.source, &own, report)?;
    let mut info = run.info.clone();
    info.experiment_id.clone_from(&experiment.id);
    info.id.clone_from(&run.id);
    if is_inside(&info.artifact_uri, stores) {
        let home = Experiment { artifact_location: String::new(), ..experiment.clone() };
        info.artifact_uri = artifact_uri(&home, output, &run.id);
    }
    write(&own, META, meta::write_run(&info).as_bytes())?;
    let parent = own.join(TAGS).join(PARENT);
    if parent.is_file()
        && let Some(new) = changed.get(&(run.store, files::text(&parent)?.trim()))
    {
        write(&own, &format!("{TAGS}/{PARENT}"), new.as_bytes())?;
    }
    if run.id != run.info.id {
        write(&own, &format!("{TAGS}/recoil.merged_from"), run.info.id.as_bytes())?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    std::fs::create_dir_all(folder).at("create the directory", folder)?;
    files::place(folder, &folder.join(name), content, Place::Replace).map(|_| ())
}

/// Copies what is not there yet; files that differ from one that is there are left out and reported.
fn copy(source: &Path, target: &Path, report: &mut MergeReport) -> Result<()> {
    if !source.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(target).at("create the directory", target)?;
    for folder in folders(source)? {
        copy(&source.join(&folder), &target.join(&folder), report)?;
    }
    for entry in std::fs::read_dir(source).at("read the directory", source)? {
        let entry = entry.at("read the directory", source)?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if from.is_dir() || entry.file_name().to_string_lossy().starts_with(".recoil-") {
            continue;
        }
        if !from.is_file() {
            report.left_out.push(format!("{}: not a file", from.display()));
        } else if !to.exists() {
            std::fs::copy(&from, &to).at("copy", &from)?;
        } else if std::fs::read(&from).at("read", &from)? != std::fs::read(&to).at("read", &to)? {
            report.left_out.push(format!("{}: another store has it with different content", from.display()));
        }
    }
    Ok(())
}
