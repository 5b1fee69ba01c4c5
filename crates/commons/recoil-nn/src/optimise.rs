//! Optimisers: from a gradient to new parameters.

use crate::error::{NnError, Result};
use crate::parameters::Parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule for the steps of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimiser {
    /// Moments of the gradient (Kingma and Ba, arXiv 1412.6980), in the form of Keras.
    Adam(Moments),
    /// Adam with the decay of weights apart from the gradient (arXiv 1711.05101).
    AdamW(Moments),
    /// Adam that looks ahead (Dozat, "Incorporating Nesterov momentum into Adam"), with the schedule of the momentum
    /// of Keras before version 2.11.
    Nadam(Nesterov),
    /// Adam whose step per tensor is in proportion to the norm of the tensor (arXiv 1904.00962).
    Lamb(Moments),
    /// Steps along the gradient.
    Sgd(Momentum),
}

/// Settings of the optimisers that keep moments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Moments {
    /// Learning rate.
    pub rate: f32,
    /// Memory of the gradient.
    pub beta1: f32,
    /// Memory of its square.
    pub beta2: f32,
    /// Added to the root of the square.
    pub epsilon: f32,
    /// Decay of weights per unit of learning rate (not for `adam`).
    pub decay: f32,
}

impl Default for Moments {
    fn default() -> Self {
        Self { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, decay: 0.0 }
    }
}

/// Settings of `nadam`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nesterov {
    /// Learning rate.
    pub rate: f32,
    /// Memory of the gradient.
    pub beta1: f32,
    /// Memory of its square.
    pub beta2: f32,
    /// Added to the root of the square.
    pub epsilon: f32,
    /// Speed at which the momentum grows from half of `beta1` to all of it.
    pub schedule_decay: f32,
}

impl Default for Nesterov {
    fn default() -> Self {
        Self { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, schedule_decay: 0.004 }
    }
}

/// Settings of plain steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Momentum {
    /// Learning rate.
    pub rate: f32,
    /// Memory of the steps before.
    pub momentum: f32,
    /// Whether the gradient counts as if the remembered step had been made.
    pub nesterov: bool,
}

impl Default for Momentum {
    fn default() -> Self {
        Self { rate: 1e-2, momentum: 0.0, nesterov: false }
    }
}

impl Default for Optimiser {
    fn default() -> Self {
        Self::Adam(Moments::default())
    }
}

/// What an optimiser remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub steps: u64,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Memory {
    pub(crate) fn new(values: usize) -> Self {
        Self { steps: 0, first: vec![0.0; values], second: vec![0.0; values] }
    }
}

impl Optimiser {
    /// Learning rate without a schedule.
    pub fn rate(&self) -> f32 {
        match self {
            Self::Adam(m) | Self::AdamW(m) | Self::Lamb(m) => m.rate,
            Self::Nadam(m) => m.rate,
            Self::Sgd(m) => m.rate,
        }
    }

    /// Refuses settings outside of their domains.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<()> {
        let within = |key, value: f32, fits: bool, message| match fits {
            true => Ok(()),
            false => Err(NnError::Setting { key, value: value.to_string(), message }),
        };
        let rate = self.rate();
        within("rate", rate, rate > 0.0 && rate.is_finite(), "a learning rate is above 0")?;
        match *self {
            Self::Adam(m) | Self::AdamW(m) | Self::Lamb(m) => {
                within("beta1", m.beta1, (0.0..1.0).contains(&m.beta1), "it must be from 0 to below 1")?;
                within("beta2", m.beta2, (0.0..1.0).contains(&m.beta2), "it must be from 0 to below 1")?;
                within("epsilon", m.epsilon, m.epsilon > 0.0, "it must be above 0")?;
                within("decay", m.decay, m.decay >= 0.0, "it must not be negative")
            }
            Self::Nadam(m) => {
                within("beta1", m.beta1, (0.0..1.0).contains(&m.beta1), "it must be from 0 to below 1")?;
                within("beta2", m.beta2, (0.0..1.0).contains(&m.beta2), "it must be from 0 to below 1")?;
                within("epsilon", m.epsilon, m.epsilon > 0.0, "it must be above 0")?;
                within("schedule_decay", m.schedule_decay, m.schedule_decay >= 0.0, "it must not be negative")
            }
            Self::Sgd(m) => {
                within("momentum", m.momentum, (0.0..1.0).contains(&m.momentum), "it must be from 0 to below 1")
            }
        }
    }

    /// One step; `factor` is that of the schedule.
    pub(crate) fn step(&self, parameters: &mut Parameters, gradient: &[f32], memory: &mut Memory, factor: f32) {
        memory.steps += 1;
        match self {
            Self::Adam(m) => m.adam(parameters, gradient, memory, factor, 0.0),
            Self::AdamW(m) => m.adam(parameters, gradient, memory, factor, m.decay),
            Self::Nadam(m) => m.step(parameters, gradient, memory, factor),
            Self::Lamb(m) => m.lamb(parameters, gradient, memory, factor),
            Self::Sgd(m) => m.step(parameters, gradient, memory, factor),
        }
        parameters.constrain();
    }
}

