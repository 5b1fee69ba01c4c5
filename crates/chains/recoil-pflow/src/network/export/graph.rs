//! Nodes of ONNX for the parts of networks.

use std::ops::Range;

use recoil_nn::onnx::{Attribute, Constant, Model, Node};
use recoil_nn::tape::{Activation, Weights};

use crate::error::Result;

/// Added to scores of what is hidden.
const FAR: f32 = 1e9;

/// A model that grows.
pub(super) struct Graph<'a> {
    weights: &'a Weights,
    pub model: Model,
}

impl<'a> Graph<'a> {
    pub(super) fn new(weights: &'a Weights) -> Self {
        Self { weights, model: Model { opset: 17, ..Model::default() } }
    }

    pub(super) fn constant(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        let shape = shape.iter().map(|size| *size as i64).collect();
        self.model.constants.push((name.to_owned(), Constant::Floats(shape, values)));
        name.to_owned()
    }

    pub(super) fn scalar(&mut self, name: &str, value: f32) -> String {
        self.constant(name, &[], vec![value])
    }

    fn ints(&mut self, name: &str, values: Vec<i64>) -> String {
        self.model.constants.push((name.to_owned(), Constant::Ints(vec![values.len() as i64], values)));
        name.to_owned()
    }

    /// A tensor of the weights.
    pub(super) fn tensor(&mut self, name: &str) -> Result<String> {
        if !self.model.constants.iter().any(|(known, _)| known == name) {
            let shape = self.weights.describe(name)?.shape.clone();
            let values = self.weights.tensor(name)?.to_vec();
            self.constant(name, &shape, values);
        }
        Ok(name.to_owned())
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> String {
        self.model.nodes.push(Node {
            name: format!("{output}/{operator}"),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
            outputs: vec![output.to_owned()],
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        });
        output.to_owned()
    }

    /// A node without settings.
    pub(super) fn plain(&mut self, operator: &str, inputs: &[&str], output: &str) -> String {
        self.push(operator, inputs, output, &[])
    }

    /// As single-precision numbers.
    pub(super) fn cast(&mut self, x: &str, output: &str) -> String {
        self.push("Cast", &[x], output, &[("to", Attribute::Int(1))])
    }

    pub(super) fn sum(&mut self, parts: &[String], output: &str) -> String {
        let inputs: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.plain("Sum", &inputs, output)
    }

    pub(super) fn concat(&mut self, parts: &[String], output: &str) -> String {
        let inputs: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.push("Concat", &inputs, output, &[("axis", Attribute::Int(-1))])
    }

    pub(super) fn unsqueeze(&mut self, x: &str, axis: i64, output: &str) -> String {
        let axes = self.ints(&format!("{output}/axes"), vec![axis]);
        self.plain("Unsqueeze", &[x, &axes], output)
    }

    pub(super) fn slice(&mut self, x: &str, axis: i64, range: Range<usize>, output: &str) -> String {
        let start = self.ints(&format!("{output}/start"), vec![range.start as i64]);
        let end = self.ints(&format!("{output}/end"), vec![range.end as i64]);
        let axis = self.ints(&format!("{output}/axis"), vec![axis]);
        self.plain("Slice", &[x, &start, &end, &axis], output)
    }

    /// Some outputs of a linear layer, all without `rows`.
    fn linear_rows(
        &mut self,
        x: &str,
        [weight, bias]: [&str; 2],
        rows: Option<Range<usize>>,
        output: &str,
    ) -> Result<String> {
        let shape = &self.weights.describe(weight)?.shape;
        let (all, inputs) = (shape.first().copied().unwrap_or(0), shape.get(1).copied().unwrap_or(1));
        let rows = rows.unwrap_or(0..all);
        let kernel = self.weights.tensor(weight)?;
        // (inputs, outputs), as MatMul takes it
        let turned = (0..inputs).flat_map(|input| rows.clone().map(move |row| kernel[row * inputs + input])).collect();
        let kernel = self.constant(&format!("{output}/kernel"), &[inputs, rows.len()], turned);
        let own = self.weights.tensor(bias)?[rows.clone()].to_vec();
        let bias = self.constant(&format!("{output}/bias"), &[rows.len()], own);
        let product = self.plain("MatMul", &[x, &kernel], &format!("{output}/product"));
        Ok(self.plain("Add", &[&product, &bias], output))
    }

    pub(super) fn linear(&mut self, x: &str, name: &str) -> Result<String> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.linear_rows(x, [&weight, &bias], None, &format!("{name}/linear"))
    }

