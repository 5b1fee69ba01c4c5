//! `iact plot`: figures of responses, sensitivities and forests; several productions in one figure.

use recoil_fits::Fits;
use recoil_forest::Forest;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputFile, InputRole, Inputs, OutputKind, Report, Run, Stage, StageError};
use recoil_table::ReadOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drawing::figure;
use crate::figures::{importances, performance, sensitivity};
use crate::irf::resolution::EnergyResolution;
use crate::irf::response::Cube;
use crate::reconstruct::Columns;

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
    /// Observation time of the sensitivities [h].
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

const IRFS: InputRole = InputRole::optional("irf", "responses", &["fits", "gz"]).many();
const SENSITIVITIES: InputRole = InputRole::optional("sensitivity", "tables of sensitivities", &["parquet"]).many();
const PERFORMANCES: InputRole = InputRole::optional("performance", "tables of the performance", &["parquet"]).many();
const FORESTS: InputRole = InputRole::optional("forest", "forests", &["safetensors"]).many();

/// Figures by the role that they are drawn from.
const FIGURES: [(&str, &[&str]); 4] = [
    ("irf", &["irf_effective_area", "irf_energy_dispersion"]),
    ("sensitivity", &["sensitivity"]),
    ("performance", &["effective_area", "angular_resolution", "energy_resolution"]),
    ("forest", &["importances"]),
];

impl Stage for Plot {
    type Config = PlotKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact plot",
            about: "Draw responses, sensitivities and importances, several productions in one figure",
            long: "Give responses (--irf), tables that iact sensitivity wrote (--sensitivity, --performance) and forests that \
                   iact train wrote (--forest), each as often as there are productions to be compared.",
            inputs: &[IRFS, SENSITIVITIES, PERFORMANCES, FORESTS],
            output: OutputKind::Directory { doc: "the figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &PlotKeys, inputs: &Inputs) -> Vec<String> {
        let given = FIGURES.iter().filter(|(role, _)| inputs.optional(role).is_some());
        given.flat_map(|(_, names)| names.iter()).map(|name| format!("{name}.{}", config.format)).collect()
    }

    fn run(&self, config: &PlotKeys, run: &Run) -> Result<Report, StageError> {
        if run.inputs().files().is_empty() {
            return Err(StageError::usage(
                "there is nothing to draw: give --irf, --sensitivity, --performance or --forest",
            ));
        }
        let drawing = Drawing { config, run };
        drawing.irfs()?;
        drawing.sensitivities()?;
        drawing.performances()?;
        drawing.forests()?;
        Ok(Report::new().value("inputs", run.inputs().files().len()))
    }
}

struct Drawing<'a> {
    config: &'a PlotKeys,
    run: &'a Run<'a>,
}

