//! Running a program over a batch, step after step.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::eval::{BLOCK, Block, Overflow, Pool, Values};
use super::lanes::{Lane, lane};
use super::program::{Body, Domain, Finish, Kind, Place, Program, Reduction, Step};
use super::segments::{row_of, segments};
use crate::batch::Batch;
use crate::error::{Error, Result};

/// What a program gives for a batch.
pub(crate) struct Outcome<'a> {
    pub values: Values,
    /// For one value per element: where the elements of each row begin and end.
    pub offsets: Option<Cow<'a, [i32]>>,
}

impl Program {
    /// Evaluates the program for the rows of `batch`.
    pub fn run<'a>(&self, batch: &'a Batch) -> Result<Outcome<'a>> {
        let lanes: Result<Vec<Lane<'a>>> = self.inputs.iter().map(|input| lane(batch, input)).collect();
        let mut state = Run { program: self, batch, lanes: lanes?, slots: Vec::new(), pool: Pool::default() };
        for step in &self.steps {
            let values = state.step(step)?;
            state.slots.push(values);
        }
        let values = state.step(&self.result)?;
        let first = match &self.result.domain {
            Domain::Rows => None,
            Domain::Elements(inputs) => inputs.first().copied(),
        };
        let offsets = first.and_then(|first| state.lanes.into_iter().nth(first)).and_then(|lane| lane.offsets);
        Ok(Outcome { values, offsets })
    }
}

struct Run<'r, 'a> {
    program: &'r Program,
    batch: &'a Batch,
    lanes: Vec<Lane<'a>>,
    slots: Vec<Values>,
    pool: Pool,
}

impl Run<'_, '_> {
    fn step(&mut self, step: &Step) -> Result<Values> {
        let Domain::Elements(inputs) = &step.domain else {
            let mut keep = Keep::new(step.body.kind(), self.batch.rows());
            self.blocks(&step.body, self.batch.rows(), None, |_, block| keep.extend(block))?;
            return Ok(keep.values);
        };
        self.require_same_lengths(inputs)?;
        let offsets = inputs.first().and_then(|first| self.lanes.get(*first)).and_then(|lane| lane.offsets.clone());
        let offsets = offsets.unwrap_or(Cow::Borrowed(&[0]));
        let elements = offsets.last().map_or(0, |end| *end as usize);
        match step.finish {
            Finish::Keep => {
                let mut keep = Keep::new(step.body.kind(), elements);
                self.blocks(&step.body, elements, Some(&offsets), |_, block| keep.extend(block))?;
                Ok(keep.values)
            }
            Finish::Reduce(Reduction::Length) => {
                let lengths = offsets.windows(2).map(|w| i64::from(w[1]) - i64::from(w[0]));
                Ok(Values::Int(lengths.collect()))
            }
            Finish::Reduce(reduction) => self.reduce(step, reduction, &offsets, elements),
            Finish::Index(place) => self.index(step, place, &offsets, elements),
        }
    }

    fn require_same_lengths(&self, inputs: &[usize]) -> Result<()> {
        let offsets = |index: &usize| self.lanes.get(*index).and_then(|lane| lane.offsets.as_deref());
        let name = |index: &usize| self.program.inputs.get(*index).map(|input| input.name.clone()).unwrap_or_default();
        let Some((first, others)) = inputs.split_first() else { return Ok(()) };
        let Some(expected) = offsets(first) else { return Ok(()) };
        for other in others {
            let found = offsets(other).unwrap_or_default();
            if found == expected {
                continue;
            }
            for (row, (a, b)) in found.windows(2).zip(expected.windows(2)).enumerate() {
                let (a, b) = ((a[1] - a[0]) as usize, (b[1] - b[0]) as usize);
                if a != b {
                    return Err(Error::Lengths {
                        file: self.batch.file().to_string(),
                        column: name(other),
                        other: name(first),
                        row: self.batch.place(row),
                        found: a,
                        expected: b,
                    });
                }
            }
        }
        Ok(())
    }

