//! From the inputs to the output.

use super::block::{Apply, Sums};
use super::feed::{Batch, Value};
use super::map::{Map, Split, Window};
use super::matrix::{Matrix, padded};
use super::noise::Noise;
use super::plan::{Block, Function, Kind, Plan};
use super::product::Forward;
use super::weights::{BlockWeights, Weights};
use crate::network::Network;
use pulp::Arch;
use rayon::prelude::*;
use std::sync::Arc;

/// Room for a batch, kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Inputs and results of steps.
    pub values: Vec<Value>,
    /// What each step must remember for the way back.
    pub kept: Vec<Kept>,
    pub split: Option<Split>,
    /// Windows known for this batch, by the address of the map before them.
    windows: Vec<(Arc<Map>, Window, Behind)>,
    pub spare: Vec<Matrix>,
}

/// What lies behind a window.
type Behind = (Arc<Map>, Arc<Vec<u32>>);

/// What a step remembers.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Result of the product, before normalisation and activation.
    pub z: Matrix,
    /// Rows that windows read.
    pub sources: Option<Arc<Vec<u32>>>,
    /// Mean and variance per column if the normalisation took those of the batch, and the number of positions.
    pub moments: Option<Moments>,
    /// Per tile and channel the row that had the largest value.
    pub largest: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
    pub count: f64,
}

/// Whether and how a pass is one of training.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Inference,
    Training(Noise),
}

impl Workspace {
    /// Computes the output of a batch.
    pub(crate) fn forward(
        &mut self,
        network: &Network,
        plan: &Plan,
        weights: &Weights,
        batch: &Batch<'_>,
        split: Split,
        mode: Mode,
    ) {
        self.values.resize_with(network.inputs.len() + plan.steps.len(), Value::default);
        self.kept.resize_with(plan.steps.len(), Kept::default);
        self.windows.clear();
        batch.load(network, &split, &mut self.values);
        for (index, step) in plan.steps.iter().enumerate() {
            let (before, own) = self.values.split_at_mut(step.to);
            let Some(own) = own.first_mut() else { continue };
            let kept = &mut self.kept[index];
            let Some(&(first, _)) = step.from.first() else { continue };
            let (source, Some(map)) = (&before[first].matrix, before[first].map.clone()) else { continue };
            match &step.kind {
                Kind::Block(block) => {
                    let window = block.linear.and_then(|linear| linear.window);
                    kept.sources = None;
                    own.map = Some(map.clone());
                    if let Some(window) = window {
                        let (map, sources) = behind(&mut self.windows, &map, &split, window);
                        kept.sources = Some(sources);
                        own.map = Some(map);
                    }
                    let Some(map) = own.map.clone() else { continue };
                    let pass = Pass { block, weights: &weights.blocks[index], map: &map, mode, step: index };
                    pass.run(source, kept, &mut own.matrix, step.channels);
                }
                Kind::Concat(channels) => {
                    let same = step
                        .from
                        .iter()
                        .all(|&(from, _)| before[from].map.as_ref().is_some_and(|other| Arc::ptr_eq(other, &map)));
                    let map = if same { map } else { Arc::new(Map::dense(&split, map.positions)) };
                    own.matrix.resize(map.rows(), step.channels);
                    own.matrix.clear();
                    let mut at = 0;
                    for (&(from, _), &channels) in step.from.iter().zip(channels) {
                        let from = &before[from];
                        for row in 0..map.rows() {
                            let read = if same { row } else { from.map.as_ref().map_or(0, |m| m.index[row] as usize) };
                            own.matrix.row_mut(row)[at..at + channels].copy_from_slice(from.matrix.row(read));
                        }
                        at += channels;
                    }
                    own.map = Some(map);
                }
                Kind::Add => {
                    let same = step
                        .from
                        .iter()
                        .all(|&(from, _)| before[from].map.as_ref().is_some_and(|other| Arc::ptr_eq(other, &map)));
                    let map = if same { map } else { Arc::new(Map::dense(&split, map.positions)) };
                    own.matrix.resize(map.rows(), step.channels);
                    own.matrix.clear();
                    for &(from, _) in &step.from {
                        let from = &before[from];
                        for row in 0..map.rows() {
                            let read = if same { row } else { from.map.as_ref().map_or(0, |m| m.index[row] as usize) };
                            for (sum, value) in own.matrix.row_mut(row).iter_mut().zip(from.matrix.row(read)) {
                                *sum += value;
                            }
                        }
                    }
                    own.map = Some(map);
                }
                Kind::MaxPool(window) => {
                    let (map, sources) = behind(&mut self.windows, &map, &split, *window);
                    own.matrix.resize(map.rows(), step.channels);
                    own.matrix.clear();
                    kept.largest.clear();
                    for (row, taps) in sources.chunks_exact(window.taps()).enumerate() {
                        for (channel, value) in own.matrix.row_mut(row).iter_mut().enumerate() {
                            let of = |tap: u32| source.row(tap as usize)[channel];
                            // the first of equal values
                            let first = taps.iter().copied().reduce(|a, b| if of(b) > of(a) { b } else { a });
                            let first = first.unwrap_or(0);
                            *value = of(first);
                            kept.largest.push(first);
                        }
                    }
                    own.map = Some(map);
                }
                Kind::Flatten => {
                    let flat = Arc::new(Map::dense(&split, 1));
                    own.matrix.resize(flat.rows(), map.positions * source.columns());
                    own.matrix.clear();
                    for (sample, index) in map.index.chunks_exact(map.positions).enumerate() {
                        let row = own.matrix.row_mut(sample);
                        for (to, &from) in row.chunks_exact_mut(source.columns()).zip(index) {
                            to.copy_from_slice(source.row(from as usize));
                        }
                    }
                    own.map = Some(flat);
                }
                Kind::Softmax => {
                    own.matrix.resize(source.rows(), step.channels);
                    own.matrix.clear();
                    for row in 0..source.rows() {
                        let (x, y) = (source.row(row), own.matrix.row_mut(row));
                        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                        for (y, x) in y.iter_mut().zip(x) {
                            *y = (x - largest).exp();
                        }
                        let sum: f32 = y.iter().sum();
                        y.iter_mut().for_each(|y| *y /= sum);
                    }
                    own.map = Some(map);
                }
            }
        }
        self.split = Some(split);
    }
}

