//! What a training does with batches: targets, weights, losses, scores.

use std::sync::{PoisonError, RwLock};

use recoil_nn::lane::Lane;
use recoil_nn::loss::{Loss, LossBlock};

use super::balance::ClassWeights;
use super::ranking::{area_under_roc, tau_against};
use crate::batches::Batch;
use crate::data::truth::TauType;
use crate::error::Result;
use crate::network::loss::{E, FakeRates, JET, LossName, LossWorkingPoints, MU, TAU, TauLoss};
use crate::network::topology::{AnyInputs, AnyTrainer, TopologyConfig};

/// The classes in the order of the outputs.
pub const CLASSES: [TauType; 4] = [TauType::E, TauType::Mu, TauType::Tau, TauType::Jet];

/// A loss whose working points follow the training.
pub struct MovingLoss(RwLock<TauLoss>);

impl MovingLoss {
    /// Starts with this loss.
    pub fn new(loss: TauLoss) -> Self {
        Self(RwLock::new(loss))
    }

    /// Whether it looks at working points.
    pub fn has_working_points(&self) -> bool {
        let loss = self.0.read().unwrap_or_else(PoisonError::into_inner);
        matches!(loss.name, LossName::WpLoss | LossName::WpLoss2)
    }

    /// Moves the working points.
    pub fn set(&self, working_points: LossWorkingPoints) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).working_points = working_points;
    }
}

impl Loss for MovingLoss {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        self.0.read().unwrap_or_else(PoisonError::into_inner).evaluate(block, gradient)
    }
}

/// A batch as a training takes it.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// The inputs.
    pub inputs: AnyInputs,
    /// One-hot classes.
    pub target: Vec<f32>,
    /// Weight of each candidate.
    pub weights: Vec<f32>,
}

impl Lesson {
    /// Prepares a batch.
    pub fn of(batch: &Batch, topology: &TopologyConfig, weights: Option<&ClassWeights>) -> Self {
        let weight = |(class, kinematics): (&Option<TauType>, &[f32; 2])| {
            let index = CLASSES.iter().position(|known| Some(*known) == *class);
            match (weights, index) {
                (_, None) => 0.0,
                (None, Some(_)) => 1.0,
                (Some(weights), Some(index)) => {
                    weights.weight(index, f64::from(kinematics[0]), f64::from(kinematics[1]))
                }
            }
        };
        Self {
            inputs: topology.inputs(batch),
            target: batch.one_hot(&CLASSES),
            weights: batch.classes.iter().zip(&batch.kinematics).map(weight).collect(),
        }
    }
}

/// What a pass through validation batches found.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    loss: f64,
    candidates: usize,
    right: usize,
    /// True class, outputs and weight of each candidate.
    scores: Vec<(usize, [f32; 4], f64)>,
}

impl Judgement {
    /// Adds a batch.
    ///
    /// # Errors
    /// A batch that does not fit the network.
    pub fn add(&mut self, trainer: &AnyTrainer<'_>, lesson: &Lesson) -> Result<()> {
        let (loss, outputs) = trainer.evaluate(&lesson.inputs, &lesson.target, Some(&lesson.weights))?;
        self.loss += loss;
        self.candidates += lesson.inputs.count();
        let rows = outputs.as_chunks::<4>().0.iter().zip(lesson.target.as_chunks::<4>().0).zip(&lesson.weights);
        for ((output, target), weight) in rows {
            let Some(class) = target.iter().position(|value| *value == 1.0) else { continue };
            let best = (0..4).max_by(|a, b| output[*a].total_cmp(&output[*b]));
            self.right += usize::from(best == Some(class));
            self.scores.push((class, *output, f64::from(*weight)));
        }
        Ok(())
    }

    /// Mean of weight times loss; nothing without candidates.
    pub fn loss(&self) -> Option<f64> {
        (self.candidates > 0).then(|| self.loss / self.candidates as f64)
    }

    /// Fraction of candidates whose largest output is that of their class.
    pub fn accuracy(&self) -> Option<f64> {
        (!self.scores.is_empty()).then(|| self.right as f64 / self.scores.len() as f64)
    }

    /// Area under the ROC curve of tau against electron, muon and jet.
    pub fn areas(&self) -> [Option<f64>; 3] {
        [E, MU, JET].map(|other| {
            let of = |(class, output, _): &(usize, [f32; 4], f64)| {
                (*class == TAU || *class == other)
                    .then(|| (tau_against(output[TAU], output[other]), *class == TAU, 1.0))
            };
            area_under_roc(&self.scores.iter().filter_map(of).collect::<Vec<_>>())
        })
    }

    /// Working points at which these fractions of the fakes pass.
    pub fn working_points(&self, rates: &FakeRates) -> LossWorkingPoints {
        let fakes = [E, MU, JET].map(|other| {
            let of = |(class, output, weight): &(usize, [f32; 4], f64)| {
                (*class == other).then(|| (tau_against(output[TAU], output[other]), *weight))
            };
            self.scores.iter().filter_map(of).collect()
        });
        LossWorkingPoints::from_fakes(fakes, rates)
    }
}
