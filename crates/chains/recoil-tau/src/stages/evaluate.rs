//! `tau evaluate`: ROC curves and working points of scores, by region.

use std::path::Path;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::blame;
use crate::error::{Result, TauError};
use crate::evaluation::Fake;
use crate::evaluation::candidates::{Candidates, ColumnNames, PerFake, read};
use crate::evaluation::efficiency::Pass;
use crate::evaluation::figures::{self, Labelled};
use crate::evaluation::performance::{Curve, Measurement, Metrics, Performance, Region, curve, points};
use crate::evaluation::working_points::NAMES;

/// The role of scores.
pub(super) const SCORES: InputRole = InputRole::required(
    "scores",
    "tables with network outputs, truth and kinematics",
    &["parquet", "csv", "csv.gz", "root", "npz", "h5", "hdf5"],
)
.many();
/// The role of thresholds.
pub(super) const THRESHOLDS: InputRole =
    InputRole::optional("thresholds", "working points, as working-points writes them", &["json"]);
/// The candidates that are looked at unless said otherwise.
pub(super) const SELECTION: &str = "tau_decayMode != 5 and tau_decayMode != 6 and abs(tau_dz) < 0.2";
/// File of the curves.
const PERFORMANCE_FILE: &str = "performance.json";

/// Keys of `tau evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateKeys {
    /// Name of the discriminator in files and figures.
    pub name: String,
    /// Name of the sample.
    pub alias: String,
    /// Columns of the tables.
    pub columns: ColumnNames,
    /// Candidates that are looked at; empty: all.
    pub selection: String,
    /// Kinds of fakes: `e`, `mu`, `jet`.
    pub vs_types: Vec<Fake>,
    /// Ranges of the transverse momentum \[GeV\], the upper end not included.
    pub pt_bins: Vec<[f64; 2]>,
    /// Ranges of |eta|, the upper end not included.
    pub eta_bins: Vec<[f64; 2]>,
    /// Groups of decay modes; an empty group holds all.
    pub dm_bins: Vec<Vec<i64>>,
    /// Working points that candidates must pass, by kind of fake; empty: none.
    pub required: PerFake<String>,
    /// Decimals of the tau efficiency to which curves are thinned; negative: not at all.
    pub decimals: PerFake<i32>,
    /// Names of the bits of stored masks, from bit 0.
    pub bit_names: Vec<String>,
    /// Central content of intervals.
    pub level: f64,
    /// Whether `_up` and `_down` change places, as in files of TauMLTools.
    pub swapped_errors: bool,
}

impl Default for EvaluateKeys {
    fn default() -> Self {
        Self {
            name: "network".to_owned(),
            alias: "sample".to_owned(),
            columns: ColumnNames::default(),
            selection: SELECTION.to_owned(),
            vs_types: Fake::ALL.to_vec(),
            pt_bins: vec![[20.0, 100.0], [100.0, 1000.0]],
            eta_bins: vec![[0.0, 2.5]],
            dm_bins: vec![vec![0, 1, 2, 10, 11]],
            required: PerFake::default(),
            decimals: PerFake { e: 3, mu: 4, jet: 3 },
            bit_names: NAMES.iter().map(|&name| name.to_owned()).collect(),
            level: 0.68,
            swapped_errors: false,
        }
    }
}

impl Config for EvaluateKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (key, bins) in [("pt_bins", &self.pt_bins), ("eta_bins", &self.eta_bins)] {
            if bins.is_empty() || bins.iter().any(|[low, high]| low >= high) {
                found.push(Problem::new(key, "needs ranges whose ends increase"));
            }
        }
        if self.dm_bins.is_empty() {
            found.push(Problem::new("dm_bins", "needs a group; an empty group holds all decay modes"));
        }
        if self.vs_types.is_empty() {
            found.push(Problem::new("vs_types", "needs a kind of fake"));
        }
        found.extend(level_problem(self.level));
        found
    }
}

/// What is wrong with a confidence level.
pub(super) fn level_problem(level: f64) -> Option<Problem> {
    (!(level > 0.0 && level < 1.0)).then(|| Problem::new("level", "must be between 0 and 1"))
}

