//! `performance.json`: ROC curves and working points by region.

use serde::{Deserialize, Serialize};

use super::Fake;
use super::candidates::{Candidates, Truth};
use super::efficiency::{Counts, Pass};
use super::roc::roc;
use crate::error::{Result, TauError};

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Name of the discriminator.
    pub name: String,
    /// The curves.
    pub metrics: Metrics,
}

/// Curves of both kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Curves through all thresholds.
    pub roc_curve: Vec<Curve>,
    /// Points of named thresholds, tightest first.
    pub roc_wp: Vec<Curve>,
}

/// Where candidates are taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Smallest transverse momentum \[GeV\], included.
    pub pt_min: f64,
    /// Largest transverse momentum \[GeV\], not included.
    pub pt_max: f64,
    /// Smallest |eta|, included.
    pub eta_min: f64,
    /// Largest |eta|, not included.
    pub eta_max: f64,
    /// Decay modes; empty: all.
    pub dm_bin: Vec<i64>,
}

impl Region {
    /// Whether a candidate lies in it.
    pub fn holds(&self, candidates: &Candidates, i: usize) -> bool {
        let at = |values: &[f64]| values.get(i).copied().unwrap_or(f64::NAN);
        let (pt, eta, mode) = (at(&candidates.pt), at(&candidates.eta).abs(), at(&candidates.decay_mode));
        let in_mode = self.dm_bin.is_empty() || self.dm_bin.iter().any(|&wanted| wanted as f64 == mode);
        (self.pt_min..self.pt_max).contains(&pt) && (self.eta_min..self.eta_max).contains(&eta) && in_mode
    }
}

/// A curve with the region that it was measured in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Smallest transverse momentum \[GeV\].
    pub pt_min: f64,
    /// Largest transverse momentum \[GeV\].
    pub pt_max: f64,
    /// Smallest |eta|.
    pub eta_min: f64,
    /// Largest |eta|.
    pub eta_max: f64,
    /// Decay modes.
    pub dm_bin: Vec<i64>,
    /// Kind of fakes.
    pub vs_type: Fake,
    /// Name of the sample.
    pub dataset_alias: String,
    /// Number of taus.
    #[serde(default)]
    pub n_taus: usize,
    /// Number of fakes.
    #[serde(default)]
    pub n_fakes: usize,
    /// `(sum w)^2 / sum w^2` of the fakes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_fakes: Option<f64>,
    /// Area under the curve.
    pub auc_score: Option<f64>,
    /// Shares of fakes that pass.
    pub false_positive_rate: Vec<f64>,
    /// Shares of taus that pass.
    pub true_positive_rate: Vec<f64>,
    /// Thresholds; null for infinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<Option<f64>>>,
    /// Names of the working points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wp_names: Option<Vec<String>>,
    /// Distances to the upper ends of the intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_positive_rate_up: Option<Vec<f64>>,
    /// Distances to the lower ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_positive_rate_down: Option<Vec<f64>>,
    /// Distances to the upper ends of the intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_positive_rate_up: Option<Vec<f64>>,
    /// Distances to the lower ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_positive_rate_down: Option<Vec<f64>>,
}

impl Curve {
    fn new(region: &Region, kind: Fake, alias: &str) -> Self {
        Self {
            pt_min: region.pt_min,
            pt_max: region.pt_max,
            eta_min: region.eta_min,
            eta_max: region.eta_max,
            dm_bin: region.dm_bin.clone(),
            vs_type: kind,
            dataset_alias: alias.to_owned(),
            n_taus: 0,
            n_fakes: 0,
            effective_fakes: None,
            auc_score: None,
            false_positive_rate: Vec::new(),
            true_positive_rate: Vec::new(),
            thresholds: None,
            wp_names: None,
            false_positive_rate_up: None,
            false_positive_rate_down: None,
            true_positive_rate_up: None,
            true_positive_rate_down: None,
        }
    }

    /// The number of fakes that decides about fluctuations.
    pub fn fakes(&self) -> f64 {
        self.effective_fakes.unwrap_or(self.n_fakes as f64)
    }

    /// Where it was measured, as one line (label markup).
    pub fn label(&self) -> String {
        let modes: Vec<String> = self.dm_bin.iter().map(ToString::to_string).collect();
        let modes = if modes.is_empty() { String::new() } else { format!(", DM {}", modes.join(", ")) };
        let (low, high) = (self.eta_min, self.eta_max);
        let eta = if low == 0.0 { format!(r"|\eta| < {high}") } else { format!(r"{low} < |\eta| < {high}") };
        format!(r"p_{{T}} {} to {} GeV, {eta}{modes}", self.pt_min, self.pt_max)
    }
}

/// What is measured besides the regions.
#[derive(Clone, Debug)]
pub struct Measurement<'a> {
    /// Name of the sample.
    pub alias: &'a str,
    /// Decimals of the tau efficiency to which curves are thinned, by [`Fake::index`]; negative: not at all.
    pub decimals: [i32; 3],
    /// Confidence level of the intervals.
    pub level: f64,
    /// Whether distances up and down change places, as in files of older programs.
    pub swapped: bool,
}

