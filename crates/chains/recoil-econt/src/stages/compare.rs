//! `econt compare`: algorithms side by side on the same wafers.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use arrow_schema::DataType;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::chip_config::{ChipConfig, links_problem};
use super::drawing::{Drawing, Judged, Seen, slug, verification};
use crate::data::calq::read_charges;
use crate::data::{Wafer, read_wafers};
use crate::emulator::formatter::Algorithm;
use crate::error::EcontError;
use crate::metrics::summary::Summary;
use crate::study::{Candidate, Outcome, measure, outcome};
use crate::wafer::{CELLS, COUNTS_PER_MIP, POST_MUX, reordered};

/// Keys of `econt compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompareConfig {
    /// Algorithms to compare.
    pub algorithms: Vec<Algorithm>,
    /// Numbers of output links, for best choice and super trigger cells. Threshold has variable frames, the repeater 11 links.
    pub links: Vec<usize>,
    /// Thresholds to compare [counts].
    pub thresholds: Vec<u32>,
    /// Whether the charges that arrive are `decoded` from the codes that are sent, or exact.
    pub decoded: bool,
    /// Whether the charges in the tables are in the order behind the multiplexer, not by trigger-cell number.
    pub mux_order: bool,
    /// Text on the figures that tells the sample.
    pub sample: String,
    /// Wafers in the displays, drawn at random.
    pub displays: usize,
    /// Wafers in the verification tables; -1 for all.
    pub csv_wafers: i64,
    /// Registers.
    pub chip: ChipConfig,
}

impl Default for CompareConfig {
    fn default() -> Self {
        use Algorithm::{BestChoice, Repeater, SuperTriggerCell, Threshold};
        Self {
            algorithms: vec![Threshold, BestChoice, SuperTriggerCell, Repeater],
            links: vec![2, 3, 4, 5],
            thresholds: vec![47],
            decoded: false,
            mux_order: false,
            sample: String::new(),
            displays: 4,
            csv_wafers: 100,
            chip: ChipConfig::default(),
        }
    }
}

impl Config for CompareConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.chip.problems("chip.");
        found.extend(self.links.iter().enumerate().filter_map(|(i, l)| links_problem(&format!("links[{i}]"), *l)));
        if self.algorithms.contains(&Algorithm::Autoencoder) {
            let reason = "cannot hold the autoencoder: give the charges that it predicts as an input `predicted`";
            found.push(Problem::new("algorithms", reason));
        }
        if self.displays > 12 {
            found.push(Problem::new("displays", "must be at most 12"));
        }
        found
    }
}

/// Compares algorithms.
pub struct Compare;

const CALQ: InputRole =
    InputRole::required("calq", "calibrated charges, one row per wafer, or a folder of such tables", TABLES);
const PREDICTED: InputRole = InputRole::optional(
    "predicted",
    "charges of the same wafers that another algorithm predicts, in counts or normalised",
    TABLES,
)
.many();

impl Stage for Compare {
    type Config = CompareConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt compare",
            about: "Compare algorithms on the same wafers",
            long: "Sends wafers through threshold, best choice, super trigger cells and repeater, and measures what arrives: \
                   earth mover's distance, shift of the mean, change of the width, correlation, sum of squared differences, \
                   telescope loss, each with its error, and the share of wafers of which nothing arrives. Further inputs \
                   `predicted` are measured beside them. Writes the table, figures, displays of wafers, and verification \
                   tables in transverse MIP.",
            inputs: &[CALQ, PREDICTED],
            output: OutputKind::Directory { doc: "table, figures and verification tables" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &CompareConfig, inputs: &Inputs) -> Vec<String> {
        let mut names = vec!["comparison.csv".to_owned(), "comparison.parquet".to_owned()];
        let labels = labels(config, inputs);
        names.push("verify_input_calQ.csv".to_owned());
        names.extend(labels.iter().map(|label| format!("verify_decoded_calQ_{}.csv", slug(label))));
        names.extend(config.drawing().names(&labels));
        names
    }

