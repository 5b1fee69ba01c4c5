//! `hgcal geometry`: the trigger cells of the model detector.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, OutputKind, Problem, Report, Run, Stage, StageError};

use super::output::{Table, ints};
use super::problems;
use crate::data::primitives::GEOMETRY;
use crate::geometry::tester::GeometryTable;
use crate::geometry::{CellMap, GeometryConfig};
use crate::simulate::SimulationConfig;

impl Config for GeometryConfig {
    fn check(&self) -> Vec<Problem> {
        let checked = SimulationConfig { geometry: self.clone(), ..SimulationConfig::default() }.check();
        let mut found = problems(checked);
        found.iter_mut().for_each(|problem| problem.key = problem.key.replace("geometry.", ""));
        found
    }
}

/// Writes the geometry.
pub struct Geometry;

impl Stage for Geometry {
    type Config = GeometryConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal geometry",
            about: "Write the trigger cells of the model detector",
            long: "One row per trigger cell of both endcaps, with the columns of the CMSSW geometry tester. Silicon cells are \
                   addressed by wafer and cell, scintillator cells by ring and azimuthal number.",
            inputs: &[],
            output: OutputKind::File { doc: "the trigger cells", formats: &["parquet", "csv", "root"] },
            flags: &[],
        }
    }

    fn run(&self, config: &GeometryConfig, run: &Run) -> Result<Report, StageError> {
        let map = CellMap::new(config);
        let table = GeometryTable::from_cell_map(&map);
        let integers = |values: &Vec<i32>| ints(values.iter().copied());
        let numbers = |values: &Vec<f32>| -> ArrayRef { Arc::new(Float32Array::from(values.clone())) };
        let columns = [
            &table.zside,
            &table.subdet,
            &table.layer,
            &table.waferu,
            &table.waferv,
            &table.triggercellu,
            &table.triggercellv,
            &table.triggercellieta,
            &table.triggercelliphi,
        ]
        .map(integers)
        .into_iter()
        .chain([&table.x, &table.y, &table.z, &table.eta, &table.phi].map(numbers))
        .chain([&table.waferorient, &table.waferpart].map(integers));
        let mut out = Table::create_plain(&run.output_file()?, "the geometry", GEOMETRY.iter().copied())?;
        out.write_plain(columns)?;
        let rows = out.finish(&run.embedded_provenance()).output_error("cannot write the geometry")?;
        Ok(Report::new().value("cells", rows))
    }
}
