//! Thresholds that give wanted efficiencies of taus.
//!
//! The efficiency against one kind of fake is that among taus which pass the loosest points against the other kinds. Those
//! depend on each other, so they are found in turns until nothing moves.

use std::collections::BTreeMap;

use recoil_stats::interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fake;
use super::candidates::PerFake;
use crate::error::{Result, TauError};

/// Names of working points, loosest first; the place is the bit in stored masks.
pub const NAMES: [&str; 9] =
    ["VVVLoose", "VVLoose", "VLoose", "Loose", "Medium", "Tight", "VTight", "VVTight", "VVVTight"];

/// How working points are derived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Derivation {
    /// Wanted efficiencies of taus by kind of fake and name.
    pub efficiencies: PerFake<BTreeMap<String, f64>>,
    /// Whether taus must pass a point against the other kinds of fakes.
    pub require_others: bool,
    /// Which point against each kind is required.
    pub required: PerFake<String>,
    /// Step of the efficiencies at which thresholds are taken.
    pub step: f64,
    /// Largest move of a threshold in the last turn.
    pub epsilon: f64,
    /// Most turns.
    pub iterations: usize,
}

impl Default for Derivation {
    fn default() -> Self {
        let of = |points: &[(&str, f64)]| points.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        let e = [0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6];
        let jet = [0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let named = |values: [f64; 8]| -> BTreeMap<String, f64> {
            NAMES.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value)).collect()
        };
        Self {
            efficiencies: PerFake {
                e: named(e),
                mu: of(&[("VLoose", 0.9995), ("Loose", 0.999), ("Medium", 0.998), ("Tight", 0.995)]),
                jet: named(jet),
            },
            require_others: true,
            required: PerFake { e: "VVVLoose".into(), mu: "VLoose".into(), jet: "VVVLoose".into() },
            step: 1e-4,
            epsilon: 1e-5,
            iterations: 100,
        }
    }
}

impl Derivation {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// The first such key.
    pub fn check(&self) -> Result<()> {
        let fail = |key: &str, reason: &str| Err(TauError::config(key, reason));
        if !(1e-6..=0.5).contains(&self.step) {
            return fail("step", "must be from 1e-6 to 0.5");
        }
        if !(self.epsilon > 0.0 && self.iterations > 0) {
            return fail("epsilon", "epsilon and iterations must be positive");
        }
        for kind in Fake::ALL {
            let wanted = self.efficiencies.of(kind);
            if let Some((name, value)) = wanted.iter().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
                return fail(&format!("efficiencies.{}.{name}", kind.name()), &format!("{value} is not from 0 to 1"));
            }
            let required = self.required.of(kind);
            if self.require_others && !wanted.is_empty() && !wanted.contains_key(required) {
                return fail(&format!("required.{}", kind.name()), &format!("there is no working point '{required}'"));
            }
        }
        Ok(())
    }
}

/// A working point.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkingPoint {
    /// Its name.
    pub name: String,
    /// The wanted efficiency.
    pub efficiency: f64,
    /// Thresholds of all turns; the last one counts. A candidate passes with a larger score.
    pub thresholds: Vec<f64>,
    /// Central 68 % of the threshold: where the efficiency of the sample would be at the ends of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The efficiency of the sample at the threshold, among the taus that it is relative to.
    pub reached: interval::Interval,
}

impl WorkingPoint {
    /// The threshold.
    pub fn threshold(&self) -> f64 {
        self.thresholds.last().copied().unwrap_or(f64::NAN)
    }
}

/// What was derived.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// Points by [`Fake::index`], loosest first.
    pub points: [Vec<WorkingPoint>; 3],
    /// Whether nothing moved in the last turn.
    pub converged: bool,
    /// Number of turns.
    pub turns: usize,
}

/// Distinct single-precision scores with cumulative weights.
struct Sorted {
    scores: Vec<f32>,
    cumulative: Vec<f64>,
    squares: f64,
}

