//! Attention within samples, without a matrix of all pairs.
//!
//! For query i the weights of keys j are exp(s_ij - l_i) with s_ij = q_i k_j / sqrt(d) and l_i the logarithm of the sum
//! of exp(s_ij). Blocks of keys pass by once; largest value, sum and weighted values so far are kept and rescaled
//! (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135). Only l_i is kept for the way back, where
//! the derivative by s_ij is w_ij (g_i v_j - g_i y_i).

use super::rows::each_sample;
use crate::batch::matrix::Matrix;
use rayon::prelude::*;
use std::ops::Range;

/// Keys of a block.
const BLOCK: usize = 32;

/// Queries, keys and values, with where samples begin among queries and among keys.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub queries: &'a Matrix,
    pub keys: &'a Matrix,
    pub values: &'a Matrix,
    pub query_offsets: &'a [u32],
    pub key_offsets: &'a [u32],
    pub heads: usize,
}

/// What the way back needs: per query and head the logarithm of the sum.
pub(crate) type Normaliser = Vec<f32>;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn range(offsets: &[u32], sample: usize) -> Range<usize> {
    let at = |index: usize| offsets.get(index).map_or(0, |offset| *offset as usize);
    at(sample)..at(sample + 1)
}

impl Attention<'_> {
    /// Numbers of a head among queries and keys, and among values.
    fn widths(&self) -> [usize; 2] {
        [self.queries.columns() / self.heads, self.values.columns() / self.heads]
    }

    fn scale(&self) -> f32 {
        1.0 / (self.widths()[0].max(1) as f32).sqrt()
    }

    /// Sums of values; zero for a sample without keys.
    pub(crate) fn forward(&self) -> (Matrix, Normaliser) {
        let mut y = Matrix::zeros(self.queries.rows(), self.values.columns());
        let mut normaliser = vec![f32::NEG_INFINITY; self.queries.rows() * self.heads];
        let [width, out] = self.widths();
        let (stride, scale) = (y.stride(), self.scale());
        let mut rest = normaliser.as_mut_slice();
        let mut own_normaliser = Vec::new();
        for sample in 0..self.query_offsets.len().saturating_sub(1) {
            let (own, behind) = rest.split_at_mut(range(self.query_offsets, sample).len() * self.heads);
            own_normaliser.push(own);
            rest = behind;
        }
        let cuts: Vec<usize> = self.query_offsets.iter().map(|offset| *offset as usize).collect();
        y.split(&cuts).into_par_iter().zip(own_normaliser).enumerate().for_each(|(sample, (y, normaliser))| {
            let (queries, keys) = (range(self.query_offsets, sample), range(self.key_offsets, sample));
            let mut scores = [0.0_f32; BLOCK];
            for (local, query) in queries.enumerate() {
                let y = &mut y[local * stride..];
                for head in 0..self.heads {
                    let q = &self.queries.row(query)[head * width..(head + 1) * width];
                    let y = &mut y[head * out..(head + 1) * out];
                    let (mut largest, mut sum) = (f32::NEG_INFINITY, 0.0_f32);
                    for first in keys.clone().step_by(BLOCK) {
                        let block = first..keys.end.min(first + BLOCK);
                        let mut top = largest;
                        for (score, key) in scores.iter_mut().zip(block.clone()) {
                            *score = scale * dot(q, &self.keys.row(key)[head * width..(head + 1) * width]);
                            top = top.max(*score);
                        }
                        let shrink = if largest == f32::NEG_INFINITY { 0.0 } else { (largest - top).exp() };
                        y.iter_mut().for_each(|y| *y *= shrink);
                        sum *= shrink;
                        largest = top;
                        for (score, key) in scores.iter().zip(block) {
                            let weight = (score - largest).exp();
                            sum += weight;
                            let v = &self.values.row(key)[head * out..(head + 1) * out];
                            y.iter_mut().zip(v).for_each(|(y, v)| *y += weight * v);
                        }
                    }
                    if sum > 0.0 {
                        y.iter_mut().for_each(|y| *y /= sum);
                        normaliser[local * self.heads + head] = largest + sum.ln();
                    }
                }
            }
        });
        (y, normaliser)
    }

    /// Gradients by queries, keys and values from the result `y` and its gradient `g`.
    pub(crate) fn backward(&self, y: &Matrix, normaliser: &[f32], g: &Matrix) -> [Matrix; 3] {
        let [width, out] = self.widths();
        let scale = self.scale();
        let weight = |query: usize, key: usize, head: usize| {
            let q = &self.queries.row(query)[head * width..(head + 1) * width];
            let k = &self.keys.row(key)[head * width..(head + 1) * width];
            (scale * dot(q, k) - normaliser[query * self.heads + head]).exp()
        };
        // derivative by the score, without the scale
        let slope = |query: usize, key: usize, head: usize, weight: f32| {
            let own = head * out..(head + 1) * out;
            let g = &g.row(query)[own.clone()];
            weight * (dot(g, &self.values.row(key)[own.clone()]) - dot(g, &y.row(query)[own]))
        };
        let mut to_queries = Matrix::zeros(self.queries.rows(), self.queries.columns());
        let stride = to_queries.stride();
        each_sample(&mut to_queries, self.query_offsets, |sample, rows| {
            for (local, query) in range(self.query_offsets, sample).enumerate() {
                let row = &mut rows[local * stride..];
                for (head, key) in
                    (0..self.heads).flat_map(|head| range(self.key_offsets, sample).map(move |k| (head, k)))
                {
                    let factor = scale * slope(query, key, head, weight(query, key, head));
                    let own = head * width..(head + 1) * width;
                    let k = &self.keys.row(key)[own.clone()];
                    row[own].iter_mut().zip(k).for_each(|(row, k)| *row += factor * k);
                }
            }
        });
        let mut to_keys = Matrix::zeros(self.keys.rows(), self.keys.columns());
        let mut to_values = Matrix::zeros(self.values.rows(), self.values.columns());
        let (key_stride, value_stride) = (to_keys.stride(), to_values.stride());
        let cuts: Vec<usize> = self.key_offsets.iter().map(|offset| *offset as usize).collect();
        let parts: Vec<_> = to_keys.split(&cuts).into_iter().zip(to_values.split(&cuts)).collect();
        parts.into_par_iter().enumerate().for_each(|(sample, (to_keys, to_values))| {
            for (local, key) in range(self.key_offsets, sample).enumerate() {
                let (to_key, to_value) = (&mut to_keys[local * key_stride..], &mut to_values[local * value_stride..]);
                for (head, query) in
                    (0..self.heads).flat_map(|head| range(self.query_offsets, sample).map(move |q| (head, q)))
                {
                    let weight = weight(query, key, head);
                    let factor = scale * slope(query, key, head, weight);
                    let own = head * width..(head + 1) * width;
                    let q = &self.queries.row(query)[own.clone()];
                    to_key[own].iter_mut().zip(q).for_each(|(to, q)| *to += factor * q);
                    let own = head * out..(head + 1) * out;
                    let g = &g.row(query)[own.clone()];
                    to_value[own].iter_mut().zip(g).for_each(|(to, g)| *to += weight * g);
                }
            }
        });
        [to_queries, to_keys, to_values]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Matrix {
        let mut matrix = Matrix::zeros(rows, columns);
        for row in 0..rows {
            let values = matrix.row_mut(row).iter_mut().enumerate();
            values.for_each(|(column, value)| *value = (((row * 31 + column * 7 + seed) as f32) * 0.37).sin());
        }
        matrix
    }

    #[test]
    fn streaming_gives_what_the_whole_softmax_gives() {
        let offsets = [0_u32, 70, 70, 71];
        let (queries, keys, values) = (matrix(71, 6, 1), matrix(71, 6, 2), matrix(71, 4, 3));
        let attention = Attention {
            queries: &queries,
            keys: &keys,
            values: &values,
            query_offsets: &offsets,
            key_offsets: &offsets,
            heads: 2,
        };
        let (y, _) = attention.forward();
        for query in 0..71 {
            let own = if query < 70 { 0..70 } else { 70..71 };
            for head in 0..2 {
                let score = |key: usize| -> f64 {
                    let q = &queries.row(query)[head * 3..head * 3 + 3];
                    let k = &keys.row(key)[head * 3..head * 3 + 3];
                    q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() / 3_f64.sqrt()
                };
                let total: f64 = own.clone().map(|key| score(key).exp()).sum();
                for column in head * 2..head * 2 + 2 {
                    let sum = own.clone().map(|key| score(key).exp() / total * f64::from(values.row(key)[column]));
                    let expected: f64 = sum.sum();
                    assert!((f64::from(y.row(query)[column]) - expected).abs() < 1e-6, "{query} {head}");
                }
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let offsets = [0_u32, 40];
        let mut keys = matrix(40, 2, 5);
        (0..40).for_each(|row| keys.row_mut(row).iter_mut().for_each(|value| *value *= 1e4));
        let (queries, values) = (matrix(40, 2, 4), matrix(40, 2, 6));
        let attention = Attention {
            queries: &queries,
            keys: &keys,
            values: &values,
            query_offsets: &offsets,
            key_offsets: &offsets,
            heads: 1,
        };
        let (y, normaliser) = attention.forward();
        assert!((0..40).all(|row| y.row(row).iter().all(|value| value.abs() <= 1.0)));
        let g = matrix(40, 2, 7);
        assert!(
            attention.backward(&y, &normaliser, &g).iter().all(|g| g.values().iter().all(|value| value.is_finite()))
        );
    }
}