    fn run(&self, config: &CompareConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(CALQ.role)?.spec();
        let mut wafers = read_wafers(&input).input_error(format!("cannot read {input}"))?;
        let (empty, before) = (wafers.iter().filter(|wafer| wafer.iter().all(|&q| q == 0)).count(), wafers.len());
        if config.mux_order {
            wafers.iter_mut().for_each(|wafer| *wafer = reordered(wafer, &POST_MUX));
        }
        let progress = run.progress("comparing", "algorithms", Some(labels(config, run.inputs()).len() as u64));
        let (mut judged, mut outcomes) = (Vec::new(), Vec::new());
        for candidate in candidates(config, run, &wafers)? {
            run.check()?;
            let measured = measure(&wafers, &candidate.received).input_error(candidate.label.clone())?;
            outcomes.push(outcome(&candidate, &measured).internal_error("cannot sum up")?);
            let Candidate { label, received, .. } = candidate;
            judged.push(Judged { label, received, latents: Vec::new(), measured });
            progress.add(1);
        }
        let provenance = run.embedded_provenance();
        for name in ["comparison.csv", "comparison.parquet"] {
            write_table(run, name, outcomes.iter(), &provenance)?;
        }
        let seen = Seen { wafers: &wafers, eta: None, energy_fraction: None };
        config.drawing().draw(run, &seen, &judged)?;
        verify(config, run, &wafers, &judged)?;
        Ok(report(before, empty, &outcomes))
    }
}

impl CompareConfig {
    fn drawing(&self) -> Drawing {
        Drawing { draw: true, full: true, slices: false, sample: self.sample.clone(), displays: self.displays }
    }
}

/// The algorithms with their chips' links, by label.
fn chips(config: &CompareConfig) -> Vec<(String, Algorithm, usize, ChipConfig)> {
    let mut all = Vec::new();
    let usual = || config.chip.clone();
    for &algorithm in &config.algorithms {
        match algorithm {
            Algorithm::Threshold => all.extend(config.thresholds.iter().map(|&threshold| {
                let chip = ChipConfig { threshold, thresholds: Vec::new(), ..usual() };
                (format!("threshold {threshold}"), algorithm, 13, chip)
            })),
            Algorithm::Repeater => all.push(("repeater".to_owned(), algorithm, 11, usual())),
            Algorithm::BestChoice => {
                all.extend(config.links.iter().map(|&l| (format!("best choice, {l} links"), algorithm, l, usual())));
            }
            Algorithm::SuperTriggerCell => {
                all.extend(config.links.iter().map(|&l| (format!("super cells, {l} links"), algorithm, l, usual())));
            }
            Algorithm::Autoencoder => {}
        }
    }
    all
}

fn labels(config: &CompareConfig, inputs: &Inputs) -> Vec<String> {
    let stem = |file: &recoil_stage::InputFile| {
        file.path.file_stem().map_or_else(|| file.spec(), |stem| stem.to_string_lossy().into_owned())
    };
    let mut all: Vec<String> = chips(config).into_iter().map(|(label, ..)| label).collect();
    for (i, file) in inputs.all(PREDICTED.role).enumerate() {
        let name = stem(file);
        all.push(if all.iter().any(|known| slug(known) == slug(&name)) { format!("{name} {}", i + 1) } else { name });
    }
    all
}

fn candidates(config: &CompareConfig, run: &Run, wafers: &[Wafer]) -> Result<Vec<Candidate>, StageError> {
    let mut all = Vec::new();
    for (label, algorithm, links, chip) in chips(config) {
        let mut candidate = Candidate::of_chip(label, &chip.chip(algorithm, links), wafers, config.decoded)
            .ok_or_else(|| StageError::internal("an algorithm without charges at its end"))?;
        if algorithm == Algorithm::Threshold {
            // its frames have no fixed number of links
            candidate.link_bits = None;
        }
        all.push(candidate);
    }
    let names = labels(config, run.inputs());
    for (file, label) in run.inputs().all(PREDICTED.role).zip(names.into_iter().skip(all.len())) {
        let spec = file.spec();
        let mut received = read_charges(&spec).input_error(format!("cannot read {spec}"))?;
        if received.len() != wafers.len() {
            let (first_rows, second_rows) = (wafers.len() as u64, received.len() as u64);
            let first = run.inputs().one(CALQ.role)?.spec();
            let error = EcontError::Rows { first, first_rows, second: spec, second_rows };
            return Err(StageError::input(error.to_string()));
        }
        if config.mux_order {
            received.iter_mut().for_each(|row| *row = reordered(row, &POST_MUX));
        }
        all.push(Candidate { label, link_bits: None, frame_bits: None, received });
    }
    Ok(all)
}

