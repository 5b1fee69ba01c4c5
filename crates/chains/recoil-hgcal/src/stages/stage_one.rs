//! `hgcal stage1`: the truncation of the trigger cells before clustering.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};

use super::cell_table::CellTable;
use super::cells::CellReader;
use super::output::{Table, floats, ints};
use super::problems;
use super::run::CELLS;
use crate::data::EventBatch;
use crate::data::primitives::STAGE1_OCCUPANCY;
use crate::stage1::{LinkOccupancy, PHI_REGIONS, SECTORS, Stage1, Stage1Config};

impl Config for Stage1Config {
    fn check(&self) -> Vec<Problem> {
        problems(Stage1::new(self))
    }
}

/// Truncates events.
pub struct StageOne;

impl Stage for StageOne {
    type Config = Stage1Config;

    fn description(&self) -> Description {
        Description {
            name: "hgcal stage-one",
            about: "Sort and truncate trigger cells as Stage 1 of the back end does",
            long: "Groups the cells of every 120-degree sector in R/z and two azimuthal regions, sorts each group by mipT and \
                   keeps as many cells as the links carry. Writes the cells that pass and the occupancy of the links.",
            inputs: &[CELLS],
            output: OutputKind::Directory { doc: "cells that pass, and link occupancy" },
            flags: &[],
        }
    }

    fn outputs(&self, _config: &Stage1Config, _inputs: &Inputs) -> Vec<String> {
        ["tcs.parquet", "occupancy.parquet"].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &Stage1Config, run: &Run) -> Result<Report, StageError> {
        let stage = Stage1::new(config).usage_error("the configuration cannot work")?;
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut table = CellTable::create(&run.output("tcs.parquet")?, "tcs.parquet", &reader)?;
        let mut links = LinkOccupancy::new(stage.rz_bins());
        let (mut before, mut after, mut endcaps) = (0, 0, 0_u64);
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let mut kept = EventBatch { sample: batch.sample.clone(), ..EventBatch::default() };
            for i in 0..batch.len() {
                let cells = batch.event_cells(i);
                let output = stage.event(&cells);
                endcaps += [1.0, -1.0].iter().filter(|&&side| cells.z.iter().any(|&z| z * side > 0.0)).count() as u64;
                for &row in &output.kept {
                    cells.get(row as usize).into_iter().for_each(|cell| kept.cells.push(cell));
                }
                kept.finish_event(batch.event[i]);
                links.add(&output);
            }
            (before, after) = (before + batch.cells.len(), after + kept.cells.len());
            table.write(&kept)?;
        }
        table.finish(&run.embedded_provenance())?;
        write_occupancy(run, &stage, &links, endcaps)?;
        Ok(Report::new().value("events", links.events).value("cells_in", before).value("cells_out", after))
    }
}

fn write_occupancy(run: &Run, stage: &Stage1, links: &LinkOccupancy, endcaps: u64) -> Result<(), StageError> {
    let groups = (endcaps * (SECTORS * PHI_REGIONS) as u64).max(1) as f64;
    let mean = |sums: &[u64]| floats(&sums.iter().map(|&s| s as f64 / groups).collect::<Vec<_>>());
    let columns = [
        ints(0..stage.rz_bins() as i32),
        mean(&links.cells),
        mean(&links.kept),
        ints(stage.limits().iter().map(|&limit| limit as i32)),
        mean(&links.overflows),
        ints(links.largest.iter().map(|&n| n as i32)),
    ];
    let path = run.output("occupancy.parquet")?;
    let mut table = Table::create_plain(&path, "occupancy.parquet", STAGE1_OCCUPANCY.iter().copied())?;
    table.write_plain(columns)?;
    table.finish(&run.embedded_provenance())?;
    Ok(())
}
