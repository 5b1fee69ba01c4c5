//! From inputs to the output, layer after layer.

use super::SetBatch;
use super::attention::{Attention, Normaliser};
use super::edges::Edges;
use super::linear::Kernel;
use super::network::{Op, Rows, SetNetwork};
use super::rows::{each_row, sums};
use super::spec::{Function, Pooling};
use crate::batch::matrix::Matrix;
use crate::batch::noise::{Dropout, Noise};
use crate::parameters::Parameters;

/// Whether features are dropped and moments come from the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Inference,
    Training(Noise),
}

/// What the way back needs of a layer beside its values.
#[derive(Clone, Debug, Default)]
pub(crate) enum Kept {
    #[default]
    Nothing,
    /// What stood before the function of a dense layer.
    Before(std::sync::Arc<Matrix>),
    /// Mean, and one over the deviation; variance. Per column.
    Moments([Vec<f32>; 3]),
    /// Mean, and one over the deviation, per row.
    RowMoments(Vec<[f32; 2]>),
    Edges(Edges),
    Attention(Normaliser),
    /// Row of the largest value, per sample and column.
    Largest(Vec<u32>),
}

/// All values of a batch.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Inputs, then layers.
    pub values: Vec<Matrix>,
    pub kept: Vec<Kept>,
    /// Where samples begin in each set.
    pub offsets: Vec<Vec<u32>>,
    pub samples: usize,
}

/// Kernels of the dense layers, per node.
pub(crate) type Kernels = Vec<Kernel>;

/// Packs the kernels.
pub(crate) fn pack(network: &SetNetwork, parameters: &Parameters, kernels: &mut Kernels, training: bool) {
    kernels.resize(network.nodes.len(), Kernel::default());
    for (node, own) in network.nodes.iter().zip(kernels) {
        if let Op::Dense { kernel, bias, .. } = node.op {
            own.update(tensor(network, parameters, kernel), tensor(network, parameters, bias), training);
        }
    }
}

pub(crate) fn tensor<'a>(network: &SetNetwork, parameters: &'a Parameters, index: usize) -> &'a [f32] {
    &parameters.values[network.tensors[index].range.clone()]
}

impl Pass {
    /// Computes all values of a batch that has been checked.
    pub(crate) fn forward(
        network: &SetNetwork,
        parameters: &Parameters,
        kernels: &[Kernel],
        batch: &SetBatch<'_>,
        mode: Mode,
    ) -> Self {
        let mut pass = Self { samples: batch.samples, ..Self::default() };
        pass.offsets = batch.offsets.iter().map(|offsets| offsets.to_vec()).collect();
        for (input, values) in network.spec.inputs.iter().zip(&batch.inputs) {
            let mut matrix = Matrix::zeros(values.len() / input.columns, input.columns);
            each_row(&mut matrix, |row, to| to.copy_from_slice(&values[row * input.columns..][..input.columns]));
            pass.values.push(matrix);
        }
        for index in 0..network.nodes.len() {
            let (value, kept) = pass.layer(network, parameters, kernels, index, mode);
            pass.values.push(value);
            pass.kept.push(kept);
        }
        pass
    }

    /// The output, a row per sample.
    pub(crate) fn output(&self) -> &Matrix {
        &self.values[self.values.len() - 1]
    }

    /// Where the samples begin among rows of points.
    pub(crate) fn offsets_of(&self, rows: Rows) -> &[u32] {
        match rows {
            Rows::Points(set) => &self.offsets[set],
            Rows::Samples | Rows::Edges(_) => &[],
        }
    }

    /// The edges of a value of edges.
    pub(crate) fn edges(&self, network: &SetNetwork, rows: Rows) -> Option<&Edges> {
        let Rows::Edges(made) = rows else { return None };
        match self.kept.get(made - network.inputs.len()) {
            Some(Kept::Edges(edges)) => Some(edges),
            _ => None,
        }
    }

