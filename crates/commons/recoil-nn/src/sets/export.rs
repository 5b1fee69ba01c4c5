//! From a network over sets to an ONNX model.
//!
//! Other programs want arrays of one shape: points are padded to (samples, points, columns), and a mask (samples, points)
//! of 1 and 0 comes with each set, called `NAME_mask`. Points that the mask hides change nothing. Edges have the shape
//! (samples, points, neighbours, columns).

use super::network::{Node, Op, Rows, SetNetwork};
use super::spec::{Function, Pooling};
use crate::onnx::{Attribute, Constant, Model, Node as OnnxNode};
use crate::parameters::Parameters;

/// Added to distances and scores that do not count; far beyond all others, and still a number.
const FAR: f32 = 1e9;

/// The network with these parameters as an ONNX model for sets of at least one and at most `points` points each; the
/// number of samples is free.
pub fn export(network: &SetNetwork, parameters: &Parameters, points: usize) -> Model {
    let mut writer = Writer {
        network,
        parameters,
        model: Model { opset: 13, ..Model::default() },
        names: Vec::new(),
        masks: Vec::new(),
        sizes: Vec::new(),
    };
    for (input, rows) in network.spec.inputs.iter().zip(&network.inputs) {
        let columns = input.columns as i64;
        let shape = if *rows == Rows::Samples { vec![0, columns] } else { vec![0, points as i64, columns] };
        writer.model.inputs.push((input.name.clone(), shape));
        writer.names.push(input.name.clone());
    }
    for set in network.sets() {
        writer.model.inputs.push((format!("{set}_mask"), vec![0, points as i64]));
        writer.masks.push(format!("{set}_mask"));
        writer.sizes.push(points);
    }
    for (index, node) in network.nodes.iter().enumerate() {
        writer.node(index, node);
        writer.names.push(node.name.clone());
    }
    if let Some(node) = network.nodes.last() {
        writer.model.outputs.push((node.name.clone(), vec![0, node.columns as i64]));
    }
    writer.model
}

struct Writer<'a> {
    network: &'a SetNetwork,
    parameters: &'a Parameters,
    model: Model,
    /// Names of the values so far.
    names: Vec<String>,
    /// Mask and number of points of each set.
    masks: Vec<String>,
    sizes: Vec<usize>,
}

fn axis(axis: i64) -> Vec<(&'static str, Attribute)> {
    vec![("axis", Attribute::Int(axis))]
}

