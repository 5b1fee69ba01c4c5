//! From a description to a network: shapes are checked layer by layer.

use super::links::{Links, same};
use super::{BatchNorm, Edge, Feed, Geometry, Linear, Network, Node, Op, Slot, Start, TensorSpec};
use crate::description::{
    Activation, ConvSpec, DenseSpec, KernelStart, LayerSpec, NetworkSpec, NodeSpec, Padding, Penalty, WeightSpec,
};
use crate::error::{NnError, Result};
use crate::quantise::Quantiser;
use std::collections::BTreeMap;

/// Largest number of features of a layer and of weights of a tensor: descriptions come from files.
const LIMIT: usize = 1 << 26;

/// What a name stands for.
#[derive(Clone)]
struct Known {
    slot: Slot,
    shape: Vec<usize>,
    learns: bool,
}

#[derive(Default)]
struct Builder {
    known: BTreeMap<String, Known>,
    nodes: Vec<Node>,
    tensors: Vec<TensorSpec>,
    /// Kernel and bias of each linear layer.
    weights: BTreeMap<String, (usize, usize)>,
    norms: BTreeMap<String, BatchNorm>,
    arena: usize,
}

pub(super) fn build(spec: &NetworkSpec) -> Result<Network> {
    let mut builder = Builder::default();
    let mut inputs = Vec::new();
    for input in &spec.inputs {
        let slot = builder.slot(&input.name, &input.shape)?;
        builder.name(&input.name, Known { slot, shape: input.shape.clone(), learns: false })?;
        inputs.push(Feed { name: input.name.clone(), shape: input.shape.clone(), slot });
    }
    let mut last = inputs.first().map(|input| input.name.clone());
    for layer in &spec.layers {
        let from: Vec<&str> = match (layer.from.as_slice(), &last) {
            ([], Some(last)) => vec![last],
            ([], None) => return Err(NnError::Network("a network needs an input".into())),
            (names, _) => names.iter().map(String::as_str).collect(),
        };
        builder.layer(layer, &from)?;
        last = Some(layer.name.clone());
    }
    let output = last.and_then(|name| builder.known.remove(&name));
    let Some(Known { slot, shape, .. }) = output.filter(|_| !builder.nodes.is_empty()) else {
        return Err(NnError::Network("a network needs an input and a layer".into()));
    };
    let Builder { mut nodes, tensors, arena, .. } = builder;
    share_gradients(&mut nodes, slot)?;
    Ok(Network { spec: spec.clone(), inputs, nodes, tensors, arena, output: slot, output_shape: shape })
}

/// Marks the edges whose gradient is added to that of another edge, in the order of the backward pass.
fn share_gradients(nodes: &mut [Node], output: Slot) -> Result<()> {
    let mut written = std::collections::BTreeSet::from([output.at]);
    for node in nodes.iter_mut().rev() {
        if !written.contains(&node.output.at) {
            return Err(NnError::layer(
                &node.name,
                "its output is used by no other layer and is not that of the network",
            ));
        }
        if matches!(node.op, Op::Reshape) {
            continue;
        }
        for edge in &mut node.inputs {
            edge.add = !written.insert(edge.slot.at);
        }
    }
    Ok(())
}

impl Builder {
    fn slot(&mut self, name: &str, shape: &[usize]) -> Result<Slot> {
        let len = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let len = len.filter(|&len| (1..=LIMIT).contains(&len) && !shape.is_empty() && shape.len() <= 3);
        let Some(len) = len else {
            let message = format!("a shape has one to three sizes above 0 and at most {LIMIT} features, not {shape:?}");
            return Err(NnError::layer(name, message));
        };
        let at = self.arena;
        self.arena += len;
        if self.arena > 4 * LIMIT {
            return Err(NnError::layer(name, "the network has too many features"));
        }
        Ok(Slot { at, len })
    }

    fn name(&mut self, name: &str, known: Known) -> Result<()> {
        if name.is_empty() {
            return Err(NnError::Network("an input or layer has an empty name".into()));
        }
        if self.known.insert(name.to_owned(), known).is_some() {
            return Err(NnError::layer(name, "the name is used twice"));
        }
        Ok(())
    }

    fn tensor(&mut self, layer: &str, word: &str, shape: &[usize], trainable: bool, start: Start) -> Result<usize> {
        let name = format!("{layer}/{word}");
        let len = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let Some(len) = len.filter(|&len| (1..=LIMIT).contains(&len)) else {
            return Err(NnError::layer(layer, format!("its {word} would have the shape {shape:?}")));
        };
        let first = self.tensors.last().map_or(0, |tensor| tensor.range.end);
        let range = first..first + len;
        let shape = shape.to_vec();
        let penalty = Penalty::default();
        self.tensors.push(TensorSpec { name, shape, trainable, quantiser: None, penalty, start, range });
        Ok(self.tensors.len() - 1)
    }

