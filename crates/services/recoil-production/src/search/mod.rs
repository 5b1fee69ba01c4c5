//! Search for the parameters of a stage: trials are drawn from a space, trained, ranked, and the best go on.
//!
//! A search becomes ordinary steps of a production, so that it runs on any executor, survives the death of its manager and
//! repeats nothing that is up to date. In *rung* 0 every trial has a task. A task behind the rung ranks the trials by their
//! objective; in the next rung, *place* `k` is the trial of rank `k`, with a larger budget and from its own checkpoint. How
//! many places a rung has is known before anything runs; which trial takes which is decided by the ranking. A last task
//! puts the result of the best trial where later steps look for it, and writes a table and figures of all trials.
//!
//! Nothing here knows what is trained: a trial is a command of a stage with further words.

mod draw;
mod figures;
mod objective;
mod outcome;
mod ranking;
mod result;
mod space;
mod trial;

pub use draw::{Drawn, draw};
pub use objective::{Goal, Objective, Source};
pub use outcome::{Ending, Outcome};
pub use ranking::{Ranking, collect, rank};
pub use result::{Files, conclude};
pub use space::{Dimension, word};
pub use trial::{Trial, run};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Values by the keys of the stage's configuration.
pub type Parameters = BTreeMap<String, Json>;

/// What a task of a trial leaves in its directory.
pub const OUTCOME_FILE: &str = "trial.json";

/// Beginning of the names of the files with which a training goes on.
pub const CHECKPOINT: &str = "checkpoint";

/// How trials are given more and more to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Halving {
    /// Number of rungs.
    pub rungs: u32,
    /// Factor between the budgets of two rungs.
    pub factor: f64,
    /// Share of the trials that goes on.
    pub keep: f64,
    /// Key of the configuration that holds the budget.
    pub budget: String,
    /// Budget of the first rung.
    pub first: f64,
    /// Key of the configuration that names the checkpoint; without it, every rung trains anew.
    pub checkpoint: Option<String>,
}

/// A part of a search in which all trials have the same budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Number of trials.
    pub places: usize,
    /// The budget of each.
    pub budget: f64,
}

impl Halving {
    /// The rungs of a search with so many trials: each keeps its share, rounded down, and at least one.
    pub fn rungs(&self, samples: usize) -> Vec<Rung> {
        let mut rung = Rung { places: samples, budget: self.first };
        let mut rungs = Vec::new();
        for _ in 0..self.rungs {
            rungs.push(rung);
            let kept = (rung.places as f64 * self.keep + 1e-9).floor() as usize;
            rung = Rung { places: kept.max(1), budget: rung.budget * self.factor };
        }
        rungs
    }
}

/// A budget as a value of the configuration: whole numbers without a fraction.
pub fn budget_value(budget: f64) -> Json {
    match budget.fract() == 0.0 && budget.abs() < 9e15 {
        true => Json::from(budget as i64),
        false => Json::from(budget),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_keep_their_share_and_at_least_one() {
        let halving = |keep: f64, rungs: u32| Halving {
            rungs,
            factor: 3.0,
            keep,
            budget: "training.pause".into(),
            first: 300.0,
            checkpoint: None,
        };
        let found = |halving: Halving, samples: usize| -> Vec<(usize, f64)> {
            halving.rungs(samples).iter().map(|rung| (rung.places, rung.budget)).collect()
        };
        assert_eq!(found(halving(1.0 / 3.0, 3), 12), [(12, 300.0), (4, 900.0), (1, 2700.0)]);
        assert_eq!(found(halving(1.0 / 3.0, 3), 27), [(27, 300.0), (9, 900.0), (3, 2700.0)]);
        assert_eq!(found(halving(0.5, 4), 5), [(5, 300.0), (2, 900.0), (1, 2700.0), (1, 8100.0)]);
        assert_eq!(budget_value(2700.0).to_string(), "2700");
        assert_eq!(budget_value(0.5).to_string(), "0.5");
    }
}
