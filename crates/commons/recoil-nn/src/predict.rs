//! Networks applied to tables of samples.

use crate::error::{NnError, Result};
use crate::lane::{self, LANES};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::pass::{self, Mode, Weights, Workspace};
use rayon::prelude::*;

/// Blocks that one task takes.
const TASK: usize = 8;

/// Number of samples in the tables for the inputs of `network`, row-major and with as many columns as features.
///
/// # Errors
/// Tables of another number, or whose lengths do not fit.
pub fn rows(network: &Network, inputs: &[&[f32]]) -> Result<usize> {
    let expected = network.inputs.len();
    if inputs.len() != expected {
        return Err(NnError::Length { what: "inputs of the network".into(), found: inputs.len(), expected });
    }
    let mut rows = None;
    for (feed, table) in network.inputs.iter().zip(inputs) {
        let own = table.len() / feed.slot.len;
        let expected = rows.unwrap_or(own) * feed.slot.len;
        if table.len() != expected {
            return Err(NnError::Length { what: format!("input '{}'", feed.name), found: table.len(), expected });
        }
        rows = Some(own);
    }
    Ok(rows.unwrap_or(0))
}

/// Refuses tables with a value that is not a finite number; `what` is their name in the message.
///
/// # Errors
/// The first such value, with row and column.
pub fn check_finite(what: &str, table: &[f32], columns: usize) -> Result<()> {
    match table.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let (row, column) = (index / columns.max(1), index % columns.max(1));
            Err(NnError::NotFinite { what: what.to_owned(), row, column, value: table[index] })
        }
        None => Ok(()),
    }
}

impl Network {
    /// The output for each row of the inputs, row-major. Runs on all threads of the current pool.
    ///
    /// # Errors
    /// Inputs whose lengths do not fit.
    pub fn predict(&self, parameters: &Parameters, inputs: &[&[f32]]) -> Result<Vec<f32>> {
        self.run(parameters, inputs, self.nodes.len().saturating_sub(1))
    }

    /// The output of one layer for each row of the inputs, row-major.
    ///
    /// # Errors
    /// Inputs whose lengths do not fit, or an unknown layer.
    pub fn layer_output(&self, parameters: &Parameters, inputs: &[&[f32]], layer: &str) -> Result<Vec<f32>> {
        let index = self.nodes.iter().position(|node| node.name == layer);
        self.run(parameters, inputs, index.ok_or_else(|| NnError::layer(layer, "the network has no such layer"))?)
    }

    fn run(&self, parameters: &Parameters, inputs: &[&[f32]], layer: usize) -> Result<Vec<f32>> {
        let rows = rows(self, inputs)?;
        let weights = Weights::new(self, parameters);
        let features = self.nodes.get(layer).map_or(1, |node| node.output.len);
        let mut table = vec![0.0; rows * features];
        table.par_chunks_mut(TASK * LANES * features).enumerate().for_each_init(
            || Workspace::forward(self),
            |workspace, (task, table)| {
                for (block, table) in table.chunks_mut(LANES * features).enumerate() {
                    let first = (task * TASK + block) * LANES;
                    let samples = table.len() / features;
                    for (index, input) in inputs.iter().enumerate() {
                        lane::load(workspace.input_mut(self, index), input, first..first + samples);
                    }
                    pass::forward(self, &weights, workspace, Mode::Inference, samples);
                    lane::store(workspace.layer(self, layer), table);
                }
            },
        );
        Ok(table)
    }
}