fn behind(known: &mut Vec<(Arc<Map>, Window, Behind)>, map: &Arc<Map>, split: &Split, window: Window) -> Behind {
    if let Some((.., found)) = known.iter().find(|(before, w, _)| Arc::ptr_eq(before, map) && *w == window) {
        return found.clone();
    }
    let (next, sources) = map.behind(split, &window);
    let found = (Arc::new(next), Arc::new(sources));
    known.push((map.clone(), window, found.clone()));
    found
}

/// One block of a pass.
struct Pass<'a> {
    block: &'a Block,
    weights: &'a BlockWeights,
    /// Of the result.
    map: &'a Map,
    mode: Mode,
    step: usize,
}

impl Pass<'_> {
    fn run(&self, source: &Matrix, kept: &mut Kept, out: &mut Matrix, channels: usize) {
        let (arch, map) = (Arch::new(), self.map);
        out.resize(map.rows(), channels);
        let training = matches!(self.mode, Mode::Training(_));
        let bare = self.block.norm.is_none() && self.block.function == Function::None;
        kept.moments = None;
        // what normalisation and activation start from is needed on the way back
        let keep = training && !bare;
        if keep {
            kept.z.resize(map.rows(), channels);
        }
        self.product(source, kept.sources.as_deref().map(Vec::as_slice), if keep { &mut kept.z } else { &mut *out });
        let affine = self.affine(kept);
        let (stride, step) = (out.stride(), self.step);
        let z = keep.then(|| kept.z.values());
        let parts: Vec<(&mut [f32], usize)> = out.split(&map.cuts).into_iter().zip(map.cuts.iter().copied()).collect();
        parts.into_par_iter().with_max_len(1).for_each(|(y, first)| {
            if let Some(z) = z {
                y.copy_from_slice(&z[first * stride..][..y.len()]);
            }
            if !bare {
                let affine = affine.as_ref().map(|[scale, shift]| [scale.as_slice(), shift.as_slice()]);
                let (function, slopes) = (self.block.function, self.weights.slopes.as_slice());
                arch.dispatch(Apply { y: &mut *y, affine, function, slopes, columns: stride });
            }
            if let (Mode::Training(noise), Some(dropout)) = (self.mode, self.block.dropout) {
                dropout.apply(noise, step, first, y, stride, channels);
            }
        });
    }

    /// The linear layer, or a copy.
    fn product(&self, source: &Matrix, sources: Option<&[u32]>, out: &mut Matrix) {
        let (arch, cuts) = (Arch::new(), &self.map.cuts);
        if self.block.linear.is_none() {
            out.values_mut().copy_from_slice(source.values());
            return;
        }
        let weights = self.weights;
        let taps = weights.forward.taps;
        let stride = source.stride();
        let parts: Vec<(&mut [f32], usize)> = out.split(cuts).into_iter().zip(cuts.iter().copied()).collect();
        parts.into_par_iter().with_max_len(1).for_each(|(y, first)| {
            let rows = y.len() / weights.bias.len().max(1);
            arch.dispatch(Forward {
                x: source.values(),
                stride,
                sources: sources.map(|sources| &sources[first * taps..(first + rows) * taps]),
                first,
                weights: &weights.forward,
                bias: &weights.bias,
                y,
            });
        });
    }

    /// Factor and summand of the normalisation; the moments are kept if they are those of the batch.
    fn affine(&self, kept: &mut Kept) -> Option<[Vec<f32>; 2]> {
        let norm = self.block.norm?;
        let weights = self.weights;
        if matches!(self.mode, Mode::Training(_)) && weights.norm_learns {
            let moments = moments(&kept.z, self.map);
            let inverse: Vec<f32> =
                moments.variance.iter().map(|variance| 1.0 / (variance + norm.epsilon).sqrt()).collect();
            let affine = affine(&weights.gamma, &weights.beta, &moments.mean, &inverse);
            kept.moments = Some(moments);
            return Some(affine);
        }
        Some(affine(&weights.gamma, &weights.beta, &weights.mean, &weights.inverse))
    }
}

