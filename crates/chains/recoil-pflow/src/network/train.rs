//! Training: steps over batches of events, validation, checkpoints.
//!
//! A step's events are split into parts by the number of their elements alone; threads take parts, and sums are taken in
//! the order of the parts: the number of threads changes no bit. Everything that a step depends on follows from the seed
//! and the number of the step, so that a training that is stopped and goes on ends as if it had not been.

mod checkpoint;
mod clock;
mod config;
mod data;

use std::ops::ControlFlow;

use rayon::prelude::*;
use recoil_nn::tape::{Memory, Mode, Pool, Tape};

use super::forward::forward;
use super::loss::{TERMS, Terms, loss};
use super::model::Model;
use crate::error::{PflowError, Result};
pub use clock::CpuClock;
pub use config::{TrainConfig, Validation};
pub use data::Samples;

/// Elements of a part.
const PART: usize = 1024;
/// Parts at most: each has a gradient of its own.
const PARTS: usize = 8;

/// Losses of one validation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Judgement {
    /// steps so far
    pub step: u64,
    /// passes through the training events so far
    pub epoch: f64,
    /// processor seconds so far
    pub cpu_seconds: f64,
    /// learning rate
    pub rate: f64,
    /// mean loss of the training since the last one
    pub training: f64,
    /// losses of the validation events, [`TERMS`]
    pub validation: Terms,
    /// share of validation elements whose class, or that there is none, is right
    pub accuracy: f64,
}

impl Judgement {
    /// Names and values for a record.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let mut metrics = vec![
            ("train_loss".to_owned(), self.training),
            ("rate".to_owned(), self.rate),
            ("cpu_seconds".to_owned(), self.cpu_seconds),
            ("val_accuracy".to_owned(), self.accuracy),
        ];
        metrics.extend(TERMS.iter().zip(self.validation).map(|(name, value)| (format!("val_{name}"), value)));
        metrics
    }
}

/// A part of a step: its own memory and gradient.
#[derive(Default)]
struct Part {
    pool: Pool,
    gradient: Vec<f32>,
    terms: Terms,
}

/// Trains a model.
pub struct Trainer<'a> {
    config: &'a TrainConfig,
    seed: u64,
    model: Model,
    memory: Memory,
    step: u64,
    history: Vec<Judgement>,
    best: Option<Vec<f32>>,
    /// processor seconds of earlier runs of this training
    earlier: f64,
    /// sum of losses and steps since the last validation
    recent: [f64; 2],
    /// mean of weights over the last steps, if the configuration asks for it
    averaged: Option<Vec<f32>>,
    parts: Vec<Part>,
    clock: CpuClock,
}

impl<'a> Trainer<'a> {
    /// Starts with this model; `clock` began when the work did.
    pub fn new(config: &'a TrainConfig, model: Model, seed: u64, clock: CpuClock) -> Self {
        let memory = Memory::new(&model.weights);
        let averaged = (config.averaging > 0.0).then(|| model.weights.values().to_vec());
        Self {
            config,
            seed,
            model,
            memory,
            step: 0,
            history: Vec::new(),
            best: None,
            earlier: 0.0,
            recent: [0.0; 2],
            averaged,
            parts: Vec::new(),
            clock,
        }
    }

