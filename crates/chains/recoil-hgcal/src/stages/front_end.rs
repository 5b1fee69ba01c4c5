//! `hgcal front-end`: trigger cells through the emulated chips of their wafers.

use std::path::PathBuf;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell_table::CellTable;
use super::cells::CellReader;
use super::run::CELLS;
use crate::error::HgcalError;
use crate::front_end::{FrontEnd, FrontEndConfig, Traffic};

/// Keys of `hgcal front-end`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEndStageConfig {
    /// The chips of the wafers.
    pub frontend: FrontEndConfig,
}

impl Config for FrontEndStageConfig {
    fn check(&self) -> Vec<Problem> {
        self.frontend.problems("frontend.")
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        named_files(&self.frontend)
    }
}

/// The files that a front end reads.
pub fn named_files(config: &FrontEndConfig) -> Vec<(String, PathBuf)> {
    config.model_folder().map(|folder| ("frontend.model".to_owned(), folder)).into_iter().collect()
}

/// The front end of a configuration; what a user should know about it is said.
///
/// # Errors
/// Settings that cannot work; a folder without a model, or with one that the chip cannot hold.
pub fn set_up(config: &FrontEndConfig, run: &Run) -> Result<FrontEnd, StageError> {
    let front_end = match FrontEnd::new(config) {
        Err(HgcalError::FrontEndSetUp(error @ recoil_econt::EcontError::Config { .. })) => {
            return Err(StageError::usage(format!("frontend: {error}")));
        }
        other => other.input_error("cannot set up the front end")?,
    };
    if let Some(warning) = front_end.warning() {
        run.warn("front_end", warning);
    }
    Ok(front_end)
}

/// What went through the front end, for the report.
pub fn report(report: Report, traffic: &Traffic) -> Report {
    report
        .value("wafers", traffic.wafers)
        .value("silicon_cells", traffic.cells)
        .value("silicon_cells_arrived", traffic.cells_arrived)
        .value("cells_made", traffic.cells_made)
        .value("cells_without_wafer", traffic.cells_passed)
        .quantity("bits_per_wafer", traffic.bits_per_wafer(), "bits")
        .quantity("link_bits_per_wafer", traffic.link_bits_per_wafer(), "bits")
        .value("long_frames", traffic.long_fraction())
        .value("pt_kept", traffic.pt_kept())
}

/// Warns where nothing was compressed.
pub fn remark(traffic: &Traffic, input: &str, run: &Run) {
    if traffic.wafers == 0 && traffic.cells_passed > 0 {
        run.warn("no_wafers", format!("{input}: no cell is on a wafer, so that the front end compressed nothing"));
    }
}

/// Sends cells through the front end.
pub struct FrontEndStage;

impl Stage for FrontEndStage {
    type Config = FrontEndStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal front-end",
            about: "Send trigger cells through the emulated chips of their wafers",
            long: "Groups the silicon cells of every event into wafers, compresses each wafer with the emulated ECON-T, and \
                   writes the cells that the decoder behind the links makes of it, in the form of the trigger cells that \
                   were read. Scintillator cells pass unchanged. `hgcal run` and `hgcal scan` do the same before they \
                   make clusters.",
            inputs: &[CELLS],
            output: OutputKind::File { doc: "the cells that arrive", formats: &["parquet", "csv"] },
            flags: &[],
        }
    }

    fn run(&self, config: &FrontEndStageConfig, run: &Run) -> Result<Report, StageError> {
        let front_end = set_up(&config.frontend, run)?;
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut table = CellTable::create(&run.output_file()?, "the cells", &reader)?;
        let unit = if reader.is_flat() { "cells" } else { "events" };
        let progress = run.progress("sending", unit, reader.total_rows());
        let (mut events, mut traffic) = (0, Traffic::default());
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let (arrived, own) = front_end.send(&batch).input_error(input.clone())?;
            table.write(&arrived)?;
            traffic += own;
            events += batch.len();
            progress.add(if reader.is_flat() { batch.cells.len() } else { batch.len() } as u64);
        }
        remark(&traffic, &input, run);
        table.finish(&run.embedded_provenance())?;
        Ok(report(Report::new().value("events", events), &traffic))
    }
}
