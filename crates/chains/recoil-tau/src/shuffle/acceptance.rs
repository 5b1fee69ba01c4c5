//! With which probability a candidate is kept.

use std::collections::BTreeMap;

use crate::data::truth::TauType;
use crate::error::{Result, TauError};

/// Bins of |η| and transverse momentum, by their edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Edges in |η|.
    pub eta: Vec<f64>,
    /// Edges in transverse momentum [GeV].
    pub pt: Vec<f64>,
}

impl Bins {
    /// Number of bins in |η|.
    pub fn n_eta(&self) -> usize {
        self.eta.len().saturating_sub(1)
    }

    /// Number of bins in transverse momentum.
    pub fn n_pt(&self) -> usize {
        self.pt.len().saturating_sub(1)
    }

    /// The bin (|η|, pt) of a candidate; `None` outside.
    pub fn find(&self, abs_eta: f64, pt: f64) -> Option<(usize, usize)> {
        let one = |edges: &[f64], value: f64| {
            let (first, last) = (*edges.first()?, *edges.last()?);
            let inside = value >= first && value < last;
            inside.then(|| edges.partition_point(|edge| *edge <= value) - 1)
        };
        Some((one(&self.eta, abs_eta)?, one(&self.pt, pt)?))
    }
}

/// Candidates of a group and class in the bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// Counts `[eta][pt]`.
    pub bins: Vec<Vec<f64>>,
    /// Counts below the first edge in |η|, by bin of transverse momentum.
    pub below: Vec<f64>,
    /// All candidates, also outside of the bins.
    pub total: f64,
}

impl Counts {
    /// No candidates.
    pub fn new(bins: &Bins) -> Self {
        Self { bins: vec![vec![0.0; bins.n_pt()]; bins.n_eta()], below: vec![0.0; bins.n_pt()], total: 0.0 }
    }

    /// Counts candidates.
    pub fn add(&mut self, bins: &Bins, abs_eta: f64, pt: f64, count: f64) {
        self.total += count;
        if let Some((i, k)) = bins.find(abs_eta, pt) {
            if let Some(place) = self.bins.get_mut(i).and_then(|row| row.get_mut(k)) {
                *place += count;
            }
        } else if bins.eta.first().is_some_and(|edge| abs_eta < *edge) {
            let k = bins.find(bins.eta.first().copied().unwrap_or(0.0), pt).map(|(_, k)| k);
            if let Some(place) = k.and_then(|k| self.below.get_mut(k)) {
                *place += count;
            }
        }
    }

    /// Candidates in the bins.
    pub fn inside(&self) -> f64 {
        self.bins.iter().flatten().sum()
    }
}

/// Which counts bound the flat part when the last bin is taken whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImbalanceBins {
    /// Those of the last bin of transverse momentum.
    #[default]
    Last,
    /// Those of the last two bins, and below the first edge in |η|, as older tools counted.
    LastTwo,
}

/// How spectra are flattened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flattening {
    /// Whether all candidates of the last bin of transverse momentum are kept.
    pub take_all: bool,
    /// If so: at most so many flattened candidates per candidate of the last bin.
    pub disbalance: f64,
    /// What counts as the last bin for that limit.
    pub imbalance_bins: ImbalanceBins,
    /// Whether bins without candidates are allowed.
    pub empty_bins: bool,
}

/// Probabilities of a group and class.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    /// Probabilities `[eta][pt]` of the bins that are flattened: all, or all but the last in transverse momentum.
    pub bins: Vec<Vec<f64>>,
}

