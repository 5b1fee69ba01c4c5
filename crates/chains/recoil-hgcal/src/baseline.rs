//! The baseline selection of the studies: which generated particles and which of the file's clusters take part.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which events to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Selection {
    /// All events in the eta range.
    #[default]
    All,
    /// Events with a cluster far below the particle's energy.
    SplitsOnly,
    /// Events in the strict eta range, all of whose clusters are near the particle's energy.
    NoSplits,
    /// Events above this eta (written `above_eta_2.4`).
    AboveEta(f64),
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::SplitsOnly => f.write_str("splits_only"),
            Self::NoSplits => f.write_str("no_splits"),
            Self::AboveEta(eta) => write!(f, "above_eta_{eta}"),
        }
    }
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "splits_only" => Ok(Self::SplitsOnly),
            "no_splits" => Ok(Self::NoSplits),
            _ => text
                .strip_prefix("above_eta_")
                .and_then(|eta| eta.parse().ok())
                .map(Self::AboveEta)
                .ok_or_else(|| format!("`{text}` is not one of all, splits_only, no_splits, above_eta_NUMBER")),
        }
    }
}

impl TryFrom<String> for Selection {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Selection> for String {
    fn from(selection: Selection) -> String {
        selection.to_string()
    }
}

/// Ranges and thresholds of the selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineConfig {
    /// Which events to keep.
    pub selection: Selection,
    /// Smallest eta of the particle (exclusive).
    pub eta_min: f64,
    /// Largest eta of the particle (exclusive).
    pub eta_max: f64,
    /// Smallest eta for `no_splits` (exclusive).
    pub eta_min_strict: f64,
    /// Largest eta for `no_splits` (exclusive).
    pub eta_max_strict: f64,
    /// Energy response below which a cluster counts as half of a split one.
    pub response_splits: f64,
    /// Energy response above which a cluster counts as whole.
    pub response_no_splits: f64,
    /// Take |eta|, so that both endcaps are kept.
    pub both_endcaps: bool,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            selection: Selection::All,
            eta_min: 1.7,
            eta_max: 2.8,
            eta_min_strict: 2.0,
            eta_max_strict: 2.6,
            response_splits: -0.35,
            response_no_splits: -0.2,
            both_endcaps: false,
        }
    }
}

/// Response of a cluster without a number: above every threshold.
const RESPONSE_OF_NAN: f64 = 1.1;

/// The generated particles, one entry per particle.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct BaselineGen<'a> {
    pub event: &'a [i64],
    pub eta: &'a [f64],
    pub energy: &'a [f64],
}

/// The clusters of the file, one entry per cluster.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct BaselineClusters<'a> {
    pub event: &'a [i64],
    pub energy: &'a [f64],
}

/// The pairs (particle row, cluster row) of the same event that pass, particle by particle.
pub fn select(
    config: &BaselineConfig,
    particles: BaselineGen<'_>,
    clusters: BaselineClusters<'_>,
) -> Vec<(usize, usize)> {
    let mut by_event: std::collections::BTreeMap<i64, Vec<usize>> = std::collections::BTreeMap::new();
    for (row, &event) in clusters.event.iter().enumerate() {
        by_event.entry(event).or_default().push(row);
    }
    let eta = |g: usize| if config.both_endcaps { particles.eta[g].abs() } else { particles.eta[g] };
    let within = |g: usize, low: f64, high: f64| eta(g) > low && eta(g) < high;
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (g, event) in particles.event.iter().enumerate().filter(|&(g, _)| within(g, config.eta_min, config.eta_max)) {
        pairs.extend(by_event.get(event).into_iter().flatten().map(|&c| (g, c)));
    }
    let response = |&(g, c): &(usize, usize)| {
        let response = (clusters.energy[c] - particles.energy[g]) / particles.energy[g];
        if response.is_nan() { RESPONSE_OF_NAN } else { response }
    };
    let keep_events = |pairs: &mut Vec<(usize, usize)>, keep: &dyn Fn(&[f64]) -> bool| {
        let mut responses: std::collections::BTreeMap<i64, Vec<f64>> = std::collections::BTreeMap::new();
        for pair in pairs.iter() {
            responses.entry(particles.event[pair.0]).or_default().push(response(pair));
        }
        pairs.retain(|pair| responses.get(&particles.event[pair.0]).is_some_and(|r| keep(r)));
    };
    match config.selection {
        Selection::All => {}
        Selection::AboveEta(above) => pairs.retain(|&(g, _)| eta(g) > above),
        Selection::SplitsOnly => keep_events(&mut pairs, &|r| r.iter().any(|&r| r < config.response_splits)),
        Selection::NoSplits => {
            pairs.retain(|&(g, _)| within(g, config.eta_min_strict, config.eta_max_strict));
            keep_events(&mut pairs, &|r| r.iter().all(|&r| r > config.response_no_splits));
        }
    }
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_written_as_it_is_read() {
        for text in ["all", "splits_only", "no_splits", "above_eta_2.4"] {
            assert_eq!(text.parse::<Selection>().unwrap().to_string(), text);
        }
        assert!("above_eta_x".parse::<Selection>().unwrap_err().contains("above_eta_NUMBER"));
    }
}
