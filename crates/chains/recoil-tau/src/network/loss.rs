//! The losses of DeepTau: functions of the true class and of the four outputs.
//!
//! Classes are numbered electron 0, muon 1, tau 2, jet 3. Outputs are cut to 1e-7 from 0 and 1 before a logarithm.

use recoil_nn::lane::Lane;
use recoil_nn::loss::{Loss, LossBlock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dual::Dual;

/// Electron.
pub const E: usize = 0;
/// Muon.
pub const MU: usize = 1;
/// Tau.
pub const TAU: usize = 2;
/// Jet.
pub const JET: usize = 3;

/// The classes against which a tau is told.
const OTHERS: [usize; 3] = [E, MU, JET];

const EPSILON: f64 = 1e-7;

/// What a training minimises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossName {
    /// Cross-entropy for taus, focal terms for the rest, weighted by the class factors.
    #[default]
    TauCrossentropyV2,
    /// Cross-entropies of tau against each other class.
    TauCrossentropy,
    /// The usual cross-entropy over the four classes.
    CategoricalCrossentropy,
    /// Efficiencies and fake rates near the working points.
    WpLoss,
    /// `wp_loss` plus a ninth of `tau_crossentropy_v2`.
    WpLoss2,
}

/// Scores at which `wp_loss` looks, loosest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossWorkingPoints {
    /// Of tau against electron.
    pub e: Vec<f64>,
    /// Of tau against muon.
    pub mu: Vec<f64>,
    /// Of tau against jet.
    pub jet: Vec<f64>,
}

impl Default for LossWorkingPoints {
    /// The thresholds of DeepTau version 2.1 (JINST 17 P07023).
    fn default() -> Self {
        Self {
            e: vec![0.063_038_6, 0.168_694_2, 0.362_813, 0.681_543, 0.884_754_4, 0.967_554_1, 0.985_925_1, 0.992_844_9],
            mu: vec![0.105_835_4, 0.215_863_3, 0.555_189_4, 0.875_483_5],
            jet: vec![
                0.259_960_5,
                0.424_970_5,
                0.598_368_2,
                0.784_867_5,
                0.883_476_8,
                0.930_868,
                0.957_313_7,
                0.973_392_7,
            ],
        }
    }
}

impl LossWorkingPoints {
    fn of(&self, class: usize) -> &[f64] {
        match class {
            E => &self.e,
            MU => &self.mu,
            _ => &self.jet,
        }
    }

    /// Scores at which these fractions of the fakes pass, from pairs of score and weight of each class.
    pub fn from_fakes(mut fakes: [Vec<(f64, f64)>; 3], rates: &FakeRates) -> Self {
        let mut found = Self { e: Vec::new(), mu: Vec::new(), jet: Vec::new() };
        for ((fakes, rates), out) in
            fakes.iter_mut().zip([&rates.e, &rates.mu, &rates.jet]).zip([&mut found.e, &mut found.mu, &mut found.jet])
        {
            fakes.sort_by(|a, b| b.0.total_cmp(&a.0));
            let total: f64 = fakes.iter().map(|(_, weight)| weight).sum();
            for rate in rates {
                let mut passed = 0.0;
                let last = fakes.iter().find(|(_, weight)| {
                    passed += weight;
                    passed > rate * total
                });
                out.push(last.map_or(1.0, |(score, _)| *score));
            }
        }
        found
    }
}

/// Fractions of fakes that pass the working points of `wp_loss`, loosest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FakeRates {
    /// Of electrons.
    pub e: Vec<f64>,
    /// Of muons.
    pub mu: Vec<f64>,
    /// Of jets.
    pub jet: Vec<f64>,
}

impl Default for FakeRates {
    fn default() -> Self {
        Self {
            e: vec![0.065, 0.03, 0.015, 0.005, 0.002, 0.000_7, 0.000_3, 0.000_1],
            mu: vec![0.002, 0.000_6, 0.000_4, 0.000_2],
            jet: vec![0.1, 0.08, 0.04, 0.02, 0.01, 0.006, 0.004, 0.002],
        }
    }
}

/// A loss with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct TauLoss {
    /// Which.
    pub name: LossName,
    /// Factor of each class; they add up to 4.
    pub factors: [f64; 4],
    /// Where `wp_loss` looks.
    pub working_points: LossWorkingPoints,
}

