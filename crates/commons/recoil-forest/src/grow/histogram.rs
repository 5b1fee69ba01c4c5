//! Splits between bins: sums per bin instead of sorted rows.
//!
//! A node with many rows keeps a histogram of all features; that of its larger child is the difference to the smaller
//! child's, so only the smaller half of the rows is ever counted. A node with few rows fills one feature at a time and
//! visits the occupied bins only.

use super::{Measured, Split, Splitter};
use crate::bins::{BINS, Bins};
use crate::bootstrap::Draw;
use crate::forest::Task;
use crate::parameters::{Criterion, Limits};
use crate::random::XorShift;
use crate::tree::Tree;
use std::ops::Range;

/// Features of a table at most.
pub(crate) const FEATURE_LIMIT: usize = 128;
/// Outputs, or classes but one, at most.
pub(crate) const CLASS_LIMIT: usize = 16;

/// Rows of a node at most that is searched without a histogram of all features.
const FEW: usize = 384;

/// A cell counts distinct rows above this bit and weights below it.
const COUNT_SHIFT: u32 = 36;
const WEIGHT_MASK: u64 = (1 << COUNT_SHIFT) - 1;

/// What fell into a bin.
#[derive(Clone, Copy)]
struct Cell<const K: usize> {
    /// sums of weight times target
    sums: [f64; K],
    /// rows and weight in one number: sums and differences of both are exact
    load: u64,
}

impl<const K: usize> Cell<K> {
    const EMPTY: Self = Self { sums: [0.0; K], load: 0 };

    fn add(&mut self, sums: &[f64; K], load: u64) {
        for (own, other) in self.sums.iter_mut().zip(sums) {
            *own += other;
        }
        self.load += load;
    }

    fn subtract(&mut self, other: &Self) {
        for (own, other) in self.sums.iter_mut().zip(&other.sums) {
            *own -= other;
        }
        self.load -= other.load;
    }

    fn rows(&self) -> usize {
        (self.load >> COUNT_SHIFT) as usize
    }

    fn weight(&self) -> f64 {
        (self.load & WEIGHT_MASK) as f64
    }
}

type Histogram<const K: usize> = Vec<[Cell<K>; BINS]>;

/// A row that a tree sees. Rows are moved, not indexed: those of a node lie side by side.
#[derive(Clone, Copy)]
struct Record<const S: usize, const K: usize> {
    codes: [u8; S],
    targets: [f64; K],
    load: u64,
}

/// Grows a tree by histograms.
///
/// At most [`FEATURE_LIMIT`] features and [`CLASS_LIMIT`] outputs.
pub(crate) fn grow_histogram(
    bins: &Bins,
    task: &Task,
    targets: &[f64],
    criterion: Criterion,
    draw: &Draw,
    limits: &Limits,
) -> Tree {
    match bins.codes.len() {
        0..=16 => with_features::<16>(bins, task, targets, criterion, draw, limits),
        17..=32 => with_features::<32>(bins, task, targets, criterion, draw, limits),
        _ => with_features::<FEATURE_LIMIT>(bins, task, targets, criterion, draw, limits),
    }
}

fn with_features<const S: usize>(
    bins: &Bins,
    task: &Task,
    targets: &[f64],
    criterion: Criterion,
    draw: &Draw,
    limits: &Limits,
) -> Tree {
    let grow = match kept(task) {
        0 | 1 => with_both::<S, 1>,
        2 => with_both::<S, 2>,
        3 | 4 => with_both::<S, 4>,
        _ => with_both::<S, CLASS_LIMIT>,
    };
    grow(bins, task, targets, criterion, draw, limits)
}

fn with_both<const S: usize, const K: usize>(
    bins: &Bins,
    task: &Task,
    targets: &[f64],
    criterion: Criterion,
    draw: &Draw,
    limits: &Limits,
) -> Tree {
    super::grow(&mut Binned::<S, K>::new(bins, task, targets, criterion, draw, limits), limits)
}

/// Sums that are kept for a task: the first class follows from the others and the weight.
fn kept(task: &Task) -> usize {
    match task {
        Task::Regression { outputs } => *outputs,
        Task::Classification { classes } => classes.len() - 1,
    }
}

