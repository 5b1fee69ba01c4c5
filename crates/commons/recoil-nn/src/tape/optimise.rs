//! Rules for steps, in the form of PyTorch, and learning rates over the steps.

use super::weights::Weights;
use crate::error::{NnError, Result};
use pulp::Arch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule for the steps of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimiser {
    /// Adam with the decay of weights apart from the gradient (arXiv 1711.05101).
    #[serde(rename = "adamw")]
    AdamW {
        /// memory of the gradient, and of its square
        #[serde(default = "betas")]
        betas: [f32; 2],
        /// added to the root of the square
        #[serde(default = "small")]
        epsilon: f32,
        /// decay of weights per unit of learning rate
        #[serde(default = "decay")]
        decay: f32,
    },
    /// Adam whose step per tensor is in proportion to the norm of the tensor (arXiv 1904.00962), of a gradient whose norm
    /// is cut at 1.
    Lamb {
        /// memory of the gradient, and of its square
        #[serde(default = "betas")]
        betas: [f32; 2],
        /// added to the root of the square
        #[serde(default = "lamb_epsilon")]
        epsilon: f32,
        /// decay of weights per unit of learning rate
        #[serde(default = "decay")]
        decay: f32,
    },
    /// Steps along the gradient.
    Sgd {
        /// memory of the steps before
        #[serde(default)]
        momentum: f32,
        /// times weights, added to the gradient
        #[serde(default = "decay")]
        decay: f32,
    },
}

fn betas() -> [f32; 2] {
    [0.9, 0.999]
}

fn small() -> f32 {
    1e-8
}

fn lamb_epsilon() -> f32 {
    1e-6
}

fn decay() -> f32 {
    0.01
}

impl Default for Optimiser {
    fn default() -> Self {
        Self::AdamW { betas: betas(), epsilon: small(), decay: decay() }
    }
}

/// What an optimiser remembers, in the layout of the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// steps so far
    pub steps: u64,
    /// mean of gradients
    pub first: Vec<f32>,
    /// mean of their squares
    pub second: Vec<f32>,
}

impl Memory {
    /// Nothing to remember yet.
    pub fn new(weights: &Weights) -> Self {
        Self { steps: 0, first: vec![0.0; weights.len()], second: vec![0.0; weights.len()] }
    }
}

impl Optimiser {
    /// Refuses settings outside of their domains.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<()> {
        let within = |key, value: f32, fits: bool, message| match fits {
            true => Ok(()),
            false => Err(NnError::Setting { key, value: value.to_string(), message }),
        };
        match *self {
            Self::AdamW { betas, epsilon, decay } | Self::Lamb { betas, epsilon, decay } => {
                within("betas", betas[0], (0.0..1.0).contains(&betas[0]), "it must be from 0 to below 1")?;
                within("betas", betas[1], (0.0..1.0).contains(&betas[1]), "it must be from 0 to below 1")?;
                within("epsilon", epsilon, epsilon > 0.0, "it must be above 0")?;
                within("decay", decay, decay >= 0.0, "it must not be negative")
            }
            Self::Sgd { momentum, decay } => {
                within("momentum", momentum, (0.0..1.0).contains(&momentum), "it must be from 0 to below 1")?;
                within("decay", decay, decay >= 0.0, "it must not be negative")
            }
        }
    }

    /// One step with this learning rate.
    pub fn step(&self, weights: &mut Weights, gradient: &[f32], memory: &mut Memory, rate: f32) {
        memory.steps += 1;
        let shrunk: Vec<f32>;
        let gradient = match self {
            Self::Lamb { .. } => {
                let factor = 1.0 / norm(gradient.iter().copied()).max(1.0);
                shrunk = gradient.iter().map(|g| g * factor).collect();
                &shrunk
            }
            _ => gradient,
        };
        let tensors: Vec<_> = weights.tensors().iter().filter(|t| t.trainable).map(|t| t.range.clone()).collect();
        let values = weights.values_mut();
        for range in tensors {
            let own = Own {
                values: &mut values[range.clone()],
                gradient: &gradient[range.clone()],
                first: &mut memory.first[range.clone()],
                second: &mut memory.second[range],
            };
            match *self {
                Self::AdamW { betas, epsilon, decay } => own.adam(betas, epsilon, decay, memory.steps, rate),
                Self::Lamb { betas, epsilon, decay } => own.lamb(betas, epsilon, decay, memory.steps, rate),
                Self::Sgd { momentum, decay } => own.sgd(momentum, decay, memory.steps, rate),
            }
        }
    }
}

/// The numbers of a tensor.
struct Own<'a> {
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

fn norm(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt() as f32
}

