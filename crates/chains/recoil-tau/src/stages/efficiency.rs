//! `tau efficiency`: efficiencies and fake rates of working points in bins.

use std::fmt::Write as _;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_stats::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use super::evaluate::{Known, SCORES, THRESHOLDS, files, level_problem, looked_at, optional};
use crate::evaluation::Fake;
use crate::evaluation::candidates::{ColumnNames, PerFake, Truth, read};
use crate::evaluation::efficiency::{Counts, Required, Variable, binned};
use crate::evaluation::figures::{self, Binned};
use crate::evaluation::rates::HEADER;
use crate::evaluation::working_points::NAMES;

/// File of the efficiencies.
const TABLE_FILE: &str = "efficiency.csv";

/// Keys of `tau efficiency`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EfficiencyKeys {
    /// Columns of the tables.
    pub columns: ColumnNames,
    /// Candidates that are looked at; empty: all.
    pub selection: String,
    /// Name of the sample in figures.
    pub alias: String,
    /// Kinds of fakes: `e`, `mu`, `jet`.
    pub vs_types: Vec<Fake>,
    /// What efficiencies are shown against: `pt`, `eta`, `phi`, `decay_mode`.
    pub variables: Vec<Variable>,
    /// Working points that candidates must pass against the other kinds of fakes; empty: none.
    pub required: PerFake<String>,
    /// Whether candidates that fail the required points count as failing.
    pub require_in_numerator: bool,
    /// Whether candidates that fail the required points do not count at all.
    pub require_in_denominator: bool,
    /// Names of the bits of stored masks, from bit 0.
    pub bit_names: Vec<String>,
    /// Central content of the intervals.
    pub level: f64,
}

impl Default for EfficiencyKeys {
    fn default() -> Self {
        Self {
            columns: ColumnNames::default(),
            selection: format!("{} and abs(tau_eta) < 2.3", super::evaluate::SELECTION),
            alias: "sample".to_owned(),
            vs_types: Fake::ALL.to_vec(),
            variables: vec![Variable::Pt, Variable::Eta, Variable::DecayMode],
            required: PerFake { e: "VVVLoose".into(), mu: "VLoose".into(), jet: "VVVLoose".into() },
            require_in_numerator: true,
            require_in_denominator: false,
            bit_names: NAMES.iter().map(|&name| name.to_owned()).collect(),
            level: 0.682_689,
        }
    }
}

impl Config for EfficiencyKeys {
    fn check(&self) -> Vec<Problem> {
        level_problem(self.level).into_iter().collect()
    }
}

/// Measures efficiencies.
pub struct Efficiency;

impl Stage for Efficiency {
    type Config = EfficiencyKeys;

    fn description(&self) -> Description {
        Description {
            name: "tau efficiency",
            about: "Measure efficiencies and fake rates of working points in bins",
            long: "Writes a table with a row for every kind of fake, variable, bin, working point and kind of candidate (tau or \
                   fake): the efficiency with the distances to the ends of its Clopper-Pearson interval, on effective counts \
                   when weighted, and the sums behind it. Bins are open below and closed above. A figure for each kind of \
                   fake and variable shows both.",
            inputs: &[SCORES, THRESHOLDS],
            output: OutputKind::Directory { doc: "efficiencies and figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &EfficiencyKeys, _inputs: &Inputs) -> Vec<String> {
        let mut names = vec![TABLE_FILE.to_owned()];
        for &kind in &config.vs_types {
            names.extend(config.variables.iter().map(|&variable| figure_name(kind, variable)));
        }
        names
    }

    fn run(&self, config: &EfficiencyKeys, run: &Run) -> Result<Report, StageError> {
        let doing = "cannot measure efficiencies";
        let known =
            Known::of(optional(run, THRESHOLDS.role), &config.columns, &config.bit_names).map_err(blame(doing))?;
        if let Some(kind) = config.vs_types.iter().find(|&&kind| known.points(kind).is_empty()) {
            let name = kind.name();
            let message =
                format!("no working points against {}: give --thresholds or columns.bits.{name}", kind.title());
            return Err(StageError::usage(message));
        }
        let mut names = config.required.clone();
        if !(config.require_in_numerator || config.require_in_denominator) {
            names = PerFake::default();
        }
        let required = Required {
            cuts: known.required(&names).map_err(blame(doing))?,
            in_numerator: config.require_in_numerator,
            in_denominator: config.require_in_denominator,
        };
        let kinds = looked_at(&config.vs_types, &names);
        let all = read(&files(run, SCORES.role), &config.columns, &config.selection, &kinds).map_err(blame(doing))?;
        known.have_scores(&all, &kinds).map_err(blame(doing))?;
        let mut text = format!("{},pass,total,effective_total\n", HEADER.join(","));
        for &kind in &config.vs_types {
            if !all.truth.contains(&Truth::Fake(kind)) {
                run.warn("empty_class", format!("there are no {}", kind.title()));
            }
            for &variable in &config.variables {
                run.check()?;
                let edges = variable.edges();
                let mut drawn = Vec::new();
                for (name, pass) in known.points(kind) {
                    let count =
                        |truth| binned(&all, truth, (variable, &edges), (kind, pass), &required).map_err(blame(doing));
                    let (taus, fakes) = (count(Truth::Tau)?, count(Truth::Fake(kind))?);
                    let mut both = Vec::new();
                    for (what, counts) in [("tau", &taus), ("fake", &fakes)] {
                        let intervals: Vec<Interval> = counts
                            .iter()
                            .map(|counts| counts.interval(config.level).map_err(blame(doing)))
                            .collect::<Result<_, _>>()?;
                        let head = format!("{},{},", kind.name(), variable.name());
                        let tail = format!(",{what},{name}");
                        rows(&mut text, &head, &edges, &tail, counts, &intervals);
                        both.push(intervals);
                    }
                    let fakes = both.pop().unwrap_or_default();
                    drawn.push(Binned { label: name, taus: both.pop().unwrap_or_default(), fakes });
                }
                let name = figure_name(kind, variable);
                let figure = figures::efficiency(kind, variable, &edges, &drawn, &config.alias);
                let bytes = figure
                    .provenance(run.embedded_provenance())
                    .render("svg")
                    .internal_error("cannot draw the efficiencies")?;
                std::fs::write(run.output(&name)?, bytes).output_error(format!("cannot write {name}"))?;
            }
        }
        let count = text.lines().count().saturating_sub(1);
        std::fs::write(run.output(TABLE_FILE)?, text).output_error("cannot write the efficiencies")?;
        Ok(Report::new().value("candidates", all.len()).value("without_class", all.other).value("rows", count))
    }
}

/// Adds a row per bin; a bin without candidates has no efficiency.
fn rows(text: &mut String, head: &str, edges: &[f64], tail: &str, counts: &[Counts], intervals: &[Interval]) {
    for ((edges, counts), interval) in edges.windows(2).zip(counts).zip(intervals) {
        let numbers = match interval.value.is_nan() {
            true => ",,".to_owned(),
            false => {
                let (down, up) = interval.errors();
                format!("{},{up},{down}", interval.value)
            }
        };
        let (low, high) = (edges[0], edges[1]);
        let sums = format!("{},{},{}", counts.pass, counts.total, counts.effective());
        let _ = writeln!(text, "{head}{low},{high}{tail},{numbers},{sums}");
    }
}

fn figure_name(kind: Fake, variable: Variable) -> String {
    format!("efficiency_vs_{}_{}.svg", kind.name(), variable.name())
}
