//! `iact sensitivity`: the smallest detectable flux, with figures of the performance.

use arrow_array::{Array as _, ArrayRef, Float64Array, Int64Array};
use recoil_fits::{Card, Column, Fits, Values};
use recoil_outputs::{figures, pictures};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

use super::dl2_input::{Sample, Selection, read};
use super::irf_keys::{EventSelector, GivenRuns};
use crate::figures::{performance, sensitivity as drawing, separation};
use crate::irf::binning::{bins_per_decade, with_overflow};
use crate::irf::resolution::{ONE_SIGMA, angular_resolution, energy_resolution};
use crate::irf::response::{effective_area, energy_dispersion};
use crate::irf::sensitivity::{Detection, Optimisation, Optimised};
use crate::irf::spectra::Spectrum;
use crate::irf::{Events, binning};

/// Keys of `iact sensitivity`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SensitivityKeys {
    /// Selection of events.
    #[serde(rename = "EventSelector")]
    pub selector: EventSelector,
    /// Telescopes whose events are used.
    pub allowed_tels: Vec<i64>,
    /// Observation time \[h\].
    pub obs_time: f64,
    /// Size of the on region over that of the off region.
    pub alpha: f64,
    /// Significance of a detection in standard deviations.
    pub significance: f64,
    /// Events of signal that a detection needs.
    pub min_signal_events: f64,
    /// Signal over background that a detection needs.
    pub min_excess_over_background: f64,
    /// Least energy of the bins \[TeV\].
    pub energy_min: f64,
    /// Greatest energy of the bins \[TeV\].
    pub energy_max: f64,
    /// Bins per factor of ten.
    pub bins_per_decade: usize,
    /// Share of the gammas that the first cut on gammaness keeps.
    pub initial_gh_efficiency: f64,
    /// Greatest share of the gammas that is tried.
    pub max_gh_efficiency: f64,
    /// Step between shares that are tried.
    pub gh_efficiency_step: f64,
    /// Share of the gammas within the cut on theta.
    pub theta_containment: f64,
    /// Least cut on theta \[deg\].
    pub min_theta_cut: f64,
    /// Greatest cut on theta \[deg\], also of bins with too few events.
    pub max_theta_cut: f64,
    /// Offset from the camera's centre \[deg\] within which background is counted.
    pub max_background_offset: f64,
    /// Run headers for tables that have none.
    pub simulation: GivenRuns,
}

impl Default for SensitivityKeys {
    fn default() -> Self {
        Self {
            selector: EventSelector::default(),
            allowed_tels: vec![1],
            obs_time: 50.0,
            alpha: 0.1,
            significance: 5.0,
            min_signal_events: 10.0,
            min_excess_over_background: 0.05,
            energy_min: 0.02,
            energy_max: 20.05,
            bins_per_decade: 5,
            initial_gh_efficiency: 0.4,
            max_gh_efficiency: 0.9,
            gh_efficiency_step: 0.01,
            theta_containment: 0.68,
            min_theta_cut: 0.1,
            max_theta_cut: 0.5,
            max_background_offset: 1.0,
            simulation: GivenRuns::default(),
        }
    }
}

impl Config for SensitivityKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let positive = [
            ("obs_time", self.obs_time),
            ("alpha", self.alpha),
            ("significance", self.significance),
            ("energy_min", self.energy_min),
            ("max_background_offset", self.max_background_offset),
        ];
        for (key, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                found.push(Problem::new(key, "must be above 0"));
            }
        }
        for (key, share) in [
            ("initial_gh_efficiency", self.initial_gh_efficiency),
            ("max_gh_efficiency", self.max_gh_efficiency),
            ("gh_efficiency_step", self.gh_efficiency_step),
            ("theta_containment", self.theta_containment),
        ] {
            if !(share > 0.0 && share <= 1.0) {
                found.push(Problem::new(key, "must be above 0 and at most 1"));
            }
        }
        if self.gh_efficiency_step < 1e-4 {
            found.push(Problem::new("gh_efficiency_step", "must be at least 0.0001"));
        }
        if !(self.energy_min < self.energy_max && self.energy_max.is_finite()) {
            found.push(Problem::new("energy_max", "must be above energy_min"));
        }
        if !(1..=1000).contains(&self.bins_per_decade) {
            found.push(Problem::new("bins_per_decade", "must be from 1 to 1000"));
        }
        found
    }

    fn foreign() -> &'static [&'static str] {
        crate::config::LSTCHAIN_KEYS
    }
}

