//! `iact plot`: figures of responses, sensitivities and forests; several productions in one figure.

use recoil_outputs::figure;
use recoil_stage::{Config, Description, Inputs, OutputKind, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pictures::{Drawing, INPUTS, names};

/// Keys of `iact plot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlotKeys {
    /// Names for the legend, one per input of a role in their order; their folders and files name them otherwise.
    pub labels: Vec<String>,
    /// Text in the frames.
    pub note: String,
    /// Format of the figures: `svg`, `png` or `pdf`.
    pub format: String,
    /// Observation time of the sensitivities \[h\].
    pub obs_time: f64,
    /// Significance of the sensitivities in standard deviations.
    pub significance: f64,
}

impl Default for PlotKeys {
    fn default() -> Self {
        Self { labels: Vec::new(), note: String::new(), format: "svg".into(), obs_time: 50.0, significance: 5.0 }
    }
}

impl Config for PlotKeys {
    fn check(&self) -> Vec<recoil_stage::Problem> {
        if ["svg", "png", "pdf"].contains(&self.format.as_str()) {
            Vec::new()
        } else {
            vec![recoil_stage::Problem::new("format", "must be svg, png or pdf")]
        }
    }
}

/// Draws figures.
pub struct Plot;

impl Stage for Plot {
    type Config = PlotKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact plot",
            about: "Draw responses, sensitivities and importances, several productions in one figure",
            long: "Give responses (--irf), tables that iact sensitivity wrote (--sensitivity, --performance), forests that \
                   iact train wrote (--forest), reconstructed gammas and protons (--gammas, --protons), and DL1 files \
                   (--images, of which the brightest image is drawn), each as often as there are productions to be compared.",
            inputs: INPUTS,
            output: OutputKind::Directory { doc: "the figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &PlotKeys, inputs: &Inputs) -> Vec<String> {
        names(inputs).into_iter().map(|name| format!("{name}.{}", config.format)).collect()
    }

    fn run(&self, config: &PlotKeys, run: &Run) -> Result<Report, StageError> {
        let pictures = Drawing { config, run }.all()?;
        if pictures.is_empty() {
            return Err(StageError::usage(
                "there is nothing to draw: give --irf, --sensitivity, --performance, --forest, --gammas and --protons, or --images",
            ));
        }
        let count = pictures.len();
        for picture in pictures {
            figure(run, &format!("{}.{}", picture.name, config.format), picture.figure)?;
        }
        Ok(Report::new().value("inputs", run.inputs().files().len()).value("figures", count))
    }
}
