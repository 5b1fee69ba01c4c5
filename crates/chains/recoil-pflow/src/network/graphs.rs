//! Layers on graphs of neighbours, as the first networks for particle flow had them.

use std::cmp::Ordering;
use std::sync::Arc;

use recoil_nn::Result;
use recoil_nn::tape::{Activation, NO_ROW, Tape, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lsh::{bins, buckets, strengths};

/// Shape of GravNet layers (Qasim et al., arXiv 1902.07987).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GravNet {
    /// Neighbours of an element.
    pub neighbours: usize,
    /// Dimensions of the learned space in which they are near.
    pub space: usize,
    /// Numbers that neighbours tell.
    pub features: usize,
}

impl Default for GravNet {
    fn default() -> Self {
        Self { neighbours: 16, space: 4, features: 32 }
    }
}

/// Shape of graph convolutions with gates between neighbours in bins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BinGraph {
    /// Elements of a bin.
    pub bin_size: usize,
    /// Most bins of an event; the hash has half as many directions.
    pub max_bins: usize,
    /// Neighbours of an element in its bin, itself among them.
    pub neighbours: usize,
    /// Dimensions of the learned space in which they are near.
    pub space: usize,
    /// Factor on distances there.
    pub sharpness: f32,
}

impl Default for BinGraph {
    fn default() -> Self {
        Self { bin_size: 100, max_bins: 200, neighbours: 5, space: 256, sharpness: 0.1 }
    }
}

/// Least squared distance.
const NEAREST: f32 = 1e-6;

/// Edges from rows to rows, as many from each.
pub struct Edges {
    /// row that each edge comes from
    from: Arc<[u32]>,
    /// row that each edge leads to; [`NO_ROW`] for none
    to: Arc<[u32]>,
    /// first edge of each row, and the end
    offsets: Arc<[u32]>,
}

impl Edges {
    fn new(of_rows: &[Vec<u32>]) -> Self {
        let mut offsets = vec![0];
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (row, own) in (0u32..).zip(of_rows) {
            to.extend(own);
            from.resize(to.len(), row);
            offsets.push(to.len() as u32);
        }
        Self { from: from.into(), to: to.into(), offsets: offsets.into() }
    }

    /// Where the edges lead, row by row.
    pub fn to(&self) -> &[u32] {
        &self.to
    }
}

