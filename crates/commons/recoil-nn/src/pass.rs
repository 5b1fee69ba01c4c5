//! Forward and backward passes of a network over one block of samples.

use crate::kernel::gradient::{self, Transposed};
use crate::kernel::linear::{Gather, Packed};
use crate::kernel::norm::{self, Moments};
use crate::kernel::pointwise;
use crate::lane::{LANES, Lane};
use crate::network::{Linear, Network, Node, Op, Slot};
use crate::parameters::Parameters;
use pulp::{Arch, Simd, WithSimd};

/// Parameters in the form in which the kernels read them: rounded to their number format and packed.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, Default)]
struct Layer {
    forward: Packed,
    backward: Packed,
    bias: Vec<f32>,
    /// Of a batch normalisation: the moving averages, gamma and beta. Of a learned slope: the slopes as gamma.
    moments: Vec<Moments>,
    gamma: Vec<f32>,
}

impl Weights {
    /// The weights of `network` for these parameters.
    pub fn new(network: &Network, parameters: &Parameters) -> Self {
        let mut weights = Self::default();
        weights.update(network, parameters);
        weights
    }

    /// Takes other values; the memory is kept.
    pub fn update(&mut self, network: &Network, parameters: &Parameters) {
        self.layers.resize_with(network.nodes.len(), Layer::default);
        for (node, layer) in network.nodes.iter().zip(&mut self.layers) {
            match &node.op {
                Op::Linear(linear) => layer.pack(network, parameters, linear),
                Op::BatchNorm(norm) => {
                    let values = |tensor| parameters.values.get(network.range(tensor)).unwrap_or_default();
                    let pairs = values(norm.mean).iter().zip(values(norm.variance));
                    layer.moments = pairs.map(|(&mean, &variance)| Moments { mean, variance }).collect();
                    layer.gamma = values(norm.gamma).to_vec();
                    layer.bias = values(norm.beta).to_vec();
                }
                Op::Prelu(alpha) => {
                    layer.gamma = parameters.values.get(network.range(*alpha)).unwrap_or_default().to_vec();
                }
                _ => {}
            }
        }
    }
}

impl Layer {
    fn pack(&mut self, network: &Network, parameters: &Parameters, linear: &Linear) {
        let round = |value: f32| linear.quantiser.map_or(value, |quantiser| quantiser.value(value));
        let kernel = &parameters.values[network.range(linear.kernel)];
        let [inputs, outputs] = linear.channels;
        let weight = |tap: usize, input: usize, output: usize| {
            let inner = if linear.adjoint { output * inputs + input } else { input * outputs + output };
            round(kernel[tap * inputs * outputs + inner])
        };
        let taps = linear.links.taps;
        self.forward.fill(taps, inputs, outputs, weight);
        self.backward.fill(taps, outputs, inputs, |tap, output, input| weight(tap, input, output));
        self.bias.clear();
        self.bias.extend(parameters.values[network.range(linear.bias)].iter().map(|&value| round(value)));
    }
}

/// Room for one block of samples.
#[derive(Clone, Debug)]
pub struct Workspace {
    activations: Vec<Lane>,
    gradients: Vec<Lane>,
    /// Moments of each batch normalisation in this block, and of all blocks since they were taken.
    moments: Vec<Vec<Moments>>,
    scratch: Transposed,
}

/// What batch normalisations normalise by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The moments of the block's samples.
    Training,
    /// The moving averages.
    Inference,
}

impl Workspace {
    /// Room for a forward pass.
    pub fn forward(network: &Network) -> Self {
        let activations = vec![Lane::ZERO; network.arena];
        let moments = network.nodes.iter().map(|node| match node.op {
            Op::BatchNorm(norm) => vec![Moments::default(); norm.channels],
            _ => Vec::new(),
        });
        Self { activations, gradients: Vec::new(), moments: moments.collect(), scratch: Transposed::default() }
    }

    /// Room for a forward and a backward pass.
    pub fn training(network: &Network) -> Self {
        Self { gradients: vec![Lane::ZERO; network.arena], ..Self::forward(network) }
    }

    /// The features of input `index`, to be filled before a forward pass.
    pub fn input_mut(&mut self, network: &Network, index: usize) -> &mut [Lane] {
        match network.inputs.get(index) {
            Some(feed) => &mut self.activations[feed.slot.range()],
            None => &mut [],
        }
    }

