//! `tau working-points`: thresholds that give wanted efficiencies.

use std::collections::BTreeMap;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{ReadOptions, Selection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::blame;
use super::evaluate::{SCORES, files};
use crate::error::{Result, TauError};
use crate::evaluation::Fake;
use crate::evaluation::candidates::{Candidates, ColumnNames, Truth, read};
use crate::evaluation::working_points::{Derivation, Derived, WorkingPoint, derive};

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Thresholds by kind of fake and name, loosest first.
    #[default]
    Thresholds,
    /// Thresholds of all turns, with uncertainties and the efficiencies that are reached.
    Details,
}

/// Weights that bring samples of several years to their luminosities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Luminosity {
    /// Column with the name of the sample; empty: no such weights.
    pub column: String,
    /// Luminosity of each sample \[1/fb\].
    pub samples: BTreeMap<String, f64>,
    /// Sum of the luminosities; 0: that of the samples.
    pub total: f64,
}

/// Keys of `tau working-points`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkingPointsKeys {
    /// Columns of the tables.
    pub columns: ColumnNames,
    /// Taus that count; empty: all.
    pub selection: String,
    /// Wanted efficiencies, and how thresholds are found.
    pub derivation: Derivation,
    /// Weights of samples.
    pub luminosity: Luminosity,
    /// Decimals of the thresholds; negative: all.
    pub decimals: i32,
    /// What the file holds.
    pub layout: Layout,
}

impl Default for WorkingPointsKeys {
    fn default() -> Self {
        Self {
            columns: ColumnNames::default(),
            selection: "tau_pt >= 30 and tau_pt < 80 and abs(tau_eta) < 2.3 and abs(tau_dz) < 0.2 and \
                        tau_decayMode != 5 and tau_decayMode != 6"
                .to_owned(),
            derivation: Derivation::default(),
            luminosity: Luminosity::default(),
            decimals: 4,
            layout: Layout::default(),
        }
    }
}

impl Config for WorkingPointsKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        match self.derivation.check() {
            Err(TauError::Config { key, reason }) => found.push(Problem::new(format!("derivation.{key}"), reason)),
            Err(other) => found.push(Problem::new("derivation", other.to_string())),
            Ok(()) => {}
        }
        if self.luminosity.samples.values().any(|value| !(value.is_finite() && *value > 0.0)) {
            found.push(Problem::new("luminosity.samples", "luminosities must be positive"));
        }
        if self.decimals > 15 {
            found.push(Problem::new("decimals", "15 at most"));
        }
        found
    }
}

/// Derives working points.
pub struct WorkingPoints;

impl Stage for WorkingPoints {
    type Config = WorkingPointsKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau working-points",
            about: "Find the thresholds that give wanted efficiencies of taus",
            long: "Takes the genuine taus of the tables. The efficiency against one kind of fake is that among taus which pass \
                   the loosest points against the other kinds; thresholds are found in turns until none moves. A candidate \
                   passes with a score above the threshold. Uncertainties come from the interval of the efficiency \
                   (Clopper-Pearson, on effective counts when weighted), read back as thresholds.",
            inputs: &[SCORES],
            output: OutputKind::File { doc: "working points", formats: &["json"] },
            flags: &[
                Flag { name: "layout", key: "layout", list: false },
                Flag { name: "selection", key: "selection", list: false },
            ],
        }
    }

    fn run(&self, config: &WorkingPointsKeys, run: &Run) -> Result<Report, StageError> {
        let doing = "cannot derive working points";
        let mut taus = taus(config, run).map_err(blame(doing))?;
        if !config.luminosity.column.is_empty() {
            weigh(&mut taus, config, run).map_err(blame(doing))?;
        }
        let taus = taus.kept(|i| taus.truth.get(i) == Some(&Truth::Tau));
        if taus.is_empty() {
            return Err(StageError::input("no candidate that passes the selection is a tau"));
        }
        let scores = Fake::ALL.map(|kind| taus.score(kind));
        let derived = derive(scores, &taus.weight, &config.derivation).map_err(blame(doing))?;
        if !derived.converged {
            let moved = format!(
                "thresholds still move by more than {} after {} turns",
                config.derivation.epsilon, derived.turns
            );
            run.warn("not_converged", moved);
        }
        let whole = match config.layout {
            Layout::Thresholds => thresholds(&derived, config.decimals),
            Layout::Details => details(&derived, config, taus.len()),
        };
        let text = serde_json::to_string_pretty(&whole).internal_error(doing)?;
        std::fs::write(run.output_file()?, text + "\n").output_error("cannot write the working points")?;
        Ok(report(&derived, taus.len()))
    }
}