impl Flattening {
    /// Probabilities that make `counts` flat: the poorest bin is kept whole, unless the limit of the last bin is lower.
    ///
    /// # Errors
    /// Empty bins that are not allowed, no candidates at all. The reason names the bin.
    pub fn acceptance(&self, bins: &Bins, counts: &Counts) -> Result<Acceptance, String> {
        let n_pt = if self.take_all { bins.n_pt().saturating_sub(1) } else { bins.n_pt() };
        let target = 1.0 / (bins.n_eta() * n_pt) as f64;
        let mut probabilities = Vec::with_capacity(bins.n_eta());
        for (i, row) in counts.bins.iter().enumerate() {
            let mut line = Vec::with_capacity(n_pt);
            for (k, count) in row.iter().enumerate().take(n_pt) {
                if *count == 0.0 && !self.empty_bins {
                    let edge = |edges: &[f64], at: usize| edges.get(at).copied().unwrap_or(f64::NAN);
                    return Err(format!(
                        "there is no candidate with {} <= |eta| < {} and {} <= pt < {} (allow empty bins with \
                         --enable-emptybin true, or take wider bins)",
                        edge(&bins.eta, i),
                        edge(&bins.eta, i + 1),
                        edge(&bins.pt, k),
                        edge(&bins.pt, k + 1),
                    ));
                }
                line.push(if *count == 0.0 { 0.0 } else { target / count });
            }
            probabilities.push(line);
        }
        let most = probabilities.iter().flatten().fold(0.0, |most: f64, p| most.max(*p));
        if most <= 0.0 {
            return Err("all bins that are flattened are empty".to_owned());
        }
        let scale = if self.take_all {
            let limit = (self.disbalance * self.high(counts) * most).min(1.0);
            if limit <= 0.0 {
                return Err("the last bin in pt, which bounds the others, has no candidates".to_owned());
            }
            limit / most
        } else {
            1.0
        };
        for p in probabilities.iter_mut().flatten() {
            *p = if self.take_all { *p * scale } else { *p / most };
        }
        Ok(Acceptance { bins: probabilities })
    }

    /// Candidates in the bins that bound the flat part.
    fn high(&self, counts: &Counts) -> f64 {
        let last = |line: &[f64], n: usize| line.iter().rev().take(n).sum::<f64>();
        match self.imbalance_bins {
            ImbalanceBins::Last => counts.bins.iter().map(|line| last(line, 1)).sum(),
            ImbalanceBins::LastTwo => {
                counts.bins.iter().map(|line| last(line, 2)).sum::<f64>() + last(&counts.below, 2)
            }
        }
    }
}

impl Acceptance {
    /// Probability of the bin (|η|, pt): 1 in a last bin that is taken whole.
    pub fn of(&self, (i, k): (usize, usize)) -> f64 {
        self.bins.get(i).and_then(|line| line.get(k)).copied().unwrap_or(1.0)
    }

    /// How many of `counts` are kept, bin by bin.
    pub fn expected(&self, counts: &Counts) -> Vec<Vec<f64>> {
        let line = |(i, line): (usize, &Vec<f64>)| line.iter().enumerate().map(|(k, n)| n * self.of((i, k))).collect();
        counts.bins.iter().enumerate().map(line).collect()
    }
}

/// Wanted shares of the classes; `None` takes all of a class.
pub type Ratio = BTreeMap<TauType, Option<f64>>;

/// Reads `jet:1, e:0.5, tau:-1`; -1 takes all.
///
/// # Errors
/// Unknown classes, shares that are neither positive nor -1.
pub fn parse_ratio(text: &str) -> Result<Ratio> {
    let refuse = |reason: String| TauError::config("tau_ratio", reason);
    let mut ratio = Ratio::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, share) = part.split_once(':').ok_or_else(|| refuse(format!("'{part}' is not CLASS:SHARE")))?;
        let class = TauType::of_name(name.trim()).ok_or_else(|| refuse(format!("there is no class '{name}'")))?;
        let share: f64 = share.trim().parse().map_err(|_| refuse(format!("'{share}' is no number")))?;
        let share = match share {
            -1.0 => None,
            share if share > 0.0 && share.is_finite() => Some(share),
            _ => return Err(refuse(format!("the share of {} is neither positive nor -1", class.name()))),
        };
        if ratio.insert(class, share).is_some() {
            return Err(refuse(format!("the class {} is there twice", class.name())));
        }
    }
    Ok(ratio)
}

