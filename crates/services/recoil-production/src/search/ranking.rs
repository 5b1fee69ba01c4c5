//! Ranking the trials of a rung.

use super::outcome::{Ending, Outcome};
use super::{Goal, Objective};
use crate::error::{ProductionError, Result};
use crate::state::write_atomic;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The trials of a rung, the best first; those without a value of the objective come last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Number of the rung.
    pub rung: usize,
    /// Name of the objective.
    pub objective: String,
    /// Which values are good.
    pub goal: Goal,
    /// The trials.
    pub trials: Vec<Outcome>,
}

impl Ranking {
    /// The trial of a rank, if it ended well.
    pub fn at(&self, rank: usize) -> Option<&Outcome> {
        self.trials.get(rank).filter(|outcome| outcome.value().is_some())
    }

    /// Reads a ranking.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(ProductionError::file("read", path))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ProductionError::State { path: path.into(), message: error.to_string() })
    }

    /// Writes a ranking.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| ProductionError::State { path: path.into(), message: error.to_string() })?;
        write_atomic(path, &text, true)
    }
}

/// The trials of a rung, one in each directory of `rung`; what stands in those that are not among `ended` does not count.
///
/// # Errors
/// Outcomes that cannot be read; no trial that ended well in the first rung.
pub fn collect(number: usize, rung: &Path, places: usize, ended: &[PathBuf], objective: &Objective) -> Result<Ranking> {
    let mut trials = Vec::with_capacity(places);
    for place in 0..places {
        let directory = rung.join(place.to_string());
        let known = Outcome::read(&directory)?;
        if ended.contains(&directory) {
            trials.extend(known);
        } else {
            // its task was stopped, for lack of memory or time
            let unknown = Outcome {
                trial: place,
                place,
                parameters: Default::default(),
                budget: None,
                course: String::new(),
                ending: Ending::Begun,
                curve: None,
            };
            trials.push(Outcome { ending: Ending::Begun, curve: None, ..known.unwrap_or(unknown) });
        }
    }
    rank(&mut trials, objective.goal);
    if number == 0 && trials.iter().all(|outcome| outcome.value().is_none()) {
        let first = trials.first().map_or("", Outcome::failure);
        return Err(ProductionError::Usage(format!("no trial of {} ended well: {first}", rung.display())));
    }
    Ok(Ranking { rung: number, objective: objective.name().into(), goal: objective.goal, trials })
}

/// Orders outcomes: good values first, equal ones by the number of the trial, then those without.
pub fn rank(trials: &mut [Outcome], goal: Goal) {
    trials.sort_by(|a, b| {
        let by_value = match (a.value(), b.value()) {
            (Some(a), Some(b)) => goal.order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_value.then(a.trial.cmp(&b.trial)).then(a.place.cmp(&b.place))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(values: &[Option<f64>], goal: Goal) -> Vec<usize> {
        let outcome = |(trial, value): (usize, &Option<f64>)| Outcome {
            trial,
            place: trial,
            parameters: Default::default(),
            budget: None,
            course: String::new(),
            ending: value.map_or(Ending::Failed("diverged".into()), Ending::Objective),
            curve: None,
        };
        let mut outcomes: Vec<Outcome> = values.iter().enumerate().map(outcome).collect();
        rank(&mut outcomes, goal);
        outcomes.iter().map(|outcome| outcome.trial).collect()
    }

    #[test]
    fn good_values_come_first_and_failures_last() {
        let values = [Some(2.0), None, Some(1.0), Some(2.0), None, Some(3.0)];
        assert_eq!(ranked(&values, Goal::Min), [2, 0, 3, 5, 1, 4]);
        assert_eq!(ranked(&values, Goal::Max), [5, 0, 3, 2, 1, 4]);
        assert_eq!(ranked(&[Some(-0.0), Some(0.0), None], Goal::Min), [0, 1, 2]);
    }
}
