//! The nearest point of higher density.
//!
//! Points are ranked once by density, so that "higher" is one integer comparison. Every node knows
//! the highest rank below it: a search skips what is too low as well as what is too far, which lets
//! the searches of density peaks, the only ones that look far, end after a few boxes.

use rayon::prelude::*;

use super::metric::Reduced;
use super::tree::{LEAF, Lanes, Node, Tree, ascending};

/// Ranks of points by density.
pub(super) struct Ranking {
    /// rows, least dense first
    pub order: Vec<u32>,
    /// by row: the rank
    pub rank: Vec<i32>,
    /// by row: a rank above this one means a higher point
    pub bar: Vec<i32>,
}

impl Ranking {
    /// Ranks by density, equal densities by `ties` (a permutation of the rows: place of each row),
    /// by row where it is absent. Among equals of density zero or less none is higher.
    pub fn new(density: &[f32], ties: Option<&[u32]>) -> Self {
        let mut keys: Vec<u64> = density
            .par_iter()
            .enumerate()
            .map(|(row, &density)| {
                let tie = ties.map_or(row as u32, |ties| ties[row]);
                (u64::from(ascending(density)) << 32) | u64::from(tie)
            })
            .collect();
        keys.par_sort_unstable();
        let mut row_of_tie = Vec::new();
        if let Some(ties) = ties {
            row_of_tie.resize(ties.len(), 0);
            ties.iter().enumerate().for_each(|(row, &tie)| row_of_tie[tie as usize] = row as u32);
        }
        let order: Vec<u32> =
            keys.iter().map(|&key| if ties.is_some() { row_of_tie[key as u32 as usize] } else { key as u32 }).collect();
        let mut rank = vec![0; density.len()];
        let mut bar = vec![0; density.len()];
        let mut equal_from = order.len();
        for (position, &row) in order.iter().enumerate().rev() {
            let own = density[row as usize];
            if order.get(position + 1).is_none_or(|&next| density[next as usize] != own) {
                equal_from = position;
            }
            rank[row as usize] = position as i32;
            bar[row as usize] = if own > 0.0 { position } else { equal_from } as i32;
        }
        Ranking { order, rank, bar }
    }
}

/// For every row the nearest higher row within that row's reach (a reduced distance), or -1. Among
/// equally distant ones the highest ranked.
pub(super) fn nearest_higher<const D: usize, M: Reduced>(
    tree: &Tree<'_, D>,
    metric: &M,
    ranking: &Ranking,
    reach: impl Fn(usize) -> f32 + Sync,
) -> Vec<i32> {
    let search = Search::new(tree, metric, ranking);
    let mut found = vec![-1_i32; tree.rows.len()];
    found.par_chunks_mut(LEAF).enumerate().for_each(|(leaf, out)| {
        let mut best = search.start(leaf, &reach);
        let own = tree.leaf(leaf);
        search.scan(&mut best, own, own);
        search.visit(&mut best, own, tree.root());
        out.copy_from_slice(&best.rank[..out.len()]);
    });
    let mut by_row = vec![-1; found.len()];
    for (place, rank) in found.into_iter().enumerate() {
        if rank >= 0 {
            by_row[tree.rows[place] as usize] = ranking.order[rank as usize] as i32;
        }
    }
    by_row
}

struct Search<'a, 't, const D: usize, M: Reduced> {
    tree: &'a Tree<'t, D>,
    metric: &'a M,
    ranking: &'a Ranking,
    /// per leaf the ranks of its points, -1 behind the last
    ranks: Vec<Lanes<i32>>,
    /// per node the highest rank
    top: Vec<i32>,
}

/// The best found so far for the points of one leaf.
struct Best {
    /// a candidate must rank above this
    bar: Lanes<i32>,
    /// largest reduced distance that can still win
    reach: Lanes<f32>,
    /// distance and rank of the best, rank -1 for none
    distance: Lanes<f32>,
    rank: Lanes<i32>,
}

