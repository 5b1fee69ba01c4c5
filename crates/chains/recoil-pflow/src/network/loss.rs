//! What a network is trained for: terms of each element, and of events as a whole.

mod jets;
mod particles;
mod sliced;
mod sums;

use recoil_nn::Result;
use recoil_nn::tape::{Tape, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forward::{Outputs, Rows};
use crate::data::transform::log_ratio;
use crate::data::{Particle, Target};

/// Terms of the loss and their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the cross-entropy of particle or not.
    pub binary: f32,
    /// Weight of the classes.
    pub pid: f32,
    /// Exponent that turns attention to classes which are hard to tell (focal loss); 0 for the cross-entropy.
    pub focus: f32,
    /// Further factors by PDG number of the true class, such as `{"11": 3}`.
    pub class_weights: std::collections::BTreeMap<i32, f32>,
    /// Weights of transverse momentum, pseudorapidity, sine and cosine of the azimuth, energy.
    pub momentum: [f32; 5],
    /// Errors of momenta beyond this count in proportion instead of squared (Huber); 0: all squared.
    pub huber: f32,
    /// Weight of the sliced-Wasserstein distance between the particles that are found and the true ones of each event:
    /// presence, and presence times momenta; 0: not computed.
    pub sliced_wasserstein: f32,
    /// Random directions of that distance, anew in each step.
    pub projections: usize,
    /// Weight of the missing transverse momentum: Huber's function, 1 GeV wide, of the difference of the vector sums that
    /// are found and true; 0: not computed.
    pub met: f32,
    /// Weight of jets: Huber's function of the logarithm of the ratio of the transverse momentum that is found within the
    /// elements of a true jet (anti-kT, R 0.4, above 5 GeV) to the true one; 0: not computed.
    pub jets: f32,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            binary: 10.0,
            pid: 1.0,
            focus: 2.0,
            class_weights: std::collections::BTreeMap::new(),
            momentum: [1.0, 0.01, 0.01, 0.01, 1.0],
            huber: 0.0,
            sliced_wasserstein: 0.0,
            projections: 200,
            met: 0.0,
            jets: 0.0,
        }
    }
}

/// Names of the terms, in the order of [`Terms`].
pub const TERMS: [&str; 11] =
    ["total", "binary", "pid", "pt", "eta", "sin_phi", "cos_phi", "energy", "sliced_wasserstein", "met", "jets"];

/// What an element should become.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// place of the class, 0 for none
    pub classes: Vec<u32>,
    /// logarithm of the ratio of transverse momenta, pseudorapidity, sine and cosine of the azimuth, logarithm of the ratio
    /// of energies
    pub momentum: [Vec<f32>; 5],
    /// transverse momentum \[GeV\]
    pub pt: Vec<f32>,
    /// the jet of each element within its event, [`NO_JET`] for none; empty where jets were not looked for
    pub jets: Vec<u32>,
}

/// The jet of an element that is in none.
pub const NO_JET: u32 = u32::MAX;

/// A step in all, of which the rows of a loss may be a part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// number of elements: what presence and classes are divided by
    pub elements: f64,
    /// number of particles: what momenta are divided by
    pub particles: f64,
    /// number of events: what terms of events are divided by
    pub events: f64,
    /// number of true jets
    pub jets: f64,
    /// of random directions
    pub seed: u64,
}

impl Truth {
    /// Adds an element with its target.
    pub fn push(&mut self, classes: &[i32], element: &[f32; 5], target: &Target) {
        let Particle { pdg, pt, eta, sin_phi, cos_phi, energy, .. } = target.particle;
        self.classes.push(classes.iter().position(|class| *class == pdg).unwrap_or(0) as u32);
        let values = [log_ratio(pt, element[0]), eta, sin_phi, cos_phi, log_ratio(energy, element[4])];
        for (list, value) in self.momentum.iter_mut().zip(values) {
            list.push(value);
        }
        self.pt.push(pt);
    }
}

/// Mean losses: [`TERMS`].
pub type Terms = [f64; TERMS.len()];

/// The loss of the outputs, and its terms with their weights; sums over rows are divided by numbers of the whole step.
///
/// # Errors
/// Numbers that do not fit, or jets that were not looked for.
pub fn loss(
    tape: &Tape<'_>,
    outputs: &Outputs,
    rows: &Rows,
    truth: &Truth,
    classes: &[i32],
    config: &LossConfig,
    step: Step,
) -> Result<(Value, Terms)> {
    let real = |row: usize| rows.real.is_empty() || rows.real[row];
    let count = rows.len();
    let of_elements = (1.0 / step.elements.max(1.0)) as f32;
    let of_particles = (1.0 / step.particles.max(1.0)) as f32;
    let is_particle: Vec<u32> = truth.classes.iter().map(|class| u32::from(*class != 0)).collect();
    let factor = |class: u32| {
        let pdg = classes.get(class as usize).copied().unwrap_or(0);
        config.class_weights.get(&pdg).copied().unwrap_or(1.0)
    };
    let mut terms = [0.0; TERMS.len()];
    let mut all: Vec<Value> = Vec::new();
    let mut add = |index: usize, weight: f32, value: Value| -> Result<()> {
        let value = tape.scale(&value, weight)?;
        terms[index] = f64::from(value.values()[0]);
        terms[0] += terms[index];
        all.push(value);
        Ok(())
    };
    let weights: Vec<f32> = (0..count).map(|row| if real(row) { of_elements } else { 0.0 }).collect();
    add(1, config.binary, tape.focal(&outputs.binary, &is_particle, &weights, 0.0)?)?;
    let weights: Vec<f32> = (0..count)
        .map(|row| if real(row) && is_particle[row] == 1 { of_elements * factor(truth.classes[row]) } else { 0.0 })
        .collect();
    add(2, config.pid, tape.focal(&outputs.pid, &truth.classes, &weights, config.focus)?)?;
    for (index, (predicted, target)) in outputs.momentum.iter().zip(&truth.momentum).enumerate() {
        if config.momentum[index] == 0.0 || !predicted.has_gradient() && tape.records() {
            continue;
        }
        let is_ratio = index == 0 || index == 4;
        let weights: Vec<f32> = (0..count)
            .map(|row| match real(row) && is_particle[row] == 1 {
                true if is_ratio => of_particles * truth.pt[row].sqrt().max(1e-3),
                true => of_particles,
                false => 0.0,
            })
            .collect();
        let value = match config.huber > 0.0 {
            true => tape.huber(predicted, target, &weights, config.huber)?,
            false => tape.squared_error(predicted, target, &weights)?,
        };
        add(3 + index, config.momentum[index], value)?;
    }
    let of_events = (1.0 / step.events.max(1.0)) as f32;
    if config.sliced_wasserstein > 0.0 {
        let directions = sliced::directions(step.seed, config.projections);
        add(8, config.sliced_wasserstein * of_events, sliced::distance(tape, outputs, rows, truth, &directions)?)?;
    }
    if config.met > 0.0 {
        add(9, config.met * of_events, sums::met(tape, outputs, rows, truth)?)?;
    }
    if config.jets > 0.0 {
        let of_jets = (1.0 / step.jets.max(1.0)) as f32;
        add(10, config.jets * of_jets, sums::jets(tape, outputs, rows, truth)?)?;
    }
    let mut sum = tape.input(1, 1, &[0.0])?;
    for value in &all {
        sum = tape.add(&sum, value)?;
    }
    Ok((sum, terms))
}
