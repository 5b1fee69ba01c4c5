//! Attention within blocks: each row asks the rows of the blocks that it is in, over several divisions into blocks.

use std::sync::Arc;

use recoil_nn::tape::product::{Onto, Packed, multiply, outer};
use recoil_nn::tape::{NO_ROW, Tape, Value};
use recoil_nn::{NnError, Result};

use super::rounding;

/// How a query q weighs a key k.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weighing {
    /// exp(min(-|q - k|^2 / 2, 0))
    Distance,
    /// The same, rounded as the reference rounds it: see [`rounding`](super::rounding).
    RoundedDistance,
    /// exp(factor q k)
    Product(f32),
}

/// Rows that ask and rows that are read; [`NO_ROW`] is a key of zeros.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) queries: Vec<u32>,
    pub(super) keys: Vec<u32>,
}

/// Sum over all keys in the blocks of a row of weight times value, divided by the sum of weights plus `epsilon`: a row with
/// as many numbers as the values have.
///
/// # Errors
/// Matrices that do not fit together, or rows that do not exist.
pub(super) fn block_attention(
    tape: &Tape<'_>,
    [queries, keys, values]: [&Value; 3],
    weighing: Weighing,
    blocks: Arc<Vec<Block>>,
    epsilon: f32,
) -> Result<Value> {
    for (what, found, expected) in
        [("columns of keys", keys.columns(), queries.columns()), ("rows of values", values.rows(), keys.rows())]
    {
        if found != expected {
            return Err(NnError::Length { what: what.into(), found, expected });
        }
    }
    let exists = |row: &u32, of: &Value| (*row as usize) < of.rows();
    for block in blocks.iter() {
        let known = block.queries.iter().all(|row| exists(row, queries))
            && block.keys.iter().all(|row| *row == NO_ROW || exists(row, keys));
        if !known {
            return Err(NnError::Network("a block has a row that does not exist".into()));
        }
    }
    let (rows, width) = (queries.rows(), values.columns());
    let mut sums = vec![epsilon; rows];
    let mut y = tape.pool().zeros(rows * width);
    let own = [queries, keys, values].map(Clone::clone);
    let mut pairs = Pairs::default();
    let mut packed = Packed::default();
    let mut part = Vec::new();
    for block in blocks.iter() {
        pairs.fill(&own, block, weighing);
        packed.fill(&pairs.v, block.keys.len(), width, width);
        part.clear();
        part.resize(block.queries.len() * width, 0.0);
        let count = block.keys.len();
        multiply(&pairs.weights, count, block.queries.len(), &packed, Onto::Nothing, &mut part, width);
        for (at, query) in block.queries.iter().enumerate() {
            let query = *query as usize;
            sums[query] += pairs.weights[at * count..(at + 1) * count].iter().sum::<f32>();
            add(&mut y[query * width..(query + 1) * width], &part[at * width..]);
        }
    }
    for (y, sum) in y.chunks_exact_mut(width.max(1)).zip(&sums) {
        y.iter_mut().for_each(|y| *y /= sum);
    }
    let kept = tape.records().then(|| tape.pool().copy(&y));
    tape.record([rows, width], y, &[queries, keys, values], false, move |g, sink| {
        let Some(y) = kept else { return };
        let columns = own[0].columns();
        let mut to_queries = sink.pool().zeros(rows * columns);
        let mut to_keys = sink.pool().zeros(own[1].rows() * columns);
        let mut to_values = sink.pool().zeros(own[2].rows() * width);
        // how the loss changes with the sum of weights, times that sum
        let of_row = |row: usize| g[row * width..(row + 1) * width].iter().zip(&y[row * width..]);
        let lost: Vec<f32> = (0..rows).map(|row| of_row(row).map(|(g, y)| g * y).sum()).collect();
        let mut back = Back::default();
        for block in blocks.iter() {
            pairs.fill(&own, block, weighing);
            back.fill(&pairs, block, &g, &lost, &sums, weighing, [columns, width]);
            for (at, query) in block.queries.iter().enumerate() {
                add(&mut to_queries[*query as usize * columns..][..columns], &back.q[at * columns..]);
            }
            for (at, key) in block.keys.iter().enumerate().filter(|(_, key)| **key != NO_ROW) {
                add(&mut to_keys[*key as usize * columns..][..columns], &back.k[at * columns..]);
                add(&mut to_values[*key as usize * width..][..width], &back.v[at * width..]);
            }
        }
        let [queries, keys, values] = &own;
        sink.give(queries, to_queries);
        sink.give(keys, to_keys);
        sink.give(values, to_values);
    })
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn gather(out: &mut Vec<f32>, from: &Value, rows: &[u32]) {
    out.clear();
    for row in rows {
        match *row {
            NO_ROW => out.resize(out.len() + from.columns(), 0.0),
            row => out.extend_from_slice(from.row(row as usize)),
        }
    }
}

/// The rows of a block side by side, and the weight of each pair.
#[derive(Default)]
struct Pairs {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// queries x keys
    weights: Vec<f32>,
    packed: Packed,
}

impl Pairs {
    fn fill(&mut self, [queries, keys, values]: &[Value; 3], block: &Block, weighing: Weighing) {
        gather(&mut self.q, queries, &block.queries);
        gather(&mut self.k, keys, &block.keys);
        gather(&mut self.v, values, &block.keys);
        let (columns, count) = (queries.columns(), block.keys.len());
        self.weights.clear();
        self.weights.resize(block.queries.len() * count, 0.0);
        if weighing == Weighing::RoundedDistance {
            rounding::weights(&self.q, &self.k, columns, &mut self.weights);
            return;
        }
        self.packed.fill_transposed(&self.k, count, columns, columns);
        multiply(&self.q, columns, block.queries.len(), &self.packed, Onto::Nothing, &mut self.weights, count);
        let half = |row: &[f32]| 0.5 * row.iter().map(|x| x * x).sum::<f32>();
        let halves: Vec<f32> = match weighing {
            Weighing::Distance => self.k.chunks_exact(columns.max(1)).map(half).collect(),
            _ => Vec::new(),
        };
        for (weights, q) in self.weights.chunks_exact_mut(count.max(1)).zip(self.q.chunks_exact(columns.max(1))) {
            if let Weighing::Product(factor) = weighing {
                weights.iter_mut().for_each(|weight| *weight = (factor * *weight).min(80.0).exp());
                continue;
            }
            let own = half(q);
            for (weight, half) in weights.iter_mut().zip(&halves) {
                *weight = (*weight - own - half).min(0.0).exp();
            }
        }
    }
}

/// Gradients of the rows of a block.
#[derive(Default)]
struct Back {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    g: Vec<f32>,
    /// queries x keys: weights over their sums, and derivatives by the exponents
    shares: Vec<f32>,
    slopes: Vec<f32>,
    packed: Packed,
}

impl Back {
    #[allow(clippy::too_many_arguments)]
    fn fill(
        &mut self,
        pairs: &Pairs,
        block: &Block,
        g: &[f32],
        lost: &[f32],
        sums: &[f32],
        weighing: Weighing,
        [columns, width]: [usize; 2],
    ) {
        let (asking, count) = (block.queries.len(), block.keys.len());
        self.g.clear();
        for query in &block.queries {
            self.g.extend_from_slice(&g[*query as usize * width..(*query as usize + 1) * width]);
        }
        for (list, len) in [
            (&mut self.q, asking * columns),
            (&mut self.k, count * columns),
            (&mut self.v, count * width),
            (&mut self.slopes, asking * count),
        ] {
            list.clear();
            list.resize(len, 0.0);
        }
        self.packed.fill_transposed(&pairs.v, count, width, width);
        multiply(&self.g, width, asking, &self.packed, Onto::Nothing, &mut self.slopes, count);
        self.shares.clear();
        self.shares.extend_from_slice(&pairs.weights);
        let rows = self.shares.chunks_exact_mut(count.max(1)).zip(self.slopes.chunks_exact_mut(count.max(1)));
        for ((shares, slopes), query) in rows.zip(&block.queries) {
            let query = *query as usize;
            for (share, slope) in shares.iter_mut().zip(slopes) {
                *share /= sums[query];
                *slope = (*slope - lost[query]) * *share;
            }
        }
        outer(&self.shares, count, count, &self.g, width, asking, &mut self.v);
        match weighing {
            Weighing::Product(factor) => self.slopes.iter_mut().for_each(|slope| *slope *= factor),
            Weighing::RoundedDistance => {
                rounding::gradients(&self.slopes, [&pairs.q, &pairs.k], columns, [&mut self.q, &mut self.k]);
                return;
            }
            Weighing::Distance => {}
        }
        self.packed.fill(&pairs.k, count, columns, columns);
        multiply(&self.slopes, count, asking, &self.packed, Onto::Nothing, &mut self.q, columns);
        outer(&self.slopes, count, count, &pairs.q, columns, asking, &mut self.k);
        if weighing == Weighing::Distance {
            // d(-|q - k|^2 / 2) is k - q by q, and q - k by k
            let mut totals = vec![0.0; count];
            for (at, slopes) in self.slopes.chunks_exact(count.max(1)).enumerate() {
                let total: f32 = slopes.iter().sum();
                add(&mut totals, slopes);
                let own = at * columns..(at + 1) * columns;
                self.q[own.clone()].iter_mut().zip(&pairs.q[own]).for_each(|(to, q)| *to -= total * q);
            }
            for (key, total) in totals.iter().enumerate() {
                let own = key * columns..(key + 1) * columns;
                self.k[own.clone()].iter_mut().zip(&pairs.k[own]).for_each(|(to, k)| *to -= total * k);
            }
        }
    }
}
