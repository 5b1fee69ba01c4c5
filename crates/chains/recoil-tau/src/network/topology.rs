//! Networks of all kinds behind one face: built, trained, applied and exported alike.

use std::path::Path;

use recoil_nn::batch::{BatchTrainer, Predictor};
use recoil_nn::loss::Loss;
use recoil_nn::sets::{SetNetwork, SetPredictor, SetTrainer};
use recoil_nn::train::{EpochRecord, TrainConfig};
use recoil_nn::{Network, Parameters, TensorSpec, onnx, sets};
use serde::{Deserialize, Serialize};

use super::batch::Candidates;
use super::cnn::{CnnConfig, InputShape};
use super::points::{ParticleNetConfig, PointCandidates, TransformerConfig};
use crate::batches::Batch;
use crate::error::Result;
use crate::grid::Form;

/// The topology of a network of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopologyConfig {
    /// Convolutions over cells of two grids.
    Cells(Box<CnnConfig>),
    /// Edge convolutions over particles.
    ParticleNet(ParticleNetConfig),
    /// Attention between particles.
    Transformer(TransformerConfig),
}

/// A network of any kind.
#[derive(Clone, Debug)]
pub enum AnyNetwork {
    /// Over cells.
    Cells(Network),
    /// Over particles.
    Points(SetNetwork),
}

/// Inputs of a network of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyInputs {
    /// Cells.
    Cells(Candidates),
    /// Particles.
    Points(PointCandidates),
}

/// A training of a network of any kind.
pub enum AnyTrainer<'a> {
    /// Over cells.
    Cells(Box<BatchTrainer<'a>>),
    /// Over particles.
    Points(Box<SetTrainer<'a>>),
}

/// A network of any kind that gives scores.
pub enum AnyPredictor<'a> {
    /// Over cells.
    Cells(Box<Predictor<'a>>),
    /// Over particles.
    Points(Box<SetPredictor<'a>>),
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self::Cells(Box::default())
    }
}

impl TopologyConfig {
    /// The network for these inputs.
    ///
    /// # Errors
    /// Settings that make no network.
    pub fn network(&self, inputs: &InputShape) -> Result<AnyNetwork> {
        Ok(match self {
            Self::Cells(config) => AnyNetwork::Cells(Network::new(&config.spec(inputs)?)?),
            Self::ParticleNet(config) => AnyNetwork::Points(SetNetwork::new(&config.spec(inputs)?)?),
            Self::Transformer(config) => AnyNetwork::Points(SetNetwork::new(&config.spec(inputs)?)?),
        })
    }

    /// What candidates must be turned into; `most` is the number of particles that count.
    pub fn form(&self, most: usize) -> Form {
        match self {
            Self::Cells(_) => Form::Grids,
            Self::ParticleNet(_) | Self::Transformer(_) => Form::Sequence { most },
        }
    }

    /// The inputs of the network for a batch that was encoded in its form.
    pub fn inputs(&self, batch: &Batch) -> AnyInputs {
        match self {
            Self::Cells(config) => AnyInputs::Cells(Candidates::of(batch, &config.cell_locations)),
            Self::ParticleNet(_) | Self::Transformer(_) => AnyInputs::Points(PointCandidates::of(batch)),
        }
    }
}

impl Default for AnyInputs {
    fn default() -> Self {
        Self::Cells(Candidates::default())
    }
}

impl AnyInputs {
    /// Number of candidates.
    pub fn count(&self) -> usize {
        match self {
            Self::Cells(candidates) => candidates.count,
            Self::Points(candidates) => candidates.count,
        }
    }
}

impl AnyNetwork {
    /// Parameters as a training starts.
    pub fn start(&self, seed: u64) -> Parameters {
        match self {
            Self::Cells(network) => Parameters::new(network, seed),
            Self::Points(network) => network.start(seed),
        }
    }

    /// Parameters from a file.
    ///
    /// # Errors
    /// A file that is damaged or of another network.
    pub fn read(&self, path: &Path) -> Result<Parameters> {
        Ok(match self {
            Self::Cells(network) => Parameters::read(network, path)?,
            Self::Points(network) => network.read(path)?,
        })
    }

    /// The tensors in the order of the layers.
    pub fn tensors(&self) -> &[TensorSpec] {
        match self {
            Self::Cells(network) => network.tensors(),
            Self::Points(network) => network.tensors(),
        }
    }

    /// Whether the name of a layer begins with this.
    pub fn has_layers(&self, prefix: &str) -> bool {
        match self {
            Self::Cells(network) => network.layers().any(|(name, _)| name.starts_with(prefix)),
            Self::Points(network) => network.layers().any(|name| name.starts_with(prefix)),
        }
    }

    /// Numbers that training changes.
    pub fn parameter_count(&self) -> usize {
        match self {
            Self::Cells(network) => network.cost().parameters,
            Self::Points(network) => network.parameter_count(),
        }
    }

    /// The network as an ONNX model; sets are padded to `most` particles of each kind.
    pub fn onnx(&self, parameters: &Parameters, most: usize) -> onnx::Model {
        match self {
            Self::Cells(network) => onnx::export(network, parameters),
            Self::Points(network) => sets::export(network, parameters, most),
        }
    }

    /// A training from these parameters on.
    ///
    /// # Errors
    /// Settings outside of their domains.
    pub fn trainer<'a>(
        &'a self,
        loss: &'a dyn Loss,
        config: &TrainConfig,
        parameters: Parameters,
        seed: u64,
    ) -> Result<AnyTrainer<'a>> {
        Ok(match self {
            Self::Cells(network) => {
                AnyTrainer::Cells(Box::new(BatchTrainer::new(network, loss, config, parameters, seed)?))
            }
            Self::Points(network) => {
                AnyTrainer::Points(Box::new(SetTrainer::new(network, loss, config, parameters, seed)?))
            }
        })
    }

    /// What gives scores.
    ///
    /// # Errors
    /// A layer that is not possible in whole batches.
    pub fn predictor(&self, parameters: &Parameters) -> Result<AnyPredictor<'_>> {
        Ok(match self {
            Self::Cells(network) => AnyPredictor::Cells(Box::new(Predictor::new(network, parameters)?)),
            Self::Points(network) => AnyPredictor::Points(Box::new(SetPredictor::new(network, parameters))),
        })
    }
}

