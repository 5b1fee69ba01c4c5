//! Reading stores: thousands of runs, several at a time, and of each no more than is asked for.

use super::{ARTIFACTS, FileStore, META, METRICS, PARAMETERS, REGISTRY, RESERVED, TAGS, TRASH, files, meta};
use crate::error::{At as _, Result, TrackError};
use crate::name;
use crate::record::{Experiment, Point, Record};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Some of the values of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// None.
    #[default]
    None,
    /// Those with these names.
    Some(BTreeSet<String>),
    /// All.
    All,
}

impl Names {
    /// Adds a name.
    pub fn add(&mut self, name: &str) {
        match self {
            Self::None => *self = Self::Some([name.to_owned()].into()),
            Self::Some(names) => {
                names.insert(name.to_owned());
            }
            Self::All => {}
        }
    }
}

/// Which values are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Parameters.
    pub parameters: Names,
    /// Metrics.
    pub metrics: Names,
    /// Tags.
    pub tags: Names,
}

impl Wanted {
    /// Everything.
    pub fn all() -> Self {
        Self { parameters: Names::All, metrics: Names::All, tags: Names::All }
    }
}

/// Which runs are to be read.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Names or ids of experiments; empty, all.
    pub experiments: Vec<String>,
    /// Whether deleted ones are read too.
    pub deleted: bool,
    /// What of each.
    pub wanted: Wanted,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The runs, newest first.
    pub records: Vec<Record>,
    /// Runs that cannot be read: why not.
    pub damaged: Vec<TrackError>,
}

impl Listing {
    pub(crate) fn sort(&mut self) {
        self.records.sort_by(|a, b| b.info.start_ms.cmp(&a.info.start_ms).then_with(|| a.info.id.cmp(&b.info.id)));
    }
}

/// Folders in a folder that do not begin with a dot, sorted.
pub(super) fn folders(path: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).at("read the directory", path)? {
        let entry = entry.at("read the directory", path)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_dir = || match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        };
        if !name.starts_with('.') && is_dir() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

impl FileStore {
    /// All experiments, by id; deleted ones too.
    ///
    /// # Errors
    /// A directory that cannot be read, a damaged description.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        let mut found: Vec<Experiment> = self.experiment_folders()?.into_iter().map(|(_, found)| found).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Folders of experiments; one without description is no experiment yet.
    pub(super) fn experiment_folders(&self) -> Result<Vec<(PathBuf, Experiment)>> {
        let trash = self.root.join(TRASH);
        let mut found = Vec::new();
        for (parent, deleted) in [(&self.root, false), (&trash, true)] {
            if deleted && !parent.is_dir() {
                continue;
            }
            for folder in folders(parent)? {
                let path = parent.join(&folder);
                let described = path.join(META);
                if (folder == REGISTRY && !deleted) || !described.is_file() {
                    continue;
                }
                let mut experiment = meta::parse_experiment(&described, &files::text(&described)?)?;
                experiment.deleted |= deleted;
                found.push((path, experiment));
            }
        }
        Ok(found)
    }

    /// Runs by experiment.
    ///
    /// # Errors
    /// A directory that cannot be read, an experiment that is not there. Damaged runs are counted, not fatal.
    pub fn runs(&self, query: &Query) -> Result<Listing> {
        let experiments = self.experiment_folders()?;
        if let Some(unknown) = (query.experiments.iter())
            .find(|name| !experiments.iter().any(|(_, experiment)| [&experiment.name, &experiment.id].contains(name)))
        {
            let names: Vec<_> = experiments.iter().map(|(_, experiment)| experiment.name.as_str()).collect();
            let message = format!("there is no experiment '{unknown}' (there are {})", names.join(", "));
            return Err(TrackError::Missing(message));
        }
        let mut places = Vec::new();
        for (folder, experiment) in &experiments {
            let asked = query.experiments.is_empty()
                || query.experiments.iter().any(|name| [&experiment.name, &experiment.id].contains(&name));
            if !asked || (experiment.deleted && !query.deleted) {
                continue;
            }
            let name: Arc<str> = experiment.name.as_str().into();
            let runs = folders(folder)?.into_iter().filter(|run| !RESERVED.contains(&run.as_str()));
            places.extend(runs.map(|run| (folder.join(run), name.clone())));
        }
        let read = |(folder, experiment): (PathBuf, Arc<str>)| read_run(&folder, &experiment, query);
        let found: Vec<Result<Option<Record>>> = places.into_par_iter().map(read).collect();
        let mut listing = Listing::default();
        for one in found {
            match one {
                Ok(record) => listing.records.extend(record),
                Err(error) => listing.damaged.push(error),
            }
        }
        listing.sort();
        Ok(listing)
    }

