//! Reconstructed events, as responses and sensitivities need them.

use crate::coordinates::Direction;

/// Directions of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Directions {
    /// true direction
    pub source: Direction,
    /// reconstructed direction
    pub reconstructed: Direction,
    /// direction of the telescope
    pub pointing: Direction,
}

/// Columns of events, all of the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// True energy \[TeV\].
    pub true_energy: Vec<f64>,
    /// Reconstructed energy \[TeV\].
    pub reco_energy: Vec<f64>,
    /// Angle between true and reconstructed direction \[deg\]; for analyses with a known source position its `alpha`.
    pub theta: Vec<f64>,
    /// Angle between true direction and pointing \[deg\].
    pub true_offset: Vec<f64>,
    /// Angle between reconstructed direction and pointing \[deg\].
    pub reco_offset: Vec<f64>,
    /// Gammaness.
    pub gammaness: Vec<f64>,
    /// Events of the target flux that the event stands for.
    pub weight: Vec<f64>,
    /// Whether the source was found on the right side of the image.
    pub right_side: Vec<bool>,
}

impl Events {
    /// Appends an event of weight one.
    pub fn push(
        &mut self,
        true_energy: f64,
        reco_energy: f64,
        directions: &Directions,
        gammaness: f64,
        right_side: bool,
    ) {
        let Directions { source, reconstructed, pointing } = *directions;
        let degrees = |a: Direction, b: Direction| a.separation(b).to_degrees();
        self.true_energy.push(true_energy);
        self.reco_energy.push(reco_energy);
        self.theta.push(degrees(source, reconstructed));
        self.true_offset.push(degrees(pointing, source));
        self.reco_offset.push(degrees(pointing, reconstructed));
        self.gammaness.push(gammaness);
        self.weight.push(1.0);
        self.right_side.push(right_side);
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.true_energy.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.true_energy.is_empty()
    }

    /// The events that `keep` says yes to.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..self.len()).filter(|row| keep(*row)).collect();
        let pick = |column: &[f64]| rows.iter().map(|row| column[*row]).collect();
        Self {
            true_energy: pick(&self.true_energy),
            reco_energy: pick(&self.reco_energy),
            theta: pick(&self.theta),
            true_offset: pick(&self.true_offset),
            reco_offset: pick(&self.reco_offset),
            gammaness: pick(&self.gammaness),
            weight: pick(&self.weight),
            right_side: rows.iter().map(|row| self.right_side[*row]).collect(),
        }
    }

    /// Appends other events.
    pub fn append(&mut self, other: &Self) {
        self.true_energy.extend(&other.true_energy);
        self.reco_energy.extend(&other.reco_energy);
        self.theta.extend(&other.theta);
        self.true_offset.extend(&other.true_offset);
        self.reco_offset.extend(&other.reco_offset);
        self.gammaness.extend(&other.gammaness);
        self.weight.extend(&other.weight);
        self.right_side.extend(&other.right_side);
    }
}
