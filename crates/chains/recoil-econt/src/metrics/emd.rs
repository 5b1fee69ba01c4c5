//! The earth mover's distance between wafers, in units of one small sensor cell.

use recoil_physics::transport::EarthMover;

use crate::error::Result;
use crate::wafer::{CELLS, distances};

/// The distance of two wafers, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EmdOutcome {
    /// Both have charge: the distance in small sensor cells.
    Distance(f64),
    /// The true wafer is empty.
    EmptyTruth,
    /// The true wafer has charge, but nothing of it was sent.
    EmptyPrediction,
}

impl EmdOutcome {
    /// The distance, if there is one.
    pub fn distance(self) -> Option<f64> {
        match self {
            Self::Distance(distance) => Some(distance),
            Self::EmptyTruth | Self::EmptyPrediction => None,
        }
    }

    /// The distance, -1 for an empty truth, -0.5 for an empty prediction: the numbers that the reference averages.
    pub fn with_sentinels(self) -> f64 {
        match self {
            Self::Distance(distance) => distance,
            Self::EmptyTruth => -1.0,
            Self::EmptyPrediction => -0.5,
        }
    }
}

/// Computes distances; one per thread.
///
/// ```
/// use recoil_econt::metrics::{EmdOutcome, WaferEmd};
/// let mut emd = WaferEmd::new()?;
/// let (mut here, mut next) = ([0.0; 48], [0.0; 48]);
/// (here[0], next[1]) = (7.0, 3.0);
/// assert_eq!(emd.outcome(&here, &next)?, EmdOutcome::Distance(2.0));
/// assert_eq!(emd.outcome(&here, &[0.0; 48])?, EmdOutcome::EmptyPrediction);
/// # Ok::<(), recoil_econt::EcontError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WaferEmd(EarthMover);

impl WaferEmd {
    /// A solver for the 48 trigger cells of a wafer.
    ///
    /// # Errors
    /// Never: the built-in distances are a metric.
    pub fn new() -> Result<Self> {
        Ok(Self(EarthMover::new(CELLS, distances().as_flattened())?))
    }

    /// The distance of `predicted` from `truth`, each normalised to its sum.
    ///
    /// # Errors
    /// Charges that are negative or not finite.
    pub fn outcome(&mut self, truth: &[f64; CELLS], predicted: &[f64; CELLS]) -> Result<EmdOutcome> {
        let empty = |values: &[f64; CELLS]| values.iter().all(|&value| value == 0.0);
        if empty(truth) {
            return Ok(EmdOutcome::EmptyTruth);
        }
        if empty(predicted) {
            return Ok(EmdOutcome::EmptyPrediction);
        }
        Ok(EmdOutcome::Distance(self.0.distance(truth, predicted)?))
    }

    /// The same with only the charges that are above a share of their wafer's sum.
    ///
    /// # Errors
    /// As [`WaferEmd::outcome`].
    pub fn outcome_above(&mut self, share: f64, truth: &[f64; CELLS], predicted: &[f64; CELLS]) -> Result<EmdOutcome> {
        let above = |values: &[f64; CELLS]| {
            let least = share * values.iter().sum::<f64>();
            values.map(|value| if value > least { value } else { 0.0 })
        };
        self.outcome(&above(truth), &above(predicted))
    }

    /// Dual potentials of the 48 cells from the last distance: it is the sum of potential times (normalised truth minus
    /// normalised prediction), so that minus the potentials, less their mean over the prediction, divided by its sum, is the
    /// gradient with respect to the predicted charges.
    pub fn potentials(&mut self) -> [f64; CELLS] {
        let mut all = [0.0; CELLS];
        all.iter_mut().zip(self.0.potentials()).for_each(|(place, potential)| *place = *potential);
        all
    }

    /// The distance and its gradient with respect to the predicted charges; `None` if either wafer is empty. Where the best
    /// transport is not unique this is a sub-gradient.
    ///
    /// # Errors
    /// As [`WaferEmd::outcome`].
    pub fn gradient(&mut self, truth: &[f64; CELLS], predicted: &[f64; CELLS]) -> Result<Option<(f64, [f64; CELLS])>> {
        let Some(distance) = self.outcome(truth, predicted)?.distance() else { return Ok(None) };
        let potentials = self.potentials();
        let sum: f64 = predicted.iter().sum();
        let mean = potentials.iter().zip(predicted).map(|(f, q)| f * q).sum::<f64>() / sum;
        Ok(Some((distance, potentials.map(|potential| (mean - potential) / sum))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let truth: [f64; CELLS] = std::array::from_fn(|i| ((i * 37 + 11) % 101) as f64);
        let predicted: [f64; CELLS] = std::array::from_fn(|i| ((i * 53 + 29) % 97) as f64 + 0.1);
        let mut emd = WaferEmd::new().unwrap();
        let (_, gradient) = emd.gradient(&truth, &predicted).unwrap().unwrap();
        for cell in 0..CELLS {
            let mut at = |step: f64| {
                let mut moved = predicted;
                moved[cell] += step;
                emd.outcome(&truth, &moved).unwrap().distance().unwrap()
            };
            let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!((slope - gradient[cell]).abs() < 1e-6, "{cell}: {slope} {}", gradient[cell]);
        }
    }
}
