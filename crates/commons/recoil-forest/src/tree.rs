//! One tree in flat arrays.

use crate::error::{ForestError, Result};

/// Stands for the feature of a leaf.
pub const LEAF: u16 = u16::MAX;

/// A binary tree. Node 0 is the root; a row goes to the left child where its feature is at most the threshold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Feature that splits a node, [`LEAF`] for a leaf.
    pub feature: Vec<u16>,
    /// Largest single-precision value that goes left; 0 for a leaf.
    pub threshold: Vec<f32>,
    /// Left child; 0 for a leaf.
    pub left: Vec<u32>,
    /// Right child; 0 for a leaf.
    pub right: Vec<u32>,
    /// What a node answers: one number per output or class, node after node.
    pub value: Vec<f64>,
    /// Impurity of a node.
    pub impurity: Vec<f64>,
    /// Sum of the weights of the rows that came by in training.
    pub weight: Vec<f64>,
    /// Number of distinct rows that came by in training.
    pub count: Vec<u32>,
}

impl Tree {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.feature.len()
    }

    /// Whether there is no node at all, which no grown tree is.
    pub fn is_empty(&self) -> bool {
        self.feature.is_empty()
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.feature.iter().filter(|feature| **feature == LEAF).count()
    }

    /// Splits between the root and the farthest leaf.
    pub fn depth(&self) -> usize {
        let mut depth = vec![0_usize; self.len()];
        let mut deepest = 0;
        // children come after their parents
        for node in 0..self.len() {
            if self.feature[node] != LEAF {
                let below = depth[node] + 1;
                for child in [self.left[node], self.right[node]] {
                    depth[child as usize] = below;
                }
                deepest = deepest.max(below);
            }
        }
        deepest
    }

    /// The leaf that a row ends in.
    pub fn leaf(&self, row: &[f32]) -> usize {
        let mut node = 0;
        while self.feature[node] != LEAF {
            let goes_right = row[usize::from(self.feature[node])] > self.threshold[node];
            node = if goes_right { self.right[node] } else { self.left[node] } as usize;
        }
        node
    }

    /// Decrease of the impurity by each feature, as a share of the tree's weight; not normalised.
    pub(crate) fn importances(&self, features: usize) -> Vec<f64> {
        let mut found = vec![0.0; features];
        let weighted = |node: usize| self.weight[node] * self.impurity[node];
        for node in 0..self.len() {
            if self.feature[node] != LEAF {
                let (left, right) = (self.left[node] as usize, self.right[node] as usize);
                found[usize::from(self.feature[node])] += weighted(node) - weighted(left) - weighted(right);
            }
        }
        let all = self.weight.first().copied().unwrap_or(1.0);
        for value in &mut found {
            *value /= all;
        }
        found
    }

    /// Tells an array of the wrong length, a feature or child that is not there, and a child before its parent, which
    /// could lead in a circle. `index` is what errors call the tree.
    pub(crate) fn check(&self, index: usize, features: usize, width: usize) -> Result<()> {
        let wrong = |node: usize, message: String| ForestError::Tree { tree: index, node, message };
        let nodes = self.len();
        if nodes == 0 {
            return Err(wrong(0, "there is no root".into()));
        }
        let lengths = [
            ("thresholds", self.threshold.len(), nodes),
            ("left children", self.left.len(), nodes),
            ("right children", self.right.len(), nodes),
            ("values", self.value.len(), nodes * width),
            ("impurities", self.impurity.len(), nodes),
            ("weights", self.weight.len(), nodes),
            ("counts", self.count.len(), nodes),
        ];
        if let Some((what, found, expected)) = lengths.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(ForestError::length(format!("{what} of tree {index}"), found, expected));
        }
        let mut parents = vec![0_u8; nodes];
        for node in 0..nodes {
            let feature = self.feature[node];
            if feature == LEAF {
                continue;
            }
            if usize::from(feature) >= features {
                return Err(wrong(node, format!("feature {feature} of {features} does not exist")));
            }
            if self.threshold[node].is_nan() {
                return Err(wrong(node, "the threshold is not a number".into()));
            }
            for child in [self.left[node], self.right[node]] {
                let Some(parents) = parents.get_mut(child as usize).filter(|_| child as usize > node) else {
                    return Err(wrong(
                        node,
                        format!("its child {child} is not among the nodes {} to {nodes}", node + 1),
                    ));
                };
                *parents += 1;
                if *parents > 1 {
                    return Err(wrong(node, format!("its child {child} has another parent")));
                }
            }
        }
        if let Some(place) = self.value.iter().position(|value| !value.is_finite()) {
            return Err(wrong(place / width, "its value is not a finite number".into()));
        }
        Ok(())
    }
}

/// The largest single-precision number that is not above a threshold: single-precision values are on the same side of both.
pub(crate) fn floor_to_single(threshold: f64) -> f32 {
    let near = threshold as f32;
    if f64::from(near) > threshold { near.next_down() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_round_down() {
        let (low, high) = (1.0_f32, 1.0_f32.next_up());
        let middle = (f64::from(low) + f64::from(high)) / 2.0;
        assert_eq!(floor_to_single(middle), low);
        assert_eq!(floor_to_single(f64::from(high)), high);
        assert_eq!(floor_to_single(-middle), -high);
    }

    #[test]
    fn a_circle_is_refused() {
        let leaf_pair = |left: u32, right: u32| Tree {
            feature: vec![0, LEAF, LEAF],
            threshold: vec![0.5, 0.0, 0.0],
            left: vec![left, 0, 0],
            right: vec![right, 0, 0],
            value: vec![0.5, 0.0, 1.0],
            impurity: vec![1.0, 0.0, 0.0],
            weight: vec![2.0, 1.0, 1.0],
            count: vec![2, 1, 1],
        };
        assert!(leaf_pair(1, 2).check(0, 1, 1).is_ok());
        for (left, right) in [(0, 1), (1, 1), (1, 3)] {
            assert!(leaf_pair(left, right).check(0, 1, 1).is_err(), "{left} {right}");
        }
        assert!(leaf_pair(1, 2).check(0, 0, 1).is_err());
        assert_eq!(leaf_pair(1, 2).importances(1), [1.0]);
        assert_eq!(leaf_pair(1, 2).depth(), 1);
    }
}
