//! The local density of every point: a weighted sum over the neighbours within a radius.
//!
//! A leaf of points walks the tree together. A box out of reach is skipped; a box wholly within
//! reach of the whole leaf is taken at once where the kernel is flat; what is left is tested point
//! by point. Sums run in 64 bits in an order that the tree fixes, and are rounded to 32 bits once:
//! the same with any number of threads, and exact, hence independent of any order, as long as the
//! weights of one neighbourhood fit 53 bits together.

use rayon::prelude::*;

use super::kernel::Kernel;
use super::metric::Reduced;
use super::tree::{LEAF, Lanes, Node, Tree};

/// Density of every point, by place in the tree. `weights` are by place, too.
pub(super) fn densities<const D: usize, M: Reduced>(
    tree: &Tree<'_, D>,
    metric: &M,
    kernel: &Kernel,
    weights: &[f32],
    radius: f32,
) -> Vec<f32> {
    let reach = metric.reach(radius);
    let own = weights.first().copied().unwrap_or(1.0);
    match *kernel {
        Kernel::Flat { value } if weights.iter().all(|&weight| weight == own) => {
            collect(tree, metric, reach, &Count { weight: own, value })
        }
        Kernel::Flat { value } => collect(tree, metric, reach, &Flat::new(tree, weights, value)),
        _ => collect(tree, metric, reach, &Radial { weights, kernel }),
    }
}

/// What is summed over neighbours.
trait Sum<M: Reduced>: Sync {
    /// a running sum
    type Term: Copy + Default + Send;
    /// Whether `whole` may be used.
    const WHOLE: bool;
    /// The sum over all points of a node.
    fn whole<const D: usize>(&self, tree: &Tree<'_, D>, node: Node) -> Self::Term;
    /// Adds a node's sum to a running one.
    fn add(sum: &mut Self::Term, term: Self::Term);
    /// Adds the point in `place` to the sums of the leaf's points at these reduced distances;
    /// `own` is that point's lane, if it lies in the same leaf.
    fn near(
        &self,
        metric: &M,
        sums: &mut Lanes<Self::Term>,
        reduced: &Lanes<f32>,
        reach: f32,
        place: usize,
        own: Option<usize>,
    );
    /// The density of the point in `place`.
    fn density(&self, sum: Self::Term, place: usize) -> f32;
}

fn collect<const D: usize, M: Reduced, S: Sum<M>>(tree: &Tree<'_, D>, metric: &M, reach: f32, sum: &S) -> Vec<f32> {
    let mut densities = vec![0.0; tree.rows.len()];
    densities.par_chunks_mut(LEAF).enumerate().for_each(|(leaf, out)| {
        let mut walk = Walk { tree, metric, sum, reach, leaf, node: tree.leaf(leaf), sums: [S::Term::default(); LEAF] };
        walk.visit(tree.root());
        for (lane, density) in out.iter_mut().enumerate() {
            *density = sum.density(walk.sums[lane], leaf * LEAF + lane);
        }
    });
    densities
}

struct Walk<'a, 't, const D: usize, M: Reduced, S: Sum<M>> {
    tree: &'a Tree<'t, D>,
    metric: &'a M,
    sum: &'a S,
    reach: f32,
    leaf: usize,
    node: Node,
    sums: Lanes<S::Term>,
}

impl<const D: usize, M: Reduced, S: Sum<M>> Walk<'_, '_, D, M, S> {
    fn visit(&mut self, node: Node) {
        let bounds = self.tree.bounds(self.node);
        let (least, largest) = self.tree.distances(self.metric, bounds, self.tree.bounds(node));
        if least > self.reach {
            return;
        }
        if S::WHOLE && largest <= self.reach {
            let term = self.sum.whole(self.tree, node);
            self.sums.iter_mut().for_each(|sum| S::add(sum, term));
        } else if node.is_leaf() {
            self.pairs(node.first);
        } else {
            let (left, right) = node.children();
            self.visit(left);
            self.visit(right);
        }
    }