    /// Kernel and bias: new ones, or those of the layer that the description names.
    fn weights(&mut self, layer: &str, spec: &WeightSpec, shape: &[usize], fans: [usize; 2]) -> Result<(usize, usize)> {
        let outputs = fans[1];
        let taps: usize = shape.iter().rev().skip(2).product();
        let pair = match &spec.shared_with {
            Some(other) => {
                let pair = *self.weights.get(other).ok_or_else(|| {
                    NnError::layer(layer, format!("there is no linear layer '{other}' before it to share with"))
                })?;
                if self.tensors.get(pair.0).is_none_or(|tensor| tensor.shape != shape) {
                    return Err(NnError::layer(layer, format!("its kernel differs in shape from that of '{other}'")));
                }
                pair
            }
            None => {
                let inputs = taps * fans[0];
                let start = match spec.start {
                    KernelStart::GlorotUniform => Start::Glorot { inputs, outputs: taps * fans[1] },
                    KernelStart::HeUniform => Start::He { inputs },
                    KernelStart::LecunNormal => Start::Lecun { inputs },
                };
                let kernel = self.tensor(layer, "kernel", shape, true, start)?;
                if let Some(tensor) = self.tensors.get_mut(kernel) {
                    tensor.penalty = spec.penalty;
                }
                (kernel, self.tensor(layer, "bias", &[outputs], true, Start::Constant(spec.bias_start))?)
            }
        };
        for index in [pair.0, pair.1] {
            if let Some(tensor) = self.tensors.get_mut(index) {
                tensor.quantiser = spec.quantiser;
            }
        }
        self.weights.insert(layer.to_owned(), pair);
        Ok(pair)
    }

    fn layer(&mut self, spec: &NodeSpec, from: &[&str]) -> Result<()> {
        let name = spec.name.as_str();
        let mut inputs = Vec::new();
        for from in from {
            inputs.push(self.known.get(*from).cloned().ok_or_else(|| {
                NnError::layer(name, format!("it takes from '{from}', but no input or earlier layer has this name"))
            })?);
        }
        let several = matches!(spec.layer, LayerSpec::Concat | LayerSpec::Add);
        let [first, rest @ ..] = inputs.as_slice() else {
            return Err(NnError::layer(name, "it takes from nothing"));
        };
        if !several && !rest.is_empty() {
            return Err(NnError::layer(name, format!("it takes one input, not {}", inputs.len())));
        }
        let (op, shape) = self.operation(name, &spec.layer, first, rest)?;
        let trains = matches!(op, Op::Linear(_) | Op::BatchNorm(_) | Op::Prelu(_));
        let output = match op {
            Op::Reshape => first.slot,
            _ => self.slot(name, &shape)?,
        };
        let learns = trains || inputs.iter().any(|input| input.learns);
        let edges = inputs.iter().map(|input| Edge { slot: input.slot, learns: input.learns, add: false }).collect();
        self.nodes.push(Node { name: name.to_owned(), op, inputs: edges, output, shape: shape.clone() });
        self.name(name, Known { slot: output, shape, learns })
    }

