//! What became of a trial in a rung.

use super::objective::Curve;
use super::{OUTCOME_FILE, Parameters};
use crate::error::{ProductionError, Result};
use crate::state::write_atomic;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It began and has not ended.
    Begun,
    /// It has a value of the objective.
    Objective(f64),
    /// It has none; why.
    Failed(String),
    /// There was no trial for this place: too few of the rung before had ended well.
    Empty,
}

/// The content of a trial's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Number of the trial.
    pub trial: usize,
    /// Its place in the rung.
    pub place: usize,
    /// Its parameters.
    pub parameters: Parameters,
    /// Budget of the rung, if there is one.
    pub budget: Option<f64>,
    /// What determines the course of the training, whatever the budget.
    pub course: String,
    /// How it ended.
    pub ending: Ending,
    /// The objective during the training, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

impl Outcome {
    /// The value of the objective.
    pub fn value(&self) -> Option<f64> {
        match self.ending {
            Ending::Objective(value) => Some(value),
            _ => None,
        }
    }

    /// Why there is no value; empty if there is one.
    pub fn failure(&self) -> &str {
        match &self.ending {
            Ending::Objective(_) => "",
            Ending::Begun => "did not end",
            Ending::Empty => "no trial was left",
            Ending::Failed(reason) => reason,
        }
    }

    /// Reads the file in a directory; nothing if there is none.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(OUTCOME_FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ProductionError::file("read", &path)(error)),
        };
        let outcome = serde_json::from_slice(&bytes);
        outcome.map(Some).map_err(|error| ProductionError::State { path, message: error.to_string() })
    }

    /// Writes the file in a directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(OUTCOME_FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| ProductionError::State { path: path.clone(), message: error.to_string() })?;
        write_atomic(&path, &text, true)
    }
}