    /// The output after a forward pass.
    pub fn output(&self, network: &Network) -> &[Lane] {
        &self.activations[network.output.range()]
    }

    /// The output of layer `index` after a forward pass.
    pub fn layer(&self, network: &Network, index: usize) -> &[Lane] {
        network.nodes.get(index).map_or(&[], |node| &self.activations[node.output.range()])
    }

    /// The output, and the place for its gradient.
    pub fn output_and_gradient(&mut self, network: &Network) -> (&[Lane], &mut [Lane]) {
        let range = network.output.range();
        (&self.activations[range.clone()], &mut self.gradients[range])
    }

    /// The gradient of input `index` after a backward pass to the inputs.
    pub fn input_gradient(&self, network: &Network, index: usize) -> &[Lane] {
        network.inputs.get(index).map_or(&[], |feed| &self.gradients[feed.slot.range()])
    }

    pub(crate) fn moments(&self) -> &[Vec<Moments>] {
        &self.moments
    }
}

/// Computes the outputs of all layers from the inputs in `workspace`, of which the first `samples` lanes count.
pub fn forward(network: &Network, weights: &Weights, workspace: &mut Workspace, mode: Mode, samples: usize) {
    Arch::new().dispatch(Forward { network, weights, workspace, mode, samples: samples.clamp(1, LANES) });
}

/// Computes gradients from that of the output, which the caller has put into `workspace`. Those of the parameters are
/// added to `gradient`; those of the inputs are computed if `to_inputs`.
pub fn backward(
    network: &Network,
    weights: &Weights,
    workspace: &mut Workspace,
    mode: Mode,
    samples: usize,
    gradient: Option<&mut [f32]>,
    to_inputs: bool,
) {
    let samples = samples.clamp(1, LANES);
    Arch::new().dispatch(Backward { network, weights, workspace, mode, samples, gradient, to_inputs });
}

struct Forward<'a> {
    network: &'a Network,
    weights: &'a Weights,
    workspace: &'a mut Workspace,
    mode: Mode,
    samples: usize,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { network, weights, workspace, mode, samples } = self;
        let nodes = network.nodes.iter().zip(&weights.layers).zip(&mut workspace.moments);
        for ((node, layer), moments) in nodes {
            if matches!(node.op, Op::Reshape) {
                continue;
            }
            // a node's output lies behind everything that it reads
            let (before, rest) = workspace.activations.split_at_mut(node.output.at);
            let y = &mut rest[..node.output.len];
            let x = |index: usize| node.inputs.get(index).map_or(&[][..], |edge| &before[edge.slot.range()]);
            match &node.op {
                Op::Linear(linear) => {
                    let gather = Gather {
                        links: &linear.links.by_output,
                        weights: &layer.forward,
                        start: Some(&layer.bias),
                        channels: linear.channels,
                        add: false,
                    };
                    gather.run(simd, x(0), y);
                    pointwise::activate(simd, linear.activation, y);
                }
                Op::MaxPool(tiles) => {
                    let x = x(0);
                    for (y, tile) in y.iter_mut().zip(tiles) {
                        *y = Lane::splat(f32::NEG_INFINITY);
                        for &feature in tile {
                            let x = std::slice::from_ref(&x[feature as usize]);
                            pointwise::update(simd, std::slice::from_mut(y), x, |y, x| simd.max_f32s(y, x));
                        }
                    }
                }
                Op::Gather(indices) => {
                    let x = x(0);
                    for (y, &index) in y.iter_mut().zip(indices) {
                        *y = x[index as usize];
                    }
                }
                Op::Activation(function) => {
                    y.copy_from_slice(x(0));
                    pointwise::activate(simd, *function, y);
                }
                Op::Quantise(quantiser) => pointwise::quantise(simd, *quantiser, x(0), y),
                Op::BatchNorm(norm) => {
                    let used = match mode {
                        Mode::Training => {
                            norm::moments(simd, x(0), samples, moments);
                            &*moments
                        }
                        Mode::Inference => &layer.moments,
                    };
                    norm::normalise(simd, x(0), y, used, [&layer.gamma, &layer.bias], norm.epsilon);
                }
                Op::Prelu(_) => {
                    y.copy_from_slice(x(0));
                    pointwise::prelu(simd, &layer.gamma, y);
                }
                // trainings that drop features run in whole batches
                Op::Dropout { .. } => y.copy_from_slice(x(0)),
                Op::Softmax(channels) => {
                    y.copy_from_slice(x(0));
                    pointwise::softmax(simd, *channels, y);
                }
                Op::Concat(channels) => {
                    let all: usize = channels.iter().sum();
                    let mut first = 0;
                    for (index, &own) in channels.iter().enumerate() {
                        for (y, x) in y.chunks_exact_mut(all).zip(x(index).chunks_exact(own)) {
                            y[first..first + own].copy_from_slice(x);
                        }
                        first += own;
                    }
                }
                Op::Add => {
                    y.copy_from_slice(x(0));
                    for index in 1..node.inputs.len() {
                        pointwise::add(simd, y, x(index));
                    }
                }
                Op::Reshape => {}
            }
        }
    }
}

