//! Points in blocks: a balanced k-d tree whose leaves are fixed-size blocks of coordinates.
//!
//! Splitting at whole blocks makes every leaf but the last full, so the leaves lie one behind the
//! other and the shape of the tree follows from the number of points alone: no links are stored,
//! equal coordinates or an enormous range cost nothing extra, and the size is linear in the points
//! for any dimension. Dense regions get small boxes, which a fixed grid cannot give.

use super::metric::Reduced;

/// Points in one leaf.
pub(super) const LEAF: usize = 16;

/// One number per point of a leaf.
pub(super) type Lanes<T> = [T; LEAF];

/// Below this many points a subtree is built by one thread.
const SERIAL: usize = 16_384;

/// A point on its way into a block; coordinates travel along when the dimension is known.
#[derive(Clone, Copy)]
struct Item<const D: usize> {
    at: [f32; D],
    index: u32,
}

/// A node: its place in the stored (depth first) order, and the leaves below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub id: usize,
    pub first: usize,
    pub end: usize,
}

impl Node {
    pub fn is_leaf(self) -> bool {
        self.end - self.first == 1
    }

    /// The two halves; only asked of nodes with two or more leaves.
    pub fn children(self) -> (Node, Node) {
        let mid = self.first.midpoint(self.end);
        let left = Node { id: self.id + 1, first: self.first, end: mid };
        let right = Node { id: self.id + 2 * (mid - self.first), first: mid, end: self.end };
        (left, right)
    }
}

/// The tree; `D` is the dimension, or 0 when it is known only at run time.
pub(super) struct Tree<'a, const D: usize> {
    columns: &'a [Vec<f32>],
    /// per leaf and axis a block of coordinates, NaN behind the last point
    blocks: Vec<Lanes<f32>>,
    /// per node and axis the least and largest coordinate
    bounds: Vec<[f32; 2]>,
    /// row of the point in each place
    pub rows: Vec<u32>,
}

impl<'a, const D: usize> Tree<'a, D> {
    /// Arranges the points of `columns` (equal lengths, at least one point, finite values).
    pub fn new(columns: &'a [Vec<f32>], metric: &impl Reduced) -> Self {
        let count = columns.first().map_or(0, Vec::len);
        let mut items: Vec<Item<D>> = (0..count)
            .map(|row| Item { at: std::array::from_fn(|axis| columns[axis][row]), index: row as u32 })
            .collect();
        let leaves = count.div_ceil(LEAF);
        let axes = columns.len();
        let mut tree = Tree {
            columns,
            blocks: vec![[f32::NAN; LEAF]; leaves * axes],
            bounds: vec![[0.0; 2]; (2 * leaves - 1) * axes],
            rows: Vec::new(),
        };
        let mut bounds = std::mem::take(&mut tree.bounds);
        tree.split(&mut items, leaves, &mut bounds, metric);
        tree.bounds = bounds;
        for (leaf, chunk) in items.chunks(LEAF).enumerate() {
            for axis in 0..axes {
                for (lane, item) in chunk.iter().enumerate() {
                    tree.blocks[leaf * axes + axis][lane] = coordinate(columns, item, axis);
                }
            }
        }
        tree.rows = items.iter().map(|item| item.index).collect();
        tree
    }

    /// Sorts `items` into `leaves` blocks and writes the boxes of this node and those below it.
    fn split(&self, items: &mut [Item<D>], leaves: usize, bounds: &mut [[f32; 2]], metric: &impl Reduced) {
        let axes = self.axes();
        let (own, below) = bounds.split_at_mut(axes);
        self.enclose(items, own);
        if leaves < 2 {
            return;
        }
        let extent = |axis: usize| (own[axis][1] - own[axis][0]) * metric.scale(axis);
        let axis = (1..axes).fold(0, |best, axis| if extent(axis) > extent(best) { axis } else { best });
        let left = leaves / 2;
        // the row decides between equal coordinates, so that the order does not depend on the sort
        items.select_nth_unstable_by_key(left * LEAF, |item| {
            u64::from(ascending(coordinate(self.columns, item, axis))) << 32 | u64::from(item.index)
        });
        let parallel = items.len() > SERIAL;
        let (low, high) = items.split_at_mut(left * LEAF);
        let (low_bounds, high_bounds) = below.split_at_mut((2 * left - 1) * axes);
        if parallel {
            rayon::join(
                || self.split(low, left, low_bounds, metric),
                || self.split(high, leaves - left, high_bounds, metric),
            );
        } else {
            self.split(low, left, low_bounds, metric);
            self.split(high, leaves - left, high_bounds, metric);
        }
    }

