//! A small network that tells which links between elements join parts of one particle.
//!
//! It sees what both elements are, in which layer, their energies and their distance; links that it believes in become
//! blocks as connected components.

use std::path::Path;

use recoil_nn::lane::{LANES, Lane};
use recoil_nn::loss::{Loss, LossBlock};
use recoil_nn::optimise::{Moments, Optimiser};
use recoil_nn::safetensors;
use recoil_nn::train::{EpochRecord, Samples, Schedule, TrainConfig, Trainer};
use recoil_nn::{Network, NetworkSpec, Parameters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blocks::ElementLink;
use crate::data::layout::{ENERGY, cms};
use crate::data::{Event, Layout};
use crate::error::{PflowError, Result};

/// What the network sees of a link.
const FEATURES: usize = 9;

const DESCRIPTION: &str = "
inputs: [{name: link, shape: [9]}]
layers:
  - {name: first, layer: {dense: {units: 32, activation: relu}}}
  - {name: second, layer: {dense: {units: 32, activation: relu}}}
  - {name: logit, layer: {dense: {units: 1}}}";

/// Key of the metadata that tells what a file is, and its value.
const KIND: (&str, &str) = ("kind", "recoil pflow edges");
/// Key of the metadata with the layout that a network was trained on.
const LAYOUT: &str = "layout";

/// Keys of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeTraining {
    /// Passes through the links.
    pub epochs: usize,
    /// Links of a step.
    pub batch_size: usize,
    /// Learning rate at the start; it falls to a tenth.
    pub rate: f32,
}

impl Default for EdgeTraining {
    fn default() -> Self {
        Self { epochs: 10, batch_size: 256, rate: 3e-3 }
    }
}

/// Links as a table: features and whether both ends are of one particle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EdgeSamples {
    features: Vec<f32>,
    same: Vec<f32>,
}

impl EdgeSamples {
    /// Appends the links of an event with targets.
    pub fn add(&mut self, event: &Event, layout: Layout, links: &[ElementLink]) {
        let number = |element: u32| event.targets.get(element as usize).map_or(0.0, |target| target.number);
        for link in links {
            self.features.extend(features(event, layout, link));
            let (first, second) = (number(link.first), number(link.second));
            self.same.push(f32::from(u8::from(first == second && first != 0.0)));
        }
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.same.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.same.is_empty()
    }

    /// For each link, whether both ends are of one particle.
    pub fn same(&self) -> impl ExactSizeIterator<Item = bool> {
        self.same.iter().map(|same| *same > 0.5)
    }

    fn table(&self) -> Samples<'_> {
        Samples { inputs: vec![&self.features], target: &self.same, weights: None }
    }
}

fn features(event: &Event, layout: Layout, link: &ElementLink) -> [f32; FEATURES] {
    let width = layout.features().len();
    let of = |element: u32| {
        let row = event.features.get(element as usize * width..).unwrap_or_default();
        let at = |index: usize| row.get(index).copied().unwrap_or(0.0);
        let layer = if layout == Layout::Cms { at(cms::LAYER) } else { 0.0 };
        (layout.is_track(at(0) as i32), layer, at(ENERGY).max(1e-3).ln())
    };
    let ((first_track, first_layer, first_energy), (second_track, second_layer, second_energy)) =
        (of(link.first), of(link.second));
    let flag = |flag: bool| f32::from(u8::from(flag));
    // the second element is nearer to the end of the detector
    let into_hcal = link.calorimeter == super::blocks::Calorimeter::Hadronic;
    [
        flag(first_track),
        flag(second_track),
        flag(into_hcal),
        first_layer / 10.0,
        second_layer / 10.0,
        first_energy,
        second_energy,
        first_energy - second_energy,
        (link.distance / 0.05) as f32,
    ]
}

/// ln(1 + e^y) - t y: the loss of a probability 1 / (1 + e^-y) for a truth t of 0 or 1.
struct Logistic;