impl Writer<'_> {
    fn constant(&mut self, name: String, shape: &[usize], values: Vec<f32>) -> String {
        let shape = shape.iter().map(|&size| size as i64).collect();
        self.model.constants.push((name.clone(), Constant::Floats(shape, values)));
        name
    }

    fn scalar(&mut self, name: String, value: f32) -> String {
        self.constant(name, &[], vec![value])
    }

    fn ints(&mut self, name: String, values: Vec<i64>) -> String {
        self.model.constants.push((name.clone(), Constant::Ints(vec![values.len() as i64], values)));
        name
    }

    /// Adds a node; gives the name of its output.
    fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<(&str, Attribute)>) -> String {
        self.model.nodes.push(OnnxNode {
            name: format!("{output}/{operator}"),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![output.to_owned()],
            attributes: attributes.into_iter().map(|(name, attribute)| (name.to_owned(), attribute)).collect(),
        });
        output.to_owned()
    }

    fn plain(&mut self, operator: &str, inputs: &[&str], output: &str) -> String {
        self.push(operator, inputs, output, Vec::new())
    }

    /// Another axis of size 1.
    fn unsqueeze(&mut self, x: &str, at: i64, output: &str) -> String {
        let axes = self.ints(format!("{output}/axes"), vec![at]);
        self.plain("Unsqueeze", &[x, &axes], output)
    }

    fn reshape(&mut self, x: &str, shape: Vec<i64>, output: &str) -> String {
        let shape = self.ints(format!("{output}/shape"), shape);
        self.plain("Reshape", &[x, &shape], output)
    }

    fn sum(&mut self, x: &str, over: i64, keep: bool, output: &str) -> String {
        let axes = self.ints(format!("{output}/axes"), vec![over]);
        self.push("ReduceSum", &[x, &axes], output, vec![("keepdims", Attribute::Int(i64::from(keep)))])
    }

    fn tensor(&self, index: usize) -> Vec<f32> {
        self.parameters.values.get(self.network.tensors[index].range.clone()).unwrap_or_default().to_vec()
    }

    fn function(&mut self, function: Function, x: &str, name: &str) {
        let operator = match function {
            Function::Linear => "Identity",
            Function::Relu => "Relu",
            Function::Sigmoid => "Sigmoid",
            Function::Tanh => "Tanh",
            Function::Gelu => {
                let root = self.scalar(format!("{name}/root"), std::f32::consts::FRAC_1_SQRT_2);
                let one = self.scalar(format!("{name}/one"), 1.0);
                let half = self.scalar(format!("{name}/half"), 0.5);
                let scaled = self.plain("Mul", &[x, &root], &format!("{name}/scaled"));
                let erf = self.plain("Erf", &[&scaled], &format!("{name}/erf"));
                let shifted = self.plain("Add", &[&erf, &one], &format!("{name}/shifted"));
                let product = self.plain("Mul", &[x, &shifted], &format!("{name}/twice"));
                self.plain("Mul", &[&product, &half], name);
                return;
            }
        };
        self.plain(operator, &[x], name);
    }

    /// x times factor plus summand per column.
    fn affine(&mut self, x: &str, factor: Vec<f32>, summand: Vec<f32>, name: &str) {
        let columns = factor.len();
        let factor = self.constant(format!("{name}/factor"), &[columns], factor);
        let summand = self.constant(format!("{name}/summand"), &[columns], summand);
        let scaled = self.plain("Mul", &[x, &factor], &format!("{name}/times"));
        self.plain("Add", &[&scaled, &summand], name);
    }

    fn node(&mut self, index: usize, node: &Node) {
        let name = node.name.as_str();
        let from: Vec<String> = node.from.iter().filter_map(|value| self.names.get(*value).cloned()).collect();
        let x = from.first().map_or("", String::as_str);
        let columns = node.from.first().map_or(0, |value| self.network.columns_of(*value));
        let rows = node.from.first().map_or(Rows::Samples, |value| self.network.rows_of(*value));
        match node.op {
            Op::Dense { kernel, bias, function } => {
                let values = self.tensor(kernel);
                let kernel = self.constant(format!("{name}/kernel"), &[columns, node.columns], values);
                let values = self.tensor(bias);
                let bias = self.constant(format!("{name}/bias"), &[node.columns], values);
                let product = self.plain("MatMul", &[x, &kernel], &format!("{name}/product"));
                if function == Function::Linear {
                    self.plain("Add", &[&product, &bias], name);
                } else {
                    let linear = self.plain("Add", &[&product, &bias], &format!("{name}/linear"));
                    self.function(function, &linear, name);
                }
            }
            Op::Activation(function) => self.function(function, x, name),
            Op::BatchNorm { gamma, beta, mean, variance, epsilon, .. } => {
                let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(|index| self.tensor(index));
                let factor: Vec<f32> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
                let summand = beta.iter().zip(&mean).zip(&factor).map(|((b, m), f)| b - m * f).collect();
                self.affine(x, factor, summand, name);
            }
            Op::LayerNorm { gamma, beta, epsilon } => {
                let over = || vec![("axes", Attribute::Ints(vec![-1])), ("keepdims", Attribute::Int(1))];
                let mean = self.push("ReduceMean", &[x], &format!("{name}/mean"), over());
                let centred = self.plain("Sub", &[x, &mean], &format!("{name}/centred"));
                let square = self.plain("Mul", &[&centred, &centred], &format!("{name}/square"));
                let variance = self.push("ReduceMean", &[&square], &format!("{name}/variance"), over());
                let epsilon = self.scalar(format!("{name}/epsilon"), epsilon);
                let shifted = self.plain("Add", &[&variance, &epsilon], &format!("{name}/shifted"));
                let deviation = self.plain("Sqrt", &[&shifted], &format!("{name}/deviation"));
                let normal = self.plain("Div", &[&centred, &deviation], &format!("{name}/normal"));
                let (gamma, beta) = (self.tensor(gamma), self.tensor(beta));
                self.affine(&normal, gamma, beta, name);
            }
            Op::Dropout(_) => {
                self.plain("Identity", &[x], name);
            }
            Op::Concat => {
                let inputs: Vec<&str> = from.iter().map(String::as_str).collect();
                self.push("Concat", &inputs, name, axis(-1));
            }
            Op::Add => {
                let inputs: Vec<&str> = from.iter().map(String::as_str).collect();
                self.plain("Sum", &inputs, name);
            }
            Op::Tag(tag) => {
                // zero times a column has the shape that the vector needs
                let values = self.tensor(tag);
                let zeros =
                    self.constant(format!("{name}/zeros"), &[columns, values.len()], vec![0.0; columns * values.len()]);
                let tag = self.constant(format!("{name}/tag"), &[values.len()], values);
                let shape = self.plain("MatMul", &[x, &zeros], &format!("{name}/shape"));
                let rows = self.plain("Add", &[&shape, &tag], &format!("{name}/rows"));
                self.push("Concat", &[x, &rows], name, axis(-1));
            }
            Op::Edges(neighbours) => self.edges(node, x, &from, rows, neighbours),
            Op::MeanEdges => {
                let Rows::Edges(made) = rows else { return };
                let edges = self.names.get(made).cloned().unwrap_or_default();
                let mask = format!("{edges}/mask");
                let masked = self.plain("Mul", &[x, &mask], &format!("{name}/masked"));
                let sum = self.sum(&masked, 2, false, &format!("{name}/sum"));
                let count = self.sum(&mask, 2, false, &format!("{name}/count"));
                let one = self.scalar(format!("{name}/one"), 1.0);
                let count = self.plain("Max", &[&count, &one], &format!("{name}/least"));
                self.plain("Div", &[&sum, &count], name);
            }
            Op::Attention(heads) => self.attention(node, &from, heads),
            Op::Join(set) => self.join(index, node, &from, set),
            Op::Pool(how) => self.pool(name, x, rows, how),
            Op::Softmax => {
                self.push("Softmax", &[x], name, axis(-1));
            }
        }
    }

    fn set_of(&self, rows: Rows) -> (String, usize) {
        match rows {
            Rows::Points(set) => {
                (self.masks.get(set).cloned().unwrap_or_default(), self.sizes.get(set).copied().unwrap_or(1))
            }
            Rows::Samples | Rows::Edges(_) => (String::new(), 1),
        }
    }

    /// Distances between all points, the smallest of which are chosen.
    fn edges(&mut self, node: &Node, x: &str, from: &[String], rows: Rows, neighbours: usize) {
        let name = node.name.as_str();
        let at = |word: &str| format!("{name}/{word}");
        let (mask, points) = self.set_of(rows);
        let chosen = neighbours.min(points.saturating_sub(1)).max(1);
        let coordinates = from.get(1).map_or("", String::as_str);
        let own = self.unsqueeze(coordinates, 2, &at("own"));
        let other = self.unsqueeze(coordinates, 1, &at("other"));
        let difference = self.plain("Sub", &[&own, &other], &at("difference"));
        let square = self.plain("Mul", &[&difference, &difference], &at("square"));
        let distance = self.sum(&square, 3, false, &at("distance"));
        // hidden points, and each point itself, are far away
        let one = self.scalar(at("one"), 1.0);
        let far = self.scalar(at("far"), FAR);
        let hidden = self.plain("Sub", &[&one, &mask], &at("hidden"));
        let shift = self.plain("Mul", &[&hidden, &far], &at("shift"));
        let shift = self.unsqueeze(&shift, 1, &at("shift_other"));
        let mut diagonal = vec![0.0; points * points];
        diagonal.iter_mut().step_by(points + 1).for_each(|value| *value = 2.0 * FAR);
        let diagonal = self.constant(at("diagonal"), &[points, points], diagonal);
        let distance = self.plain("Sum", &[&distance, &shift, &diagonal], &at("counted"));
        let count = self.ints(at("count"), vec![chosen as i64]);
        self.model.nodes.push(OnnxNode {
            name: at("TopK"),
            operator: "TopK".into(),
            inputs: vec![distance, count],
            outputs: vec![at("nearest"), at("indices")],
            attributes: vec![("largest".into(), Attribute::Int(0)), ("axis".into(), Attribute::Int(-1))],
        });
        // what is nearer than anything hidden counts
        let limit = self.scalar(at("limit"), 0.5 * FAR);
        let near = self.plain("Less", &[&at("nearest"), &limit], &at("near"));
        let near = self.push("Cast", &[&near], &at("near_number"), vec![("to", Attribute::Int(1))]);
        self.unsqueeze(&near, 3, &at("mask"));
        let indices = self.unsqueeze(&at("indices"), 3, &at("index_vectors"));
        let batch = vec![("batch_dims", Attribute::Int(1))];
        let neighbours = self.push("GatherND", &[x, &indices], &at("neighbours"), batch);
        let centre = self.unsqueeze(x, 2, &at("centre"));
        let difference = self.plain("Sub", &[&neighbours, &centre], &at("feature_difference"));
        // the point's own features, once per neighbour
        let zero = self.scalar(at("zero"), 0.0);
        let zeros = self.plain("Mul", &[&difference, &zero], &at("zeros"));
        let same = self.plain("Add", &[&zeros, &centre], &at("same"));
        self.push("Concat", &[&same, &difference], name, axis(-1));
    }

    /// What is added to scores or values of hidden points.
    fn penalty(&mut self, mask: &str, name: &str) -> String {
        let one = self.scalar(format!("{name}/mask_one"), 1.0);
        let far = self.scalar(format!("{name}/mask_far"), FAR);
        let hidden = self.plain("Sub", &[mask, &one], &format!("{name}/hidden"));
        self.plain("Mul", &[&hidden, &far], &format!("{name}/penalty"))
    }

    fn attention(&mut self, node: &Node, from: &[String], heads: usize) {
        let name = node.name.as_str();
        let at = |word: &str| format!("{name}/{word}");
        let [query, key, value] = [0, 1, 2].map(|number| from.get(number).map_or("", String::as_str));
        let wide = node.from.first().map_or(0, |value| self.network.columns_of(*value)) / heads;
        let (mask, _) = self.set_of(node.from.get(1).map_or(Rows::Samples, |value| self.network.rows_of(*value)));
        let split = |writer: &mut Self, x: &str, width: usize, order: [i64; 4], word: &str| {
            let shaped = writer.reshape(x, vec![0, 0, heads as i64, width as i64], &format!("{name}/{word}_heads"));
            let order = vec![("perm", Attribute::Ints(order.to_vec()))];
            writer.push("Transpose", &[&shaped], &format!("{name}/{word}"), order)
        };
        let query = split(self, query, wide, [0, 2, 1, 3], "query");
        let key = split(self, key, wide, [0, 2, 3, 1], "key");
        let value = split(self, value, node.columns / heads, [0, 2, 1, 3], "value");
        let product = self.plain("MatMul", &[&query, &key], &at("product"));
        let scale = self.scalar(at("scale"), 1.0 / (wide.max(1) as f32).sqrt());
        let scores = self.plain("Mul", &[&product, &scale], &at("scores"));
        let penalty = self.penalty(&mask, name);
        let penalty = self.unsqueeze(&penalty, 1, &at("penalty_of_heads"));
        let penalty = self.unsqueeze(&penalty, 2, &at("penalty_of_queries"));
        let scores = self.plain("Add", &[&scores, &penalty], &at("masked_scores"));
        let weights = self.push("Softmax", &[&scores], &at("weights"), axis(-1));
        let sums = self.plain("MatMul", &[&weights, &value], &at("sums"));
        let order = vec![("perm", Attribute::Ints(vec![0, 2, 1, 3]))];
        let turned = self.push("Transpose", &[&sums], &at("turned"), order);
        self.reshape(&turned, vec![0, 0, node.columns as i64], name);
    }

    fn join(&mut self, index: usize, node: &Node, from: &[String], set: usize) {
        let name = node.name.as_str();
        let (mut parts, mut masks, mut size) = (Vec::new(), Vec::new(), 0);
        for (number, value) in node.from.iter().enumerate() {
            let x = from.get(number).map_or("", String::as_str);
            let rows = self.network.rows_of(*value);
            if rows == Rows::Samples {
                let zero = self.scalar(format!("{name}/zero_{number}"), 0.0);
                let zeros = self.plain("Mul", &[x, &zero], &format!("{name}/zeros_{number}"));
                let sum = self.sum(&zeros, 1, true, &format!("{name}/nothing_{number}"));
                let one = self.scalar(format!("{name}/one_{number}"), 1.0);
                masks.push(self.plain("Add", &[&sum, &one], &format!("{name}/mask_{number}")));
                parts.push(self.unsqueeze(x, 1, &format!("{name}/row_{number}")));
                size += 1;
            } else {
                let (mask, points) = self.set_of(rows);
                masks.push(mask);
                parts.push(x.to_owned());
                size += points;
            }
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.push("Concat", &parts, name, axis(1));
        // a set that was joined before has its mask
        if self.masks.len() <= set {
            let masks: Vec<&str> = masks.iter().map(String::as_str).collect();
            let mask = self.push("Concat", &masks, &format!("{name}/mask_{index}"), axis(1));
            self.masks.push(mask);
            self.sizes.push(size);
        }
    }

    fn pool(&mut self, name: &str, x: &str, rows: Rows, how: Pooling) {
        let at = |word: &str| format!("{name}/{word}");
        let (mask, _) = self.set_of(rows);
        let one = self.scalar(at("one"), 1.0);
        let count = self.sum(&mask, 1, true, &at("count"));
        if how == Pooling::Max {
            let penalty = self.penalty(&mask, name);
            let penalty = self.unsqueeze(&penalty, 2, &at("penalty_of_columns"));
            let shown = self.plain("Add", &[x, &penalty], &at("shown"));
            let over = vec![("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))];
            let largest = self.push("ReduceMax", &[&shown], &at("largest"), over);
            let any = self.plain("Min", &[&count, &one], &at("any"));
            self.plain("Mul", &[&largest, &any], name);
            return;
        }
        let wide = self.unsqueeze(&mask, 2, &at("mask"));
        let shown = self.plain("Mul", &[x, &wide], &at("shown"));
        if how == Pooling::Sum {
            self.sum(&shown, 1, false, name);
            return;
        }
        let sum = self.sum(&shown, 1, false, &at("sum"));
        let count = self.plain("Max", &[&count, &one], &at("least"));
        self.plain("Div", &[&sum, &count], name);
    }
}
