//! From the gradient by the output to the gradients by the parameters.

use super::forward::{Kept, Mode, Pass, share, tensor};
use super::linear::Kernel;
use super::network::{Op, Rows, SetNetwork};
use super::rows::{each_row, sums};
use super::spec::{Function, Pooling};
use crate::batch::matrix::Matrix;
use crate::batch::noise::Dropout;
use crate::parameters::Parameters;

/// Gradients by values, made when they are needed.
struct Gradients {
    values: Vec<Option<Matrix>>,
}

impl Gradients {
    /// The gradient of a value, zero at first; nothing if no parameter lies before it.
    fn of(&mut self, network: &SetNetwork, pass: &Pass, value: usize) -> Option<&mut Matrix> {
        let node = value.checked_sub(network.inputs.len()).and_then(|index| network.nodes.get(index))?;
        if !node.learns {
            return None;
        }
        let (rows, columns) = (pass.values[value].rows(), pass.values[value].columns());
        Some(self.values[value].get_or_insert_with(|| Matrix::zeros(rows, columns)))
    }
}

impl Pass {
    /// Adds to `gradient` the derivatives by all parameters, given those by the output.
    pub(crate) fn backward(
        &self,
        network: &SetNetwork,
        parameters: &Parameters,
        kernels: &[Kernel],
        mode: Mode,
        output: Matrix,
        gradient: &mut [f32],
    ) {
        let mut gradients = Gradients { values: self.values.iter().map(|_| None).collect() };
        if let Some(last) = gradients.values.last_mut() {
            *last = Some(output);
        }
        for index in (0..network.nodes.len()).rev() {
            let value = network.inputs.len() + index;
            if let Some(g) = gradients.values[value].take() {
                self.layer_back(network, parameters, kernels, mode, index, g, &mut gradients, gradient);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn layer_back(
        &self,
        network: &SetNetwork,
        parameters: &Parameters,
        kernels: &[Kernel],
        mode: Mode,
        index: usize,
        mut g: Matrix,
        gradients: &mut Gradients,
        gradient: &mut [f32],
    ) {
        let node = &network.nodes[index];
        let source = node.from[0];
        let x = &self.values[source];
        let y = &self.values[network.inputs.len() + index];
        let rows = network.rows_of(source);
        let mut add = |network: &SetNetwork, value: usize, f: &(dyn Fn(usize, &mut [f32]) + Sync)| {
            if let Some(to) = gradients.of(network, self, value) {
                each_row(to, f);
            }
        };
        match node.op {
            Op::Dense { kernel, bias, function } => {
                if let (false, Kept::Before(before)) = (function == Function::Linear, &self.kept[index]) {
                    each_row(&mut g, |row, g| {
                        g.iter_mut().zip(before.row(row)).for_each(|(g, x)| *g *= function.slope(*x));
                    });
                }
                if parameters.specs[kernel].trainable {
                    let ranges = [kernel, bias].map(|tensor| network.tensors[tensor].range.clone());
                    // the bias stands behind its kernel
                    let (kernel, bias) = gradient[ranges[0].start..ranges[1].end].split_at_mut(ranges[0].len());
                    kernels[index].to_parameters(x, &g, kernel, bias);
                }
                if let Some(to) = gradients.of(network, self, source) {
                    kernels[index].to_input(&g, to);
                }
            }
            Op::Activation(function) => add(network, source, &|row, to| {
                let own = to.iter_mut().zip(g.row(row)).zip(x.row(row));
                own.for_each(|((to, g), x)| *to += g * function.slope(*x));
            }),
            Op::BatchNorm { gamma, beta, mean, variance, epsilon, .. } => {
                let of = |index| tensor(network, parameters, index);
                let (centre, inverse, batch) = match &self.kept[index] {
                    Kept::Moments([mean, inverse, _]) => (mean.clone(), inverse.clone(), true),
                    _ => {
                        let inverse = of(variance).iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
                        (of(mean).to_vec(), inverse, false)
                    }
                };
                let columns = x.columns();
                // sums of g, and of g times the normalised value
                let found = sums(x.rows(), 2 * columns, |rows, out| {
                    let (sum, product) = out.split_at_mut(columns);
                    for row in rows {
                        let own = g.row(row).iter().zip(x.row(row)).zip(centre.iter().zip(&inverse));
                        for (((g, x), (mean, inverse)), (sum, product)) in
                            own.zip(sum.iter_mut().zip(product.iter_mut()))
                        {
                            *sum += g;
                            *product += g * (x - mean) * inverse;
                        }
                    }
                });
                let (sum, product) = found.split_at(columns);
                if parameters.specs[gamma].trainable {
                    add_to(&mut gradient[network.tensors[gamma].range.clone()], product);
                    add_to(&mut gradient[network.tensors[beta].range.clone()], sum);
                }
                let share = if batch { 1.0 / x.rows() as f32 } else { 0.0 };
                add(network, source, &|row, to| {
                    let constants = centre.iter().zip(&inverse).zip(of(gamma)).zip(sum.iter().zip(product));
                    let own = to.iter_mut().zip(g.row(row)).zip(x.row(row)).zip(constants);
                    for (((to, g), x), (((mean, inverse), gamma), (sum, product))) in own {
                        let normal = (x - mean) * inverse;
                        *to += gamma * inverse * (g - share * (sum + normal * product));
                    }
                });
            }
            Op::LayerNorm { gamma, beta, .. } => {
                let Kept::RowMoments(moments) = &self.kept[index] else { return };
                let columns = x.columns();
                let found = sums(x.rows(), 2 * columns, |rows, out| {
                    let (sum, product) = out.split_at_mut(columns);
                    for row in rows {
                        let [mean, inverse] = moments[row];
                        let own = g.row(row).iter().zip(x.row(row)).zip(sum.iter_mut().zip(product.iter_mut()));
                        for ((g, x), (sum, product)) in own {
                            *sum += g;
                            *product += g * (x - mean) * inverse;
                        }
                    }
                });
                let (sum, product) = found.split_at(columns);
                if parameters.specs[gamma].trainable {
                    add_to(&mut gradient[network.tensors[gamma].range.clone()], product);
                    add_to(&mut gradient[network.tensors[beta].range.clone()], sum);
                }
                let gamma = tensor(network, parameters, gamma);
                add(network, source, &|row, to| {
                    let [mean, inverse] = moments[row];
                    let (mut first, mut second) = (0.0, 0.0);
                    for ((g, x), gamma) in g.row(row).iter().zip(x.row(row)).zip(gamma) {
                        first += g * gamma;
                        second += g * gamma * (x - mean) * inverse;
                    }
                    let (first, second) = (first / columns as f32, second / columns as f32);
                    for (((to, g), x), gamma) in to.iter_mut().zip(g.row(row)).zip(x.row(row)).zip(gamma) {
                        *to += inverse * (g * gamma - first - (x - mean) * inverse * second);
                    }
                });
            }
            Op::Dropout(rate) => {
                if let Mode::Training(noise) = mode {
                    let (stride, columns) = (g.stride(), g.columns());
                    Dropout { rate, alpha: false }.gradient(noise, index, 0, g.values_mut(), stride, columns);
                }
                add(network, source, &|row, to| add_to(to, g.row(row)));
            }
            Op::Concat => {
                let mut at = 0;
                for value in &node.from {
                    let first = at;
                    add(network, *value, &|row, to| add_to(to, &g.row(row)[first..]));
                    at += self.values[*value].columns();
                }
            }
            Op::Add => {
                for value in &node.from {
                    add(network, *value, &|row, to| add_to(to, g.row(row)));
                }
            }
            Op::Tag(tag) => {
                let columns = x.columns();
                if parameters.specs[tag].trainable {
                    let own = network.tensors[tag].range.clone();
                    let found = sums(g.rows(), own.len(), |rows, out| {
                        rows.for_each(|row| add_to(out, &g.row(row)[columns..]));
                    });
                    add_to(&mut gradient[own], &found);
                }
                add(network, source, &|row, to| add_to(to, g.row(row)));
            }
            Op::Edges(_) => {
                if let (Kept::Edges(edges), Some(to)) = (&self.kept[index], gradients.of(network, self, source)) {
                    edges.to_features(&g, self.offsets_of(rows), to);
                }
            }
            Op::MeanEdges => {
                if let (Some(edges), Some(to)) = (self.edges(network, rows), gradients.of(network, self, source)) {
                    edges.to_edges(&g, to);
                }
            }
            Op::Attention(_) => {
                let Kept::Attention(normaliser) = &self.kept[index] else { return };
                let found = self.attention(network, index).backward(y, normaliser, &g);
                for (value, found) in node.from.iter().zip(found) {
                    add(network, *value, &|row, to| add_to(to, found.row(row)));
                }
            }
            Op::Join(_) => {
                let places = self.places(network, index);
                for (number, value) in node.from.iter().enumerate() {
                    let Some(to) = gradients.of(network, self, *value) else { continue };
                    for (row, (from, source)) in places.sources.iter().enumerate() {
                        if *from as usize == number {
                            add_to(to.row_mut(*source as usize), g.row(row));
                        }
                    }
                }
            }
            Op::Pool(how) => {
                let Rows::Points(set) = rows else { return };
                let offsets = &self.offsets[set];
                let Some(to) = gradients.of(network, self, source) else { return };
                if let Kept::Largest(largest) = &self.kept[index] {
                    for (sample, places) in largest.chunks_exact(x.columns()).enumerate() {
                        for (column, (place, g)) in places.iter().zip(g.row(sample)).enumerate() {
                            if *place != u32::MAX {
                                to.row_mut(*place as usize)[column] += g;
                            }
                        }
                    }
                    return;
                }
                for sample in 0..self.samples {
                    let points = offsets[sample] as usize..offsets[sample + 1] as usize;
                    let factor = share(if how == Pooling::Mean { how } else { Pooling::Sum }, points.len());
                    for point in points {
                        to.row_mut(point).iter_mut().zip(g.row(sample)).for_each(|(to, g)| *to += factor * g);
                    }
                }
            }
            Op::Softmax => add(network, source, &|row, to| {
                let (g, y) = (g.row(row), y.row(row));
                let mean: f32 = g.iter().zip(y).map(|(g, y)| g * y).sum();
                to.iter_mut().zip(g.iter().zip(y)).for_each(|(to, (g, y))| *to += y * (g - mean));
            }),
        }
    }
}

fn add_to(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}