    /// All validations so far.
    pub fn history(&self) -> &[Judgement] {
        &self.history
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The model with the weights of the best validation, or the last ones if there was none.
    pub fn result(&self) -> Model {
        let mut model = self.model.clone();
        if let Some(best) = &self.best {
            model.weights.values_mut().copy_from_slice(best);
        }
        model
    }

    /// Processor seconds of the whole training so far.
    pub fn cpu_seconds(&self) -> f64 {
        self.earlier + self.clock.seconds()
    }

    /// How far the training is: from 0 to 1.
    fn progress(&self) -> f64 {
        let by_steps = if self.config.steps > 0 { self.step as f64 / self.config.steps as f64 } else { 0.0 };
        let by_time = if self.config.cpu_seconds > 0.0 { self.cpu_seconds() / self.config.cpu_seconds } else { 0.0 };
        by_steps.max(by_time).min(1.0)
    }

    fn rate(&self, progress: f64) -> f64 {
        let factor = match self.config.cpu_seconds > 0.0 {
            true => self.config.schedule.factor(1e6 * progress, 1e6),
            false => self.config.schedule.factor(self.step as f64, self.config.steps.max(1) as f64),
        };
        let plateau = self.config.plateau.map_or(1.0, |plateau| plateau.factor(&self.history));
        f64::from(self.config.rate) * factor * plateau
    }

    /// Whether there is nothing left to do.
    pub fn finished(&self) -> bool {
        let pauses = self.config.pause > 0 && self.step >= self.config.pause;
        pauses || self.progress() >= 1.0 || self.config.stops(&self.history)
    }

    /// Makes steps until the end, or until `observer` says to stop; it is told every validation.
    ///
    /// # Errors
    /// A loss that is not a finite number.
    pub fn run(
        &mut self,
        training: &Samples,
        validation: &Samples,
        mut observer: impl FnMut(&Self, Option<&Judgement>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut next = self.next_validation();
        while !self.finished() {
            self.make_step(training)?;
            let mut judged = false;
            if self.progress() >= next || self.finished() {
                self.judge(training, validation)?;
                next = self.next_validation();
                judged = true;
            }
            if observer(self, self.history.last().filter(|_| judged)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Progress at which the next validation is due.
    fn next_validation(&self) -> f64 {
        let count = self.config.validations.max(1) as f64;
        ((self.progress() * count).floor() + 1.0) / count
    }

    /// The events of a step: each pass through all events has an order of its own.
    fn batch(&self, events: usize) -> Vec<u32> {
        let size = self.config.batch.min(events).max(1);
        let per_epoch = (events / size).max(1) as u64;
        let (epoch, step) = (self.step / per_epoch, self.step % per_epoch);
        let order = data::order(events, self.seed, epoch);
        order.into_iter().skip(step as usize * size).take(size).collect()
    }

    fn make_step(&mut self, training: &Samples) -> Result<()> {
        let progress = self.progress();
        let rate = self.rate(progress);
        let events = self.batch(training.len());
        let parts = training.parts(&events, PART, PARTS);
        self.parts.resize_with(self.parts.len().max(parts.len()), Part::default);
        let (model, config) = (&self.model, self.config);
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.step.wrapping_mul(0xd134_2543_de82_ef95);
        let step = training.step(&events, seed);
        let learn = |(index, (part, events)): (usize, (&mut Part, &Vec<u32>))| -> Result<()> {
            let (rows, truth) = training.drawn(events, seed ^ ((index as u64) << 16));
            part.gradient.clear();
            part.gradient.resize(model.weights.len(), 0.0);
            let tape = Tape::new(&model.weights, &part.pool, Mode::Training { seed: seed ^ ((index as u64) << 32) });
            let outputs = forward(&tape, &model.architecture, &model.shape, &rows, false)?;
            let (total, terms) = loss(&tape, &outputs, &rows, &truth, &model.shape.classes, &config.loss, step)?;
            drop(outputs);
            tape.backward(&total, &mut part.gradient)?;
            part.terms = terms;
            Ok(())
        };
        let count = parts.len();
        let work: Vec<_> = self.parts[..count].iter_mut().zip(&parts).enumerate().collect();
        work.into_par_iter().map(learn).collect::<Result<()>>()?;
        let (first, others) = self.parts[..count].split_at_mut(1);
        let Some(first) = first.first_mut() else { return Ok(()) };
        for other in others {
            first.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, g)| *sum += g);
            first.terms.iter_mut().zip(other.terms).for_each(|(sum, term)| *sum += term);
        }
        if !first.terms[0].is_finite() || first.gradient.iter().any(|g| !g.is_finite()) {
            return Err(PflowError::content(
                "training",
                format!("the loss of step {} is not a finite number: lower the learning rate", self.step + 1),
            ));
        }
        if self.config.clip > 0.0 {
            let norm = first.gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
            let factor = (self.config.clip / norm.max(1e-12)).min(1.0);
            first.gradient.iter_mut().for_each(|g| *g *= factor);
        }
        self.recent[0] += first.terms[0];
        self.recent[1] += 1.0;
        self.config.optimiser.step(&mut self.model.weights, &first.gradient, &mut self.memory, rate as f32);
        self.step += 1;
        if let Some(averaged) = &mut self.averaged {
            // a mean over a share of the steps so far, so that the start is forgotten
            let window = (f64::from(self.config.averaging) * self.step as f64).max(1.0);
            let part = (1.0 / window) as f32;
            for (mean, value) in averaged.iter_mut().zip(self.model.weights.values()) {
                *mean += part * (value - *mean);
            }
        }
        Ok(())
    }

    /// Measures the validation events and keeps the weights if they are the best.
    fn judge(&mut self, training: &Samples, validation: &Samples) -> Result<()> {
        let mut model = self.model.clone();
        if let Some(averaged) = &self.averaged {
            model.weights.values_mut().copy_from_slice(averaged);
        }
        let (terms, accuracy) = measure(&model, validation, &self.config.loss)?;
        let progress = self.progress();
        let per_epoch = (training.len() / self.config.batch.max(1)).max(1);
        let judgement = Judgement {
            step: self.step,
            epoch: self.step as f64 / per_epoch as f64,
            cpu_seconds: self.cpu_seconds(),
            rate: self.rate(progress),
            training: self.recent[0] / self.recent[1].max(1.0),
            validation: terms,
            accuracy,
        };
        self.recent = [0.0; 2];
        let is_best = self.history.iter().all(|other| judgement.validation[0] < other.validation[0]);
        self.history.push(judgement);
        if is_best || !self.config.keep_best {
            self.best = Some(model.weights.values().to_vec());
        }
        Ok(())
    }
}

/// Losses of some events and the share of elements whose class is right.
///
/// # Errors
/// Weights that do not fit.
pub fn measure(model: &Model, samples: &Samples, config: &super::loss::LossConfig) -> Result<(Terms, f64)> {
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    // the same directions in all validations
    let step = samples.step(&all, 0);
    let parts: Vec<&[u32]> = all.chunks(16).collect();
    let judge = |events: &&[u32]| -> Result<(Terms, usize)> {
        let (rows, truth) = samples.joined(events);
        let tape = Tape::new(&model.weights, samples.pool(), Mode::Inference);
        let outputs = forward(&tape, &model.architecture, &model.shape, &rows, false)?;
        let (_, terms) = loss(&tape, &outputs, &rows, &truth, &model.shape.classes, config, step)?;
        let found = super::decode::decode(&outputs, &rows, &model.shape.classes, &model.decisions);
        let class = |index: u32| model.shape.classes.get(index as usize).copied().unwrap_or(0);
        let right = found.iter().zip(&truth.classes).filter(|(found, truth)| found.pdg == class(**truth)).count();
        Ok((terms, right))
    };
    let results: Vec<(Terms, usize)> = parts.par_iter().map(judge).collect::<Result<_>>()?;
    let (mut terms, mut right) = (Terms::default(), 0);
    for (other, more) in results {
        terms.iter_mut().zip(other).for_each(|(sum, term)| *sum += term);
        right += more;
    }
    Ok((terms, right as f64 / step.elements.max(1.0)))
}
