//! Which rows a tree sees, and how much they count.

use crate::forest::Task;
use crate::parameters::{ClassWeight, Parameters};
use crate::random::MersenneTwister;

/// What is drawn for one tree.
pub(crate) struct Draw {
    /// Weight of every row; 0 for those that the tree does not see.
    pub(crate) weights: Vec<f64>,
    /// Seed of the generator that draws features.
    pub(crate) features_seed: u32,
}

/// Draws the rows of all trees.
pub(crate) struct Sampler<'a> {
    rows: usize,
    /// weights of rows and classes together, if they are not all one
    weights: Option<Vec<f64>>,
    /// running sum of the weights, from 0 to 1
    cumulative: Option<Vec<f64>>,
    drawn: usize,
    classes: Option<&'a [f64]>,
    parameters: &'a Parameters,
    seeds: Vec<u32>,
}

impl<'a> Sampler<'a> {
    /// `weights` are those of the rows, `codes` the target's numbers.
    pub(crate) fn new(parameters: &'a Parameters, task: &Task, codes: &'a [f64], weights: Option<&[f64]>) -> Self {
        let classes = matches!(task, Task::Classification { .. }).then_some(codes);
        let rows = match task {
            Task::Regression { outputs } => codes.len() / outputs,
            Task::Classification { .. } => codes.len(),
        };
        let of_classes = match (parameters.class_weight, classes) {
            (ClassWeight::Balanced, Some(codes)) => Some(balanced(codes, None)),
            // without a draw the whole table is every tree's sample
            (ClassWeight::BalancedSubsample, Some(codes)) if !parameters.bootstrap => Some(balanced(codes, None)),
            _ => None,
        };
        let weights = match (weights, of_classes) {
            (Some(rows), Some(classes)) => Some(rows.iter().zip(&classes).map(|(a, b)| a * b).collect()),
            (Some(rows), None) => Some(rows.to_vec()),
            (None, classes) => classes,
        };
        let total = weights.as_ref().map_or(rows as f64, |weights| weights.iter().sum());
        let cumulative = weights.as_ref().filter(|_| parameters.bootstrap).map(|weights| {
            let mut sum = 0.0;
            let mut running: Vec<f64> = weights
                .iter()
                .map(|weight| {
                    sum += weight / total;
                    sum
                })
                .collect();
            for value in &mut running {
                *value /= sum;
            }
            running
        });
        let mut twister = MersenneTwister::new(parameters.random_state);
        let seeds = (0..parameters.n_estimators).map(|_| twister.below(i32::MAX as u32)).collect();
        let drawn = parameters.drawn(rows, total);
        Self { rows, weights, cumulative, drawn, classes, parameters, seeds }
    }

    /// What tree `index` sees.
    pub(crate) fn draw(&self, index: usize) -> Draw {
        let seed = self.seeds.get(index).copied().unwrap_or_default();
        let features_seed = MersenneTwister::new(seed).below(i32::MAX as u32);
        let weights = match (self.parameters.bootstrap, &self.weights) {
            (true, _) => {
                let counts = self.counts(seed);
                match (self.parameters.class_weight, self.classes) {
                    (ClassWeight::BalancedSubsample, Some(codes)) => {
                        let balanced = balanced(codes, Some(&counts));
                        counts.iter().zip(&balanced).map(|(a, b)| a * b).collect()
                    }
                    _ => counts,
                }
            }
            (false, Some(weights)) => weights.clone(),
            (false, None) => vec![1.0; self.rows],
        };
        Draw { weights, features_seed }
    }

    /// How often tree `index` drew every row.
    pub(crate) fn drawn_by(&self, index: usize) -> Vec<f64> {
        self.counts(self.seeds.get(index).copied().unwrap_or_default())
    }

    fn counts(&self, seed: u32) -> Vec<f64> {
        let mut twister = MersenneTwister::new(seed);
        let mut counts = vec![0.0; self.rows];
        for _ in 0..self.drawn {
            let row = match &self.cumulative {
                None => twister.below(self.rows as u32) as usize,
                Some(running) => {
                    let unit = twister.unit();
                    running.partition_point(|sum| *sum <= unit).min(self.rows - 1)
                }
            };
            if let Some(count) = counts.get_mut(row) {
                *count += 1.0;
            }
        }
        counts
    }
}

/// Weights that give every class the same sum; `counts` tells how often a row is there, once if it is missing.
fn balanced(codes: &[f64], counts: Option<&[f64]>) -> Vec<f64> {
    let classes = codes.iter().fold(0.0_f64, |most, code| most.max(*code)) as usize + 1;
    let mut sums = vec![0.0; classes];
    for (row, code) in codes.iter().enumerate() {
        sums[*code as usize] += counts.map_or(1.0, |counts| counts[row]);
    }
    let (all, present) = (sums.iter().sum::<f64>(), sums.iter().filter(|sum| **sum > 0.0).count() as f64);
    let of = |sum: &f64| if *sum > 0.0 { all / (present * sum) } else { 0.0 };
    let weights: Vec<f64> = sums.iter().map(of).collect();
    codes.iter().map(|code| weights[*code as usize]).collect()
}
