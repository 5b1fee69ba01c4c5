//! Recording a run while it happens.

use crate::error::{Result, TrackError};
use crate::git;
use crate::name;
use crate::record::{Point, Status, now_ms};
use crate::server::{Server, ServerRun};
use crate::store::{FileRun, FileStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Variable that names the store if the configuration does not.
pub const TRACKING_URI: &str = "MLFLOW_TRACKING_URI";
/// Variable that names the experiment if the configuration does not.
pub const EXPERIMENT_NAME: &str = "MLFLOW_EXPERIMENT_NAME";

/// Where and how a run is recorded. Nothing here changes a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrackConfig {
    /// Directory or server (`http://…`) of the records; empty, what MLFLOW_TRACKING_URI names; `none`, nowhere.
    pub store: String,
    /// Experiment that the run belongs to; empty, what MLFLOW_EXPERIMENT_NAME names, otherwise the name of the command.
    pub experiment: String,
    /// Name of the run; empty, one is made up.
    pub name: String,
    /// Run that this one belongs to: its id, or a name, under which one is made if there is none.
    pub parent: String,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
}

/// Where records are kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// A directory.
    Files(FileStore),
    /// A tracking server.
    Server(Server),
}

/// What the words of a user name, before anything is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Files(PathBuf),
    Server(String),
}

fn place(words: &str) -> Result<Place> {
    if words.starts_with("http://") || words.starts_with("https://") {
        return Ok(Place::Server(words.to_owned()));
    }
    let fail = |message: &str| Err(TrackError::Store { store: words.to_owned(), message: message.to_owned() });
    let database = ["sqlite:", "postgresql", "mysql", "mssql"].iter().any(|scheme| words.starts_with(scheme));
    match name::local_path(words) {
        _ if database => fail("is a database: name the server in front of it"),
        Some(path) if !path.as_os_str().is_empty() => Ok(Place::Files(path)),
        _ => fail("is neither a directory nor an http(s) address"),
    }
}

impl Store {
    /// Opens a store to read: a directory, a `file:` address or the address of a server.
    ///
    /// # Errors
    /// An address of another kind, no such directory.
    pub fn open(words: &str) -> Result<Self> {
        match place(words)? {
            Place::Files(path) => FileStore::open(&path).map(Self::Files),
            Place::Server(url) => Server::new(&url).map(Self::Server),
        }
    }

    /// Opens a store to write; a directory is made if it is not there.
    ///
    /// # Errors
    /// An address of another kind, a directory that cannot be made.
    pub fn create(words: &str) -> Result<Self> {
        match place(words)? {
            Place::Files(path) => FileStore::create(&path).map(Self::Files),
            Place::Server(url) => Server::new(&url).map(Self::Server),
        }
    }
}

/// How a run begins.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// Its id; without, a new one. Servers make their own.
    pub id: Option<String>,
    /// Its name; empty, one is made up.
    pub name: String,
    /// Its first tags.
    pub tags: BTreeMap<String, String>,
}

enum Active {
    Files(FileRun),
    Server(ServerRun),
}

/// A run that is being recorded, or nothing where no store is configured.
///
/// Dropped without [`Recording::finish`] the run is marked as failed.
///
/// ```
/// use recoil_track::{Recording, Status, TrackConfig};
/// let folder = tempfile::tempdir()?;
/// let config = TrackConfig { store: folder.path().join("mlruns").display().to_string(), ..TrackConfig::default() };
/// let mut run = Recording::start(&config, "demo")?;
/// run.parameters(&[("rate".into(), "0.1".into())])?;
/// for (epoch, loss) in [(1, 0.5), (2, 0.25)] {
///     run.metrics(epoch, &[("loss", loss)])?;
/// }
/// run.finish(Status::Finished)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recording {
    active: Option<Active>,
}

