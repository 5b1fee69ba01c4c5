//! Rows through trees.

use crate::error::{ForestError, Result};
use crate::forest::Forest;
use crate::tree::{LEAF, Tree};
use rayon::prelude::*;

/// Rows that go through a tree together, so that the tree and the rows stay in the cache.
const BLOCK: usize = 4096;
/// Rows that descend side by side: while one waits for its node the others move.
const LANES: usize = 8;
/// Bits of a link that name the feature.
const FEATURE_BITS: u32 = 8;
/// Nodes of a tree that links can name.
const NODE_LIMIT: usize = 1 << (32 - FEATURE_BITS);

/// A node as the descent needs it, in eight bytes. The children of a node lie side by side; a leaf is its own left child.
#[derive(Clone, Copy)]
struct Step {
    threshold: f32,
    /// left child and feature
    link: u32,
}

/// A forest in the form in which rows descend fastest.
pub struct Predictor {
    features: usize,
    names: Vec<String>,
    width: usize,
    trees: Trees,
}

/// The trees, arranged for the descent where eight bytes suffice for a node.
enum Trees {
    Arranged(Vec<(Vec<Step>, Vec<f64>)>),
    Plain(Vec<Tree>),
}

impl Predictor {
    /// Prepares a forest.
    ///
    /// # Errors
    /// A forest that is damaged.
    pub fn new(forest: &Forest) -> Result<Self> {
        forest.check()?;
        let width = forest.task().width();
        let features = forest.features().len();
        let small = features <= 1 << FEATURE_BITS && forest.trees().iter().all(|tree| tree.len() < NODE_LIMIT);
        let trees = if small {
            Trees::Arranged(forest.trees().par_iter().map(|tree| arrange(tree, width)).collect())
        } else {
            Trees::Plain(forest.trees().to_vec())
        };
        Ok(Self { features, names: forest.features().to_vec(), width, trees })
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
        let count = match &self.trees {
            Trees::Plain(trees) => {
                for tree in trees {
                    for (row, answer) in rows.chunks_exact(self.features).zip(answers.chunks_exact_mut(self.width)) {
                        add(answer, &tree.value, tree.leaf(row));
                    }
                }
                trees.len()
            }
            Trees::Arranged(trees) => {
                match self.features {
                    0..=16 => self.descend_block::<16>(trees, rows, answers),
                    17..=64 => self.descend_block::<64>(trees, rows, answers),
                    _ => self.descend_block::<256>(trees, rows, answers),
                }
                trees.len()
            }
        };
        for sum in answers {
            *sum /= count as f64;
        }
    }

    /// Sends a block through all trees; rows are widened to `S` values, so that any feature's bits are a place in a row.
    fn descend_block<const S: usize>(&self, trees: &[(Vec<Step>, Vec<f64>)], rows: &[f32], answers: &mut [f64]) {
        let groups: Vec<[[f32; S]; LANES]> = rows
            .chunks(LANES * self.features)
            .map(|group| {
                let mut wide = [[0.0; S]; LANES];
                for (wide, row) in wide.iter_mut().zip(group.chunks_exact(self.features)) {
                    wide[..self.features].copy_from_slice(row);
                }
                wide
            })
            .collect();
        for (steps, values) in trees {
            for (group, answers) in groups.iter().zip(answers.chunks_mut(LANES * self.width)) {
                let ends = descend(steps, group);
                for (answer, end) in answers.chunks_exact_mut(self.width).zip(ends) {
                    add(answer, values, end as usize);
                }
            }
        }
    }
}

/// Adds a node's values to an answer.
fn add(answer: &mut [f64], values: &[f64], node: usize) {
    let own = &values[node * answer.len()..];
    for (sum, value) in answer.iter_mut().zip(own) {
        *sum += value;
    }
}

/// The nodes in which some rows end.
#[inline]
fn descend<const S: usize>(steps: &[Step], rows: &[[f32; S]; LANES]) -> [u32; LANES] {
    let mut nodes = [0_u32; LANES];
    loop {
        let mut moved = 0;
        for (node, row) in nodes.iter_mut().zip(rows) {
            let step = steps[*node as usize];
            let goes_right = row[step.link as usize & (S - 1)] > step.threshold;
            let next = (step.link >> FEATURE_BITS) + u32::from(goes_right);
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
            steps.push(Step { threshold: f32::INFINITY, link: (place as u32) << FEATURE_BITS });
        } else {
            let next = order.len() as u32;
            steps.push(Step { threshold: tree.threshold[node], link: (next << FEATURE_BITS) | u32::from(feature) });
            order.extend([tree.left[node] as usize, tree.right[node] as usize]);
        }
        values.extend_from_slice(&tree.value[node * width..][..width]);
        place += 1;
    }
    (steps, values)
}
