//! `hgcal towers`: trigger towers from cells or from module sums.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::output::{Table, floats, ints};
use super::problems_in;
use super::run::CELLS;
use crate::data::primitives::TOWERS;
use crate::towers::module_sums::{ModuleTowers, Sharing, module_sums};
use crate::towers::{TowerGrid, TowerMap};

/// What fills the towers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TowerSource {
    /// Trigger cells, on `grid`.
    #[default]
    Cells,
    /// Sums of modules, on `module_grid`.
    Modules,
}

/// Keys of `hgcal towers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TowersConfig {
    /// What fills the towers: `cells` or `modules`.
    pub source: TowerSource,
    /// How a module is shared among towers: `baseline` (all to the tower of its centre), `area`, `quarters`, `eighths` or
    /// `sixteenths`.
    pub sharing: Sharing,
    /// Grid of towers made of cells.
    pub grid: TowerGrid,
    /// Grid of towers made of module sums.
    pub module_grid: TowerGrid,
}

impl Default for TowersConfig {
    fn default() -> Self {
        Self {
            source: TowerSource::Cells,
            sharing: Sharing::Baseline,
            grid: TowerGrid::default(),
            module_grid: TowerGrid::module_sums(),
        }
    }
}

impl Config for TowersConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems_in("grid", self.grid.check());
        found.extend(problems_in("module_grid", self.module_grid.check()));
        found
    }
}

/// Makes towers.
pub struct Towers;

impl Stage for Towers {
    type Config = TowersConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal towers",
            about: "Make trigger towers from trigger cells or module sums",
            long: "Sums transverse momenta on a grid of |eta| and azimuth, CE-E and CE-H apart. Module sums are shared among \
                   the towers that a module covers. Writes the towers with signal.",
            inputs: &[CELLS],
            output: OutputKind::File { doc: "the towers with signal", formats: &["parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &TowersConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(CELLS.role)?.spec();
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut table = Table::create(&run.output_file()?, "the towers", TOWERS.iter().copied(), reader.has_samples())?;
        let mut modules = ModuleTowers::new(&config.module_grid, config.sharing);
        let (mut events, mut em, mut had) = (0, 0.0, 0.0);
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let (mut rows, mut offsets) = (Rows::default(), vec![0]);
            for i in 0..batch.len() {
                let cells = batch.event_cells(i);
                for positive_z in [true, false] {
                    let map = match config.source {
                        TowerSource::Cells => {
                            let mut map = TowerMap::new(&config.grid);
                            map.add_cells(&cells, positive_z);
                            map
                        }
                        TowerSource::Modules => modules.towers(&module_sums(&cells, positive_z), positive_z),
                    };
                    let sum = map.sum();
                    (em, had) = (em + sum.0, had + sum.1);
                    rows.extend(&map, positive_z);
                }
                offsets.push(rows.zside.len());
            }
            events += batch.len();
            let columns = [
                ints(rows.zside),
                ints(rows.eta_bin),
                ints(rows.phi_bin),
                floats(&rows.eta),
                floats(&rows.phi),
                floats(&rows.em),
                floats(&rows.had),
                floats(&rows.total),
            ];
            table.write(&batch, &offsets, columns)?;
        }
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new()
            .value("events", events)
            .value("towers", rows)
            .quantity("em_pt", em, "GeV")
            .quantity("had_pt", had, "GeV"))
    }
}

#[derive(Default)]
struct Rows {
    zside: Vec<i32>,
    eta_bin: Vec<i32>,
    phi_bin: Vec<i32>,
    eta: Vec<f64>,
    phi: Vec<f64>,
    em: Vec<f64>,
    had: Vec<f64>,
    total: Vec<f64>,
}

impl Rows {
    fn extend(&mut self, map: &TowerMap, positive_z: bool) {
        let phi_bins = map.grid.phi_bins as usize;
        for (tower, (&em, &had)) in map.em.iter().zip(&map.had).enumerate() {
            let total = em + had;
            if total > 0.0 {
                let (e, p) = (tower / phi_bins, tower % phi_bins);
                let middle = |(low, high): (f64, f64)| (low + high) / 2.0;
                self.zside.push(if positive_z { 1 } else { -1 });
                self.eta_bin.push(e as i32);
                self.phi_bin.push(p as i32);
                self.eta.push(middle(map.grid.eta_range(e)));
                self.phi.push(middle(map.grid.phi_range(p)));
                self.em.push(em);
                self.had.push(had);
                self.total.push(total);
            }
        }
    }
}
