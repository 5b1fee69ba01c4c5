//! Models with their parameters, as they lie in a folder: `model.json` and `weights.safetensors`.

use std::path::Path;

use recoil_nn::{Network, NetworkSpec, Parameters};
use serde::{Deserialize, Serialize};

use super::loss::LossConfig;
use super::models::{Halves, ModelConfig};
use crate::arrangement::Arrangement;
use crate::data::Wafer;
use crate::error::{EcontError, Result};
use crate::wafer::CELLS;

/// File of the description in a model's folder.
pub const MODEL_FILE: &str = "model.json";
/// File of the parameters in a model's folder.
pub const WEIGHTS_FILE: &str = "weights.safetensors";
/// Kind of file, in its description.
const KIND: &str = "recoil econt autoencoder";

/// An autoencoder that can encode and decode.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    about: About,
    arrangement: Arrangement,
    whole: Network,
    encoder: Network,
    decoder: Network,
    parameters: Parameters,
    encoder_parameters: Parameters,
    decoder_parameters: Parameters,
}

/// What `model.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What the file is.
    pub kind: String,
    /// Name of the model.
    pub name: String,
    /// Its network.
    pub network: ModelConfig,
    /// What it was trained with.
    pub loss: LossConfig,
    /// The encoder, layer by layer.
    pub encoder: NetworkSpec,
    /// The decoder, layer by layer.
    pub decoder: NetworkSpec,
}

/// Wafers as a network takes them.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// Images, row by row.
    pub images: Vec<f32>,
    /// Per wafer the 48 normalised charges, then the image: what losses compare with.
    pub targets: Vec<f32>,
    /// What the charges were divided by \[counts\]; 0 for empty wafers.
    pub divisors: Vec<f64>,
}

fn nn(error: recoil_nn::NnError) -> EcontError {
    EcontError::Network(error)
}

impl Autoencoder {
    /// A model with these parameters; without, with those that a training starts from.
    ///
    /// # Errors
    /// Settings that contradict each other, parameters of another network.
    pub fn new(name: &str, network: &ModelConfig, loss: &LossConfig, parameters: Start<'_>) -> Result<Self> {
        let Halves { encoder, decoder } = network.halves()?;
        let about = About {
            kind: KIND.to_owned(),
            name: name.to_owned(),
            network: network.clone(),
            loss: loss.clone(),
            encoder,
            decoder,
        };
        Self::of(about, parameters)
    }

    fn of(about: About, start: Start<'_>) -> Result<Self> {
        let encoder = Network::new(&about.encoder).map_err(nn)?;
        let decoder = Network::new(&about.decoder).map_err(nn)?;
        let whole = Network::new(&about.encoder.clone().then(&about.decoder).map_err(nn)?).map_err(nn)?;
        let parameters = match start {
            Start::Seed(seed) => Parameters::new(&whole, seed),
            Start::Given(parameters) => Parameters::from_tensors(&whole, &parameters.to_tensors()).map_err(nn)?,
            Start::File(path) => Parameters::read(&whole, path).map_err(nn)?,
        };
        let tensors = parameters.to_tensors();
        let encoder_parameters = Parameters::from_tensors(&encoder, &tensors).map_err(nn)?;
        let decoder_parameters = Parameters::from_tensors(&decoder, &tensors).map_err(nn)?;
        let arrangement = Arrangement::of(about.network.image);
        if decoder.output_len() != arrangement.pixels() || encoder.output_len() != about.network.latent {
            let reason =
                format!("model '{}' does not fit its own image: the files are from different models", about.name);
            return Err(EcontError::Config { key: "model", reason });
        }
        Ok(Self { about, arrangement, whole, encoder, decoder, parameters, encoder_parameters, decoder_parameters })
    }

