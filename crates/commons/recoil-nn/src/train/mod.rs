//! Training: epochs of steps over shuffled samples, with validation, a schedule, early stopping and checkpoints.

mod checkpoint;
mod parts;
mod schedule;
mod state;

use crate::error::{NnError, Result};
use crate::loss::Loss;
use crate::network::{Network, Op};
use crate::optimise::Optimiser;
use crate::parameters::Parameters;
use crate::pass::Weights;
use parts::Parts;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

pub(crate) use state::State;

pub use schedule::{EarlyStopping, Schedule};

/// Settings of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes through the training samples.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Epoch behind which the training pauses before its end, to go on later from its checkpoint; 0 for none. The schedule is
    /// that of all epochs.
    pub pause: usize,
    /// Samples of a step.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Rule of the steps: `adam`, `adam_w`, `lamb` or `sgd` with their settings.
    pub optimiser: Optimiser,
    /// Strength of a penalty on the squares of kernels, which pulls on them with twice this times their value; the losses
    /// that are told do not include it.
    #[schemars(range(min = 0))]
    pub l2: f32,
    /// How the learning rate changes: `constant`, `step`, `exponential`, `cosine` or `plateau`.
    pub schedule: Schedule,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStopping,
    /// Whether samples come in another order in each epoch.
    pub shuffle: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            pause: 0,
            batch_size: 500,
            optimiser: Optimiser::default(),
            l2: 0.0,
            schedule: Schedule::default(),
            early_stopping: EarlyStopping::default(),
            shuffle: true,
        }
    }
}

impl TrainConfig {
    /// Refuses settings outside of their domains.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<()> {
        for (key, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(NnError::Setting { key, value: "0".into(), message: "at least 1 is needed" });
            }
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            let message = "it must not be negative";
            return Err(NnError::Setting { key: "l2", value: self.l2.to_string(), message });
        }
        self.optimiser.check()?;
        self.schedule.check()
    }
}

/// Samples to learn from: row-major tables with one row per sample.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    /// A table for each input of the network.
    pub inputs: Vec<&'a [f32]>,
    /// What the loss compares with.
    pub target: &'a [f32],
    /// Weight of each sample in the loss; without, 1.
    pub weights: Option<&'a [f32]>,
}

impl Samples<'_> {
    /// Number of samples, after checking all lengths.
    fn rows(&self, network: &Network, loss: &dyn Loss) -> Result<usize> {
        let rows = crate::predict::rows(network, &self.inputs)?;
        let expected = rows * loss.target_len(network.output_len());
        if self.target.len() != expected {
            return Err(NnError::Length { what: "target".into(), found: self.target.len(), expected });
        }
        match self.weights {
            Some(weights) if weights.len() != rows => {
                Err(NnError::Length { what: "weights of samples".into(), found: weights.len(), expected: rows })
            }
            _ => Ok(rows),
        }
    }
}

/// What happened in an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Its number, from 1.
    pub epoch: usize,
    /// Mean loss of the training samples, each at the parameters of its step.
    pub loss: f64,
    /// Mean loss of the validation samples at the end, if there are any.
    pub validation: Option<f64>,
    /// Learning rate of the last step.
    pub rate: f32,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl EpochRecord {
    /// The loss by which epochs are compared.
    pub fn judged(&self) -> f64 {
        self.validation.unwrap_or(self.loss)
    }

    /// What a record of experiments keeps, by name: `loss`, `learning_rate`, `seconds`, and `val_loss` if there is one.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let mut values = vec![("loss", self.loss), ("learning_rate", self.rate.into()), ("seconds", self.seconds)];
        values.extend(self.validation.map(|loss| ("val_loss", loss)));
        values
    }
}

/// A training under way.
pub struct Trainer<'a> {
    network: &'a Network,
    loss: &'a dyn Loss,
    state: State,
    weights: Weights,
    parts: Parts,
}

impl<'a> Trainer<'a> {
    /// A training from these parameters on.
    ///
    /// # Errors
    /// Settings outside of their domains.
    pub fn new(
        network: &'a Network,
        loss: &'a dyn Loss,
        config: &TrainConfig,
        parameters: Parameters,
        seed: u64,
    ) -> Result<Self> {
        config.check()?;
        if let Some(node) = network.nodes.iter().find(|node| matches!(node.op, Op::Dropout { .. })) {
            return Err(NnError::layer(&node.name, "networks that drop features are trained in whole batches"));
        }
        let weights = Weights::new(network, &parameters);
        Ok(Self {
            network,
            loss,
            parts: Parts::new(network, config.batch_size),
            state: State::new(config, parameters, seed),
            weights,
        })
    }

