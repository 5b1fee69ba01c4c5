//! Splits at the middle between neighbouring values: scikit-learn's trees, row for row and bit for bit.
//!
//! The definition is that of the documentation of `RandomForestRegressor` (Breiman, Machine Learning 45, 5). Where it
//! leaves freedom (order of features, ties, rounding) this module does what scikit-learn 1.9 does: features are drawn
//! without those known to be constant, the first of equally good splits is taken, and sums are taken from the side that
//! moves fewer rows.

use super::criterion::Sums;
use super::sort::sort_together;
use super::{Measured, Split, Splitter};
use crate::bootstrap::Draw;
use crate::forest::Task;
use crate::parameters::{Criterion, Limits};
use crate::random::XorShift;
use crate::tree::floor_to_single;
use std::ops::Range;

/// Values that are nearer to each other than this cannot be told apart.
const NEAR: f32 = 1e-7;

/// Exact search of splits in one tree.
pub(crate) struct Exact<'a> {
    columns: &'a [Vec<f32>],
    targets: &'a [f64],
    outputs: usize,
    classes: bool,
    weights: Vec<f64>,
    all_weight: f64,
    limits: &'a Limits,
    rows: Vec<u32>,
    values: Vec<f32>,
    features: Vec<usize>,
    constant: Vec<usize>,
    random: XorShift,
    sums: Sums,
    position: usize,
}

impl<'a> Exact<'a> {
    pub(crate) fn new(
        columns: &'a [Vec<f32>],
        task: &Task,
        targets: &'a [f64],
        criterion: Criterion,
        draw: Draw,
        limits: &'a Limits,
    ) -> Self {
        let (outputs, classes) = match task {
            Task::Regression { outputs } => (*outputs, false),
            Task::Classification { .. } => (1, true),
        };
        let rows: Vec<u32> = (0..draw.weights.len() as u32).filter(|row| draw.weights[*row as usize] != 0.0).collect();
        let all_weight = draw.weights.iter().sum();
        Self {
            columns,
            targets,
            outputs,
            classes,
            weights: draw.weights,
            all_weight,
            limits,
            values: vec![0.0; rows.len()],
            rows,
            features: (0..columns.len()).collect(),
            constant: vec![0; columns.len()],
            random: XorShift::new(draw.features_seed),
            sums: Sums::new(criterion, task.width()),
            position: 0,
        }
    }

    /// Moves rows between the node's start and `middle` to the left side.
    fn advance(&mut self, span: &Range<usize>, middle: usize) {
        if middle - self.position <= span.end - middle {
            for place in self.position..middle {
                self.add_left(place, 1.0);
            }
        } else {
            self.sums.all_left();
            for place in (middle..span.end).rev() {
                self.add_left(place, -1.0);
            }
        }
        self.sums.complete();
        self.position = middle;
    }

    fn add_left(&mut self, place: usize, sign: f64) {
        let row = self.rows[place] as usize;
        let weight = self.weights[row];
        if self.classes {
            self.sums.left[self.targets[row] as usize] += sign * weight;
        } else {
            let targets = &self.targets[row * self.outputs..][..self.outputs];
            for (sum, target) in self.sums.left.iter_mut().zip(targets) {
                *sum += sign * (weight * target);
            }
        }
        self.sums.weight_left += sign * weight;
    }

    fn restart(&mut self, span: &Range<usize>) {
        self.position = span.start;
        self.sums.all_right();
    }

    /// The best split on a feature whose values are sorted, if it is better than `best`.
    fn scan(&mut self, span: &Range<usize>, best: &mut f64) -> Option<(usize, f64)> {
        self.restart(span);
        let (least, limit) = (self.limits.min_samples_leaf, self.limits.min_weight_leaf);
        let mut found = None;
        let mut middle = span.start;
        loop {
            middle += 1;
            while middle < span.end && self.values[middle] <= self.values[middle - 1] + NEAR {
                middle += 1;
            }
            if middle >= span.end {
                return found;
            }
            if middle - span.start < least || span.end - middle < least {
                continue;
            }
            self.advance(span, middle);
            if self.sums.weight_left < limit || self.sums.weight_right < limit {
                continue;
            }
            let quality = self.sums.quality();
            if quality > *best {
                *best = quality;
                let half = |place: usize| f64::from(self.values[place]) / 2.0;
                found = Some((middle, half(middle - 1) + half(middle)));
            }
        }
    }

