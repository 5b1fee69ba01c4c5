//! `tau report`: what was measured of several models, on one page.

use recoil_plot::report::{Page, Section, Table};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use super::evaluate::level_problem;
use super::roc::{PERFORMANCE, labelled, read, regions};
use crate::evaluation::Fake;
use crate::evaluation::efficiency::Variable;
use crate::evaluation::figures::{self, Labelled};
use crate::evaluation::performance::Curve;
use crate::evaluation::rates::{self, Rates};

/// Efficiencies in bins.
const EFFICIENCY: InputRole =
    InputRole::optional("efficiency", "efficiencies in bins, as efficiency writes them", &["csv"]);

/// Keys of `tau report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportKeys {
    /// Heading.
    pub title: String,
    /// Legend entries; empty: the names in the files.
    pub labels: Vec<String>,
    /// Name of the sample in figures of efficiencies; empty: that of the first file.
    pub sample: String,
    /// Central content of the bands.
    pub level: f64,
}

impl Default for ReportKeys {
    fn default() -> Self {
        Self { title: "Tau identification".to_owned(), labels: Vec::new(), sample: String::new(), level: 0.68 }
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
                   model, tables of the working points with their intervals, and efficiencies in bins if they are given.",
            inputs: &[PERFORMANCE, EFFICIENCY],
            output: OutputKind::File { doc: "page", formats: &["html"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ReportKeys, run: &Run) -> Result<Report, StageError> {
        let all = read(run)?;
        let mut page = Page::new(&config.title).provenance(run.embedded_provenance());
        let binned = match run.inputs().optional(EFFICIENCY.role) {
            Some(file) => rates::read(&file.path).map_err(blame("cannot read the efficiencies"))?,
            None => Vec::new(),
        };
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
            let alias = known.first().map(|curve| curve.dataset_alias.clone()).unwrap_or_default();
            let sample = if config.sample.is_empty() { &alias } else { &config.sample };
            for rates in binned.iter().filter(|rates| rates.kind == kind) {
                let points = rates.binned();
                let figure = figures::efficiency(kind, rates.variable, &rates.edges, &points, sample);
                section = section.figure(&figure, efficiency_text(rates));
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

fn efficiency_text(rates: &Rates) -> String {
    let what = match rates.variable {
        Variable::Pt => "transverse momentum",
        Variable::Eta => "pseudorapidity",
        Variable::Phi => "azimuth",
        Variable::DecayMode => "decay mode",
    };
    format!("Working points against {} and {what}: taus that pass, and fakes that pass", rates.kind.title())
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

/// A rate with the digits that matter: `0.6151`, or `8.2e-4` if it is small.
fn rate(value: f64) -> String {
    if value == 0.0 || value >= 0.01 { format!("{value:.4}") } else { format!("{value:.1e}") }
}

fn point_table(label: &str, points: &Curve) -> Table {
    let mut table =
        Table::new(&["working point", "tau efficiency", "fake rate"]).caption(format!("Working points of {label}"));
    let at = |list: &Option<Vec<f64>>, place: usize| list.as_ref().and_then(|list| list.get(place)).copied();
    let shown = |value: f64, up: Option<f64>, down: Option<f64>| match (up, down) {
        (Some(up), Some(down)) => format!("{} +{} -{}", rate(value), rate(up), rate(down)),
        _ => rate(value),
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