impl EvaluateKeys {
    fn regions(&self) -> Vec<Region> {
        let mut found = Vec::new();
        for &[pt_min, pt_max] in &self.pt_bins {
            for &[eta_min, eta_max] in &self.eta_bins {
                for dm_bin in &self.dm_bins {
                    found.push(Region { pt_min, pt_max, eta_min, eta_max, dm_bin: dm_bin.clone() });
                }
            }
        }
        found
    }
}

/// Working points of each kind, loosest first: of a file, otherwise the bits of stored masks.
pub(super) struct Known([Vec<(String, Pass)>; 3]);

impl Known {
    pub(super) fn of(thresholds: Option<&Path>, columns: &ColumnNames, bit_names: &[String]) -> Result<Self> {
        let mut known = Self([Vec::new(), Vec::new(), Vec::new()]);
        if let Some(path) = thresholds {
            known.read(path)?;
        }
        for kind in Fake::ALL {
            if let Some(own) = known.0.get_mut(kind.index()).filter(|own| own.is_empty())
                && !columns.bits.of(kind).is_empty()
            {
                own.extend((0..).zip(bit_names).map(|(bit, name)| (name.clone(), Pass::Bit(bit))));
            }
        }
        Ok(known)
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
        let whole: Map<String, Json> =
            serde_json::from_str(&text).map_err(|source| TauError::Json { file: file.clone(), source })?;
        for (name, points) in &whole {
            let Some(kind) = Fake::of_name(name) else {
                return Err(TauError::content(&file, format!("'{name}' is no kind of fake (e, mu, jet)")));
            };
            let points = points.as_object().ok_or_else(|| {
                TauError::content(&file, format!("'{name}' does not map names of working points to thresholds"))
            })?;
            for (point, value) in points {
                let Some(threshold) = value.as_f64() else {
                    return Err(TauError::content(
                        &file,
                        format!("the threshold {name}.{point} is {value}, no number"),
                    ));
                };
                if let Some(own) = self.0.get_mut(kind.index()) {
                    own.push((point.clone(), Pass::Above(threshold)));
                }
            }
        }
        // loosest first, whatever the order of the file
        for own in &mut self.0 {
            own.sort_by(|a, b| match (&a.1, &b.1) {
                (Pass::Above(a), Pass::Above(b)) => a.total_cmp(b),
                _ => std::cmp::Ordering::Equal,
            });
        }
        Ok(())
    }

    pub(super) fn points(&self, kind: Fake) -> &[(String, Pass)] {
        self.0.get(kind.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Refuses thresholds where a table holds nothing that they cut on.
    pub(super) fn have_scores(&self, candidates: &Candidates, kinds: &[Fake]) -> Result<()> {
        for &kind in kinds {
            let cuts = self.points(kind).iter().any(|(_, pass)| matches!(pass, Pass::Above(_)));
            if cuts && candidates.score(kind).is_empty() {
                let reason =
                    format!("thresholds against {} need a score: the table has no network outputs", kind.title());
                return Err(TauError::config(format!("columns.raw.{}", kind.name()), reason));
            }
        }
        Ok(())
    }

    /// The points that are required by name; empty names require nothing.
    pub(super) fn required(&self, names: &PerFake<String>) -> Result<Vec<(Fake, Pass)>> {
        let mut found = Vec::new();
        for kind in Fake::ALL {
            let name = names.of(kind);
            if name.is_empty() {
                continue;
            }
            match self.points(kind).iter().find(|(known, _)| known == name) {
                Some((_, pass)) => found.push((kind, pass.clone())),
                None => {
                    let known: Vec<&str> = self.points(kind).iter().map(|(name, _)| name.as_str()).collect();
                    let reason = format!("there is no working point '{name}' (known: {})", known.join(", "));
                    return Err(TauError::config(format!("required.{}", kind.name()), reason));
                }
            }
        }
        Ok(found)
    }
}

/// Kinds of fakes of which scores or masks are needed.
pub(super) fn looked_at(wanted: &[Fake], required: &PerFake<String>) -> Vec<Fake> {
    Fake::ALL.into_iter().filter(|kind| wanted.contains(kind) || !required.of(*kind).is_empty()).collect()
}

/// Paths of an input role.
pub(super) fn files(run: &Run, role: &str) -> Vec<String> {
    run.inputs().files().iter().filter(|file| file.role == role).map(|file| file.spec()).collect()
}

/// Path of an input that need not be given.
pub(super) fn optional<'a>(run: &'a Run, role: &str) -> Option<&'a Path> {
    run.inputs().files().iter().find(|file| file.role == role).map(|file| file.path.as_path())
}

