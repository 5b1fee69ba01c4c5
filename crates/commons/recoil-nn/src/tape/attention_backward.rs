//! The way back through attention: scores are computed again, tile by tile.
//!
//! With w_ij the weight of key j for query i, y_i the result and g_i its gradient, the derivative by the score is
//! w_ij (g_i v_j - g_i y_i).

use super::attention::{Heads, View, exp2, products, range, weighted};
use super::product::{Packed, load, store};
use pulp::{Arch, Simd, WithSimd};
use std::f32::consts::{LN_2, LOG2_E};

/// Queries and keys of a tile: both matrices of pairs stay in the cache.
const QUERIES: usize = 32;
const KEYS: usize = 128;
/// Columns whose sums over queries stay in registers.
const COLUMNS: usize = 8;

/// What the way back needs, and dense results (rows x all heads), which start as zeros.
pub(super) struct Backward<'a> {
    pub views: [View<'a>; 3],
    pub heads: Heads,
    pub offsets: [&'a [u32]; 2],
    pub y: &'a [f32],
    pub normaliser: &'a [f32],
    pub g: &'a [f32],
    pub to: [&'a mut [f32]; 3],
}

/// Gradients by queries, keys and values.
pub(super) fn backward(task: Backward<'_>) {
    Arch::new().dispatch(task);
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

/// The keys and values of a head in the orders in which the products read them, and sums for their gradients.
#[derive(Default)]
struct Keys {
    transposed: Packed,
    rows: Packed,
    values: Packed,
    /// Transposed gradients: for each strip of keys a row per column.
    to_keys: Vec<f32>,
    to_values: Vec<f32>,
}

/// The queries of a tile, padded with zeros to [`QUERIES`] rows.
struct Tile {
    /// Queries, scaled for logarithms to base 2, and gradients.
    queries: Vec<f32>,
    gradients: Vec<f32>,
    weights: Vec<f32>,
    slopes: Vec<f32>,
    sums: Vec<f32>,
    /// Per query the logarithm of the sum, and g y.
    normaliser: [f32; QUERIES],
    shift: [f32; QUERIES],
}

impl Backward<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(mut self, simd: S) {
        let Heads { count, width, .. } = self.heads;
        // columns padded so that sums over queries take whole groups
        let stride = width.next_multiple_of(COLUMNS);
        let padded = width.next_multiple_of(S::F32_LANES);
        let mut keys = Keys::default();
        let mut tile = Tile {
            queries: vec![0.0; QUERIES * stride],
            gradients: vec![0.0; QUERIES * stride],
            weights: vec![0.0; QUERIES * KEYS],
            slopes: vec![0.0; QUERIES * KEYS],
            sums: vec![0.0; QUERIES * padded],
            normaliser: [0.0; QUERIES],
            shift: [0.0; QUERIES],
        };
        for event in 0..self.offsets[0].len().saturating_sub(1) {
            let (queries, own) = (range(self.offsets[0], event), range(self.offsets[1], event));
            if own.is_empty() {
                continue;
            }
            let all = own.len().next_multiple_of(S::F32_LANES);
            for head in 0..count {
                let [_, k, v] = self.views;
                keys.transposed.fill_transposed(k.from(own.start, head * width), own.len(), width, k.stride);
                keys.rows.fill(k.from(own.start, head * width), own.len(), width, k.stride);
                keys.values.fill_transposed(v.from(own.start, head * width), own.len(), width, v.stride);
                for sums in [&mut keys.to_keys, &mut keys.to_values] {
                    sums.clear();
                    sums.resize(all * stride, 0.0);
                }
                for first in queries.clone().step_by(QUERIES) {
                    let rows = first..queries.end.min(first + QUERIES);
                    self.tile::<S, R>(simd, rows, head, &mut keys, &mut tile);
                }
                self.collect::<S>(own.clone(), head, &keys);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        rows: std::ops::Range<usize>,
        head: usize,
        keys: &mut Keys,
        tile: &mut Tile,
    ) {
        let Heads { count, width, scale } = self.heads;
        let stride = width.next_multiple_of(COLUMNS);
        let padded = width.next_multiple_of(S::F32_LANES);
        let used = rows.len().next_multiple_of(R);
        tile.queries[..used * stride].fill(0.0);
        tile.gradients[..used * stride].fill(0.0);
        for (r, row) in rows.clone().enumerate() {
            let own = (row * count + head) * width..(row * count + head + 1) * width;
            let (g, y) = (&self.g[own.clone()], &self.y[own]);
            let query = &mut tile.queries[r * stride..][..width];
            query.iter_mut().zip(self.views[0].from(row, head * width)).for_each(|(to, q)| *to = scale * LOG2_E * q);
            tile.gradients[r * stride..][..width].copy_from_slice(g);
            tile.shift[r] = g.iter().zip(y).map(|(g, y)| g * y).sum();
            tile.normaliser[r] = self.normaliser[row * count + head];
        }
        tile.sums.fill(0.0);
        let all = keys.transposed.columns();
        for chunk in (0..all).step_by(KEYS) {
            let n = (all - chunk).min(KEYS);
            let vectors = n.div_ceil(S::F32_LANES);
            for first in (0..used).step_by(R) {
                let pick = |from: &[f32], r: usize| (first + r) * stride..(first + r) * stride + width.min(from.len());
                let q: [&[f32]; R] = std::array::from_fn(|r| &tile.queries[pick(&tile.queries, r)]);
                products::<S, R>(
                    simd,
                    q,
                    &keys.transposed,
                    chunk,
                    n,
                    &mut tile.weights[first * KEYS..(first + R) * KEYS],
                );
                let g: [&[f32]; R] = std::array::from_fn(|r| &tile.gradients[pick(&tile.gradients, r)]);
                products::<S, R>(simd, g, &keys.values, chunk, n, &mut tile.slopes[first * KEYS..(first + R) * KEYS]);
                for r in first..first + R {
                    let weights = &mut tile.weights[r * KEYS..(r + 1) * KEYS];
                    weights[n..vectors * S::F32_LANES].fill(super::attention::NEVER);
                    let weights = &mut S::as_mut_simd_f32s(weights).0[..vectors];
                    let slopes = &mut S::as_mut_simd_f32s(&mut tile.slopes[r * KEYS..(r + 1) * KEYS]).0[..vectors];
                    let (normaliser, shift) = (simd.splat_f32s(tile.normaliser[r]), simd.splat_f32s(tile.shift[r]));
                    for (weight, slope) in weights.iter_mut().zip(slopes) {
                        *weight = exp2(simd, simd.sub_f32s(*weight, normaliser));
                        *slope = simd.mul_f32s(*weight, simd.sub_f32s(*slope, shift));
                    }
                }
                let slopes: [&[f32]; R] = std::array::from_fn(|r| &tile.slopes[(first + r) * KEYS..][..n]);
                weighted::<S, R>(simd, slopes, &keys.rows, chunk, &mut tile.sums[first * padded..(first + R) * padded]);
            }
            let real = rows.len();
            sum_over_queries(simd, &tile.gradients, &tile.weights, [real, stride, chunk, n], all, &mut keys.to_values);
            sum_over_queries(simd, &tile.queries, &tile.slopes, [real, stride, chunk, n], all, &mut keys.to_keys);
        }
        for (r, row) in rows.enumerate() {
            let to = &mut self.to[0][(row * count + head) * width..][..width];
            to.iter_mut().zip(&tile.sums[r * padded..]).for_each(|(to, sum)| *to += scale * sum);
        }
    }

    /// Adds the sums of a head's keys and values to the results.
    #[inline(always)]
    fn collect<S: Simd>(&mut self, own: std::ops::Range<usize>, head: usize, keys: &Keys) {
        let Heads { count, width, .. } = self.heads;
        let stride = width.next_multiple_of(COLUMNS);
        let all = own.len().next_multiple_of(S::F32_LANES);
        let strip = 2 * S::F32_LANES;
        let [_, to_keys, to_values] = &mut self.to;
        // queries were scaled for logarithms to base 2
        for (to, sums, factor) in [(to_keys, &keys.to_keys, LN_2), (to_values, &keys.to_values, 1.0)] {
            for (local, key) in own.clone().enumerate() {
                let first = local / strip * strip;
                let wide = (all - first).min(strip);
                let to = &mut to[(key * count + head) * width..][..width];
                for (column, to) in to.iter_mut().enumerate() {
                    *to += factor * sums[first * stride + column * wide + local - first];
                }
            }
        }
    }
}

/// sums\[key\]\[column\] += sum over queries of x\[query\]\[column\] pairs\[query\]\[key\], for the keys of a chunk; `sums`
/// is transposed in strips of keys.
#[inline(always)]
fn sum_over_queries<S: Simd>(
    simd: S,
    x: &[f32],
    pairs: &[f32],
    [queries, stride, chunk, used]: [usize; 4],
    all: usize,
    sums: &mut [f32],
) {
    let strip = 2 * S::F32_LANES;
    let padded = all.next_multiple_of(S::F32_LANES);
    for first in (chunk..chunk + used).step_by(strip) {
        let wide = (padded - first).min(strip);
        for column in (0..stride).step_by(COLUMNS) {
            let at = first * stride + column * wide;
            let sums = &mut sums[at..at + COLUMNS * wide];
            if wide == strip {
                group::<S, 2>(simd, x, pairs, [queries, stride, column, first - chunk], sums);
            } else {
                group::<S, 1>(simd, x, pairs, [queries, stride, column, first - chunk], sums);
            }
        }
    }
}

#[inline(always)]
fn group<S: Simd, const V: usize>(
    simd: S,
    x: &[f32],
    pairs: &[f32],
    [queries, stride, column, key]: [usize; 4],
    sums: &mut [f32],
) {
    let wide = V * S::F32_LANES;
    let mut acc: [[S::f32s; V]; COLUMNS] = std::array::from_fn(|c| load(simd, &sums[c * wide..(c + 1) * wide]));
    for (x, pairs) in x.chunks_exact(stride).zip(pairs.chunks_exact(KEYS)).take(queries) {
        let Some(x) = x[column..].first_chunk::<COLUMNS>() else { continue };
        let pairs: [S::f32s; V] = load(simd, &pairs[key..key + wide]);
        for (acc, &x) in acc.iter_mut().zip(x) {
            let x = simd.splat_f32s(x);
            for (acc, &pair) in acc.iter_mut().zip(&pairs) {
                *acc = simd.mul_add_e_f32s(x, pair, *acc);
            }
        }
    }
    for (c, acc) in acc.into_iter().enumerate() {
        store(simd, &mut sums[c * wide..(c + 1) * wide], acc, false);
    }
}