impl SensitivityKeys {
    fn optimisation(&self) -> Optimisation {
        let steps = (self.max_gh_efficiency / self.gh_efficiency_step).round() as usize;
        Optimisation {
            edges: with_overflow(bins_per_decade(self.energy_min, self.energy_max, self.bins_per_decade)),
            detection: Detection {
                alpha: self.alpha,
                significance: self.significance,
                signal_events: self.min_signal_events,
                excess_over_background: self.min_excess_over_background,
            },
            initial_efficiency: self.initial_gh_efficiency,
            efficiencies: (1..=steps).map(|step| step as f64 * self.gh_efficiency_step).collect(),
            containment: self.theta_containment,
            theta_limits: (self.min_theta_cut, self.max_theta_cut),
            background_offsets: (0.0, self.max_background_offset),
            source: Spectrum::CrabHegra,
        }
    }
}

/// Computes the sensitivity.
pub struct Sensitivity;

const GAMMAS: InputRole =
    InputRole::required("input-gamma-dl2", "reconstructed simulated gammas from a point", &["parquet", "h5"])
        .short('g')
        .many();
const PROTONS: InputRole =
    InputRole::required("input-proton-dl2", "reconstructed simulated protons", &["parquet", "h5"]).short('p').many();
const ELECTRONS: InputRole =
    InputRole::optional("input-electron-dl2", "reconstructed simulated electrons", &["parquet", "h5"])
        .short('e')
        .many();

/// Figures of the performance, in the order in which they are drawn.
const FIGURES: [&str; 7] = [
    "sensitivity",
    "effective_area",
    "angular_resolution",
    "energy_resolution",
    "energy_dispersion",
    "roc",
    "gammaness",
];

/// Tables of the folder.
const TABLES: [&str; 3] = ["sensitivity.parquet", "performance.parquet", "sensitivity.fits.gz"];

