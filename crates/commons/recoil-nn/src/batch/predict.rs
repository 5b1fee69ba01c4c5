//! Networks applied to batches.

use super::feed::Batch;
use super::forward::{Mode, Workspace};
use super::map::Split;
use super::plan::Plan;
use super::weights::Weights;
use crate::error::Result;
use crate::network::Network;
use crate::parameters::Parameters;
use rayon::prelude::*;
use std::sync::Mutex;

/// Samples that one task takes; their empty positions are computed once.
const TASK: usize = 16;

/// A network ready to be applied.
pub struct Predictor<'a> {
    network: &'a Network,
    plan: Plan,
    weights: Weights,
    spare: Mutex<Vec<Workspace>>,
}

impl<'a> Predictor<'a> {
    /// Prepares a network with these parameters.
    ///
    /// # Errors
    /// A layer that is not possible in whole batches.
    pub fn new(network: &'a Network, parameters: &Parameters) -> Result<Self> {
        let plan = Plan::new(network)?;
        let mut weights = Weights::default();
        weights.update(network, &plan, parameters, false);
        Ok(Self { network, plan, weights, spare: Mutex::default() })
    }

    /// The output of each sample, row-major. Runs on all threads of the current pool.
    ///
    /// # Errors
    /// Inputs that do not fit.
    pub fn predict(&self, batch: &Batch<'_>) -> Result<Vec<f32>> {
        batch.check(self.network)?;
        let width = self.network.output_len();
        let mut table = vec![0.0; batch.samples * width];
        table.par_chunks_mut(TASK * width).enumerate().for_each(|(task, table)| {
            let (first, samples) = (task * TASK, table.len() / width);
            let own = batch.range(first, first + samples, self.network);
            let mut workspace = self.spare.lock().map_or_else(|_| None, |mut spare| spare.pop()).unwrap_or_default();
            let split = Split::inference(samples);
            workspace.forward(self.network, &self.plan, &self.weights, &own, split, Mode::Inference);
            if let Some(output) = workspace.values.get(self.plan.output) {
                for (row, table) in table.chunks_exact_mut(width).enumerate() {
                    table.copy_from_slice(output.matrix.row(row));
                }
            }
            if let Ok(mut spare) = self.spare.lock() {
                spare.push(workspace);
            }
        });
        Ok(table)
    }

    /// The result of one layer for each sample, row-major; the layer must be flat.
    ///
    /// # Errors
    /// Inputs that do not fit, or a layer behind which no result is kept: it is not flat, or another follows it at once.
    pub fn layer(&self, batch: &Batch<'_>, layer: &str) -> Result<Vec<f32>> {
        batch.check(self.network)?;
        let step = self.plan.steps.iter().find(|step| step.name == layer);
        let step = step.ok_or_else(|| crate::NnError::layer(layer, "no result of it is kept"))?;
        let mut workspace = Workspace::default();
        let split = Split::inference(batch.samples);
        workspace.forward(self.network, &self.plan, &self.weights, batch, split, Mode::Inference);
        let matrix = &workspace.values[step.to].matrix;
        Ok((0..matrix.rows()).flat_map(|row| matrix.row(row).iter().copied()).collect())
    }
}