/// Inputs of another kind than the network's.
fn mismatch<T>() -> recoil_nn::Result<T> {
    Err(recoil_nn::NnError::Network("the inputs are of another kind than the network takes".into()))
}

impl AnyPredictor<'_> {
    /// Outputs of the candidates, row-major.
    ///
    /// # Errors
    /// Inputs that do not fit.
    pub fn predict(&self, inputs: &AnyInputs) -> Result<Vec<f32>> {
        Ok(match (self, inputs) {
            (Self::Cells(predictor), AnyInputs::Cells(candidates)) => predictor.predict(&candidates.batch())?,
            (Self::Points(predictor), AnyInputs::Points(candidates)) => predictor.predict(&candidates.batch())?,
            _ => mismatch()?,
        })
    }
}

impl AnyTrainer<'_> {
    /// One step; gives the mean of weight times loss.
    ///
    /// # Errors
    /// Inputs that do not fit, or a loss that is not a finite number.
    pub fn step(
        &mut self,
        inputs: &AnyInputs,
        target: &[f32],
        weights: Option<&[f32]>,
        progress: f64,
    ) -> recoil_nn::Result<f64> {
        match (self, inputs) {
            (Self::Cells(trainer), AnyInputs::Cells(candidates)) => {
                trainer.step(&candidates.batch(), target, weights, progress)
            }
            (Self::Points(trainer), AnyInputs::Points(candidates)) => {
                trainer.step(&candidates.batch(), target, weights, progress)
            }
            _ => mismatch(),
        }
    }

    /// Sum of weight times loss, and the outputs, row-major.
    ///
    /// # Errors
    /// Inputs that do not fit.
    pub fn evaluate(
        &self,
        inputs: &AnyInputs,
        target: &[f32],
        weights: Option<&[f32]>,
    ) -> recoil_nn::Result<(f64, Vec<f32>)> {
        match (self, inputs) {
            (Self::Cells(trainer), AnyInputs::Cells(candidates)) => {
                trainer.evaluate(&candidates.batch(), target, weights)
            }
            (Self::Points(trainer), AnyInputs::Points(candidates)) => {
                trainer.evaluate(&candidates.batch(), target, weights)
            }
            _ => mismatch(),
        }
    }

    /// Ends an epoch with these mean losses.
    pub fn end_epoch(&mut self, loss: f64, validation: Option<f64>, seconds: f64) -> EpochRecord {
        match self {
            Self::Cells(trainer) => trainer.end_epoch(loss, validation, seconds),
            Self::Points(trainer) => trainer.end_epoch(loss, validation, seconds),
        }
    }

    /// All epochs so far.
    pub fn history(&self) -> &[EpochRecord] {
        match self {
            Self::Cells(trainer) => trainer.history(),
            Self::Points(trainer) => trainer.history(),
        }
    }

    /// Whether there is nothing left to do.
    pub fn finished(&self) -> bool {
        match self {
            Self::Cells(trainer) => trainer.finished(),
            Self::Points(trainer) => trainer.finished(),
        }
    }

    /// The parameters to use.
    pub fn result(&self) -> Parameters {
        match self {
            Self::Cells(trainer) => trainer.result(),
            Self::Points(trainer) => trainer.result(),
        }
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self, path: &Path) -> recoil_nn::Result<()> {
        match self {
            Self::Cells(trainer) => trainer.checkpoint(path),
            Self::Points(trainer) => trainer.checkpoint(path),
        }
    }

    /// Takes the state of a checkpoint.
    ///
    /// # Errors
    /// A file that is damaged, or of another network, seed or settings.
    pub fn resume(&mut self, path: &Path) -> recoil_nn::Result<()> {
        match self {
            Self::Cells(trainer) => trainer.resume(path),
            Self::Points(trainer) => trainer.resume(path),
        }
    }
}
