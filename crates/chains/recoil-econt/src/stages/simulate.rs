//! `econt simulate`: wafers of the generator.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array};
use rayon::prelude::*;
use recoil_outputs::Table;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::families::transposed;
use super::problems_in;
use crate::data::columns::{CALQ, ENTRY, ETA};
use crate::simulate::{SimulatedWafer, WaferConfig, wafer};

/// Keys of `econt simulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Number of wafers.
    pub wafers: u64,
    /// Number of the first wafer. Wafers with the same number and seed are the same in any run.
    pub first_wafer: u64,
    /// The generator.
    pub simulation: WaferConfig,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        Self { wafers: 10_000, first_wafer: 0, simulation: WaferConfig::default() }
    }
}

impl Config for SimulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems_in("simulation", self.simulation.check());
        if self.first_wafer.checked_add(self.wafers).is_none_or(|end| i64::try_from(end).is_err()) {
            found.push(Problem::new("wafers", "gives numbers that do not fit into 63 bits"));
        }
        found
    }
}

/// Makes wafers.
pub struct Simulate;

impl Stage for Simulate {
    type Config = SimulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt simulate",
            about: "Simulate wafers: the calibrated charges of 48 trigger cells each",
            long: "A parametrised generator tuned to top-quark pairs with 200 pile-up collisions. The same seed gives the \
                   same wafers with any number of threads. Charges are in the order of trigger-cell numbers.",
            inputs: &[],
            output: OutputKind::File { doc: "one row per wafer", formats: &["parquet", "csv"] },
            flags: &[Flag { name: "wafers", key: "wafers", list: false }],
        }
    }

    fn run(&self, config: &SimulateConfig, run: &Run) -> Result<Report, StageError> {
        let fields = CALQ.fields().chain([ETA.field(), ENTRY.field()]);
        let mut table = Table::create(&run.output_file()?, "the wafers", fields)?;
        let progress = run.progress("simulating", "wafers", Some(config.wafers));
        let end = config.first_wafer + config.wafers;
        let (mut start, mut sum, mut hit) = (config.first_wafer, 0u64, 0u64);
        while start < end {
            run.check()?;
            let stop = end.min(start + 16_384);
            let made: Vec<SimulatedWafer> =
                (start..stop).into_par_iter().map(|i| wafer(&config.simulation, run.seed(), i)).collect();
            let charges: Vec<_> = made.iter().map(|w| w.charges).collect();
            sum += charges.iter().flatten().map(|&charge| u64::from(charge)).sum::<u64>();
            hit += charges.iter().flatten().filter(|&&charge| charge > 0).count() as u64;
            let eta: ArrayRef = Arc::new(Float32Array::from_iter_values(made.iter().map(|w| w.eta)));
            let entry: ArrayRef = Arc::new(Int64Array::from_iter_values((start..stop).map(|i| i as i64)));
            table.write(transposed(&charges).chain([eta, entry]))?;
            progress.add(stop - start);
            start = stop;
        }
        let rows = table.finish(&run.embedded_provenance())?;
        let per_wafer = |total: u64| total as f64 / rows.max(1) as f64;
        Ok(Report::new().value("wafers", rows).value("mean_occupancy", per_wafer(hit)).quantity(
            "mean_charge",
            per_wafer(sum),
            "counts",
        ))
    }
}