fn taus(config: &WorkingPointsKeys, run: &Run) -> Result<Candidates> {
    read(&files(run, SCORES.role), &config.columns, &config.selection, &Fake::ALL)
}

/// Multiplies weights by luminosity / (total luminosity x taus of the sample).
fn weigh(candidates: &mut Candidates, config: &WorkingPointsKeys, run: &Run) -> Result<()> {
    let Luminosity { column, samples, total } = &config.luminosity;
    let addresses = recoil_table::addresses(&files(run, SCORES.role))?;
    let selection = match config.selection.trim() {
        "" => None,
        text => Some(Selection::parse(text).map_err(recoil_table::Error::from)?),
    };
    let options = ReadOptions::default().columns([column.clone(), config.columns.truth.clone()]);
    let mut reader = recoil_table::open_selected(&addresses, &options, selection.as_ref())?;
    let mut names = Vec::with_capacity(candidates.len());
    while let Some(batch) = reader.next_batch()? {
        let truth = batch.scalar_as::<i64>(&config.columns.truth)?;
        let texts = batch.strings(column)?;
        let classed = texts.iter().zip(truth.iter()).filter(|(_, code)| (0..4).contains(*code));
        names.extend(classed.map(|(name, _)| name.unwrap_or_default().to_owned()));
    }
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, truth) in names.iter().zip(&candidates.truth) {
        if *truth == Truth::Tau {
            *counts.entry(name).or_default() += 1.0;
        }
    }
    let all = if *total > 0.0 { *total } else { samples.values().sum() };
    for (name, weight) in names.iter().zip(&mut candidates.weight) {
        let Some(count) = counts.get(name.as_str()) else { continue };
        let Some(luminosity) = samples.get(name) else {
            return Err(TauError::config("luminosity.samples", format!("the sample '{name}' is missing")));
        };
        *weight *= luminosity / (all * count);
    }
    Ok(())
}

fn rounded(value: f64, decimals: i32) -> f64 {
    if decimals < 0 {
        return value;
    }
    let scale = 10f64.powi(decimals);
    (value * scale).round_ties_even() / scale
}

fn by_kind(derived: &Derived, of: impl Fn(&WorkingPoint) -> Json) -> Json {
    let mut whole = Map::new();
    for (kind, points) in Fake::ALL.into_iter().zip(&derived.points) {
        let own: Map<String, Json> = points.iter().map(|point| (point.name.clone(), of(point))).collect();
        whole.insert(kind.name().into(), Json::Object(own));
    }
    Json::Object(whole)
}

fn thresholds(derived: &Derived, decimals: i32) -> Json {
    by_kind(derived, |point| rounded(point.threshold(), decimals).into())
}

fn details(derived: &Derived, config: &WorkingPointsKeys, taus: usize) -> Json {
    json!({
        "n_taus": taus,
        "selection": config.selection,
        "require_wp_vs_others": config.derivation.require_others,
        "WPs_to_require": config.derivation.required,
        "epsilon": config.derivation.epsilon,
        "tpr_step": config.derivation.step,
        "converged": derived.converged,
        "thresholds_by_iteration": by_kind(derived, |point| json!({"eff": point.efficiency, "thrs": point.thresholds})),
        "uncertainties": by_kind(derived, |point| json!({
            "threshold": point.threshold(),
            "threshold_low": point.low,
            "threshold_high": point.high,
            "efficiency": point.reached.value,
            "efficiency_low": point.reached.low,
            "efficiency_high": point.reached.high,
        })),
    })
}

fn report(derived: &Derived, taus: usize) -> Report {
    let mut rows = Vec::new();
    for (kind, points) in Fake::ALL.into_iter().zip(&derived.points) {
        for point in points {
            let numbers = [point.efficiency, point.threshold(), point.low, point.high, point.reached.value];
            let mut row: Vec<Json> = vec![kind.name().into(), point.name.clone().into()];
            row.extend(numbers.map(Json::from));
            rows.push(row);
        }
    }
    let columns = ["against", "point", "wanted", "threshold", "low", "high", "efficiency"];
    let report = Report::new().value("taus", taus).value("turns", derived.turns).value("converged", derived.converged);
    report.table("working_points", &columns, rows)
}
