//! Events as a training reads them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use recoil_nn::tape::Pool;

use crate::data::symmetry::Symmetry;
use crate::data::{Event, Layout};
use crate::network::forward::Rows;
use crate::network::inputs::{InputConfig, Scales};
use crate::network::loss::{Step, Truth};
use crate::network::{Model, Shape};

/// A number that other bytes do not share; the same in all processes of one program.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut state = DefaultHasher::new();
    state.write(bytes);
    state.finish()
}

/// The order of the events in a pass through them: a function of the seed and the pass alone.
pub(super) fn order(events: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..events as u32).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    for left in (1..order.len()).rev() {
        let other = (u128::from(rng.next_u64()) * (left as u128 + 1)) >> 64;
        order.swap(left, other as usize);
    }
    order
}

/// Rows and truth of events.
#[derive(Debug, Default)]
pub struct Samples {
    rows: Rows,
    truth: Truth,
    width: usize,
    pool: Pool,
    turning: Option<Turning>,
}

/// What it takes to prepare events anew.
#[derive(Debug)]
struct Turning {
    events: Vec<Event>,
    layout: Layout,
    shape: Shape,
    inputs: InputConfig,
    scales: Scales,
}

impl Samples {
    /// Events without their scales yet; events without elements are left out.
    pub fn new(events: &[Event], layout: Layout, shape: &Shape, inputs: &InputConfig) -> Self {
        let mut rows = Rows { offsets: vec![0], ..Rows::default() };
        let mut truth = Truth::default();
        for event in events {
            append(event, layout, shape, inputs, &mut rows, &mut truth);
        }
        Self { rows, truth, width: shape.features, pool: Pool::default(), turning: None }
    }

    /// Lets every use of an event turn it anew: `events` are those that the rows were made of.
    pub fn turn(&mut self, events: &[Event], model: &Model) {
        let some = |event: &&Event| event.rows(model.layout).any(|row| row.kind() != 0);
        self.turning = Some(Turning {
            events: events.iter().filter(some).cloned().collect(),
            layout: model.layout,
            shape: model.shape.clone(),
            inputs: model.inputs,
            scales: model.scales.clone(),
        });
    }

    /// The events as a model reads them.
    pub fn of_model(events: &[Event], model: &Model) -> Self {
        let mut samples = Self::new(events, model.layout, &model.shape, &model.inputs);
        samples.scale(&model.scales);
        samples
    }

    /// The rows.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Scales the features.
    pub fn scale(&mut self, scales: &Scales) {
        scales.apply(&mut self.rows);
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.offsets.len().saturating_sub(1)
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    fn range(&self, event: u32) -> std::ops::Range<usize> {
        let at = |index: usize| self.rows.offsets.get(index).map_or(0, |offset| *offset as usize);
        at(event as usize)..at(event as usize + 1)
    }

    /// A number that other events do not share.
    pub(super) fn fingerprint(&self) -> u64 {
        let Rows { offsets, features, elements, types, real } = &self.rows;
        let mut state = DefaultHasher::new();
        (offsets, types, real, &self.truth.classes, self.turning.is_some()).hash(&mut state);
        let numbers = features.iter().chain(elements.iter().flatten()).chain(self.truth.momentum.iter().flatten());
        numbers.for_each(|number| state.write_u32(number.to_bits()));
        state.finish()
    }

    /// Elements of an event.
    pub(super) fn size(&self, event: u32) -> usize {
        self.range(event).len()
    }

    /// Looks for the jets of the targets, which losses of jets compare with.
    ///
    /// # Errors
    /// Jets that cannot be clustered.
    pub fn find_jets(&mut self) -> crate::error::Result<()> {
        self.truth.find_jets(&self.rows)
    }

    /// Numbers of a step with these events.
    pub fn step(&self, events: &[u32], seed: u64) -> Step {
        let sum = |of: &dyn Fn(std::ops::Range<usize>) -> usize| {
            events.iter().map(|event| of(self.range(*event))).sum::<usize>() as f64
        };
        Step {
            elements: self.elements(events) as f64,
            particles: sum(&|rows| self.truth.classes[rows].iter().filter(|class| **class != 0).count()),
            events: events.len() as f64,
            jets: sum(&|rows| self.truth.jets_of(rows)),
            seed,
        }
    }

    fn elements(&self, events: &[u32]) -> usize {
        events.iter().map(|event| self.range(*event).len()).sum()
    }

    /// Splits events into parts of at least so many elements each, at most so many parts.
    pub(super) fn parts(&self, events: &[u32], elements: usize, most: usize) -> Vec<Vec<u32>> {
        let all = self.elements(events);
        let count = all.div_ceil(elements).clamp(1, most).min(events.len().max(1));
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); count];
        let mut seen = 0;
        for event in events {
            let part = (seen * count / all.max(1)).min(count - 1);
            parts[part].push(*event);
            seen += self.range(*event).len();
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// Some events one behind the other, turned at random if they may be.
    pub(super) fn drawn(&self, events: &[u32], seed: u64) -> (Rows, Truth) {
        let Some(turning) = &self.turning else { return self.joined(events) };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut rows, mut truth) = (Rows { offsets: vec![0], ..Rows::default() }, Truth::default());
        for event in events.iter().filter_map(|event| turning.events.get(*event as usize)) {
            let bits = rng.next_u64();
            let angle = std::f64::consts::TAU * (bits >> 11) as f64 / (1_u64 << 53) as f64;
            let symmetry = Symmetry { angle, flip_z: bits & 1 == 1, flip_phi: bits & 2 == 2 };
            let turned = symmetry.apply(event, turning.layout);
            append(&turned, turning.layout, &turning.shape, &turning.inputs, &mut rows, &mut truth);
        }
        turning.scales.apply(&mut rows);
        // jets turn with their event
        truth.jets.extend(events.iter().filter_map(|event| self.truth.jets.get(self.range(*event))).flatten());
        (rows, truth)
    }

    /// Some events one behind the other.
    pub(crate) fn joined(&self, events: &[u32]) -> (Rows, Truth) {
        let mut rows = Rows { offsets: vec![0], ..Rows::default() };
        let mut truth = Truth::default();
        for event in events {
            let own = self.range(*event);
            rows.features.extend_from_slice(&self.rows.features[own.start * self.width..own.end * self.width]);
            rows.elements.extend_from_slice(&self.rows.elements[own.clone()]);
            rows.types.extend_from_slice(&self.rows.types[own.clone()]);
            rows.offsets.push(rows.types.len() as u32);
            truth.classes.extend_from_slice(&self.truth.classes[own.clone()]);
            truth.pt.extend_from_slice(&self.truth.pt[own.clone()]);
            truth.jets.extend(self.truth.jets.get(own.clone()).unwrap_or_default());
            for (to, from) in truth.momentum.iter_mut().zip(&self.truth.momentum) {
                to.extend_from_slice(&from[own.clone()]);
            }
        }
        (rows, truth)
    }
}

/// Adds the rows of an event and what they should become; an event without elements adds nothing.
fn append(event: &Event, layout: Layout, shape: &Shape, inputs: &InputConfig, rows: &mut Rows, truth: &mut Truth) {
    let first = rows.len();
    let kept = inputs.append(event, layout, shape, rows);
    if kept.is_empty() {
        rows.offsets.pop();
    }
    for (row, place) in (first..).zip(kept) {
        let target = event.targets.get(place).copied().unwrap_or_default();
        truth.push(&shape.classes, &rows.elements[row], &target);
    }
}
