//! What a report is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Example;
use crate::figures::Outcome;
use crate::figures::counts::Counts;
use crate::figures::detector::{LayerProfile, TowerEnergies};
use crate::figures::phi_moves;
use crate::figures::radius::Scan;
use crate::figures::shapes::Shape;

/// One configuration of the chain on one sample: which inputs belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunLabel {
    /// The sample, such as `Photons, PU 0`.
    pub sample: String,
    /// The configuration of the chain, such as `default kernel`.
    pub label: String,
}

/// Keys of `hgcal report` and `hgcal figures`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// Title of the page.
    pub title: String,
    /// Sample and label of every `validation` input, in their order; `clusters` and `seeds` are in the same order.
    pub runs: Vec<RunLabel>,
    /// Sample of every `cells` input, in their order.
    pub samples: Vec<String>,
    /// Label of every `radii` input, in their order.
    pub scans: Vec<String>,
    /// Label of every `truncation` input, in their order.
    pub truncations: Vec<String>,
    /// Label of every `shapes` input, in their order.
    pub shapes: Vec<String>,
    /// Sample of the `towers` input.
    pub towers: String,
    /// Sample of the `phi_scan` input.
    pub phi_scan: String,
    /// Layer of the event display.
    pub layer: i32,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            title: "HGCAL trigger clusters".to_owned(),
            runs: Vec::new(),
            samples: Vec::new(),
            scans: Vec::new(),
            truncations: Vec::new(),
            shapes: Vec::new(),
            towers: String::new(),
            phi_scan: String::new(),
            layer: 9,
        }
    }
}

/// How many files of each role there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Available {
    /// `validation` inputs.
    pub validations: usize,
    /// `seeds` inputs.
    pub seeds: usize,
    /// `clusters` inputs.
    pub clusters: usize,
    /// `radii` inputs.
    pub scans: usize,
    /// `cells` inputs.
    pub cells: usize,
    /// `truncation` inputs.
    pub truncations: usize,
    /// `shapes` inputs.
    pub shapes: usize,
    /// Whether there is a `towers` input.
    pub towers: bool,
    /// Whether there is a `phi_scan` input.
    pub phi_scan: bool,
}

/// The outcomes of one sample.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The sample.
    pub sample: String,
    /// One entry per configuration.
    pub outcomes: Vec<Outcome>,
    /// Seeds per event, one entry per configuration; empty without the tables.
    pub seeds: Vec<Counts>,
    /// Clusters per event, one entry per configuration; empty without the tables.
    pub clusters: Vec<Counts>,
    /// An event to look at, if the cells were given.
    pub example: Option<Example>,
}

/// All that was read.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// One entry per sample, in the order of their first run.
    pub setups: Vec<Setup>,
    /// Radius scans.
    pub scans: Vec<Scan>,
    /// Share of the layers, one profile per sample with cells.
    pub profiles: Vec<LayerProfile>,
    /// Fraction of cells that Stage 1 keeps per R/z bin, by label.
    pub truncations: Vec<(String, Vec<f64>)>,
    /// Trigger towers.
    pub towers: Option<TowerEnergies>,
    /// Cluster shapes, one entry per variable.
    pub shapes: Vec<Shape>,
    /// The phi optimisation.
    pub phi_scan: Vec<phi_moves::Point>,
}

impl ReportConfig {
    /// Label of run `i`; the number if it has none.
    pub fn run(&self, i: usize) -> RunLabel {
        self.runs
            .get(i)
            .cloned()
            .unwrap_or_else(|| RunLabel { sample: "sample".into(), label: format!("run {}", i + 1) })
    }

    /// Label of input `i` of those that `labels` names.
    pub fn label(labels: &[String], i: usize) -> String {
        labels.get(i).cloned().unwrap_or_else(|| format!("input {}", i + 1))
    }

    /// The samples of the first `runs` runs, in the order of their first run.
    pub fn samples_of(&self, runs: usize) -> Vec<String> {
        let mut samples = Vec::new();
        for i in 0..runs {
            let RunLabel { sample, .. } = self.run(i);
            if !samples.contains(&sample) {
                samples.push(sample);
            }
        }
        samples
    }
}
