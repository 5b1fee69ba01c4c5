//! Trees arranged for the descent: nodes of four or eight bytes, breadth first, so that the nodes near the root, which all
//! rows visit, lie together. The children of a node lie side by side; a leaf is its own left child, so that rows that have
//! arrived stay while others go on.

use super::Traveller;
use crate::tree::{LEAF, Tree};

/// Rows that descend side by side: while one waits for its node the others move.
pub(super) const LANES: usize = 16;
/// Steps between two looks at whether all have arrived.
const STRIDE: usize = 2;

/// A node as the descent needs it.
pub(super) trait Node: Copy + Send + Sync {
    /// Value of a feature.
    type Value: Copy + Default + Send + Sync;
    /// Features that a node can name.
    const FEATURES: usize;
    /// Nodes that a node can name.
    const NODES: usize;

    fn branch(feature: u16, threshold: Self::Value, left: usize) -> Self;

    fn leaf(own: usize) -> Self;

    /// Where a row goes from here.
    fn next<const S: usize>(self, row: &[Self::Value; S]) -> u32;

    fn holds(features: usize, nodes: usize) -> bool {
        features <= Self::FEATURES && nodes <= Self::NODES
    }
}

/// A node in four bytes. Features are coded: a row goes right where its code is above the threshold's.
#[derive(Clone, Copy)]
pub(super) struct Coded(u32);

/// Bits of a [`Coded`] node: threshold, feature, left child.
const CODE_BITS: u32 = 8;
const CODED_FEATURE_BITS: u32 = 4;

impl Node for Coded {
    type Value = u8;
    const FEATURES: usize = 1 << CODED_FEATURE_BITS;
    const NODES: usize = 1 << (u32::BITS - CODE_BITS - CODED_FEATURE_BITS);

    fn branch(feature: u16, threshold: u8, left: usize) -> Self {
        Self((((left as u32) << CODED_FEATURE_BITS | u32::from(feature)) << CODE_BITS) | u32::from(threshold))
    }

    fn leaf(own: usize) -> Self {
        Self::branch(0, u8::MAX, own)
    }

    #[inline]
    fn next<const S: usize>(self, row: &[u8; S]) -> u32 {
        let code = row[(self.0 >> CODE_BITS) as usize & (S - 1)];
        (self.0 >> (CODE_BITS + CODED_FEATURE_BITS)) + u32::from(code > self.0 as u8)
    }
}

/// A node in eight bytes.
#[derive(Clone, Copy)]
pub(super) struct Wide {
    threshold: f32,
    /// left child and feature
    link: u32,
}

/// Bits of a [`Wide`] node's link that name the feature.
const FEATURE_BITS: u32 = 8;

impl Node for Wide {
    type Value = f32;
    const FEATURES: usize = 1 << FEATURE_BITS;
    const NODES: usize = 1 << (u32::BITS - FEATURE_BITS);

    fn branch(feature: u16, threshold: f32, left: usize) -> Self {
        Self { threshold, link: (left as u32) << FEATURE_BITS | u32::from(feature) }
    }

    fn leaf(own: usize) -> Self {
        Self::branch(0, f32::INFINITY, own)
    }

    #[inline]
    fn next<const S: usize>(self, row: &[f32; S]) -> u32 {
        let value = row[self.link as usize & (S - 1)];
        (self.link >> FEATURE_BITS) + u32::from(value > self.threshold)
    }
}

/// Rows that descend side by side.
pub(super) type Lanes<N, const S: usize> = [[<N as Node>::Value; S]; LANES];

/// Rows side by side; lanes without a row hold zeros.
pub(super) fn lanes<N: Node, const S: usize>(rows: &[Traveller<N::Value, S>]) -> Lanes<N, S> {
    let mut lanes = [[N::Value::default(); S]; LANES];
    for (lane, row) in lanes.iter_mut().zip(rows) {
        *lane = row.values;
    }
    lanes
}

/// A tree.
pub(super) struct Arranged<N> {
    nodes: Vec<N>,
    /// What the nodes answer.
    pub(super) values: Vec<f64>,
    /// Places of the nodes in the tree that this was made of.
    origins: Vec<u32>,
    /// Splits above the leaf that is nearest to the root.
    least_depth: usize,
}

impl<N: Node> Arranged<N> {
    /// Arranges a tree of which a node answers `width` numbers; `value` codes the threshold of a feature.
    pub(super) fn new(tree: &Tree, width: usize, value: impl Fn(u16, f32) -> N::Value) -> Self {
        let mut order = vec![(0_u32, 0_usize)];
        let mut nodes = Vec::with_capacity(tree.len());
        let mut values = Vec::with_capacity(tree.value.len());
        let mut least_depth = usize::MAX;
        while let Some(&(origin, depth)) = order.get(nodes.len()) {
            let node = origin as usize;
            let feature = tree.feature[node];
            if feature == LEAF {
                least_depth = least_depth.min(depth);
                nodes.push(N::leaf(nodes.len()));
            } else {
                nodes.push(N::branch(feature, value(feature, tree.threshold[node]), order.len()));
                order.extend([(tree.left[node], depth + 1), (tree.right[node], depth + 1)]);
            }
            values.extend_from_slice(&tree.value[node * width..][..width]);
        }
        let origins = order.into_iter().map(|(origin, _)| origin).collect();
        Self { nodes, values, origins, least_depth }
    }

    /// Place of a node in the tree that this was made of; leaves with near places are near in the tree.
    pub(super) fn place(&self, node: u32) -> u32 {
        self.origins[node as usize]
    }

    /// The nodes in which some rows end.
    #[inline]
    pub(super) fn ends<const S: usize>(&self, rows: &Lanes<N, S>) -> [u32; LANES] {
        let nodes = self.nodes.as_slice();
        let mut at = [0_u32; LANES];
        for _ in 0..self.least_depth {
            step(nodes, rows, &mut at);
        }
        loop {
            for _ in 1..STRIDE {
                step(nodes, rows, &mut at);
            }
            if !step(nodes, rows, &mut at) {
                return at;
            }
        }
    }
}

/// Moves all rows on; tells whether any moved.
#[inline(always)]
fn step<N: Node, const S: usize>(nodes: &[N], rows: &Lanes<N, S>, at: &mut [u32; LANES]) -> bool {
    let mut moved = 0;
    for (at, row) in at.iter_mut().zip(rows) {
        let next = nodes[*at as usize].next(row);
        moved |= next ^ *at;
        *at = next;
    }
    moved != 0
}

/// Adds a node's values to an answer.
#[inline]
pub(super) fn add(answer: &mut [f64], values: &[f64], node: usize) {
    if let [answer] = answer {
        *answer += values[node];
        return;
    }
    let own = &values[node * answer.len()..];
    for (sum, value) in answer.iter_mut().zip(own) {
        *sum += value;
    }
}
