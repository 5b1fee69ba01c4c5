//! What a forest shall learn.

use crate::error::{ForestError, Result};
use crate::forest::Task;

/// The truth for every row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub(crate) task: Task,
    /// row-major: the outputs, or the place of the row's class among the classes
    pub(crate) values: Vec<f64>,
}

impl Target {
    /// Numbers, `outputs` of them for every row, row after row.
    ///
    /// # Errors
    /// No output, a number of values that is no multiple of it, and values that are not finite.
    pub fn values(outputs: usize, values: Vec<f64>) -> Result<Self> {
        if outputs == 0 || !values.len().is_multiple_of(outputs) {
            return Err(ForestError::length("values of the target", values.len(), outputs));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let value = values.get(place).copied().unwrap_or(f64::NAN);
            return Err(ForestError::NotFinite { feature: "the target".into(), row: place / outputs, value });
        }
        Ok(Self { task: Task::Regression { outputs }, values })
    }

    /// Classes by their labels; the classes of the forest are the labels that occur, in ascending order.
    ///
    /// # Errors
    /// No rows.
    pub fn classes(labels: &[i64]) -> Result<Self> {
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        if classes.is_empty() {
            return Err(ForestError::Data("there are no rows to learn from".into()));
        }
        let place = |label: &i64| classes.partition_point(|class| class < label) as f64;
        let values = labels.iter().map(place).collect();
        Ok(Self { task: Task::Classification { classes }, values })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.numbers()
    }

    /// Numbers that are kept for a row.
    pub(crate) fn numbers(&self) -> usize {
        match self.task {
            Task::Regression { outputs } => outputs,
            Task::Classification { .. } => 1,
        }
    }
}
