//! A network with its weights, scales and settings in one file.

use std::path::Path;

use recoil_nn::safetensors;
use recoil_nn::tape::{Mode, Pool, Tape, Weights};
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, Shape};
use super::decode::{Decisions, decode};
use super::device::{Accelerator, outputs};
use super::forward::Rows;
use super::inputs::{InputConfig, Scales};
use crate::data::{Event, Layout, Particle};
use crate::error::{PflowError, Result};

/// Key of the settings among the metadata of a model file.
const KEY: &str = "recoil.pflow.model";

/// A network that can predict.
#[derive(Clone, Debug)]
pub struct Model {
    /// features of the elements that it reads
    pub layout: Layout,
    /// what it looks like
    pub architecture: Architecture,
    /// what it reads and tells apart
    pub shape: Shape,
    /// what it is told of elements
    pub inputs: InputConfig,
    /// scales of these numbers; none if they are not scaled
    pub scales: Scales,
    /// how outputs become candidates
    pub decisions: Decisions,
    /// its tensors
    pub weights: Weights,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    layout: String,
    architecture: Architecture,
    shape: Shape,
    inputs: InputConfig,
    decisions: Decisions,
}

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Clic => "clic",
        Layout::Cms => "cms",
        Layout::Hits => "hits",
        Layout::Delphes => "delphes",
    }
}

impl Model {
    /// A network that has learned nothing yet.
    ///
    /// # Errors
    /// An architecture that cannot be built.
    pub fn new(layout: Layout, architecture: &Architecture, inputs: InputConfig, seed: u64) -> Result<Self> {
        architecture.check()?;
        let shape = Shape::of(layout, inputs.columns(layout));
        let weights = super::weights::start(architecture, &shape, seed)?;
        let (scales, decisions) = (Scales::default(), Decisions::default());
        Ok(Self { layout, architecture: architecture.clone(), shape, inputs, scales, decisions, weights })
    }

    /// Writes the model; `record` are further lines of its metadata, such as its provenance.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path, record: &[(&str, String)]) -> Result<()> {
        let settings = Settings {
            layout: layout_name(self.layout).into(),
            architecture: self.architecture.clone(),
            shape: self.shape.clone(),
            inputs: self.inputs,
            decisions: self.decisions.clone(),
        };
        let text =
            serde_json::to_string(&settings).map_err(|error| PflowError::content(path.display(), error.to_string()))?;
        let mut tensors = self.weights.to_tensors();
        tensors.extend(self.scales.to_tensors());
        let mut metadata = vec![(KEY, text)];
        metadata.extend(record.iter().cloned());
        Ok(safetensors::write(path, &tensors, &metadata)?)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// A file that is damaged or no model of particle flow.
    pub fn read(path: &Path) -> Result<Self> {
        let mut contents = safetensors::read(path)?;
        let fault = |reason: String| PflowError::content(path.display(), reason);
        let text = contents.metadata.get(KEY).ok_or_else(|| fault("is no model of particle flow".into()))?;
        let settings: Settings = serde_json::from_str(text)
            .map_err(|error| fault(format!("the settings of the model are damaged: {error}")))?;
        let layout = Layout::ALL.into_iter().find(|layout| layout_name(*layout) == settings.layout);
        let layout = layout.ok_or_else(|| fault(format!("is a model for elements of '{}'", settings.layout)))?;
        let Settings { architecture, shape, inputs, decisions, .. } = settings;
        architecture.check().map_err(|error| fault(error.to_string()))?;
        if shape.features != inputs.columns(layout) || shape.types.is_empty() || shape.classes.len() < 2 {
            return Err(fault(format!("reads {} numbers per element, not {}", shape.features, inputs.columns(layout))));
        }
        let is_known = |all: &[i32], own: &[i32]| own.iter().all(|one| all.contains(one));
        if !is_known(layout.classes(), &shape.classes) || !is_known(layout.types(), &shape.types) {
            return Err(fault(format!("tells apart what {} do not have", layout.name())));
        }
        let stored = contents.tensors.iter().map(|tensor| tensor.values.len()).sum::<usize>();
        if !architecture.is_within(stored) {
            return Err(fault(format!("has {stored} numbers, too few for the network that it describes")));
        }
        let told = |error: PflowError| fault(error.to_string());
        let scales = Scales::take(&mut contents.tensors, &shape).map_err(told)?;
        let mut weights = super::weights::start(&architecture, &shape, 0).map_err(|error| told(error.into()))?;
        let missing = weights.take(&contents.tensors).map_err(|error| told(error.into()))?;
        if let Some(name) = missing.first() {
            return Err(fault(format!("tensor '{name}' is missing")));
        }
        Ok(Self { layout, architecture, shape, inputs, scales, decisions, weights })
    }

    /// The scaled rows of some events, and for each event the places of its elements that are no padding.
    pub fn rows(&self, events: &[Event]) -> (Rows, Vec<Vec<usize>>) {
        let mut rows = Rows { offsets: vec![0], ..Rows::default() };
        let kept = events.iter().map(|event| self.inputs.append(event, self.layout, &self.shape, &mut rows)).collect();
        self.scales.apply(&mut rows);
        (rows, kept)
    }

    /// Candidates of some events, one per element.
    ///
    /// # Errors
    /// Weights that do not fit.
    pub fn predict(&self, events: &[Event], pool: &Pool) -> Result<Vec<Vec<Particle>>> {
        self.predict_on(None, events, pool)
    }

    /// As [`Model::predict`], on a device.
    ///
    /// # Errors
    /// Weights that do not fit, or a device that fails.
    pub fn predict_on(&self, on: Option<&Accelerator>, events: &[Event], pool: &Pool) -> Result<Vec<Vec<Particle>>> {
        let (rows, kept) = self.rows(events);
        let tape = Tape::new(&self.weights, pool, Mode::Inference);
        let outputs = outputs(&tape, self, &rows, on)?;
        let candidates = decode(&outputs, &rows, &self.shape.classes, &self.decisions);
        let mut at = candidates.into_iter();
        let place = |(event, kept): (&Event, &Vec<usize>)| {
            let mut all = vec![Particle::default(); event.elements(self.layout)];
            for (place, candidate) in kept.iter().zip(&mut at) {
                if let Some(slot) = all.get_mut(*place) {
                    *slot = candidate;
                }
            }
            all
        };
        Ok(events.iter().zip(&kept).map(place).collect())
    }
}
