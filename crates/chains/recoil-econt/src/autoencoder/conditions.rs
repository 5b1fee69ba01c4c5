//! What a conditional decoder knows about a wafer besides its latent numbers.

use super::models::CONDITIONS;
use crate::data::columns::{ETA, LAYER, MODULE_TYPE, WAFER_U, WAFER_V};
use crate::data::{CalqReader, Wafer};
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
}

/// Reads a table of wafers with what it tells about them; wafers without charge are left out.
///
/// # Errors
/// Those of the table, and a table without a wafer that has charge.
pub fn read(address: &str) -> Result<Known> {
    let mut known = Known::default();
    for file in crate::data::calq::files(address)? {
        let mut reader = CalqReader::open(&file)?;
        while let Some(batch) = reader.next_batch()? {
            let numbers = |name: &str| -> Option<Vec<f64>> {
                batch.batch.has(name).then(|| batch.batch.scalar_as::<f64>(name).ok().map(|c| c.into_owned())).flatten()
            };
            let [eta, u, v, layer] = [ETA, WAFER_U, WAFER_V, LAYER].map(|column| numbers(column.name));
            let kinds = batch.batch.has(MODULE_TYPE.name).then(|| batch.batch.strings(MODULE_TYPE.name).ok()).flatten();
            if known.wafers.is_empty() {
                let absent = [(ETA, &eta), (WAFER_U, &u), (WAFER_V, &v), (LAYER, &layer)];
                known.missing = absent.iter().filter(|(_, c)| c.is_none()).map(|(column, _)| column.name).collect();
            }
            for (row, wafer) in batch.charges.iter().enumerate() {
                let sum: u64 = wafer.iter().map(|&charge| u64::from(charge)).sum();
                if sum == 0 {
                    continue;
                }
                let of = |column: &Option<Vec<f64>>| column.as_ref().and_then(|c| c.get(row)).copied().unwrap_or(0.0);
                let kind = kinds.map_or("", |kinds| kinds.value(row));
                let is = |name: &str| f64::from(u8::from(kind == name));
                let layer = if layer.is_some() { (of(&layer) - 1.0) / 46.0 } else { 0.0 };
                let row: [f64; CONDITIONS] = [
                    of(&eta) / 3.1,
                    of(&v) / 12.0,
                    of(&u) / 12.0,
                    is("FI"),
                    is("FM"),
                    is("FO"),
                    (1.0 + sum as f64).ln(),
                    layer,
                ];
                known.wafers.push(*wafer);
                known.conditions.extend(row.map(|value| value as f32));
            }
        }
    }
    if known.wafers.is_empty() {
        return Err(EcontError::Empty { file: address.to_owned() });
    }
    Ok(known)
}