/// Measures scores.
pub struct Evaluate;

impl Stage for Evaluate {
    type Config = EvaluateKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau evaluate",
            about: "Measure how well scores tell taus from fakes",
            long: "Writes performance.json with a ROC curve for each kind of fake and region, its area, and the rates at \
                   working points with their intervals (Clopper-Pearson; on effective counts when weighted), and a figure \
                   for each. Scores are tau / (tau + fake) of the four network outputs, or columns that columns.raw names; \
                   working points are thresholds of a file, or bits of masks that columns.bits names.",
            inputs: &[SCORES, THRESHOLDS],
            output: OutputKind::Directory { doc: "curves and figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &EvaluateKeys, _inputs: &Inputs) -> Vec<String> {
        let mut names = vec![PERFORMANCE_FILE.to_owned()];
        for kind in &config.vs_types {
            names.extend((0..config.regions().len()).map(|place| figure_name(*kind, place)));
        }
        names
    }

    fn run(&self, config: &EvaluateKeys, run: &Run) -> Result<Report, StageError> {
        let doing = "cannot evaluate the scores";
        let known =
            Known::of(optional(run, THRESHOLDS.role), &config.columns, &config.bit_names).map_err(blame(doing))?;
        let required = known.required(&config.required).map_err(blame(doing))?;
        let kinds = looked_at(&config.vs_types, &config.required);
        let all = read(&files(run, SCORES.role), &config.columns, &config.selection, &kinds).map_err(blame(doing))?;
        known.have_scores(&all, &kinds).map_err(blame(doing))?;
        let all = match required.is_empty() {
            true => all,
            false => all.kept(|i| required.iter().all(|(kind, pass)| pass.holds(&all, *kind, i))),
        };
        let decimals = Fake::ALL.map(|kind| *config.decimals.of(kind));
        let how = Measurement { alias: &config.alias, decimals, level: config.level, swapped: config.swapped_errors };
        let mut metrics = Metrics::default();
        let mut rows = Vec::new();
        for &kind in &config.vs_types {
            run.check()?;
            for (place, region) in config.regions().iter().enumerate() {
                let (found, named) = measured(&all, region, kind, known.points(kind), &how).map_err(blame(doing))?;
                let text = region_text(region);
                if found.is_none() && !all.score(kind).is_empty() {
                    run.warn("empty_region", format!("no taus or no {} in {text}", kind.title()));
                }
                let model = Labelled { label: &config.name, curve: found.as_ref(), points: named.as_ref() };
                let label = found.as_ref().map(Curve::label).unwrap_or_default();
                let figure = figures::roc(kind, &[model], &label, &config.alias, config.level);
                let name = figure_name(kind, place);
                recoil_outputs::figure(run, &name, figure)?;
                if let Some(curve) = &found {
                    rows.push(vec![
                        kind.name().into(),
                        text.into(),
                        curve.n_taus.into(),
                        curve.n_fakes.into(),
                        curve.auc_score.into(),
                    ]);
                }
                metrics.roc_curve.extend(found);
                metrics.roc_wp.extend(named);
            }
        }
        let performance = Performance { name: config.name.clone(), metrics };
        let text = serde_json::to_string(&performance).internal_error("cannot write the curves")?;
        std::fs::write(run.output(PERFORMANCE_FILE)?, text + "\n").output_error("cannot write the curves")?;
        let report = Report::new().value("candidates", all.len()).value("without_class", all.other);
        Ok(report.table("areas", &["against", "region", "taus", "fakes", "area"], rows))
    }
}

fn measured(
    all: &Candidates,
    region: &Region,
    kind: Fake,
    named: &[(String, Pass)],
    how: &Measurement<'_>,
) -> Result<(Option<Curve>, Option<Curve>)> {
    Ok((curve(all, region, kind, how), points(all, region, kind, named, how)?))
}

fn region_text(region: &Region) -> String {
    let Region { pt_min, pt_max, eta_min, eta_max, dm_bin } = region;
    format!("pt {pt_min}-{pt_max}, |eta| {eta_min}-{eta_max}, dm {}", json!(dm_bin))
}

fn figure_name(kind: Fake, place: usize) -> String {
    format!("roc_vs_{}_{place}.svg", kind.name())
}