impl Sorted {
    fn new(mut pairs: Vec<(f32, f64)>) -> Self {
        pairs.retain(|pair| pair.1 > 0.0);
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sorted = Self { scores: Vec::new(), cumulative: Vec::new(), squares: 0.0 };
        let mut total = 0.0;
        for (score, weight) in pairs {
            total += weight;
            sorted.squares += weight * weight;
            match (sorted.scores.last(), sorted.cumulative.last_mut()) {
                (Some(&last), Some(sum)) if last == score => *sum = total,
                _ => {
                    sorted.scores.push(score);
                    sorted.cumulative.push(total);
                }
            }
        }
        sorted
    }

    fn total(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// The first score whose cumulative weight reaches the share `p`; where it is reached exactly, the mean with the next,
    /// in single precision.
    fn quantile(&self, p: f64) -> Option<f64> {
        let target = p.clamp(0.0, 1.0) * self.total();
        let last = self.scores.len().checked_sub(1)?;
        let place = self.cumulative.partition_point(|&sum| sum < target).min(last);
        let exact = [place.checked_sub(1), Some(place)].into_iter().flatten();
        let near = |&place: &usize| self.cumulative.get(place).is_some_and(|sum| (sum - target).abs() < 1e-10);
        if let Some(place) = exact.filter(|place| *place < last).find(near) {
            return Some(f64::from((self.scores.get(place)? + self.scores.get(place + 1)?) / 2.0));
        }
        self.scores.get(place).map(|&score| f64::from(score))
    }

    /// Weight of what lies above a threshold.
    fn above(&self, threshold: f64) -> f64 {
        let place = self.scores.partition_point(|&score| f64::from(score) <= threshold);
        let below = place.checked_sub(1).and_then(|place| self.cumulative.get(place)).copied().unwrap_or(0.0);
        self.total() - below
    }
}

/// Derives working points from genuine taus: scores by [`Fake::index`] and weights.
///
/// # Errors
/// Settings that cannot work, or no tau that passes the required points.
pub fn derive(scores: [&[f64]; 3], weights: &[f64], settings: &Derivation) -> Result<Derived> {
    settings.check()?;
    let mut points = Fake::ALL.map(|kind| {
        let mut wanted: Vec<_> = settings.efficiencies.of(kind).iter().collect();
        wanted.sort_by(|a, b| b.1.total_cmp(a.1));
        let point = |(name, efficiency): (&String, &f64)| WorkingPoint {
            name: name.clone(),
            efficiency: *efficiency,
            thresholds: Vec::new(),
            low: f64::NAN,
            high: f64::NAN,
            reached: interval::Interval { value: f64::NAN, low: 0.0, high: 1.0 },
        };
        wanted.into_iter().map(point).collect::<Vec<_>>()
    });
    let (mut converged, mut turns) = (false, 0);
    while !converged && turns < settings.iterations {
        let cuts = Fake::ALL.map(|kind| {
            let own = points.get(kind.index()).map(Vec::as_slice).unwrap_or_default();
            let required = settings.required.of(kind);
            own.iter().find(|point| point.name == *required).and_then(|point| point.thresholds.last().copied())
        });
        converged = turns > 0;
        for kind in Fake::ALL {
            let Some(own) = points.get_mut(kind.index()).filter(|own| !own.is_empty()) else { continue };
            let sample = sample(scores, weights, kind, settings.require_others.then_some(&cuts));
            for point in own.iter_mut() {
                let Some(threshold) = sample.quantile(1.0 - at_grid(point.efficiency, settings.step)) else {
                    let reason = format!("no tau passes the working points that are required against {}", kind.title());
                    return Err(TauError::content("taus", reason));
                };
                let moved = point.thresholds.last().map(|last| (threshold - last).abs());
                converged &= moved.is_some_and(|moved| moved < settings.epsilon);
                point.thresholds.push(threshold);
                point.reached = reached(&sample, threshold)?;
                // more taus pass where the threshold is lower
                point.low = sample.quantile(1.0 - point.reached.high).unwrap_or(threshold).min(threshold);
                point.high = sample.quantile(1.0 - point.reached.low).unwrap_or(threshold).max(threshold);
            }
        }
        turns += 1;
    }
    Ok(Derived { points, converged, turns })
}

/// Scores of the taus that pass the points against the other kinds.
fn sample(scores: [&[f64]; 3], weights: &[f64], kind: Fake, cuts: Option<&[Option<f64>; 3]>) -> Sorted {
    let others = Fake::ALL.into_iter().filter(|&other| other != kind);
    let others: Vec<(&[f64], f64)> =
        others.filter_map(|other| Some((*scores.get(other.index())?, (*cuts?.get(other.index())?)?))).collect();
    let own = scores.get(kind.index()).copied().unwrap_or_default();
    let passes = |i: usize| others.iter().all(|(scores, cut)| scores.get(i).is_some_and(|score| score > cut));
    let pairs = own.iter().zip(weights).enumerate();
    Sorted::new(pairs.filter(|&(i, _)| passes(i)).map(|(_, (&score, &weight))| (score as f32, weight)).collect())
}

/// The first multiple of the step that is not below the efficiency.
fn at_grid(efficiency: f64, step: f64) -> f64 {
    let mut place = (efficiency / step).floor().max(1.0) - 1.0;
    while place * step < efficiency {
        place += 1.0;
    }
    (place * step).min(1.0)
}

fn reached(sample: &Sorted, threshold: f64) -> Result<interval::Interval> {
    let (total, above) = (sample.total(), sample.above(threshold));
    Ok(interval::weighted_efficiency(above.min(total), total, sample.squares, interval::ONE_SIGMA)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let sorted = Sorted::new(vec![(3.0, 1.0), (1.0, 1.0), (2.0, 2.0), (9.0, 0.0)]);
        for (p, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 2.5), (0.9, 3.0), (1.0, 3.0)] {
            assert_eq!(sorted.quantile(p), Some(expected), "{p}");
        }
        assert_eq!((sorted.above(2.0), sorted.above(0.0), sorted.above(3.0)), (1.0, 4.0, 0.0));
        assert_eq!(Sorted::new(Vec::new()).quantile(0.5), None);
    }

