//! Figures of results, for files and for pages.

use recoil_fits::Fits;
use recoil_forest::Forest;
use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{InputFile, InputRole, Inputs, Run, StageError};
use recoil_table::ReadOptions;

use super::dl1_input::parameters;
use super::images::brightest;
use super::plot::PlotKeys;
use crate::figures::{camera, importances, performance, sensitivity, separation};
use crate::irf::resolution::EnergyResolution;
use crate::irf::response::Cube;
use crate::reconstruct::Columns;
use crate::reconstruct::models::learns;

const IRFS: InputRole = InputRole::optional("irf", "responses", &["fits", "gz"]).many();
pub(crate) const SENSITIVITIES: InputRole =
    InputRole::optional("sensitivity", "tables of sensitivities", &["parquet"]).many();
const PERFORMANCES: InputRole = InputRole::optional("performance", "tables of the performance", &["parquet"]).many();
const FORESTS: InputRole = InputRole::optional("forest", "forests", &["safetensors"]).many();
const GAMMAS: InputRole = InputRole::optional("gammas", "reconstructed gammas", &["parquet", "h5"]).many();
const PROTONS: InputRole =
    InputRole::optional("protons", "reconstructed protons, as many files as gammas", &["parquet", "h5"]).many();
const IMAGES: InputRole = InputRole::optional("images", "DL1 files with images", &["h5"]).many();

/// What figures are drawn from.
pub(crate) const INPUTS: &[InputRole] = &[IRFS, SENSITIVITIES, PERFORMANCES, FORESTS, GAMMAS, PROTONS, IMAGES];

/// A figure with its name, without extension, and what stands below it on a page.
pub(crate) struct Picture {
    pub(crate) name: String,
    pub(crate) caption: String,
    pub(crate) figure: Figure,
}

fn picture(name: &str, caption: &str, figure: Figure) -> Picture {
    Picture { name: name.into(), caption: caption.into(), figure }
}

/// Figures by the role that they are drawn from, but those of images.
const FIGURES: [(&str, &[&str]); 5] = [
    ("irf", &["irf_effective_area", "irf_energy_dispersion"]),
    ("sensitivity", &["sensitivity"]),
    ("performance", &["effective_area", "angular_resolution", "energy_resolution"]),
    ("forest", &["importances"]),
    ("gammas", &["roc", "gammaness"]),
];

/// Names of the figures, without extension.
pub(crate) fn names(inputs: &Inputs) -> Vec<String> {
    let given = FIGURES.iter().filter(|(role, _)| inputs.all(role).next().is_some());
    let mut all: Vec<String> = given.flat_map(|(_, names)| names.iter()).map(|name| (*name).to_owned()).collect();
    all.extend((1..=inputs.all(IMAGES.role).count()).map(|number| format!("image_{number}")));
    all
}

/// What is drawn.
pub(crate) struct Drawing<'a> {
    pub(crate) config: &'a PlotKeys,
    pub(crate) run: &'a Run<'a>,
}

