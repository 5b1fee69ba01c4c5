//! Efficiencies of working points in bins of a variable.

use recoil_stats::interval::{self, Interval};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fake;
use super::candidates::{Candidates, Truth};
use crate::error::{Result, TauError};

/// What efficiencies are shown against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// Transverse momentum.
    Pt,
    /// Pseudorapidity.
    Eta,
    /// Azimuth.
    Phi,
    /// Decay mode.
    DecayMode,
}

impl Variable {
    /// Title of the axis.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pt => r"\tau_{h} p_{T} [GeV]",
            Self::Eta => r"\tau_{h} \eta",
            Self::Phi => r"\tau_{h} \phi",
            Self::DecayMode => r"\tau_{h} decay mode",
        }
    }

    /// Name in tables and of figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pt => "tau_pt",
            Self::Eta => "tau_eta",
            Self::Phi => "tau_phi",
            Self::DecayMode => "tau_decayMode",
        }
    }

    /// The variable of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Pt, Self::Eta, Self::Phi, Self::DecayMode].into_iter().find(|variable| variable.name() == name)
    }

    /// The usual bins, each open below and closed above.
    pub fn edges(self) -> Vec<f64> {
        let even = |bins: u32, low: f64, high: f64| -> Vec<f64> {
            (0..=bins).map(|i| low + (high - low) * f64::from(i) / f64::from(bins)).collect()
        };
        match self {
            Self::Pt => {
                let fine = (4..=12).map(|i| f64::from(i) * 5.0);
                let coarse = [70.0, 80.0, 90.0, 100.0, 120.0, 140.0, 160.0, 180.0, 200.0, 300.0, 1000.0];
                fine.chain(coarse).collect()
            }
            Self::Eta => even(9, -2.3, 2.3),
            Self::Phi => even(12, -std::f64::consts::PI, std::f64::consts::PI),
            Self::DecayMode => vec![-0.5, 0.5, 1.5, 5.5, 6.5, 10.5, 11.5],
        }
    }

    fn of(self, candidates: &Candidates) -> &[f64] {
        match self {
            Self::Pt => &candidates.pt,
            Self::Eta => &candidates.eta,
            Self::Phi => &candidates.phi,
            Self::DecayMode => &candidates.decay_mode,
        }
    }
}

/// A cut on the scores against a kind of fake.
#[derive(Clone, Debug, PartialEq)]
pub enum Pass {
    /// The score is larger.
    Above(f64),
    /// A bit of the stored mask is set.
    Bit(u32),
}

impl Pass {
    /// Whether candidate `i` passes.
    pub fn holds(&self, candidates: &Candidates, kind: Fake, i: usize) -> bool {
        match self {
            Self::Above(threshold) => candidates.score(kind).get(i).is_some_and(|score| score > threshold),
            Self::Bit(bit) => candidates.bit(kind).get(i).is_some_and(|mask| mask >> bit & 1 == 1),
        }
    }
}

/// Sums of weights of candidates and of those that pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Sum of weights that pass.
    pub pass: f64,
    /// Sum of weights.
    pub total: f64,
    /// Sum of squared weights.
    pub squares: f64,
}

impl Counts {
    /// Adds a candidate.
    pub fn add(&mut self, weight: f64, passes: bool) {
        self.total += weight;
        self.squares += weight * weight;
        if passes {
            self.pass += weight;
        }
    }

    /// Clopper-Pearson interval, on effective counts `(sum w)^2 / sum w^2` when weighted. Without entries the value is NaN.
    ///
    /// # Errors
    /// A level outside of 0 to 1.
    pub fn interval(&self, level: f64) -> Result<Interval> {
        Ok(interval::weighted_efficiency(self.pass.min(self.total), self.total, self.squares, level)?)
    }

    /// The number of equally weighted candidates that would fluctuate as much.
    pub fn effective(&self) -> f64 {
        if self.squares > 0.0 { self.total * self.total / self.squares } else { 0.0 }
    }
}

/// Which working points against the other kinds of fakes a candidate must pass, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Required {
    /// Cuts by kind.
    pub cuts: Vec<(Fake, Pass)>,
    /// Whether those that fail count as failing.
    pub in_numerator: bool,
    /// Whether those that fail do not count at all.
    pub in_denominator: bool,
}

impl Required {
    fn holds(&self, candidates: &Candidates, against: Fake, i: usize) -> bool {
        let others = self.cuts.iter().filter(|(kind, _)| *kind != against);
        others.into_iter().all(|(kind, cut)| cut.holds(candidates, *kind, i))
    }
}

