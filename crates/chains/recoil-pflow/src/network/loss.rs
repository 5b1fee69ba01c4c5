//! What a network is trained for.

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
        }
    }
}

/// Names of the terms, in the order of [`Terms`].
pub const TERMS: [&str; 8] = ["total", "binary", "pid", "pt", "eta", "sin_phi", "cos_phi", "energy"];

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
pub type Terms = [f64; 8];

/// The loss of the outputs, and its terms with their weights; sums over elements are divided by the number of
/// elements (binary, classes) or of particles (momenta) among the rows. `share` scales all: that of these rows among
/// those of a step.
///
/// # Errors
/// Numbers that do not fit.
pub fn loss(
    tape: &Tape<'_>,
    outputs: &Outputs,
    rows: &Rows,
    truth: &Truth,
    classes: &[i32],
    config: &LossConfig,
    [elements, particles]: [f64; 2],
) -> Result<(Value, Terms)> {
    let real = |row: usize| rows.real.is_empty() || rows.real[row];
    let count = rows.len();
    let of_elements = (1.0 / elements.max(1.0)) as f32;
    let of_particles = (1.0 / particles.max(1.0)) as f32;
    let is_particle: Vec<u32> = truth.classes.iter().map(|class| u32::from(*class != 0)).collect();
    let factor = |class: u32| {
        let pdg = classes.get(class as usize).copied().unwrap_or(0);
        config.class_weights.get(&pdg).copied().unwrap_or(1.0)
    };
    let mut terms = [0.0; 8];
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
    let mut sum = tape.input(1, 1, &[0.0])?;
    for value in &all {
        sum = tape.add(&sum, value)?;
    }
    Ok((sum, terms))
}