struct Binned<'a, const S: usize, const K: usize> {
    limits: &'a Limits,
    bin_limits: &'a [Vec<f32>],
    task: &'a Task,
    criterion: Criterion,
    kept: usize,
    /// means of the outputs, which are taken off the targets
    centre: [f64; K],
    /// weight of one unit in a cell
    unit: f64,
    all_weight: f64,
    records: Vec<Record<S, K>>,
    spare: Vec<Record<S, K>>,
    pool: Vec<Histogram<K>>,
    single: [Cell<K>; BINS],
    total: Cell<K>,
    features: Vec<u16>,
    random: XorShift,
}

impl<'a, const S: usize, const K: usize> Binned<'a, S, K> {
    fn new(
        bins: &'a Bins,
        task: &'a Task,
        targets: &[f64],
        criterion: Criterion,
        draw: &Draw,
        limits: &'a Limits,
    ) -> Self {
        let all_weight: f64 = draw.weights.iter().sum();
        // draws count whole rows; other weights are kept to 36 bits of their sum
        let whole = draw.weights.iter().all(|weight| weight.fract() == 0.0) && all_weight < WEIGHT_MASK as f64;
        let unit = if whole { 1.0 } else { all_weight / (1_u64 << (COUNT_SHIFT - 1)) as f64 };
        let kept = kept(task);
        let mut centre = [0.0; K];
        if let Task::Regression { outputs } = task {
            for (row, weight) in targets.chunks_exact(*outputs).zip(&draw.weights) {
                for (mean, target) in centre.iter_mut().zip(row) {
                    *mean += weight * target / all_weight;
                }
            }
        }
        let seen = draw.weights.iter().filter(|weight| **weight > 0.0).count();
        let mut records = Vec::with_capacity(seen);
        for (row, weight) in draw.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let mut codes = [0; S];
            for (code, column) in codes.iter_mut().zip(&bins.codes) {
                *code = column[row];
            }
            let mut own = [0.0; K];
            match task {
                Task::Regression { outputs } => {
                    for ((own, target), mean) in own.iter_mut().zip(&targets[row * outputs..][..*outputs]).zip(&centre)
                    {
                        *own = target - mean;
                    }
                }
                Task::Classification { .. } => {
                    // classes from the second on have a place of their own
                    let class = targets[row] as usize;
                    if let Some(place) = class.checked_sub(1).and_then(|place| own.get_mut(place)) {
                        *place = 1.0;
                    }
                }
            }
            let units = ((weight / unit).round() as u64).max(1);
            records.push(Record { codes, targets: own, load: (1 << COUNT_SHIFT) | units });
        }
        Self {
            limits,
            bin_limits: &bins.limits,
            task,
            criterion,
            kept,
            centre,
            unit,
            all_weight,
            spare: records.clone(),
            records,
            pool: Vec::new(),
            single: [Cell::EMPTY; BINS],
            total: Cell::EMPTY,
            features: (0..bins.codes.len() as u16).collect(),
            random: XorShift::new(draw.features_seed),
        }
    }

    fn histogram(&mut self, span: Range<usize>) -> Histogram<K> {
        let features = self.features.len();
        let mut histogram = match self.pool.pop() {
            Some(mut used) => {
                used.fill([Cell::EMPTY; BINS]);
                used
            }
            None => vec![[Cell::EMPTY; BINS]; features],
        };
        for record in &self.records[span] {
            let sums = weighted(record);
            for (cells, code) in histogram.iter_mut().zip(&record.codes) {
                cells[usize::from(*code)].add(&sums, record.load);
            }
        }
        histogram
    }

    /// Order in which features are tried.
    fn shuffle(&mut self) {
        let length = self.features.len();
        for place in 0..length - 1 {
            let other = self.random.between(place, length);
            self.features.swap(place, other);
        }
    }

    /// Fills one feature's bins with the rows of a node, searches the occupied ones and empties them again.
    fn search_few(&mut self, span: &Range<usize>, feature: u16, best: &mut Best) -> bool {
        let place = usize::from(feature);
        let mut occupied = [0_u64; BINS / 64];
        for record in &self.records[span.clone()] {
            let code = record.codes[place];
            occupied[usize::from(code >> 6)] |= 1 << (code & 63);
            self.single[usize::from(code)].add(&weighted(record), record.load);
        }
        let mut scan = Scan::new(self.criterion, &self.total, self.limits, self.unit, self.kept);
        for (block, mut bits) in occupied.into_iter().enumerate() {
            while bits != 0 {
                let code = 64 * block + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                scan.step(code, &self.single[code], feature, best);
                self.single[code] = Cell::EMPTY;
            }
        }
        scan.varies()
    }

    fn search_histogram(&self, cells: &[Cell<K>; BINS], feature: u16, best: &mut Best) -> bool {
        let mut scan = Scan::new(self.criterion, &self.total, self.limits, self.unit, self.kept);
        let bins = self.bin_limits[usize::from(feature)].len() + 1;
        for (code, cell) in cells[..bins].iter().enumerate() {
            if cell.load != 0 {
                scan.step(code, cell, feature, best);
            }
        }
        scan.varies()
    }

    /// Puts rows up to a bin first and keeps their order otherwise.
    fn partition(&mut self, span: &Range<usize>, feature: u16, code: u8) -> usize {
        let place = usize::from(feature);
        let (records, spare) = (&mut self.records[span.clone()], &mut self.spare[span.clone()]);
        let (mut left, mut right) = (0, 0);
        for index in 0..records.len() {
            let record = records[index];
            let goes_left = record.codes[place] <= code;
            records[left] = record;
            spare[right] = record;
            left += usize::from(goes_left);
            right += usize::from(!goes_left);
        }
        records[left..].copy_from_slice(&spare[..right]);
        span.start + left
    }
}