impl Drawing<'_> {
    /// All figures that the inputs give.
    pub(crate) fn all(&self) -> Result<Vec<Picture>, StageError> {
        let mut all = self.images()?;
        all.extend(self.forests()?);
        all.extend(self.separation()?);
        all.extend(self.performances()?);
        all.extend(self.sensitivities()?);
        all.extend(self.irfs()?);
        Ok(all)
    }

    /// The brightest image of each file.
    fn images(&self) -> Result<Vec<Picture>, StageError> {
        let mut all = Vec::new();
        for (place, (label, file)) in self.labelled(IMAGES.role).into_iter().enumerate() {
            let drawing = || format!("cannot draw an image of {}", file.spec());
            let image = brightest(&file.path).map_err(super::blame(drawing()))?;
            let note = if self.config.note.is_empty() { label } else { format!("{label}: {}", self.config.note) };
            let caption =
                "The brightest image of a file: charges, the pixels that the cleaning kept, and their ellipse.";
            all.push(picture(&format!("image_{}", place + 1), caption, camera::figure(&image, &note)));
        }
        Ok(all)
    }

    /// How well gammaness separates.
    fn separation(&self) -> Result<Vec<Picture>, StageError> {
        let gammas = self.labelled(GAMMAS.role);
        let protons: Vec<&InputFile> = self.run.inputs().all(PROTONS.role).collect();
        if gammas.len() != protons.len() {
            let told = format!("{} files of gammas and {} of protons: give pairs", gammas.len(), protons.len());
            return Err(StageError::usage(told));
        }
        let column = |file: &InputFile| -> Result<Vec<f64>, StageError> {
            let table = parameters(file)?;
            let reading = || format!("cannot read {table}");
            let options = ReadOptions::default().columns(["gammaness"]);
            let batch = recoil_table::open(&table, &options).and_then(|mut reader| reader.read_all());
            let batch = batch.input_error(reading())?;
            Ok(batch.scalar_as::<f64>("gammaness").input_error(reading())?.into_owned())
        };
        let mut pairs = Vec::new();
        for ((label, gammas), protons) in gammas.into_iter().zip(protons) {
            pairs.push((label, column(gammas)?, column(protons)?));
        }
        let Some((_, first_gammas, first_protons)) = pairs.first() else { return Ok(Vec::new()) };
        let scores = |values: &[f64]| -> Vec<(f64, f64)> { values.iter().map(|score| (*score, 1.0)).collect() };
        let curves: Vec<separation::Roc> =
            pairs.iter().map(|(_, g, p)| separation::Roc::new(&scores(g), &scores(p))).collect();
        let named: Vec<(&str, &separation::Roc)> =
            pairs.iter().map(|(label, ..)| label.as_str()).zip(&curves).collect();
        let note = &self.config.note;
        Ok(vec![
            picture("roc", "Gammas that a cut on gammaness keeps, against protons.", separation::roc(&named, note)),
            picture(
                "gammaness",
                "Gammaness of gammas and protons.",
                separation::gammaness(first_gammas, first_protons, note),
            ),
        ])
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

    fn irfs(&self) -> Result<Vec<Picture>, StageError> {
        let files = self.labelled(IRFS.role);
        if files.is_empty() {
            return Ok(Vec::new());
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
        let mut all = vec![picture(
            "irf_effective_area",
            "Effective area of the responses.",
            performance::effective_area(&curves, note),
        )];
        if let Some((cube, energy, migration, label)) = dispersion {
            let drawn = performance::energy_dispersion(&cube, &energy, &migration, &label);
            all.push(picture("irf_energy_dispersion", "Energy dispersion of the first response.", drawn));
        }
        Ok(all)
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

    fn sensitivities(&self) -> Result<Vec<Picture>, StageError> {
        let files = self.labelled(SENSITIVITIES.role);
        if files.is_empty() {
            return Ok(Vec::new());
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
        let caption = "The smallest flux that is detected in each bin of energy, against that of the Crab nebula.";
        Ok(vec![picture("sensitivity", caption, drawn)])
    }

    fn performances(&self) -> Result<Vec<Picture>, StageError> {
        let files = self.labelled(PERFORMANCES.role);
        if files.is_empty() {
            return Ok(Vec::new());
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
        let resolution = performance::angular_resolution(&curves("angular_resolution")?, note);
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
        let energy = performance::energy_resolution(&energy, note);
        Ok(vec![
            picture("effective_area", "Effective area after the cuts of best sensitivity.", area),
            picture("angular_resolution", "Angle that holds 68 % of the reconstructed directions.", resolution),
            picture("energy_resolution", "Bias and resolution of the reconstructed energy.", energy),
        ])
    }

    fn forests(&self) -> Result<Vec<Picture>, StageError> {
        let files = self.labelled(FORESTS.role);
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = Vec::new();
        for (label, file) in files {
            let name = file.file_name();
            let label = match learns(&name) {
                // the usual file of a forest, without a name of its own
                Some(known) if name.split('.').next() == Some(&label) => known.to_owned(),
                _ => label,
            };
            read.push((label, Forest::read(&file.path).input_error("cannot read a forest")?));
        }
        let named: Vec<(&str, &Forest)> = read.iter().map(|(label, forest)| (label.as_str(), forest)).collect();
        let caption = "Which features the forests look at.";
        Ok(vec![picture("importances", caption, importances::figure(&named))])
    }
}