    fn partition(&mut self, span: &Range<usize>, feature: usize, threshold: f64) {
        let column = &self.columns[feature];
        let (mut start, mut end) = (span.start, span.end);
        while start < end {
            if f64::from(column[self.rows[start] as usize]) <= threshold {
                start += 1;
            } else {
                end -= 1;
                self.rows.swap(start, end);
            }
        }
    }

    /// Impurities of the children, and by how much they are below the node's.
    fn improvement(&mut self, span: &Range<usize>, middle: usize, impurity: f64) -> (f64, (f64, f64)) {
        self.restart(span);
        self.advance(span, middle);
        let mut squares = 0.0;
        if !self.classes {
            for place in span.start..middle {
                let row = self.rows[place] as usize;
                for target in &self.targets[row * self.outputs..][..self.outputs] {
                    squares += self.weights[row] * target * target;
                }
            }
        }
        let (left, right) = self.sums.sides(squares);
        let sums = &self.sums;
        let decrease = impurity - sums.weight_right / sums.weight * right - sums.weight_left / sums.weight * left;
        (sums.weight / self.all_weight * decrease, (left, right))
    }
}

impl Splitter for Exact<'_> {
    /// Number of features that are known to be constant.
    type Carry = usize;

    fn root(&mut self) -> (Range<usize>, usize) {
        (0..self.rows.len(), 0)
    }

    fn measure(&mut self, span: &Range<usize>, value: &mut Vec<f64>) -> Measured {
        self.sums.clear();
        for row in &self.rows[span.clone()] {
            let row = *row as usize;
            let weight = self.weights[row];
            if self.classes {
                self.sums.total[self.targets[row] as usize] += weight;
            } else {
                for (sum, target) in self.sums.total.iter_mut().zip(&self.targets[row * self.outputs..]) {
                    let product = weight * target;
                    *sum += product;
                    self.sums.squares += product * target;
                }
            }
            self.sums.weight += weight;
        }
        value.extend(self.sums.total.iter().map(|sum| sum / self.sums.weight));
        Measured { weight: self.sums.weight, impurity: self.sums.impurity() }
    }

    fn search(&mut self, span: &Range<usize>, measured: &Measured, known_constant: &mut usize) -> Option<Split> {
        let known = *known_constant;
        let (mut last, mut visited, mut newly, mut drawn, mut constant) = (self.features.len(), 0, 0, 0, known);
        let mut best = f64::NEG_INFINITY;
        let mut found = None;
        while last > constant && (visited < self.limits.max_features || visited <= newly + drawn) {
            visited += 1;
            let mut place = self.random.between(drawn, last - newly);
            if place < known {
                self.features.swap(drawn, place);
                drawn += 1;
                continue;
            }
            place += newly;
            let feature = self.features[place];
            let (rows, values) = (&mut self.rows[span.clone()], &mut self.values[span.clone()]);
            let column = &self.columns[feature];
            for (value, row) in values.iter_mut().zip(rows.iter()) {
                *value = column[*row as usize];
            }
            sort_together(values, rows);
            if self.values[span.end - 1] <= self.values[span.start] + NEAR {
                self.features.swap(place, constant);
                newly += 1;
                constant += 1;
                continue;
            }
            last -= 1;
            self.features.swap(last, place);
            if let Some((middle, threshold)) = self.scan(span, &mut best) {
                found = Some((feature, middle, threshold));
            }
        }
        // the constant ones of the node stand first in both lists, whatever the search moved
        self.features[..known].copy_from_slice(&self.constant[..known]);
        self.constant[known..constant].copy_from_slice(&self.features[known..constant]);
        *known_constant = constant;

        let (feature, middle, threshold) = found?;
        self.partition(span, feature, threshold);
        let (improvement, impurities) = self.improvement(span, middle, measured.impurity);
        Some(Split {
            feature: feature as u16,
            threshold: floor_to_single(threshold),
            middle,
            improvement,
            impurities: Some(impurities),
        })
    }

    fn hand_down(&mut self, _span: &Range<usize>, _middle: usize, constant: usize) -> (usize, usize) {
        (constant, constant)
    }

    fn fresh(&mut self, _constant: usize) -> usize {
        0
    }
}
