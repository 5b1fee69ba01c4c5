//! Training of autoencoders: from wafers and settings to a model with its history.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use recoil_nn::train::{EpochRecord, Samples, TrainConfig, Trainer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::Known;
use super::loss::{LossConfig, WaferLoss};
use super::models::ModelConfig;
use super::trained::{Autoencoder, Prepared, Start};
use crate::error::{EcontError, Result};

/// A further training from where the first one ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Refinement {
    /// Its loss.
    pub loss: LossConfig,
    /// Its epochs, batches, optimiser, schedule, early stopping.
    pub training: TrainConfig,
}

/// What is trained, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the model.
    pub name: String,
    /// Its network.
    pub network: ModelConfig,
    /// Its loss.
    pub loss: LossConfig,
    /// Epochs, batches, optimiser, schedule, early stopping.
    pub training: TrainConfig,
    /// A second training behind the first one.
    pub refine: Option<Refinement>,
    /// Folder of a model to start from; without, random numbers.
    pub start: Option<PathBuf>,
    /// File in which the state is kept after every epoch, and from which a training goes on.
    pub checkpoint: Option<PathBuf>,
    /// Seed of the starting values and of the order of samples.
    pub seed: u64,
}

/// Wafers to train on and to judge by.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// To train on.
    pub training: Known,
    /// Weight of each of those in the loss; without, 1.
    pub weights: Option<Vec<f32>>,
    /// To judge by; may be empty.
    pub validation: Known,
}

/// An epoch of a training of one or two phases.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// 1, or 2 in the refinement.
    pub phase: usize,
    /// Its number, counted through both phases, with its losses.
    pub record: EpochRecord,
}

/// Is told how a training goes; every part may be left out.
pub trait TrainingObserver {
    /// It begins, with this model.
    fn began(&mut self, _plan: &Plan, _start: &Autoencoder) {}

    /// An epoch is done; may stop the training.
    fn epoch(&mut self, _epoch: &Epoch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// It has ended.
    fn ended(&mut self, _trained: &Trained) {}
}

/// What came of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model.
    pub model: Autoencoder,
    /// All epochs.
    pub history: Vec<Epoch>,
    /// Whether the observer stopped it.
    pub stopped: bool,
}

/// Trains a model. The same plan and data give the same parameters with any number of threads.
///
/// # Errors
/// Settings that contradict each other, a start or checkpoint that does not fit, a loss that is no number, a checkpoint
/// that cannot be written.
pub fn train(plan: &Plan, data: &Data, observer: &mut dyn TrainingObserver) -> Result<Trained> {
    let of = |start| Autoencoder::new(&plan.name, &plan.network, &plan.loss, start);
    let mut model = match &plan.start {
        None => of(Start::Seed(plan.seed))?,
        Some(folder) => of(Start::Given(Autoencoder::read(folder)?.parameters()))?,
    };
    observer.began(plan, &model);
    let sets = [Set::of(&model, &data.training), Set::of(&model, &data.validation)];
    let mut history: Vec<Epoch> = Vec::new();
    let refinement = plan.refine.as_ref().map(|refine| (&refine.loss, &refine.training));
    let phases = std::iter::once((&plan.loss, &plan.training)).chain(refinement);
    for (index, (loss, settings)) in phases.enumerate() {
        let checkpoint = plan.checkpoint.as_ref().map(|path| of_phase(path, index));
        let before = history.len();
        let mut phase = Phase { number: index + 1, before, history: &mut history, checkpoint, observer };
        let (parameters, stopped) = phase.run(&model, loss, settings, plan.seed, &sets, data.weights.as_deref())?;
        model = Autoencoder::new(&plan.name, &plan.network, loss, Start::Given(&parameters))?;
        if stopped {
            return Ok(Trained { model, history, stopped });
        }
    }
    let trained = Trained { model, history, stopped: false };
    observer.ended(&trained);
    Ok(trained)
}

/// The checkpoint of a phase: that of the first one has the name given.
fn of_phase(path: &Path, index: usize) -> PathBuf {
    match index {
        0 => path.to_owned(),
        _ => super::with_word(path, "refine"),
    }
}

struct Phase<'a> {
    number: usize,
    /// Epochs of the phases before.
    before: usize,
    history: &'a mut Vec<Epoch>,
    checkpoint: Option<PathBuf>,
    observer: &'a mut dyn TrainingObserver,
}

impl Phase<'_> {
    fn run(
        &mut self,
        model: &Autoencoder,
        loss: &LossConfig,
        settings: &TrainConfig,
        seed: u64,
        [training, validation]: &[Set<'_>; 2],
        weights: Option<&[f32]>,
    ) -> Result<(recoil_nn::Parameters, bool)> {
        let loss = WaferLoss::new(loss, model.arrangement())?;
        let mut trainer = Trainer::new(model.network(), &loss, settings, model.parameters().clone(), seed)
            .map_err(EcontError::Network)?;
        if let Some(path) = self.checkpoint.as_ref().filter(|path| path.exists()) {
            trainer.resume(path).map_err(EcontError::Network)?;
            let number = (self.number, self.before);
            self.history.extend(trainer.history().iter().map(|record| epoch(number, record)));
        }
        let mut written = Ok(());
        let mut stopped = false;
        let watch = |trainer: &Trainer<'_>, record: &EpochRecord| {
            let done = epoch((self.number, self.before), record);
            let go_on = self.observer.epoch(&done);
            stopped |= go_on.is_break();
            self.history.push(done);
            if let Some(path) = &self.checkpoint {
                written = trainer.checkpoint(path).map_err(EcontError::Checkpoint);
            }
            if written.is_err() { ControlFlow::Break(()) } else { go_on }
        };
        let kept = validation.samples(None);
        let kept = (!validation.prepared.images.is_empty()).then_some(&kept);
        trainer.run(&training.samples(weights), kept, watch).map_err(EcontError::Network)?;
        written?;
        Ok((trainer.result(), stopped))
    }
}

fn epoch((phase, before): (usize, usize), record: &EpochRecord) -> Epoch {
    Epoch { phase, record: EpochRecord { epoch: before + record.epoch, ..record.clone() } }
}

/// Wafers as the network takes them.
struct Set<'a> {
    prepared: Prepared,
    conditions: Option<&'a [f32]>,
}

impl<'a> Set<'a> {
    fn of(model: &Autoencoder, known: &'a Known) -> Self {
        let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
        Self { prepared: model.prepare(&known.wafers), conditions }
    }

    fn samples<'b>(&'b self, weights: Option<&'b [f32]>) -> Samples<'b> {
        let inputs = std::iter::once(self.prepared.images.as_slice()).chain(self.conditions).collect();
        Samples { inputs, target: &self.prepared.targets, weights }
    }
}
