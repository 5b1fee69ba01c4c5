//! Parameters and operations of a network, counted as the TensorFlow profiler does.

use super::{Network, Op};
use serde::Serialize;

/// Counts of a network, for one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Numbers that training changes.
    pub parameters: usize,
    /// Floating-point operations: two per weight and position, one per bias and output; activations count nothing.
    pub operations: u64,
    /// The same layer by layer.
    pub layers: Vec<LayerCost>,
}

/// Counts of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerCost {
    /// Its name.
    pub layer: String,
    /// Shape of its output.
    pub shape: Vec<usize>,
    /// Numbers that training changes; those shared with an earlier layer are counted there.
    pub parameters: usize,
    /// Floating-point operations.
    pub operations: u64,
}

pub(super) fn cost(network: &Network) -> Cost {
    let mut counted = std::collections::BTreeSet::new();
    let mut own = |tensors: &[usize]| -> usize {
        tensors.iter().filter(|&&tensor| counted.insert(tensor)).map(|&tensor| network.range(tensor).len()).sum()
    };
    let layers: Vec<LayerCost> = network
        .nodes
        .iter()
        .map(|node| {
            let (parameters, operations) = match &node.op {
                Op::Linear(linear) => {
                    let [inputs, outputs] = linear.channels;
                    // a transposed convolution counts like the convolution whose adjoint it is: a kernel per input
                    let positions = if linear.adjoint { linear.links.by_input.len() } else { linear.links.outputs };
                    let products = 2 * positions * linear.links.taps * inputs * outputs;
                    (own(&[linear.kernel, linear.bias]), (products + node.output.len) as u64)
                }
                Op::BatchNorm(norm) => (own(&[norm.gamma, norm.beta]), 2 * node.output.len as u64),
                Op::Prelu(alpha) => (own(&[*alpha]), 0),
                _ => (0, 0),
            };
            LayerCost { layer: node.name.clone(), shape: node.shape.clone(), parameters, operations }
        })
        .collect();
    Cost {
        parameters: layers.iter().map(|layer| layer.parameters).sum(),
        operations: layers.iter().map(|layer| layer.operations).sum(),
        layers,
    }
}