impl Drawing<'_> {
    fn name(&self, figure: &str) -> String {
        format!("{figure}.{}", self.config.format)
    }

    /// Inputs of a role with their names.
    fn labelled(&self, role: &'static str) -> Vec<(String, &InputFile)> {
        let files: Vec<&InputFile> = self.run.inputs().all(role).collect();
        let stem = |file: &InputFile| file.file_name().split('.').next().unwrap_or_default().to_owned();
        let same = files.windows(2).any(|pair| stem(pair[0]) == stem(pair[1]));
        let named = files.iter().enumerate().map(|(place, file)| {
            let folder = file.path.parent().and_then(|folder| folder.file_name());
            let own = match folder {
                Some(folder) if same => folder.to_string_lossy().into_owned(),
                _ => stem(file),
            };
            (self.config.labels.get(place).cloned().unwrap_or(own), *file)
        });
        named.collect()
    }

    fn irfs(&self) -> Result<(), StageError> {
        let files = self.labelled(IRFS.role);
        if files.is_empty() {
            return Ok(());
        }
        let mut areas = Vec::new();
        let mut dispersion = None;
        for (label, file) in &files {
            let reading = || format!("cannot read {}", file.spec());
            let fits = Fits::read(&file.path).input_error(reading())?;
            let edges = |table: &recoil_fits::Table, axis: &str| -> Result<Vec<f64>, StageError> {
                let mut edges = table.doubles(&format!("{axis}_LO")).input_error(reading())?;
                edges.extend(table.doubles(&format!("{axis}_HI")).input_error(reading())?.last());
                Ok(edges)
            };
            let table = fits.table("EFFECTIVE AREA").input_error(reading())?;
            let energy = edges(table, "ENERG")?;
            let area = table.doubles("EFFAREA").input_error(reading())?;
            let bins = energy.len() - 1;
            let offsets = edges(table, "THETA")?;
            for (place, pair) in offsets.windows(2).enumerate() {
                let values = area.get(place * bins..(place + 1) * bins).unwrap_or_default().to_vec();
                let text = if offsets.len() > 2 {
                    format!("{label}, {:.2} to {:.2} deg", pair[0], pair[1])
                } else {
                    label.clone()
                };
                areas.push((text, energy.clone(), values));
            }
            if dispersion.is_none() {
                let table = fits.table("ENERGY DISPERSION").input_error(reading())?;
                let (energy, migration) = (edges(table, "ENERG")?, edges(table, "MIGRA")?);
                let stored = table.doubles("MATRIX").input_error(reading())?;
                let (energies, migrations) = (energy.len() - 1, migration.len() - 1);
                // energy is the fastest index of the file
                let values = (0..energies * migrations)
                    .map(|place| stored.get(place % migrations * energies + place / migrations).copied().unwrap_or(0.0))
                    .collect();
                dispersion =
                    Some((Cube { shape: [energies, migrations, 1], values }, energy, migration, label.clone()));
            }
        }
        let curves: Vec<performance::Curve<'_>> = areas
            .iter()
            .map(|(label, edges, values)| performance::Curve { label, edges, values: values.clone() })
            .collect();
        let note = &self.config.note;
        figure(self.run, &self.name("irf_effective_area"), performance::effective_area(&curves, note))?;
        if let Some((cube, energy, migration, label)) = dispersion {
            let drawn = performance::energy_dispersion(&cube, &energy, &migration, &label);
            figure(self.run, &self.name("irf_energy_dispersion"), drawn)?;
        }
        Ok(())
    }

    fn table(&self, file: &InputFile, names: &[&str]) -> Result<Columns, StageError> {
        let reading = || format!("cannot read {}", file.spec());
        let batch = recoil_table::open(&file.spec(), &ReadOptions::default())
            .and_then(|mut reader| reader.read_all())
            .input_error(reading())?;
        Columns::of_batch(&batch, names.iter().copied()).map_err(super::blame(reading()))
    }

    fn edges(&self, table: &Columns, axis: &str) -> Result<Vec<f64>, StageError> {
        let reading = || format!("cannot read {}", table.file());
        let mut edges = table.get(&format!("{axis}_low")).map_err(super::blame(reading()))?.to_vec();
        edges.extend(table.get(&format!("{axis}_high")).map_err(super::blame(reading()))?.last());
        Ok(edges)
    }

    fn sensitivities(&self) -> Result<(), StageError> {
        let files = self.labelled(SENSITIVITIES.role);
        if files.is_empty() {
            return Ok(());
        }
        let mut read = Vec::new();
        for (label, file) in files {
            let table = self.table(file, &["reco_energy_low", "reco_energy_high", "flux_sensitivity"])?;
            let flux = table.get("flux_sensitivity").map_err(super::blame(format!("cannot read {}", file.spec())))?;
            read.push((label, self.edges(&table, "reco_energy")?, flux.to_vec()));
        }
        let curves: Vec<sensitivity::Curve<'_>> =
            read.iter().map(|(label, edges, flux)| sensitivity::Curve { label, edges, flux }).collect();
        let drawn = sensitivity::figure(&curves, self.config.obs_time, self.config.significance);
        figure(self.run, &self.name("sensitivity"), drawn)
    }

    fn performances(&self) -> Result<(), StageError> {
        let files = self.labelled(PERFORMANCES.role);
        if files.is_empty() {
            return Ok(());
        }
        let names = [
            "true_energy_low",
            "true_energy_high",
            "effective_area",
            "angular_resolution",
            "energy_bias",
            "energy_resolution",
            "energy_resolution_abs68",
        ];
        let mut read = Vec::new();
        for (label, file) in files {
            let table = self.table(file, &names)?;
            read.push((label, self.edges(&table, "true_energy")?, table));
        }
        let column = |table: &Columns, name: &str| -> Result<Vec<f64>, StageError> {
            Ok(table.get(name).map_err(super::blame(format!("cannot read {}", table.file())))?.to_vec())
        };
        let curves = |name: &str| -> Result<Vec<performance::Curve<'_>>, StageError> {
            read.iter()
                .map(|(label, edges, table)| Ok(performance::Curve { label, edges, values: column(table, name)? }))
                .collect()
        };
        let note = &self.config.note;
        let area = performance::effective_area(&curves("effective_area")?, note);
        figure(self.run, &self.name("effective_area"), area)?;
        let resolution = performance::angular_resolution(&curves("angular_resolution")?, note);
        figure(self.run, &self.name("angular_resolution"), resolution)?;
        let mut energy = Vec::new();
        for (label, edges, table) in &read {
            let [bias, width, absolute] =
                ["energy_bias", "energy_resolution", "energy_resolution_abs68"].map(|name| column(table, name));
            let (bias, width, absolute) = (bias?, width?, absolute?);
            let bins = bias.iter().zip(&width).zip(&absolute);
            let found: Vec<EnergyResolution> = bins
                .map(|((bias, width), absolute)| EnergyResolution {
                    bias: *bias,
                    half_width: *width,
                    absolute: *absolute,
                    events: 0,
                })
                .collect();
            energy.push((label.as_str(), edges.as_slice(), found));
        }
        figure(self.run, &self.name("energy_resolution"), performance::energy_resolution(&energy, note))
    }

    fn forests(&self) -> Result<(), StageError> {
        let files = self.labelled(FORESTS.role);
        if files.is_empty() {
            return Ok(());
        }
        let mut read = Vec::new();
        for (label, file) in files {
            read.push((label, Forest::read(&file.path).input_error("cannot read a forest")?));
        }
        let named: Vec<(&str, &Forest)> = read.iter().map(|(label, forest)| (label.as_str(), forest)).collect();
        figure(self.run, &self.name("importances"), importances::figure(&named))
    }
}