impl TauLoss {
    /// A loss with these relative weights of the classes.
    pub fn new(name: LossName, factors: [f64; 4]) -> Self {
        let sum: f64 = factors.iter().sum();
        let factors = factors.map(|factor| factor * 4.0 / sum);
        Self { name, factors, working_points: LossWorkingPoints::default() }
    }

    /// The terms for a candidate of true class `target` (one-hot, or zero) with these outputs.
    pub fn terms(&self, target: [f64; 4], output: [f64; 4]) -> Terms<'_> {
        let output = std::array::from_fn(|i| Dual::output(output[i], i));
        Terms { loss: self, target, output }
    }

    /// The loss of a candidate with its derivatives.
    pub fn of(&self, target: [f64; 4], output: [f64; 4]) -> Dual {
        let terms = self.terms(target, output);
        match self.name {
            LossName::TauCrossentropyV2 => terms.tau_crossentropy_v2(),
            LossName::TauCrossentropy => terms.tau_crossentropy(),
            LossName::CategoricalCrossentropy => terms.crossentropy(),
            LossName::WpLoss => terms.wp_loss(),
            LossName::WpLoss2 => terms.wp_loss() + (1.0 / 9.0) * terms.tau_crossentropy_v2(),
        }
    }
}

/// The terms of the losses for one candidate.
pub struct Terms<'a> {
    loss: &'a TauLoss,
    target: [f64; 4],
    output: [Dual; 4],
}

fn zero() -> Dual {
    Dual::constant(0.0)
}

/// Cut to where logarithms are finite; the upper limit is that of single precision.
fn cut(value: Dual) -> Dual {
    value.clamp(EPSILON, f64::from(1.0 - EPSILON as f32))
}

impl Terms<'_> {
    /// H: cross-entropy of one class.
    pub fn entropy(&self, class: usize) -> Dual {
        -self.target[class] * cut(self.output[class]).ln()
    }

    /// Tau over tau plus this class.
    fn ratio(&self, class: usize) -> Dual {
        let (tau, other) = (self.output[TAU], self.output[class]);
        cut((tau / (tau + other + Dual::constant(EPSILON))).single())
    }

    /// L: cross-entropy of tau against this class.
    pub fn against(&self, class: usize) -> Dual {
        let ratio = self.ratio(class);
        -self.target[TAU] * ratio.ln() - self.target[class] * (1.0 - ratio).ln()
    }

    /// About 1 where the output for tau is above 0.1, about 0 below.
    fn taulike(&self) -> Dual {
        let shifted = 70.0 * (self.output[TAU] - Dual::constant(0.1));
        0.5 * (shifted.tanh() + Dual::constant(1.0))
    }

    /// Hcat: the cross-entropy of a class where candidates look like taus.
    pub fn entropy_of_taulike(&self, class: usize) -> Dual {
        self.taulike() * self.entropy(class)
    }

    /// Hcat inverted: the same where they do not.
    pub fn entropy_of_others(&self, class: usize) -> Dual {
        (1.0 - self.taulike()) * self.entropy(class)
    }

    /// Hbin: cross-entropy of everything that is no tau.
    pub fn entropy_of_no_tau(&self) -> Dual {
        -(1.0 - self.target[TAU]) * (1.0 - cut(self.output[TAU])).ln()
    }

    /// F combined: focal term of everything that is no tau.
    pub fn focal_of_no_tau(&self) -> Dual {
        let tau = cut(self.output[TAU]);
        (-1.17153 * (1.0 - self.target[TAU])) * (tau.sqrt() * (1.0 - tau).ln())
    }

    /// F: focal term of a class where candidates look like taus.
    pub fn focal(&self, class: usize) -> Dual {
        if self.target[class] == 0.0 {
            return zero();
        }
        let own = cut(self.output[class]);
        (-1.63636 * self.target[class]) * (self.taulike() * (1.0 - own).square() * own.ln())
    }

    /// W: loss of taus and fakes around the working points against a class.
    pub fn around_working_points(&self, class: usize) -> Dual {
        let points = self.loss.working_points.of(class);
        let ratio = self.ratio(class);
        let (mut below, mut above) = (Dual::constant(1.0), Dual::constant(1.0));
        let share = 0.5 / points.len().max(1) as f64;
        for &point in points {
            let side = (40.0 * (ratio - Dual::constant(point))).tanh();
            below = below + share * (1.0 - side);
            above = above + share * (side + Dual::constant(1.0));
        }
        let fake = -self.target[class] * (above * ratio.square() * (1.0 - ratio).ln());
        fake + -self.target[TAU] * (below * (1.0 - ratio).square() * ratio.ln())
    }

    fn sum(&self, term: impl Fn(usize) -> Dual) -> Dual {
        OTHERS.iter().fold(zero(), |sum, &class| sum + self.loss.factors[class] * term(class))
    }

    /// Weighted sum of [`against`](Self::against).
    pub fn tau_crossentropy(&self) -> Dual {
        self.sum(|class| self.against(class))
    }

    /// The loss of DeepTau since version 2.1.
    pub fn tau_crossentropy_v2(&self) -> Dual {
        let others: f64 = OTHERS.iter().map(|&class| self.loss.factors[class]).sum();
        self.loss.factors[TAU] * self.entropy(TAU)
            + others * self.focal_of_no_tau()
            + 5.0 * self.sum(|class| self.focal(class))
    }

    /// Weighted sum of [`around_working_points`](Self::around_working_points).
    pub fn wp_loss(&self) -> Dual {
        self.sum(|class| self.around_working_points(class))
    }

    /// Sum of [`entropy`](Self::entropy).
    pub fn crossentropy(&self) -> Dual {
        (0..4).fold(zero(), |sum, class| sum + self.entropy(class))
    }
}