    fn pairs(&mut self, other: usize) {
        let (mine, theirs) = (self.tree.block(self.leaf), self.tree.block(other));
        for (lane, place) in self.tree.places(other).enumerate() {
            let reduced = self.tree.row(self.metric, mine, |axis| theirs[axis][lane]);
            let own = (other == self.leaf).then_some(lane);
            self.sum.near(self.metric, &mut self.sums, &reduced, self.reach, place, own);
        }
    }
}

/// Flat kernel, all weights alike: neighbours are counted.
struct Count {
    weight: f32,
    value: f32,
}

impl<M: Reduced> Sum<M> for Count {
    type Term = u32;
    const WHOLE: bool = true;

    fn whole<const D: usize>(&self, tree: &Tree<'_, D>, node: Node) -> u32 {
        tree.population(node) as u32
    }

    #[inline(always)]
    fn add(sum: &mut u32, term: u32) {
        *sum += term;
    }

    #[inline(always)]
    fn near(&self, _: &M, sums: &mut Lanes<u32>, reduced: &Lanes<f32>, reach: f32, _: usize, _: Option<usize>) {
        for (sum, &reduced) in sums.iter_mut().zip(reduced) {
            *sum += u32::from(reduced <= reach);
        }
    }

    fn density(&self, sum: u32, _: usize) -> f32 {
        let (weight, value) = (f64::from(self.weight), f64::from(self.value));
        (weight + value * weight * f64::from(sum - 1)) as f32
    }
}

/// Flat kernel, any weights.
struct Flat<'a> {
    weights: &'a [f32],
    nodes: Vec<f64>,
    value: f32,
}

impl<'a> Flat<'a> {
    fn new<const D: usize>(tree: &Tree<'_, D>, weights: &'a [f32], value: f32) -> Self {
        let mut flat = Flat { weights, nodes: vec![0.0; 2 * tree.leaves() - 1], value };
        flat.fill(tree, tree.root());
        flat
    }

    fn fill<const D: usize>(&mut self, tree: &Tree<'_, D>, node: Node) -> f64 {
        let sum = if node.is_leaf() {
            tree.places(node.first).map(|place| f64::from(self.weights[place])).sum()
        } else {
            let (left, right) = node.children();
            self.fill(tree, left) + self.fill(tree, right)
        };
        self.nodes[node.id] = sum;
        sum
    }
}

impl<M: Reduced> Sum<M> for Flat<'_> {
    type Term = f64;
    const WHOLE: bool = true;

    fn whole<const D: usize>(&self, _: &Tree<'_, D>, node: Node) -> f64 {
        self.nodes[node.id]
    }

    #[inline(always)]
    fn add(sum: &mut f64, term: f64) {
        *sum += term;
    }

    #[inline(always)]
    fn near(&self, _: &M, sums: &mut Lanes<f64>, reduced: &Lanes<f32>, reach: f32, place: usize, _: Option<usize>) {
        let weight = f64::from(self.weights[place]);
        for (sum, &reduced) in sums.iter_mut().zip(reduced) {
            *sum += if reduced <= reach { weight } else { 0.0 };
        }
    }

    fn density(&self, sum: f64, place: usize) -> f32 {
        let weight = f64::from(self.weights[place]);
        (weight + f64::from(self.value) * (sum - weight)) as f32
    }
}

/// A kernel that depends on the distance.
struct Radial<'a> {
    weights: &'a [f32],
    kernel: &'a Kernel,
}

impl<M: Reduced> Sum<M> for Radial<'_> {
    type Term = f64;
    const WHOLE: bool = false;

    fn whole<const D: usize>(&self, _: &Tree<'_, D>, _: Node) -> f64 {
        0.0
    }

    fn add(sum: &mut f64, term: f64) {
        *sum += term;
    }

    #[inline(always)]
    fn near(
        &self,
        metric: &M,
        sums: &mut Lanes<f64>,
        reduced: &Lanes<f32>,
        reach: f32,
        place: usize,
        own: Option<usize>,
    ) {
        let weight = f64::from(self.weights[place]);
        for (lane, (sum, &reduced)) in sums.iter_mut().zip(reduced).enumerate() {
            if reduced <= reach && Some(lane) != own {
                *sum += weight * self.kernel.value(metric.length(reduced));
            }
        }
    }

    fn density(&self, sum: f64, place: usize) -> f32 {
        (f64::from(self.weights[place]) + sum) as f32
    }
}