/// A row's contribution to sums.
fn weighted<const S: usize, const K: usize>(record: &Record<S, K>) -> [f64; K] {
    let weight = (record.load & WEIGHT_MASK) as f64;
    record.targets.map(|target| weight * target)
}

/// How much a side of a split adds to the quality: minus its impurity times its weight, up to a constant.
fn quality<const K: usize>(criterion: Criterion, kept: usize, sums: &[f64; K], weight: f64) -> f64 {
    match criterion {
        Criterion::SquaredError => sums.iter().map(|sum| sum * sum).sum::<f64>() / weight,
        Criterion::Gini => {
            let first = weight - sums.iter().sum::<f64>();
            (first * first + sums.iter().map(|sum| sum * sum).sum::<f64>()) / weight
        }
        Criterion::Entropy => {
            let first = weight - sums.iter().sum::<f64>();
            let term = |count: f64| if count > 0.0 { count * (count / weight).log2() } else { 0.0 };
            term(first) + sums[..kept].iter().map(|count| term(*count)).sum::<f64>()
        }
    }
}

/// The best split so far.
struct Best {
    quality: f64,
    feature: u16,
    /// last occupied bin on the left, first one on the right
    between: (usize, usize),
}

/// A walk over the occupied bins of a feature.
struct Scan<'a, const K: usize> {
    criterion: Criterion,
    kept: usize,
    total: &'a Cell<K>,
    least_rows: usize,
    least_weight: f64,
    left: Cell<K>,
    last: Option<usize>,
    steps: usize,
}

impl<'a, const K: usize> Scan<'a, K> {
    fn new(criterion: Criterion, total: &'a Cell<K>, limits: &Limits, unit: f64, kept: usize) -> Self {
        Self {
            criterion,
            kept,
            total,
            least_rows: limits.min_samples_leaf,
            least_weight: limits.min_weight_leaf / unit,
            left: Cell::EMPTY,
            last: None,
            steps: 0,
        }
    }

    /// Considers the split before this bin, then takes the bin to the left.
    #[inline]
    fn step(&mut self, code: usize, cell: &Cell<K>, feature: u16, best: &mut Best) {
        if let Some(last) = self.last {
            let mut right = *self.total;
            right.subtract(&self.left);
            if self.left.rows() >= self.least_rows && right.rows() >= self.least_rows {
                let (weight_left, weight_right) = (self.left.weight(), right.weight());
                if weight_left >= self.least_weight && weight_right >= self.least_weight {
                    let found = quality(self.criterion, self.kept, &self.left.sums, weight_left)
                        + quality(self.criterion, self.kept, &right.sums, weight_right);
                    if found > best.quality {
                        *best = Best { quality: found, feature, between: (last, code) };
                    }
                }
            }
        }
        self.left.add(&cell.sums, cell.load);
        self.last = Some(code);
        self.steps += 1;
    }

