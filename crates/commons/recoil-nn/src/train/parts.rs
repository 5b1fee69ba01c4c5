//! The samples of a step, split into parts that threads take. The split depends on the number of samples alone, and
//! sums are taken part by part, so that the number of threads changes no bit.

use super::Samples;
use crate::lane::{self, LANES, Lane};
use crate::loss::{Loss, LossBlock};
use crate::network::{Network, Op};
use crate::parameters::Parameters;
use crate::pass::{self, Mode, Weights, Workspace};
use rayon::prelude::*;

/// Blocks that a part has at least.
const BLOCKS: usize = 2;
/// Parts of a step at most: each has a gradient of its own.
const PARTS: usize = 32;

pub(super) struct Parts {
    parts: Vec<Part>,
    gradient: Vec<f32>,
}

struct Part {
    workspace: Workspace,
    target: Vec<Lane>,
    gradient: Vec<f32>,
    loss: f64,
    /// Samples of the last step.
    count: f32,
    /// Per batch normalisation the means and variances of the blocks, summed with the number of samples.
    averages: Vec<Vec<[f32; 2]>>,
}

/// What a part needs to know.
#[derive(Clone, Copy)]
struct Task<'a> {
    network: &'a Network,
    weights: &'a Weights,
    loss: &'a dyn Loss,
    samples: &'a Samples<'a>,
    /// Factor on each sample's gradient.
    scale: f32,
}

impl Parts {
    pub(super) fn new(network: &Network, batch: usize) -> Self {
        let count = batch.div_ceil(LANES).div_ceil(BLOCKS).clamp(1, PARTS);
        let averages = network.nodes.iter().map(|node| match node.op {
            Op::BatchNorm(norm) => vec![[0.0; 2]; norm.channels],
            _ => Vec::new(),
        });
        let averages: Vec<_> = averages.collect();
        let part = || Part {
            workspace: Workspace::training(network),
            target: Vec::new(),
            gradient: vec![0.0; network.values()],
            loss: 0.0,
            count: 0.0,
            averages: averages.clone(),
        };
        Self { parts: (0..count).map(|_| part()).collect(), gradient: vec![0.0; network.values()] }
    }

    /// The gradient of the last step.
    pub(super) fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Adds the gradient of `strength` times the squares of all kernels.
    pub(super) fn add_penalty(&mut self, strength: f32, parameters: &Parameters) {
        if strength == 0.0 {
            return;
        }
        for spec in parameters.specs.iter().filter(|spec| spec.trainable && spec.shape.len() > 1) {
            let range = spec.range.clone();
            for (sum, value) in self.gradient[range.clone()].iter_mut().zip(&parameters.values[range]) {
                *sum += 2.0 * strength * value;
            }
        }
    }

    /// Mean loss of these rows; the gradient of that mean is kept.
    pub(super) fn step(
        &mut self,
        network: &Network,
        weights: &Weights,
        loss: &dyn Loss,
        samples: &Samples<'_>,
        rows: &[u32],
    ) -> f64 {
        let task = Task { network, weights, loss, samples, scale: 1.0 / rows.len() as f32 };
        self.share(rows, |part, rows| part.learn(&task, rows));
        self.gradient.fill(0.0);
        for part in &self.parts {
            for (sum, value) in self.gradient.iter_mut().zip(&part.gradient) {
                *sum += value;
            }
        }
        self.parts.iter().map(|part| part.loss).sum::<f64>() / rows.len() as f64
    }

    /// Mean loss of these rows.
    pub(super) fn evaluate(
        &mut self,
        network: &Network,
        weights: &Weights,
        loss: &dyn Loss,
        samples: &Samples<'_>,
        rows: &[u32],
    ) -> f64 {
        let task = Task { network, weights, loss, samples, scale: 0.0 };
        self.share(rows, |part, rows| part.evaluate(&task, rows));
        self.parts.iter().map(|part| part.loss).sum::<f64>() / rows.len().max(1) as f64
    }