impl<'a, 't, const D: usize, M: Reduced> Search<'a, 't, D, M> {
    fn new(tree: &'a Tree<'t, D>, metric: &'a M, ranking: &'a Ranking) -> Self {
        let mut ranks = vec![[-1; LEAF]; tree.leaves()];
        for (block, rows) in ranks.iter_mut().zip(tree.rows.chunks(LEAF)) {
            for (rank, &row) in block.iter_mut().zip(rows) {
                *rank = ranking.rank[row as usize];
            }
        }
        let mut search = Search { tree, metric, ranking, ranks, top: vec![-1; 2 * tree.leaves() - 1] };
        search.fill(tree.root());
        search
    }

    fn fill(&mut self, node: Node) -> i32 {
        let top = if node.is_leaf() {
            self.ranks[node.first].iter().copied().fold(-1, i32::max)
        } else {
            let (left, right) = node.children();
            self.fill(left).max(self.fill(right))
        };
        self.top[node.id] = top;
        top
    }

    fn start(&self, leaf: usize, reach: &impl Fn(usize) -> f32) -> Best {
        let mut best = Best {
            bar: [i32::MAX; LEAF],
            reach: [f32::NEG_INFINITY; LEAF],
            distance: [f32::INFINITY; LEAF],
            rank: [-1; LEAF],
        };
        for (lane, place) in self.tree.places(leaf).enumerate() {
            let row = self.tree.rows[place] as usize;
            best.bar[lane] = self.ranking.bar[row];
            best.reach[lane] = reach(row);
        }
        best
    }

    fn visit(&self, best: &mut Best, own: Node, node: Node) {
        let top = self.top[node.id];
        let bounds = self.tree.bounds(node);
        let (least, _) = self.tree.distances(self.metric, self.tree.bounds(own), bounds);
        let mut open = false;
        for lane in 0..LEAF {
            open |= best.reach[lane] >= least && best.bar[lane] < top;
        }
        if !open || node == own {
            return;
        }
        if node.is_leaf() {
            return self.scan(best, own, node);
        }
        let (left, right) = node.children();
        if own.first < left.end {
            self.visit(best, own, left);
            self.visit(best, own, right);
        } else {
            self.visit(best, own, right);
            self.visit(best, own, left);
        }
    }

    /// Looks through the points of one leaf for the points of another.
    fn scan(&self, best: &mut Best, own: Node, other: Node) {
        let mine = self.tree.block(own.first);
        let theirs = self.tree.block(other.first);
        let ranks = &self.ranks[other.first];
        let top = self.top[other.id];
        let least = self.tree.gaps(self.metric, mine, self.tree.bounds(other));
        for lane in 0..LEAF {
            let (bar, reach) = (best.bar[lane], best.reach[lane]);
            if bar >= top || least[lane] > reach {
                continue;
            }
            let reduced = self.tree.row(self.metric, theirs, |axis| mine[axis][lane]);
            // reduced distances are not negative, so their bits order as they do
            let mut candidates = [0; LEAF];
            for (candidate, (&reduced, &rank)) in candidates.iter_mut().zip(reduced.iter().zip(ranks)) {
                *candidate = if rank > bar { reduced.to_bits() as i32 } else { i32::MAX };
            }
            let nearest = f32::from_bits(halve(candidates, i32::min) as u32);
            if nearest <= reach {
                let distance = self.metric.length(nearest);
                let reach = self.metric.reach(distance);
                for (candidate, (&reduced, &rank)) in candidates.iter_mut().zip(reduced.iter().zip(ranks)) {
                    *candidate = if reduced <= reach { rank } else { -1 };
                }
                let rank = halve(candidates, i32::max);
                if distance < best.distance[lane] || rank > best.rank[lane] {
                    (best.distance[lane], best.reach[lane], best.rank[lane]) = (distance, reach, rank);
                }
            }
        }
    }
}

/// Combines all lanes pair by pair, which the compiler turns into vector operations.
#[inline(always)]
fn halve(mut lanes: Lanes<i32>, combine: impl Fn(i32, i32) -> i32) -> i32 {
    let mut width = LEAF;
    while width > 1 {
        width /= 2;
        let (low, high) = lanes.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, &mut high)| *low = combine(*low, high));
    }
    lanes[0]
}