    fn layer(
        &mut self,
        network: &SetNetwork,
        parameters: &Parameters,
        kernels: &[Kernel],
        index: usize,
        mode: Mode,
    ) -> (Matrix, Kept) {
        let node = &network.nodes[index];
        let x = &self.values[node.from[0]];
        let input = |number: usize| &self.values[node.from[number]];
        let rows = network.rows_of(node.from[0]);
        match node.op {
            Op::Dense { function, .. } => {
                let before = kernels[index].forward(x);
                if function == Function::Linear {
                    return (before, Kept::Nothing);
                }
                let y = map(&before, |value| function.value(value));
                (y, Kept::Before(before.into()))
            }
            Op::Activation(function) => (map(x, |value| function.value(value)), Kept::Nothing),
            Op::BatchNorm { gamma, beta, mean, variance, epsilon, .. } => {
                let of = |index| tensor(network, parameters, index);
                let learns = network.tensors[gamma].trainable && parameters.specs[gamma].trainable;
                let batch = matches!(mode, Mode::Training(_)) && learns && x.rows() > 0;
                let [mean, variance] = if batch { moments(x) } else { [of(mean).to_vec(), of(variance).to_vec()] };
                let inverse: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
                let mut y = Matrix::zeros(x.rows(), x.columns());
                each_row(&mut y, |row, y| {
                    let own =
                        y.iter_mut().zip(x.row(row)).zip(mean.iter().zip(&inverse)).zip(of(gamma).iter().zip(of(beta)));
                    own.for_each(|(((y, x), (mean, inverse)), (gamma, beta))| *y = (x - mean) * inverse * gamma + beta);
                });
                let kept = if batch { Kept::Moments([mean, inverse, variance]) } else { Kept::Nothing };
                (y, kept)
            }
            Op::LayerNorm { gamma, beta, epsilon } => {
                let of = |index| tensor(network, parameters, index);
                let row_moments: Vec<[f32; 2]> = (0..x.rows()).map(|row| row_moments(x.row(row), epsilon)).collect();
                let mut y = Matrix::zeros(x.rows(), x.columns());
                each_row(&mut y, |row, y| {
                    let [mean, inverse] = row_moments[row];
                    let own = y.iter_mut().zip(x.row(row)).zip(of(gamma).iter().zip(of(beta)));
                    own.for_each(|((y, x), (gamma, beta))| *y = (x - mean) * inverse * gamma + beta);
                });
                (y, Kept::RowMoments(row_moments))
            }
            Op::Dropout(rate) => {
                let mut y = map(x, |value| value);
                if let Mode::Training(noise) = mode {
                    let (stride, columns) = (y.stride(), y.columns());
                    Dropout { rate, alpha: false }.apply(noise, index, 0, y.values_mut(), stride, columns);
                }
                (y, Kept::Nothing)
            }
            Op::Concat => {
                let mut y = Matrix::zeros(x.rows(), node.columns);
                each_row(&mut y, |row, y| {
                    let mut at = 0;
                    for number in 0..node.from.len() {
                        let own = input(number).row(row);
                        y[at..at + own.len()].copy_from_slice(own);
                        at += own.len();
                    }
                });
                (y, Kept::Nothing)
            }
            Op::Add => {
                let mut y = map(x, |value| value);
                each_row(&mut y, |row, y| {
                    for number in 1..node.from.len() {
                        y.iter_mut().zip(input(number).row(row)).for_each(|(y, x)| *y += x);
                    }
                });
                (y, Kept::Nothing)
            }
            Op::Tag(tag) => {
                let mut y = Matrix::zeros(x.rows(), node.columns);
                each_row(&mut y, |row, y| {
                    y[..x.columns()].copy_from_slice(x.row(row));
                    y[x.columns()..].copy_from_slice(tensor(network, parameters, tag));
                });
                (y, Kept::Nothing)
            }
            Op::Edges(most) => {
                let offsets = self.offsets_of(rows);
                let edges = Edges::nearest(input(1), offsets, most);
                (edges.features(x, offsets), Kept::Edges(edges))
            }
            Op::MeanEdges => match self.edges(network, rows) {
                Some(edges) => (edges.mean(x), Kept::Nothing),
                None => (Matrix::zeros(0, node.columns), Kept::Nothing),
            },
            Op::Attention(_) => {
                let (y, normaliser) = self.attention(network, index).forward();
                (y, Kept::Attention(normaliser))
            }
            Op::Join(set) => {
                let places = self.places(network, index);
                if self.offsets.len() <= set {
                    self.offsets.resize(set + 1, Vec::new());
                }
                self.offsets[set] = places.offsets;
                let mut y = Matrix::zeros(places.sources.len(), node.columns);
                each_row(&mut y, |row, y| {
                    let (number, from) = places.sources[row];
                    y.copy_from_slice(self.values[node.from[number as usize]].row(from as usize));
                });
                (y, Kept::Nothing)
            }
            Op::Pool(how) => pool(x, self.offsets_of(rows), how),
            Op::Softmax => {
                let mut y = map(x, |value| value);
                each_row(&mut y, |_, y| {
                    let largest = y.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    y.iter_mut().for_each(|y| *y = (*y - largest).exp());
                    let sum: f32 = y.iter().sum();
                    y.iter_mut().for_each(|y| *y /= sum);
                });
                (y, Kept::Nothing)
            }
        }
    }

