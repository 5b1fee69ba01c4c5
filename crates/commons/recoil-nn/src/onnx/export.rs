//! From a network to an ONNX model.

use super::model::{Attribute, Constant, Model, Node};
use crate::description::Activation;
use crate::network::{Geometry, Linear, Network, Op};
use crate::parameters::Parameters;
use crate::quantise::Quantiser;

/// The operators' meanings that are used.
const OPSET: i64 = 13;

/// The network with these parameters as an ONNX model: images keep their channels last, the number of rows is free.
/// Weights with a number format are written as rounded.
pub fn export(network: &Network, parameters: &Parameters) -> Model {
    let mut writer = Writer { parameters, model: Model { opset: OPSET, ..Model::default() } };
    let with_rows = |shape: &[usize]| std::iter::once(0).chain(shape.iter().map(|&size| size as i64)).collect();
    for feed in &network.inputs {
        writer.model.inputs.push((feed.name.clone(), with_rows(&feed.shape)));
    }
    for (node, from) in network.nodes.iter().zip(network.sources()) {
        writer.node(network, node, &from);
    }
    if let Some(node) = network.nodes.last() {
        writer.model.outputs.push((node.name.clone(), with_rows(&node.shape)));
    }
    writer.model
}

struct Writer<'a> {
    parameters: &'a Parameters,
    model: Model,
}

