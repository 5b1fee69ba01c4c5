//! The trigger cells of an event through the chips of their wafers.

use std::collections::BTreeMap;

use crate::data::{LARGEST_CHARGE, Wafer};
use crate::emulator::chip::Chip;
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::{CELLS, COUNTS_PER_MIP, FROM_POST_MUX, POST_MUX, UV, reordered};

/// Trigger cells of one event, one slice per column.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCells<'a> {
    /// Layer.
    pub layer: &'a [i32],
    /// Wafer coordinate u; negative beyond any wafer for scintillator cells.
    pub wafer_u: &'a [i32],
    /// Wafer coordinate v.
    pub wafer_v: &'a [i32],
    /// Cell coordinate u in the wafer, 0 to 7.
    pub cell_u: &'a [i32],
    /// Cell coordinate v in the wafer, 0 to 7.
    pub cell_v: &'a [i32],
    /// Position along the beam, whose sign is the endcap.
    pub z: &'a [f32],
    /// Transverse energy \[MIP\].
    pub mip_pt: &'a [f32],
}

/// Where a wafer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaferPlace {
    /// Endcap: 1 or -1.
    pub zside: i32,
    /// Layer.
    pub layer: i32,
    /// Coordinate u.
    pub u: i32,
    /// Coordinate v.
    pub v: i32,
}

/// A wafer of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWafer {
    /// Where it is.
    pub place: WaferPlace,
    /// Charges by trigger-cell number \[counts\].
    pub charges: Wafer,
    /// Row of every trigger cell in the event, where it has one.
    pub rows: [Option<u32>; CELLS],
}

/// Wafer coordinates from here on are those of scintillator cells.
const LARGEST_COORDINATE: i32 = 100;

/// Trigger-cell number of the cell (u, v); `None` outside of a wafer.
pub fn cell_number(u: i32, v: i32) -> Option<usize> {
    const NUMBERS: [[Option<u8>; 8]; 8] = numbers();
    let row = NUMBERS.get(usize::try_from(u).ok()?)?;
    row.get(usize::try_from(v).ok()?)?.map(usize::from)
}

const fn numbers() -> [[Option<u8>; 8]; 8] {
    let mut table = [[None; 8]; 8];
    let mut t = 0;
    while t < CELLS {
        table[UV[t].0 as usize][UV[t].1 as usize] = Some(t as u8);
        t += 1;
    }
    table
}

/// The wafers of an event in the order of endcap, layer and coordinates. Charges are rounded to whole counts, 35 of which
/// are one MIP. Scintillator cells belong to no wafer.
///
/// # Errors
/// Columns of different lengths; two rows of one cell; cells that no wafer has; energies that are negative or not finite.
pub fn wafers_of(cells: &EventCells<'_>) -> Result<Vec<EventWafer>> {
    let count = cells.mip_pt.len();
    let lengths = [cells.layer, cells.wafer_u, cells.wafer_v, cells.cell_u, cells.cell_v].map(<[i32]>::len);
    let fault = |row: usize, reason: String| EcontError::TriggerCell { row, reason };
    if lengths.iter().any(|&length| length != count) || cells.z.len() != count {
        return Err(fault(0, "the columns have different lengths".to_owned()));
    }
    let mut wafers: BTreeMap<WaferPlace, EventWafer> = BTreeMap::new();
    let columns = cells.layer.iter().zip(cells.wafer_u).zip(cells.wafer_v).zip(cells.cell_u.iter().zip(cells.cell_v));
    for (row, ((((&layer, &u), &v), (&cell_u, &cell_v)), (&z, &mip_pt))) in
        columns.zip(cells.z.iter().zip(cells.mip_pt)).enumerate()
    {
        if u.abs() > LARGEST_COORDINATE || v.abs() > LARGEST_COORDINATE {
            continue;
        }
        let number = cell_number(cell_u, cell_v)
            .ok_or_else(|| fault(row, format!("no wafer has a trigger cell ({cell_u}, {cell_v})")))?;
        if !(mip_pt.is_finite() && mip_pt >= 0.0) {
            return Err(fault(row, format!("the transverse energy {mip_pt} is negative or not finite")));
        }
        let place = WaferPlace { zside: if z < 0.0 { -1 } else { 1 }, layer, u, v };
        let empty = EventWafer { place, charges: [0; CELLS], rows: [None; CELLS] };
        let wafer = wafers.entry(place).or_insert(empty);
        let counts = (f64::from(mip_pt) * COUNTS_PER_MIP).round().min(f64::from(LARGEST_CHARGE)) as u32;
        if let (Some(known), Some(charge)) = (wafer.rows.get_mut(number), wafer.charges.get_mut(number)) {
            if known.is_some() {
                return Err(fault(row, format!("the trigger cell ({cell_u}, {cell_v}) of its wafer is there twice")));
            }
            (*known, *charge) = (Some(row as u32), counts);
        }
    }
    Ok(wafers.into_values().collect())
}