/// gamma (x - mean) inverse + beta as factor and summand.
pub(crate) fn affine(gamma: &[f32], beta: &[f32], mean: &[f32], inverse: &[f32]) -> [Vec<f32>; 2] {
    let scale: Vec<f32> = gamma.iter().zip(inverse).map(|(gamma, inverse)| gamma * inverse).collect();
    let shift = beta.iter().zip(mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
    [scale, shift]
}

/// Mean and variance of each column over all positions.
fn moments(z: &Matrix, map: &Map) -> Moments {
    let arch = Arch::new();
    let columns = padded(z.columns());
    let count: f64 = map.counts.iter().map(|&count| f64::from(count)).sum();
    let sums = |mean: Option<&[f32]>| -> Vec<f32> {
        let parts: Vec<(usize, usize)> = map.cuts.iter().copied().zip(map.cuts.iter().copied().skip(1)).collect();
        let parts: Vec<Vec<f32>> = parts
            .into_par_iter()
            .with_max_len(1)
            .map(|(first, last)| {
                let mut sums = vec![0.0; columns];
                let z = &z.values()[first * columns..last * columns];
                arch.dispatch(Sums { z, counts: &map.counts[first..last], mean, sums: &mut sums });
                sums
            })
            .collect();
        let total = |column: usize| parts.iter().map(|part| f64::from(part[column])).sum::<f64>();
        (0..columns).map(|column| (total(column) / count.max(1.0)) as f32).collect()
    };
    let mean = sums(None);
    let variance = sums(Some(&mean));
    Moments { mean, variance, count }
}