impl Writer<'_> {
    fn constant(&mut self, name: String, shape: &[usize], values: Vec<f32>) -> String {
        let shape = shape.iter().map(|&size| size as i64).collect();
        self.model.constants.push((name.clone(), Constant::Floats(shape, values)));
        name
    }

    fn ints(&mut self, name: String, values: Vec<i64>) -> String {
        self.model.constants.push((name.clone(), Constant::Ints(vec![values.len() as i64], values)));
        name
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<(&str, Attribute)>) {
        self.model.nodes.push(Node {
            name: format!("{output}/{operator}"),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![output.to_owned()],
            attributes: attributes.into_iter().map(|(name, attribute)| (name.to_owned(), attribute)).collect(),
        });
    }

    fn node(&mut self, network: &Network, node: &crate::network::Node, from: &[String]) {
        let name = node.name.as_str();
        let x = from.first().map_or("", String::as_str);
        match &node.op {
            Op::Linear(linear) => self.linear(network, name, linear, x),
            Op::MaxPool(_) => {
                let size = network.pool_size(name) as i64;
                let shape = vec![size, size];
                let (before, after) = (format!("{name}/in"), format!("{name}/out"));
                self.push("Transpose", &[x], &before, vec![("perm", Attribute::Ints(vec![0, 3, 1, 2]))]);
                let window =
                    vec![("kernel_shape", Attribute::Ints(shape.clone())), ("strides", Attribute::Ints(shape))];
                self.push("MaxPool", &[&before], &after, window);
                self.push("Transpose", &[&after], name, vec![("perm", Attribute::Ints(vec![0, 2, 3, 1]))]);
            }
            Op::Gather(indices) => {
                let flat = format!("{name}/flat");
                self.push("Flatten", &[x], &flat, vec![("axis", Attribute::Int(1))]);
                let list = self.ints(format!("{name}/indices"), indices.iter().map(|&i| i64::from(i)).collect());
                let chosen = format!("{name}/chosen");
                self.push("Gather", &[&flat, &list], &chosen, vec![("axis", Attribute::Int(1))]);
                self.reshape(&chosen, name, &node.shape);
            }
            Op::Reshape => self.reshape(x, name, &node.shape),
            Op::Activation(function) => self.activation(*function, x, name),
            Op::Quantise(quantiser) => self.quantise(*quantiser, x, name),
            Op::BatchNorm(norm) => {
                let values = |tensor| self.parameters.values.get(network.range(tensor)).unwrap_or_default();
                let (mut factors, mut offsets) = (Vec::new(), Vec::new());
                for channel in 0..norm.channels {
                    let factor = values(norm.gamma)[channel] / (values(norm.variance)[channel] + norm.epsilon).sqrt();
                    factors.push(factor);
                    offsets.push(values(norm.beta)[channel] - values(norm.mean)[channel] * factor);
                }
                let factor = self.constant(format!("{name}/factor"), &[norm.channels], factors);
                let offset = self.constant(format!("{name}/offset"), &[norm.channels], offsets);
                let scaled = format!("{name}/scaled");
                self.push("Mul", &[x, &factor], &scaled, Vec::new());
                self.push("Add", &[&scaled, &offset], name, Vec::new());
            }
            Op::Prelu(alpha) => {
                let values = self.parameters.values.get(network.range(*alpha)).unwrap_or_default().to_vec();
                let slope = self.constant(format!("{name}/alpha"), &[values.len()], values);
                self.push("PRelu", &[x, &slope], name, Vec::new());
            }
            Op::Dropout { .. } => self.push("Identity", &[x], name, Vec::new()),
            Op::Softmax(_) => self.push("Softmax", &[x], name, vec![("axis", Attribute::Int(-1))]),
            Op::Concat(_) => {
                let inputs: Vec<&str> = from.iter().map(String::as_str).collect();
                self.push("Concat", &inputs, name, vec![("axis", Attribute::Int(-1))]);
            }
            Op::Add => {
                let inputs: Vec<&str> = from.iter().map(String::as_str).collect();
                self.push("Sum", &inputs, name, Vec::new());
            }
        }
    }

    fn reshape(&mut self, x: &str, name: &str, shape: &[usize]) {
        let sizes = std::iter::once(-1).chain(shape.iter().map(|&size| size as i64)).collect();
        let shape = self.ints(format!("{name}/shape"), sizes);
        self.push("Reshape", &[x, &shape], name, Vec::new());
    }

    fn activation(&mut self, function: Activation, x: &str, name: &str) {
        let operator = match function {
            Activation::Linear => "Identity",
            Activation::Relu => "Relu",
            Activation::Sigmoid => "Sigmoid",
            Activation::Tanh => "Tanh",
            Activation::Selu => "Selu",
        };
        self.push(operator, &[x], name, Vec::new());
    }

    fn quantise(&mut self, quantiser: Quantiser, x: &str, name: &str) {
        let (low, high) = quantiser.range();
        let inverse = self.constant(format!("{name}/inverse"), &[], vec![1.0 / quantiser.step()]);
        let step = self.constant(format!("{name}/step"), &[], vec![quantiser.step()]);
        let low = self.constant(format!("{name}/low"), &[], vec![low]);
        let high = self.constant(format!("{name}/high"), &[], vec![high]);
        let [scaled, whole, cut] = ["scaled", "whole", "cut"].map(|word| format!("{name}/{word}"));
        self.push("Mul", &[x, &inverse], &scaled, Vec::new());
        self.push(if quantiser.truncates() { "Floor" } else { "Round" }, &[&scaled], &whole, Vec::new());
        self.push("Clip", &[&whole, &low, &high], &cut, Vec::new());
        self.push("Mul", &[&cut, &step], name, Vec::new());
    }

    fn linear(&mut self, network: &Network, name: &str, linear: &Linear, x: &str) {
        let round = |&value: &f32| linear.quantiser.map_or(value, |quantiser| quantiser.value(value));
        let values = |tensor| -> Vec<f32> { self.parameters.values[network.range(tensor)].iter().map(round).collect() };
        let (kernel, bias) = (values(linear.kernel), values(linear.bias));
        let [inputs, outputs] = linear.channels;
        let bias = self.constant(format!("{name}/bias"), &[outputs], bias);
        let linear_name = match linear.activation {
            Activation::Linear => name.to_owned(),
            _ => format!("{name}/linear"),
        };
        let (window, stride, pads, extra) = match linear.geometry {
            Geometry::Dense => {
                let kernel = self.constant(format!("{name}/kernel"), &[inputs, outputs], kernel);
                self.push("Gemm", &[x, &kernel, &bias], &linear_name, Vec::new());
                return self.finish(linear, &linear_name, name);
            }
            Geometry::Conv { kernel, stride, before, after } => {
                (kernel, stride, before.into_iter().chain(after).map(|pad| pad as i64).collect::<Vec<_>>(), [0; 2])
            }
            Geometry::Transpose { kernel, stride, before, after } => {
                let ends = after.map(|after| after.max(0) as i64);
                let extra = after.map(|after| (-after).max(0) as i64);
                (kernel, stride, before.into_iter().map(|pad| pad as i64).chain(ends).collect(), extra)
            }
        };
        // both (tap, input, output) and (tap, output, input) become channels first: (output, input) or (input, output)
        let [first, second] = if linear.adjoint { [outputs, inputs] } else { [inputs, outputs] };
        let taps = window[0] * window[1];
        let mut turned = Vec::with_capacity(kernel.len());
        for b in 0..second {
            for a in 0..first {
                turned.extend((0..taps).map(|tap| kernel[(tap * first + a) * second + b]));
            }
        }
        let kernel = self.constant(format!("{name}/kernel"), &[second, first, window[0], window[1]], turned);
        let ints = |values: &[usize]| Attribute::Ints(values.iter().map(|&value| value as i64).collect());
        let mut attributes =
            vec![("kernel_shape", ints(&window)), ("strides", ints(&[stride; 2])), ("pads", Attribute::Ints(pads))];
        if extra != [0; 2] {
            attributes.push(("output_padding", Attribute::Ints(extra.to_vec())));
        }
        let (before, after) = (format!("{name}/in"), format!("{name}/out"));
        self.push("Transpose", &[x], &before, vec![("perm", Attribute::Ints(vec![0, 3, 1, 2]))]);
        let operator = if linear.adjoint { "ConvTranspose" } else { "Conv" };
        self.push(operator, &[&before, &kernel, &bias], &after, attributes);
        self.push("Transpose", &[&after], &linear_name, vec![("perm", Attribute::Ints(vec![0, 2, 3, 1]))]);
        self.finish(linear, &linear_name, name);
    }

    fn finish(&mut self, linear: &Linear, linear_name: &str, name: &str) {
        if linear.activation != Activation::Linear {
            self.activation(linear.activation, linear_name, name);
        }
    }
}