    /// Evaluates `body` for `count` values and hands over each block with the place of its first value.
    fn blocks(
        &mut self,
        body: &Body,
        count: usize,
        offsets: Option<&[i32]>,
        mut take: impl FnMut(usize, BlockValues<'_>),
    ) -> Result<()> {
        let (mut floats, mut ints, mut bools) = (vec![0.0; BLOCK], vec![0; BLOCK], vec![false; BLOCK]);
        for start in (0..count).step_by(BLOCK) {
            let n = BLOCK.min(count - start);
            let (lanes, slots) = (self.lanes.as_slice(), self.slots.as_slice());
            let block = Block { lanes, slots, start, offsets, len: n, rows: OnceCell::new() };
            let done = match body {
                Body::Float(e) => block.float(e, &mut floats[..n], &mut self.pool),
                Body::Int(e) => block.int(e, &mut ints[..n], &mut self.pool),
                Body::Bool(e) => block.bool(e, &mut bools[..n], &mut self.pool),
            };
            done.map_err(|Overflow| Error::Overflow {
                file: self.batch.file().to_string(),
                row: self.batch.place(offsets.map_or(start, |offsets| row_of(offsets, start))),
            })?;
            take(
                start,
                match body {
                    Body::Float(_) => BlockValues::Float(&floats[..n]),
                    Body::Int(_) => BlockValues::Int(&ints[..n]),
                    Body::Bool(_) => BlockValues::Bool(&bools[..n]),
                },
            );
        }
        Ok(())
    }

    fn reduce(&mut self, step: &Step, reduction: Reduction, offsets: &[i32], elements: usize) -> Result<Values> {
        let count = offsets.len().saturating_sub(1);
        let mut row = 0;
        match step.body.kind() {
            Kind::Bool => {
                // rows without elements are never visited: "any" of nothing is false, "all" of nothing is true
                let all = reduction == Reduction::All;
                let mut truth = vec![all; if reduction == Reduction::Count { 0 } else { count }];
                let mut counts = vec![0_i64; if reduction == Reduction::Count { count } else { 0 }];
                self.blocks(&step.body, elements, Some(offsets), |start, block| {
                    let BlockValues::Bool(values) = block else { return };
                    segments(offsets, &mut row, start..start + values.len(), |row, range| {
                        let values = values.get(range).unwrap_or_default();
                        if let Some(truth) = truth.get_mut(row) {
                            *truth = if all {
                                *truth && values.iter().all(|v| *v)
                            } else {
                                *truth || values.contains(&true)
                            };
                        } else if let Some(count) = counts.get_mut(row) {
                            *count += values.iter().map(|v| i64::from(*v)).sum::<i64>();
                        }
                    });
                })?;
                Ok(if reduction == Reduction::Count { Values::Int(counts) } else { Values::Bool(truth) })
            }
            Kind::Int => {
                let mut sums = vec![0_i64; count];
                let mut overflow = None;
                let counting = reduction == Reduction::Count;
                self.blocks(&step.body, elements, Some(offsets), |start, block| {
                    let BlockValues::Int(values) = block else { return };
                    segments(offsets, &mut row, start..start + values.len(), |row, range| {
                        let values = values.get(range).unwrap_or_default();
                        let Some(sum) = sums.get_mut(row) else { return };
                        let added = if counting {
                            Some(values.len() as i64)
                        } else {
                            values.iter().try_fold(0_i64, |sum, v| sum.checked_add(*v))
                        };
                        match added.and_then(|added| sum.checked_add(added)) {
                            Some(total) => *sum = total,
                            None => overflow = overflow.or(Some(row)),
                        }
                    });
                })?;
                match overflow {
                    None => Ok(Values::Int(sums)),
                    Some(row) => {
                        Err(Error::Overflow { file: self.batch.file().to_string(), row: self.batch.place(row) })
                    }
                }
            }
            _ => self.reduce_floats(step, reduction, offsets, elements),
        }
    }

    fn reduce_floats(&mut self, step: &Step, reduction: Reduction, offsets: &[i32], elements: usize) -> Result<Values> {
        if reduction == Reduction::Count {
            return Ok(Values::Int(offsets.windows(2).map(|w| i64::from(w[1]) - i64::from(w[0])).collect()));
        }
        // an extreme starts beyond every number, and becomes NaN when there is none at all
        let start = match reduction {
            Reduction::Max => f64::NEG_INFINITY,
            Reduction::Min => f64::INFINITY,
            _ => 0.0,
        };
        let mut totals = vec![start; offsets.len().saturating_sub(1)];
        let mut row = 0;
        self.blocks(&step.body, elements, Some(offsets), |start, block| {
            let BlockValues::Float(values) = block else { return };
            segments(offsets, &mut row, start..start + values.len(), |row, range| {
                let Some(total) = totals.get_mut(row) else { return };
                let values = values.get(range).unwrap_or_default();
                *total = match reduction {
                    Reduction::Max => values.iter().fold(*total, |a, b| if *b > a || b.is_nan() { *b } else { a }),
                    Reduction::Min => values.iter().fold(*total, |a, b| if *b < a || b.is_nan() { *b } else { a }),
                    _ => values.iter().fold(*total, |a, b| a + b),
                };
            });
        })?;
        for (total, window) in totals.iter_mut().zip(offsets.windows(2)) {
            let length = window[1] - window[0];
            match reduction {
                Reduction::Mean => *total /= f64::from(length),
                Reduction::Max | Reduction::Min if length == 0 => *total = f64::NAN,
                _ => {}
            }
        }
        Ok(Values::Float(totals))
    }

    fn index(&mut self, step: &Step, place: Place, offsets: &[i32], elements: usize) -> Result<Values> {
        let slot: &[i64] = match place {
            Place::Slot(slot) => match self.slots.get(slot) {
                Some(Values::Int(values)) => values,
                _ => &[],
            },
            Place::Fixed(_) => &[],
        };
        let wanted: Vec<Option<usize>> = offsets
            .windows(2)
            .enumerate()
            .map(|(row, window)| {
                let (start, end) = (i64::from(window[0]), i64::from(window[1]));
                let place = match place {
                    Place::Fixed(place) => place,
                    Place::Slot(_) => slot.get(row).copied().unwrap_or(i64::MAX),
                };
                let at = if place < 0 { end.checked_add(place)? } else { start.checked_add(place)? };
                (start..end).contains(&at).then_some(at as usize)
            })
            .collect();
        let mut floats = vec![f64::NAN; if step.body.kind() == Kind::Bool { 0 } else { wanted.len() }];
        let mut bools = vec![false; if step.body.kind() == Kind::Bool { wanted.len() } else { 0 }];
        let mut row = 0;
        self.blocks(&step.body, elements, Some(offsets), |start, block| {
            segments(offsets, &mut row, start..start + block.len(), |row, range| {
                let Some(at) = wanted.get(row).copied().flatten().and_then(|at| at.checked_sub(start)) else { return };
                if !range.contains(&at) {
                    return;
                }
                match block {
                    BlockValues::Bool(values) => {
                        if let (Some(out), Some(value)) = (bools.get_mut(row), values.get(at)) {
                            *out = *value;
                        }
                    }
                    BlockValues::Float(values) => {
                        if let (Some(out), Some(value)) = (floats.get_mut(row), values.get(at)) {
                            *out = *value;
                        }
                    }
                    BlockValues::Int(_) => {}
                }
            });
        })?;
        Ok(if step.body.kind() == Kind::Bool { Values::Bool(bools) } else { Values::Float(floats) })
    }
}

#[derive(Clone, Copy)]
enum BlockValues<'v> {
    Float(&'v [f64]),
    Int(&'v [i64]),
    Bool(&'v [bool]),
}

impl BlockValues<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }
}

/// Collects blocks.
struct Keep {
    values: Values,
}

impl Keep {
    fn new(kind: Kind, capacity: usize) -> Self {
        let values = match kind {
            Kind::Int => Values::Int(Vec::with_capacity(capacity)),
            Kind::Bool => Values::Bool(Vec::with_capacity(capacity)),
            _ => Values::Float(Vec::with_capacity(capacity)),
        };
        Self { values }
    }

    fn extend(&mut self, block: BlockValues<'_>) {
        match (&mut self.values, block) {
            (Values::Float(values), BlockValues::Float(block)) => values.extend_from_slice(block),
            (Values::Int(values), BlockValues::Int(block)) => values.extend_from_slice(block),
            (Values::Bool(values), BlockValues::Bool(block)) => values.extend_from_slice(block),
            _ => {}
        }
    }
}
