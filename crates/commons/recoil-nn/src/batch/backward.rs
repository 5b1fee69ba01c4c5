//! From the gradient of the output to those of the parameters.

use super::block::{Centre, Slope};
use super::forward::{Kept, Mode, Moments, Workspace, affine};
use super::map::Map;
use super::matrix::{Matrix, padded};
use super::plan::{Affine, Block, Function, Kind, Plan};
use super::product::{Outer, Scatter};
use super::weights::{BlockWeights, Weights};
use crate::network::Network;
use pulp::Arch;
use rayon::prelude::*;

impl Workspace {
    /// Computes the gradient of the parameters from that of the output, which has a row per sample. The gradient of a
    /// row is the sum of those of the positions that it stands for.
    pub(crate) fn backward(
        &mut self,
        network: &Network,
        plan: &Plan,
        weights: &Weights,
        mode: Mode,
        output: Matrix,
        gradient: &mut [f32],
    ) {
        let Self { values, kept, spare, .. } = self;
        let mut gradients: Vec<Option<Matrix>> = values.iter().map(|_| None).collect();
        gradients[plan.output] = Some(output);
        for (index, step) in plan.steps.iter().enumerate().rev() {
            let Some(mut g) = gradients[step.to].take() else { continue };
            let Some(map) = values[step.to].map.clone() else { continue };
            let mut target = |gradients: &mut [Option<Matrix>], from: usize| {
                let like = &values[from].matrix;
                gradients[from].take().unwrap_or_else(|| {
                    let mut matrix = spare.pop().unwrap_or_default();
                    matrix.resize(like.rows(), like.columns());
                    matrix.clear();
                    matrix
                })
            };
            let wanted = step.from.iter().filter(|(_, learns)| *learns);
            match &step.kind {
                Kind::Block(block) => {
                    let Some(&(from, learns)) = step.from.first() else { continue };
                    let pass = Back {
                        network,
                        block,
                        weights: &weights.blocks[index],
                        kept: &kept[index],
                        map: &map,
                        mode,
                        step: index,
                        source: &values[from].matrix,
                    };
                    pass.pointwise(&mut g, gradient);
                    match &block.linear {
                        Some(linear) => {
                            if pass.weights.linear_learns {
                                pass.weights_gradient(linear, &g, gradient);
                            }
                            if learns {
                                let mut to = target(&mut gradients, from);
                                let cuts = values[from].map.as_ref().map(|map| map.cuts.as_slice());
                                pass.scatter(&g, &mut to, cuts.unwrap_or_default());
                                gradients[from] = Some(to);
                            }
                        }
                        None if learns => {
                            let mut to = target(&mut gradients, from);
                            for (to, g) in to.values_mut().iter_mut().zip(g.values()) {
                                *to += g;
                            }
                            gradients[from] = Some(to);
                        }
                        None => {}
                    }
                }
                Kind::Concat(channels) => {
                    let mut at = 0;
                    for (&(from, learns), &channels) in step.from.iter().zip(channels) {
                        if learns {
                            let mut to = target(&mut gradients, from);
                            let same = values[from].map.as_ref().filter(|own| !std::sync::Arc::ptr_eq(own, &map));
                            for row in 0..g.rows() {
                                let write = same.map_or(row, |own| own.index[row] as usize);
                                let own = &g.row(row)[at..at + channels];
                                to.row_mut(write).iter_mut().zip(own).for_each(|(to, g)| *to += g);
                            }
                            gradients[from] = Some(to);
                        }
                        at += channels;
                    }
                }
                Kind::Add => {
                    for &(from, _) in wanted {
                        let mut to = target(&mut gradients, from);
                        let same = values[from].map.as_ref().filter(|own| !std::sync::Arc::ptr_eq(own, &map));
                        for row in 0..g.rows() {
                            let write = same.map_or(row, |own| own.index[row] as usize);
                            to.row_mut(write).iter_mut().zip(g.row(row)).for_each(|(to, g)| *to += g);
                        }
                        gradients[from] = Some(to);
                    }
                }
                Kind::MaxPool(_) => {
                    for &(from, _) in wanted {
                        let mut to = target(&mut gradients, from);
                        for (row, largest) in kept[index].largest.chunks_exact(step.channels).enumerate() {
                            for (channel, &at) in largest.iter().enumerate() {
                                to.row_mut(at as usize)[channel] += g.row(row)[channel];
                            }
                        }
                        gradients[from] = Some(to);
                    }
                }
                Kind::Flatten => {
                    for &(from, _) in wanted {
                        let Some(own) = values[from].map.clone() else { continue };
                        let mut to = target(&mut gradients, from);
                        let columns = to.columns();
                        for (sample, index) in own.index.chunks_exact(own.positions).enumerate() {
                            for (g, &row) in g.row(sample).chunks_exact(columns).zip(index) {
                                to.row_mut(row as usize).iter_mut().zip(g).for_each(|(to, g)| *to += g);
                            }
                        }
                        gradients[from] = Some(to);
                    }
                }
                Kind::Softmax => {
                    for &(from, _) in wanted {
                        let mut to = target(&mut gradients, from);
                        for row in 0..g.rows() {
                            let (y, g) = (values[step.to].matrix.row(row), g.row(row));
                            let mean: f32 = y.iter().zip(g).map(|(y, g)| y * g).sum();
                            for ((to, y), g) in to.row_mut(row).iter_mut().zip(y).zip(g) {
                                *to += y * (g - mean);
                            }
                        }
                        gradients[from] = Some(to);
                    }
                }
            }
            spare.push(g);
        }
        spare.extend(gradients.into_iter().flatten());
    }
}

