//! What a stage sees of the run that it is part of.

use crate::cancel::Cancel;
use crate::error::{Interrupted, StageError};
use crate::input::Inputs;
use crate::prepared::Prepared;
use crate::progress::{Level, Observer, Progress};
use crate::provenance::Key;
use crate::seed::Seed;
use crate::staging::Staging;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A warning that was given once or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Short name of what it is about, such as `no_seeds`.
    pub code: String,
    /// The text of the first one.
    pub message: String,
    /// How often it was given.
    pub count: u64,
}

/// The run of a stage: inputs, places for outputs, seed, progress, warnings, the wish to stop. Shared by threads.
pub struct Run<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) staging: Option<&'a Staging>,
    pub(crate) key: &'a Key,
    pub(crate) threads: usize,
    pub(crate) cancel: &'a Cancel,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) warnings: Mutex<Vec<Warning>>,
}

impl Run<'_> {
    /// The inputs by role.
    pub fn inputs(&self) -> &Inputs {
        &self.prepared.inputs
    }

    /// Where to write the output `name` of the directory: a temporary path with the same extension. The file gets its
    /// final name when the stage has succeeded.
    ///
    /// # Errors
    /// A name that the stage did not declare, or a directory that cannot be made.
    pub fn output(&self, name: &str) -> Result<PathBuf, StageError> {
        match self.staging {
            Some(staging) if self.declares(name) => staging.path(name),
            _ => Err(StageError::internal(format!("{} does not declare the output '{name}'", self.prepared.stage))),
        }
    }

    /// Where to write the output of a stage that writes one file; as [`Run::output`].
    ///
    /// # Errors
    /// A stage that writes no file or several.
    pub fn output_file(&self) -> Result<PathBuf, StageError> {
        match self.prepared.outputs.as_slice() {
            [name] => self.output(name),
            _ => Err(StageError::internal(format!("{} does not write one file", self.prepared.stage))),
        }
    }

    /// Whether the stage declared this output, which may depend on the configuration.
    pub fn declares(&self, name: &str) -> bool {
        self.prepared.outputs.iter().any(|known| known == name)
    }

    /// The seed of the run.
    pub fn seed(&self) -> Seed {
        Seed::new(self.prepared.seed)
    }

    /// Threads of the pool that the stage runs in.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// To be called once per batch of work.
    ///
    /// # Errors
    /// [`Interrupted`] when the user wants to stop.
    pub fn check(&self) -> Result<(), Interrupted> {
        self.cancel.check()
    }

    /// The wish to stop, to be handed down to an algorithm.
    pub fn cancel(&self) -> &Cancel {
        self.cancel
    }

    /// Begins a piece of work of `total` `unit`s (such as `events`) for the progress display.
    pub fn progress(&self, label: &str, unit: &str, total: Option<u64>) -> Progress {
        Progress::new(self.observer, label, unit, total)
    }

    /// Warns about something. The first warning of each code is shown, all are counted and recorded.
    pub fn warn(&self, code: &str, message: impl Into<String>) {
        let message = message.into();
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        match warnings.iter_mut().find(|warning| warning.code == code) {
            Some(warning) => {
                warning.count += 1;
                // which thread comes first must not show in the record
                if message < warning.message {
                    warning.message = message;
                }
            }
            None => {
                self.observer.message(Level::Warning, &message);
                warnings.push(Warning { code: code.into(), message, count: 1 });
            }
        }
    }

    /// Tells what is being done.
    pub fn info(&self, message: &str) {
        self.observer.message(Level::Info, message);
    }

    /// What determines the result, as one line of JSON to be written inside the outputs. The same run gives the same
    /// line on any machine at any time.
    pub fn embedded_provenance(&self) -> String {
        self.key.to_line()
    }

    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        let mut warnings = self.warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        warnings.sort_by(|a, b| a.code.cmp(&b.code));
        warnings
    }
}
