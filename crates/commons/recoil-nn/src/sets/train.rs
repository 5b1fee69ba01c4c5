//! Steps of a training, and outputs.

use std::path::Path;

use super::SetBatch;
use super::forward::{Kept, Kernels, Mode, Pass, pack};
use super::network::{Op, SetNetwork};
use crate::batch::losses;
use crate::batch::matrix::Matrix;
use crate::batch::noise::Noise;
use crate::error::{NnError, Result};
use crate::loss::Loss;
use crate::parameters::Parameters;
use crate::train::{EpochRecord, State, TrainConfig};

/// Computes outputs.
pub struct SetPredictor<'a> {
    network: &'a SetNetwork,
    parameters: Parameters,
    kernels: Kernels,
}

impl<'a> SetPredictor<'a> {
    /// Prepares a network with its parameters.
    pub fn new(network: &'a SetNetwork, parameters: &Parameters) -> Self {
        let mut kernels = Kernels::new();
        pack(network, parameters, &mut kernels, false);
        Self { network, parameters: parameters.clone(), kernels }
    }

    /// Outputs of a batch, row-major.
    ///
    /// # Errors
    /// A batch that does not fit.
    pub fn predict(&self, batch: &SetBatch<'_>) -> Result<Vec<f32>> {
        batch.check(self.network)?;
        let pass = Pass::forward(self.network, &self.parameters, &self.kernels, batch, Mode::Inference);
        let output = pass.output();
        Ok((0..output.rows()).flat_map(|row| output.row(row)).copied().collect())
    }
}

/// A training under way. The caller goes through its data: [`step`](Self::step) for each batch,
/// [`end_epoch`](Self::end_epoch) after the last.
pub struct SetTrainer<'a> {
    network: &'a SetNetwork,
    loss: &'a dyn Loss,
    state: State,
    kernels: Kernels,
    gradient: Vec<f32>,
}

impl<'a> SetTrainer<'a> {
    /// A training from these parameters on. Of the settings, those of batches and shuffling are the caller's.
    ///
    /// # Errors
    /// Settings outside of their domains.
    pub fn new(
        network: &'a SetNetwork,
        loss: &'a dyn Loss,
        config: &TrainConfig,
        parameters: Parameters,
        seed: u64,
    ) -> Result<Self> {
        config.check()?;
        let mut kernels = Kernels::new();
        pack(network, &parameters, &mut kernels, true);
        let gradient = vec![0.0; network.values()];
        Ok(Self { network, loss, state: State::new(config, parameters, seed), kernels, gradient })
    }

    /// The parameters after the last step.
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

    /// Gradient of the last step, in the order of the parameters.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// One step along the gradient of the mean of weight times loss over the samples. `progress` is the part of the epoch
    /// that is done. Gives that mean.
    ///
    /// # Errors
    /// A batch that does not fit, or a loss that is not a finite number.
    pub fn step(
        &mut self,
        batch: &SetBatch<'_>,
        target: &[f32],
        weights: Option<&[f32]>,
        progress: f64,
    ) -> Result<f64> {
        let (loss, pass) = self.pass(batch, target, weights)?;
        let epoch = self.state.history.len();
        if !loss.is_finite() {
            return Err(NnError::Diverged { epoch: epoch + 1, step: self.state.memory.steps as usize + 1 });
        }
        let State { config, parameters, memory, history, .. } = &mut self.state;
        let factor = config.schedule.factor(epoch as f64 + progress.clamp(0.0, 1.0), config.epochs, history);
        config.optimiser.step(parameters, &self.gradient, memory, factor);
        self.update_averages(&pass);
        pack(self.network, &self.state.parameters, &mut self.kernels, true);
        Ok(loss)
    }

    /// Loss of a batch and its gradient, without a step.
    ///
    /// # Errors
    /// A batch that does not fit.
    pub fn compute(&mut self, batch: &SetBatch<'_>, target: &[f32], weights: Option<&[f32]>) -> Result<f64> {
        self.pass(batch, target, weights).map(|(loss, _)| loss)
    }

    fn pass(&mut self, batch: &SetBatch<'_>, target: &[f32], weights: Option<&[f32]>) -> Result<(f64, Pass)> {
        batch.check(self.network)?;
        let mode = Mode::Training(Noise { seed: self.state.seed, step: self.state.memory.steps });
        let parameters = &self.state.parameters;
        let pass = Pass::forward(self.network, parameters, &self.kernels, batch, mode);
        let output = pass.output();
        let rows: Vec<&[f32]> = (0..output.rows()).map(|row| output.row(row)).collect();
        let mut slope = Matrix::zeros(output.rows(), output.columns());
        let total = losses(self.loss, &rows, target, weights, Some(&mut slope))?;
        self.gradient.fill(0.0);
        pass.backward(self.network, parameters, &self.kernels, mode, slope, &mut self.gradient);
        let mut loss = total / batch.samples.max(1) as f64;
        let l2 = self.state.config.l2;
        for spec in parameters.specs.iter().filter(|spec| l2 > 0.0 && spec.trainable && spec.name.ends_with("/kernel"))
        {
            let values = &parameters.values[spec.range.clone()];
            for (g, value) in self.gradient[spec.range.clone()].iter_mut().zip(values) {
                *g += 2.0 * l2 * value;
                loss += f64::from(l2 * value * value);
            }
        }
        Ok((loss, pass))
    }

    /// Moves the moving averages of normalisations towards the moments of the last batch.
    fn update_averages(&mut self, pass: &Pass) {
        for (node, kept) in self.network.nodes.iter().zip(&pass.kept) {
            let (Op::BatchNorm { mean, variance, momentum, .. }, Kept::Moments([found_mean, _, found_variance])) =
                (node.op, kept)
            else {
                continue;
            };
            for (tensor, found) in [(mean, found_mean), (variance, found_variance)] {
                let own = &mut self.state.parameters.values[self.network.tensors[tensor].range.clone()];
                own.iter_mut().zip(found).for_each(|(own, found)| *own += (found - *own) * (1.0 - momentum));
            }
        }
    }

    /// Sum of weight times loss of a batch at the present parameters, and the outputs, row-major.
    ///
    /// # Errors
    /// A batch that does not fit.
    pub fn evaluate(&self, batch: &SetBatch<'_>, target: &[f32], weights: Option<&[f32]>) -> Result<(f64, Vec<f32>)> {
        batch.check(self.network)?;
        let pass = Pass::forward(self.network, &self.state.parameters, &self.kernels, batch, Mode::Inference);
        let output = pass.output();
        let rows: Vec<&[f32]> = (0..output.rows()).map(|row| output.row(row)).collect();
        let total = losses(self.loss, &rows, target, weights, None)?;
        Ok((total, rows.into_iter().flatten().copied().collect()))
    }

    /// Ends an epoch with these mean losses; its record is the last of the history.
    pub fn end_epoch(&mut self, loss: f64, validation: Option<f64>, seconds: f64) -> EpochRecord {
        self.state.end_epoch(loss, validation, seconds)
    }

    /// Writes a checkpoint; a file that is there is replaced at once, never left half-written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self, path: &Path) -> Result<()> {
        self.state.checkpoint(path)
    }

    /// Takes the state of a checkpoint that was written at the end of an epoch with the same network, seed and settings;
    /// only the number of epochs and the early stopping may differ.
    ///
    /// # Errors
    /// A file that is damaged, or of another network, seed or settings.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        self.state.resume(path)?;
        pack(self.network, &self.state.parameters, &mut self.kernels, true);
        Ok(())
    }
}