    /// Writes the box of some points.
    fn enclose(&self, items: &[Item<D>], bounds: &mut [[f32; 2]]) {
        let nothing = [f32::INFINITY, f32::NEG_INFINITY];
        let grow = |[low, high]: [f32; 2], x: f32| [if x < low { x } else { low }, larger(x, high)];
        if D == 0 {
            for (column, bound) in self.columns.iter().zip(bounds) {
                *bound = items.iter().fold(nothing, |bound, item| grow(bound, column[item.index as usize]));
            }
            return;
        }
        // two boxes at a time, because each step waits for the one before
        let mut boxes = [[nothing; D]; 2];
        for pair in items.chunks(2) {
            for (tight, item) in boxes.iter_mut().zip(pair) {
                for (bound, &x) in tight.iter_mut().zip(&item.at) {
                    *bound = grow(*bound, x);
                }
            }
        }
        for ((bound, a), b) in bounds.iter_mut().zip(boxes[0]).zip(boxes[1]) {
            *bound = [a[0].min(b[0]), larger(a[1], b[1])];
        }
    }

    /// Number of axes, known to the compiler unless `D` is 0.
    #[inline(always)]
    pub fn axes(&self) -> usize {
        if D == 0 { self.columns.len() } else { D }
    }

    pub fn leaves(&self) -> usize {
        self.rows.len().div_ceil(LEAF)
    }

    pub fn root(&self) -> Node {
        Node { id: 0, first: 0, end: self.leaves() }
    }

    /// The node of a leaf.
    pub fn leaf(&self, leaf: usize) -> Node {
        let mut node = self.root();
        while !node.is_leaf() {
            let (left, right) = node.children();
            node = if leaf < left.end { left } else { right };
        }
        node
    }

    /// Places of the points of a leaf.
    pub fn places(&self, leaf: usize) -> std::ops::Range<usize> {
        leaf * LEAF..((leaf + 1) * LEAF).min(self.rows.len())
    }

    /// How many points lie below a node.
    pub fn population(&self, node: Node) -> usize {
        (node.end * LEAF).min(self.rows.len()) - node.first * LEAF
    }

    /// The coordinates of a leaf, one block per axis.
    #[inline(always)]
    pub fn block(&self, leaf: usize) -> &[Lanes<f32>] {
        let axes = self.axes();
        &self.blocks[leaf * axes..][..axes]
    }

    /// The box of a node: per axis the least and largest coordinate.
    #[inline(always)]
    pub fn bounds(&self, node: Node) -> &[[f32; 2]] {
        let axes = self.axes();
        &self.bounds[node.id * axes..][..axes]
    }

    /// Least and largest reduced distance between two boxes.
    #[inline(always)]
    pub fn distances(&self, metric: &impl Reduced, a: &[[f32; 2]], b: &[[f32; 2]]) -> (f32, f32) {
        let (mut least, mut largest) = (0.0, 0.0);
        for axis in 0..self.axes() {
            let ([a_low, a_high], [b_low, b_high]) = (a[axis], b[axis]);
            let gap = larger(larger(b_low - a_high, a_low - b_high), 0.0);
            let span = larger(b_high - a_low, a_high - b_low);
            let (near, far) = metric.range(axis, gap, span);
            least = metric.fold(axis, least, near);
            largest = metric.fold(axis, largest, far);
        }
        (least, largest)
    }

    /// Least reduced distance between every point of a leaf and a box.
    #[inline(always)]
    pub fn gaps(&self, metric: &impl Reduced, block: &[Lanes<f32>], bounds: &[[f32; 2]]) -> Lanes<f32> {
        let mut reduced = [0.0; LEAF];
        for (axis, (lanes, &[low, high])) in block.iter().zip(bounds).enumerate().take(self.axes()) {
            for (sum, &x) in reduced.iter_mut().zip(lanes) {
                let gap = larger(larger(low - x, x - high), 0.0);
                let span = larger(high - x, x - low);
                *sum = metric.fold(axis, *sum, metric.range(axis, gap, span).0);
            }
        }
        reduced
    }

    /// Reduced distances from one point to every point of a leaf.
    #[inline(always)]
    pub fn row(&self, metric: &impl Reduced, block: &[Lanes<f32>], point: impl Fn(usize) -> f32) -> Lanes<f32> {
        let mut reduced = [0.0; LEAF];
        for (axis, lanes) in block.iter().enumerate().take(self.axes()) {
            let at = point(axis);
            for (sum, &x) in reduced.iter_mut().zip(lanes) {
                *sum = metric.fold(axis, *sum, metric.along(axis, x - at));
            }
        }
        reduced
    }
}

/// A float as an integer of the same order.
#[inline(always)]
pub(super) fn ascending(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The larger of two numbers in one machine instruction; the second if one is NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn coordinate<const D: usize>(columns: &[Vec<f32>], item: &Item<D>, axis: usize) -> f32 {
    if D == 0 { columns[axis][item.index as usize] } else { item.at[axis] }
}
