//! Parameters in the form in which the blocks read them.

use super::matrix::padded;
use super::plan::{Block, Function, Kind, Plan};
use super::product::Packed;
use crate::network::Network;
use crate::parameters::Parameters;

/// The weights of all steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    pub blocks: Vec<BlockWeights>,
}

/// The weights of a block; vectors have one number per padded column.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockWeights {
    pub forward: Packed,
    pub backward: Packed,
    pub bias: Vec<f32>,
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub mean: Vec<f32>,
    /// Of the moving variance, with epsilon.
    pub inverse: Vec<f32>,
    pub slopes: Vec<f32>,
    /// Whether the normalisation learns; otherwise it uses its moving averages always.
    pub norm_learns: bool,
    /// Whether kernel and bias learn.
    pub linear_learns: bool,
}

fn pad(target: &mut Vec<f32>, values: &[f32]) {
    target.clear();
    target.extend_from_slice(values);
    target.resize(padded(values.len()), 0.0);
}

impl Weights {
    /// Takes other values; the memory is kept. Without `training`, what only gradients need is left out.
    pub(crate) fn update(&mut self, network: &Network, plan: &Plan, parameters: &Parameters, training: bool) {
        self.blocks.resize_with(plan.steps.len(), BlockWeights::default);
        for (step, own) in plan.steps.iter().zip(&mut self.blocks) {
            if let Kind::Block(block) = &step.kind {
                own.update(network, block, parameters, training);
            }
        }
    }
}

impl BlockWeights {
    fn update(&mut self, network: &Network, block: &Block, parameters: &Parameters, training: bool) {
        let values = |tensor: usize| parameters.values.get(network.range(tensor)).unwrap_or_default();
        let learns = |tensor: usize| parameters.specs.get(tensor).is_some_and(|spec| spec.trainable);
        if let Some(linear) = &block.linear {
            let [inputs, outputs] = linear.channels;
            let kernel = values(linear.kernel);
            let weight = |tap: usize, input: usize, output: usize| kernel[(tap * inputs + input) * outputs + output];
            self.forward.fill(linear.taps, inputs, outputs, weight);
            if training {
                self.backward.fill(linear.taps, outputs, inputs, |tap, output, input| weight(tap, input, output));
            }
            pad(&mut self.bias, values(linear.bias));
            self.linear_learns = learns(linear.kernel);
        }
        if let Some(norm) = &block.norm {
            pad(&mut self.gamma, values(norm.gamma));
            pad(&mut self.beta, values(norm.beta));
            pad(&mut self.mean, values(norm.mean));
            let inverse: Vec<f32> =
                values(norm.variance).iter().map(|variance| 1.0 / (variance + norm.epsilon).sqrt()).collect();
            pad(&mut self.inverse, &inverse);
            self.norm_learns = learns(norm.gamma);
        }
        if let Function::Prelu(alpha) = block.function {
            pad(&mut self.slopes, values(alpha));
        }
    }
}