impl Stage for Sensitivity {
    type Config = SensitivityKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact sensitivity",
            about: "Compute the smallest detectable flux, with figures of the performance",
            long: "Weights gammas to the Crab nebula and cosmic rays to their fluxes, finds the cuts on gammaness and theta \
                   that give the best sensitivity in each bin of energy, and writes a folder: a table of sensitivities and \
                   cuts, a table of the performance in bins of true energy, both together as FITS file, and figures. The significance is that of Li and \
                   Ma (equation 17).",
            inputs: &[GAMMAS, PROTONS, ELECTRONS],
            output: OutputKind::Directory { doc: "tables and figures" },
            flags: &[
                Flag { name: "obs-time", key: "obs_time", list: false },
                Flag { name: "alpha", key: "alpha", list: false },
                Flag { name: "significance", key: "significance", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &SensitivityKeys, _inputs: &Inputs) -> Vec<String> {
        TABLES.map(str::to_owned).into_iter().chain(FIGURES.into_iter().flat_map(pictures)).collect()
    }

    fn run(&self, config: &SensitivityKeys, run: &Run) -> Result<Report, StageError> {
        let selection = Selection {
            filters: &config.selector.filters,
            finite: &config.selector.finite_params,
            telescopes: &config.allowed_tels,
            source_dependent: false,
        };
        let given = &config.simulation;
        let missing = || StageError::usage("gammas and protons must be given");
        let gammas = read(run, GAMMAS.role, &selection, given.gamma.as_ref())?.ok_or_else(missing)?;
        let protons = read(run, PROTONS.role, &selection, given.proton.as_ref())?.ok_or_else(missing)?;
        let electrons = read(run, ELECTRONS.role, &selection, given.electron.as_ref())?;
        let seconds = config.obs_time * 3600.0;
        let signal = weighted(&gammas, Spectrum::CrabHegra, seconds);
        let mut background = weighted(&protons, Spectrum::Proton, seconds);
        match &electrons {
            Some(electrons) => background.append(&weighted(electrons, Spectrum::Electron, seconds)),
            None => run.warn("no_electrons", "there are no electrons: the background is of protons alone"),
        }
        if signal.is_empty() || background.is_empty() {
            return Err(StageError::input("no gamma or no proton passes the filters"));
        }
        let optimisation = config.optimisation();
        let found = optimisation.run(&signal, &background);

        let passing = |events: &Events, event: usize| {
            found.gammaness.passes_above(events.gammaness[event], events.reco_energy[event])
        };
        let recognised = signal.filter(|event| passing(&signal, event));
        let selected =
            recognised.filter(|event| found.theta.passes_below(recognised.theta[event], recognised.reco_energy[event]));
        let edges = binning::logarithmic(0.005, 500.0, 26);
        let performance = Performance {
            area: effective_area(&selected, &gammas.run.simulated(), &edges),
            resolution: angular_resolution(&recognised, &edges, ONE_SIGMA),
            energy: energy_resolution(&selected, &edges),
        };
        write_tables(run, &sensitivity_columns(&optimisation, &found), &performance.columns(&edges))?;
        draw_all(
            run,
            config,
            &Drawn {
                signal: &signal,
                selected: &selected,
                protons: &protons.events,
                edges: &edges,
                found: &found,
                performance: &performance,
                optimisation: &optimisation,
            },
        )?;

        let rows =
            found.sensitivity.iter().zip(optimisation.edges.windows(2)).zip(&found.flux).map(|((bin, pair), flux)| {
                vec![
                    json!(pair[0]),
                    json!(pair[1]),
                    json!(bin.relative),
                    json!(flux),
                    json!(bin.signal),
                    json!(bin.background),
                ]
            });
        let columns = &["low_TeV", "high_TeV", "relative", "flux_per_TeV_cm2_s", "signal", "off"];
        Ok(Report::new().value("gammas", signal.len()).value("background", background.len()).table(
            "sensitivity",
            columns,
            rows.collect(),
        ))
    }
}

fn weighted(sample: &Sample, spectrum: Spectrum, seconds: f64) -> Events {
    let mut events = sample.events.clone();
    let thrown = sample.run.simulated();
    events.weight = events.true_energy.iter().map(|energy| thrown.weight(spectrum, seconds, *energy)).collect();
    events
}

/// A column: name, unit, meaning, values.
type Named = (&'static str, &'static str, &'static str, ArrayRef);

/// Writes both tables, each on its own and as one FITS file.
fn write_tables(run: &Run, sensitivity: &[Named], performance: &[Named]) -> Result<(), StageError> {
    let [first, second, both] = TABLES;
    for (name, columns) in [(first, sensitivity), (second, performance)] {
        let field = |(name, unit, doc, values): &Named| field(name, values.data_type().clone(), unit, doc);
        let mut table = recoil_outputs::Table::create(&run.output(name)?, name, columns.iter().map(field))?;
        table.write(columns.iter().map(|column| column.3.clone()))?;
        table.finish(&run.embedded_provenance())?;
    }
    let doing = || format!("cannot write {both}");
    let tables = [("SENSITIVITY", sensitivity), ("PERFORMANCE", performance)];
    let tables = tables.into_iter().map(|(name, columns)| fits_table(name, columns)).collect::<Result<Vec<_>, _>>();
    let primary = vec![Card::text("RECOIL", &run.embedded_provenance(), "")];
    let fits = Fits { primary, tables: tables.internal_error(doing())? };
    fits.write(&run.output(both)?).output_error(doing())
}

fn fits_table(name: &str, columns: &[Named]) -> recoil_fits::Result<recoil_fits::Table> {
    let rows = columns.first().map_or(0, |column| column.3.len());
    let column = |(name, unit, _, values): &Named| {
        let whole = values.as_any().downcast_ref::<Int64Array>().map(|values| Values::Long(values.values().to_vec()));
        let real = values.as_any().downcast_ref::<Float64Array>().map(|values| values.values().to_vec());
        Column::new(name, whole.unwrap_or_else(|| Values::Double(real.unwrap_or_default()))).unit(unit)
    };
    let table = recoil_fits::Table::new(name, rows, columns.iter().map(column).collect())?;
    Ok(table.card(Card::text("CREATOR", concat!("recoil ", env!("CARGO_PKG_VERSION")), "")))
}

fn real(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn whole(values: impl IntoIterator<Item = usize>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.into_iter().map(|value| value as i64)))
}

fn sensitivity_columns(optimisation: &Optimisation, found: &Optimised) -> Vec<Named> {
    let edges = &optimisation.edges;
    let pick = |value: fn(&crate::irf::sensitivity::Sensitivity) -> f64| real(found.sensitivity.iter().map(value));
    let bins = edges.len().saturating_sub(1);
    vec![
        ("reco_energy_low", "TeV", "lower edge of the bin", real(edges[..bins].iter().copied())),
        ("reco_energy_high", "TeV", "upper edge of the bin", real(edges[1..].iter().copied())),
        ("reco_energy_center", "TeV", "middle of the bin", real(binning::centers(edges))),
        ("relative_sensitivity", "", "just detected part of the Crab nebula's flux", pick(|bin| bin.relative)),
        ("flux_sensitivity", "TeV-1 cm-2 s-1", "just detected flux", real(found.flux.iter().copied())),
        ("n_signal_weighted", "", "gammas of the whole flux", pick(|bin| bin.signal)),
        ("n_background_weighted", "", "background in the off region", pick(|bin| bin.background)),
        ("significance", "", "significance of the just detected flux", pick(|bin| bin.significance)),
        ("gh_cut", "", "cut on gammaness", real(found.gammaness.cut.iter().copied())),
        ("gh_efficiency", "", "share of the gammas that the cut keeps", real(found.efficiency.iter().copied())),
        ("theta_cut", "deg", "cut on theta", real(found.theta.cut.iter().copied())),
        ("n_gammas", "", "simulated gammas in the bin", whole(found.gammaness.n_events.iter().copied())),
    ]
}

/// Performance in bins of true energy.
struct Performance {
    area: Vec<f64>,
    resolution: Vec<f64>,
    energy: Vec<crate::irf::resolution::EnergyResolution>,
}

impl Performance {
    fn columns(&self, edges: &[f64]) -> Vec<Named> {
        let bins = edges.len().saturating_sub(1);
        vec![
            ("true_energy_low", "TeV", "lower edge of the bin", real(edges[..bins].iter().copied())),
            ("true_energy_high", "TeV", "upper edge of the bin", real(edges[1..].iter().copied())),
            ("effective_area", "m2", "effective area after all cuts", real(self.area.iter().copied())),
            ("angular_resolution", "deg", "68 % of the directions", real(self.resolution.iter().copied())),
            ("energy_bias", "", "median of E_reco/E_true - 1", real(self.energy.iter().map(|bin| bin.bias))),
            ("energy_resolution", "", "half of the central 68 %", real(self.energy.iter().map(|bin| bin.half_width))),
            (
                "energy_resolution_abs68",
                "",
                "68 % of |E_reco/E_true - 1|",
                real(self.energy.iter().map(|bin| bin.absolute)),
            ),
            ("n_events", "", "gammas in the bin", whole(self.energy.iter().map(|bin| bin.events))),
        ]
    }
}

struct Drawn<'a> {
    signal: &'a Events,
    selected: &'a Events,
    protons: &'a Events,
    edges: &'a [f64],
    found: &'a Optimised,
    performance: &'a Performance,
    optimisation: &'a Optimisation,
}

