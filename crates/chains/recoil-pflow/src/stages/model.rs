//! Models as inputs of stages.

use std::path::{Path, PathBuf};

use recoil_stage::StageError;
use recoil_stage::error::Blame as _;

use crate::error::PflowError;
use crate::network::device::{Accelerator, Device};
use crate::network::{Architecture, Model};

/// The file of a model among the outputs of a training.
pub const MODEL_FILE: &str = "model.safetensors";

/// The file of a model that was given as a file or as the folder of a training. A name without an extension that is no file
/// (yet) is a folder, so that a production reads the same before the training and behind it.
pub(super) fn path(given: &str) -> PathBuf {
    let given = Path::new(given);
    let is_folder = given.is_dir() || (given.extension().is_none() && !given.is_file());
    if is_folder { given.join(MODEL_FILE) } else { given.to_owned() }
}

/// The model that a key names, as an input of the run.
pub(super) fn files(key: &str, given: &str) -> Vec<(String, PathBuf)> {
    if given.is_empty() { Vec::new() } else { vec![(key.to_owned(), path(given))] }
}

/// Reads the model that the key `model` names.
pub(super) fn read(given: &str) -> Result<Model, StageError> {
    if given.is_empty() {
        return Err(StageError::usage("no model is given: --model FILE, or the folder of a training"));
    }
    Model::read(&path(given)).input_error("cannot read the model")
}

/// Opens the device that the key `device` names; none for the processor.
pub(super) fn open(device: Device, architecture: &Architecture) -> Result<Option<Accelerator>, StageError> {
    let opened = device.open(architecture);
    match opened {
        Err(error @ PflowError::Config { .. }) => Err(error).usage_error("cannot compute there"),
        other => other.input_error("cannot compute"),
    }
}
