//! Recording a piece of work that must not fail because of its record.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use crate::error::Result;
use crate::record::Status;
use crate::session::{Recording, TrackConfig};

/// What is known before the work begins.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// Experiment if neither the configuration nor the environment names one: the name of the command.
    pub experiment: &'a str,
    /// The whole configuration; what it says in `track` is left out.
    pub configuration: Json,
    /// Seed of the random numbers.
    pub seed: u64,
    /// What determines the result, as one line; becomes the tag `recoil.provenance`.
    pub provenance: String,
}

/// A [`Recording`] whose trouble after the start is told and never ends the work.
///
/// Steps that are recorded twice count once, so that a training that went on may tell its earlier epochs again. Dropped
/// without [`Recorder::finish`] or [`Recorder::stopped`] the run is marked as failed.
///
/// ```
/// use recoil_track::{Beginning, Recorder, TrackConfig};
/// let folder = tempfile::tempdir()?;
/// let config = TrackConfig { store: folder.path().join("mlruns").display().to_string(), ..TrackConfig::default() };
/// let beginning = Beginning {
///     experiment: "tau train",
///     configuration: serde_json::json!({"epochs": 2}),
///     seed: 1,
///     provenance: String::new(),
/// };
/// let mut recorder = Recorder::start(&config, beginning, |trouble| eprintln!("{trouble}"))?;
/// recorder.step(1, &[("loss", 0.5)]);
/// recorder.step(1, &[("loss", 0.5)]);
/// recorder.finish();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recorder<'a> {
    recording: Recording,
    tell: Box<dyn Fn(String) + 'a>,
    /// Steps that are recorded.
    steps: BTreeSet<usize>,
}

impl<'a> Recorder<'a> {
    /// Starts a record, if the configuration or the environment names a store. `tell` gets later trouble as a sentence.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn start(config: &TrackConfig, beginning: Beginning<'_>, tell: impl Fn(String) + 'a) -> Result<Self> {
        let recording = Recording::start(config, beginning.experiment)?;
        let mut configuration = beginning.configuration;
        if let Some(keys) = configuration.as_object_mut() {
            keys.remove("track");
        }
        recording.configuration(&configuration)?;
        recording.parameters(&[("seed".into(), beginning.seed.to_string())])?;
        recording.tags(&[("recoil.provenance".into(), beginning.provenance)])?;
        Ok(Self { recording, tell: Box::new(tell), steps: BTreeSet::new() })
    }

    /// The id, if there is a record.
    pub fn id(&self) -> Option<&str> {
        self.recording.id()
    }

    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            (self.tell)(format!("the record of this run is incomplete: {error}"));
        }
    }

    /// Adds numbers that are known before the first step, as parameters.
    pub fn facts(&self, facts: &[(&str, usize)]) {
        let facts: Vec<_> = facts.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        self.note(self.recording.parameters(&facts));
    }

    /// Adds the metrics of a step, such as an epoch, unless it has been added.
    pub fn step(&mut self, step: usize, values: &[(&str, f64)]) {
        if self.steps.insert(step) {
            let result = self.recording.metrics(i64::try_from(step).unwrap_or(i64::MAX), values);
            self.note(result);
        }
    }

    /// Adds a file that the work wrote, as the artifact `name` (relative, with forward slashes).
    pub fn file(&self, source: &Path, name: &str) {
        self.note(self.recording.artifact(source, name));
    }

    /// Ends the record of work that ended well.
    pub fn finish(self) {
        self.end(Status::Finished);
    }

    /// Ends the record of work that the user stopped.
    pub fn stopped(self) {
        self.end(Status::Killed);
    }

    fn end(self, status: Status) {
        let Self { recording, tell, .. } = self;
        if let Err(error) = recording.finish(status) {
            tell(format!("the record of this run is incomplete: {error}"));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::store::{FileStore, Query, Wanted};

    fn beginning() -> Beginning<'static> {
        let configuration = serde_json::json!({"training": {"epochs": 2}, "track": {"store": "somewhere"}});
        Beginning { experiment: "tau train", configuration, seed: 7, provenance: "{}".into() }
    }

    #[test]
    fn repeated_steps_count_once_and_the_place_of_the_record_is_no_parameter() {
        let folder = tempfile::tempdir().unwrap();
        let config = TrackConfig { store: folder.path().display().to_string(), ..TrackConfig::default() };
        let mut recorder = Recorder::start(&config, beginning(), |trouble| assert_eq!(trouble, "")).unwrap();
        recorder.facts(&[("candidates", 3)]);
        recorder.step(1, &[("loss", 0.5)]);
        recorder.step(2, &[("loss", 0.25)]);
        recorder.step(1, &[("loss", 9.0)]);
        recorder.stopped();
        let store = FileStore::open(folder.path()).unwrap();
        let listing = store.runs(&Query { wanted: Wanted::all(), ..Query::default() }).unwrap();
        let run = &listing.records[0];
        let parameters: Vec<String> = run.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(parameters, ["candidates=3", "seed=7", "training.epochs=2"]);
        assert_eq!((run.metrics["loss"].value, run.info.status), (0.25, Status::Killed));
        assert_eq!(run.tags["recoil.provenance"], "{}");
    }

    #[test]
    fn trouble_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let config = TrackConfig { store: folder.path().display().to_string(), ..TrackConfig::default() };
        let told = RefCell::new(Vec::new());
        let recorder = Recorder::start(&config, beginning(), |trouble| told.borrow_mut().push(trouble)).unwrap();
        recorder.file(&folder.path().join("missing"), "model/missing");
        recorder.finish();
        let told = told.take();
        assert!(told.len() == 1 && told[0].contains("incomplete") && told[0].contains("missing"), "{told:?}");
    }

    #[test]
    fn without_a_store_nothing_is_recorded() {
        let config = TrackConfig { store: "none".into(), ..TrackConfig::default() };
        let mut recorder = Recorder::start(&config, beginning(), |trouble| assert_eq!(trouble, "")).unwrap();
        recorder.step(1, &[("loss", 0.5)]);
        assert_eq!(recorder.id(), None);
        recorder.finish();
    }
}
