//! How a forest does on rows that its trees did not see.

use crate::bootstrap::Sampler;
use crate::error::Result;
use crate::forest::{Forest, Task};
use crate::table::FeatureTable;
use crate::target::Target;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Quality on rows that were left out of the trees' draws: each row is answered by those trees that did not see it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutOfBag {
    /// Coefficient of determination (averaged over outputs), or share of rows whose class is the most probable one.
    pub score: f64,
    /// Rows that at least one tree did not see.
    pub rows: usize,
}

/// Rows that are handled together.
const BLOCK: usize = 1024;

impl OutOfBag {
    pub(crate) fn new(forest: &Forest, table: &FeatureTable, target: &Target, sampler: &Sampler<'_>) -> Result<Self> {
        let (rows, features, width) = (table.rows(), table.names().len(), forest.task.width());
        let values = table.row_major();
        // a bit per row and tree tells who saw whom
        let seen: Vec<Vec<u64>> = (0..forest.trees.len())
            .into_par_iter()
            .map(|tree| {
                let mut bits = vec![0_u64; rows.div_ceil(64)];
                for (row, count) in sampler.drawn_by(tree).into_iter().enumerate() {
                    bits[row / 64] |= u64::from(count > 0.0) << (row % 64);
                }
                bits
            })
            .collect();
        let mut answers = vec![f64::NAN; rows * width];
        answers.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, answers)| {
            for (offset, answer) in answers.chunks_exact_mut(width).enumerate() {
                let row = block * BLOCK + offset;
                let mut trees = 0;
                answer.fill(0.0);
                for (tree, seen) in forest.trees.iter().zip(&seen) {
                    if seen[row / 64] >> (row % 64) & 1 == 0 {
                        let leaf = tree.leaf(&values[row * features..][..features]);
                        for (sum, value) in answer.iter_mut().zip(&tree.value[leaf * width..]) {
                            *sum += value;
                        }
                        trees += 1;
                    }
                }
                for sum in answer {
                    *sum /= f64::from(trees);
                }
            }
        });
        Ok(match &forest.task {
            Task::Regression { outputs } => determination(&answers, &target.values, *outputs),
            Task::Classification { .. } => accuracy(&answers, &target.values, width),
        })
    }
}

fn determination(answers: &[f64], truth: &[f64], outputs: usize) -> OutOfBag {
    let mut score = 0.0;
    let mut rows = 0;
    for output in 0..outputs {
        let pairs = || {
            let both = answers.iter().zip(truth).skip(output).step_by(outputs);
            both.filter(|(answer, _)| answer.is_finite())
        };
        rows = pairs().count();
        let mean = pairs().map(|(_, truth)| truth).sum::<f64>() / rows as f64;
        let residual: f64 = pairs().map(|(answer, truth)| (answer - truth).powi(2)).sum();
        let spread: f64 = pairs().map(|(_, truth)| (truth - mean).powi(2)).sum();
        score += (1.0 - residual / spread) / outputs as f64;
    }
    OutOfBag { score, rows }
}

fn accuracy(answers: &[f64], truth: &[f64], classes: usize) -> OutOfBag {
    let (mut right, mut rows) = (0, 0);
    for (answer, truth) in answers.chunks_exact(classes).zip(truth) {
        if answer.iter().all(|value| value.is_finite()) {
            rows += 1;
            let likely = (1..classes).fold(0, |best, class| if answer[class] > answer[best] { class } else { best });
            right += usize::from(likely == *truth as usize);
        }
    }
    OutOfBag { score: f64::from(right as u32) / rows as f64, rows }
}
