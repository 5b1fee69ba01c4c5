//! The record of a training while it runs.

use std::collections::BTreeSet;
use std::path::Path;

use recoil_nn::train::EpochRecord;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_track::{Recording, Status, TrackConfig, TrackError};
use serde::Serialize;

use crate::autoencoder::training::Trained;

/// Tells the record what happens. Trouble with it after the start is a warning and never the end of a training.
pub struct Record<'a> {
    recording: Recording,
    run: &'a Run<'a>,
    /// Epochs that are recorded.
    epochs: BTreeSet<usize>,
}

impl<'a> Record<'a> {
    /// Starts a record with the configuration as parameters, if a store is configured.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn start(track: &TrackConfig, config: &impl Serialize, run: &'a Run<'a>) -> Result<Self, StageError> {
        let doing = || "cannot record the run";
        let recording = Recording::start(track, "econt train").output_error(doing())?;
        let mut config = serde_json::to_value(config).internal_error(doing())?;
        if let Some(keys) = config.as_object_mut() {
            keys.remove("track");
        }
        recording.configuration(&config).output_error(doing())?;
        recording.parameters(&[("seed".into(), run.seed().value().to_string())]).output_error(doing())?;
        let text = run.embedded_provenance();
        recording.tags(&[("recoil.provenance".into(), text)]).output_error(doing())?;
        if let Some(id) = recording.id() {
            run.info(&format!("recorded as run {id}"));
        }
        Ok(Self { recording, run, epochs: BTreeSet::new() })
    }

    /// The id, if there is a record.
    pub fn id(&self) -> Option<&str> {
        self.recording.id()
    }

    fn note(&self, result: Result<(), TrackError>) {
        if let Err(error) = result {
            self.run.warn("record", format!("the record of this run is incomplete: {error}"));
        }
    }

    /// Adds facts that are known before the first epoch.
    pub fn facts(&self, facts: &[(&str, usize)]) {
        let facts: Vec<_> = facts.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        self.note(self.recording.parameters(&facts));
    }

    /// Adds an epoch.
    pub fn epoch(&mut self, record: &EpochRecord) {
        if !self.epochs.insert(record.epoch) {
            return;
        }
        let step = i64::try_from(record.epoch).unwrap_or(i64::MAX);
        let mut values =
            vec![("loss", record.loss), ("learning_rate", record.rate.into()), ("seconds", record.seconds)];
        values.extend(record.validation.map(|loss| ("val_loss", loss)));
        let result = self.recording.metrics(step, &values);
        self.note(result);
    }

    /// Adds a file that the training wrote.
    pub fn file(&self, source: &Path, name: &str) {
        self.note(self.recording.artifact(source, name));
    }

    /// Ends the record of a training that ended well.
    pub fn finish(self) {
        self.end(Status::Finished);
    }

    /// Adds what is known at the end: epochs of an earlier part of a training that went on, sizes of the networks.
    pub fn done(&mut self, trained: &Trained) {
        trained.history.iter().for_each(|epoch| self.epoch(&epoch.record));
        let (encoder, whole) = (trained.model.encoder().0.cost(), trained.model.network().cost());
        self.facts(&[("encoder_parameters", encoder.parameters), ("parameters", whole.parameters)]);
    }

    /// Ends the record of a training that the user stopped.
    pub fn stopped(self) {
        self.end(Status::Killed);
    }

    fn end(self, status: Status) {
        let result = self.recording.finish(status);
        if let Err(error) = result {
            self.run.warn("record", format!("the record of this run is incomplete: {error}"));
        }
    }
}
