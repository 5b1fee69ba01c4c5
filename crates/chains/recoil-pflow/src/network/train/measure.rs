//! Losses of events that are not learnt from.

use std::ops::Range;

use rayon::prelude::*;
use recoil_nn::tape::{Mode, Tape};

use super::Samples;
use crate::error::Result;
use crate::network::decode::decode;
use crate::network::device::{Accelerator, outputs};
use crate::network::loss::{LossConfig, Terms, loss};
use crate::network::model::Model;

/// Events of a part.
const EVENTS: usize = 16;

/// Losses of a part, and the number of elements whose class is right.
pub(super) type Measured = (Terms, u64);

/// Number of parts of events to measure.
pub(super) fn parts(samples: &Samples) -> usize {
    samples.len().div_ceil(EVENTS)
}

/// Measures some parts.
///
/// # Errors
/// Weights that do not fit, or a device that fails.
pub(super) fn measure_parts(
    model: &Model,
    samples: &Samples,
    config: &LossConfig,
    on: Option<&Accelerator>,
    parts: Range<usize>,
) -> Result<Vec<Measured>> {
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    // the same directions in all validations
    let step = samples.step(&all, 0);
    let judge = |events: &&[u32]| -> Result<Measured> {
        let (rows, truth) = samples.joined(events);
        let tape = Tape::new(&model.weights, samples.pool(), Mode::Inference);
        let outputs = outputs(&tape, model, &rows, on)?;
        let (_, terms) = loss(&tape, &outputs, &rows, &truth, &model.shape.classes, config, step)?;
        let found = decode(&outputs, &rows, &model.shape.classes, &model.decisions);
        let class = |index: u32| model.shape.classes.get(index as usize).copied().unwrap_or(0);
        let right = found.iter().zip(&truth.classes).filter(|(found, truth)| found.pdg == class(**truth)).count();
        Ok((terms, right as u64))
    };
    let events: Vec<&[u32]> = all.chunks(EVENTS).skip(parts.start).take(parts.len()).collect();
    match on {
        None => events.par_iter().map(judge).collect(),
        Some(_) => events.iter().map(judge).collect(),
    }
}

/// Losses of all parts and the share of elements whose class is right.
pub(super) fn together(samples: &Samples, parts: &[Measured]) -> (Terms, f64) {
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    let elements = samples.step(&all, 0).elements;
    let (mut terms, mut right) = (Terms::default(), 0);
    for (other, more) in parts {
        terms.iter_mut().zip(other).for_each(|(sum, term)| *sum += term);
        right += more;
    }
    (terms, right as f64 / elements.max(1.0))
}

/// Losses of some events and the share of elements whose class is right.
///
/// # Errors
/// Weights that do not fit.
pub fn measure(model: &Model, samples: &Samples, config: &LossConfig) -> Result<(Terms, f64)> {
    let parts = measure_parts(model, samples, config, None, 0..parts(samples))?;
    Ok(together(samples, &parts))
}
