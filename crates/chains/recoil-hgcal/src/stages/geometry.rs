//! `hgcal geometry`: the trigger cells of the model detector, or of a file of the CMSSW geometry tester.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::ReadOptions;

use super::cells::address_in;
use super::output::{Table, ints};
use super::{TABLES, problems};
use crate::data::primitives::GEOMETRY;
use crate::error::HgcalError;
use crate::geometry::silicon::ORIENTATION_V11;
use crate::geometry::tester::{FULL_WAFER, GeometryTable, OPTIONAL_COLUMNS, TESTER_COLUMNS, TESTER_TREE, TesterColumn};
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

const TESTER: InputRole = InputRole::optional("input", "the tree of the CMSSW geometry tester", TABLES);

/// Reads the table of a geometry tester; of a ROOT file without a tree, the tester's.
///
/// # Errors
/// Those of the table, and columns that are missing under all their names.
pub fn read_geometry(address: &str) -> Result<GeometryTable, StageError> {
    tester_table(address).input_error(format!("cannot read {address}"))
}

fn tester_table(address: &str) -> Result<GeometryTable, HgcalError> {
    let address = address_in(address, TESTER_TREE)?;
    let schema = recoil_table::open_at(&address, &ReadOptions::default())?.schema();
    let in_file =
        |column: &TesterColumn| column.branches.iter().copied().find(|name| schema.column_with_name(name).is_some());
    let names = TESTER_COLUMNS.map(|column| in_file(&column).unwrap_or(column.name));
    let optional = OPTIONAL_COLUMNS.map(|column| in_file(&column));
    let wanted = names.into_iter().chain(optional.into_iter().flatten());
    let mut reader = recoil_table::open_at(&address, &ReadOptions::default().columns(wanted))?;
    let mut table = GeometryTable::default();
    while let Some(batch) = reader.next_batch()? {
        let [zside, subdet, layer, wu, wv, cu, cv, ieta, iphi, x, y, z] = names;
        for (name, column) in [
            (zside, &mut table.zside),
            (subdet, &mut table.subdet),
            (layer, &mut table.layer),
            (wu, &mut table.waferu),
            (wv, &mut table.waferv),
            (cu, &mut table.triggercellu),
            (cv, &mut table.triggercellv),
            (ieta, &mut table.triggercellieta),
            (iphi, &mut table.triggercelliphi),
        ] {
            column.extend_from_slice(&batch.scalar_as::<i32>(name)?);
        }
        for (name, column) in [(x, &mut table.x), (y, &mut table.y), (z, &mut table.z)] {
            batch.require_finite(name)?;
            column.extend_from_slice(&batch.scalar_as::<f32>(name)?);
        }
        let [orientation, part] = optional;
        for (name, default, column) in
            [(orientation, ORIENTATION_V11, &mut table.waferorient), (part, FULL_WAFER, &mut table.waferpart)]
        {
            match name {
                Some(name) => column.extend_from_slice(&batch.scalar_as::<i32>(name)?),
                None => column.resize(column.len() + batch.rows(), default),
            }
        }
    }
    table.complete();
    Ok(table)
}

/// Writes the geometry.
pub struct Geometry;

impl Stage for Geometry {
    type Config = GeometryConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal geometry",
            about: "Write the trigger cells of a detector",
            long: "One row per trigger cell of both endcaps, with the columns of the CMSSW geometry tester. Silicon cells are \
                   addressed by wafer and cell, scintillator cells by ring and azimuthal number. Without an input, the \
                   model detector; with a file of the tester, its cells, those of older and newer testers under the same \
                   names.",
            inputs: &[TESTER],
            output: OutputKind::File { doc: "the trigger cells", formats: &["parquet", "csv", "root"] },
            flags: &[],
        }
    }

    fn run(&self, config: &GeometryConfig, run: &Run) -> Result<Report, StageError> {
        let table = match run.inputs().optional(TESTER.role) {
            Some(tester) => read_geometry(&tester.spec())?,
            None => GeometryTable::of_both_endcaps(&CellMap::new(config).cells),
        };
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
