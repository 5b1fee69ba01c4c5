//! `pflow forward`: a network of the reference implementation on the events that are stored with its weights.

use std::collections::BTreeMap;

use recoil_nn::safetensors::{self, Tensor};
use recoil_nn::tape::{Mode, Pool, Tape};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputFile, InputRole, OutputKind, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{PflowError, Result};
use crate::network::loss::{LossConfig, Step, loss};
use crate::network::reference::Stored;
use crate::network::{Backbone, Outputs, forward};

/// The description of a network: `kind`, `sub` and `model`, or several such descriptions by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ForwardConfig(pub BTreeMap<String, Json>);

impl Config for ForwardConfig {}

/// Runs a stored network.
pub struct Forward;

const NETWORK: InputRole =
    InputRole::required("weights", "weights (w.*) and padded events (in.*) of a network", &["safetensors"]);

/// Names of the terms of the loss in the reference's files, behind the total.
const TERMS: [&str; 8] = [
    "Total",
    "Classification_binary",
    "Classification",
    "Regression_pt",
    "Regression_eta",
    "Regression_sin_phi",
    "Regression_cos_phi",
    "Regression_energy",
];

impl Stage for Forward {
    type Config = ForwardConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow forward",
            about: "Run a network of the reference implementation on the events stored with its weights",
            long: "Reads weights (w.*), padded events (in.X, in.mask) and targets (in.ytarget) of one file; the configuration \
                   is the description of the network as JSON (kind, sub, model), or a table of such descriptions, of which \
                   the one in the file's name is taken (model_NAME.safetensors). Rows of padding are seen as in the \
                   reference. Writes states (act.*), outputs (out.*), particles (pred.*), and with targets the terms of the \
                   loss (loss.*) and all gradients (grad.*). Networks with hashed bins are run a second time with hashes \
                   that spread elements over bins: fixed.*.",
            inputs: &[NETWORK],
            output: OutputKind::File { doc: "what the network makes of the events", formats: &["safetensors"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ForwardConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let file = run.inputs().one(NETWORK.role)?;
        let contents = safetensors::read(&file.path).input_error("cannot read the network")?;
        let description = chosen(config, file).usage_error("cannot tell which network this is")?;
        let mut stored = Stored::new(&file.spec(), &description, &contents).input_error("cannot build the network")?;
        let failing = "cannot run the network";
        let named = |error: PflowError| PflowError::content(file.spec(), error.to_string());
        let (mut tensors, terms) = results(&stored, "").map_err(named).input_error(failing)?;
        if let Backbone::GnnLsh(settings) = &mut stored.architecture.backbone {
            settings.spread = true;
            tensors.extend(results(&stored, "fixed.").map_err(named).input_error(failing)?.0);
        }
        let provenance = run.embedded_provenance();
        let metadata = [(recoil_table::PROVENANCE, provenance.to_owned())];
        safetensors::write(&run.output_file()?, &tensors, &metadata).output_error("cannot write")?;
        let report = Report::new().value("parameters", stored.weights.len()).value("tensors", tensors.len());
        Ok(terms.iter().zip(TERMS).fold(report, |report, (term, name)| report.value(name, *term)))
    }
}

/// The description of the network in `file`.
fn chosen(config: &ForwardConfig, file: &InputFile) -> Result<Json> {
    let whole = Json::Object(config.0.clone().into_iter().collect());
    if whole.get("kind").is_some() {
        return Ok(whole);
    }
    let name = file.file_name();
    let stem = name.strip_suffix(".safetensors").unwrap_or(&name);
    let stem = stem.strip_prefix("model_").unwrap_or(stem);
    whole.get(stem).cloned().ok_or_else(|| {
        let known: Vec<&str> = config.0.keys().map(String::as_str).collect();
        let reason =
            format!("give --config with the description of {name}; '{stem}' is not among: {}", known.join(", "));
        PflowError::config("kind", reason)
    })
}

/// Everything that comes out of a network, with `prefix` before the names: states `act.*`, outputs `out.*`, particles
/// `pred.*`, and with targets terms `loss.*` and gradients `grad.*`; and the terms of the loss, the total first.
///
/// # Errors
/// Weights that do not fit.
pub fn results(stored: &Stored, prefix: &str) -> Result<(Vec<Tensor>, Vec<f64>)> {
    let pool = Pool::default();
    let tape = Tape::new(&stored.weights, &pool, Mode::Gradients);
    let outputs = forward(&tape, &stored.architecture, &stored.shape, &stored.rows, true)?;
    let [events, rows] = stored.size;
    let mut tensors = Vec::new();
    let mut add = |name: &str, columns: usize, values: Vec<f32>| {
        let shape = if columns == 0 { vec![events, rows] } else { vec![events, rows, columns] };
        tensors.push(Tensor { name: format!("{prefix}{name}"), shape, values });
    };
    for (name, state) in &outputs.states {
        add(&format!("act.{name}"), state.columns(), state.values().to_vec());
    }
    add("out.binary", outputs.binary.columns(), outputs.binary.values().to_vec());
    add("out.pid", outputs.pid.columns(), outputs.pid.values().to_vec());
    let at = |row: usize, index: usize| outputs.momentum[index].values()[row];
    let momentum = (0..events * rows).flat_map(|row| (0..5).map(move |index| (row, index)));
    add("out.momentum", 5, momentum.map(|(row, index)| at(row, index)).collect());
    for (name, values) in particles(stored, &outputs) {
        add(&format!("pred.{name}"), 0, values);
    }
    let Some(truth) = &stored.truth else { return Ok((tensors, Vec::new())) };
    let real = || (0..stored.rows.len()).filter(|row| stored.rows.real.get(*row).copied().unwrap_or(true));
    let particles = real().filter(|row| truth.classes.get(*row).is_some_and(|class| *class != 0)).count();
    let step = Step { elements: real().count() as f64, particles: particles as f64, ..Step::default() };
    let config = LossConfig::default();
    let (total, terms) = loss(&tape, &outputs, &stored.rows, truth, &stored.shape.classes, &config, step)?;
    let mut gradient = vec![0.0; stored.weights.len()];
    tape.backward(&total, &mut gradient)?;
    for (name, term) in TERMS.iter().zip(terms) {
        tensors.push(Tensor { name: format!("{prefix}loss.{name}"), shape: vec![1], values: vec![term as f32] });
    }
    tensors.extend(stored.weights.with_names(&gradient, &format!("{prefix}grad.")));
    Ok((tensors, terms[..TERMS.len()].to_vec()))
}

/// Decoded particles as the reference has them: the class by its place, and the components of the momentum. What is a
/// particle may still have the class of none.
fn particles(stored: &Stored, outputs: &Outputs) -> Vec<(&'static str, Vec<f32>)> {
    let largest = |logits: &[f32]| {
        let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
        (0..logits.len()).fold(0, better)
    };
    let rows = stored.rows.len();
    let is_present: Vec<bool> = (0..rows).map(|row| largest(outputs.binary.row(row)) == 1).collect();
    let class = |row: usize| if is_present[row] { largest(outputs.pid.row(row)) } else { 0 };
    let classes: Vec<usize> = (0..rows).map(class).collect();
    let component = |index: usize, element: Option<usize>| -> Vec<f32> {
        let value = |row: usize| {
            let value = outputs.momentum[index].values()[row];
            match element {
                _ if !is_present[row] => 0.0,
                Some(column) => value.exp() * stored.rows.elements[row][column],
                None => value,
            }
        };
        (0..rows).map(value).collect()
    };
    vec![
        ("cls_id", classes.iter().map(|class| *class as f32).collect()),
        ("pt", component(0, Some(0))),
        ("eta", component(1, None)),
        ("sin_phi", component(2, None)),
        ("cos_phi", component(3, None)),
        ("energy", component(4, Some(4))),
    ]
}