    #[test]
    fn weights_count_as_copies() {
        let scores: Vec<f64> = (0..400).map(|i| f64::from(i * 37 % 400) / 400.0).collect();
        let weights: Vec<f64> = (0..400).map(|i| f64::from(1 + i % 3)).collect();
        let copies: Vec<f64> =
            scores.iter().zip(&weights).flat_map(|(&s, &w)| std::iter::repeat_n(s, w as usize)).collect();
        let ones = vec![1.0; copies.len()];
        let weighted = derive([&scores, &scores, &scores], &weights, &Derivation::default()).unwrap();
        let copied = derive([&copies, &copies, &copies], &ones, &Derivation::default()).unwrap();
        for (a, b) in weighted.points.iter().flatten().zip(copied.points.iter().flatten()) {
            assert_eq!(a.thresholds, b.thresholds, "{}", a.name);
            // fewer effective counts, a wider interval
            assert!(a.reached.high - a.reached.low >= b.reached.high - b.reached.low - 1e-12);
            assert!(a.low <= a.threshold() && a.threshold() <= a.high);
        }
    }

    #[test]
    fn mistakes_are_told() {
        let mut settings = Derivation::default();
        settings.required.e = "Medium rare".into();
        assert!(settings.check().unwrap_err().to_string().contains("required.e"));
        let mut settings = Derivation::default();
        settings.efficiencies.mu.insert("Tight".into(), 1.5);
        assert!(settings.check().unwrap_err().to_string().contains("efficiencies.mu.Tight"));
        assert!(derive([&[], &[], &[]], &[], &Derivation::default()).is_err());
    }
}
