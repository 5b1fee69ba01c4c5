//! Stores on disk in MLflow's layout.
//!
//! ```text
//! ROOT/<experiment id>/meta.yaml, tags/NAME
//!     /<experiment id>/<run id>/meta.yaml, params/NAME, metrics/NAME, tags/NAME, artifacts/…
//!     /.trash/<experiment id>/…      deleted experiments
//! ```
//!
//! Any number of processes may write at once, and one that is killed leaves nothing half written: files are made under
//! another name and then renamed, lines of metrics are appended in one write each, and a run appears to readers when its
//! `meta.yaml` does, which comes last. Ids of experiments follow from their names, so that two processes that begin the
//! same experiment agree.

mod files;
mod merge;
mod meta;
mod read;
mod run;

pub use merge::{MergeReport, OnConflict, merge};
pub use read::{Listing, Names, Query, Wanted};
pub use run::FileRun;

use crate::error::{At as _, Result, TrackError};
use crate::name;
use crate::record::{Experiment, RunInfo, Status, now_ms};
use crate::session::NewRun;
use files::Place;
use sha2::{Digest as _, Sha256};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

const META: &str = "meta.yaml";
const TRASH: &str = ".trash";
const PARAMETERS: &str = "params";
const METRICS: &str = "metrics";
const TAGS: &str = "tags";
const ARTIFACTS: &str = "artifacts";
/// Folder of the model registry beside the experiments.
const REGISTRY: &str = "models";
/// Folders of an experiment that are no runs.
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", "models"];

/// A store in a directory.
#[derive(Clone, Debug)]
pub struct FileStore {
    root: PathBuf,
}

impl FileStore {
    /// The store in this directory.
    ///
    /// # Errors
    /// No such directory.
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_dir() {
            return Err(TrackError::Missing(format!("there is no store at {}", root.display())));
        }
        Ok(Self { root: root.to_path_buf() })
    }

    /// The store in this directory, made if it is not there.
    ///
    /// # Errors
    /// A directory that cannot be made.
    pub fn create(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).at("find the directory", root)?;
        let store = Self { root };
        let trash = store.root.join(TRASH);
        if !trash.is_dir() {
            std::fs::create_dir_all(&trash).at("create the directory", &trash)?;
            store.add_experiment("0", "Default", &store.root)?;
        }
        Ok(store)
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The experiment of this name, made if it is not there.
    ///
    /// # Errors
    /// A name that is empty or too long, an experiment that was deleted, a directory that cannot be written.
    pub fn experiment(&self, name: &str) -> Result<Experiment> {
        check_experiment(name)?;
        let known = self.experiments()?;
        if let Some(found) = known.iter().find(|experiment| experiment.name == name) {
            if found.deleted {
                let message = "was deleted: restore it or take another name".into();
                return Err(TrackError::Name { kind: "experiment", name: name.into(), message });
            }
            return Ok(found.clone());
        }
        // an id can be taken by an experiment that was renamed
        for turn in 0..1000 {
            let id = experiment_id(name, turn);
            if !known.iter().any(|experiment| experiment.id == id) {
                let made = self.add_experiment(&id, name, &self.root)?;
                if made.name == name {
                    return Ok(made);
                }
            }
        }
        Err(TrackError::Missing(format!("no id is free for the experiment '{name}'")))
    }

    /// Makes an experiment, or returns the one that another process made at the same time. Artifacts are said to lie
    /// under `home`.
    fn add_experiment(&self, id: &str, name: &str, home: &Path) -> Result<Experiment> {
        let folder = self.root.join(id);
        std::fs::create_dir_all(&folder).at("create the directory", &folder)?;
        let experiment = Experiment {
            id: id.into(),
            name: name.into(),
            artifact_location: name::file_uri(&home.join(id)),
            deleted: false,
            created_ms: now_ms(),
        };
        files::place(&folder, &folder.join(META), meta::write_experiment(&experiment).as_bytes(), Place::Keep)?;
        let path = folder.join(META);
        meta::parse_experiment(&path, &files::text(&path)?)
    }

    /// Starts a run.
    ///
    /// # Errors
    /// A directory that cannot be written.
    pub fn start(&self, experiment: &Experiment, new: &NewRun) -> Result<FileRun> {
        let id = new.id.clone().unwrap_or_else(fresh_id);
        let folder = self.root.join(&experiment.id).join(&id);
        let info = RunInfo {
            name: if new.name.is_empty() { format!("run-{}", id.get(..8).unwrap_or(&id)) } else { new.name.clone() },
            experiment_id: experiment.id.clone(),
            status: Status::Running,
            start_ms: now_ms(),
            end_ms: None,
            artifact_uri: artifact_uri(experiment, &self.root, &id),
            user: user(),
            deleted: false,
            id,
        };
        FileRun::begin(folder, info, &new.tags)
    }

    /// The run of this id in an experiment, if it is there.
    fn find_run(&self, experiment: &Experiment, id: &str) -> Result<Option<RunInfo>> {
        let path = self.root.join(&experiment.id).join(id).join(META);
        if !path.is_file() {
            return Ok(None);
        }
        meta::parse_run(&path, &files::text(&path)?).map(Some)
    }

    /// The id of a run named `name` that others belong to, made if it is not there. Processes that ask at the same time
    /// get the same.
    ///
    /// # Errors
    /// A directory that cannot be written.
    pub fn parent(&self, experiment: &Experiment, name: &str) -> Result<String> {
        let id = hex(&format!("parent\0{}\0{name}", experiment.name)).chars().take(32).collect::<String>();
        if self.find_run(experiment, &id)?.is_none() {
            let new = NewRun { id: Some(id.clone()), name: name.into(), ..NewRun::default() };
            self.start(experiment, &new)?.finish(Status::Finished)?;
        }
        Ok(id)
    }
}

fn artifact_uri(experiment: &Experiment, root: &Path, id: &str) -> String {
    let location = match experiment.artifact_location.as_str() {
        "" => name::file_uri(&root.join(&experiment.id)),
        location => location.trim_end_matches('/').to_owned(),
    };
    format!("{location}/{id}/{ARTIFACTS}")
}

pub(crate) fn check_experiment(name: &str) -> Result<()> {
    let fail =
        |message: &str| Err(TrackError::Name { kind: "experiment", name: name.into(), message: message.to_owned() });
    if name.trim().is_empty() {
        return fail("is empty");
    }
    if name.chars().count() > name::LONGEST_EXPERIMENT {
        return fail("longer than 500 characters");
    }
    Ok(())
}

/// An id that follows from the name: 18 digits, as MLflow's.
fn experiment_id(name: &str, turn: u32) -> String {
    let text = if turn == 0 { name.to_owned() } else { format!("{name}\0{turn}") };
    let head = hex(&text);
    let number = u64::from_str_radix(head.get(..15).unwrap_or("1"), 16).unwrap_or(1);
    (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new id: 32 hexadecimal digits from the keys that the operating system gives to hash maps.
pub(crate) fn fresh_id() -> String {
    let word = |salt: u8| RandomState::new().hash_one((salt, std::process::id(), std::time::SystemTime::now()));
    format!("{:016x}{:016x}", word(0), word(1))
}

pub(crate) fn user() -> String {
    let known = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    known.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_names() {
        let id = experiment_id("econt", 0);
        assert_eq!(id, experiment_id("econt", 0));
        assert_ne!(id, experiment_id("econt", 1));
        assert_eq!(id.len(), 18);
        assert!(name::is_id(&id) && name::is_id(&fresh_id()));
        assert_ne!(fresh_id(), fresh_id());
    }
}