    fn varies(&self) -> bool {
        self.steps > 1
    }
}

impl<const S: usize, const K: usize> Splitter for Binned<'_, S, K> {
    type Carry = Option<Histogram<K>>;

    fn root(&mut self) -> (Range<usize>, Self::Carry) {
        let span = 0..self.records.len();
        let carry = (span.len() > FEW).then(|| self.histogram(span.clone()));
        (span, carry)
    }

    fn measure(&mut self, span: &Range<usize>, value: &mut Vec<f64>) -> Measured {
        let mut total = Cell::<K>::EMPTY;
        let mut squares = 0.0;
        for record in &self.records[span.clone()] {
            let sums = weighted(record);
            squares += sums.iter().zip(&record.targets).map(|(sum, target)| sum * target).sum::<f64>();
            total.add(&sums, record.load);
        }
        self.total = total;
        let weight = total.weight();
        let impurity = match self.task {
            Task::Regression { outputs } => {
                value.extend(total.sums.iter().zip(&self.centre).map(|(sum, mean)| mean + sum / weight).take(*outputs));
                let means = total.sums.iter().map(|sum| (sum / weight) * (sum / weight)).sum::<f64>();
                (squares / weight - means).max(0.0) / *outputs as f64
            }
            Task::Classification { .. } => {
                let others: f64 = total.sums.iter().sum();
                value.push((weight - others) / weight);
                value.extend(total.sums[..self.kept].iter().map(|sum| sum / weight));
                let quality = quality(self.criterion, self.kept, &total.sums, weight) / weight;
                if self.criterion == Criterion::Gini { 1.0 - quality } else { -quality }
            }
        };
        Measured { weight: weight * self.unit, impurity }
    }

    fn search(&mut self, span: &Range<usize>, measured: &Measured, carry: &mut Self::Carry) -> Option<Split> {
        let all = self.features.len();
        if self.limits.max_features < all {
            self.shuffle();
        }
        let mut best = Best { quality: f64::NEG_INFINITY, feature: 0, between: (0, 0) };
        let mut varying = 0;
        for place in 0..all {
            if place >= self.limits.max_features && varying > 0 {
                break;
            }
            let feature = self.features[place];
            let varies = match carry {
                Some(histogram) => self.search_histogram(&histogram[usize::from(feature)], feature, &mut best),
                None => self.search_few(span, feature, &mut best),
            };
            varying += usize::from(varies);
        }
        if best.quality == f64::NEG_INFINITY {
            return None;
        }
        let (low, high) = best.between;
        // in the middle of the empty bins between both sides
        let code = (low + high - 1) / 2;
        let threshold = *self.bin_limits[usize::from(best.feature)].get(code)?;
        let middle = self.partition(span, best.feature, code as u8);
        let weight = measured.weight / self.unit;
        let scale = match self.task {
            Task::Regression { outputs } => *outputs as f64,
            Task::Classification { .. } => 1.0,
        };
        let before = quality(self.criterion, self.kept, &self.total.sums, weight);
        let improvement = (best.quality - before) * self.unit / (scale * self.all_weight);
        Some(Split { feature: best.feature, threshold, middle, improvement, impurities: None })
    }

    fn hand_down(&mut self, span: &Range<usize>, middle: usize, carry: Self::Carry) -> (Self::Carry, Self::Carry) {
        let Some(mut larger) = carry else { return (None, None) };
        let (left, right) = (span.start..middle, middle..span.end);
        if left.len().max(right.len()) <= FEW {
            self.pool.push(larger);
            return (None, None);
        }
        let left_is_smaller = left.len() <= right.len();
        let small = if left_is_smaller { left } else { right };
        let rows = small.len();
        let smaller = self.histogram(small);
        for (cells, others) in larger.iter_mut().zip(&smaller) {
            for (cell, other) in cells.iter_mut().zip(others) {
                cell.subtract(other);
            }
        }
        let smaller = if rows > FEW {
            Some(smaller)
        } else {
            self.pool.push(smaller);
            None
        };
        if left_is_smaller { (smaller, Some(larger)) } else { (Some(larger), smaller) }
    }

    fn give_back(&mut self, carry: Self::Carry) {
        self.pool.extend(carry);
    }

    fn fresh(&mut self, carry: Self::Carry) -> Self::Carry {
        carry
    }
}
