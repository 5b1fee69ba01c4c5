//! Trained models: a folder with the network, its weights, and what turns candidates into its inputs.

use std::path::Path;

use recoil_nn::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{Result, TauError};
use crate::features::FeatureTable;
use crate::grid::Encoder;
use crate::network::cnn::InputShape;
use crate::network::loss::LossName;
use crate::network::topology::{AnyNetwork, TopologyConfig};
use crate::scaling::ScalingTable;

/// File that describes the model.
pub const MODEL_FILE: &str = "model.json";
/// File of the weights.
pub const WEIGHTS_FILE: &str = "weights.safetensors";
/// File of the table of features.
pub const FEATURES_FILE: &str = "features.yml";
/// File of the scaling.
pub const SCALING_FILE: &str = "scaling.json";

/// What a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Topology.
    pub network: TopologyConfig,
    /// Particles of a candidate at most, for networks that see them one by one.
    pub particles: usize,
    /// Numbers of inputs.
    pub inputs: InputShape,
    /// What it was trained to minimise.
    pub loss: LossName,
    /// Relative weights of the classes in the loss.
    pub loss_factors: [f64; 4],
    /// Names of the outputs.
    pub outputs: Vec<String>,
}

/// A network with its weights and its inputs.
#[derive(Clone, Debug)]
pub struct TauModel {
    about: About,
    network: AnyNetwork,
    parameters: Parameters,
    features: String,
    scaling: Json,
}

impl TauModel {
    /// A model of these parts; `features` is the text of a table, `scaling` the content of a scaling file.
    ///
    /// # Errors
    /// Settings that make no network, parameters of another one.
    pub fn new(about: About, features: String, scaling: Json, parameters: Option<&Parameters>) -> Result<Self> {
        let network = about.network.network(&about.inputs)?;
        let mut own = network.start(0);
        if let Some(parameters) = parameters {
            let missing = own.take(&parameters.to_tensors())?;
            if let Some(first) = missing.first() {
                let reason = format!("parameters of another network: tensor '{first}' is missing");
                return Err(TauError::config("parameters", reason));
            }
        }
        let parameters = own;
        Ok(Self { about, network, parameters, features, scaling })
    }

    /// Reads a model from its folder.
    ///
    /// # Errors
    /// Files that are missing or damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| TauError::io(&path, error))
        };
        let json = |name: &str, source| TauError::Json { file: folder.join(name).display().to_string(), source };
        let about: About = serde_json::from_str(&text(MODEL_FILE)?).map_err(|error| json(MODEL_FILE, error))?;
        let scaling = serde_json::from_str(&text(SCALING_FILE)?).map_err(|error| json(SCALING_FILE, error))?;
        let mut model = Self::new(about, text(FEATURES_FILE)?, scaling, None)?;
        model.parameters = model.network.read(&folder.join(WEIGHTS_FILE))?;
        Ok(model)
    }

    /// Writes the model into a folder that exists.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| TauError::io(&path, error))
        };
        let json = |name: &str, value: serde_json::Result<String>| {
            value.map_err(|source| TauError::Json { file: folder.join(name).display().to_string(), source })
        };
        write(MODEL_FILE, json(MODEL_FILE, serde_json::to_string_pretty(&self.about))? + "\n")?;
        write(SCALING_FILE, json(SCALING_FILE, serde_json::to_string_pretty(&self.scaling))? + "\n")?;
        write(FEATURES_FILE, self.features.clone())?;
        Ok(self.parameters.write(&folder.join(WEIGHTS_FILE))?)
    }

    /// What it is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Its network.
    pub fn network(&self) -> &AnyNetwork {
        &self.network
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What turns candidates into its inputs.
    ///
    /// # Errors
    /// A table or a scaling that does not fit.
    pub fn encoder(&self, folder: &Path) -> Result<Encoder> {
        let table = FeatureTable::of_text(&self.features, &folder.join(FEATURES_FILE).display().to_string())?;
        let encoder = Encoder::new(&table, &ScalingTable::read(&folder.join(SCALING_FILE))?)?;
        Ok(encoder.with_form(self.about.network.form(self.about.particles)))
    }
}