    fn operation(&mut self, name: &str, layer: &LayerSpec, first: &Known, rest: &[Known]) -> Result<(Op, Vec<usize>)> {
        let shape = first.shape.as_slice();
        Ok(match layer {
            LayerSpec::Dense(spec) => self.dense(name, spec, shape)?,
            LayerSpec::Conv2d(spec) => self.convolution(name, spec, shape)?,
            LayerSpec::Conv2dTranspose(spec) => self.transposed(name, spec, shape)?,
            &LayerSpec::MaxPool { size } => {
                let [height, width, channels] = image(name, shape)?;
                if size == 0 || height < size || width < size {
                    return Err(NnError::layer(name, format!("tiles of {size} do not fit into {shape:?}")));
                }
                let (rows, columns) = (height / size, width / size);
                let mut tiles = Vec::new();
                for (y, x, c) in positions(rows, columns, channels) {
                    let inside = positions(size, size, 1);
                    let feature = |dy, dx| (((y * size + dy) * width + x * size + dx) * channels + c) as u32;
                    tiles.push(inside.map(|(dy, dx, _)| feature(dy, dx)).collect());
                }
                (Op::MaxPool(tiles), vec![rows, columns, channels])
            }
            &LayerSpec::Upsample { size } => {
                let [height, width, channels] = image(name, shape)?;
                if !(1..=64).contains(&size) {
                    return Err(NnError::layer(name, format!("tiles of {size} are not possible")));
                }
                let wide = positions(height * size, width * size, channels);
                let from = wide.map(|(y, x, c)| ((y / size * width + x / size) * channels + c) as u32).collect();
                (Op::Gather(from), vec![height * size, width * size, channels])
            }
            LayerSpec::Flatten => (Op::Reshape, vec![first.slot.len]),
            LayerSpec::Reshape { shape: wanted } => (Op::Reshape, reshaped(name, first.slot.len, wanted)?),
            LayerSpec::Gather { indices, shape: wanted } => {
                if let Some(index) = indices.iter().find(|&&index| index >= first.slot.len) {
                    let message = format!("there is no feature {index} among {}", first.slot.len);
                    return Err(NnError::layer(name, message));
                }
                let flat = [indices.len()];
                let wanted = if wanted.is_empty() { &flat } else { wanted.as_slice() };
                let shape = reshaped(name, indices.len(), wanted)?;
                (Op::Gather(indices.iter().map(|&index| index as u32).collect()), shape)
            }
            &LayerSpec::Activation(function) => (Op::Activation(function), shape.to_vec()),
            &LayerSpec::Quantise(quantiser) => (Op::Quantise(quantiser), shape.to_vec()),
            LayerSpec::BatchNorm { epsilon, momentum, shared_with } => {
                let (epsilon, momentum) = (*epsilon, *momentum);
                if !(epsilon > 0.0 && (0.0..=1.0).contains(&momentum)) {
                    return Err(NnError::layer(name, "epsilon must be above 0, momentum between 0 and 1"));
                }
                let channels = shape.last().copied().unwrap_or(1);
                let size = [channels];
                let norm = match shared_with {
                    Some(other) => {
                        let known = self.norms.get(other).filter(|norm| norm.channels == channels);
                        let known = known.ok_or_else(|| {
                            let what = format!("there is no normalisation '{other}' of {channels} channels before it");
                            NnError::layer(name, what)
                        })?;
                        BatchNorm { epsilon, momentum, ..*known }
                    }
                    None => BatchNorm {
                        channels,
                        gamma: self.tensor(name, "gamma", &size, true, Start::Constant(1.0))?,
                        beta: self.tensor(name, "beta", &size, true, Start::Constant(0.0))?,
                        mean: self.tensor(name, "moving_mean", &size, false, Start::Constant(0.0))?,
                        variance: self.tensor(name, "moving_variance", &size, false, Start::Constant(1.0))?,
                        epsilon,
                        momentum,
                    },
                };
                self.norms.insert(name.to_owned(), norm);
                (Op::BatchNorm(norm), shape.to_vec())
            }
            LayerSpec::Prelu => {
                let size: Vec<usize> = match shape {
                    [lead @ .., channels] if !lead.is_empty() => {
                        vec![1; lead.len()].into_iter().chain([*channels]).collect()
                    }
                    flat => flat.to_vec(),
                };
                (Op::Prelu(self.tensor(name, "alpha", &size, true, Start::Constant(0.0))?), shape.to_vec())
            }
            &LayerSpec::Dropout { rate, alpha } => {
                if !(0.0..1.0).contains(&rate) {
                    return Err(NnError::layer(name, format!("a rate is from 0 to below 1, not {rate}")));
                }
                (Op::Dropout { rate, alpha }, shape.to_vec())
            }
            LayerSpec::Softmax => (Op::Softmax(shape.last().copied().unwrap_or(1)), shape.to_vec()),
            LayerSpec::Concat => {
                let (lead, mut channels) = (shape.split_last().map_or(&[][..], |(_, lead)| lead), Vec::new());
                for input in std::iter::once(first).chain(rest) {
                    match input.shape.split_last() {
                        Some((&own, other)) if other == lead => channels.push(own),
                        _ => {
                            let message = format!("{:?} and {shape:?} differ in more than channels", input.shape);
                            return Err(NnError::layer(name, message));
                        }
                    }
                }
                let mut shape = lead.to_vec();
                shape.push(channels.iter().sum());
                (Op::Concat(channels), shape)
            }
            LayerSpec::Add => match rest.iter().find(|input| input.shape != shape) {
                Some(other) => {
                    let message = format!("{:?} cannot be added to {shape:?}", other.shape);
                    return Err(NnError::layer(name, message));
                }
                None => (Op::Add, shape.to_vec()),
            },
        })
    }