    /// The parameters after the last epoch.
    pub fn parameters(&self) -> &Parameters {
        &self.state.parameters
    }

    /// The parameters to use: those of the best epoch if the settings ask for it, otherwise the last.
    pub fn result(&self) -> Parameters {
        self.state.result()
    }

    /// All epochs so far.
    pub fn history(&self) -> &[EpochRecord] {
        &self.state.history
    }

    /// Whether there is nothing left to do.
    pub fn finished(&self) -> bool {
        self.state.finished()
    }

    /// Runs epochs until the end, or until `observer` says to stop; it is told every epoch.
    ///
    /// # Errors
    /// Samples that do not fit, or a loss that is not a finite number.
    pub fn run(
        &mut self,
        training: &Samples<'_>,
        validation: Option<&Samples<'_>>,
        mut observer: impl FnMut(&Self, &EpochRecord) -> ControlFlow<()>,
    ) -> Result<()> {
        while !self.finished() {
            let record = self.epoch(training, validation)?;
            if observer(self, &record).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One pass through the training samples, then the loss of the validation samples.
    ///
    /// # Errors
    /// Samples that do not fit, or a loss that is not a finite number.
    pub fn epoch(&mut self, training: &Samples<'_>, validation: Option<&Samples<'_>>) -> Result<EpochRecord> {
        let start = Instant::now();
        let rows = training.rows(self.network, self.loss)?;
        let epoch = self.state.history.len();
        let order = self.order(rows, epoch);
        let steps = rows.div_ceil(self.state.config.batch_size);
        let (mut total, mut factor) = (0.0, 1.0);
        for (step, rows) in order.chunks(self.state.config.batch_size).enumerate() {
            let progress = epoch as f64 + step as f64 / steps as f64;
            factor = self.state.config.schedule.factor(progress, self.state.config.epochs, &self.state.history);
            let loss = self.parts.step(self.network, &self.weights, self.loss, training, rows);
            if !loss.is_finite() {
                return Err(NnError::Diverged { epoch: epoch + 1, step: step + 1 });
            }
            total += loss * rows.len() as f64;
            self.parts.add_penalty(self.state.config.l2, &self.state.parameters);
            self.state.config.optimiser.step(
                &mut self.state.parameters,
                self.parts.gradient(),
                &mut self.state.memory,
                factor,
            );
            self.parts.update_averages(self.network, &mut self.state.parameters);
            self.weights.update(self.network, &self.state.parameters);
        }
        let validation = validation.map(|samples| self.evaluate(samples)).transpose()?;
        let record = EpochRecord {
            epoch: epoch + 1,
            loss: total / rows.max(1) as f64,
            validation,
            rate: self.state.config.optimiser.rate() * factor,
            seconds: start.elapsed().as_secs_f64(),
        };
        self.state.record(record.clone());
        Ok(record)
    }

    /// Mean loss of some samples at the present parameters.
    ///
    /// # Errors
    /// Samples that do not fit.
    pub fn evaluate(&mut self, samples: &Samples<'_>) -> Result<f64> {
        let rows = samples.rows(self.network, self.loss)?;
        let order: Vec<u32> = (0..rows as u32).collect();
        Ok(self.parts.evaluate(self.network, &self.weights, self.loss, samples, &order))
    }

    /// Writes a checkpoint; a file that is there is replaced at once, never left half-written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self, path: &Path) -> Result<()> {
        self.state.checkpoint(path)
    }

    /// Takes the state of a checkpoint that was written with the same network, seed and settings; only the number of
    /// epochs and the early stopping may differ.
    ///
    /// # Errors
    /// A file that is damaged, or of another network, seed or settings.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        self.state.resume(path)?;
        self.weights.update(self.network, &self.state.parameters);
        Ok(())
    }

    /// The order of the samples in an epoch: a function of the seed and the epoch alone.
    fn order(&self, rows: usize, epoch: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        if self.state.config.shuffle {
            let mut rng = ChaCha8Rng::seed_from_u64(self.state.seed);
            rng.set_stream(epoch as u64);
            for left in (1..order.len()).rev() {
                let other = (u128::from(rng.next_u64()) * (left as u128 + 1)) >> 64;
                order.swap(left, other as usize);
            }
        }
        order
    }
}
