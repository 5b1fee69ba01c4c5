//! Attention within events, without a matrix of all pairs.
//!
//! For query i the weights of keys j are exp(s_ij - l_i) with s_ij = scale q_i k_j and l_i the logarithm of the sum of
//! exp(s_ij). Chunks of keys pass by once; largest value, sum and weighted values so far are kept and rescaled
//! (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135). Only l_i is kept for the way back. Scores and
//! logarithms are to base 2.

use super::attention_backward::{Backward, backward};
use super::functions::each;
use super::product::{Packed, load, store};
use super::segments::check_offsets;
use super::values::{Tape, Value, expect};
use crate::error::{NnError, Result};
use crate::kernel::accumulate::accumulate;
use pulp::{Arch, Simd, WithSimd};
use std::f32::consts::LOG2_E;
use std::ops::Range;
use std::sync::Arc;

/// Keys of a chunk: their scores stay in the first cache.
const CHUNK: usize = 256;
/// A score that counts for nothing.
pub(super) const NEVER: f32 = -1e30;

/// 2^x to two units in the last place, for x of at most 127; below -126 it is that of -126. Scores are logarithms to base
/// 2 here, which costs fewer instructions than those to base e.
#[inline(always)]
pub(super) fn exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // adding and subtracting 1.5 * 2^23 rounds to a whole number
    const WHOLE: f32 = 12_582_912.0;
    let x = simd.max_f32s(x, simd.splat_f32s(-126.0));
    let shifted = simd.add_f32s(x, simd.splat_f32s(WHOLE));
    let r = simd.sub_f32s(x, simd.sub_f32s(shifted, simd.splat_f32s(WHOLE)));
    // the polynomial of least relative error for |r| of at most 1/2
    let mut p = simd.splat_f32s(1.327_647_1e-3);
    for coefficient in [9.675_541e-3, 5.550_713e-2, 0.240_221_2, 0.693_146_94, 1.000_000_1] {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(coefficient));
    }
    // the low bits of the shifted number are the whole one; moved they add to the exponent
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), exponent))
}

/// Heads of an attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// number of heads
    pub count: usize,
    /// columns of a head, the same among queries, keys and values
    pub width: usize,
    /// factor on products of queries and keys
    pub scale: f32,
}

impl Heads {
    /// Heads with the usual factor, one over the root of the width.
    pub fn new(count: usize, width: usize) -> Self {
        Self { count, width, scale: 1.0 / (width.max(1) as f32).sqrt() }
    }
}

/// Columns of a matrix from `first` on.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    pub first: usize,
}

impl<'a> View<'a> {
    pub(super) fn of(value: &'a Value, first: usize) -> Self {
        Self { values: value.values(), stride: value.columns(), first }
    }

    /// From a row and a head on.
    #[inline(always)]
    pub(super) fn from(&self, row: usize, column: usize) -> &'a [f32] {
        self.values.get(row * self.stride + self.first + column..).unwrap_or_default()
    }
}

pub(super) fn range(offsets: &[u32], event: usize) -> Range<usize> {
    let at = |index: usize| offsets.get(index).map_or(0, |offset| *offset as usize);
    at(event)..at(event + 1)
}

impl Tape<'_> {
    /// Attention of the rows of each event to all rows of the event. The columns of `all` are queries, keys and values,
    /// each `heads.count * heads.width` wide, head after head.
    ///
    /// # Errors
    /// Offsets or widths that do not fit.
    pub fn self_attention(&self, all: &Value, heads: Heads, offsets: &Arc<[u32]>) -> Result<Value> {
        let width = heads.count * heads.width;
        expect("columns of queries, keys and values", all.columns(), 3 * width)?;
        self.attend([all, all, all], [0, width, 2 * width], heads, [offsets, offsets])
    }

    /// Attention of the queries of each event to the keys of the same event; a query without keys gives zeros.
    ///
    /// # Errors
    /// Offsets or widths that do not fit.
    pub fn attention(
        &self,
        queries: &Value,
        keys: &Value,
        values: &Value,
        heads: Heads,
        query_offsets: &Arc<[u32]>,
        key_offsets: &Arc<[u32]>,
    ) -> Result<Value> {
        self.attend([queries, keys, values], [0; 3], heads, [query_offsets, key_offsets])
    }

    /// The same with queries, keys and values among the columns of matrices, from `first` on.
    ///
    /// # Errors
    /// Offsets or widths that do not fit.
    pub fn attend(
        &self,
        matrices: [&Value; 3],
        first: [usize; 3],
        heads: Heads,
        offsets: [&Arc<[u32]>; 2],
    ) -> Result<Value> {
        let [queries, keys, values] = matrices;
        let width = heads.count * heads.width;
        check_offsets("queries", offsets[0], queries.rows())?;
        check_offsets("keys", offsets[1], keys.rows())?;
        expect("rows of values", values.rows(), keys.rows())?;
        expect("events of keys", offsets[1].len(), offsets[0].len())?;
        for (matrix, first) in matrices.iter().zip(first) {
            if first + width > matrix.columns() {
                let found = matrix.columns();
                return Err(NnError::Network(format!("heads from column {first} to {} of {found}", first + width)));
            }
        }
        let mut y = self.pool().zeros(queries.rows() * width);
        let mut normaliser = self.pool().take(queries.rows() * heads.count);
        Arch::new().dispatch(Forward {
            views: [View::of(queries, first[0]), View::of(keys, first[1]), View::of(values, first[2])],
            heads,
            offsets: [offsets[0], offsets[1]],
            y: &mut y,
            normaliser: &mut normaliser,
        });
        let rows = queries.rows();
        if !self.records() {
            return self.constant(rows, width, y);
        }
        let kept = self.pool().copy(&y);
        let own = matrices.map(Clone::clone);
        let offsets = offsets.map(Arc::clone);
        self.record([rows, width], y, &matrices, false, move |g, sink| {
            let mut results = own.each_ref().map(|value| sink.pool().zeros(value.rows() * width));
            let [to_queries, to_keys, to_values] = &mut results;
            backward(Backward {
                views: std::array::from_fn(|at| View::of(&own[at], first[at])),
                heads,
                offsets: [&offsets[0], &offsets[1]],
                y: &kept,
                normaliser: &normaliser,
                g: &g,
                to: [to_queries, to_keys, to_values],
            });
            for ((value, first), result) in own.iter().zip(first).zip(&results) {
                let Some(to) = sink.to(value) else { continue };
                for (to, g) in to.chunks_exact_mut(value.columns()).zip(result.chunks_exact(width.max(1))) {
                    each(&mut to[first..first + width], g, |to, g| to + g);
                }
            }
        })
    }
}

