//! `iact report`: results on one page.

use recoil_plot::report::{Page, Section, Table};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::ReadOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use super::pictures::{Drawing, INPUTS, SENSITIVITIES};
use super::plot::PlotKeys;
use crate::reconstruct::Columns;

/// Keys of `iact report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportKeys {
    /// Heading.
    pub title: String,
    /// How the figures are drawn.
    pub figures: PlotKeys,
}

impl Default for ReportKeys {
    fn default() -> Self {
        Self { title: "Cherenkov telescope".into(), figures: PlotKeys::default() }
    }
}

impl Config for ReportKeys {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// Writes a page.
pub struct Summary;

/// Sections by the beginnings of the figures' names.
const SECTIONS: [(&str, &[&str]); 5] = [
    ("Images", &["image_"]),
    ("Forests", &["importances", "roc", "gammaness"]),
    ("Performance", &["effective_area", "angular_resolution", "energy_resolution"]),
    ("Sensitivity", &["sensitivity"]),
    ("Responses", &["irf_"]),
];

impl Stage for Summary {
    type Config = ReportKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact report",
            about: "Show results as one page with tables and figures",
            long: "Takes what iact plot takes: images, forests, reconstructed events, sensitivities and responses of one or \
                   more productions. The page needs nothing but itself.",
            inputs: INPUTS,
            output: OutputKind::File { doc: "the page", formats: &["html"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ReportKeys, run: &Run) -> Result<Report, StageError> {
        let pictures = Drawing { config: &config.figures, run }.all()?;
        let mut page = Page::new(&config.title).provenance(run.embedded_provenance());
        for (title, names) in SECTIONS {
            let own = pictures.iter().filter(|picture| names.iter().any(|name| picture.name.starts_with(name)));
            let own: Vec<_> = own.collect();
            if own.is_empty() {
                continue;
            }
            let mut section = Section::new(title);
            for picture in own {
                section = section.figure(&picture.figure, &picture.caption);
            }
            if title == "Sensitivity" {
                for file in run.inputs().all(SENSITIVITIES.role) {
                    section = section.table(sensitivities(&file.spec())?);
                }
            }
            page = page.section(section);
        }
        std::fs::write(run.output_file()?, page.html()).output_error("cannot write the page")?;
        Ok(Report::new().value("figures", pictures.len()))
    }
}

/// The bins of a sensitivity with their cuts.
fn sensitivities(file: &str) -> Result<Table, StageError> {
    const NAMES: [&str; 7] = [
        "reco_energy_low",
        "reco_energy_high",
        "relative_sensitivity",
        "gh_cut",
        "theta_cut",
        "n_signal_weighted",
        "n_background_weighted",
    ];
    let reading = || format!("cannot read {file}");
    let batch = recoil_table::open(file, &ReadOptions::default().columns(NAMES));
    let batch = batch.and_then(|mut reader| reader.read_all()).input_error(reading())?;
    let table = Columns::of_batch(&batch, NAMES).map_err(blame(reading()))?;
    let header =
        ["energy [TeV]", "% of the Crab nebula", "cut on gammaness", "cut on theta [deg]", "gammas", "off events"];
    let mut shown = Table::new(&header).caption("Sensitivity with its cuts; gammas of the whole Crab nebula");
    let columns: Vec<&[f64]> =
        NAMES.iter().map(|name| table.get(name)).collect::<Result<_, _>>().map_err(blame(reading()))?;
    for row in 0..table.rows() {
        let [low, high, relative, gammaness, theta, signal, off] = std::array::from_fn(|place| {
            columns.get(place).and_then(|column| column.get(row)).copied().unwrap_or(f64::NAN)
        });
        if low > 0.0 && high.is_finite() {
            let relative = if relative.is_finite() { format!("{:.3}", 100.0 * relative) } else { String::new() };
            shown = shown.row(&[
                format!("{low:.3} to {high:.3}"),
                relative,
                format!("{gammaness:.3}"),
                format!("{theta:.3}"),
                format!("{signal:.1}"),
                format!("{off:.1}"),
            ]);
        }
    }
    Ok(shown)
}
