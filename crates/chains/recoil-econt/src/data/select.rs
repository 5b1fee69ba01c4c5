//! Which wafers of a table are taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WaferBatch;
use super::columns::{LAYER, MODULE_TYPE, SIM_ENERGY, SIM_FRACTION, WAFER_U, WAFER_V};
use crate::emulator::allocation::{by_pile_up, is_full};
use crate::error::Result;

/// A choice of wafers by what a table tells about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Keep only full modules, by the column ModType or else by place.
    pub full_modules: bool,
    /// Keep only wafers with simulated energy.
    pub with_sim_energy: bool,
    /// Keep only wafers with more than this share of their event's simulated energy; a usual value is 0.05.
    #[schemars(range(min = 0, max = 1))]
    pub min_sim_fraction: Option<f64>,
    /// Most rows to take of each table.
    pub rows_per_file: usize,
}

impl Default for Selection {
    fn default() -> Self {
        Self { full_modules: false, with_sim_energy: false, min_sim_fraction: None, rows_per_file: 500_000 }
    }
}

impl Selection {
    /// Places of the wafers that stay among the first `rows` of a batch.
    ///
    /// # Errors
    /// Columns that are needed and absent.
    pub fn rows(&self, wafers: &WaferBatch, rows: usize) -> Result<Vec<usize>> {
        let batch = &wafers.batch;
        let by_type = batch.has(MODULE_TYPE.name);
        let place = |name: &str| batch.scalar_as::<i32>(name);
        let places = match self.full_modules && !by_type {
            true => Some((place(LAYER.name)?, place(WAFER_U.name)?, place(WAFER_V.name)?)),
            false => None,
        };
        let shapes = if self.full_modules && by_type { Some(batch.strings(MODULE_TYPE.name)?) } else { None };
        let energies = if self.with_sim_energy { Some(batch.scalar_as::<f64>(SIM_ENERGY.name)?) } else { None };
        let shares = match self.min_sim_fraction {
            Some(least) => Some((batch.scalar_as::<f64>(SIM_FRACTION.name)?, least)),
            None => None,
        };
        let stays = |&row: &usize| {
            let full = match (&shapes, &places) {
                (Some(shapes), _) => is_full(shapes.value(row)),
                (None, Some((layer, u, v))) => {
                    let at = |column: &[i32]| column.get(row).copied().unwrap_or_default();
                    by_pile_up(at(layer), at(u), at(v)).is_some_and(|module| module.is_full())
                }
                (None, None) => true,
            };
            let has_energy = energies.as_ref().is_none_or(|all| all.get(row).is_some_and(|&energy| energy > 0.0));
            let has_share = shares.as_ref().is_none_or(|(all, least)| all.get(row).is_some_and(|share| share > least));
            full && has_energy && has_share
        };
        Ok((0..rows.min(wafers.charges.len())).filter(stays).collect())
    }
}
