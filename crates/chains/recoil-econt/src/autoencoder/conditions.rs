//! Wafers with what a table tells about them, and what a conditional decoder gets of that.

use super::models::CONDITIONS;
use crate::data::columns::{ETA, LAYER, MODULE_TYPE, SIM_FRACTION, WAFER_U, WAFER_V};
use crate::data::select::Selection;
use crate::data::{CalqReader, Wafer, WaferBatch};
use crate::error::{EcontError, Result};

/// Wafers with the conditions of each, row by row.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Charges.
    pub wafers: Vec<Wafer>,
    /// eta / 3.1, v / 12, u / 12, three that tell the kind of module (FI, FM, FO), ln(1 + sum of charges),
    /// (layer - 1) / 46. What the table lacks is zero.
    pub conditions: Vec<f32>,
    /// Columns that the table lacks.
    pub missing: Vec<&'static str>,
    /// |eta| of every wafer, if the table has it.
    pub eta: Option<Vec<f64>>,
    /// Share of the event's simulated energy on every wafer, if the table has it.
    pub energy_fraction: Option<Vec<f64>>,
}

/// What a conditional decoder knows of one wafer: eta / 3.1, v / 12, u / 12, three that tell the `kind` of module (FI, FM, FO),
/// ln(1 + `sum` of charges), (layer - 1) / 46.
pub fn conditions_of(eta: f64, u: f64, v: f64, kind: &str, sum: f64, layer: f64) -> [f32; CONDITIONS] {
    let is = |name: &str| f64::from(u8::from(kind == name));
    [eta / 3.1, v / 12.0, u / 12.0, is("FI"), is("FM"), is("FO"), (1.0 + sum).ln(), (layer - 1.0) / 46.0]
        .map(|value| value as f32)
}

/// What conditional decoders know, for a batch of wafers.
pub fn of_batch(batch: &WaferBatch) -> Vec<[f32; CONDITIONS]> {
    let [eta, u, v, layer] =
        [eta_name(batch), WAFER_U.name, WAFER_V.name, LAYER.name].map(|column| numbers(batch, column));
    let kinds = batch.batch.has(MODULE_TYPE.name).then(|| batch.batch.strings(MODULE_TYPE.name).ok()).flatten();
    let row = |(row, wafer): (usize, &Wafer)| {
        let sum: u64 = wafer.iter().map(|&charge| u64::from(charge)).sum();
        let of = |column: &Option<Vec<f64>>| column.as_ref().and_then(|c| c.get(row)).copied().unwrap_or(0.0);
        let kind = kinds.map_or("", |kinds| kinds.value(row));
        let layer = if layer.is_some() { of(&layer) } else { 1.0 };
        conditions_of(of(&eta), of(&u), of(&v), kind, sum as f64, layer)
    };
    batch.charges.iter().enumerate().map(row).collect()
}

/// The column of pseudorapidities: of the wafer, or of its trigger cells.
fn eta_name(batch: &WaferBatch) -> &'static str {
    if batch.batch.has(ETA.name) { ETA.name } else { "tc_eta" }
}

fn numbers(batch: &WaferBatch, name: &str) -> Option<Vec<f64>> {
    batch.batch.has(name).then(|| batch.batch.scalar_as::<f64>(name).ok().map(|c| c.into_owned())).flatten()
}

/// Reads a table of wafers, or a folder of them, with what it tells about them; wafers without charge and those that the
/// selection leaves out are not taken.
///
/// # Errors
/// Those of the table, columns that the selection needs and the table lacks, and a table without a wafer that is left.
pub fn read(address: &str, selection: &Selection) -> Result<Known> {
    let mut known = Known { eta: Some(Vec::new()), energy_fraction: Some(Vec::new()), ..Known::default() };
    for file in crate::data::calq::files(address)? {
        let mut reader = CalqReader::open(&file)?;
        let mut taken = 0;
        while let Some(batch) = reader.next_batch()? {
            let absent = [ETA, WAFER_U, WAFER_V, LAYER].iter().filter(|column| !batch.batch.has(column.name));
            known.missing.extend(absent.map(|column| column.name));
            let rows = batch.charges.len().min(selection.rows_per_file - taken);
            taken += rows;
            known.add(&batch, &selection.rows(&batch, rows)?);
            if taken >= selection.rows_per_file {
                break;
            }
        }
    }
    known.missing.sort_unstable();
    known.missing.dedup();
    if known.wafers.is_empty() {
        return Err(EcontError::Empty { file: address.to_owned() });
    }
    Ok(known)
}

impl Known {
    fn add(&mut self, batch: &WaferBatch, rows: &[usize]) {
        let rows = || rows.iter().copied().filter(|&row| batch.charges[row].iter().any(|&charge| charge > 0));
        self.wafers.extend(rows().map(|row| batch.charges[row]));
        let conditions = of_batch(batch);
        self.conditions.extend(rows().flat_map(|row| conditions[row]));
        let columns = [(&mut self.eta, eta_name(batch)), (&mut self.energy_fraction, SIM_FRACTION.name)];
        for (all, name) in columns {
            *all = match (all.take(), numbers(batch, name)) {
                (Some(mut all), Some(values)) => {
                    all.extend(rows().filter_map(|row| values.get(row)).map(|value| value.abs()));
                    Some(all)
                }
                _ => None,
            };
        }
    }

    /// Some of the wafers, by place.
    pub fn taken(&self, places: &[usize]) -> Self {
        let column = |all: &Option<Vec<f64>>| {
            all.as_ref().map(|all| places.iter().filter_map(|&place| all.get(place)).copied().collect())
        };
        let conditions = |&place: &usize| self.conditions.get(place * CONDITIONS..(place + 1) * CONDITIONS);
        Self {
            wafers: places.iter().filter_map(|&place| self.wafers.get(place)).copied().collect(),
            conditions: places.iter().filter_map(conditions).flatten().copied().collect(),
            missing: self.missing.clone(),
            eta: column(&self.eta),
            energy_fraction: column(&self.energy_fraction),
        }
    }

    /// Other wafers, of which nothing but the charges is known.
    pub fn of_charges(wafers: Vec<Wafer>) -> Self {
        let conditions = vec![0.0; wafers.len() * CONDITIONS];
        Self { wafers, conditions, ..Self::default() }
    }
}
