//! The gradient of a step.
//!
//! A step's events are split into parts by the numbers of their elements alone. Parts are summed in pairs, pairs of pairs
//! and so on, halves of halves of the row of parts: an order that depends on the number of parts alone, so that neither
//! threads nor processes that share the parts change a bit.

use std::ops::Range;
use std::sync::Mutex;

use recoil_nn::tape::{Mode, Pool, Tape, Value};

use super::{Samples, TrainConfig, data};
use crate::error::Result;
use crate::network::device::Accelerator;
use crate::network::forward::{Outputs, forward};
use crate::network::loss::{Step, Terms, loss};
use crate::network::model::Model;

/// Elements of a part.
const PART: usize = 1024;
/// Parts at most.
const PARTS: usize = 64;

/// Gradient and losses of some parts of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sum {
    pub gradient: Vec<f32>,
    pub terms: Terms,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, g)| *sum += g);
        self.terms.iter_mut().zip(other.terms).for_each(|(sum, term)| *sum += term);
    }
}

/// Sums of ranges of parts.
pub(super) type Sums = Vec<(Range<usize>, Sum)>;

/// The parts of a step.
pub(super) struct Plan {
    parts: Vec<Vec<u32>>,
    /// numbers of all parts together
    step: Step,
}

impl Plan {
    /// All parts.
    pub fn all(&self) -> Range<usize> {
        0..self.parts.len()
    }
}

/// Where a range of parts is cut in halves.
fn middle(range: &Range<usize>) -> usize {
    range.start.midpoint(range.end)
}

/// The largest sums in the order of summing that lie within `own`.
pub(super) fn cover(all: Range<usize>, own: &Range<usize>) -> Vec<Range<usize>> {
    if all.is_empty() || all.end <= own.start || own.end <= all.start {
        return Vec::new();
    }
    if own.start <= all.start && all.end <= own.end {
        return vec![all];
    }
    let middle = middle(&all);
    let mut found = cover(all.start..middle, own);
    found.extend(cover(middle..all.end, own));
    found
}

/// Sums of sums, in the order of summing; `take` gives those that are there. None if one is missing.
pub(super) fn complete(all: Range<usize>, take: &mut impl FnMut(&Range<usize>) -> Option<Sum>) -> Option<Sum> {
    if let Some(sum) = take(&all) {
        return Some(sum);
    }
    if all.len() < 2 {
        return None;
    }
    let middle = middle(&all);
    let mut left = complete(all.start..middle, take)?;
    left.add(&complete(middle..all.end, take)?);
    Some(left)
}

/// Computes gradients of steps.
pub(super) struct Steps<'a> {
    pub config: &'a TrainConfig,
    pub seed: u64,
    pub training: &'a Samples,
    pub on: Option<&'a Accelerator>,
    pools: Mutex<Vec<Pool>>,
    gradients: Mutex<Vec<Vec<f32>>>,
}

impl<'a> Steps<'a> {
    pub fn new(config: &'a TrainConfig, seed: u64, training: &'a Samples, on: Option<&'a Accelerator>) -> Self {
        Self { config, seed, training, on, pools: Mutex::default(), gradients: Mutex::default() }
    }

    /// The parts of a step of a network: each pass through all events has an order of its own.
    pub fn plan(&self, model: &Model, step: u64) -> Plan {
        let count = self.training.len();
        let size = self.config.batch.min(count).max(1);
        let per_epoch = (count / size).max(1) as u64;
        let (epoch, place) = (step / per_epoch, step % per_epoch);
        let order = data::order(count, self.seed, epoch);
        let events: Vec<u32> = order.into_iter().skip(place as usize * size).take(size).collect();
        let parts = match self.on {
            None => self.training.parts(&events, PART, PARTS),
            Some(device) => {
                let fits = |part: &Vec<u32>| {
                    device.fits(&model.architecture, part.iter().map(|event| self.training.size(*event)))
                };
                let mut splits = (1..=events.len().max(1)).map(|most| self.training.parts(&events, 1, most));
                let alone = || events.iter().map(|event| vec![*event]).collect();
                splits.find(|parts| parts.iter().all(fits)).unwrap_or_else(alone)
            }
        };
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step.wrapping_mul(0xd134_2543_de82_ef95);
        Plan { parts, step: self.training.step(&events, seed) }
    }

