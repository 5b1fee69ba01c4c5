//! Learning rates over the epochs, and when to stop. Both are functions of the history, so that a resumed training
//! decides as one that was never stopped.

use super::EpochRecord;
use crate::error::{NnError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    #[default]
    Constant,
    /// Times `factor` every so many epochs.
    Step {
        /// Epochs between changes.
        every: usize,
        /// Factor of each change.
        factor: f32,
    },
    /// Times `factor` every epoch.
    Exponential {
        /// Factor per epoch.
        factor: f32,
    },
    /// Up in a straight line, then down along half a cosine to `last` at the end of the training.
    Cosine {
        /// Epochs of the rise.
        #[serde(default)]
        warm_up: usize,
        /// Fraction of the rate at the end.
        #[serde(default)]
        last: f32,
    },
    /// Times `factor` whenever the validation loss has not improved for so many epochs.
    Plateau {
        /// Epochs without improvement.
        patience: usize,
        /// Factor of each change.
        factor: f32,
        /// Smallest fraction of the rate.
        #[serde(default)]
        lowest: f32,
    },
}

impl Schedule {
    /// Factor on the learning rate at `progress` epochs (with a fraction) of `epochs`.
    pub(crate) fn factor(&self, progress: f64, epochs: usize, history: &[EpochRecord]) -> f32 {
        let whole = progress.floor();
        match *self {
            Self::Constant => 1.0,
            Self::Step { every, factor } => factor.powi((whole / every.max(1) as f64) as i32),
            Self::Exponential { factor } => factor.powi(whole as i32),
            Self::Cosine { warm_up, last } => {
                let rise = warm_up as f64;
                if progress < rise {
                    return (progress / rise).max(1e-3) as f32;
                }
                let part = (progress - rise) / (epochs as f64 - rise).max(1e-9);
                last + (1.0 - last) * (0.5 * (1.0 + (std::f64::consts::PI * part.min(1.0)).cos())) as f32
            }
            Self::Plateau { patience, factor, lowest } => {
                let (mut best, mut waited, mut total) = (f64::INFINITY, 0, 1.0_f32);
                for record in history {
                    if record.judged() < best {
                        (best, waited) = (record.judged(), 0);
                    } else {
                        waited += 1;
                    }
                    if waited >= patience.max(1) {
                        (total, waited) = ((total * factor).max(lowest), 0);
                    }
                }
                total
            }
        }
    }

    /// Refuses settings outside of their domains.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<()> {
        let factor = match *self {
            Self::Constant | Self::Cosine { .. } => return Ok(()),
            Self::Step { factor, .. } | Self::Exponential { factor } | Self::Plateau { factor, .. } => factor,
        };
        if factor > 0.0 && factor <= 1.0 {
            return Ok(());
        }
        Err(NnError::Setting { key: "factor", value: factor.to_string(), message: "it must be above 0 and at most 1" })
    }
}

/// When to stop before the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without improvement after which training stops; 0, never.
    pub patience: usize,
    /// Smallest decrease of the loss that counts as an improvement.
    pub min_delta: f64,
    /// Whether the parameters of the best epoch are kept instead of the last ones.
    pub restore_best: bool,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 0, min_delta: 0.0, restore_best: true }
    }
}

impl EarlyStopping {
    /// Index of the best epoch so far.
    pub(crate) fn best(&self, history: &[EpochRecord]) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (index, record) in history.iter().enumerate() {
            if best.is_none_or(|(_, loss)| record.judged() < loss - self.min_delta) {
                best = Some((index, record.judged()));
            }
        }
        best.map(|(index, _)| index)
    }

    /// Whether it is time to stop.
    pub(crate) fn stops(&self, history: &[EpochRecord]) -> bool {
        self.patience > 0 && self.best(history).is_some_and(|best| history.len() > best + self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[f64]) -> Vec<EpochRecord> {
        let record = |(index, &loss): (usize, &f64)| EpochRecord {
            epoch: index + 1,
            loss,
            validation: Some(loss),
            rate: 1.0,
            seconds: 0.0,
        };
        losses.iter().enumerate().map(record).collect()
    }

    #[test]
    fn rates_worked_by_hand() {
        let step = Schedule::Step { every: 2, factor: 0.5 };
        assert_eq!([0.0, 1.9, 2.0, 4.5].map(|at| step.factor(at, 9, &[])), [1.0, 1.0, 0.5, 0.25]);
        let cosine = Schedule::Cosine { warm_up: 2, last: 0.0 };
        assert_eq!(cosine.factor(1.0, 10, &[]), 0.5);
        assert!((cosine.factor(6.0, 10, &[]) - 0.5).abs() < 1e-6);
        let plateau = Schedule::Plateau { patience: 2, factor: 0.1, lowest: 0.0 };
        assert_eq!(plateau.factor(3.0, 9, &history(&[3.0, 2.0, 2.0])), 1.0);
        assert_eq!(plateau.factor(4.0, 9, &history(&[3.0, 2.0, 2.0, 2.5])), 0.1);
    }

    #[test]
    fn stopping_counts_from_the_best_epoch() {
        let stop = EarlyStopping { patience: 2, ..EarlyStopping::default() };
        assert!(!stop.stops(&history(&[3.0, 2.0, 2.5])));
        assert!(stop.stops(&history(&[3.0, 2.0, 2.5, 2.1])));
        assert_eq!(stop.best(&history(&[3.0, 2.0, 2.5, 2.1])), Some(1));
    }
}