    /// The attention of a node.
    pub(crate) fn attention(&self, network: &SetNetwork, index: usize) -> Attention<'_> {
        let node = &network.nodes[index];
        let heads = if let Op::Attention(heads) = node.op { heads } else { 1 };
        Attention {
            queries: &self.values[node.from[0]],
            keys: &self.values[node.from[1]],
            values: &self.values[node.from[2]],
            query_offsets: self.offsets_of(network.rows_of(node.from[0])),
            key_offsets: self.offsets_of(network.rows_of(node.from[1])),
            heads,
        }
    }

    /// Where the rows of a joined set come from.
    pub(crate) fn places(&self, network: &SetNetwork, index: usize) -> Places {
        let node = &network.nodes[index];
        let mut places = Places { offsets: vec![0], sources: Vec::new() };
        for sample in 0..self.samples {
            for (number, value) in node.from.iter().enumerate() {
                let rows = match network.rows_of(*value) {
                    Rows::Points(set) => self.offsets[set][sample]..self.offsets[set][sample + 1],
                    Rows::Samples | Rows::Edges(_) => sample as u32..sample as u32 + 1,
                };
                places.sources.extend(rows.map(|row| (number as u32, row)));
            }
            places.offsets.push(places.sources.len() as u32);
        }
        places
    }
}

/// Rows of a joined set: number of the input and its row.
pub(crate) struct Places {
    pub offsets: Vec<u32>,
    pub sources: Vec<(u32, u32)>,
}

fn map(x: &Matrix, f: impl Fn(f32) -> f32 + Sync) -> Matrix {
    let mut y = Matrix::zeros(x.rows(), x.columns());
    each_row(&mut y, |row, y| y.iter_mut().zip(x.row(row)).for_each(|(y, x)| *y = f(*x)));
    y
}

/// Mean and variance of every column.
fn moments(x: &Matrix) -> [Vec<f32>; 2] {
    let count = x.rows() as f32;
    let mut mean = sums(x.rows(), x.columns(), |rows, out| {
        rows.for_each(|row| out.iter_mut().zip(x.row(row)).for_each(|(out, x)| *out += x));
    });
    mean.iter_mut().for_each(|mean| *mean /= count);
    let mut variance = sums(x.rows(), x.columns(), |rows, out| {
        for row in rows {
            let own = out.iter_mut().zip(x.row(row)).zip(&mean);
            own.for_each(|((out, x), mean)| *out += (x - mean) * (x - mean));
        }
    });
    variance.iter_mut().for_each(|variance| *variance /= count);
    [mean, variance]
}

/// Mean of a row, and one over its deviation.
fn row_moments(row: &[f32], epsilon: f32) -> [f32; 2] {
    let count = row.len().max(1) as f32;
    let mean = row.iter().sum::<f32>() / count;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
    [mean, 1.0 / (variance + epsilon).sqrt()]
}

fn pool(x: &Matrix, offsets: &[u32], how: Pooling) -> (Matrix, Kept) {
    let samples = offsets.len().saturating_sub(1);
    let mut y = Matrix::zeros(samples, x.columns());
    let points = |sample: usize| offsets[sample] as usize..offsets[sample + 1] as usize;
    if how == Pooling::Max {
        let mut largest = vec![u32::MAX; samples * x.columns()];
        for (sample, largest) in largest.chunks_exact_mut(x.columns()).enumerate() {
            for point in points(sample) {
                for (column, (value, place)) in x.row(point).iter().zip(largest.iter_mut()).enumerate() {
                    if *place == u32::MAX || *value > x.row(*place as usize)[column] {
                        *place = point as u32;
                    }
                }
            }
            for (column, (y, place)) in y.row_mut(sample).iter_mut().zip(largest.iter()).enumerate() {
                *y = if *place == u32::MAX { 0.0 } else { x.row(*place as usize)[column] };
            }
        }
        return (y, Kept::Largest(largest));
    }
    each_row(&mut y, |sample, y| {
        for point in points(sample) {
            y.iter_mut().zip(x.row(point)).for_each(|(y, x)| *y += x);
        }
        let factor = share(how, points(sample).len());
        y.iter_mut().for_each(|y| *y *= factor);
    });
    (y, Kept::Nothing)
}

/// What each point counts in a pool of so many.
pub(crate) fn share(how: Pooling, points: usize) -> f32 {
    match how {
        Pooling::Mean => 1.0 / points.max(1) as f32,
        Pooling::Sum | Pooling::Max => 1.0,
    }
}
