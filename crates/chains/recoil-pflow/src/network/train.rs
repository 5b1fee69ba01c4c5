//! Training: steps over batches of events, validation, checkpoints.
//!
//! Everything that a step depends on follows from the seed and the number of the step, so that a training that is stopped
//! and goes on ends as if it had not been. How its parts are summed depends on neither threads nor processes; one process
//! trains alone or with others.

mod checkpoint;
mod clock;
mod config;
mod data;
mod group;
mod measure;
mod step;

use std::ops::ControlFlow;

use recoil_nn::tape::Memory;

use super::device::Accelerator;
use super::loss::{TERMS, Terms};
use super::model::Model;
use crate::error::{PflowError, Result};
pub use clock::CpuClock;
pub use config::{TrainConfig, Validation};
pub use data::Samples;
pub use group::{GroupConfig, Launcher, Place};
use group::{Hello, Others};
pub use measure::measure;
use step::{Plan, Steps, Sum, complete, cover};

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
    on: Option<&'a Accelerator>,
    together: Option<(&'a Place, &'a dyn Fn() -> bool)>,
    others: Option<Others>,
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
            on: None,
            together: None,
            others: None,
            clock,
        }
    }

    /// Computes networks on this device.
    pub fn on(mut self, device: Option<&'a Accelerator>) -> Self {
        self.on = device;
        self
    }

    /// Trains with other processes. Process 0 [runs](Self::run), the others [help](Self::help); all were made alike. `stop`
    /// is asked where one waits for another.
    pub fn together(mut self, place: &'a Place, stop: &'a dyn Fn() -> bool) -> Self {
        self.together = (place.size > 1).then_some((place, stop));
        self
    }

    /// All validations so far.
    pub fn history(&self) -> &[Judgement] {
        &self.history
    }

    /// Number of numbers of the network.
    pub fn parameters(&self) -> usize {
        self.model.weights.len()
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

    /// Processor seconds of the whole training so far, of all processes.
    pub fn cpu_seconds(&self) -> f64 {
        let others = self.others.as_ref().map_or(0.0, Others::seconds);
        self.earlier + self.clock.seconds() + others
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
    /// A loss that is not a finite number, a device that fails, another process that is lost.
    pub fn run(
        &mut self,
        training: &Samples,
        validation: &Samples,
        mut observer: impl FnMut(&Self, Option<&Judgement>) -> ControlFlow<()>,
    ) -> Result<()> {
        let steps = Steps::new(self.config, self.seed, training, self.on);
        if let Some((place, stop)) = self.together {
            let hello = Hello::new(place, &self.model, &steps, validation)?;
            self.others = Some(Others::wait(place, &hello, group::longest(&self.model), stop)?);
        }
        let ended = self.work(&steps, validation, &mut observer);
        let is_finished = self.finished();
        if let Some(others) = &mut self.others {
            match &ended {
                Ok(()) if is_finished => others.done(),
                Ok(()) => others.fail("process 0 was stopped"),
                Err(error) => others.fail(&error.to_string()),
            }
        }
        ended
    }

    /// Computes for process 0 until that has done; gives the number of steps.
    ///
    /// # Errors
    /// A connection that is lost, and whatever ends process 0.
    pub fn help(self, training: &Samples, validation: &Samples) -> Result<u64> {
        let Some((place, stop)) = self.together else { return Ok(0) };
        let steps = Steps::new(self.config, self.seed, training, self.on);
        let hello = Hello::new(place, &self.model, &steps, validation)?;
        group::serve(place, &hello, self.model, &steps, validation, &self.clock, stop)
    }

    fn work(
        &mut self,
        steps: &Steps<'_>,
        validation: &Samples,
        observer: &mut impl FnMut(&Self, Option<&Judgement>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut next = self.next_validation();
        while !self.finished() {
            self.make_step(steps)?;
            let mut judged = false;
            if self.progress() >= next || self.finished() {
                self.judge(steps.training, validation)?;
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

    /// Gradient and losses of a step, by all processes.
    fn sum(&mut self, steps: &Steps<'_>, plan: &Plan) -> Result<Sum> {
        let Some(others) = &mut self.others else { return steps.sum(&self.model, plan, plan.all()) };
        others.ask_step(self.step, &self.model)?;
        let mut sums = Vec::new();
        for range in cover(plan.all(), &others.own(plan.all().len())) {
            sums.push((range.clone(), steps.sum(&self.model, plan, range)?));
        }
        sums.extend(others.sums()?);
        let mut take = |range: &std::ops::Range<usize>| {
            let at =
                sums.iter().position(|(own, sum)| own == range && sum.gradient.len() == self.model.weights.len())?;
            Some(sums.swap_remove(at).1)
        };
        let missing = || PflowError::Group { process: "a process".into(), reason: "left parts of a step out".into() };
        complete(plan.all(), &mut take).ok_or_else(missing)
    }

    fn make_step(&mut self, steps: &Steps<'_>) -> Result<()> {
        let rate = self.rate(self.progress());
        let plan = steps.plan(&self.model, self.step);
        let mut sum = self.sum(steps, &plan)?;
        if !sum.terms[0].is_finite() || sum.gradient.iter().any(|g| !g.is_finite()) {
            return Err(PflowError::content(
                "training",
                format!("the loss of step {} is not a finite number: lower the learning rate", self.step + 1),
            ));
        }
        if self.config.clip > 0.0 {
            let norm = sum.gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
            let factor = (self.config.clip / norm.max(1e-12)).min(1.0);
            sum.gradient.iter_mut().for_each(|g| *g *= factor);
        }
        self.recent[0] += sum.terms[0];
        self.recent[1] += 1.0;
        self.config.optimiser.step(&mut self.model.weights, &sum.gradient, &mut self.memory, rate as f32);
        self.step += 1;
        if let Some(averaged) = &mut self.averaged {
            // a mean over a share of the steps so far, so that the start is forgotten
            let window = (f64::from(self.config.averaging) * self.step as f64).max(1.0);
            let part = (1.0 / window) as f32;
            for (mean, value) in averaged.iter_mut().zip(self.model.weights.values()) {
                *mean += part * (value - *mean);
            }
        }
        steps.give_back(sum);
        Ok(())
    }

    /// Measures the validation events and keeps the weights if they are the best.
    fn judge(&mut self, training: &Samples, validation: &Samples) -> Result<()> {
        let mut model = self.model.clone();
        if let Some(averaged) = &self.averaged {
            model.weights.values_mut().copy_from_slice(averaged);
        }
        let count = measure::parts(validation);
        let own = |parts| measure::measure_parts(&model, validation, &self.config.loss, self.on, parts);
        let parts = match &self.others {
            None => own(0..count)?,
            Some(others) => {
                others.ask_measure(&model)?;
                let mut parts = own(others.own(count))?;
                parts.extend(others.measured()?);
                parts
            }
        };
        let (terms, accuracy) = measure::together(validation, &parts);
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
