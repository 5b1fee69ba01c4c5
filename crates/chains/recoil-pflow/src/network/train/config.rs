//! Settings of a training.

use recoil_nn::tape::{Optimiser, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Judgement;
use crate::network::loss::LossConfig;

/// How long, how fast and towards what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Steps; 0 for no limit.
    pub steps: u64,
    /// Processor seconds of the whole training, reading and validation included; 0 for no limit. Then the schedule follows
    /// the time, and two trainings on machines of different speed differ.
    pub cpu_seconds: f64,
    /// Step at which the training pauses before its end, to go on later from its checkpoint; 0 for none. The schedule is that
    /// of all steps.
    pub pause: u64,
    /// Events of a step.
    pub batch: usize,
    /// Learning rate.
    pub rate: f32,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Lower learning rates when the validation does not improve.
    pub plateau: Option<Validation>,
    /// How steps follow from gradients.
    pub optimiser: Optimiser,
    /// Greatest norm of a gradient; 0 for any.
    pub clip: f32,
    /// Share of the steps so far over which weights are averaged for validation and result; 0 for none.
    pub averaging: f32,
    /// Whether each use of an event turns it about the beam and mirrors it at random: many events out of one.
    pub turn: bool,
    /// Validations in the whole training.
    pub validations: u32,
    /// Validations without improvement after which training stops; 0 for never.
    pub patience: usize,
    /// Whether the weights of the best validation are the result, instead of the last ones.
    pub keep_best: bool,
    /// Terms of the loss.
    pub loss: LossConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 5000,
            cpu_seconds: 0.0,
            pause: 0,
            batch: 16,
            rate: 1e-3,
            schedule: Schedule::Cosine { warm_up: 0.02, last: 0.1 },
            plateau: None,
            optimiser: Optimiser::default(),
            clip: 0.0,
            averaging: 0.0,
            turn: true,
            validations: 10,
            patience: 0,
            keep_best: true,
            loss: LossConfig::default(),
        }
    }
}

/// A lower rate behind validations that do not improve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Validations without improvement.
    pub patience: usize,
    /// Factor on the rate.
    pub factor: f64,
}

impl Validation {
    pub(super) fn factor(&self, history: &[Judgement]) -> f64 {
        let (mut best, mut waited, mut total) = (f64::INFINITY, 0, 1.0);
        for judgement in history {
            if judgement.validation[0] < best {
                (best, waited) = (judgement.validation[0], 0);
            } else {
                waited += 1;
            }
            if waited >= self.patience.max(1) {
                (total, waited) = (total * self.factor, 0);
            }
        }
        total
    }
}

impl TrainConfig {
    /// Whether the validations stop the training.
    pub(super) fn stops(&self, history: &[Judgement]) -> bool {
        let best = history.iter().enumerate().min_by(|a, b| a.1.validation[0].total_cmp(&b.1.validation[0]));
        best.is_some_and(|(best, _)| self.patience > 0 && history.len() - 1 - best >= self.patience)
    }

    /// What a training cannot work with: key and reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut wrong = |key, fits: bool, reason: &str| {
            if !fits {
                found.push((key, reason.to_owned()));
            }
        };
        wrong("steps", self.steps > 0 || self.cpu_seconds > 0.0, "must be positive, or `cpu_seconds` must be");
        wrong("batch", self.batch > 0, "must be positive");
        wrong("rate", self.rate > 0.0 && self.rate.is_finite(), "must be positive");
        wrong("cpu_seconds", self.cpu_seconds >= 0.0, "must not be negative");
        wrong("averaging", (0.0..1.0).contains(&self.averaging), "is a share from 0 to below 1");
        wrong("clip", self.clip >= 0.0, "must not be negative");
        let LossConfig { binary, pid, focus, huber, sliced_wasserstein, met, jets, .. } = self.loss;
        let weights = [binary, pid, focus, huber, sliced_wasserstein, met, jets];
        let all = weights.iter().chain(&self.loss.momentum).chain(self.loss.class_weights.values());
        wrong("loss", all.clone().all(|weight| *weight >= 0.0 && weight.is_finite()), "must not have negative numbers");
        wrong("loss.projections", self.loss.projections > 0, "must be positive");
        if let Err(error) = self.optimiser.check() {
            found.push(("optimiser", error.to_string()));
        }
        found
    }
}