impl Recording {
    /// Starts a run, if the configuration or the environment names a store. `experiment` is the default.
    ///
    /// # Errors
    /// A store that cannot be used.
    pub fn start(config: &TrackConfig, experiment: &str) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let given = |own: &str, name: &str| if own.is_empty() { variable(name) } else { Some(own.to_owned()) };
        let store = match given(&config.store, TRACKING_URI) {
            Some(words) if words != "none" => Store::create(&words)?,
            _ => return Ok(Self { active: None }),
        };
        let experiment = given(&config.experiment, EXPERIMENT_NAME).unwrap_or_else(|| experiment.to_owned());
        let mut tags = git::tags(Path::new("."));
        tags.insert("mlflow.user".into(), crate::store::user());
        tags.insert("mlflow.source.type".into(), "LOCAL".into());
        let words: Vec<String> = std::env::args().collect();
        tags.insert("mlflow.source.name".into(), words.join(" "));
        for (key, value) in &config.tags {
            name::check("tag", key)?;
            tags.insert(key.clone(), value.clone());
        }
        let is_run = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut parent = None;
        if is_run(&config.parent) {
            parent = Some(config.parent.clone());
        }
        let named = (parent.is_none() && !config.parent.is_empty()).then_some(config.parent.as_str());
        let active = match &store {
            Store::Files(store) => {
                let experiment = store.experiment(&experiment)?;
                let parent = named.map(|name| store.parent(&experiment, name)).transpose()?.or(parent);
                tags.extend(parent.map(|id| ("mlflow.parentRunId".into(), id)));
                Active::Files(store.start(&experiment, &NewRun { id: None, name: config.name.clone(), tags })?)
            }
            Store::Server(server) => {
                let experiment = server.experiment(&experiment)?;
                let parent = named.map(|name| server.parent(&experiment, name)).transpose()?.or(parent);
                tags.extend(parent.map(|id| ("mlflow.parentRunId".into(), id)));
                Active::Server(server.start(&experiment, &NewRun { id: None, name: config.name.clone(), tags })?)
            }
        };
        Ok(Self { active: Some(active) })
    }

    /// Id of the run, if one is recorded.
    pub fn id(&self) -> Option<&str> {
        match self.active.as_ref()? {
            Active::Files(run) => Some(&run.info().id),
            Active::Server(run) => Some(&run.info().id),
        }
    }

    /// Records parameters.
    ///
    /// # Errors
    /// A wrong name, a changed value, a store that cannot be written.
    pub fn parameters(&self, parameters: &[(String, String)]) -> Result<()> {
        match &self.active {
            Some(Active::Files(run)) => parameters.iter().try_for_each(|(name, value)| run.parameter(name, value)),
            Some(Active::Server(run)) => run.parameters(parameters),
            None => Ok(()),
        }
    }

    /// Records a configuration: each leaf is a parameter named by its path, such as `training.epochs`.
    ///
    /// # Errors
    /// As [`Recording::parameters`].
    pub fn configuration(&self, config: &Json) -> Result<()> {
        let mut found = Vec::new();
        flatten(config, "", &mut found);
        self.parameters(&found)
    }

    /// Sets tags.
    ///
    /// # Errors
    /// A wrong name, a store that cannot be written.
    pub fn tags(&self, tags: &[(String, String)]) -> Result<()> {
        match &self.active {
            Some(Active::Files(run)) => tags.iter().try_for_each(|(name, value)| run.tag(name, value)),
            Some(Active::Server(run)) => run.tags(tags),
            None => Ok(()),
        }
    }

    /// Records values of metrics at a step, such as an epoch.
    ///
    /// # Errors
    /// A wrong name, a store that cannot be written. A server gets the values again with the next ones.
    pub fn metrics(&mut self, step: i64, values: &[(&str, f64)]) -> Result<()> {
        let time_ms = now_ms();
        let point = |value: f64| Point { value, step, time_ms };
        match &mut self.active {
            Some(Active::Files(run)) => values.iter().try_for_each(|&(name, value)| run.metric(name, &[point(value)])),
            Some(Active::Server(run)) => {
                run.metrics(&values.iter().map(|&(name, value)| (name, point(value))).collect::<Vec<_>>())
            }
            None => Ok(()),
        }
    }

    /// Copies a file to the artifacts, as `path` (relative, with forward slashes).
    ///
    /// # Errors
    /// A file that cannot be read, a store that cannot be written.
    pub fn artifact(&self, source: &Path, path: &str) -> Result<()> {
        if !name::is_inside(Path::new(path)) {
            return Err(TrackError::Name {
                kind: "artifact",
                name: path.into(),
                message: "is not a plain relative path".into(),
            });
        }
        match &self.active {
            Some(Active::Files(run)) => run.artifact(source, path),
            Some(Active::Server(run)) => run.artifact(source, path),
            None => Ok(()),
        }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn finish(mut self, status: Status) -> Result<()> {
        self.end(status)
    }

    fn end(&mut self, status: Status) -> Result<()> {
        match self.active.take() {
            Some(Active::Files(mut run)) => run.finish(status),
            Some(Active::Server(mut run)) => run.finish(status),
            None => Ok(()),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // nobody is left who could be told
        let _ = self.end(Status::Failed);
    }
}

/// Leaves of a configuration by dotted path. Lists and empty mappings are leaves.
fn flatten(config: &Json, path: &str, found: &mut Vec<(String, String)>) {
    match config {
        Json::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, &path, found);
            }
        }
        Json::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn configurations_become_parameters() {
        let mut found = Vec::new();
        flatten(&json!({"a": {"b": 1, "c": {}}, "d": [1, 2], "e": "x", "f": null}), "", &mut found);
        let shown: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a.b=1", "a.c={}", "d=[1,2]", "e=x", "f=null"]);
    }

    #[test]
    fn places() {
        assert_eq!(place("mlruns").ok(), Some(Place::Files("mlruns".into())));
        assert_eq!(place("file:///tmp/x%20y").ok(), Some(Place::Files("/tmp/x y".into())));
        assert_eq!(place("http://host:5000").ok(), Some(Place::Server("http://host:5000".into())));
        for words in ["sqlite:///mlflow.db", "databricks://x", "s3://b/c", ""] {
            assert!(place(words).is_err(), "{words}");
        }
    }
}
