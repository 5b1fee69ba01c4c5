//! Forests that scikit-learn grew.

use crate::error::{ForestError, Result};
use crate::forest::{Forest, Task};
use crate::tree::{LEAF, Tree, floor_to_single};

/// The arrays of scikit-learn's `tree_` objects, those of all trees one after the other.
///
/// `docs/guides/forests.md` has the Python function that writes them.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignTrees {
    /// What the forest answers.
    pub task: Task,
    /// Names of the features.
    pub features: Vec<String>,
    /// Number of nodes of every tree.
    pub nodes: Vec<usize>,
    /// `children_left`: counted within the tree, negative for leaves.
    pub left: Vec<i64>,
    /// `children_right`.
    pub right: Vec<i64>,
    /// `feature`: any number for leaves.
    pub feature: Vec<i64>,
    /// `threshold`.
    pub threshold: Vec<f64>,
    /// `value`: one number per output or class, node after node. Classes may be counts; they are made probabilities.
    pub value: Vec<f64>,
    /// `impurity`.
    pub impurity: Vec<f64>,
    /// `weighted_n_node_samples`.
    pub weight: Vec<f64>,
    /// `n_node_samples`.
    pub count: Vec<i64>,
}

impl ForeignTrees {
    /// The forest of these trees: rows end in the same leaves and get the same answers as from scikit-learn.
    ///
    /// # Errors
    /// Arrays whose lengths do not fit together, and trees that are none.
    pub fn forest(self) -> Result<Forest> {
        let all: usize = self.nodes.iter().sum();
        let width = self.task.width();
        let lengths = [
            ("left children", self.left.len(), all),
            ("right children", self.right.len(), all),
            ("features of nodes", self.feature.len(), all),
            ("thresholds", self.threshold.len(), all),
            ("values", self.value.len(), all * width),
            ("impurities", self.impurity.len(), all),
            ("weights", self.weight.len(), all),
            ("counts", self.count.len(), all),
        ];
        if let Some((what, found, expected)) = lengths.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(ForestError::length(what, found, expected));
        }
        let mut start = 0;
        let mut trees = Vec::with_capacity(self.nodes.len());
        for (index, &nodes) in self.nodes.iter().enumerate() {
            trees.push(self.tree(index, start, start + nodes)?);
            start += nodes;
        }
        let forest = Forest { task: self.task, features: self.features, trees, parameters: None, out_of_bag: None };
        forest.check()?;
        Ok(forest)
    }

    fn tree(&self, index: usize, start: usize, end: usize) -> Result<Tree> {
        let width = self.task.width();
        let mut tree = Tree {
            impurity: self.impurity[start..end].to_vec(),
            weight: self.weight[start..end].to_vec(),
            value: self.value[start * width..end * width].to_vec(),
            ..Tree::default()
        };
        if matches!(self.task, Task::Classification { .. }) {
            for node in tree.value.chunks_exact_mut(width) {
                let sum: f64 = node.iter().sum();
                node.iter_mut().for_each(|value| *value /= sum);
            }
        }
        for node in start..end {
            let is_leaf = self.left[node] < 0;
            let wrong = |what: &str, value: i64| ForestError::Tree {
                tree: index,
                node: node - start,
                message: format!("its {what} is {value}"),
            };
            let natural = |what: &'static str, value: i64| u32::try_from(value).map_err(|_| wrong(what, value));
            tree.count.push(natural("count", self.count[node])?);
            if is_leaf {
                tree.feature.push(LEAF);
                tree.threshold.push(0.0);
                tree.left.push(0);
                tree.right.push(0);
                continue;
            }
            let feature = u16::try_from(self.feature[node]).map_err(|_| wrong("feature", self.feature[node]))?;
            tree.feature.push(feature);
            tree.threshold.push(floor_to_single(self.threshold[node]));
            tree.left.push(natural("left child", self.left[node])?);
            tree.right.push(natural("right child", self.right[node])?);
        }
        Ok(tree)
    }
}
