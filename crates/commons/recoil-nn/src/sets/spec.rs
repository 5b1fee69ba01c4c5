//! A network over sets of points in words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network over sets of points as YAML or JSON describes it.
///
/// A layer takes the output of the layer before it, the first one the first input, unless `from` names others. The last
/// layer has a row per sample; it is the output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SetSpec {
    /// What goes in.
    pub inputs: Vec<SetInput>,
    /// What is done with it.
    pub layers: Vec<SetNode>,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetInput {
    /// Its name.
    pub name: String,
    /// Numbers per row.
    pub columns: usize,
    /// What has a row.
    pub rows: SetRows,
}

/// What has a row of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetRows {
    /// Each sample.
    Samples,
    /// Each point of the set of this name.
    Points(String),
}

/// A layer with its name and place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetNode {
    /// Its name.
    pub name: String,
    /// Inputs and layers that it takes from; empty, the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// What it does.
    pub layer: SetLayer,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SetLayer {
    /// Every output of a row from every input of the row.
    Dense {
        /// Numbers of outputs.
        units: usize,
        /// Function of every output.
        #[serde(default)]
        activation: Function,
    },
    /// A function of every number.
    Activation(Function),
    /// Shift and scale per column by mean and variance of the rows of the batch, or by moving averages.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
        /// Memory of the moving averages.
        momentum: f32,
    },
    /// Shift and scale of each row to mean 0 and variance 1, then learned factor and summand per column.
    LayerNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// While training some numbers become zero and the others grow.
    Dropout {
        /// Fraction of numbers.
        rate: f32,
    },
    /// Columns of inputs with the same rows, one after the other.
    Concat,
    /// Sum of inputs of one shape.
    Add,
    /// A learned vector behind every row: what kind of points a set has.
    Tag {
        /// Its numbers.
        columns: usize,
    },
    /// Takes features and coordinates of points. For each point and each of its nearest neighbours in the coordinates a
    /// row: the features of the point, and the neighbour's minus these.
    Edges {
        /// Neighbours of a point at most.
        neighbours: usize,
    },
    /// Mean over the neighbours of each point; zero where there are none.
    MeanEdges,
    /// Takes queries, keys and values, of which columns are shared among heads: sums of values, weighted by a softmax of
    /// the products of query and keys over the root of their width, within each sample.
    Attention {
        /// Number of heads.
        heads: usize,
    },
    /// Rows of several inputs, sample by sample, as the points of a new set; a value of samples adds one row to each.
    Join,
    /// One row per sample from its points; zero for a sample without points.
    Pool(Pooling),
    /// exp(x) over its sum, along each row.
    Softmax,
}

/// A function of one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// x.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// x times the probability that a normal number is below x (arXiv 1606.08415).
    Gelu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// How points become one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest of each column.
    Max,
}

/// The error function (Abramowitz and Stegun 7.1.26, in double precision: 1.5e-7).
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (1.0 - series * (-x * x).exp()).copysign(x)
}

impl Function {
    /// Its value.
    pub fn value(self, x: f32) -> f32 {
        match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::Gelu => (0.5 * f64::from(x) * (1.0 + erf(f64::from(x) * std::f64::consts::FRAC_1_SQRT_2))) as f32,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
        }
    }

    /// Its derivative.
    pub(crate) fn slope(self, x: f32) -> f32 {
        match self {
            Self::Linear => 1.0,
            Self::Relu => f32::from(u8::from(x > 0.0)),
            Self::Gelu => {
                let x = f64::from(x);
                let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
                (0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)) + x * density) as f32
            }
            Self::Sigmoid => {
                let y = self.value(x);
                y * (1.0 - y)
            }
            Self::Tanh => 1.0 - x.tanh().powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_known_values() {
        assert!((f64::from(Function::Gelu.value(1.0)) - 0.841_344_746).abs() < 3e-7);
        assert!((f64::from(Function::Gelu.value(-2.0)) + 0.045_500_264).abs() < 3e-7);
        for function in [Function::Relu, Function::Gelu, Function::Sigmoid, Function::Tanh] {
            for x in [-2.3_f32, -0.4, 0.7, 3.1] {
                let difference = (function.value(x + 1e-3) - function.value(x - 1e-3)) / 2e-3;
                assert!((difference - function.slope(x)).abs() < 1e-3, "{function:?} {x}");
            }
        }
    }
}