fn draw_all(run: &Run, config: &SensitivityKeys, drawn: &Drawn<'_>) -> Result<(), StageError> {
    let (edges, performance) = (drawn.edges, drawn.performance);
    let label = "LST-1";
    let note = "Cuts of best sensitivity";
    let curve = |values: &[f64]| [performance::Curve { label, edges, values: values.to_vec() }];
    let flux = [drawing::Curve { label, edges: &drawn.optimisation.edges, flux: &drawn.found.flux }];
    let draw = |name: &str, figure: recoil_plot::Figure| figures(run, pictures(name), figure);
    draw("sensitivity", drawing::figure(&flux, config.obs_time, config.significance))?;
    draw("effective_area", performance::effective_area(&curve(&performance.area), note))?;
    draw("angular_resolution", performance::angular_resolution(&curve(&performance.resolution), note))?;
    let energy = [(label, edges, performance.energy.clone())];
    draw("energy_resolution", performance::energy_resolution(&energy, note))?;
    let migration = binning::logarithmic(0.2, 5.0, 31);
    let dispersion = energy_dispersion(drawn.selected, edges, &migration, &[0.0, 180.0]);
    draw("energy_dispersion", performance::energy_dispersion(&dispersion, edges, &migration, note))?;
    let scores = |events: &Events| -> Vec<(f64, f64)> { events.gammaness.iter().map(|score| (*score, 1.0)).collect() };
    let roc = separation::Roc::new(&scores(drawn.signal), &scores(drawn.protons));
    draw("roc", separation::roc(&[("Gammas against protons", &roc)], ""))?;
    draw("gammaness", separation::gammaness(&drawn.signal.gammaness, &drawn.protons.gammaness, ""))
}