    fn dense(&mut self, name: &str, spec: &DenseSpec, shape: &[usize]) -> Result<(Op, Vec<usize>)> {
        let &[inputs] = shape else {
            return Err(NnError::layer(name, format!("it takes a flat input, not {shape:?}: put `flatten` before it")));
        };
        let units = spec.units;
        let weights = self.weights(name, &spec.weights, &[inputs, units], [inputs, units])?;
        let linear = Linear::new(Links::dense(), [inputs, units], weights, &spec.weights, spec.activation);
        Ok((Op::Linear(Box::new(linear)), vec![units]))
    }

    fn convolution(&mut self, name: &str, spec: &ConvSpec, shape: &[usize]) -> Result<(Op, Vec<usize>)> {
        let [height, width, channels] = image(name, shape)?;
        let (&ConvSpec { filters, kernel, stride, .. }, size) = (spec, [height, width]);
        window(name, kernel, stride)?;
        let (mut output, mut before, mut after) = ([0; 2], [0; 2], [0; 2]);
        for axis in 0..2 {
            (output[axis], before[axis]) = match spec.padding {
                Padding::Same => same(size[axis], kernel[axis], stride),
                Padding::Valid if size[axis] < kernel[axis] => {
                    return Err(NnError::layer(name, format!("a kernel of {kernel:?} does not fit into {shape:?}")));
                }
                Padding::Valid => ((size[axis] - kernel[axis]) / stride + 1, 0),
            };
            after[axis] = ((output[axis] - 1) * stride + kernel[axis]).saturating_sub(size[axis] + before[axis]);
        }
        let [kh, kw] = kernel;
        let weights = self.weights(name, &spec.weights, &[kh, kw, channels, filters], [channels, filters])?;
        let links = Links::convolution(size, output, kernel, stride, before);
        let mut linear = Linear::new(links, [channels, filters], weights, &spec.weights, spec.activation);
        linear.geometry = Geometry::Conv { kernel, stride, before, after };
        Ok((Op::Linear(Box::new(linear)), vec![output[0], output[1], filters]))
    }

    fn transposed(&mut self, name: &str, spec: &ConvSpec, shape: &[usize]) -> Result<(Op, Vec<usize>)> {
        let [height, width, channels] = image(name, shape)?;
        let (&ConvSpec { filters, kernel, stride, .. }, size) = (spec, [height, width]);
        window(name, kernel, stride)?;
        if spec.padding != Padding::Same {
            return Err(NnError::layer(name, "a transposed convolution has the padding `same`"));
        }
        let output = size.map(|size| size * stride);
        let before = kernel.map(|kernel| kernel.saturating_sub(stride) / 2);
        let after = std::array::from_fn(|axis| {
            let full = (size[axis] - 1) * stride + kernel[axis];
            full as isize - (before[axis] + output[axis]) as isize
        });
        let [kh, kw] = kernel;
        let weights = self.weights(name, &spec.weights, &[kh, kw, filters, channels], [channels, filters])?;
        let links = Links::convolution(output, size, kernel, stride, before).transposed();
        let mut linear = Linear::new(links, [channels, filters], weights, &spec.weights, spec.activation);
        linear.adjoint = true;
        linear.pairs = linear.links.by_tap_from_output();
        linear.geometry = Geometry::Transpose { kernel, stride, before, after };
        Ok((Op::Linear(Box::new(linear)), vec![output[0], output[1], filters]))
    }
}

impl Linear {
    fn new(
        links: Links,
        channels: [usize; 2],
        (kernel, bias): (usize, usize),
        weights: &WeightSpec,
        activation: Activation,
    ) -> Self {
        let quantiser: Option<Quantiser> = weights.quantiser;
        let pairs = links.by_tap.clone();
        Self { links, channels, adjoint: false, pairs, kernel, bias, quantiser, activation, geometry: Geometry::Dense }
    }
}

fn image(name: &str, shape: &[usize]) -> Result<[usize; 3]> {
    <[usize; 3]>::try_from(shape)
        .map_err(|_| NnError::layer(name, format!("it takes an image (height, width, channels), not {shape:?}")))
}

fn window(name: &str, kernel: [usize; 2], stride: usize) -> Result<()> {
    if kernel.iter().any(|size| !(1..=64).contains(size)) || !(1..=64).contains(&stride) {
        return Err(NnError::layer(name, format!("a kernel of {kernel:?} with stride {stride} is not possible")));
    }
    Ok(())
}

fn reshaped(name: &str, len: usize, wanted: &[usize]) -> Result<Vec<usize>> {
    if wanted.iter().try_fold(1_usize, |product, &size| product.checked_mul(size)) != Some(len) {
        return Err(NnError::layer(name, format!("{len} features do not fill the shape {wanted:?}")));
    }
    Ok(wanted.to_vec())
}

fn positions(height: usize, width: usize, channels: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..height).flat_map(move |y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}