impl Moments {
    fn corrections(&self, steps: u64) -> (f32, f32) {
        let steps = i32::try_from(steps).unwrap_or(i32::MAX);
        (1.0 - self.beta1.powi(steps), (1.0 - self.beta2.powi(steps)).sqrt())
    }

    fn remember(&self, gradient: &[f32], memory: &mut Memory) {
        let moments = memory.first.iter_mut().zip(&mut memory.second);
        for ((first, second), &g) in moments.zip(gradient) {
            *first += (g - *first) * (1.0 - self.beta1);
            *second += (g * g - *second) * (1.0 - self.beta2);
        }
    }

    fn adam(&self, parameters: &mut Parameters, gradient: &[f32], memory: &mut Memory, factor: f32, decay: f32) {
        self.remember(gradient, memory);
        let (first, second) = self.corrections(memory.steps);
        let rate = self.rate * factor * second / first;
        let keep = 1.0 - self.rate * factor * decay;
        for spec in parameters.specs.iter().filter(|spec| spec.trainable) {
            // biases and scales do not decay
            let keep = if spec.shape.len() > 1 { keep } else { 1.0 };
            let range = spec.range.clone();
            let moments = memory.first[range.clone()].iter().zip(&memory.second[range.clone()]);
            for (value, (&first, &second)) in parameters.values[range].iter_mut().zip(moments) {
                *value = *value * keep - rate * first / (second.sqrt() + self.epsilon);
            }
        }
    }

    fn lamb(&self, parameters: &mut Parameters, gradient: &[f32], memory: &mut Memory, factor: f32) {
        self.remember(gradient, memory);
        let (first_sum, second_root) = self.corrections(memory.steps);
        for spec in parameters.specs.iter().filter(|spec| spec.trainable) {
            let decay = if spec.shape.len() > 1 { self.decay } else { 0.0 };
            let range = spec.range.clone();
            let values = &mut parameters.values[range.clone()];
            let moments = memory.first[range.clone()].iter().zip(&memory.second[range]);
            let direction: Vec<f32> = moments
                .zip(values.iter())
                .map(|((&first, &second), &value)| {
                    (first / first_sum) / (second.sqrt() / second_root + self.epsilon) + decay * value
                })
                .collect();
            let norm = |values: &[f32]| values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt() as f32;
            let (own, step) = (norm(values), norm(&direction));
            let trust = if own > 0.0 && step > 0.0 { own / step } else { 1.0 };
            for (value, direction) in values.iter_mut().zip(direction) {
                *value -= self.rate * factor * trust * direction;
            }
        }
    }
}

impl Nesterov {
    /// Momentum of a step, from 1.
    fn momentum(&self, step: u64) -> f64 {
        f64::from(self.beta1) * (1.0 - 0.5 * 0.96_f64.powf(f64::from(self.schedule_decay) * step as f64))
    }

    /// Product of the momenta of all steps so far; it falls below the precision of numbers soon.
    fn product(&self, steps: u64) -> f64 {
        let mut product = 1.0;
        for step in 1..=steps {
            product *= self.momentum(step);
            if product < 1e-12 {
                return 0.0;
            }
        }
        product
    }

    fn step(&self, parameters: &mut Parameters, gradient: &[f32], memory: &mut Memory, factor: f32) {
        let steps = memory.steps;
        let (now, next) = (self.momentum(steps), self.momentum(steps + 1));
        let product = self.product(steps);
        let of_gradient = ((1.0 - now) / (1.0 - product)) as f32;
        let of_first = (next / (1.0 - product * next)) as f32;
        let of_second = (1.0 - f64::from(self.beta2).powf(steps as f64)) as f32;
        let rate = self.rate * factor;
        for spec in parameters.specs.iter().filter(|spec| spec.trainable) {
            let range = spec.range.clone();
            let moments = memory.first[range.clone()].iter_mut().zip(&mut memory.second[range.clone()]);
            let own = parameters.values[range.clone()].iter_mut().zip(&gradient[range]);
            for ((value, &g), (first, second)) in own.zip(moments) {
                *first += (g - *first) * (1.0 - self.beta1);
                *second += (g * g - *second) * (1.0 - self.beta2);
                let ahead = of_gradient * g + of_first * *first;
                *value -= rate * ahead / ((*second / of_second).sqrt() + self.epsilon);
            }
        }
    }
}

impl Momentum {
    fn step(&self, parameters: &mut Parameters, gradient: &[f32], memory: &mut Memory, factor: f32) {
        let rate = self.rate * factor;
        for spec in parameters.specs.iter().filter(|spec| spec.trainable) {
            let range = spec.range.clone();
            let own = parameters.values[range.clone()].iter_mut().zip(&mut memory.first[range.clone()]);
            for ((value, velocity), &g) in own.zip(&gradient[range]) {
                *velocity = self.momentum * *velocity - rate * g;
                *value += if self.nesterov { self.momentum * *velocity - rate * g } else { *velocity };
            }
        }
    }
}
