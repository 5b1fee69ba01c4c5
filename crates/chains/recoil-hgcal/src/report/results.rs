//! What a report is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Example;
use crate::figures::Outcome;
use crate::figures::counts::Counts;
use crate::figures::radius::Scan;

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
}

impl ReportConfig {
    /// Label of run `i`; the number if it has none.
    pub fn run(&self, i: usize) -> RunLabel {
        self.runs
            .get(i)
            .cloned()
            .unwrap_or_else(|| RunLabel { sample: "sample".into(), label: format!("run {}", i + 1) })
    }

    /// Label of scan `i`.
    pub fn scan(&self, i: usize) -> String {
        self.scans.get(i).cloned().unwrap_or_else(|| format!("scan {}", i + 1))
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