    /// Gives each part its blocks.
    fn share(&mut self, rows: &[u32], work: impl Fn(&mut Part, &[u32]) + Sync) {
        let (blocks, count) = (rows.len().div_ceil(LANES), self.parts.len());
        let cut = |index: usize| (index * blocks / count * LANES).min(rows.len());
        self.parts.par_iter_mut().with_max_len(1).enumerate().for_each(|(index, part)| {
            part.loss = 0.0;
            work(part, &rows[cut(index)..cut(index + 1)]);
        });
    }

    /// Moves the moving averages of batch normalisations towards the moments of the last step.
    pub(super) fn update_averages(&self, network: &Network, parameters: &mut Parameters) {
        for (index, node) in network.nodes.iter().enumerate() {
            let Op::BatchNorm(norm) = node.op else { continue };
            let samples: f32 = self.parts.iter().map(|part| part.count).sum();
            for channel in 0..norm.channels {
                for (which, tensor) in [norm.mean, norm.variance].into_iter().enumerate() {
                    let sum: f32 = self.parts.iter().map(|part| part.averages[index][channel][which]).sum();
                    let own = &mut parameters.values[network.range(tensor)][channel];
                    *own += (sum / samples - *own) * (1.0 - norm.momentum);
                }
            }
        }
    }
}

impl Part {
    /// Loads a block, computes the outputs and the loss with its gradient.
    fn block(&mut self, task: &Task<'_>, rows: &[u32], mode: Mode) {
        let &Task { network, weights, loss, samples, scale } = task;
        for (index, input) in samples.inputs.iter().enumerate() {
            lane::load(self.workspace.input_mut(network, index), input, rows.iter().map(|&row| row as usize));
        }
        self.target.resize(loss.target_len(network.output_len()), Lane::ZERO);
        match samples.inputs.first() {
            // an autoencoder compares with its input, which has just been loaded
            Some(input) if std::ptr::eq(*input, samples.target) => {
                self.target.copy_from_slice(self.workspace.input_mut(network, 0));
            }
            _ => lane::load(&mut self.target, samples.target, rows.iter().map(|&row| row as usize)),
        }
        pass::forward(network, weights, &mut self.workspace, mode, rows.len());
        let (output, gradient) = self.workspace.output_and_gradient(network);
        let values = loss.evaluate(&LossBlock { output, target: &self.target, samples: rows.len() }, gradient);
        let mut factors = Lane::ZERO;
        for (sample, &row) in rows.iter().enumerate() {
            let weight = samples.weights.and_then(|weights| weights.get(row as usize)).copied().unwrap_or(1.0);
            self.loss += f64::from(weight) * f64::from(values.0[sample]);
            factors.0[sample] = scale * weight;
        }
        if mode == Mode::Training {
            pass::scale(gradient, &factors);
        }
    }

    fn learn(&mut self, task: &Task<'_>, rows: &[u32]) {
        let &Task { network, weights, .. } = task;
        self.gradient.fill(0.0);
        self.averages.iter_mut().flatten().for_each(|sums| *sums = [0.0; 2]);
        self.count = rows.len() as f32;
        for rows in rows.chunks(LANES) {
            self.block(task, rows, Mode::Training);
            let gradient = Some(self.gradient.as_mut_slice());
            pass::backward(network, weights, &mut self.workspace, Mode::Training, rows.len(), gradient, false);
            for (sums, moments) in self.averages.iter_mut().zip(self.workspace.moments()) {
                for (sum, moments) in sums.iter_mut().zip(moments) {
                    sum[0] += moments.mean * rows.len() as f32;
                    sum[1] += moments.variance * rows.len() as f32;
                }
            }
        }
    }

    fn evaluate(&mut self, task: &Task<'_>, rows: &[u32]) {
        for rows in rows.chunks(LANES) {
            self.block(task, rows, Mode::Inference);
        }
    }
}
