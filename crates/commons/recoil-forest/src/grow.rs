//! Growing one tree: which node is split next, when it stays a leaf, and how nodes are numbered.

mod criterion;
mod exact;
mod histogram;
mod sort;

pub(crate) use exact::Exact;
pub(crate) use histogram::{CLASS_LIMIT, FEATURE_LIMIT, grow_histogram};

use crate::parameters::Limits;
use crate::tree::{LEAF, Tree};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Impurities below this are rounding errors of zero.
const EPSILON: f64 = f64::EPSILON;

/// What is known of a node before it is split.
pub(crate) struct Measured {
    pub(crate) weight: f64,
    pub(crate) impurity: f64,
}

/// A split that was found; the rows of the node are in the order left, right.
pub(crate) struct Split {
    pub(crate) feature: u16,
    pub(crate) threshold: f32,
    /// first row of the right child
    pub(crate) middle: usize,
    /// decrease of the impurity as a share of the whole tree's weight
    pub(crate) improvement: f64,
    /// impurities of the children, where the splitter defines them
    pub(crate) impurities: Option<(f64, f64)>,
}

/// A way to search splits. Rows are kept in an order in which every node is a range.
pub(crate) trait Splitter {
    /// What a node hands down to its children.
    type Carry;

    /// All rows that the tree sees.
    fn root(&mut self) -> (Range<usize>, Self::Carry);

    /// Weight and impurity of a node; appends its value.
    fn measure(&mut self, span: &Range<usize>, value: &mut Vec<f64>) -> Measured;

    /// The best split, if there is one, and puts the rows in its order.
    fn search(&mut self, span: &Range<usize>, measured: &Measured, carry: &mut Self::Carry) -> Option<Split>;

    /// What the children of a split get.
    fn hand_down(&mut self, span: &Range<usize>, middle: usize, carry: Self::Carry) -> (Self::Carry, Self::Carry);

    /// Takes back what a leaf was given.
    fn give_back(&mut self, _carry: Self::Carry) {}

    /// What a search starts with in a node of a tree that grows best first.
    fn fresh(&mut self, carry: Self::Carry) -> Self::Carry;
}

/// A node that has rows and no place in the tree yet.
struct Pending<C> {
    span: Range<usize>,
    depth: usize,
    parent: Option<(usize, bool)>,
    impurity: Option<f64>,
    carry: C,
}

/// Grows a tree.
pub(crate) fn grow<S: Splitter>(splitter: &mut S, limits: &Limits) -> Tree {
    let mut grower = Grower { tree: Tree::default(), splitter, limits };
    match limits.max_leaf_nodes {
        None => grower.depth_first(),
        Some(leaves) => grower.best_first(leaves),
    }
    grower.tree
}

struct Grower<'a, S: Splitter> {
    tree: Tree,
    splitter: &'a mut S,
    limits: &'a Limits,
}

impl<S: Splitter> Grower<'_, S> {
    /// Left before right, and children before siblings: a left child always follows its parent.
    fn depth_first(&mut self) {
        let (span, carry) = self.splitter.root();
        let mut waiting = vec![Pending { span, depth: 0, parent: None, impurity: None, carry }];
        while let Some(pending) = waiting.pop() {
            let (depth, span) = (pending.depth, pending.span.clone());
            let (node, found) = self.place(pending);
            let Some((split, carry)) = found else { continue };
            let [left, right] = self.children(node, depth, span, &split, carry);
            waiting.push(right);
            waiting.push(left);
        }
    }

    /// Always the node next whose split decreases the impurity most, until there are enough leaves.
    fn best_first(&mut self, leaves: usize) {
        let (span, carry) = self.splitter.root();
        let mut frontier = BinaryHeap::new();
        let root = Pending { span, depth: 0, parent: None, impurity: None, carry };
        self.explore(root, &mut frontier);
        let mut splits = leaves - 1;
        while let Some(candidate) = frontier.pop() {
            let Candidate { node, depth, span, split, carry, .. } = candidate;
            if splits == 0 {
                self.tree.feature[node] = LEAF;
                self.tree.threshold[node] = 0.0;
                continue;
            }
            splits -= 1;
            for mut child in self.children(node, depth, span, &split, carry) {
                child.carry = self.splitter.fresh(child.carry);
                self.explore(child, &mut frontier);
            }
        }
    }

    /// Places a node and remembers it if it can be split.
    fn explore(&mut self, pending: Pending<S::Carry>, frontier: &mut BinaryHeap<Candidate<S::Carry>>) {
        let (depth, span) = (pending.depth, pending.span.clone());
        let (node, found) = self.place(pending);
        if let Some((split, carry)) = found {
            frontier.push(Candidate { node, depth, span, split, carry });
        }
    }

    fn children(
        &mut self,
        parent: usize,
        depth: usize,
        span: Range<usize>,
        split: &Split,
        carry: S::Carry,
    ) -> [Pending<S::Carry>; 2] {
        let (left, right) = self.splitter.hand_down(&span, split.middle, carry);
        let child = |span, is_left, impurity, carry| Pending {
            span,
            depth: depth + 1,
            parent: Some((parent, is_left)),
            impurity,
            carry,
        };
        [
            child(span.start..split.middle, true, split.impurities.map(|pair| pair.0), left),
            child(split.middle..span.end, false, split.impurities.map(|pair| pair.1), right),
        ]
    }

    /// Adds a node to the tree; returns its number, and its split if it shall have one.
    fn place(&mut self, pending: Pending<S::Carry>) -> (usize, Option<(Split, S::Carry)>) {
        let Pending { span, depth, parent, impurity, mut carry } = pending;
        let limits = self.limits;
        let mut measured = self.splitter.measure(&span, &mut self.tree.value);
        if let Some(impurity) = impurity {
            measured.impurity = impurity;
        }
        let rows = span.len();
        let is_leaf = depth >= limits.max_depth
            || rows < limits.min_samples_split
            || rows < limits.min_samples_leaf.saturating_mul(2)
            || measured.weight < 2.0 * limits.min_weight_leaf
            || measured.impurity <= EPSILON;
        let split = if is_leaf { None } else { self.splitter.search(&span, &measured, &mut carry) };
        let split = split.filter(|split| split.improvement + EPSILON >= limits.min_impurity_decrease);

        let tree = &mut self.tree;
        let node = tree.len();
        tree.feature.push(split.as_ref().map_or(LEAF, |split| split.feature));
        tree.threshold.push(split.as_ref().map_or(0.0, |split| split.threshold));
        tree.left.push(0);
        tree.right.push(0);
        tree.impurity.push(measured.impurity);
        tree.weight.push(measured.weight);
        tree.count.push(rows as u32);
        if let Some((parent, is_left)) = parent {
            let side = if is_left { &mut tree.left } else { &mut tree.right };
            side[parent] = node as u32;
        }
        match split {
            Some(split) => (node, Some((split, carry))),
            None => {
                self.splitter.give_back(carry);
                (node, None)
            }
        }
    }
}

/// A node with a split that is not carried out yet.
struct Candidate<C> {
    node: usize,
    depth: usize,
    span: Range<usize>,
    split: Split,
    carry: C,
}

impl<C> Ord for Candidate<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.split.improvement.total_cmp(&other.split.improvement).then(other.node.cmp(&self.node))
    }
}

impl<C> PartialOrd for Candidate<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> PartialEq for Candidate<C> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<C> Eq for Candidate<C> {}
