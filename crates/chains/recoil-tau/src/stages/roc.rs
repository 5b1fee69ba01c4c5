//! `tau roc`: measured curves of several models in one figure.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use super::evaluate::level_problem;
use crate::evaluation::Fake;
use crate::evaluation::figures::{self, Labelled};
use crate::evaluation::performance::{self, Curve, Performance};

/// The role of measured curves.
pub(super) const PERFORMANCE: InputRole =
    InputRole::required("performance", "curves, as evaluate writes them; the first is the reference", &["json"]).many();

/// Keys of `tau roc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RocKeys {
    /// Kind of fakes: `e`, `mu` or `jet`.
    pub vs_type: Fake,
    /// Which of the regions of the first file, from 0.
    pub region: usize,
    /// Legend entries; empty: the names in the files.
    pub labels: Vec<String>,
    /// Name of the sample; empty: that of the first file.
    pub sample: String,
    /// Central content of the bands.
    pub level: f64,
}

impl Default for RocKeys {
    fn default() -> Self {
        Self { vs_type: Fake::Jet, region: 0, labels: Vec::new(), sample: String::new(), level: 0.68 }
    }
}

impl Config for RocKeys {
    fn check(&self) -> Vec<Problem> {
        level_problem(self.level).into_iter().collect()
    }
}

/// The curves of all files.
pub(super) fn read(run: &Run) -> Result<Vec<Performance>, StageError> {
    let files = run.inputs().all(PERFORMANCE.role);
    files.map(|file| performance::read(&file.path).map_err(blame("cannot read the curves"))).collect()
}

fn same_region(a: &Curve, b: &Curve) -> bool {
    let of = |curve: &Curve| (curve.pt_min, curve.pt_max, curve.eta_min, curve.eta_max);
    a.vs_type == b.vs_type && of(a) == of(b) && a.dm_bin == b.dm_bin
}

/// Regions that the first file has a curve or points in.
pub(super) fn regions(performance: &Performance, kind: Fake) -> Vec<&Curve> {
    let mut found: Vec<&Curve> = Vec::new();
    for curve in performance.metrics.roc_curve.iter().chain(&performance.metrics.roc_wp) {
        if curve.vs_type == kind && !found.iter().any(|known| same_region(known, curve)) {
            found.push(curve);
        }
    }
    found
}

/// The models that have curves or points in a region.
pub(super) fn labelled<'a>(all: &'a [Performance], labels: &'a [String], region: &Curve) -> Vec<Labelled<'a>> {
    let of = |curves: &'a [Curve]| curves.iter().find(|curve| same_region(curve, region));
    let one = |(place, performance): (usize, &'a Performance)| Labelled {
        label: labels.get(place).unwrap_or(&performance.name),
        curve: of(&performance.metrics.roc_curve),
        points: of(&performance.metrics.roc_wp),
    };
    let models = all.iter().enumerate().map(one);
    models.filter(|model| model.curve.is_some() || model.points.is_some()).collect()
}

/// Draws curves of several models.
pub struct Roc;

impl Stage for Roc {
    type Config = RocKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau roc",
            about: "Draw ROC curves of several models in one figure",
            long: "Tau efficiency against fake rate in one region, with bands of the Clopper-Pearson interval, the working points, \
                   and below the ratio of the fake rates to those of the first model.",
            inputs: &[PERFORMANCE],
            output: OutputKind::File { doc: "figure", formats: &["pdf", "svg", "png"] },
            flags: &[
                Flag { name: "vs", key: "vs_type", list: false },
                Flag { name: "labels", key: "labels", list: true },
            ],
        }
    }

    fn run(&self, config: &RocKeys, run: &Run) -> Result<Report, StageError> {
        let all = read(run)?;
        let kind = config.vs_type;
        let known = all.first().map(|first| regions(first, kind)).unwrap_or_default();
        let Some(region) = known.get(config.region) else {
            let count = known.len();
            let message =
                format!("region {} is asked for, the first file has {count} against {}", config.region, kind.title());
            return Err(StageError::input(message));
        };
        let models = labelled(&all, &config.labels, region);
        if models.len() < all.len() {
            run.warn("no_region", format!("{} files have no curve in this region", all.len() - models.len()));
        }
        let sample = if config.sample.is_empty() { &region.dataset_alias } else { &config.sample };
        let figure = figures::roc(kind, &models, &region.label(), sample, config.level);
        let path = run.output_file()?;
        let format = path.extension().and_then(|extension| extension.to_str()).unwrap_or("svg").to_lowercase();
        let bytes =
            figure.provenance(run.embedded_provenance()).render(&format).internal_error("cannot draw the curves")?;
        std::fs::write(&path, bytes).output_error("cannot write the figure")?;
        let row = |model: &Labelled<'_>| vec![model.label.into(), model.curve.and_then(|curve| curve.auc_score).into()];
        Ok(Report::new().table("models", &["model", "area"], models.iter().map(row).collect()))
    }
}