/// Probability of each class that gives the wanted shares, when `accepted` candidates of each pass the flattening.
///
/// # Errors
/// Classes that are wanted but not there, or there but not wanted.
pub fn class_probabilities(ratio: &Ratio, accepted: &BTreeMap<TauType, f64>) -> Result<BTreeMap<TauType, f64>> {
    let refuse = |reason: String| TauError::config("tau_ratio", reason);
    if let Some(class) = accepted.keys().find(|class| !ratio.contains_key(class)) {
        return Err(refuse(format!("the groups have candidates of class {}, which has no share", class.name())));
    }
    let mut raw: BTreeMap<TauType, Option<f64>> = BTreeMap::new();
    for (class, share) in ratio {
        let here = accepted.get(class).copied().unwrap_or(0.0);
        if here <= 0.0 {
            return Err(refuse(format!("no group has candidates of class {}", class.name())));
        }
        raw.insert(*class, share.map(|share| share / here));
    }
    let most = raw.values().flatten().fold(0.0, |most: f64, q| most.max(*q));
    Ok(raw.into_iter().map(|(class, q)| (class, q.map_or(1.0, |q| q / most))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bins() -> Bins {
        Bins { eta: vec![0.0, 1.0, 2.0], pt: vec![20.0, 50.0, 100.0, 1000.0] }
    }

    fn counts() -> Counts {
        Counts { bins: vec![vec![100.0, 50.0, 10.0], vec![40.0, 20.0, 5.0]], below: vec![0.0; 3], total: 225.0 }
    }

    const PLAIN: Flattening =
        Flattening { take_all: false, disbalance: 1.0, imbalance_bins: ImbalanceBins::Last, empty_bins: false };

    #[test]
    fn every_bin_gives_as_much_as_the_poorest() {
        let acceptance = PLAIN.acceptance(&bins(), &counts()).unwrap();
        let expected = acceptance.expected(&counts());
        assert!(expected.iter().flatten().all(|n| (n - 5.0).abs() < 1e-12), "{expected:?}");
    }

    #[test]
    fn the_last_bin_bounds_the_others() {
        let flat = |acceptance: &Acceptance| -> f64 {
            let expected = acceptance.expected(&counts());
            expected.iter().map(|line| line.iter().take(2).sum::<f64>()).sum()
        };
        let meant = Flattening { take_all: true, disbalance: 2.0, ..PLAIN };
        // 2 x (10 + 5)
        assert!((flat(&meant.acceptance(&bins(), &counts()).unwrap()) - 30.0).abs() < 1e-12);
        let older = Flattening { imbalance_bins: ImbalanceBins::LastTwo, disbalance: 0.5, ..meant };
        // 0.5 x (10 + 5 + 50 + 20)
        assert!((flat(&older.acceptance(&bins(), &counts()).unwrap()) - 42.5).abs() < 1e-12);
        // never more than the poorest bin allows: 4 x 20
        let loose = Flattening { disbalance: 100.0, ..meant };
        let acceptance = loose.acceptance(&bins(), &counts()).unwrap();
        assert!((flat(&acceptance) - 80.0).abs() < 1e-12);
        assert_eq!(acceptance.of((0, 2)), 1.0);
    }

    #[test]
    fn empty_bins_are_named_or_allowed() {
        let mut poor = counts();
        poor.bins[1][0] = 0.0;
        let error = PLAIN.acceptance(&bins(), &poor).unwrap_err();
        assert!(error.starts_with("there is no candidate with 1 <= |eta| < 2 and 20 <= pt < 50"), "{error}");
        let acceptance = Flattening { empty_bins: true, ..PLAIN }.acceptance(&bins(), &poor).unwrap();
        assert_eq!(acceptance.of((1, 0)), 0.0);
    }

    #[test]
    fn classes_get_their_shares() {
        use TauType::{E, Jet, Tau};
        let accepted = BTreeMap::from([(Jet, 900.0), (E, 100.0), (Tau, 300.0)]);
        let q = class_probabilities(&parse_ratio("jet:1, e:0.5, tau:-1").unwrap(), &accepted).unwrap();
        // jets 1/900, electrons 0.5/100: electrons are the poorest
        assert_eq!((q[&E], q[&Tau]), (1.0, 1.0));
        assert!((q[&Jet] * 900.0 - 200.0).abs() < 1e-9);
        assert!(class_probabilities(&parse_ratio("jet:1").unwrap(), &accepted).is_err());
        assert!(class_probabilities(&parse_ratio("jet:1,e:1,tau:1,mu:1").unwrap(), &accepted).is_err());
        assert!(parse_ratio("jet:-2").is_err());
        assert!(parse_ratio("jet:0").is_err());
        assert!(parse_ratio("jets:1").is_err());
    }

    #[test]
    fn candidates_outside_are_counted_but_not_binned() {
        let bins = bins();
        let mut counts = Counts::new(&bins);
        for (eta, pt) in [(0.5, 30.0), (2.5, 30.0), (0.5, 1000.0)] {
            counts.add(&bins, eta, pt, 1.0);
        }
        assert_eq!((counts.inside(), counts.total), (1.0, 3.0));
    }
}
