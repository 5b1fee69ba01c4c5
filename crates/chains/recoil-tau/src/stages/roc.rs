//! `tau roc` and `tau report`: measured curves of several models side by side.

use recoil_plot::report::{Page, Section, Table};
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
const PERFORMANCE: InputRole =
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

fn read(run: &Run) -> Result<Vec<Performance>, StageError> {
    let files = run.inputs().files().iter();
    files.map(|file| performance::read(&file.path).map_err(blame("cannot read the curves"))).collect()
}

fn same_region(a: &Curve, b: &Curve) -> bool {
    let of = |curve: &Curve| (curve.pt_min, curve.pt_max, curve.eta_min, curve.eta_max);
    a.vs_type == b.vs_type && of(a) == of(b) && a.dm_bin == b.dm_bin
}

/// Regions that the first file has a curve or points in.
fn regions(performance: &Performance, kind: Fake) -> Vec<&Curve> {
    let mut found: Vec<&Curve> = Vec::new();
    for curve in performance.metrics.roc_curve.iter().chain(&performance.metrics.roc_wp) {
        if curve.vs_type == kind && !found.iter().any(|known| same_region(known, curve)) {
            found.push(curve);
        }
    }
    found
}

fn labelled<'a>(all: &'a [Performance], labels: &'a [String], region: &Curve) -> Vec<Labelled<'a>> {
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

/// Keys of `tau report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportKeys {
    /// Heading.
    pub title: String,
    /// Legend entries; empty: the names in the files.
    pub labels: Vec<String>,
    /// Central content of the bands.
    pub level: f64,
}

impl Default for ReportKeys {
    fn default() -> Self {
        Self { title: "Tau identification".to_owned(), labels: Vec::new(), level: 0.68 }
    }
}

impl Config for ReportKeys {
    fn check(&self) -> Vec<Problem> {
        level_problem(self.level).into_iter().collect()
    }
}

/// Writes a page about several models.
pub struct Summary;

impl Stage for Summary {
    type Config = ReportKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau report",
            about: "Write a page that compares models",
            long: "A self-contained HTML page: areas under the curves, ROC figures of all regions with ratios to the first \
                   model, and tables of the working points with their intervals.",
            inputs: &[PERFORMANCE],
            output: OutputKind::File { doc: "page", formats: &["html"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ReportKeys, run: &Run) -> Result<Report, StageError> {
        let all = read(run)?;
        let mut page = Page::new(&config.title).provenance(run.embedded_provenance());
        let mut count = 0;
        for kind in Fake::ALL {
            let known = all.first().map(|first| regions(first, kind)).unwrap_or_default();
            let mut section = Section::new(format!("Against {}", kind.title()));
            for region in &known {
                let models = labelled(&all, &config.labels, region);
                let figure = figures::roc(kind, &models, &region.label(), &region.dataset_alias, config.level);
                section = section.figure(&figure, region_text(region));
                section = section.table(areas(&models));
                for model in &models {
                    if let Some(points) = model.points {
                        section = section.table(point_table(model.label, points));
                    }
                }
                count += 1;
            }
            if !known.is_empty() {
                page = page.section(section);
            }
        }
        if count == 0 {
            return Err(StageError::input("the first file holds no curve"));
        }
        std::fs::write(run.output_file()?, page.html()).output_error("cannot write the page")?;
        Ok(Report::new().value("models", all.len()).value("regions", count))
    }
}

fn region_text(curve: &Curve) -> String {
    let modes: Vec<String> = curve.dm_bin.iter().map(ToString::to_string).collect();
    format!(
        "{} to {} GeV, |eta| {} to {}, decay modes {}",
        curve.pt_min,
        curve.pt_max,
        curve.eta_min,
        curve.eta_max,
        modes.join(", ")
    )
}

fn areas(models: &[Labelled<'_>]) -> Table {
    let mut table = Table::new(&["model", "area", "taus", "fakes"]).caption("Areas under the curves");
    for model in models {
        if let Some(curve) = model.curve {
            let area = curve.auc_score.map(|area| format!("{area:.6}")).unwrap_or_default();
            table = table.row(&[model.label.to_owned(), area, curve.n_taus.to_string(), curve.n_fakes.to_string()]);
        }
    }
    table
}

fn point_table(label: &str, points: &Curve) -> Table {
    let mut table =
        Table::new(&["working point", "tau efficiency", "fake rate"]).caption(format!("Working points of {label}"));
    let at = |list: &Option<Vec<f64>>, place: usize| list.as_ref().and_then(|list| list.get(place)).copied();
    let shown = |value: f64, up: Option<f64>, down: Option<f64>| match (up, down) {
        (Some(up), Some(down)) => format!("{value:.3e} +{up:.1e} -{down:.1e}"),
        _ => format!("{value:.3e}"),
    };
    for (place, (&taus, &fakes)) in points.true_positive_rate.iter().zip(&points.false_positive_rate).enumerate() {
        let name = points.wp_names.as_ref().and_then(|names| names.get(place)).cloned();
        table = table.row(&[
            name.unwrap_or_else(|| (place + 1).to_string()),
            shown(taus, at(&points.true_positive_rate_up, place), at(&points.true_positive_rate_down, place)),
            shown(fakes, at(&points.false_positive_rate_up, place), at(&points.false_positive_rate_down, place)),
        ]);
    }
    table
}