impl Loss for Logistic {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let mut loss = Lane::ZERO;
        for ((y, t), g) in block.output.iter().zip(block.target).zip(gradient) {
            for s in 0..LANES {
                let (y, t) = (y.0[s], t.0[s]);
                loss.0[s] += y.max(0.0) + (-y.abs()).exp().ln_1p() - t * y;
                g.0[s] = probability(y) - t;
            }
        }
        loss
    }
}

fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A trained network.
#[derive(Debug)]
pub struct EdgeClassifier {
    network: Network,
    parameters: Parameters,
}

impl EdgeClassifier {
    /// Trains a network; the same seed gives the same numbers on any number of threads.
    ///
    /// # Errors
    /// Settings outside of their domains, no links, a training that diverges.
    pub fn train(
        samples: &EdgeSamples,
        validation: &EdgeSamples,
        training: &EdgeTraining,
        seed: u64,
        mut observer: impl FnMut(&EpochRecord),
    ) -> Result<Self> {
        let network = network()?;
        let config = TrainConfig {
            epochs: training.epochs,
            batch_size: training.batch_size,
            optimiser: Optimiser::Adam(Moments { rate: training.rate, ..Moments::default() }),
            schedule: Schedule::Cosine { warm_up: 0, last: 0.1 },
            ..TrainConfig::default()
        };
        let start = Parameters::new(&network, seed);
        let parameters = {
            let mut trainer = Trainer::new(&network, &Logistic, &config, start, seed)?;
            let validation = (!validation.is_empty()).then(|| validation.table());
            trainer.run(&samples.table(), validation.as_ref(), |_, record| {
                observer(record);
                std::ops::ControlFlow::Continue(())
            })?;
            trainer.result()
        };
        Ok(Self { network, parameters })
    }

    /// Probability of each link of an event that both ends are of one particle.
    ///
    /// # Errors
    /// None for links of the event.
    pub fn probabilities(&self, event: &Event, layout: Layout, links: &[ElementLink]) -> Result<Vec<f32>> {
        let table: Vec<f32> = links.iter().flat_map(|link| features(event, layout, link)).collect();
        self.evaluate(&table)
    }

    /// Probability of each sample.
    ///
    /// # Errors
    /// None for samples.
    pub fn of_samples(&self, samples: &EdgeSamples) -> Result<Vec<f32>> {
        self.evaluate(&samples.features)
    }

    fn evaluate(&self, table: &[f32]) -> Result<Vec<f32>> {
        let mut values = self.network.predict(&self.parameters, &[table])?;
        values.iter_mut().for_each(|value| *value = probability(*value));
        Ok(values)
    }

    /// Writes the network for elements of `layout` with a provenance record.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path, layout: Layout, provenance: &str) -> Result<()> {
        let metadata = [
            (KIND.0, KIND.1.to_owned()),
            (LAYOUT, layout.name().to_owned()),
            (recoil_table::PROVENANCE, provenance.to_owned()),
        ];
        Ok(safetensors::write(path, &self.parameters.to_tensors(), &metadata)?)
    }

    /// Reads a network for elements of `layout`.
    ///
    /// # Errors
    /// A file that is damaged, something else, or of another detector.
    pub fn read(path: &Path, layout: Layout) -> Result<Self> {
        let contents = safetensors::read(path)?;
        let is = |key: &str| contents.metadata.get(key).map(String::as_str);
        if is(KIND.0) != Some(KIND.1) {
            let reason = "is no network for links (`recoil pflow train-edges` makes one)";
            return Err(PflowError::content(path.display(), reason));
        }
        if is(LAYOUT) != Some(layout.name()) {
            let reason =
                format!("is for {}, the events have {}", is(LAYOUT).unwrap_or("unknown elements"), layout.name());
            return Err(PflowError::content(path.display(), reason));
        }
        let network = network()?;
        let parameters = Parameters::from_tensors(&network, &contents.tensors)
            .map_err(|error| PflowError::content(path.display(), error.to_string()))?;
        Ok(Self { network, parameters })
    }
}

fn network() -> Result<Network> {
    Ok(Network::new(&NetworkSpec::from_yaml("network for links", DESCRIPTION)?)?)
}