    /// Reads a model from its folder.
    ///
    /// # Errors
    /// A folder without a model, files that are damaged or do not belong together.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MODEL_FILE);
        let refuse = |reason: String| EcontError::Model { folder: folder.display().to_string(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| refuse(format!("{MODEL_FILE}: {error}")))?;
        let about: About = serde_json::from_str(&text).map_err(|error| refuse(format!("{MODEL_FILE}: {error}")))?;
        if about.kind != KIND {
            return Err(refuse(format!("{MODEL_FILE} is that of a '{}', not of a '{KIND}'", about.kind)));
        }
        let halves = about.network.halves()?;
        if halves.encoder != about.encoder || halves.decoder != about.decoder {
            return Err(refuse(format!(
                "{MODEL_FILE}: its layers are not those of its settings: it was changed, or is of another version"
            )));
        }
        Self::of(about, Start::File(&folder.join(WEIGHTS_FILE))).map_err(|error| refuse(error.to_string()))
    }

    /// Writes the model's two files into a folder.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let refuse = |reason: String| EcontError::Model { folder: folder.display().to_string(), reason };
        let text = serde_json::to_string_pretty(&self.about).map_err(|error| refuse(error.to_string()))?;
        std::fs::write(folder.join(MODEL_FILE), text + "\n").map_err(|error| refuse(error.to_string()))?;
        self.parameters.write(&folder.join(WEIGHTS_FILE)).map_err(nn)
    }

    /// What the model is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How cells stand in images.
    pub fn arrangement(&self) -> &Arrangement {
        &self.arrangement
    }

    /// Encoder and decoder in one.
    pub fn network(&self) -> &Network {
        &self.whole
    }

    /// All parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The encoder with its parameters.
    pub fn encoder(&self) -> (&Network, &Parameters) {
        (&self.encoder, &self.encoder_parameters)
    }

    /// The decoder with its parameters.
    pub fn decoder(&self) -> (&Network, &Parameters) {
        (&self.decoder, &self.decoder_parameters)
    }

    /// Wafers (by trigger-cell number) divided by what the normalisation says and put into images.
    pub fn prepare(&self, wafers: &[Wafer]) -> Prepared {
        let normalisation = self.about.network.normalisation;
        let mut prepared = Prepared::default();
        for wafer in wafers {
            let charges = normalisation.normalise(wafer).map(|charge| charge as f32);
            let image = self.arrangement.image(&charges);
            prepared.images.extend(&image);
            prepared.targets.extend(charges);
            prepared.targets.extend(image);
            prepared.divisors.push(normalisation.divisor(wafer));
        }
        prepared
    }

    /// Latent numbers of images, row by row.
    ///
    /// # Errors
    /// Images of another size.
    pub fn encode(&self, images: &[f32]) -> Result<Vec<f32>> {
        self.encoder.predict(&self.encoder_parameters, &[images]).map_err(nn)
    }

    /// Images from latent numbers, and from `conditions` if the decoder takes them.
    ///
    /// # Errors
    /// Tables of another size.
    pub fn decode(&self, latent: &[f32], conditions: Option<&[f32]>) -> Result<Vec<f32>> {
        let inputs: Vec<&[f32]> = std::iter::once(latent).chain(conditions).collect();
        self.decoder.predict(&self.decoder_parameters, &inputs).map_err(nn)
    }

    /// What arrives of wafers: 48 charges each by trigger-cell number, on the scale of the network.
    ///
    /// # Errors
    /// Conditions of another size.
    pub fn reconstruct(&self, wafers: &[Wafer], conditions: Option<&[f32]>) -> Result<Vec<[f64; CELLS]>> {
        let prepared = self.prepare(wafers);
        let images = self.decode(&self.encode(&prepared.images)?, conditions)?;
        let wafer = |image: &[f32]| self.arrangement.wafer(image).map(f64::from);
        Ok(images.chunks_exact(self.arrangement.pixels()).map(wafer).collect())
    }
}

/// Where parameters come from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Random numbers.
    Seed(u64),
    /// Given ones.
    Given(&'a Parameters),
    /// A safetensors file.
    File(&'a Path),
}
