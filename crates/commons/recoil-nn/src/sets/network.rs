//! A network over sets whose shapes have been checked.

use std::path::Path;

use super::spec::{Function, Pooling, SetLayer, SetRows, SetSpec};
use crate::description::Penalty;
use crate::error::{NnError, Result};
use crate::network::{Start, TensorSpec};
use crate::parameters::Parameters;
use crate::safetensors;

/// What has a row of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Samples,
    /// Points of a set.
    Points(usize),
    /// Edges that the node of this value made.
    Edges(usize),
}

/// A layer in place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub op: Op,
    /// Values that it takes: inputs first, then layers.
    pub from: Vec<usize>,
    pub rows: Rows,
    pub columns: usize,
    /// Whether parameters lie at or before it.
    pub learns: bool,
}

/// What a layer computes; numbers are those of tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Dense {
        kernel: usize,
        bias: usize,
        function: Function,
    },
    Activation(Function),
    BatchNorm {
        gamma: usize,
        beta: usize,
        mean: usize,
        variance: usize,
        epsilon: f32,
        momentum: f32,
    },
    LayerNorm {
        gamma: usize,
        beta: usize,
        epsilon: f32,
    },
    Dropout(f32),
    Concat,
    Add,
    Tag(usize),
    Edges(usize),
    MeanEdges,
    Attention(usize),
    /// The new set.
    Join(usize),
    Pool(Pooling),
    Softmax,
}

/// A network over sets of points that can compute.
#[derive(Clone, Debug)]
pub struct SetNetwork {
    pub(crate) spec: SetSpec,
    /// Sets of points that come in.
    sets: Vec<String>,
    /// Sets with those that are joined from others.
    pub(crate) all_sets: usize,
    pub(crate) inputs: Vec<Rows>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tensors: Vec<TensorSpec>,
}

struct Value {
    name: String,
    rows: Rows,
    columns: usize,
    learns: bool,
}

