//! Training in whole batches that a caller brings one by one.

use super::feed::Batch;
use super::forward::{Mode, Workspace};
use super::map::Split;
use super::matrix::Matrix;
use super::noise::Noise;
use super::plan::{Kind, Plan};
use super::predict::Predictor;
use super::weights::Weights;
use crate::error::{NnError, Result};
use crate::lane::{LANES, Lane};
use crate::loss::{Loss, LossBlock};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::train::{EpochRecord, State, TrainConfig};
use std::path::Path;

/// A training under way. The caller goes through its data: [`step`](Self::step) for each batch,
/// [`end_epoch`](Self::end_epoch) after the last.
pub struct BatchTrainer<'a> {
    network: &'a Network,
    loss: &'a dyn Loss,
    plan: Plan,
    state: State,
    weights: Weights,
    workspace: Workspace,
    gradient: Vec<f32>,
}

impl<'a> BatchTrainer<'a> {
    /// A training from these parameters on. Of the settings, those of batches and shuffling are the caller's.
    ///
    /// # Errors
    /// Settings outside of their domains, or a layer that is not possible in whole batches.
    pub fn new(
        network: &'a Network,
        loss: &'a dyn Loss,
        config: &TrainConfig,
        parameters: Parameters,
        seed: u64,
    ) -> Result<Self> {
        config.check()?;
        let plan = Plan::new(network)?;
        let mut weights = Weights::default();
        weights.update(network, &plan, &parameters, true);
        let gradient = vec![0.0; parameters.values.len()];
        let state = State::new(config, parameters, seed);
        Ok(Self { network, loss, plan, state, weights, workspace: Workspace::default(), gradient })
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

    /// One step along the gradient of the mean of weight times loss over the samples of `batch`, plus the penalties of
    /// the weights. `progress` is the part of the epoch that is done. Gives that mean with the penalties.
    ///
    /// # Errors
    /// A batch that does not fit, or a loss that is not a finite number.
    pub fn step(&mut self, batch: &Batch<'_>, target: &[f32], weights: Option<&[f32]>, progress: f64) -> Result<f64> {
        let loss = self.compute(batch, target, weights)?;
        let epoch = self.state.history.len();
        if !loss.is_finite() {
            return Err(NnError::Diverged { epoch: epoch + 1, step: self.state.memory.steps as usize + 1 });
        }
        let State { config, parameters, memory, history, .. } = &mut self.state;
        let factor = config.schedule.factor(epoch as f64 + progress.clamp(0.0, 1.0), config.epochs, history);
        config.optimiser.step(parameters, &self.gradient, memory, factor);
        self.update_averages();
        self.weights.update(self.network, &self.plan, &self.state.parameters, true);
        Ok(loss)
    }

    /// Loss of a batch and its gradient, without a step.
    ///
    /// # Errors
    /// A batch that does not fit.
    pub fn compute(&mut self, batch: &Batch<'_>, target: &[f32], weights: Option<&[f32]>) -> Result<f64> {
        batch.check(self.network)?;
        let noise = Noise { seed: self.state.seed, step: self.state.memory.steps };
        let (split, mode) = (Split::training(batch.samples), Mode::Training(noise));
        self.workspace.forward(self.network, &self.plan, &self.weights, batch, split, mode);
        let output = &self.workspace.values[self.plan.output].matrix;
        let rows: Vec<&[f32]> = (0..output.rows()).map(|row| output.row(row)).collect();
        let mut gradient = Matrix::default();
        gradient.resize(output.rows(), output.columns());
        gradient.clear();
        let total = losses(self.loss, &rows, target, weights, Some(&mut gradient))?;
        self.gradient.fill(0.0);
        let Self { network, plan, weights, workspace, .. } = self;
        workspace.backward(network, plan, weights, mode, gradient, &mut self.gradient);
        Ok(total / batch.samples.max(1) as f64 + self.penalties())
    }

    /// Adds the gradients of the penalties; their sum.
    fn penalties(&mut self) -> f64 {
        let (mut total, common) = (0.0, self.state.config.l2);
        for spec in self.state.parameters.specs.iter().filter(|spec| spec.trainable && spec.name.ends_with("/kernel")) {
            let (l1, l2) = (spec.penalty.l1, spec.penalty.l2 + common);
            if l1 == 0.0 && l2 == 0.0 {
                continue;
            }
            let values = &self.state.parameters.values[spec.range.clone()];
            for (g, &value) in self.gradient[spec.range.clone()].iter_mut().zip(values) {
                *g += 2.0 * l2 * value + if value == 0.0 { 0.0 } else { l1 * value.signum() };
                total += f64::from(l1 * value.abs() + l2 * value * value);
            }
        }
        total
    }

    /// Moves the moving averages of normalisations towards the moments of the last batch.
    fn update_averages(&mut self) {
        for (step, kept) in self.plan.steps.iter().zip(&self.workspace.kept) {
            let (Kind::Block(block), Some(moments)) = (&step.kind, &kept.moments) else { continue };
            let Some(norm) = block.norm else { continue };
            for (tensor, found) in [(norm.mean, &moments.mean), (norm.variance, &moments.variance)] {
                let own = &mut self.state.parameters.values[self.network.range(tensor)];
                for (own, found) in own.iter_mut().zip(found) {
                    *own += (found - *own) * (1.0 - norm.momentum);
                }
            }
        }
    }

    /// Sum of weight times loss of a batch at the present parameters, and the outputs, row-major.
    ///
    /// # Errors
    /// A batch that does not fit.
    pub fn evaluate(&self, batch: &Batch<'_>, target: &[f32], weights: Option<&[f32]>) -> Result<(f64, Vec<f32>)> {
        let outputs = Predictor::new(self.network, &self.state.parameters)?.predict(batch)?;
        let rows: Vec<&[f32]> = outputs.chunks_exact(self.network.output_len()).collect();
        let total = losses(self.loss, &rows, target, weights, None)?;
        Ok((total, outputs))
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
        self.weights.update(self.network, &self.plan, &self.state.parameters, true);
        Ok(())
    }
}

/// Sum of weight times loss over the rows; the gradient of the mean over rows goes to `gradient`.
pub(crate) fn losses(
    loss: &dyn Loss,
    rows: &[&[f32]],
    target: &[f32],
    weights: Option<&[f32]>,
    mut gradient: Option<&mut Matrix>,
) -> Result<f64> {
    let outputs = rows.first().map_or(1, |row| row.len());
    let targets = loss.target_len(outputs);
    let wrong = |what: &str, found, expected| match found == expected {
        true => Ok(()),
        false => Err(NnError::Length { what: what.into(), found, expected }),
    };
    wrong("target", target.len(), rows.len() * targets)?;
    if let Some(weights) = weights {
        wrong("weights of samples", weights.len(), rows.len())?;
    }
    let (mut output, mut wanted) = (vec![Lane::ZERO; outputs], vec![Lane::ZERO; targets]);
    let mut slope = vec![Lane::ZERO; outputs];
    let (mut total, mean) = (0.0, 1.0 / rows.len().max(1) as f32);
    for (block, rows) in rows.chunks(LANES).enumerate() {
        wanted.fill(Lane::ZERO);
        for (sample, row) in rows.iter().enumerate() {
            let at = (block * LANES + sample) * targets;
            output.iter_mut().zip(*row).for_each(|(lane, &value)| lane.0[sample] = value);
            wanted.iter_mut().zip(&target[at..]).for_each(|(lane, &value)| lane.0[sample] = value);
        }
        let found = loss.evaluate(&LossBlock { output: &output, target: &wanted, samples: rows.len() }, &mut slope);
        for sample in 0..rows.len() {
            let row = block * LANES + sample;
            let weight = weights.and_then(|weights| weights.get(row)).copied().unwrap_or(1.0);
            // a weight of zero silences whatever the loss says
            if weight == 0.0 {
                continue;
            }
            total += f64::from(weight) * f64::from(found.0[sample]);
            if let Some(gradient) = gradient.as_deref_mut() {
                let own = gradient.row_mut(row).iter_mut().zip(&slope);
                own.for_each(|(own, lane)| *own = lane.0[sample] * weight * mean);
            }
        }
    }
    Ok(total)
}