struct Forward<'a> {
    views: [View<'a>; 3],
    heads: Heads,
    offsets: [&'a [u32]; 2],
    y: &'a mut [f32],
    normaliser: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(mut self, simd: S) {
        let (mut keys, mut values) = (Packed::default(), Packed::default());
        let Heads { count, width, .. } = self.heads;
        let mut scores = vec![0.0_f32; R * CHUNK];
        let mut query = vec![0.0_f32; R * width];
        let mut sums = vec![0.0_f32; R * width.next_multiple_of(S::F32_LANES)];
        for event in 0..self.offsets[0].len().saturating_sub(1) {
            let (queries, own) = (range(self.offsets[0], event), range(self.offsets[1], event));
            if own.is_empty() {
                self.normaliser[queries.start * count..queries.end * count].fill(0.0);
                continue;
            }
            for head in 0..count {
                let [_, k, v] = self.views;
                keys.fill_transposed(k.from(own.start, head * width), own.len(), width, k.stride);
                values.fill(v.from(own.start, head * width), own.len(), width, v.stride);
                for row in queries.clone().step_by(R) {
                    let rows = row..queries.end.min(row + R);
                    self.tile::<S, R>(simd, rows, head, &keys, &values, [&mut scores, &mut query, &mut sums]);
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        rows: Range<usize>,
        head: usize,
        keys: &Packed,
        values: &Packed,
        [scores, query, sums]: [&mut [f32]; 3],
    ) {
        let Heads { count, width, scale } = self.heads;
        let padded = width.next_multiple_of(S::F32_LANES);
        for (r, query) in query.chunks_exact_mut(width).enumerate() {
            let from = self.views[0].from((rows.start + r).min(rows.end - 1), head * width);
            query.iter_mut().zip(from).for_each(|(query, q)| *query = scale * LOG2_E * q);
        }
        sums.fill(0.0);
        let mut largest = [f32::NEG_INFINITY; R];
        let mut totals = [simd.splat_f32s(0.0); R];
        let x: [&[f32]; R] = std::array::from_fn(|r| &query[r * width..(r + 1) * width]);
        for chunk in (0..keys.columns()).step_by(CHUNK) {
            let used = (keys.columns() - chunk).min(CHUNK);
            let vectors = used.div_ceil(S::F32_LANES);
            products::<S, R>(simd, x, keys, chunk, used, scores);
            for (r, scores) in scores.chunks_exact_mut(CHUNK).enumerate() {
                scores[used..vectors * S::F32_LANES].fill(NEVER);
                let scores = &mut S::as_mut_simd_f32s(scores).0[..vectors];
                let mut top = scores.iter().fold(simd.splat_f32s(NEVER), |top, s| simd.max_f32s(top, *s));
                top = simd.splat_f32s(simd.reduce_max_f32s(top).max(largest[r]));
                let new = simd.reduce_max_f32s(top);
                let shrink = (largest[r] - new).exp2();
                largest[r] = new;
                let mut total = simd.mul_f32s(totals[r], simd.splat_f32s(shrink));
                for score in scores {
                    *score = exp2(simd, simd.sub_f32s(*score, top));
                    total = simd.add_f32s(total, *score);
                }
                totals[r] = total;
                let shrink = simd.splat_f32s(shrink);
                for sum in S::as_mut_simd_f32s(&mut sums[r * padded..(r + 1) * padded]).0 {
                    *sum = simd.mul_f32s(*sum, shrink);
                }
            }
            let weights: [&[f32]; R] = std::array::from_fn(|r| &scores[r * CHUNK..r * CHUNK + used]);
            weighted::<S, R>(simd, weights, values, chunk, sums);
        }
        for (r, row) in rows.enumerate() {
            let total = simd.reduce_sum_f32s(totals[r]);
            let y = &mut self.y[(row * count + head) * width..][..width];
            y.iter_mut().zip(&sums[r * padded..]).for_each(|(y, sum)| *y = sum / total);
            self.normaliser[row * count + head] = largest[r] + total.log2();
        }
    }
}

/// Products of some rows with packed columns from `first` on; a row of results for each, [`CHUNK`] apart or as wide as
/// `out` is for each.
#[inline(always)]
pub(super) fn products<S: Simd, const R: usize>(
    simd: S,
    x: [&[f32]; R],
    packed: &Packed,
    first: usize,
    used: usize,
    out: &mut [f32],
) {
    let stride = out.len() / R;
    let strip = 2 * S::F32_LANES;
    let padded = packed.columns().next_multiple_of(S::F32_LANES);
    for column in (first..first + used).step_by(strip) {
        if padded - column >= strip {
            let mut acc = [[simd.splat_f32s(0.0); 2]; R];
            accumulate::<S, R, 2>(simd, x, packed.panel(column, strip), &mut acc);
            for (r, acc) in acc.into_iter().enumerate() {
                store(simd, &mut out[r * stride + column - first..][..strip], acc, false);
            }
        } else {
            let mut acc = [[simd.splat_f32s(0.0); 1]; R];
            accumulate::<S, R, 1>(simd, x, packed.panel(column, S::F32_LANES), &mut acc);
            for (r, acc) in acc.into_iter().enumerate() {
                store(simd, &mut out[r * stride + column - first..][..S::F32_LANES], acc, false);
            }
        }
    }
}

/// sums += weights times the rows of `packed` from `first` on; the rows of `sums` are padded to whole vectors.
#[inline(always)]
pub(super) fn weighted<S: Simd, const R: usize>(
    simd: S,
    weights: [&[f32]; R],
    packed: &Packed,
    first: usize,
    sums: &mut [f32],
) {
    let padded = sums.len() / R;
    let used = weights[0].len();
    let strip = 2 * S::F32_LANES;
    for column in (0..padded).step_by(strip) {
        if padded - column >= strip {
            let mut acc: [[S::f32s; 2]; R] = std::array::from_fn(|r| load(simd, &sums[r * padded + column..][..strip]));
            let panel = &packed.panel(column, strip)[first * strip..(first + used) * strip];
            accumulate::<S, R, 2>(simd, weights, panel, &mut acc);
            for (r, acc) in acc.into_iter().enumerate() {
                store(simd, &mut sums[r * padded + column..][..strip], acc, false);
            }
        } else {
            let width = S::F32_LANES;
            let mut acc: [[S::f32s; 1]; R] = std::array::from_fn(|r| load(simd, &sums[r * padded + column..][..width]));
            let panel = &packed.panel(column, width)[first * width..(first + used) * width];
            accumulate::<S, R, 1>(simd, weights, panel, &mut acc);
            for (r, acc) in acc.into_iter().enumerate() {
                store(simd, &mut sums[r * padded + column..][..width], acc, false);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tape::{Mode, Pool, Weights};

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 7919 % 10007) as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn streaming_gives_what_the_whole_softmax_gives() {
        let (weights, pool) = (Weights::new(0), Pool::default());
        let tape = Tape::new(&weights, &pool, Mode::Inference);
        for width in [3, 8, 16, 20] {
            let offsets: Arc<[u32]> = [0_u32, 300, 300, 301, 340].into();
            let rows = 340;
            let all = numbers(rows * 6 * width, width);
            let value = tape.input(rows, 6 * width, &all).unwrap();
            let y = tape.self_attention(&value, Heads::new(2, width), &offsets).unwrap();
            for query in 0..rows {
                let event = (0..4).find(|event| range(&offsets, *event).contains(&query)).unwrap();
                let own = range(&offsets, event);
                for head in 0..2 {
                    let part = |row: usize, which: usize| &all[row * 6 * width + (which * 2 + head) * width..][..width];
                    let score = |key: usize| -> f64 {
                        let pairs = part(query, 0).iter().zip(part(key, 1));
                        pairs.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() / (width as f64).sqrt()
                    };
                    let exps: Vec<f64> = own.clone().map(|key| score(key).exp()).collect();
                    let total: f64 = exps.iter().sum();
                    for column in 0..width {
                        let terms = own.clone().zip(&exps).map(|(key, e)| e * f64::from(part(key, 2)[column]));
                        let expected = terms.sum::<f64>() / total;
                        let found = f64::from(y.row(query)[head * width + column]);
                        assert!((found - expected).abs() < 1e-6, "{width} {query} {head}: {found} {expected}");
                    }
                }
            }
        }
    }
}
