//! The order of work: layers joined to blocks.

use super::map::Window;
use super::noise::Dropout;
use super::product::WIDEST;
use crate::description::Activation;
use crate::error::{NnError, Result};
use crate::network::{BatchNorm, Geometry, Linear, Network, Node, Op};
use std::collections::BTreeMap;

/// The steps of a network. A value is an input or the result of a step, counted in this order.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub output: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Name of its last layer.
    pub name: String,
    pub kind: Kind,
    /// What it reads, and whether a parameter lies upstream of that.
    pub from: Vec<(usize, bool)>,
    pub to: usize,
    /// Columns of the result.
    pub channels: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Block(Block),
    /// Channels of each input.
    Concat(Vec<usize>),
    Add,
    MaxPool(Window),
    /// All positions in a row.
    Flatten,
    Softmax,
}

/// What follows one another without a second reader in between; every part may be missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub linear: Option<Affine>,
    pub norm: Option<BatchNorm>,
    pub function: Function,
    pub dropout: Option<Dropout>,
}

/// A linear layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub kernel: usize,
    pub bias: usize,
    pub channels: [usize; 2],
    pub taps: usize,
    /// Without, rows are read one by one.
    pub window: Option<Window>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Function {
    #[default]
    None,
    Fixed(Activation),
    /// Index of the tensor of slopes.
    Prelu(usize),
}

/// What a name stands for while planning.
#[derive(Clone)]
struct Known {
    value: usize,
    shape: Vec<usize>,
    learns: bool,
    /// Layers that read it.
    readers: usize,
}

impl Plan {
    /// Plans the network.
    ///
    /// # Errors
    /// A layer that is not possible in whole batches.
    pub(crate) fn new(network: &Network) -> Result<Self> {
        let sources = network.sources();
        let mut readers: BTreeMap<&str, usize> = BTreeMap::new();
        for name in sources.iter().flatten() {
            *readers.entry(name).or_default() += 1;
        }
        let mut known: BTreeMap<&str, Known> = BTreeMap::new();
        for (value, input) in network.inputs.iter().enumerate() {
            let readers = readers.get(input.name.as_str()).copied().unwrap_or(0);
            known.insert(&input.name, Known { value, shape: input.shape.clone(), learns: false, readers });
        }
        let (mut steps, mut output): (Vec<Step>, usize) = (Vec::new(), 0);
        for (node, sources) in network.nodes.iter().zip(&sources) {
            let from: Vec<Known> = sources.iter().filter_map(|name| known.get(name.as_str()).cloned()).collect();
            let Some(first) = from.first() else { continue };
            let trains = matches!(node.op, Op::Linear(_) | Op::BatchNorm(_) | Op::Prelu(_));
            let learns = trains || from.iter().any(|from| from.learns);
            let last = steps.last_mut().filter(|step| step.to == first.value && first.readers == 1);
            if last.is_none_or(|step| !step.join(node)) {
                let to = network.inputs.len() + steps.len();
                let kind = kind(node, &first.shape)?;
                let from = from.iter().map(|from| (from.value, from.learns)).collect();
                let channels = node.shape.last().copied().unwrap_or(1);
                steps.push(Step { name: node.name.clone(), kind, from, to, channels });
            }
            output = network.inputs.len() + steps.len() - 1;
            let readers = readers.get(node.name.as_str()).copied().unwrap_or(0);
            known.insert(&node.name, Known { value: output, shape: node.shape.clone(), learns, readers });
        }
        if network.output_shape().len() != 1 {
            return Err(NnError::Network("in whole batches the output is flat: put `flatten` behind it".into()));
        }
        Ok(Self { steps, output })
    }
}

impl Step {
    /// Takes a layer into the block, if it fits behind what is there.
    fn join(&mut self, node: &Node) -> bool {
        let Kind::Block(block) = &mut self.kind else { return false };
        let open = block.dropout.is_none();
        let plain = block.function == Function::None;
        match &node.op {
            Op::BatchNorm(norm) if open && plain && block.norm.is_none() => block.norm = Some(*norm),
            Op::Prelu(alpha) if open && plain => block.function = Function::Prelu(*alpha),
            Op::Activation(function) if open && plain => block.function = fixed(*function),
            &Op::Dropout { rate, alpha } if open => block.dropout = Some(Dropout { rate, alpha }),
            _ => return false,
        }
        self.name.clone_from(&node.name);
        true
    }
}

fn fixed(function: Activation) -> Function {
    if function == Activation::Linear { Function::None } else { Function::Fixed(function) }
}

fn kind(node: &Node, shape: &[usize]) -> Result<Kind> {
    let refuse = |what: &str| Err(NnError::layer(&node.name, format!("{what} is not possible in whole batches")));
    Ok(match &node.op {
        Op::Linear(linear) => {
            let affine = affine(linear, shape, &node.shape);
            let Some(linear_step) = affine else {
                return refuse("a transposed convolution, a number format of weights or so many channels");
            };
            Kind::Block(Block { linear: Some(linear_step), function: fixed(linear.activation), ..Block::default() })
        }
        Op::BatchNorm(norm) => Kind::Block(Block { norm: Some(*norm), ..Block::default() }),
        Op::Activation(function) => Kind::Block(Block { function: fixed(*function), ..Block::default() }),
        Op::Prelu(alpha) => Kind::Block(Block { function: Function::Prelu(*alpha), ..Block::default() }),
        &Op::Dropout { rate, alpha } => {
            Kind::Block(Block { dropout: Some(Dropout { rate, alpha }), ..Block::default() })
        }
        Op::MaxPool(_) => match (shape, node.shape.as_slice()) {
            (&[height, width, _], &[oh, ow, _]) => {
                let size = height / oh.max(1);
                let kernel = [size; 2];
                Kind::MaxPool(Window { size: [height, width], output: [oh, ow], kernel, stride: size, before: [0; 2] })
            }
            _ => return refuse("pooling of other than images"),
        },
        Op::Reshape if node.shape.len() == 1 => Kind::Flatten,
        Op::Concat(channels) => Kind::Concat(channels.clone()),
        Op::Add => Kind::Add,
        Op::Softmax(_) if node.shape.len() == 1 => Kind::Softmax,
        Op::Softmax(_) => return refuse("softmax of images"),
        Op::Reshape => return refuse("a shape that is not flat"),
        Op::Gather(_) => return refuse("a choice of features"),
        Op::Quantise(_) => return refuse("a number format"),
    })
}

fn affine(linear: &Linear, shape: &[usize], output: &[usize]) -> Option<Affine> {
    let plain = Affine { kernel: linear.kernel, bias: linear.bias, channels: linear.channels, taps: 1, window: None };
    match (linear.geometry, shape, output) {
        _ if linear.quantiser.is_some() || linear.channels[0] > WIDEST => None,
        (Geometry::Dense, ..) => Some(plain),
        (Geometry::Conv { kernel: [1, 1], stride: 1, .. }, ..) => Some(plain),
        (Geometry::Conv { kernel, stride, before, .. }, &[height, width, _], &[oh, ow, _]) => {
            let window = Window { size: [height, width], output: [oh, ow], kernel, stride, before };
            Some(Affine { taps: window.taps(), window: Some(window), ..plain })
        }
        _ => None,
    }
}