    pub(super) fn norm(&mut self, x: &str, name: &str) -> Result<String> {
        let (scale, shift) = (self.tensor(&format!("{name}.weight"))?, self.tensor(&format!("{name}.bias"))?);
        let settings = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(super::super::layers::EPSILON))];
        Ok(self.push("LayerNormalization", &[x, &scale, &shift], &format!("{name}/norm"), &settings))
    }

    pub(super) fn activate(&mut self, x: &str, function: Activation, output: &str) -> String {
        let name = |word: &str| format!("{output}/{word}");
        match function {
            Activation::Linear => self.plain("Identity", &[x], output),
            Activation::Relu => self.plain("Relu", &[x], output),
            Activation::Elu => self.plain("Elu", &[x], output),
            Activation::Sigmoid => self.plain("Sigmoid", &[x], output),
            Activation::Tanh => self.plain("Tanh", &[x], output),
            Activation::LeakyRelu => self.push("LeakyRelu", &[x], output, &[("alpha", Attribute::Float(0.01))]),
            Activation::Relu6 => {
                let (low, high) = (self.scalar(&name("low"), 0.0), self.scalar(&name("high"), 6.0));
                self.plain("Clip", &[x, &low, &high], output)
            }
            Activation::Silu => {
                let gate = self.plain("Sigmoid", &[x], &name("gate"));
                self.plain("Mul", &[x, &gate], output)
            }
            Activation::Gelu => {
                let root = self.scalar(&name("root"), std::f32::consts::FRAC_1_SQRT_2);
                let (one, half) = (self.scalar(&name("one"), 1.0), self.scalar(&name("half"), 0.5));
                let scaled = self.plain("Mul", &[x, &root], &name("scaled"));
                let erf = self.plain("Erf", &[&scaled], &name("erf"));
                let shifted = self.plain("Add", &[&erf, &one], &name("shifted"));
                let product = self.plain("Mul", &[x, &shifted], &name("twice"));
                self.plain("Mul", &[&product, &half], output)
            }
        }
    }

    pub(super) fn hidden(&mut self, x: &str, name: &str, function: Activation) -> Result<String> {
        let h = self.linear(x, &format!("{name}.0"))?;
        let h = self.activate(&h, function, &format!("{name}.1"));
        self.norm(&h, &format!("{name}.2"))
    }

    pub(super) fn feed_forward(&mut self, x: &str, name: &str, function: Activation) -> Result<String> {
        let h = self.hidden(x, name, function)?;
        self.linear(&h, &format!("{name}.4"))
    }

    pub(super) fn two_layers(&mut self, x: &str, names: [&str; 2], function: Activation) -> Result<String> {
        let mut h = x.to_owned();
        for name in names {
            let linear = self.linear(&h, name)?;
            h = self.activate(&linear, function, &format!("{name}/active"));
        }
        Ok(h)
    }

    /// Attention of rows to rows that the mask shows, with its projections.
    pub(super) fn attention(
        &mut self,
        queries: &str,
        keys: &str,
        name: &str,
        [heads, width]: [usize; 2],
        mask: &str,
    ) -> Result<String> {
        let all = heads * width;
        let (weight, bias) = (format!("{name}.in_proj_weight"), format!("{name}.in_proj_bias"));
        let at = |word: &str| format!("{name}/{word}");
        let mut parts = Vec::new();
        let sources = [(queries, "query", [0, 2, 1, 3]), (keys, "key", [0, 2, 3, 1]), (keys, "value", [0, 2, 1, 3])];
        for (index, (x, word, order)) in sources.into_iter().enumerate() {
            let rows = Some(index * all..(index + 1) * all);
            let x = self.linear_rows(x, [&weight, &bias], rows, &at(&format!("{word}/linear")))?;
            let shape = self.ints(&at(&format!("{word}/shape")), vec![0, 0, heads as i64, width as i64]);
            let shaped = self.plain("Reshape", &[&x, &shape], &at(&format!("{word}/heads")));
            parts.push(self.push("Transpose", &[&shaped], &at(word), &[("perm", Attribute::Ints(order.to_vec()))]));
        }
        let product = self.plain("MatMul", &[&parts[0], &parts[1]], &at("product"));
        let scale = self.scalar(&at("scale"), 1.0 / (width.max(1) as f32).sqrt());
        let scores = self.plain("Mul", &[&product, &scale], &at("scores"));
        let (one, far) = (self.scalar(&at("one"), 1.0), self.scalar(&at("far"), FAR));
        let hidden = self.plain("Sub", &[mask, &one], &at("hidden"));
        let penalty = self.plain("Mul", &[&hidden, &far], &at("penalty"));
        let penalty = self.unsqueeze(&penalty, 1, &at("penalty_of_heads"));
        let penalty = self.unsqueeze(&penalty, 2, &at("penalty_of_queries"));
        let scores = self.plain("Add", &[&scores, &penalty], &at("masked"));
        let weights = self.push("Softmax", &[&scores], &at("weights"), &[("axis", Attribute::Int(-1))]);
        let sums = self.plain("MatMul", &[&weights, &parts[2]], &at("sums"));
        let turned = self.push("Transpose", &[&sums], &at("turned"), &[("perm", Attribute::Ints(vec![0, 2, 1, 3]))]);
        let shape = self.ints(&at("shape"), vec![0, 0, all as i64]);
        let joined = self.plain("Reshape", &[&turned, &shape], &at("joined"));
        self.linear(&joined, &format!("{name}.out_proj"))
    }
}
