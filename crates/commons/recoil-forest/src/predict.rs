//! Rows through trees.
//!
//! A row waits for every node that it visits, so many rows descend side by side, and nodes are small, so that a tree stays
//! in the fast memories: see [`arrange`]. Rows that end close together in the first tree take similar ways through the
//! others; they go together. The sums are those of going through the trees one after the other, to the last bit.

mod arrange;
mod codes;

use crate::error::{ForestError, Result};
use crate::forest::Forest;
use crate::tree::Tree;
use arrange::{Arranged, Coded, LANES, Lanes, Node, Wide, add, lanes};
use codes::Codes;
use rayon::prelude::*;

/// Rows that go through a tree together at most. Fetching a tree takes longer than sending a thousand rows through it, so
/// there are many; they come one after the other, which memory is good at.
const BLOCK: usize = 131_072;

/// A forest in the form in which rows descend fastest.
pub struct Predictor {
    features: usize,
    names: Vec<String>,
    width: usize,
    trees: Trees,
}

/// The trees, in the smallest form that holds them.
enum Trees {
    /// Few features and thresholds: four bytes per node.
    Coded(Codes, Vec<Arranged<Coded>>),
    /// Eight bytes per node.
    Wide(Vec<Arranged<Wide>>),
    Plain(Vec<Tree>),
}

/// A row on its way.
struct Traveller<V, const S: usize> {
    /// node of the first tree in which it ended
    end: u32,
    /// place in the block
    number: u32,
    values: [V; S],
}

impl Predictor {
    /// Prepares a forest.
    ///
    /// # Errors
    /// A forest that is damaged.
    pub fn new(forest: &Forest) -> Result<Self> {
        forest.check()?;
        let (width, features) = (forest.task().width(), forest.features().len());
        let trees = forest.trees();
        let nodes = trees.iter().map(Tree::len).max().unwrap_or(0);
        let codes = Codes::of(trees, features).filter(|_| Coded::holds(features, nodes));
        let trees = match codes {
            Some(codes) => {
                let code = |feature, threshold| codes.of_threshold(feature, threshold);
                let arranged = trees.par_iter().map(|tree| Arranged::new(tree, width, code)).collect();
                Trees::Coded(codes, arranged)
            }
            None if Wide::holds(features, nodes) => {
                Trees::Wide(trees.par_iter().map(|tree| Arranged::new(tree, width, |_, value| value)).collect())
            }
            None => Trees::Plain(trees.to_vec()),
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
        let count = rows.len() / self.features;
        let mut answers = vec![0.0; count * self.width];
        let block = count.div_ceil(rayon::current_num_threads().max(1)).clamp(1, BLOCK);
        answers
            .par_chunks_mut(block * self.width)
            .zip(rows.par_chunks(block * self.features))
            .for_each(|(answers, rows)| self.block(rows, answers));
        Ok(answers)
    }

    fn block(&self, rows: &[f32], answers: &mut [f64]) {
        match &self.trees {
            Trees::Plain(trees) => {
                for tree in trees {
                    for (row, answer) in rows.chunks_exact(self.features).zip(answers.chunks_exact_mut(self.width)) {
                        add(answer, &tree.value, tree.leaf(row));
                    }
                }
                divide(answers, trees.len());
            }
            Trees::Coded(codes, trees) => {
                self.descend::<Coded, { Coded::FEATURES }>(trees, rows, answers, |row| codes.of_row(row));
            }
            Trees::Wide(trees) => match self.features {
                0..=16 => self.descend::<Wide, 16>(trees, rows, answers, widened),
                17..=64 => self.descend::<Wide, 64>(trees, rows, answers, widened),
                _ => self.descend::<Wide, { Wide::FEATURES }>(trees, rows, answers, widened),
            },
        }
    }

    /// Sends a block through all trees. `widen` gives rows `S` values, so that the bits of any feature are a place in them.
    fn descend<N: Node, const S: usize>(
        &self,
        trees: &[Arranged<N>],
        rows: &[f32],
        answers: &mut [f64],
        widen: impl Fn(&[f32]) -> [N::Value; S],
    ) {
        let Some((first, others)) = trees.split_first() else { return };
        let rows = rows.chunks_exact(self.features).zip(0..);
        let mut rows: Vec<Traveller<N::Value, S>> =
            rows.map(|(row, number)| Traveller { end: 0, number, values: widen(row) }).collect();
        for group in rows.chunks_mut(LANES) {
            let ends = first.ends(&lanes::<N, S>(group));
            group.iter_mut().zip(ends).for_each(|(row, end)| row.end = end);
        }
        rows.sort_unstable_by_key(|row| (first.place(row.end), row.number));
        let mut sums = vec![0.0; answers.len()];
        for (row, sum) in rows.iter().zip(sums.chunks_exact_mut(self.width)) {
            add(sum, &first.values, row.end as usize);
        }
        let groups: Vec<Lanes<N, S>> = rows.chunks(LANES).map(lanes::<N, S>).collect();
        for tree in others {
            for (group, sums) in groups.iter().zip(sums.chunks_mut(LANES * self.width)) {
                let ends = tree.ends(group);
                for (sum, end) in sums.chunks_exact_mut(self.width).zip(ends) {
                    add(sum, &tree.values, end as usize);
                }
            }
        }
        divide(&mut sums, trees.len());
        for (row, sum) in rows.iter().zip(sums.chunks_exact(self.width)) {
            answers[row.number as usize * self.width..][..self.width].copy_from_slice(sum);
        }
    }
}

fn widened<const S: usize>(row: &[f32]) -> [f32; S] {
    let mut wide = [0.0; S];
    wide[..row.len()].copy_from_slice(row);
    wide
}

fn divide(sums: &mut [f64], trees: usize) {
    for sum in sums {
        *sum /= trees as f64;
    }
}