    /// A run that was listed, with all its values; nothing if it is gone.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn record(&self, listed: &Record) -> Result<Option<Record>> {
        let query = Query { deleted: true, wanted: Wanted::all(), ..Query::default() };
        read_run(&self.folder(listed), &listed.experiment, &query)
    }

    /// Folder of a run.
    fn folder(&self, record: &Record) -> PathBuf {
        let live = self.root.join(&record.info.experiment_id).join(&record.info.id);
        let trashed = self.root.join(TRASH).join(&record.info.experiment_id).join(&record.info.id);
        if live.is_dir() { live } else { trashed }
    }

    /// All values of a metric of a run, in the order of the file.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn history(&self, record: &Record, metric: &str) -> Result<Vec<Point>> {
        name::check("metric", metric)?;
        points(&self.folder(record).join(METRICS).join(metric))
    }

    /// Paths of the artifacts of a run, sorted, with their sizes in bytes; `None` if they do not lie on this disk.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn artifacts(&self, record: &Record) -> Result<Option<Vec<(String, u64)>>> {
        let moved = self.folder(record).join(ARTIFACTS);
        let home = name::local_path(&record.info.artifact_uri).filter(|path| path.is_dir());
        let Some(home) = home.or_else(|| moved.is_dir().then_some(moved)) else { return Ok(None) };
        let mut found = Vec::new();
        walk(&home, String::new(), &mut |path, full| {
            let size = full.metadata().map(|meta| meta.len()).unwrap_or(0);
            found.push((path, size));
            Ok(())
        })?;
        Ok(Some(found))
    }
}

/// Calls `visit` with every file below a folder: relative path and full path, sorted.
pub(super) fn walk(folder: &Path, prefix: String, visit: &mut impl FnMut(String, &Path) -> Result<()>) -> Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .at("read the directory", folder)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(".recoil-") {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().at("look at", &entry.path())?.is_dir() {
            walk(&entry.path(), format!("{path}/"), visit)?;
        } else {
            visit(path, &entry.path())?;
        }
    }
    Ok(())
}

/// A run; `None` if the folder is none, or a deleted one that nobody asked for.
fn read_run(folder: &Path, experiment: &Arc<str>, query: &Query) -> Result<Option<Record>> {
    let path = folder.join(META);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // not begun yet, or something else
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error).at("read", &path),
    };
    let info = meta::parse_run(&path, &text)?;
    if folder.file_name().is_none_or(|name| *name != *info.id) {
        return Err(TrackError::damaged(&path, format!("the folder is not named as the run, {}", info.id)));
    }
    if info.deleted && !query.deleted {
        return Ok(None);
    }
    let mut metrics = BTreeMap::new();
    for name in listed(&folder.join(METRICS), &query.wanted.metrics)? {
        let mut latest: Option<Point> = None;
        for point in optional(points(&folder.join(METRICS).join(&name)))?.unwrap_or_default() {
            if latest.is_none_or(|latest| point.later_than(&latest)) {
                latest = Some(point);
            }
        }
        if let Some(latest) = latest {
            metrics.insert(name, latest);
        }
    }
    let values = |part: &str, wanted: &Names| -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for name in listed(&folder.join(part), wanted)? {
            if let Some(text) = optional(files::text(&folder.join(part).join(&name)))? {
                found.insert(name, text);
            }
        }
        Ok(found)
    };
    let parameters = values(PARAMETERS, &query.wanted.parameters)?;
    let tags = values(TAGS, &query.wanted.tags)?;
    Ok(Some(Record { info, experiment: experiment.clone(), parameters, metrics, tags }))
}

/// A file that need not be there.
fn optional<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(TrackError::Io { source, .. })
            if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Names of values in a folder: those that are asked for, or all that are there.
fn listed(folder: &Path, wanted: &Names) -> Result<Vec<String>> {
    match wanted {
        Names::None => Ok(Vec::new()),
        Names::Some(names) => Ok(names.iter().filter(|name| name::check("value", name).is_ok()).cloned().collect()),
        Names::All => {
            let mut found = Vec::new();
            let walked = walk(folder, String::new(), &mut |name, _| {
                found.push(name);
                Ok(())
            });
            optional(walked)?;
            Ok(found)
        }
    }
}

/// The lines `time value step` of a metric; the last may be cut.
fn points(path: &Path) -> Result<Vec<Point>> {
    let text = files::text(path)?;
    let mut found = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') || line.trim().is_empty() {
            continue;
        }
        match point(line.trim()) {
            Some(point) => found.push(point),
            None => {
                let message = format!("line {}: '{}' is no value of a metric", index + 1, name::cut(line.trim(), 80));
                return Err(TrackError::damaged(path, message));
            }
        }
    }
    Ok(found)
}

fn point(line: &str) -> Option<Point> {
    let words: Vec<&str> = line.split(' ').collect();
    let (time, value, step) = match words.as_slice() {
        [time, value] => (time, value, "0"),
        // with the name and digest of a data set
        [time, value, step] | [time, value, step, _, _] => (time, value, *step),
        _ => return None,
    };
    Some(Point { time_ms: time.parse().ok()?, value: value.parse().ok()?, step: step.parse().ok()? })
}