fn squared(points: &Value, a: u32, b: u32) -> f32 {
    let (a, b) = (points.row(a as usize), points.row(b as usize));
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The nearest of some rows to one, nearest first; of equally near ones those with the smaller coordinates, so that the order
/// of the elements means nothing, and of equal points the first.
fn nearest(points: &Value, row: u32, among: &[u32], count: usize) -> Vec<u32> {
    let mut found: Vec<(f32, u32)> = among.iter().map(|other| (squared(points, row, *other), *other)).collect();
    let coordinates = |a: u32, b: u32| {
        let pairs = points.row(a as usize).iter().zip(points.row(b as usize));
        pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let order = |a: &(f32, u32), b: &(f32, u32)| {
        a.0.total_cmp(&b.0).then_with(|| coordinates(a.1, b.1)).then_with(|| a.1.cmp(&b.1))
    };
    if count < found.len() {
        found.select_nth_unstable_by(count, order);
        found.truncate(count);
    }
    found.sort_unstable_by(order);
    found.into_iter().map(|(_, other)| other).collect()
}

/// Edges from each row to its nearest others in the same event.
pub fn nearest_others(points: &Value, offsets: &[u32], count: usize) -> Edges {
    let mut of_rows = vec![Vec::new(); points.rows()];
    for pair in offsets.windows(2) {
        for row in pair[0]..pair[1] {
            let others: Vec<u32> = (pair[0]..pair[1]).filter(|other| *other != row).collect();
            if let Some(slot) = of_rows.get_mut(row as usize) {
                *slot = nearest(points, row, &others, count);
            }
        }
    }
    Edges::new(&of_rows)
}

/// Edges from each row to its nearest in the same bin, itself among them. `projections` holds half of `max_bins` numbers
/// per row. Rows of a bucket go to its bins in the order of their places if `by_place`, else of their largest projections,
/// which does not depend on the order of the elements.
pub fn nearest_in_bins(
    points: &Value,
    projections: &[f32],
    offsets: &[u32],
    config: &BinGraph,
    by_place: bool,
) -> Edges {
    let directions = (config.max_bins / 2).max(1);
    let mut of_rows = vec![Vec::new(); points.rows()];
    for pair in offsets.windows(2) {
        let (begin, end) = (pair[0] as usize, pair[1] as usize);
        let used = ((end - begin).div_ceil(config.bin_size.max(1)) / 2).clamp(1, directions);
        let own = projections.get(begin * directions..end * directions).unwrap_or_default();
        let ties = if by_place { Vec::new() } else { strengths(own, directions) };
        let sorted = bins(begin, &buckets(own, 1, directions, used), &ties, |_| true, config.bin_size);
        for bin in sorted.chunks(config.bin_size.max(1)) {
            let mut members: Vec<u32> = bin.iter().copied().filter(|row| *row != NO_ROW).collect();
            members.sort_unstable();
            for &row in &members {
                if let Some(slot) = of_rows.get_mut(row as usize) {
                    *slot = nearest(points, row, &members, config.neighbours);
                }
            }
        }
    }
    Edges::new(&of_rows)
}

/// Squared length of each edge, a column.
fn lengths(tape: &Tape<'_>, points: &Value, edges: &Edges) -> Result<Value> {
    let difference = tape.subtract(&tape.gather(points, &edges.from)?, &tape.gather(points, &edges.to)?)?;
    tape.sum_columns(&tape.multiply(&difference, &difference)?)
}

/// GravNet: neighbours tell their features, the nearer the more; the mean and the largest of what they tell are joined with
/// the element and go through a linear layer.
///
/// # Errors
/// Weights that are missing or do not fit.
pub fn gravnet(tape: &Tape<'_>, x: &Value, name: &str, config: &GravNet, offsets: &[u32]) -> Result<Value> {
    let points = tape.linear(x, &format!("{name}.space"))?;
    let told = tape.linear(x, &format!("{name}.features"))?;
    let edges = nearest_others(&points, offsets, config.neighbours);
    let weights = tape.exp(&tape.scale(&lengths(tape, &points, &edges)?, -10.0)?)?;
    let heard = tape.multiply_column(&tape.gather(&told, &edges.to)?, &weights)?;
    let mean = tape.segment_mean(&heard, &edges.offsets)?;
    let largest = segment_max(tape, &heard, &edges.offsets)?;
    tape.linear(&tape.concat(&[&mean, &largest, x])?, &format!("{name}.out"))
}

/// Largest values of the rows of each segment; zeros for one without rows.
fn segment_max(tape: &Tape<'_>, x: &Value, offsets: &Arc<[u32]>) -> Result<Value> {
    let columns = x.columns();
    let count = offsets.len().saturating_sub(1);
    let mut y = tape.pool().zeros(count * columns);
    let mut best = vec![NO_ROW; count * columns];
    for (segment, pair) in offsets.windows(2).enumerate() {
        let own = segment * columns..(segment + 1) * columns;
        for row in pair[0]..pair[1] {
            for ((y, best), value) in y[own.clone()].iter_mut().zip(&mut best[own.clone()]).zip(x.row(row as usize)) {
                if *best == NO_ROW || *value > *y {
                    (*y, *best) = (*value, row);
                }
            }
        }
    }
    let own = x.clone();
    tape.record([count, columns], y, &[x], false, move |g, sink| {
        let Some(to) = sink.to(&own) else { return };
        for (at, (row, g)) in best.iter().zip(g.iter()).enumerate().filter(|(_, (row, _))| **row != NO_ROW) {
            to[*row as usize * columns + at % columns] += g;
        }
    })
}

/// A graph with a weight per edge, exp(-sharpness distance), and the root of the inverse sum of weights of each row.
pub struct Adjacency {
    edges: Edges,
    weights: Value,
    norms: Value,
}

impl Adjacency {
    /// The graph of these edges between points.
    ///
    /// # Errors
    /// Points that do not fit the edges.
    pub fn new(tape: &Tape<'_>, points: &Value, edges: Edges, sharpness: f32) -> Result<Self> {
        let squared = lengths(tape, points, &edges)?;
        let length = tape.map(&squared, |x| x.max(NEAREST).sqrt(), |x, y| if x > NEAREST { 0.5 / y } else { 0.0 })?;
        let weights = tape.exp(&tape.scale(&length, -sharpness)?)?;
        let degrees = tape.segment_sum(&weights, &edges.offsets)?;
        let norms = tape.map(&degrees, |x| 1.0 / x.sqrt(), |x, y| -0.5 * y / x)?;
        Ok(Self { edges, weights, norms })
    }

    /// Weights of the edges, in their order.
    pub fn weights(&self) -> &[f32] {
        self.weights.values()
    }

    /// The edges.
    pub fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Sums over the neighbours of each row, with weights and norms of both ends.
    fn spread(&self, tape: &Tape<'_>, x: &Value) -> Result<Value> {
        let own = tape.multiply_column(x, &self.norms)?;
        let heard = tape.multiply_column(&tape.gather(&own, &self.edges.to)?, &self.weights)?;
        tape.multiply_column(&tape.segment_sum(&heard, &self.edges.offsets)?, &self.norms)
    }

    /// What neighbours tell, through a linear layer (Wu et al., arXiv 1902.07153).
    ///
    /// # Errors
    /// Weights that are missing or do not fit.
    pub fn simple(&self, tape: &Tape<'_>, x: &Value, weight: &str) -> Result<Value> {
        self.spread(tape, &tape.linear_rows(x, weight, None, None)?)
    }

    /// A gate between what neighbours tell and the element itself (Xin et al., arXiv 2004.04635), then a function.
    ///
    /// # Errors
    /// Weights that are missing or do not fit.
    pub fn gated(&self, tape: &Tape<'_>, x: &Value, name: &str, function: Activation) -> Result<Value> {
        let heard = self.simple(tape, x, &format!("{name}.theta"))?;
        let own = tape.linear_rows(x, &format!("{name}.W_h"), None, None)?;
        let gate = tape.linear_rows(x, &format!("{name}.W_t"), Some(&format!("{name}.b_t")), None)?;
        let gate = tape.activate(&gate, Activation::Sigmoid)?;
        let mixed = tape.add(&own, &tape.multiply(&gate, &tape.subtract(&heard, &own)?)?)?;
        tape.activate(&mixed, function)
    }
}

/// A layer of gated convolutions between neighbours in bins.
///
/// # Errors
/// Weights that are missing or do not fit.
pub(super) fn bin_graph(
    tape: &Tape<'_>,
    x: &Value,
    name: &str,
    function: Activation,
    config: &BinGraph,
    offsets: &[u32],
) -> Result<Value> {
    let points = tape.linear(x, &format!("{name}.space"))?;
    let projections = tape.linear(&points, &format!("{name}.codebook"))?;
    let edges = nearest_in_bins(&points, projections.values(), offsets, config, false);
    Adjacency::new(tape, &points, edges, config.sharpness)?.gated(tape, x, name, function)
}
