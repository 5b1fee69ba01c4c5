//! Checkpoints: everything that a training needs to go on as if it had not been stopped, in one safetensors file.

use super::{EpochRecord, State, TrainConfig};
use crate::error::{NnError, Result};
use crate::safetensors::{self, Tensor};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Key of the record in the metadata of the file.
const KEY: &str = "training";
/// Prefixes of the tensors.
const SETS: [&str; 4] = ["parameters", "first", "second", "best"];

/// What is not a tensor.
#[derive(Serialize, Deserialize)]
struct Record {
    config: TrainConfig,
    seed: u64,
    steps: u64,
    history: Vec<EpochRecord>,
}

impl State {
    /// Writes a checkpoint; a file that is there is replaced at once, never left half-written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn checkpoint(&self, path: &Path) -> Result<()> {
        let record = Record {
            config: self.config.clone(),
            seed: self.seed,
            steps: self.memory.steps,
            history: self.history.clone(),
        };
        let text = serde_json::to_string(&record).map_err(|error| NnError::format(path, error.to_string()))?;
        let sets =
            [Some(&self.parameters.values), Some(&self.memory.first), Some(&self.memory.second), self.best.as_ref()];
        let mut tensors = Vec::new();
        for (prefix, values) in SETS.into_iter().zip(sets) {
            let Some(values) = values else { continue };
            for spec in &self.parameters.specs {
                let own = values.get(spec.range.clone()).unwrap_or_default().to_vec();
                tensors.push(Tensor {
                    name: format!("{prefix}/{}", spec.name),
                    shape: spec.shape.clone(),
                    values: own,
                });
            }
        }
        let partial = path.with_extension("partial");
        safetensors::write(&partial, &tensors, &[(KEY, text)])?;
        std::fs::rename(&partial, path).map_err(|source| NnError::File { path: path.to_owned(), source })
    }

    /// Takes the state of a checkpoint that was written with the same network, seed and settings; only the number of
    /// epochs and the early stopping may differ.
    ///
    /// # Errors
    /// A file that is damaged, or of another network, seed or settings.
    pub(crate) fn resume(&mut self, path: &Path) -> Result<()> {
        let file = safetensors::read(path)?;
        let text = file.metadata.get(KEY).ok_or_else(|| NnError::format(path, "it is no checkpoint of a training"))?;
        let record: Record = serde_json::from_str(text)
            .map_err(|error| NnError::format(path, format!("the record of the training is damaged: {error}")))?;
        let same = TrainConfig {
            epochs: self.config.epochs,
            pause: self.config.pause,
            early_stopping: self.config.early_stopping,
            ..record.config.clone()
        };
        if same != self.config || record.seed != self.seed {
            return Err(NnError::format(path, "it was written with other settings or another seed"));
        }
        let mut sets: [Option<Vec<f32>>; 4] = Default::default();
        for (prefix, values) in SETS.into_iter().zip(&mut sets) {
            let mut all = Vec::with_capacity(self.parameters.values.len());
            for spec in &self.parameters.specs {
                let name = format!("{prefix}/{}", spec.name);
                match file.tensor(&name) {
                    Some(tensor) if tensor.shape == spec.shape => all.extend(&tensor.values),
                    Some(_) => return Err(NnError::format(path, format!("tensor '{name}' has another shape"))),
                    None if prefix == "best" => {}
                    None => return Err(NnError::format(path, format!("tensor '{name}' is missing"))),
                }
            }
            *values = (all.len() == self.parameters.values.len()).then_some(all);
        }
        if let [Some(parameters), Some(first), Some(second), best] = sets {
            self.parameters.values = parameters;
            self.memory.first = first;
            self.memory.second = second;
            self.best = best;
        }
        self.memory.steps = record.steps;
        self.history = record.history;
        Ok(())
    }
}