/// A normalisation as a block used it, per column.
struct Normal {
    mean: Vec<f32>,
    inverse: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// One block on the way back.
struct Back<'a> {
    network: &'a Network,
    block: &'a Block,
    weights: &'a BlockWeights,
    kept: &'a Kept,
    map: &'a Map,
    mode: Mode,
    step: usize,
    source: &'a Matrix,
}

impl Back<'_> {
    /// From the gradient of the result to that of the product.
    fn pointwise(&self, g: &mut Matrix, gradient: &mut [f32]) {
        let (arch, map, block) = (Arch::new(), self.map, self.block);
        let (stride, columns) = (g.stride(), g.columns());
        let bare = block.norm.is_none() && block.function == Function::None;
        if bare && block.dropout.is_none() {
            return;
        }
        let batch = self.kept.moments.as_ref();
        let own: Option<Normal> = block.norm.map(|norm| {
            let (mean, inverse) = match batch {
                Some(Moments { mean, variance, .. }) => {
                    (mean.clone(), variance.iter().map(|v| 1.0 / (v + norm.epsilon).sqrt()).collect())
                }
                None => (self.weights.mean.clone(), self.weights.inverse.clone()),
            };
            let [scale, shift] = affine(&self.weights.gamma, &self.weights.beta, &mean, &inverse);
            Normal { mean, inverse, scale, shift }
        });
        let parts: Vec<(&mut [f32], usize)> = g.split(&map.cuts).into_iter().zip(map.cuts.iter().copied()).collect();
        let sums: Vec<[Vec<f32>; 3]> = parts
            .into_par_iter()
            .with_max_len(1)
            .map(|(g, first)| {
                if let (Mode::Training(noise), Some(dropout)) = (self.mode, block.dropout) {
                    dropout.gradient(noise, self.step, first, g, stride, columns);
                }
                let mut sums = [vec![0.0; stride], vec![0.0; stride], vec![0.0; stride]];
                if !bare {
                    let z = &self.kept.z.values()[first * stride..][..g.len()];
                    arch.dispatch(Slope {
                        g,
                        z,
                        affine: own.as_ref().map(|own| [own.scale.as_slice(), own.shift.as_slice()]),
                        function: block.function,
                        slopes: &self.weights.slopes,
                        columns: stride,
                        mean: own.as_ref().map(|own| own.mean.as_slice()),
                        sums: sums.each_mut().map(Vec::as_mut_slice),
                    });
                }
                sums
            })
            .collect();
        let total = |which: usize, column: usize| -> f64 {
            sums.iter().filter_map(|sums| sums.get(which)?.get(column)).map(|&sum| f64::from(sum)).sum()
        };
        if let Function::Prelu(alpha) = block.function {
            let own = &mut gradient[self.network.range(alpha)];
            own.iter_mut().enumerate().for_each(|(column, own)| *own += total(0, column) as f32);
        }
        let (Some(norm), Some(Normal { mean, inverse, scale, .. })) = (block.norm, own) else { return };
        let (mut base, mut tilt) = (vec![0.0; stride], vec![0.0; stride]);
        let (gamma, beta) = (self.network.range(norm.gamma), self.network.range(norm.beta));
        for column in 0..norm.channels {
            let (sum, product) = (total(1, column), total(2, column));
            gradient[gamma.start + column] += (product * f64::from(inverse[column])) as f32;
            gradient[beta.start + column] += sum as f32;
            if let Some(Moments { count, .. }) = batch {
                let (scale, inverse) = (f64::from(scale[column]), f64::from(inverse[column]));
                base[column] = (scale * sum / count) as f32;
                tilt[column] = (scale * inverse * inverse * product / count) as f32;
            }
        }
        let parts: Vec<(&mut [f32], usize)> = g.split(&map.cuts).into_iter().zip(map.cuts.iter().copied()).collect();
        parts.into_par_iter().with_max_len(1).for_each(|(g, first)| {
            let rows = g.len() / stride;
            let z = &self.kept.z.values()[first * stride..][..g.len()];
            let counts = &map.counts[first..first + rows];
            arch.dispatch(Centre { g, z, counts, scale: &scale, base: &base, tilt: &tilt, mean: &mean });
        });
    }

    /// Gradients of kernel and bias.
    fn weights_gradient(&self, linear: &Affine, g: &Matrix, gradient: &mut [f32]) {
        let (arch, cuts) = (Arch::new(), &self.map.cuts);
        let (stride, columns) = (self.source.stride(), g.stride());
        let sources = self.kept.sources.as_deref();
        let parts: Vec<(usize, usize)> = cuts.iter().copied().zip(cuts.iter().copied().skip(1)).collect();
        let parts: Vec<Vec<f32>> = parts
            .into_par_iter()
            .with_max_len(1)
            .map(|(first, last)| {
                let mut out = vec![0.0; linear.taps * stride * columns];
                arch.dispatch(Outer {
                    x: self.source.values(),
                    x_stride: stride,
                    sources: sources.map(|sources| &sources[first * linear.taps..last * linear.taps]),
                    first,
                    taps: linear.taps,
                    g: &g.values()[first * columns..last * columns],
                    columns,
                    out: &mut out,
                });
                out
            })
            .collect();
        let [inputs, outputs] = linear.channels;
        let kernel = &mut gradient[self.network.range(linear.kernel)];
        for (row, own) in kernel.chunks_exact_mut(outputs).enumerate() {
            let at = ((row / inputs) * stride + row % inputs) * columns;
            for part in &parts {
                own.iter_mut().zip(&part[at..]).for_each(|(own, part)| *own += part);
            }
        }
        // a normalisation by the moments of the batch takes every shift away: the gradient of the bias is zero
        if self.kept.moments.is_none() {
            let bias = &mut gradient[self.network.range(linear.bias)];
            for row in 0..g.rows() {
                bias.iter_mut().zip(g.row(row)).for_each(|(bias, g)| *bias += g);
            }
        }
    }

    /// The gradient of what the linear layer reads, added.
    fn scatter(&self, g: &Matrix, to: &mut Matrix, to_cuts: &[usize]) {
        let arch = Arch::new();
        let taps = self.weights.backward.taps;
        let (stride, x_stride) = (padded(g.columns()), to.stride());
        let sources = self.kept.sources.as_deref();
        let cuts = &self.map.cuts;
        let ranges = cuts.iter().copied().zip(cuts.iter().copied().skip(1));
        let parts: Vec<_> = to.split(to_cuts).into_iter().zip(to_cuts.iter().copied()).zip(ranges).collect();
        parts.into_par_iter().with_max_len(1).for_each(|((x, x_first), (first, last))| {
            arch.dispatch(Scatter {
                g: &g.values()[first * stride..last * stride],
                stride,
                sources: sources.map(|sources| &sources[first * taps..last * taps]),
                first: x_first,
                weights: &self.weights.backward,
                x,
                x_stride,
            });
        });
    }
}