/// What every trigger cell's energy is multiplied by on its way through the chips: 0 if it is not sent, above 1 if it
/// carries the sum of its neighbours. Scintillator cells pass.
///
/// # Errors
/// As [`wafers_of`]; an algorithm whose output is not charges.
pub fn transmitted(cells: &EventCells<'_>, mut chip_of: impl FnMut(&WaferPlace) -> Option<Chip>) -> Result<Vec<f64>> {
    let mut factors = vec![1.0; cells.mip_pt.len()];
    for wafer in wafers_of(cells)? {
        let received = match chip_of(&wafer.place) {
            Some(chip) => {
                let charges = reordered(&wafer.charges, &FROM_POST_MUX);
                let block = chip.block(&charges);
                let received = chip.received(&charges, &block, Preset::Asic, false);
                let received = received.ok_or_else(|| EcontError::Config {
                    key: "algorithm",
                    reason: "sends no charges; it needs a decoder".to_owned(),
                })?;
                collected(&wafer, reordered(&received, &POST_MUX))
            }
            // a wafer without links is not read out
            None => [0.0; CELLS],
        };
        for ((row, &charge), received) in wafer.rows.iter().zip(&wafer.charges).zip(received) {
            if let Some(factor) = row.and_then(|row| factors.get_mut(row as usize)) {
                *factor = if charge > 0 { received / f64::from(charge) } else { 0.0 };
            }
        }
    }
    Ok(factors)
}

/// Charges that arrive in cells without a row are given to the cells of their 2x2 group that have one.
fn collected(wafer: &EventWafer, mut received: [f64; CELLS]) -> [f64; CELLS] {
    for group in crate::wafer::GROUPS_2X2 {
        let has_row = |cell: usize| wafer.charges.get(cell).is_some_and(|&charge| charge > 0);
        let homeless: f64 = group.iter().filter(|&&cell| !has_row(cell)).map(|&cell| received[cell]).sum();
        let homes = group.iter().filter(|&&cell| has_row(cell)).count();
        for cell in group {
            received[cell] = if has_row(cell) { received[cell] + homeless / homes.max(1) as f64 } else { 0.0 };
        }
    }
    received
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::emulator::formatter::Algorithm;
    use crate::stages::chip_config::ChipConfig;

    #[test]
    fn cells_find_their_numbers() {
        for (t, &(u, v)) in UV.iter().enumerate() {
            assert_eq!(cell_number(u.into(), v.into()), Some(t));
        }
        assert_eq!([cell_number(8, 0), cell_number(-1, 2), cell_number(7, 0)], [None; 3]);
    }

    #[test]
    fn energy_survives_sums_and_the_rest_is_cut() {
        // four neighbours, one cell of another wafer, one of the scintillator
        let (cell_u, cell_v) = ([7, 6, 7, 6, 1, 20], [4, 4, 5, 5, 0, 100]);
        let (wafer_u, wafer_v) = ([1, 1, 1, 1, 2, -999], [0, 0, 0, 0, 0, -999]);
        // whole counts, so that rounding does not blur sums
        let mip_pt = [10.0, 1.0, 0.6, 4.0, 2.0, 1.0];
        let cells = EventCells {
            layer: &[5; 6],
            wafer_u: &wafer_u,
            wafer_v: &wafer_v,
            cell_u: &cell_u,
            cell_v: &cell_v,
            z: &[320.0; 6],
            mip_pt: &mip_pt,
        };
        assert_eq!(wafers_of(&cells).unwrap().len(), 2);
        let chip = |algorithm, links| move |_: &WaferPlace| Some(ChipConfig::default().chip(algorithm, links));
        let kept = transmitted(&cells, chip(Algorithm::Threshold, 2)).unwrap();
        assert_eq!(kept, [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let kept = transmitted(&cells, chip(Algorithm::BestChoice, 1)).unwrap();
        assert_eq!(kept, [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        for links in 2..=5 {
            let kept = transmitted(&cells, chip(Algorithm::SuperTriggerCell, links)).unwrap();
            let sum: f64 = kept.iter().zip(mip_pt).map(|(factor, e)| factor * f64::from(e)).sum();
            assert!((sum - 18.6).abs() < 1e-5, "{links} links: {sum}");
        }
        assert!(transmitted(&cells, chip(Algorithm::Autoencoder, 2)).is_err());
        assert_eq!(transmitted(&cells, |_| None).unwrap(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
