//! From outputs to candidates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forward::{Outputs, Rows};
use crate::data::Particle;
use crate::data::classes::is_charged;

/// What a candidate takes: shifts of logits and factors of momenta, found on events that the network was not trained with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decisions {
    /// Added to the logit of a particle being there.
    pub presence: f32,
    /// Added to the logit of each class, by PDG number.
    pub classes: std::collections::BTreeMap<i32, f32>,
    /// Factors on momenta and energies of the candidates of each class, by PDG number; 1 for others.
    pub scales: std::collections::BTreeMap<i32, f32>,
}

fn largest(logits: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, logit) in logits.enumerate() {
        if logit > best.1 {
            best = (index, logit);
        }
    }
    best.0
}

/// One candidate per row: none where the network sees none, and where a number is not finite.
pub fn decode(outputs: &Outputs, rows: &Rows, classes: &[i32], decisions: &Decisions) -> Vec<Particle> {
    let shifts: Vec<f32> = classes.iter().map(|pdg| decisions.classes.get(pdg).copied().unwrap_or(0.0)).collect();
    let candidate = |(row, element): (usize, &[f32; 5])| {
        let binary = outputs.binary.row(row);
        let present = binary.last().zip(binary.first()).is_some_and(|(yes, no)| yes + decisions.presence > *no);
        let class = largest(outputs.pid.row(row).iter().zip(&shifts).map(|(logit, shift)| logit + shift));
        let pdg = classes.get(class).copied().unwrap_or(0);
        if !present || pdg == 0 {
            return Particle::default();
        }
        let [pt, eta, sin_phi, cos_phi, energy] = outputs.momentum.each_ref().map(|value| value.values()[row]);
        let factor = decisions.scales.get(&pdg).copied().unwrap_or(1.0);
        let (pt, energy) = (factor * pt.exp() * element[0], factor * energy.exp() * element[4]);
        let length = sin_phi.hypot(cos_phi);
        let (sin_phi, cos_phi) = if length > 0.0 { (sin_phi / length, cos_phi / length) } else { (0.0, 1.0) };
        let particle = Particle { pdg, charge: 0.0, pt, eta, sin_phi, cos_phi, energy };
        let finite = [pt, eta, sin_phi, cos_phi, energy].iter().all(|value| value.is_finite());
        if finite { particle } else { Particle::default() }
    };
    rows.elements.iter().enumerate().map(candidate).collect()
}

/// Gives candidates with a track its charge.
pub fn charge(candidates: &mut [Particle], charges: impl Iterator<Item = f32>) {
    for (candidate, charge) in candidates.iter_mut().zip(charges) {
        if is_charged(candidate.pdg) {
            candidate.charge = charge;
        }
    }
}
