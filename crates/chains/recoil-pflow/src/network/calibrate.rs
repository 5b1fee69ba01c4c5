//! Scales of momenta and thresholds of classes, from events that the network was not trained with.

use std::collections::BTreeMap;

use recoil_nn::tape::{Mode, Tape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decode::{Decisions, decode};
use super::device::{Accelerator, outputs};
use super::model::Model;
use super::train::Samples;
use crate::data::classes::is_charged;
use crate::error::Result;

/// Candidates of a class that a scale needs.
const ENOUGH: usize = 50;
/// Largest correction.
const LARGEST: f32 = 1.5;
/// Classes that are rare among charged particles.
const LEPTONS: [i32; 2] = [11, 13];

/// What is calibrated behind a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationConfig {
    /// Whether momenta of neutral classes are scaled so that the median of their energies is right.
    pub scales: bool,
    /// Share of true charged hadrons that may become electrons or muons: how sure the network must be of those. 1: as sure
    /// as of anything else.
    pub hadrons_lost: f64,
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self { scales: true, hadrons_lost: 5e-4 }
    }
}

/// How much the logits of electrons and muons have to be lowered so that no more than this share of charged hadrons is
/// lost; `margins` are those of charged hadrons: the better logit of the two minus the best of the others.
fn lowered(mut margins: Vec<f32>, share: f64) -> f32 {
    margins.sort_by(|a, b| b.total_cmp(a));
    let allowed = (share * margins.len() as f64) as usize;
    margins.get(allowed).copied().unwrap_or(0.0).max(0.0)
}

/// Decisions with a scale for each neutral class: that which brings the median of energies over those of targets to 1,
/// where both agree in class. (A logarithm that is right on average makes numbers that are too small on average.)
///
/// # Errors
/// Weights that do not fit, or a device that fails.
pub fn decisions(
    model: &Model,
    samples: &Samples,
    config: &CalibrationConfig,
    on: Option<&Accelerator>,
) -> Result<Decisions> {
    let mut ratios: BTreeMap<i32, Vec<f32>> = BTreeMap::new();
    let mut margins = Vec::new();
    let best = |logits: &[f32], wanted: bool| {
        let pairs = logits.iter().zip(&model.shape.classes).filter(|(_, pdg)| LEPTONS.contains(pdg) == wanted);
        pairs.fold(f32::NEG_INFINITY, |best, (logit, _)| best.max(*logit))
    };
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    for events in all.chunks(16) {
        let (rows, truth) = samples.joined(events);
        let tape = Tape::new(&model.weights, samples.pool(), Mode::Inference);
        let outputs = outputs(&tape, model, &rows, on)?;
        for (row, class) in truth.classes.iter().enumerate() {
            if model.shape.classes.get(*class as usize) == Some(&211) {
                let logits = outputs.pid.row(row);
                margins.push(best(logits, true) - best(logits, false));
            }
        }
        let candidates = decode(&outputs, &rows, &model.shape.classes, &Decisions::default());
        for (row, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.is_present()) {
            let class = truth.classes.get(row).and_then(|class| model.shape.classes.get(*class as usize));
            if class == Some(&candidate.pdg) && !is_charged(candidate.pdg) {
                let target = rows.elements[row][4] * truth.momentum[4][row].exp();
                ratios.entry(candidate.pdg).or_default().push(candidate.energy / target);
            }
        }
    }
    let scale = |(pdg, mut ratios): (i32, Vec<f32>)| {
        ratios.sort_by(f32::total_cmp);
        let median = ratios.get(ratios.len() / 2).copied().filter(|_| ratios.len() >= ENOUGH)?;
        (median > 0.0).then(|| (pdg, (1.0 / median).clamp(1.0 / LARGEST, LARGEST)))
    };
    let mut decisions = Decisions::default();
    if config.scales {
        decisions.scales = ratios.into_iter().filter_map(scale).collect();
    }
    let lowered = lowered(margins, config.hadrons_lost);
    if lowered > 0.0 {
        decisions.classes = LEPTONS.map(|pdg| (pdg, -lowered)).into();
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_hadrons_are_lost_as_allowed() {
        let margins: Vec<f32> = (0..100).map(|i| i as f32 - 90.0).collect();
        // margins above 0: 1 to 9
        assert_eq!(lowered(margins.clone(), 0.03), 6.0);
        assert_eq!(lowered(margins.clone(), 0.0), 9.0);
        assert_eq!(lowered(margins.clone(), 0.5), 0.0);
        assert_eq!(lowered(margins, 1.0), 0.0);
    }
}
