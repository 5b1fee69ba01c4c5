//! Stopping and going on.

use std::path::Path;

use recoil_nn::safetensors;
use serde::{Deserialize, Serialize};

use super::{Judgement, TrainConfig, Trainer};
use crate::error::{PflowError, Result};

const KEY: &str = "recoil.pflow.training";

/// Prefixes of the sets of tensors.
const SETS: [&str; 5] = ["weights/", "first/", "second/", "best/", "averaged/"];

#[derive(Serialize, Deserialize)]
struct Record {
    config: TrainConfig,
    seed: u64,
    step: u64,
    memory_steps: u64,
    cpu_seconds: f64,
    recent: [f64; 2],
    history: Vec<Judgement>,
}

impl Trainer<'_> {
    /// Writes everything that the training needs to go on; a file that is there is replaced at once.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn checkpoint(&self, path: &Path) -> Result<()> {
        let record = Record {
            config: self.config.clone(),
            seed: self.seed,
            step: self.step,
            memory_steps: self.memory.steps,
            cpu_seconds: self.cpu_seconds(),
            recent: self.recent,
            history: self.history.clone(),
        };
        let text =
            serde_json::to_string(&record).map_err(|error| PflowError::content(path.display(), error.to_string()))?;
        let weights = &self.model.weights;
        let sets = [
            Some(weights.values()),
            Some(self.memory.first.as_slice()),
            Some(self.memory.second.as_slice()),
            self.best.as_deref(),
            self.averaged.as_deref(),
        ];
        let mut tensors = Vec::new();
        for (prefix, values) in SETS.into_iter().zip(sets) {
            tensors.extend(values.into_iter().flat_map(|values| weights.with_names(values, prefix)));
        }
        let partial = path.with_extension("partial");
        safetensors::write(&partial, &tensors, &[(KEY, text)])?;
        std::fs::rename(&partial, path)
            .map_err(|error| PflowError::content(path.display(), format!("cannot be written: {error}")))
    }

    /// Takes the state of a checkpoint that was written with the same network, seed and settings; only limits and stopping
    /// may differ.
    ///
    /// # Errors
    /// A file that is damaged, or of another training.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        let fault = |reason: &str| PflowError::content(path.display(), reason);
        let contents = safetensors::read(path)?;
        let text = contents.metadata.get(KEY).ok_or_else(|| fault("is no checkpoint of a training"))?;
        let record: Record = serde_json::from_str(text)
            .map_err(|error| fault(&format!("the record of the training is damaged: {error}")))?;
        let TrainConfig { steps, cpu_seconds, pause, validations, patience, .. } = *self.config;
        let same = TrainConfig { steps, cpu_seconds, pause, validations, patience, ..record.config.clone() };
        if same != *self.config || record.seed != self.seed {
            return Err(fault("was written with other settings or another seed"));
        }
        let mut sets: [Option<Vec<f32>>; 5] = Default::default();
        for (prefix, values) in SETS.into_iter().zip(&mut sets) {
            let mut all = Vec::with_capacity(self.model.weights.len());
            for own in self.model.weights.tensors() {
                match contents.tensor(&format!("{prefix}{}", own.name)) {
                    Some(tensor) if tensor.shape == own.shape => all.extend(&tensor.values),
                    Some(_) => return Err(fault(&format!("tensor '{prefix}{}' has another shape", own.name))),
                    None => {}
                }
            }
            *values = (all.len() == self.model.weights.len()).then_some(all);
        }
        let [Some(weights), Some(first), Some(second), best, averaged] = sets else {
            return Err(fault("lacks tensors of the network"));
        };
        self.model.weights.values_mut().copy_from_slice(&weights);
        (self.memory.first, self.memory.second, self.memory.steps) = (first, second, record.memory_steps);
        (self.best, self.averaged) = (best, averaged);
        (self.step, self.recent, self.history) = (record.step, record.recent, record.history);
        self.earlier = record.cpu_seconds;
        Ok(())
    }
}
