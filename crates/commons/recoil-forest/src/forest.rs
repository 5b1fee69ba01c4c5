//! Forests as a whole.

use crate::bins::Bins;
use crate::bootstrap::Sampler;
use crate::error::{ForestError, Result};
use crate::grow::{CLASS_LIMIT, Exact, FEATURE_LIMIT, grow, grow_histogram};
use crate::out_of_bag::OutOfBag;
use crate::parameters::{Growth, Parameters};
use crate::table::FeatureTable;
use crate::target::Target;
use crate::tree::Tree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a forest answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Numbers.
    Regression {
        /// numbers per row
        outputs: usize,
    },
    /// Probabilities of classes.
    Classification {
        /// labels in ascending order
        classes: Vec<i64>,
    },
}

impl Task {
    /// Numbers that a forest answers per row.
    pub fn width(&self) -> usize {
        match self {
            Self::Regression { outputs } => *outputs,
            Self::Classification { classes } => classes.len(),
        }
    }
}

/// A grown forest.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    pub(crate) task: Task,
    pub(crate) features: Vec<String>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) parameters: Option<Parameters>,
    pub(crate) out_of_bag: Option<OutOfBag>,
}

impl Forest {
    /// Grows a forest; `weights` are those of the rows, one each if they are missing.
    ///
    /// # Errors
    /// Parameters outside their domains; numbers of rows that differ; weights that are negative, not finite or all zero;
    /// more features or classes than histograms can hold.
    pub fn fit(
        table: &FeatureTable,
        target: &Target,
        weights: Option<&[f64]>,
        parameters: &Parameters,
    ) -> Result<Self> {
        Self::fit_watched(table, target, weights, parameters, &|_| true)
    }

    /// As [`Forest::fit`]. After each tree `watch` is told how many there are; growing stops if it says `false`.
    ///
    /// # Errors
    /// As [`Forest::fit`], and when it was stopped.
    pub fn fit_watched(
        table: &FeatureTable,
        target: &Target,
        weights: Option<&[f64]>,
        parameters: &Parameters,
        watch: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Self> {
        parameters.check()?;
        let rows = table.rows();
        if target.rows() != rows {
            return Err(ForestError::length("rows of the target", target.rows(), rows));
        }
        if u32::try_from(rows).is_err() {
            return Err(ForestError::Data(format!("{rows} rows are more than 32 bits can count")));
        }
        let total = match weights {
            None => rows as f64,
            Some(weights) => check_weights(weights, rows)?,
        };
        let task = &target.task;
        let criterion = parameters.criterion_of(task)?;
        let features = table.names().len();
        let (classes, histogram) = (task.width(), parameters.growth == Growth::Histogram);
        if histogram && (features > FEATURE_LIMIT || classes > CLASS_LIMIT) {
            return Err(ForestError::Data(format!(
                "histograms hold {FEATURE_LIMIT} features and {CLASS_LIMIT} outputs or classes, there are {features} and \
                 {classes}: use growth: exact"
            )));
        }
        let limits = parameters.limits(rows, total, features, matches!(task, Task::Classification { .. }));
        let sampler = Sampler::new(parameters, task, &target.values, weights);
        let bins = histogram.then(|| Bins::new(table));
        let grown = AtomicUsize::new(0);
        let one = |index: usize| -> Option<Tree> {
            let draw = sampler.draw(index);
            let mut limits = limits;
            limits.min_weight_leaf = parameters.min_weight_fraction_leaf * draw.weights.iter().sum::<f64>();
            let tree = match &bins {
                Some(bins) => grow_histogram(bins, task, &target.values, criterion, &draw, &limits),
                None => {
                    let mut exact = Exact::new(table.columns(), task, &target.values, criterion, draw, &limits);
                    grow(&mut exact, &limits)
                }
            };
            watch(grown.fetch_add(1, Ordering::Relaxed) + 1).then_some(tree)
        };
        let trees: Option<Vec<Tree>> = (0..parameters.n_estimators).into_par_iter().map(one).collect();
        let trees = trees.ok_or(ForestError::Stopped { trees: grown.into_inner() })?;
        let mut forest = Self {
            task: task.clone(),
            features: table.names().to_vec(),
            trees,
            parameters: Some(parameters.clone()),
            out_of_bag: None,
        };
        if parameters.oob_score {
            forest.out_of_bag = Some(OutOfBag::new(&forest, table, target, &sampler)?);
        }
        Ok(forest)
    }

    /// What the forest answers.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Names of the features, in the order in which rows hold them.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// How it was grown; nothing for forests from elsewhere.
    pub fn parameters(&self) -> Option<&Parameters> {
        self.parameters.as_ref()
    }

    /// How it does on rows that its trees did not see, if that was asked for.
    pub fn out_of_bag(&self) -> Option<&OutOfBag> {
        self.out_of_bag.as_ref()
    }

    /// Share of each feature in the decrease of the impurity, averaged over the trees; the sum is 1, or 0 if no tree has
    /// a split.
    pub fn importances(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.features.len()];
        for tree in self.trees.iter().filter(|tree| tree.len() > 1) {
            let found = tree.importances(sums.len());
            let total: f64 = found.iter().sum();
            if total > 0.0 {
                for (sum, value) in sums.iter_mut().zip(found) {
                    *sum += value / total;
                }
            }
        }
        let total: f64 = sums.iter().sum();
        if total > 0.0 {
            for sum in &mut sums {
                *sum /= total;
            }
        }
        sums
    }

    /// Tells trees that do not fit the features and the task.
    pub(crate) fn check(&self) -> Result<()> {
        let (features, width) = (self.features.len(), self.task.width());
        if self.trees.is_empty() || features == 0 || width == 0 {
            return Err(ForestError::Data("there are no trees, features or outputs".into()));
        }
        if features >= usize::from(crate::LEAF) {
            return Err(ForestError::Data(format!("{features} features are more than a node can name")));
        }
        self.trees.iter().enumerate().try_for_each(|(index, tree)| tree.check(index, features, width))
    }
}

/// The sum of usable weights.
fn check_weights(weights: &[f64], rows: usize) -> Result<f64> {
    if weights.len() != rows {
        return Err(ForestError::length("weights", weights.len(), rows));
    }
    if let Some((row, weight)) = weights.iter().enumerate().find(|(_, weight)| !weight.is_finite() || **weight < 0.0) {
        return Err(ForestError::Data(format!("the weight of row {row} is {weight}: it must be finite, at least 0")));
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 { Ok(total) } else { Err(ForestError::Data("all weights are zero".into())) }
}
