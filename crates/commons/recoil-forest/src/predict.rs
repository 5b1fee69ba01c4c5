//! Rows through trees.

use crate::error::{ForestError, Result};
use crate::forest::Forest;
use crate::tree::{LEAF, Tree};
use rayon::prelude::*;

/// Rows that go through a tree together, so that the tree and the rows stay in the cache.
const BLOCK: usize = 1024;
/// Rows that descend side by side: while one waits for its node the others move.
const LANES: usize = 8;

/// A node as the descent needs it. The children of a node lie side by side; a leaf is its own left child.
#[derive(Clone, Copy)]
struct Step {
    threshold: f32,
    feature: u32,
    next: u32,
}

/// A forest in the form in which rows descend fastest.
pub struct Predictor {
    features: usize,
    names: Vec<String>,
    width: usize,
    trees: Vec<(Vec<Step>, Vec<f64>)>,
}

impl Predictor {
    /// Prepares a forest.
    ///
    /// # Errors
    /// A forest that is damaged.
    pub fn new(forest: &Forest) -> Result<Self> {
        forest.check()?;
        let width = forest.task().width();
        let trees = forest.trees().par_iter().map(|tree| arrange(tree, width)).collect();
        Ok(Self { features: forest.features().len(), names: forest.features().to_vec(), width, trees })
    }

    /// Numbers that are answered per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Answers for rows that lie one after the other, each with the features in the forest's order: the outputs, or the
    /// probabilities of the classes, row after row.
    ///
    /// # Errors
    /// A number of values that is no whole number of rows, and values that are not finite.
    pub fn predict(&self, rows: &[f32]) -> Result<Vec<f64>> {
        if !rows.len().is_multiple_of(self.features) {
            return Err(ForestError::length("values", rows.len(), self.features));
        }
        if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
            let feature = self.names.get(place % self.features).cloned().unwrap_or_default();
            let value = rows.get(place).map_or(f64::NAN, |value| f64::from(*value));
            return Err(ForestError::NotFinite { feature, row: place / self.features, value });
        }
        let mut answers = vec![0.0; rows.len() / self.features * self.width];
        answers
            .par_chunks_mut(BLOCK * self.width)
            .zip(rows.par_chunks(BLOCK * self.features))
            .for_each(|(answers, rows)| self.block(rows, answers));
        Ok(answers)
    }

    fn block(&self, rows: &[f32], answers: &mut [f64]) {
        for (steps, values) in &self.trees {
            let lanes = rows.chunks(LANES * self.features).zip(answers.chunks_mut(LANES * self.width));
            for (rows, answers) in lanes {
                let ends = descend(steps, rows, self.features);
                for (answer, end) in answers.chunks_exact_mut(self.width).zip(ends) {
                    for (sum, value) in answer.iter_mut().zip(&values[end as usize * self.width..]) {
                        *sum += value;
                    }
                }
            }
        }
        let trees = self.trees.len() as f64;
        for sum in answers {
            *sum /= trees;
        }
    }
}

/// The nodes in which some rows end.
fn descend(steps: &[Step], rows: &[f32], features: usize) -> [u32; LANES] {
    let mut nodes = [0_u32; LANES];
    let count = rows.len() / features;
    loop {
        let mut moved = 0;
        for (lane, node) in nodes[..count].iter_mut().enumerate() {
            let step = steps[*node as usize];
            let next = step.next + u32::from(rows[lane * features + step.feature as usize] > step.threshold);
            moved |= next ^ *node;
            *node = next;
        }
        if moved == 0 {
            return nodes;
        }
    }
}

/// Breadth first: the nodes near the root, which all rows visit, lie together.
fn arrange(tree: &Tree, width: usize) -> (Vec<Step>, Vec<f64>) {
    let mut order = vec![0_usize];
    let mut steps = Vec::with_capacity(tree.len());
    let mut values = Vec::with_capacity(tree.value.len());
    let mut place = 0;
    while let Some(&node) = order.get(place) {
        let feature = tree.feature[node];
        if feature == LEAF {
            steps.push(Step { threshold: f32::INFINITY, feature: 0, next: place as u32 });
        } else {
            let next = order.len() as u32;
            steps.push(Step { threshold: tree.threshold[node], feature: u32::from(feature), next });
            order.extend([tree.left[node] as usize, tree.right[node] as usize]);
        }
        values.extend_from_slice(&tree.value[node * width..][..width]);
        place += 1;
    }
    (steps, values)
}