/// The curve through all thresholds in a region; `None` if there are no taus or no fakes.
pub fn curve(candidates: &Candidates, region: &Region, kind: Fake, how: &Measurement<'_>) -> Option<Curve> {
    let mut found = Curve::new(region, kind, how.alias);
    let mut fakes = Counts::default();
    let mut entries = Vec::new();
    for (i, truth) in candidates.truth.iter().enumerate() {
        let is_tau = *truth == Truth::Tau;
        if !(is_tau || *truth == Truth::Fake(kind)) || !region.holds(candidates, i) {
            continue;
        }
        let (score, weight) = (*candidates.score(kind).get(i)?, *candidates.weight.get(i)?);
        entries.push((score, weight, is_tau));
        if is_tau {
            found.n_taus += 1;
        } else {
            found.n_fakes += 1;
            fakes.add(weight, false);
        }
    }
    let whole = roc(&entries)?;
    found.auc_score = Some(whole.area());
    if (fakes.effective() - found.n_fakes as f64).abs() > 1e-6 {
        found.effective_fakes = Some(fakes.effective());
    }
    let decimals = how.decimals.get(kind.index()).copied().unwrap_or(-1);
    let kept = if decimals < 0 { whole } else { whole.pruned(decimals) };
    found.false_positive_rate = kept.false_positive_rate;
    found.true_positive_rate = kept.true_positive_rate;
    found.thresholds = Some(kept.thresholds.iter().map(|&value| value.is_finite().then_some(value)).collect());
    Some(found)
}

/// The working points in a region, given from loosest to tightest; `None` if there are no taus or no fakes.
///
/// # Errors
/// A level that is none.
pub fn points(
    candidates: &Candidates,
    region: &Region,
    kind: Fake,
    named: &[(String, Pass)],
    how: &Measurement<'_>,
) -> Result<Option<Curve>> {
    let mut found = Curve::new(region, kind, how.alias);
    let mut sides = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for (_, pass) in named.iter().rev() {
        let (mut taus, mut fakes) = (Counts::default(), Counts::default());
        (found.n_taus, found.n_fakes) = (0, 0);
        for (i, (truth, &weight)) in candidates.truth.iter().zip(&candidates.weight).enumerate() {
            let (counts, number) = match truth {
                Truth::Tau => (&mut taus, &mut found.n_taus),
                Truth::Fake(own) if *own == kind => (&mut fakes, &mut found.n_fakes),
                Truth::Fake(_) => continue,
            };
            if region.holds(candidates, i) {
                *number += 1;
                counts.add(weight, pass.holds(candidates, kind, i));
            }
        }
        if taus.total <= 0.0 || fakes.total <= 0.0 {
            return Ok(None);
        }
        let (of_fakes, of_taus) = (fakes.interval(how.level)?, taus.interval(how.level)?);
        found.false_positive_rate.push(of_fakes.value);
        found.true_positive_rate.push(of_taus.value);
        for (side, value) in sides.iter_mut().zip([
            of_fakes.high - of_fakes.value,
            of_fakes.value - of_fakes.low,
            of_taus.high - of_taus.value,
            of_taus.value - of_taus.low,
        ]) {
            side.push(value);
        }
    }
    let [mut fakes_up, mut fakes_down, mut taus_up, mut taus_down] = sides;
    if how.swapped {
        std::mem::swap(&mut fakes_up, &mut fakes_down);
        std::mem::swap(&mut taus_up, &mut taus_down);
    }
    found.wp_names = Some(named.iter().rev().map(|(name, _)| name.clone()).collect());
    found.false_positive_rate_up = Some(fakes_up);
    found.false_positive_rate_down = Some(fakes_down);
    found.true_positive_rate_up = Some(taus_up);
    found.true_positive_rate_down = Some(taus_down);
    Ok((!named.is_empty()).then_some(found))
}

/// Reads a file and checks that its curves are whole.
///
/// # Errors
/// A file that cannot be read, or lists of different lengths.
pub fn read(path: &std::path::Path) -> Result<Performance> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
    let found: Performance =
        serde_json::from_str(&text).map_err(|source| TauError::Json { file: file.clone(), source })?;
    for curve in found.metrics.roc_curve.iter().chain(&found.metrics.roc_wp) {
        let n = curve.true_positive_rate.len();
        let others = [&curve.false_positive_rate_up, &curve.false_positive_rate_down];
        let whole = curve.false_positive_rate.len() == n && others.into_iter().flatten().all(|list| list.len() == n);
        if !whole {
            return Err(TauError::content(
                file,
                format!("a curve against {} has lists of different lengths", curve.vs_type.title()),
            ));
        }
        let rates = curve.true_positive_rate.iter().chain(&curve.false_positive_rate);
        if let Some(rate) = rates.into_iter().find(|rate| !(0.0..=1.0).contains(*rate)) {
            return Err(TauError::content(file, format!("{rate} is no rate")));
        }
    }
    Ok(found)
}
