//! `econt emd`: how far predicted wafers are from the true ones.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use crate::data::calq::read_charges;
use crate::error::{EcontError, Result};
use crate::metrics::shape::shape_metrics;
use crate::metrics::summary::summarise;
use crate::metrics::{EmdOutcome, WaferEmd, telescope};
use crate::wafer::CELLS;

/// Keys of `econt emd`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmdConfig {
    /// Share of a wafer's sum that a charge must exceed to count; 0 counts all.
    pub least_share: f64,
}

impl Config for EmdConfig {
    fn check(&self) -> Vec<Problem> {
        let fits = (0.0..1.0).contains(&self.least_share);
        if fits { Vec::new() } else { vec![Problem::new("least_share", "must be from 0 to below 1")] }
    }
}

/// Compares wafers.
pub struct Emd;

const TRUTH: InputRole = InputRole::required("truth", "the true charges, 48 per wafer by trigger-cell number", TABLES);
const PREDICTED: InputRole = InputRole::required("predicted", "the predicted charges of the same wafers", TABLES);

/// All metrics of one pair.
struct Row {
    emd: EmdOutcome,
    shape: crate::metrics::shape::ShapeMetrics,
    telescope: f64,
}

impl Stage for Emd {
    type Config = EmdConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt emd",
            about: "Compare predicted wafers with the true ones",
            long: "The exact earth mover's distance between the normalised wafers, in units of one small sensor cell, and \
                   the metrics of position, width and shape. A wafer that is empty in truth has distance -1, one of which \
                   nothing arrived -0.5; the printed means leave both out. Shape metrics of empty wafers are NaN. The \
                   telescope loss is of the charges as they stand in the tables.",
            inputs: &[TRUTH, PREDICTED],
            output: OutputKind::File { doc: "one row per wafer", formats: &["csv", "parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &EmdConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let (truth, predicted) = (run.inputs().one(TRUTH.role)?.spec(), run.inputs().one(PREDICTED.role)?.spec());
        let a = read_charges(&truth).input_error(format!("cannot read {truth}"))?;
        let b = read_charges(&predicted).input_error(format!("cannot read {predicted}"))?;
        if a.len() != b.len() {
            let (first_rows, second_rows) = (a.len() as u64, b.len() as u64);
            let error = EcontError::Rows { first: truth, first_rows, second: predicted, second_rows };
            return Err(StageError::input(error.to_string()));
        }
        let progress = run.progress("comparing", "wafers", Some(a.len() as u64));
        let done: Vec<Result<Vec<Row>>> = a
            .par_chunks(1024)
            .zip(b.par_chunks(1024))
            .map(|(a, b)| {
                let rows = compare(config, a, b)?;
                progress.add(rows.len() as u64);
                Ok(rows)
            })
            .collect();
        let mut rows = Vec::with_capacity(a.len());
        for part in done {
            rows.extend(part.input_error(format!("cannot compare {truth} and {predicted}"))?);
        }
        write(run, &rows)?;
        Ok(report(&rows))
    }
}

fn compare(config: &EmdConfig, a: &[[f64; CELLS]], b: &[[f64; CELLS]]) -> Result<Vec<Row>> {
    let mut emd = WaferEmd::new()?;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let outcome =
                if config.least_share > 0.0 { emd.outcome_above(config.least_share, a, b) } else { emd.outcome(a, b) };
            Ok(Row { emd: outcome?, shape: shape_metrics(a, b), telescope: telescope(a, b).total() })
        })
        .collect()
}

fn write(run: &Run, rows: &[Row]) -> std::result::Result<(), StageError> {
    let number = |name, unit, doc| recoil_table::field(name, DataType::Float64, unit, doc);
    let fields = [
        number("emd", "small cells", "earth mover's distance; -1 if the truth is empty, -0.5 if the prediction is"),
        number("d_weighted_mean", "small cells", "distance of the centres of charge"),
        number("d_weighted_rms", "", "width of the truth minus width of the prediction"),
        number("d_abs_weighted_rms", "", "absolute difference of the widths"),
        number("cross_corr", "", "correlation of the charges"),
        number("ssd", "", "sum of squared differences over the geometric mean of the sums of squares"),
        number("telescope", "", "telescope loss of the charges as given"),
        recoil_table::field("lost", DataType::Boolean, "", "whether nothing arrived of a wafer with charge"),
    ];
    let mut table = Table::create(&run.output_file()?, "the distances", fields)?;
    let column =
        |value: fn(&Row) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(value))) };
    table.write([
        column(|row| row.emd.with_sentinels()),
        column(|row| row.shape.mean_shift),
        column(|row| row.shape.width_change),
        column(|row| row.shape.width_change.abs()),
        column(|row| row.shape.correlation),
        column(|row| row.shape.ssd),
        column(|row| row.telescope),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.shape.lost)))),
    ])?;
    table.finish(&run.embedded_provenance())?;
    Ok(())
}

fn report(rows: &[Row]) -> Report {
    let count = |what: EmdOutcome| rows.iter().filter(|row| row.emd == what).count();
    let report = Report::new()
        .value("wafers", rows.len())
        .value("empty_truth", count(EmdOutcome::EmptyTruth))
        .value("empty_prediction", count(EmdOutcome::EmptyPrediction));
    let of = |value: fn(&Row) -> f64| rows.iter().filter(|row| row.emd.distance().is_some()).map(value).collect();
    let metrics: [(&str, Vec<f64>); 6] = [
        ("emd", of(|row| row.emd.with_sentinels())),
        ("d_weighted_mean", of(|row| row.shape.mean_shift)),
        ("d_abs_weighted_rms", of(|row| row.shape.width_change.abs())),
        ("cross_corr", of(|row| row.shape.correlation)),
        ("ssd", of(|row| row.shape.ssd)),
        ("telescope", of(|row| row.telescope)),
    ];
    let rows = metrics.iter().filter_map(|(name, values)| {
        let s = summarise(values)?;
        Some(vec![
            (*name).into(),
            s.mean.into(),
            s.mean_error.into(),
            s.std.into(),
            s.median.into(),
            s.p16.into(),
            s.p84.into(),
        ])
    });
    report.table("metrics", &["metric", "mean", "error", "std", "median", "p16", "p84"], rows.collect())
}