struct Backward<'a> {
    network: &'a Network,
    weights: &'a Weights,
    workspace: &'a mut Workspace,
    mode: Mode,
    samples: usize,
    gradient: Option<&'a mut [f32]>,
    to_inputs: bool,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { network, weights, workspace, mode, samples, mut gradient, to_inputs } = self;
        let Workspace { activations, gradients, moments, scratch } = workspace;
        for ((node, layer), moments) in network.nodes.iter().zip(&weights.layers).zip(moments).rev() {
            let (before, rest) = gradients.split_at_mut(node.output.at);
            let g = &mut rest[..node.output.len];
            let at = |slot: Slot| &activations[slot.range()];
            match &node.op {
                Op::Reshape => {}
                Op::Linear(linear) => {
                    let Some(&edge) = node.inputs.first() else { continue };
                    pointwise::activation_gradient(simd, linear.activation, at(node.output), g);
                    if let Some(gradient) = gradient.as_deref_mut() {
                        gradient::bias(simd, g, &mut gradient[network.range(linear.bias)]);
                        let gradient = &mut gradient[network.range(linear.kernel)];
                        let [inputs, outputs] = linear.channels;
                        let (pairs, x) = (&linear.pairs, at(edge.slot));
                        if linear.adjoint {
                            gradient::weights(simd, pairs, [outputs, inputs], g, x, gradient, scratch);
                        } else {
                            gradient::weights(simd, pairs, [inputs, outputs], x, g, gradient, scratch);
                        }
                    }
                    if edge.learns || to_inputs {
                        let [inputs, outputs] = linear.channels;
                        let gx = &mut before[edge.slot.range()];
                        let gather = Gather {
                            links: &linear.links.by_input,
                            weights: &layer.backward,
                            start: None,
                            channels: [outputs, inputs],
                            add: edge.add,
                        };
                        gather.run(simd, g, gx);
                    }
                }
                Op::BatchNorm(norm) => {
                    let Some(gx) = target(node, 0, before, true) else { continue };
                    let x = node.inputs.first().map_or(&[][..], |edge| at(edge.slot));
                    let fixed = mode == Mode::Inference;
                    let used = if fixed { &layer.moments } else { &*moments };
                    let mut unused = (vec![0.0; norm.channels], vec![0.0; norm.channels]);
                    let pair = match gradient.as_deref_mut() {
                        // beta follows gamma in the list of tensors
                        Some(gradient) => {
                            let (gamma, beta) = (network.range(norm.gamma), network.range(norm.beta));
                            let (head, tail) = gradient.split_at_mut(beta.start);
                            [&mut head[gamma], &mut tail[..norm.channels]]
                        }
                        None => [&mut unused.0[..], &mut unused.1[..]],
                    };
                    let of =
                        norm::Backward { moments: used, gamma: &layer.gamma, epsilon: norm.epsilon, samples, fixed };
                    of.add(simd, x, g, gx, pair);
                }
                Op::Concat(channels) => {
                    let all: usize = channels.iter().sum();
                    let mut first = 0;
                    for (index, &own) in channels.iter().enumerate() {
                        if let Some(gx) = target(node, index, before, to_inputs) {
                            for (g, gx) in g.chunks_exact(all).zip(gx.chunks_exact_mut(own)) {
                                pointwise::add(simd, gx, &g[first..first + own]);
                            }
                        }
                        first += own;
                    }
                }
                Op::Add => {
                    for index in 0..node.inputs.len() {
                        if let Some(gx) = target(node, index, before, to_inputs) {
                            pointwise::add(simd, gx, g);
                        }
                    }
                }
                Op::MaxPool(tiles) => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    let x = node.inputs.first().map_or(&[][..], |edge| at(edge.slot));
                    let y = at(node.output);
                    for ((tile, y), g) in tiles.iter().zip(y).zip(&*g) {
                        // the first of equal values takes the gradient
                        let mut open = [*g];
                        let zero = simd.splat_f32s(0.0);
                        for &feature in tile {
                            // zero where the value is the largest, the gradient elsewhere
                            let mut left = [x[feature as usize]];
                            let y = std::slice::from_ref(y);
                            pointwise::update(simd, &mut left, y, |x, y| {
                                let largest = simd.equal_f32s(x, y);
                                simd.select_f32s(largest, zero, simd.splat_f32s(1.0))
                            });
                            pointwise::update(simd, &mut left, &open, |left, open| simd.mul_f32s(left, open));
                            let gx = std::slice::from_mut(&mut gx[feature as usize]);
                            pointwise::add(simd, gx, &open);
                            pointwise::update(simd, gx, &left, |gx, left| simd.sub_f32s(gx, left));
                            open = left;
                        }
                    }
                }
                Op::Gather(indices) => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    for (g, &index) in g.iter().zip(indices) {
                        let gx = std::slice::from_mut(&mut gx[index as usize]);
                        pointwise::add(simd, gx, std::slice::from_ref(g));
                    }
                }
                Op::Activation(function) => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    pointwise::activation_gradient(simd, *function, at(node.output), g);
                    pointwise::add(simd, gx, g);
                }
                Op::Prelu(alpha) => {
                    let Some(gx) = target(node, 0, before, true) else { continue };
                    let x = node.inputs.first().map_or(&[][..], |edge| at(edge.slot));
                    let mut unused = vec![0.0; layer.gamma.len()];
                    let slopes = match gradient.as_deref_mut() {
                        Some(gradient) => &mut gradient[network.range(*alpha)],
                        None => &mut unused[..],
                    };
                    pointwise::prelu_gradient(&layer.gamma, x, g, gx, slopes, samples);
                }
                Op::Dropout { .. } => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    pointwise::add(simd, gx, g);
                }
                Op::Softmax(channels) => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    pointwise::softmax_gradient(simd, *channels, at(node.output), g);
                    pointwise::add(simd, gx, g);
                }
                Op::Quantise(quantiser) => {
                    let Some(gx) = target(node, 0, before, to_inputs) else { continue };
                    let x = node.inputs.first().map_or(&[][..], |edge| at(edge.slot));
                    pointwise::quantise_gradient(simd, *quantiser, x, g, gx);
                }
            }
        }
    }
}

/// Where the gradient of input `index` is added up: zero if no other node has written it before; nothing if nobody
/// wants it.
#[inline(always)]
fn target<'a>(node: &Node, index: usize, gradients: &'a mut [Lane], wanted: bool) -> Option<&'a mut [Lane]> {
    let edge = node.inputs.get(index).filter(|edge| edge.learns || wanted)?;
    let gradient = &mut gradients[edge.slot.range()];
    if !edge.add {
        gradient.fill(Lane::ZERO);
    }
    Some(gradient)
}

/// Multiplies the gradient of each sample by its factor; where that is zero the gradient becomes zero, whatever it was.
pub(crate) fn scale(gradient: &mut [Lane], factors: &Lane) {
    Arch::new().dispatch(Scale { gradient, factors });
}

struct Scale<'a> {
    gradient: &'a mut [Lane],
    factors: &'a Lane,
}

impl WithSimd for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = simd.splat_f32s(0.0);
        for lane in self.gradient {
            pointwise::update(simd, std::slice::from_mut(lane), std::slice::from_ref(self.factors), |g, factor| {
                simd.select_f32s(simd.equal_f32s(factor, zero), zero, simd.mul_f32s(g, factor))
            });
        }
    }
}
