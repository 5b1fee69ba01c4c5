//! ONNX models evaluated, as far as networks of this crate use the format. Plain loops in the order of the definitions:
//! a check that is independent of the kernels, not a fast engine.

use super::model::{Attribute, Constant, Model, Node};
use crate::error::{NnError, Result};
use std::collections::BTreeMap;

/// Largest number of values of an intermediate result.
const LIMIT: usize = 1 << 30;

/// A row-major array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub values: Vec<f32>,
}

type Outcome<T> = std::result::Result<T, String>;

impl Model {
    /// The first output for these inputs.
    ///
    /// # Errors
    /// Inputs of another number or shape, or a node that this crate does not know.
    pub fn evaluate(&self, inputs: &[Array]) -> Result<Array> {
        if inputs.len() != self.inputs.len() {
            let (found, expected) = (inputs.len(), self.inputs.len());
            return Err(NnError::Length { what: "inputs of the model".into(), found, expected });
        }
        let mut known: BTreeMap<&str, Array> = BTreeMap::new();
        for ((name, shape), array) in self.inputs.iter().zip(inputs) {
            let fits = shape.len() == array.shape.len()
                && shape.iter().zip(&array.shape).all(|(&wanted, &found)| wanted <= 0 || wanted as usize == found);
            if !fits {
                let shape: Vec<String> =
                    shape.iter().map(|&size| if size > 0 { size.to_string() } else { "any".into() }).collect();
                let message = format!("its shape is {:?}, the model takes ({})", array.shape, shape.join(", "));
                return Err(NnError::tensor(name, message));
            }
            known.insert(name, array.clone());
        }
        let mut constants: BTreeMap<&str, &Constant> = BTreeMap::new();
        for (name, constant) in &self.constants {
            constants.insert(name, constant);
        }
        for node in &self.nodes {
            let refuse =
                |message: String| NnError::Onnx { node: node.name.clone(), operator: node.operator.clone(), message };
            if let ("Constant", Some(name)) = (node.operator.as_str(), node.outputs.first()) {
                match node.attribute("value") {
                    Some(Attribute::Tensor(constant)) => constants.insert(name, constant),
                    _ => return Err(refuse("it has no tensor as its value".into())),
                };
                continue;
            }
            let array = Call { node, known: &known, constants: &constants }.run().map_err(refuse)?;
            if let Some(name) = node.outputs.first() {
                known.insert(name, array);
            }
        }
        let name = self.outputs.first().map_or("", |(name, _)| name.as_str());
        known.remove(name).ok_or_else(|| NnError::tensor(name, "no node of the model gives this output"))
    }
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, attribute)| attribute)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        match self.attribute(name) {
            Some(Attribute::Int(value)) => *value,
            _ => default,
        }
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => *value,
            _ => default,
        }
    }

    fn sizes(&self, name: &str, default: &[usize]) -> Outcome<Vec<usize>> {
        match self.attribute(name) {
            Some(Attribute::Ints(values)) => values
                .iter()
                .map(|&value| usize::try_from(value).map_err(|_| format!("{name} holds the number {value}")))
                .collect(),
            _ => Ok(default.to_vec()),
        }
    }
}

/// A node with the values that it can see.
struct Call<'a> {
    node: &'a Node,
    known: &'a BTreeMap<&'a str, Array>,
    constants: &'a BTreeMap<&'a str, &'a Constant>,
}

