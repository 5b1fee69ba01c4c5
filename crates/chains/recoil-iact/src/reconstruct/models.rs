//! Trained forests and their files.

use super::settings::DispMethod;
use super::zenith::Pointings;
use crate::error::{IactError, Result};
use recoil_forest::{Forest, Predictor, Task};
use std::path::{Path, PathBuf};

/// The energy.
pub const ENERGY_FILE: &str = "reg_energy.safetensors";
/// The distance to the source.
pub const DISP_NORM_FILE: &str = "reg_disp_norm.safetensors";
/// The side of the source.
pub const DISP_SIGN_FILE: &str = "cls_disp_sign.safetensors";
/// The vector to the source.
pub const DISP_VECTOR_FILE: &str = "reg_disp_vector.safetensors";
/// Gammas against protons.
pub const GAMMANESS_FILE: &str = "cls_gh.safetensors";
/// Pointings of the training.
pub const POINTINGS_FILE: &str = "training_dirs.ecsv";

/// What the forest in a file learns.
pub fn learns(file: &str) -> Option<&'static str> {
    match file {
        ENERGY_FILE => Some("Energy"),
        DISP_NORM_FILE => Some("Distance to the source"),
        DISP_SIGN_FILE => Some("Side of the source"),
        DISP_VECTOR_FILE => Some("Vector to the source"),
        GAMMANESS_FILE => Some("Gammaness"),
        _ => None,
    }
}

/// Code of gammas in `mc_type`.
pub const GAMMA: i64 = 0;
/// Code of protons in `mc_type`.
pub const PROTON: i64 = 101;

/// A forest that is ready to answer.
pub struct Model {
    /// Names of the features in their order.
    pub features: Vec<String>,
    /// What it answers.
    pub task: Task,
    predictor: Predictor,
}

impl Model {
    /// Prepares a forest.
    ///
    /// # Errors
    /// A forest that is damaged.
    pub fn new(forest: &Forest) -> Result<Self> {
        let predictor = Predictor::new(forest).map_err(|error| IactError::content("the forest", error.to_string()))?;
        Ok(Self { features: forest.features().to_vec(), task: forest.task().clone(), predictor })
    }

    fn read(path: &Path, is_fine: impl Fn(&Task) -> bool) -> Result<Self> {
        let forest = Forest::read(path).map_err(|error| IactError::content("the models", error.to_string()))?;
        if !is_fine(forest.task()) {
            let reason = format!("the forest answers {:?}, which is not what this file is for", forest.task());
            return Err(IactError::content(path.display(), reason));
        }
        Self::new(&forest)
    }

    /// Answers for rows of features.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn answer(&self, rows: &[f32]) -> std::result::Result<Vec<f64>, recoil_forest::ForestError> {
        self.predictor.predict(rows)
    }

    /// Numbers per row of answers.
    pub fn width(&self) -> usize {
        self.predictor.width()
    }

    /// Place of a class among the answers.
    pub fn class(&self, label: i64) -> Option<usize> {
        match &self.task {
            Task::Classification { classes } => classes.iter().position(|class| *class == label),
            Task::Regression { .. } => None,
        }
    }
}

/// What tells directions.
pub enum Disp {
    /// Distance and side.
    NormSign(Box<Model>, Box<Model>),
    /// Both coordinates.
    Vector(Box<Model>),
}

/// All forests of a training.
pub struct Models {
    /// Logarithm of the energy.
    pub energy: Model,
    /// Direction.
    pub disp: Disp,
    /// Gammas against protons.
    pub gammaness: Model,
    /// Pointings of the training, if they are known.
    pub pointings: Option<Pointings>,
}

/// Names of the files of a training.
pub fn file_names(method: DispMethod) -> Vec<&'static str> {
    match method {
        DispMethod::DispNormSign => vec![ENERGY_FILE, DISP_NORM_FILE, DISP_SIGN_FILE, GAMMANESS_FILE, POINTINGS_FILE],
        DispMethod::DispVector => vec![ENERGY_FILE, DISP_VECTOR_FILE, GAMMANESS_FILE, POINTINGS_FILE],
    }
}

impl Models {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// A missing or damaged file, or one that holds another forest than its name tells.
    pub fn read(folder: &Path, method: DispMethod) -> Result<Self> {
        let regression = |wanted: usize| move |task: &Task| *task == Task::Regression { outputs: wanted };
        let classes = |wanted: &'static [i64]| move |task: &Task| matches!(task, Task::Classification { classes } if wanted.iter().all(|w| classes.contains(w)));
        let file = |name: &str| -> PathBuf { folder.join(name) };
        let disp = match method {
            DispMethod::DispNormSign => Disp::NormSign(
                Box::new(Model::read(&file(DISP_NORM_FILE), regression(1))?),
                Box::new(Model::read(&file(DISP_SIGN_FILE), classes(&[1]))?),
            ),
            DispMethod::DispVector => Disp::Vector(Box::new(Model::read(&file(DISP_VECTOR_FILE), regression(2))?)),
        };
        let pointings = file(POINTINGS_FILE);
        Ok(Self {
            energy: Model::read(&file(ENERGY_FILE), regression(1))?,
            disp,
            gammaness: Model::read(&file(GAMMANESS_FILE), classes(&[GAMMA]))?,
            pointings: if pointings.exists() { Some(Pointings::read(&pointings)?) } else { None },
        })
    }
}