impl Own<'_> {
    fn remember(&mut self, betas: [f32; 2]) {
        let (first, second, gradient) = (&mut *self.first, &mut *self.second, self.gradient);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((first, second), g) in first.iter_mut().zip(second.iter_mut()).zip(gradient) {
                    *first += (g - *first) * (1.0 - betas[0]);
                    *second += (g * g - *second) * (1.0 - betas[1]);
                }
            },
        );
    }

    fn adam(mut self, betas: [f32; 2], epsilon: f32, decay: f32, steps: u64, rate: f32) {
        self.remember(betas);
        let [first_sum, second_sum] = betas.map(|beta| 1.0 - f64::from(beta).powf(steps as f64));
        let (step, root) = ((f64::from(rate) / first_sum) as f32, second_sum.sqrt() as f32);
        let keep = 1.0 - rate * decay;
        let (values, first, second) = (self.values, &*self.first, &*self.second);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (value, (first, second)) in values.iter_mut().zip(first.iter().zip(second)) {
                    *value = *value * keep - step * first / (second.sqrt() / root + epsilon);
                }
            },
        );
    }

    fn lamb(mut self, betas: [f32; 2], epsilon: f32, decay: f32, steps: u64, rate: f32) {
        self.remember(betas);
        let [first_sum, second_sum] = betas.map(|beta| (1.0 - f64::from(beta).powf(steps as f64)) as f32);
        let moments = self.first.iter().zip(&*self.second);
        let direction: Vec<f32> = moments
            .zip(&*self.values)
            .map(|((first, second), value)| {
                first / first_sum / ((second / second_sum).sqrt() + epsilon) + decay * value
            })
            .collect();
        let (own, step) = (norm(self.values.iter().copied()), norm(direction.iter().copied()));
        let trust = if own > 0.0 && step > 0.0 { own / step } else { 1.0 };
        for (value, direction) in self.values.iter_mut().zip(direction) {
            *value -= rate * trust * direction;
        }
    }

    fn sgd(self, momentum: f32, decay: f32, steps: u64, rate: f32) {
        for (value, (velocity, g)) in self.values.iter_mut().zip(self.first.iter_mut().zip(self.gradient)) {
            let g = g + decay * *value;
            *velocity = if steps == 1 { g } else { momentum * *velocity + g };
            *value -= rate * *velocity;
        }
    }
}

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Down along half a cosine to a tenth; before, up in a straight line over `warm_up` of the training.
    Cosine {
        /// share of the training for the rise
        #[serde(default)]
        warm_up: f32,
        /// share of the rate at the end
        #[serde(default = "last")]
        last: f32,
    },
    /// From 1/25 up along a cosine over 0.3 of the training, and down to 1/250,000 (Smith and Topin, arXiv 1708.07120).
    #[default]
    OneCycle,
}

fn last() -> f32 {
    0.1
}

impl Schedule {
    /// Factor on the learning rate at a step (from 0) of so many; both may be fractions, as where time decides.
    pub fn factor(&self, step: f64, steps: f64) -> f64 {
        let between = |from: f64, to: f64, part: f64| {
            to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * part.min(1.0)).cos())
        };
        match *self {
            Self::Constant => 1.0,
            Self::Cosine { warm_up, last } => {
                let rise = f64::from(warm_up) * steps;
                if step < rise {
                    return (step / rise).max(0.01);
                }
                between(1.0, last.into(), (step - rise) / (steps - rise).max(1e-9))
            }
            Self::OneCycle => {
                let top = (0.3 * steps - 1.0).max(1e-9);
                match step < top {
                    true => between(0.04, 1.0, step / top),
                    false => between(1.0, 4e-6, (step - top) / (steps - 1.0 - top).max(1e-9)),
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::safetensors::Tensor;

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        match value.as_array() {
            Some(list) => list.iter().flat_map(numbers).collect(),
            None => vec![value.as_f64().unwrap()],
        }
    }

    fn golden() -> serde_json::Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/optim.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn steps_of_the_reference() {
        let golden = golden();
        for name in ["adamw", "lamb", "sgd"] {
            let optimiser: Optimiser = serde_json::from_str(&format!("{{\"{name}\": {{}}}}")).unwrap();
            let own = &golden["optimisers"][name];
            let values: Vec<f32> = numbers(&own["w0"]).iter().map(|v| *v as f32).collect();
            let tensor = Tensor { name: "w".into(), shape: vec![3, 2], values };
            let mut weights = Weights::from_tensors(&[tensor]).unwrap();
            let mut memory = Memory::new(&weights);
            for step in 1..=3 {
                let gradient: Vec<f32> = weights.values().iter().map(|w| (w * step as f32).sin() + 0.1).collect();
                optimiser.step(&mut weights, &gradient, &mut memory, 0.01);
                for (found, expected) in weights.values().iter().zip(numbers(&own["after"][step - 1])) {
                    assert!((f64::from(*found) - expected).abs() < 1e-6, "{name} {step}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn rates_of_the_reference() {
        let golden = golden();
        let schedules = [
            ("constant", Schedule::Constant),
            ("cosinedecay", Schedule::Cosine { warm_up: 0.0, last: 0.1 }),
            ("onecycle", Schedule::OneCycle),
        ];
        for (name, schedule) in schedules {
            let expected = numbers(&golden["lr"][name]);
            assert_eq!(expected.len(), 19);
            for (step, expected) in expected.iter().enumerate() {
                let found = 4e-4 * schedule.factor(step as f64, 20.0);
                assert!((found / expected - 1.0).abs() < 1e-6, "{name} {step}: {found} {expected}");
            }
        }
    }
}