impl Call<'_> {
    fn has(&self, index: usize) -> bool {
        self.node.inputs.get(index).is_some_and(|name| !name.is_empty())
    }

    fn array(&self, index: usize) -> Outcome<Array> {
        let name = self.node.inputs.get(index).ok_or_else(|| format!("input {index} is missing"))?;
        if let Some(array) = self.known.get(name.as_str()) {
            return Ok(array.clone());
        }
        match self.constants.get(name.as_str()) {
            Some(Constant::Floats(shape, values)) => {
                Ok(Array { shape: shape.iter().map(|&size| size as usize).collect(), values: values.clone() })
            }
            Some(Constant::Ints(..)) => Err(format!("'{name}' holds whole numbers where others are expected")),
            None => Err(format!("'{name}' is given by no node before it")),
        }
    }

    fn list(&self, index: usize) -> Outcome<&[i64]> {
        let name = self.node.inputs.get(index).ok_or_else(|| format!("input {index} is missing"))?;
        match self.constants.get(name.as_str()) {
            Some(Constant::Ints(_, values)) => Ok(values),
            _ => Err(format!("'{name}' is no constant of whole numbers")),
        }
    }

    fn run(&self) -> Outcome<Array> {
        match self.node.operator.as_str() {
            "Identity" => self.array(0),
            "Relu" => self.map(|v| v.max(0.0)),
            "Sigmoid" => self.map(|v| 1.0 / (1.0 + (-v).exp())),
            "Tanh" => self.map(f32::tanh),
            "Selu" => {
                let [gamma, alpha] = crate::kernel::pointwise::SELU;
                let (gamma, alpha) = (self.node.float("gamma", gamma), self.node.float("alpha", alpha));
                self.map(|v| if v > 0.0 { gamma * v } else { gamma * alpha * (v.exp() - 1.0) })
            }
            "PRelu" => self.pairs(|v, slope| if v > 0.0 { v } else { slope * v }),
            "Softmax" => self.softmax(),
            "Floor" => self.map(f32::floor),
            "Round" => self.map(f32::round_ties_even),
            "Clip" => {
                let limit = |index, default| {
                    if self.has(index) { self.array(index).map(|a| a.values[0]) } else { Ok(default) }
                };
                let (low, high) = (limit(1, f32::NEG_INFINITY)?, limit(2, f32::INFINITY)?);
                self.map(|v| v.max(low).min(high))
            }
            "Mul" => self.pairs(|a, b| a * b),
            "Add" | "Sum" => self.pairs(|a, b| a + b),
            "Sub" => self.pairs(|a, b| a - b),
            "Div" => self.pairs(|a, b| a / b),
            "Gemm" => self.gemm(),
            "MatMul" => self.gemm(),
            "Conv" => self.convolution(),
            "ConvTranspose" => self.transposed(),
            "MaxPool" => self.pool(),
            "Transpose" => self.transpose(),
            "Flatten" => {
                let x = self.array(0)?;
                let axis = usize::try_from(self.node.int("axis", 1)).map_err(|_| "the axis is negative")?;
                let lead: usize = x.shape.iter().take(axis).product();
                let rest = x.values.len() / lead.max(1);
                Ok(Array { shape: vec![lead, rest], values: x.values })
            }
            "Reshape" => self.reshape(),
            "Gather" => self.gather(),
            "Concat" => self.concat(),
            _ => Err("the operator is not known here".into()),
        }
    }

    fn map(&self, f: impl Fn(f32) -> f32) -> Outcome<Array> {
        let mut x = self.array(0)?;
        x.values.iter_mut().for_each(|value| *value = f(*value));
        Ok(x)
    }

    fn softmax(&self) -> Outcome<Array> {
        let mut x = self.array(0)?;
        let (axis, last) = (self.node.int("axis", -1), x.shape.last().copied().unwrap_or(1).max(1));
        if axis != -1 && axis + 1 != x.shape.len() as i64 {
            return Err("only the last axis is known here".into());
        }
        for row in x.values.chunks_mut(last) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|value| *value = (*value - largest).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Ok(x)
    }

    /// Folds all inputs, each of the shape of the first or of its last axes.
    fn pairs(&self, f: impl Fn(f32, f32) -> f32) -> Outcome<Array> {
        let mut x = self.array(0)?;
        for index in 1..self.node.inputs.len() {
            let y = self.array(index)?;
            if !x.shape.ends_with(&y.shape) || y.values.is_empty() {
                return Err(format!("{:?} cannot be combined with {:?}", x.shape, y.shape));
            }
            for chunk in x.values.chunks_mut(y.values.len()) {
                for (a, &b) in chunk.iter_mut().zip(&y.values) {
                    *a = f(*a, b);
                }
            }
        }
        Ok(x)
    }

    fn gemm(&self) -> Outcome<Array> {
        let (x, w) = (self.array(0)?, self.array(1)?);
        let (&[rows, inner], &[first, second]) = (x.shape.as_slice(), w.shape.as_slice()) else {
            return Err(format!("{:?} times {:?} is no product of matrices", x.shape, w.shape));
        };
        let turned = self.node.int("transB", 0) != 0;
        let (other, columns) = if turned { (second, first) } else { (first, second) };
        if self.node.int("transA", 0) != 0 || other != inner {
            return Err(format!("{:?} times {:?} does not fit", x.shape, w.shape));
        }
        let (alpha, beta) = (self.node.float("alpha", 1.0), self.node.float("beta", 1.0));
        let bias = if self.has(2) { self.array(2)?.values } else { vec![0.0] };
        let mut values = vec![0.0; rows * columns];
        for (row, values) in values.chunks_mut(columns.max(1)).enumerate() {
            for (column, value) in values.iter_mut().enumerate() {
                let weight = |i: usize| w.values[if turned { column * inner + i } else { i * columns + column }];
                let sum: f32 = (0..inner).map(|i| x.values[row * inner + i] * weight(i)).sum();
                *value = alpha * sum + beta * bias[column % bias.len()];
            }
        }
        Ok(Array { shape: vec![rows, columns], values })
    }

    /// Images, kernels, bias and the settings of a convolution of any kind.
    fn window(&self) -> Outcome<Window> {
        let (x, w) = (self.array(0)?, self.array(1)?);
        let (Ok(shape), Ok(kernel)) = (<[usize; 4]>::try_from(x.shape), <[usize; 4]>::try_from(w.shape)) else {
            return Err("only images with two axes are known".into());
        };
        let bias = if self.has(2) { self.array(2)?.values } else { Vec::new() };
        let (strides, pads) = (self.node.sizes("strides", &[1, 1])?, self.node.sizes("pads", &[0; 4])?);
        let (Ok(strides), Ok(pads)) = (<[usize; 2]>::try_from(strides), <[usize; 4]>::try_from(pads)) else {
            return Err("strides or pads are not those of two axes".into());
        };
        let plain = self.node.int("group", 1) == 1
            && self.node.sizes("dilations", &[1, 1])? == [1, 1]
            && !strides.contains(&0)
            && shape.iter().chain(&kernel).all(|&size| size > 0)
            && !matches!(self.node.attribute("auto_pad"), Some(Attribute::Text(text)) if text != "NOTSET");
        if !plain {
            return Err("groups, dilations, automatic padding or empty axes are not known here".into());
        }
        Ok(Window { x: x.values, shape, w: w.values, kernel, bias, strides, pads })
    }

    fn convolution(&self) -> Outcome<Array> {
        let Window { x, shape: [rows, channels, height, width], w, kernel, bias, strides, pads } = self.window()?;
        let [filters, inputs, kh, kw] = kernel;
        let size = |axis: usize, size: usize, kernel: usize| {
            let free = (size + pads[axis] + pads[axis + 2]).checked_sub(kernel);
            free.map(|free| free / strides[axis] + 1).ok_or("the kernel does not fit")
        };
        let (oh, ow) = (size(0, height, kh)?, size(1, width, kw)?);
        if inputs != channels || !(bias.is_empty() || bias.len() == filters) {
            return Err("kernel or bias do not fit the channels".into());
        }
        let mut values = room(&[rows, filters, oh, ow])?;
        for (index, value) in values.iter_mut().enumerate() {
            let (ox, oy, f, row) = (index % ow, index / ow % oh, index / ow / oh % filters, index / ow / oh / filters);
            let mut sum = bias.get(f).copied().unwrap_or(0.0);
            for (c, ky, kx) in (0..channels).flat_map(|c| (0..kh * kw).map(move |k| (c, k / kw, k % kw))) {
                let y = (oy * strides[0] + ky).checked_sub(pads[0]).filter(|&y| y < height);
                let x_at = (ox * strides[1] + kx).checked_sub(pads[1]).filter(|&x| x < width);
                if let (Some(y), Some(x_at)) = (y, x_at) {
                    sum += x[((row * channels + c) * height + y) * width + x_at]
                        * w[((f * channels + c) * kh + ky) * kw + kx];
                }
            }
            *value = sum;
        }
        Ok(Array { shape: vec![rows, filters, oh, ow], values })
    }

    fn transposed(&self) -> Outcome<Array> {
        let Window { x, shape: [rows, channels, height, width], w, kernel, bias, strides, pads } = self.window()?;
        let [inputs, filters, kh, kw] = kernel;
        let extra = self.node.sizes("output_padding", &[0, 0])?;
        let size = |axis: usize, size: usize, kernel: usize| {
            let full = (size - 1) * strides[axis] + kernel + extra.get(axis).copied().unwrap_or(0);
            full.checked_sub(pads[axis] + pads[axis + 2]).filter(|&size| size > 0).ok_or("nothing is left of the image")
        };
        let (oh, ow) = (size(0, height, kh)?, size(1, width, kw)?);
        if inputs != channels || !(bias.is_empty() || bias.len() == filters) {
            return Err("kernel or bias do not fit the channels".into());
        }
        let mut values = room(&[rows, filters, oh, ow])?;
        for (index, plane) in values.chunks_mut(oh * ow).enumerate() {
            plane.fill(bias.get(index % filters).copied().unwrap_or(0.0));
        }
        for (index, &value) in x.iter().enumerate() {
            let (ix, iy) = (index % width, index / width % height);
            let (c, row) = (index / width / height % channels, index / width / height / channels);
            for (f, ky, kx) in (0..filters).flat_map(|f| (0..kh * kw).map(move |k| (f, k / kw, k % kw))) {
                let y = (iy * strides[0] + ky).checked_sub(pads[0]).filter(|&y| y < oh);
                let x_at = (ix * strides[1] + kx).checked_sub(pads[1]).filter(|&x| x < ow);
                if let (Some(y), Some(x_at)) = (y, x_at) {
                    values[((row * filters + f) * oh + y) * ow + x_at] +=
                        value * w[((c * filters + f) * kh + ky) * kw + kx];
                }
            }
        }
        Ok(Array { shape: vec![rows, filters, oh, ow], values })
    }

    fn pool(&self) -> Outcome<Array> {
        let x = self.array(0)?;
        let size = self.node.sizes("kernel_shape", &[1, 1])?;
        let (&[rows, channels, height, width], &[kh, kw]) = (x.shape.as_slice(), size.as_slice()) else {
            return Err("only images with two axes are known".into());
        };
        if self.node.sizes("strides", &[1, 1])? != size || self.node.sizes("pads", &[0; 4])? != [0; 4] {
            return Err("only tiles without padding are known".into());
        }
        let (oh, ow) = (height.checked_div(kh).unwrap_or(0), width.checked_div(kw).unwrap_or(0));
        let mut values = room(&[rows, channels, oh, ow])?;
        for (index, value) in values.iter_mut().enumerate() {
            let (ox, oy, plane) = (index % ow, index / ow % oh, index / ow / oh);
            let inside = (0..kh * kw).map(|k| (plane * height + oy * kh + k / kw) * width + ox * kw + k % kw);
            *value = inside.map(|at| x.values[at]).fold(f32::NEG_INFINITY, f32::max);
        }
        Ok(Array { shape: vec![rows, channels, oh, ow], values })
    }

    fn transpose(&self) -> Outcome<Array> {
        let x = self.array(0)?;
        let reverse: Vec<usize> = (0..x.shape.len()).rev().collect();
        let order = self.node.sizes("perm", &reverse)?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.iter().ne(reverse.iter().rev()) {
            return Err(format!("{order:?} is no order of {} axes", x.shape.len()));
        }
        let mut strides = vec![1; x.shape.len()];
        for axis in (1..x.shape.len()).rev() {
            strides[axis - 1] = strides[axis] * x.shape[axis];
        }
        let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
        let mut values = Vec::with_capacity(x.values.len());
        for index in 0..x.values.len() {
            let (mut rest, mut from) = (index, 0);
            for (&size, &axis) in shape.iter().zip(&order).rev() {
                from += rest % size * strides[axis];
                rest /= size;
            }
            values.push(x.values[from]);
        }
        Ok(Array { shape, values })
    }

    fn reshape(&self) -> Outcome<Array> {
        let (x, wanted) = (self.array(0)?, self.list(1)?);
        let known: Vec<usize> = wanted
            .iter()
            .enumerate()
            .filter(|(_, size)| **size >= 0)
            .map(|(axis, &size)| if size == 0 { x.shape.get(axis).copied().unwrap_or(0) } else { size as usize })
            .collect();
        let product: usize = known.iter().product();
        let free = x.values.len().checked_div(product).unwrap_or(0);
        let mut sizes = known.into_iter();
        let shape: Vec<usize> =
            wanted.iter().map(|&size| if size < 0 { free } else { sizes.next().unwrap_or(0) }).collect();
        if shape.iter().product::<usize>() != x.values.len() {
            return Err(format!("{:?} cannot take the shape {wanted:?}", x.shape));
        }
        Ok(Array { shape, values: x.values })
    }

    fn gather(&self) -> Outcome<Array> {
        let (x, indices) = (self.array(0)?, self.list(1)?);
        let (&[rows, columns], 1) = (x.shape.as_slice(), self.node.int("axis", 0)) else {
            return Err("only columns of a table can be chosen here".into());
        };
        let mut values = room(&[rows, indices.len()])?;
        for (row, values) in values.chunks_mut(indices.len().max(1)).enumerate() {
            for (value, &index) in values.iter_mut().zip(indices) {
                let column = usize::try_from(index).ok().filter(|&index| index < columns);
                *value = x.values[row * columns + column.ok_or_else(|| format!("there is no column {index}"))?];
            }
        }
        Ok(Array { shape: vec![rows, indices.len()], values })
    }

    fn concat(&self) -> Outcome<Array> {
        let arrays: Vec<Array> = (0..self.node.inputs.len()).map(|index| self.array(index)).collect::<Outcome<_>>()?;
        let lead = arrays.first().and_then(|array| array.shape.split_last()).map(|(_, lead)| lead.to_vec());
        let lead = lead.ok_or("there is nothing to join")?;
        let axis = self.node.int("axis", 0);
        if axis != -1 && axis != lead.len() as i64 || arrays.iter().any(|a| !a.shape.starts_with(&lead)) {
            return Err("only the last axis can be joined here".into());
        }
        let own = |array: &Array| array.shape.last().copied().unwrap_or(0);
        let columns: usize = arrays.iter().map(own).sum();
        let rows: usize = lead.iter().product();
        let mut values = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for array in &arrays {
                values.extend(&array.values[row * own(array)..(row + 1) * own(array)]);
            }
        }
        Ok(Array { shape: lead.into_iter().chain([columns]).collect(), values })
    }
}

struct Window {
    x: Vec<f32>,
    shape: [usize; 4],
    w: Vec<f32>,
    kernel: [usize; 4],
    bias: Vec<f32>,
    strides: [usize; 2],
    pads: [usize; 4],
}

/// Zeros of this shape.
fn room(shape: &[usize]) -> Outcome<Vec<f32>> {
    let count = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    match count.filter(|&count| count <= LIMIT) {
        Some(count) => Ok(vec![0.0; count]),
        None => Err(format!("a result of shape {shape:?} is too large")),
    }
}