fn write_table<'a>(
    run: &Run,
    name: &str,
    outcomes: impl Iterator<Item = &'a Outcome> + Clone,
    provenance: &str,
) -> Result<(), StageError> {
    let number = |name: &str, doc: &str| recoil_table::field(name, DataType::Float64, "", doc);
    let mut fields = vec![
        recoil_table::field("algorithm", DataType::Utf8, "", "name of the algorithm"),
        recoil_table::field("link_bits", DataType::Float64, "bits", "bits of the output links per crossing"),
        recoil_table::field("frame_bits", DataType::Float64, "bits", "mean bits of a frame"),
        number("lost", "share of the wafers of which nothing arrives"),
        number("lost_low", "lower end of its 68.3 % interval"),
        number("lost_high", "upper end of its 68.3 % interval"),
        number("emd_with_sentinels", "mean distance with -0.5 where nothing arrives"),
    ];
    let labels: ArrayRef = Arc::new(StringArray::from_iter_values(outcomes.clone().map(|o| o.label.as_str())));
    let column = |value: &dyn Fn(&Outcome) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(outcomes.clone().map(value)))
    };
    let mut columns = vec![
        labels,
        column(&|o| o.link_bits.map_or(f64::NAN, f64::from)),
        column(&|o| o.frame_bits.unwrap_or(f64::NAN)),
        column(&|o| o.lost.value),
        column(&|o| o.lost.low),
        column(&|o| o.lost.high),
        column(&|o| o.emd_with_sentinels),
    ];
    type Of = fn(&Outcome) -> Option<Summary>;
    type Number = fn(&Summary) -> f64;
    let metrics: [(&str, Of); 6] = [
        ("emd", |o| o.emd),
        ("d_weighted_mean", |o| o.mean_shift),
        ("d_abs_weighted_rms", |o| o.width_change),
        ("cross_corr", |o| o.correlation),
        ("ssd", |o| o.ssd),
        ("telescope", |o| o.telescope),
    ];
    let numbers: [(&str, &str, Number); 8] = [
        ("mean", "mean", |s| s.mean),
        ("error", "standard error of the mean", |s| s.mean_error),
        ("std", "standard deviation", |s| s.std),
        ("median", "median", |s| s.median),
        ("median_low", "lower end of the median's 68.3 % interval", |s| s.median_interval.0),
        ("median_high", "upper end of the median's 68.3 % interval", |s| s.median_interval.1),
        ("p16", "quantile at 16 %", |s| s.p16),
        ("p84", "quantile at 84 %", |s| s.p84),
    ];
    for (metric, of) in metrics {
        for (name, doc, value) in numbers {
            fields.push(number(&format!("{metric}_{name}"), &format!("{doc} of {metric}")));
            columns.push(column(&move |o| of(o).as_ref().map_or(f64::NAN, value)));
        }
    }
    let mut table = Table::create(&run.output(name)?, "the comparison", fields)?;
    table.write(columns)?;
    table.finish(provenance)?;
    Ok(())
}

/// Tables without a header, in transverse MIP, as test benches of hardware read them.
fn verify(config: &CompareConfig, run: &Run, wafers: &[Wafer], judged: &[Judged]) -> Result<(), StageError> {
    let count = usize::try_from(config.csv_wafers).unwrap_or(wafers.len()).min(wafers.len());
    let mips = |row: [f64; CELLS]| Cow::Owned(row.map(|charge| charge / COUNTS_PER_MIP).to_vec());
    let truth = wafers.iter().take(count).map(|wafer| mips(wafer.map(f64::from)));
    verification(run, "verify_input_calQ.csv", truth)?;
    for one in judged {
        let name = format!("verify_decoded_calQ_{}.csv", slug(&one.label));
        verification(run, &name, one.received.iter().take(count).map(|row| mips(*row)))?;
    }
    Ok(())
}

fn report(wafers: usize, empty: usize, outcomes: &[Outcome]) -> Report {
    let rows = outcomes.iter().map(|o| {
        let mean = |s: &Option<Summary>| s.map_or(f64::NAN, |s| s.mean).into();
        vec![
            o.label.clone().into(),
            o.frame_bits.map_or(f64::NAN, |bits| bits).into(),
            mean(&o.emd),
            o.emd.map_or(f64::NAN, |s| s.mean_error).into(),
            o.emd.map_or(f64::NAN, |s| s.median).into(),
            o.lost.value.into(),
            mean(&o.mean_shift),
            mean(&o.correlation),
            mean(&o.telescope),
        ]
    });
    let columns = ["algorithm", "frame [bits]", "EMD", "error", "median", "lost", "shift", "correlation", "telescope"];
    Report::new().value("wafers", wafers).value("empty", empty).table("algorithms", &columns, rows.collect())
}