/// Counts in bins `(low, high]` of one kind of candidate.
///
/// # Errors
/// A variable that was not read, or edges that do not increase.
pub fn binned(
    candidates: &Candidates,
    truth: Truth,
    (variable, edges): (Variable, &[f64]),
    (against, pass): (Fake, &Pass),
    required: &Required,
) -> Result<Vec<Counts>> {
    let values = variable.of(candidates);
    if values.len() != candidates.len() {
        return Err(TauError::config("variables", format!("no column is named for {}", variable.name())));
    }
    if edges.len() < 2 || !edges.is_sorted_by(|a, b| a < b) {
        return Err(TauError::config("edges", format!("edges of {} do not increase", variable.name())));
    }
    let mut counts = vec![Counts::default(); edges.len() - 1];
    for (i, (&value, &weight)) in values.iter().zip(&candidates.weight).enumerate() {
        let above = edges.partition_point(|&edge| edge < value);
        let Some(own) = above.checked_sub(1).and_then(|bin| counts.get_mut(bin)) else { continue };
        if candidates.truth.get(i) != Some(&truth) {
            continue;
        }
        let others = required.holds(candidates, against, i);
        if required.in_denominator && !others {
            continue;
        }
        own.add(weight, pass.holds(candidates, against, i) && (others || !required.in_numerator));
    }
    Ok(counts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn sample() -> Candidates {
        Candidates {
            truth: vec![Truth::Tau, Truth::Tau, Truth::Tau, Truth::Fake(Fake::Jet)],
            scores: [vec![0.9, 0.1, 0.9, 0.9], vec![0.9; 4], vec![0.9, 0.9, 0.5, 0.9]],
            bits: [Vec::new(), Vec::new(), vec![0b11, 0b01, 0b11, 0]],
            weight: vec![1.0, 2.0, 1.0, 1.0],
            pt: vec![20.0, 25.0, 30.0, 25.0],
            eta: vec![0.0; 4],
            phi: Vec::new(),
            decay_mode: vec![0.0, 1.0, 10.0, 0.0],
            other: 0,
        }
    }

    #[test]
    fn bins_are_open_below() {
        let counts = |required: &Required| {
            binned(&sample(), Truth::Tau, (Variable::Pt, &[20.0, 25.0, 30.0]), (Fake::Jet, &Pass::Above(0.5)), required)
                .unwrap()
        };
        let free = counts(&Required::default());
        assert_eq!(free[0], Counts { pass: 2.0, total: 2.0, squares: 4.0 }, "20 is outside, 25 in the first bin");
        assert_eq!(free[1], Counts { pass: 0.0, total: 1.0, squares: 1.0 }, "0.5 is not above 0.5");
        let cuts = vec![(Fake::E, Pass::Above(0.5)), (Fake::Jet, Pass::Above(2.0))];
        let numerator = counts(&Required { cuts: cuts.clone(), in_numerator: true, in_denominator: false });
        assert_eq!(numerator[0], Counts { pass: 0.0, total: 2.0, squares: 4.0 });
        let denominator = counts(&Required { cuts, in_numerator: true, in_denominator: true });
        assert_eq!(denominator[0], Counts::default());
        assert!(denominator[0].interval(0.68).unwrap().value.is_nan());
    }

    #[test]
    fn bits_and_mistakes() {
        let all = sample();
        let bits: Vec<bool> = (0..4).map(|i| Pass::Bit(1).holds(&all, Fake::Jet, i)).collect();
        assert_eq!(bits, [true, false, true, false]);
        assert!(!Pass::Bit(0).holds(&all, Fake::E, 0), "no mask, no pass");
        let ask = |variable, edges: &[f64]| {
            binned(&all, Truth::Tau, (variable, edges), (Fake::Jet, &Pass::Bit(0)), &Required::default())
        };
        assert!(ask(Variable::Phi, &[0.0, 1.0]).is_err() && ask(Variable::Pt, &[1.0, 1.0]).is_err());
    }

    #[test]
    fn weighted_intervals_use_effective_counts() {
        let mut weighted = Counts::default();
        let mut plain = Counts::default();
        for i in 0..10 {
            weighted.add(3.0, i < 3);
            plain.add(1.0, i < 3);
        }
        assert!((weighted.effective() - 10.0).abs() < 1e-12);
        let (a, b) = (weighted.interval(0.68).unwrap(), plain.interval(0.68).unwrap());
        assert!((a.low - b.low).abs() < 1e-12 && (a.high - b.high).abs() < 1e-12);
    }
}