    /// The sum of a range of parts.
    ///
    /// # Errors
    /// Weights that do not fit, or a device that fails.
    pub fn sum(&self, model: &Model, plan: &Plan, range: Range<usize>) -> Result<Sum> {
        if range.len() < 2 {
            return self.part(model, plan, range.start);
        }
        let middle = middle(&range);
        let (left, right) = (range.start..middle, middle..range.end);
        let (left, right) = match self.on {
            None => rayon::join(|| self.sum(model, plan, left), || self.sum(model, plan, right)),
            Some(_) => (self.sum(model, plan, left), self.sum(model, plan, right)),
        };
        let (mut left, right) = (left?, right?);
        left.add(&right);
        self.give_back(right);
        Ok(left)
    }

    /// Memory of a sum that is needed no more.
    pub fn give_back(&self, sum: Sum) {
        if let Ok(mut free) = self.gradients.lock() {
            free.push(sum.gradient);
        }
    }

    fn part(&self, model: &Model, plan: &Plan, index: usize) -> Result<Sum> {
        let mut gradient = self.gradients.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default();
        gradient.clear();
        gradient.resize(model.weights.len(), 0.0);
        let Some(events) = plan.parts.get(index) else { return Ok(Sum { gradient, terms: Terms::default() }) };
        let (rows, truth) = self.training.drawn(events, plan.step.seed ^ ((index as u64) << 16));
        let seed = plan.step.seed ^ ((index as u64) << 32);
        let judge = |tape: &Tape<'_>, outputs: &Outputs| -> Result<(Value, Terms)> {
            Ok(loss(tape, outputs, &rows, &truth, &model.shape.classes, &self.config.loss, plan.step)?)
        };
        let terms = match self.on {
            Some(device) => device.gradient(model, &rows, seed, judge, &mut gradient)?,
            None => {
                let pool = self.pools.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default();
                let tape = Tape::new(&model.weights, &pool, Mode::Training { seed });
                let outputs = forward(&tape, &model.architecture, &model.shape, &rows, false)?;
                let (total, terms) = judge(&tape, &outputs)?;
                drop(outputs);
                tape.backward(&total, &mut gradient)?;
                drop(total);
                if let Ok(mut free) = self.pools.lock() {
                    free.push(pool.clone());
                }
                terms
            }
        };
        Ok(Sum { gradient, terms })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part(index: usize) -> Sum {
        Sum { gradient: vec![(index as f32 * 0.37).sin() * 1e3, 1e-4], ..Sum::default() }
    }

    fn summed(range: Range<usize>) -> Sum {
        complete(range, &mut |range| (range.len() == 1).then(|| part(range.start))).unwrap()
    }

    #[test]
    fn any_shares_have_the_same_sum() {
        for parts in 1..=23 {
            let whole = summed(0..parts);
            for size in 1..=6 {
                let shares = (0..size).map(|rank| rank * parts / size..(rank + 1) * parts / size);
                let mut sums: Sums =
                    shares.flat_map(|own| cover(0..parts, &own)).map(|range| (range.clone(), summed(range))).collect();
                if size.is_power_of_two() && parts.is_multiple_of(size) {
                    assert_eq!(sums.len(), size, "one sum for each of {size} that share {parts}");
                }
                let mut take = |range: &Range<usize>| {
                    let at = sums.iter().position(|(own, _)| own == range)?;
                    Some(sums.swap_remove(at).1)
                };
                assert_eq!(complete(0..parts, &mut take), Some(whole.clone()), "{parts} {size}");
                assert!(sums.is_empty());
            }
        }
        assert_eq!(complete(0..3, &mut |range| (range.start > 0).then(|| part(0))), None);
    }
}