impl Loss for TauLoss {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let mut losses = Lane::ZERO;
        let of = |lanes: &[Lane], sample: usize| -> [f64; 4] {
            std::array::from_fn(|class| lanes.get(class).map_or(0.0, |lane| f64::from(lane.0[sample])))
        };
        for sample in 0..block.samples {
            let found = self.of(of(block.target, sample), of(block.output, sample));
            losses.0[sample] = found.value as f32;
            for (lane, slope) in gradient.iter_mut().zip(found.slope) {
                lane.0[sample] = slope as f32;
            }
        }
        losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_differences() {
        let mut compared = 0;
        for name in [
            LossName::TauCrossentropyV2,
            LossName::TauCrossentropy,
            LossName::CategoricalCrossentropy,
            LossName::WpLoss,
            LossName::WpLoss2,
        ] {
            let loss = TauLoss::new(name, [1.0, 2.5, 5.0, 1.5]);
            for class in 0..4 {
                let target = std::array::from_fn(|i| if i == class { 1.0 } else { 0.0 });
                for output in [[0.1, 0.2, 0.3, 0.4], [0.05, 0.01, 0.9, 0.04], [0.5, 0.3, 0.11, 0.09]] {
                    let found = loss.of(target, output);
                    for by in 0..4 {
                        let step = 1e-3;
                        let at = |sign: f64| {
                            let mut moved = output;
                            moved[by] += sign * step;
                            loss.of(target, moved).value
                        };
                        // the ratio is rounded to single precision, so the step cannot be small, nor the tolerance
                        let expected = (8.0 * (at(0.5) - at(-0.5)) - (at(1.0) - at(-1.0))) / (6.0 * step);
                        compared += 1;
                        assert!(
                            (found.slope[by] - expected).abs() < 5e-3 * (1.0 + expected.abs()),
                            "{name:?} {class} {output:?} {by}: {} {expected}",
                            found.slope[by]
                        );
                    }
                }
            }
        }
        assert_eq!(compared, 240);
    }

    #[test]
    fn working_points_follow_the_fakes() {
        let fakes: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i) / 100.0, 1.0)).collect();
        let rates = FakeRates { e: vec![0.1, 0.02], mu: vec![0.5], jet: vec![2.0] };
        let found = LossWorkingPoints::from_fakes([fakes.clone(), fakes.clone(), fakes], &rates);
        assert_eq!(found, LossWorkingPoints { e: vec![0.89, 0.97], mu: vec![0.49], jet: vec![1.0] });
    }
}
