//! Scales of momenta from events that the network was not trained with.

use std::collections::BTreeMap;

use recoil_nn::tape::{Mode, Tape};

use super::decode::{Decisions, decode};
use super::forward::forward;
use super::model::Model;
use super::train::Samples;
use crate::data::classes::is_charged;
use crate::error::Result;

/// Candidates of a class that a scale needs.
const ENOUGH: usize = 50;
/// Largest correction.
const LARGEST: f32 = 1.5;

/// Decisions with a scale for each neutral class: that which brings the median of energies over those of targets to 1,
/// where both agree in class. (A logarithm that is right on average makes numbers that are too small on average.)
///
/// # Errors
/// Weights that do not fit.
pub fn decisions(model: &Model, samples: &Samples) -> Result<Decisions> {
    let mut ratios: BTreeMap<i32, Vec<f32>> = BTreeMap::new();
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    for events in all.chunks(16) {
        let (rows, truth) = samples.joined(events);
        let tape = Tape::new(&model.weights, samples.pool(), Mode::Inference);
        let outputs = forward(&tape, &model.architecture, &model.shape, &rows, false)?;
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
    Ok(Decisions { scales: ratios.into_iter().filter_map(scale).collect(), ..Decisions::default() })
}
