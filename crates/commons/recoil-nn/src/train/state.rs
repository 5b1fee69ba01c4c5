//! What a training has become: everything that a checkpoint keeps.

use super::{EpochRecord, TrainConfig};
use crate::optimise::Memory;
use crate::parameters::Parameters;

/// Settings, parameters and history of a training.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub config: TrainConfig,
    pub seed: u64,
    pub parameters: Parameters,
    pub memory: Memory,
    pub history: Vec<EpochRecord>,
    pub best: Option<Vec<f32>>,
}

impl State {
    pub(crate) fn new(config: &TrainConfig, parameters: Parameters, seed: u64) -> Self {
        let memory = Memory::new(parameters.values.len());
        Self { config: config.clone(), seed, parameters, memory, history: Vec::new(), best: None }
    }

    /// The parameters to use: those of the best epoch if the settings ask for it, otherwise the last.
    pub(crate) fn result(&self) -> Parameters {
        let mut parameters = self.parameters.clone();
        if let Some(best) = self.best.as_ref().filter(|_| self.config.early_stopping.restore_best) {
            parameters.values.clone_from(best);
        }
        parameters
    }

    /// Whether there is nothing left to do.
    pub(crate) fn finished(&self) -> bool {
        let pauses = self.config.pause > 0 && self.history.len() >= self.config.pause;
        pauses || self.history.len() >= self.config.epochs || self.config.early_stopping.stops(&self.history)
    }

    /// Ends an epoch with these mean losses; gives its record, the last of the history.
    pub(crate) fn end_epoch(&mut self, loss: f64, validation: Option<f64>, seconds: f64) -> EpochRecord {
        let epoch = self.history.len();
        let factor = self.config.schedule.factor(epoch as f64 + 0.999_999, self.config.epochs, &self.history);
        let rate = self.config.optimiser.rate() * factor;
        let record = EpochRecord { epoch: epoch + 1, loss, validation, rate, seconds };
        self.record(record.clone());
        record
    }

    /// Adds an epoch; the parameters of the best one are kept.
    pub(crate) fn record(&mut self, record: EpochRecord) {
        self.history.push(record);
        let stopping = &self.config.early_stopping;
        if stopping.restore_best && stopping.best(&self.history) == Some(self.history.len() - 1) {
            self.best = Some(self.parameters.values.clone());
        }
    }
}