impl SetNetwork {
    /// Checks the description.
    ///
    /// # Errors
    /// The first layer that does not fit, by name.
    pub fn new(spec: &SetSpec) -> Result<Self> {
        let mut network = Self {
            spec: spec.clone(),
            sets: Vec::new(),
            all_sets: 0,
            inputs: Vec::new(),
            nodes: Vec::new(),
            tensors: Vec::new(),
        };
        let mut values: Vec<Value> = Vec::new();
        for input in &spec.inputs {
            let rows = match &input.rows {
                SetRows::Samples => Rows::Samples,
                SetRows::Points(set) => Rows::Points(match network.sets.iter().position(|known| known == set) {
                    Some(known) => known,
                    None => {
                        network.sets.push(set.clone());
                        network.sets.len() - 1
                    }
                }),
            };
            if input.columns == 0 || values.iter().any(|value| value.name == input.name) {
                return Err(NnError::layer(&input.name, "an input has columns and a name of its own"));
            }
            network.inputs.push(rows);
            values.push(Value { name: input.name.clone(), rows, columns: input.columns, learns: false });
        }
        network.all_sets = network.sets.len();
        for node in &spec.layers {
            let wrong = |message: String| NnError::layer(&node.name, message);
            if values.iter().any(|value| value.name == node.name) {
                return Err(wrong("another layer or input has this name".into()));
            }
            let from: Vec<usize> = if node.from.is_empty() {
                let first = network.nodes.is_empty();
                vec![if first { 0 } else { values.len().saturating_sub(1) }]
            } else {
                let place = |name: &String| values.iter().position(|value| value.name == *name);
                let unknown = |name: &String| wrong(format!("there is no '{name}' before it"));
                node.from.iter().map(|name| place(name).ok_or_else(|| unknown(name))).collect::<Result<_>>()?
            };
            let taken: Vec<&Value> = from.iter().filter_map(|index| values.get(*index)).collect();
            let index = values.len();
            let (op, rows, columns) = network.layer(&node.name, &node.layer, &taken, index)?;
            let own = matches!(op, Op::Dense { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::Tag(_));
            let learns = own || taken.iter().any(|value| value.learns);
            network.nodes.push(Node { name: node.name.clone(), op, from, rows, columns, learns });
            values.push(Value { name: node.name.clone(), rows, columns, learns });
        }
        match network.nodes.last() {
            Some(last) if last.rows == Rows::Samples => Ok(network),
            Some(last) => Err(NnError::layer(&last.name, "the last layer must have a row per sample")),
            None => Err(NnError::Network("there is no layer".into())),
        }
    }

    fn tensor(&mut self, name: String, shape: &[usize], start: Start, trainable: bool) -> usize {
        let first = self.values();
        self.tensors.push(TensorSpec {
            name,
            shape: shape.to_vec(),
            trainable,
            quantiser: None,
            penalty: Penalty::default(),
            start,
            range: first..first + shape.iter().product::<usize>(),
        });
        self.tensors.len() - 1
    }

    fn layer(&mut self, name: &str, layer: &SetLayer, from: &[&Value], index: usize) -> Result<(Op, Rows, usize)> {
        let wrong = |message: &str| NnError::layer(name, message);
        let counted = |expected: usize| match from.len() == expected {
            true => Ok(()),
            false => Err(NnError::layer(name, format!("it takes {expected} inputs, not {}", from.len()))),
        };
        let first = *from.first().ok_or_else(|| wrong("it takes an input"))?;
        let (rows, columns) = (first.rows, first.columns);
        let constant = |value| Start::Constant(value);
        Ok(match layer {
            SetLayer::Dense { units, activation } => {
                counted(1)?;
                if *units == 0 || columns > crate::batch::WIDEST {
                    return Err(wrong("it has outputs, and at most 8192 inputs"));
                }
                let start = Start::Glorot { inputs: columns, outputs: *units };
                let kernel = self.tensor(format!("{name}/kernel"), &[columns, *units], start, true);
                let bias = self.tensor(format!("{name}/bias"), &[*units], constant(0.0), true);
                (Op::Dense { kernel, bias, function: *activation }, rows, *units)
            }
            SetLayer::Activation(function) => {
                counted(1)?;
                (Op::Activation(*function), rows, columns)
            }
            SetLayer::BatchNorm { epsilon, momentum } => {
                counted(1)?;
                let gamma = self.tensor(format!("{name}/gamma"), &[columns], constant(1.0), true);
                let beta = self.tensor(format!("{name}/beta"), &[columns], constant(0.0), true);
                let mean = self.tensor(format!("{name}/moving_mean"), &[columns], constant(0.0), false);
                let variance = self.tensor(format!("{name}/moving_variance"), &[columns], constant(1.0), false);
                let (epsilon, momentum) = (*epsilon, *momentum);
                (Op::BatchNorm { gamma, beta, mean, variance, epsilon, momentum }, rows, columns)
            }
            SetLayer::LayerNorm { epsilon } => {
                counted(1)?;
                let gamma = self.tensor(format!("{name}/gamma"), &[columns], constant(1.0), true);
                let beta = self.tensor(format!("{name}/beta"), &[columns], constant(0.0), true);
                (Op::LayerNorm { gamma, beta, epsilon: *epsilon }, rows, columns)
            }
            SetLayer::Dropout { rate } => {
                counted(1)?;
                if !(0.0..1.0).contains(rate) {
                    return Err(wrong("the rate must be from 0 to below 1"));
                }
                (Op::Dropout(*rate), rows, columns)
            }
            SetLayer::Concat => match from.iter().all(|value| value.rows == rows) {
                true => (Op::Concat, rows, from.iter().map(|value| value.columns).sum()),
                false => return Err(wrong("its inputs have different rows")),
            },
            SetLayer::Add => match from.iter().all(|value| value.rows == rows && value.columns == columns) {
                true => (Op::Add, rows, columns),
                false => return Err(wrong("its inputs have different shapes")),
            },
            SetLayer::Tag { columns: own } => {
                counted(1)?;
                let start = Start::Glorot { inputs: 1, outputs: *own };
                let tag = self.tensor(format!("{name}/tag"), &[*own], start, true);
                (Op::Tag(tag), rows, columns + own)
            }
            SetLayer::Edges { neighbours } => {
                counted(2)?;
                let coordinates = from.get(1).map(|value| value.rows);
                if !matches!(rows, Rows::Points(_)) || coordinates != Some(rows) || *neighbours == 0 {
                    return Err(wrong(
                        "it takes features and coordinates of the same points, and a neighbour at least",
                    ));
                }
                (Op::Edges(*neighbours), Rows::Edges(index), 2 * columns)
            }
            SetLayer::MeanEdges => {
                counted(1)?;
                let Rows::Edges(made) = rows else { return Err(wrong("it takes a value of edges")) };
                let node = made.checked_sub(self.inputs.len()).and_then(|index| self.nodes.get(index));
                let points = node.and_then(|node| node.from.first()).map(|features| self.rows_of(*features));
                (Op::MeanEdges, points.ok_or_else(|| wrong("the edges have no points"))?, columns)
            }
            SetLayer::Attention { heads } => {
                counted(3)?;
                let shape = |index: usize| from.get(index).map(|value| (value.rows, value.columns));
                let points = from.iter().all(|value| matches!(value.rows, Rows::Points(_)));
                let same = shape(1).map(|(rows, _)| rows) == shape(2).map(|(rows, _)| rows)
                    && shape(1).map(|(_, columns)| columns) == Some(columns);
                let width = from.get(2).map_or(0, |value| value.columns);
                if !points || !same || *heads == 0 || !columns.is_multiple_of(*heads) || !width.is_multiple_of(*heads) {
                    return Err(wrong(
                        "it takes queries, keys and values of points, keys as wide as queries, with columns for all heads",
                    ));
                }
                (Op::Attention(*heads), rows, width)
            }
            SetLayer::Join => {
                let misfit = |value: &&Value| matches!(value.rows, Rows::Edges(_)) || value.columns != columns;
                if from.iter().any(misfit) {
                    return Err(wrong("it takes points or samples with the same number of columns"));
                }
                // values that are joined in the same way have the same rows
                let ways: Vec<Rows> = from.iter().map(|value| value.rows).collect();
                let known = self.nodes.iter().find_map(|node| match node.op {
                    Op::Join(set) if node.from.iter().map(|index| self.rows_of(*index)).eq(ways.iter().copied()) => {
                        Some(set)
                    }
                    _ => None,
                });
                let set = known.unwrap_or_else(|| {
                    self.all_sets += 1;
                    self.all_sets - 1
                });
                (Op::Join(set), Rows::Points(set), columns)
            }
            SetLayer::Pool(how) => {
                counted(1)?;
                if !matches!(rows, Rows::Points(_)) {
                    return Err(wrong("it takes points"));
                }
                (Op::Pool(*how), Rows::Samples, columns)
            }
            SetLayer::Softmax => {
                counted(1)?;
                (Op::Softmax, rows, columns)
            }
        })
    }

    /// What has a row of a value.
    pub(crate) fn rows_of(&self, value: usize) -> Rows {
        match self.inputs.get(value) {
            Some(rows) => *rows,
            None => self.nodes.get(value - self.inputs.len()).map_or(Rows::Samples, |node| node.rows),
        }
    }

    /// Columns of a value.
    pub(crate) fn columns_of(&self, value: usize) -> usize {
        match self.spec.inputs.get(value) {
            Some(input) => input.columns,
            None => self.nodes.get(value - self.inputs.len()).map_or(0, |node| node.columns),
        }
    }

    /// The description.
    pub fn spec(&self) -> &SetSpec {
        &self.spec
    }

    /// Names of the sets of points that come in, in the order in which inputs name them.
    pub fn sets(&self) -> &[String] {
        &self.sets
    }

    /// Numbers that come out for a sample.
    pub fn output_len(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.columns)
    }

    /// The tensors in the order of the layers.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// Names of the layers.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
    }

    /// Numbers in all tensors that training changes.
    pub fn parameter_count(&self) -> usize {
        self.tensors.iter().filter(|tensor| tensor.trainable).map(|tensor| tensor.range.len()).sum()
    }

    pub(crate) fn values(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// Parameters as a training starts.
    pub fn start(&self, seed: u64) -> Parameters {
        Parameters::of_specs(&self.tensors, seed)
    }

    /// Parameters from a safetensors file.
    ///
    /// # Errors
    /// A file that is damaged or of another network.
    pub fn read(&self, path: &Path) -> Result<Parameters> {
        let file = safetensors::read(path)?;
        let mut parameters = self.start(0);
        let missing = parameters.take(&file.tensors)?;
        match missing.first() {
            None => Ok(parameters),
            Some(name) => Err(NnError::format(path, format!("tensor '{name}' is missing or of another shape"))),
        }
    }
}
